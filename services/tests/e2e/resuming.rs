//! The layer `duet.v1` over real sockets: sessions that outlive their connections, on the same gateway and on another.

use duet_proto::v1::GetSessionRequest;
use duet_proto::v1::matchmaker_client::MatchmakerClient;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::client::{Client, PATIENCE};
use crate::http::upgrade;
use crate::phone::Phone;
use crate::process::{Deployment, Duet, GATEWAY, SHAPES, Shape};

/// A gateway twice, or two gateways with one matchmaker.
struct Two {
    deployment: Deployment,
    _other: Option<Duet>,
    other: String,
}

impl Two {
    fn start(shape: Shape, flags: &[&str]) -> Self {
        let deployment = Deployment::with(shape, flags, &[]);
        if shape == Shape::Standalone {
            let other = deployment.gateway.clone();
            return Two { deployment, _other: None, other };
        }
        let url = format!("http://{}", deployment.matchmaker);
        let gateway = Duet::start(&[&["gateway", "--matchmaker-url", &url], GATEWAY, flags].concat());
        let other = gateway.address("WebSocket");
        Two { deployment, _other: Some(gateway), other }
    }

    /// Until the matchmaker knows that the phone's connection is gone.
    async fn wait_until_detached(&self, phone: &Phone) {
        let mut query = MatchmakerClient::connect(format!("http://{}", self.deployment.matchmaker)).await.unwrap();
        let name = format!("sessions/{}", phone.id);
        while !query.get_session(GetSessionRequest { name: name.clone() }).await.unwrap().into_inner().detached {
            tokio::task::yield_now().await;
        }
    }

    async fn phone(&self) -> Phone {
        Phone::connect(&[&self.deployment.gateway, &self.other]).await
    }

    /// Two phones in a room: the one who waited and the one who came.
    async fn room(&self) -> (Phone, Phone) {
        let (mut waiter, mut comer) = (self.phone().await, self.phone().await);
        waiter.say(json!({"type": "available"})).await;
        waiter.expect("waiting").await;
        comer.say(json!({"type": "available"})).await;
        waiter.expect("matched").await;
        comer.expect("matched").await;
        (waiter, comer)
    }
}

fn ice(number: u32) -> Value {
    json!({"type": "ice", "candidate": number.to_string()})
}

/// The next message on this connection, of that type.
async fn next(phone: &mut Phone, kind: &str) -> Value {
    let message = timeout(PATIENCE, phone.read()).await.expect("no message in time").expect("the connection ended");
    assert_eq!(message["type"], kind, "{message}");
    if let Some(seq) = message["seq"].as_u64() {
        assert_eq!(seq, phone.handled + 1);
        phone.handled = seq;
    }
    message
}

#[tokio::test]
async fn only_the_layer_that_is_offered_is_spoken() {
    let duet = Deployment::start(Shape::Standalone);
    for (offered, is_echoed) in
        [("duet.v1", true), ("chat, duet.v1", true), ("chat", false), ("DUET.V1", false), ("duet.v10", false)]
    {
        let head =
            upgrade(&duet.gateway, &[("\r\n\r\n", &format!("\r\nSec-WebSocket-Protocol: {offered}\r\n\r\n"))]).await;
        assert!(head.starts_with("http/1.1 101"), "{head}");
        assert_eq!(head.contains("sec-websocket-protocol: duet.v1\r\n"), is_echoed, "{offered}: {head}");
        assert_eq!(head.matches("sec-websocket-protocol").count(), usize::from(is_echoed), "{head}");
    }
}

#[tokio::test]
async fn a_lost_connection_is_told_to_the_partner_and_nothing_is_lost_with_it() {
    for shape in SHAPES {
        let two = Two::start(shape, &[]);
        let (mut here, mut there) = two.room().await;
        here.say(ice(1)).await;
        there.expect("ice").await;
        here.drop_connection();
        next(&mut there, "partner-away").await;
        for number in 2..5 {
            there.say(ice(number)).await;
        }
        here.say(ice(5)).await;
        here.resume().await;
        next(&mut there, "partner-back").await;
        for number in 2..5 {
            assert_eq!(here.expect("ice").await["candidate"], number.to_string());
        }
        assert_eq!(next(&mut there, "ice").await["candidate"], "5");
        there.say(ice(6)).await;
        assert_eq!(here.expect("ice").await["candidate"], "6");
    }
}

#[tokio::test]
async fn a_base_partner_sees_no_number_and_hears_of_no_absence() {
    let two = Two::start(Shape::TwoProcesses, &[]);
    let mut base = Client::connect(&two.other).await;
    base.available().await;
    base.expect("waiting").await;
    let mut phone = two.phone().await;
    phone.say(json!({"type": "available"})).await;
    phone.expect("matched").await;
    assert_eq!(base.expect("matched").await["seq"], Value::Null);
    phone.lose_connection().await;
    phone.say(ice(1)).await;
    let message = base.expect("ice").await;
    assert_eq!((&message["candidate"], &message["seq"], &message["ack"]), (&json!("1"), &Value::Null, &Value::Null));
    base.say(r#"{"type":"ice","candidate":"2"}"#).await;
    assert_eq!(phone.expect("ice").await["candidate"], "2");
}

#[tokio::test]
async fn a_waiter_that_is_away_is_passed_over_and_keeps_its_place() {
    for shape in SHAPES {
        let two = Two::start(shape, &[]);
        let (mut first, mut second, mut third) = (two.phone().await, two.phone().await, two.phone().await);
        first.say(json!({"type": "available"})).await;
        first.expect("waiting").await;
        first.drop_connection();
        two.wait_until_detached(&first).await;
        second.say(json!({"type": "available"})).await;
        second.expect("waiting").await;
        first.resume().await;
        // The two who wait meet at once: the one who is back was first, and so is still the elder.
        assert_eq!(first.expect("matched").await["partnerId"], second.id);
        second.expect("matched").await;
        third.say(json!({"type": "available"})).await;
        third.expect("waiting").await;
    }
}

#[tokio::test]
async fn a_token_is_good_once_and_the_session_lives_in_one_place() {
    let two = Two::start(Shape::TwoProcesses, &[]);
    let (mut here, mut there) = two.room().await;
    // Half open: the gateway does not know that the client has gone.
    let mut first = two.phone().await;
    let used = here.token.clone();
    first.say_plain(json!({"type": "resume", "token": used, "ack": here.handled})).await;
    let resumed = next(&mut first, "resumed").await;
    assert_eq!(resumed["clientId"], here.id);
    assert_eq!(u16::from(here.closed().await.code), 4409);
    // Until the client has spoken a repeat wins, and the connection before is closed.
    let mut second = two.phone().await;
    second.say_plain(json!({"type": "resume", "token": used, "ack": here.handled})).await;
    next(&mut second, "resumed").await;
    assert_eq!(u16::from(first.closed().await.code), 4409);
    second.say_plain(json!({"type": "ping", "ack": here.handled})).await;
    next(&mut second, "pong").await;
    // Proves that the word has reached the matchmaker.
    second.say_plain(ice(1)).await;
    there.expect("ice").await;
    let mut third = two.phone().await;
    third.say_plain(json!({"type": "resume", "token": used, "ack": here.handled})).await;
    assert_eq!(next(&mut third, "error").await["code"], "resume-failed");
    there.say(ice(2)).await;
    second.handled = here.handled;
    assert_eq!(next(&mut second, "ice").await["candidate"], "2");
}

#[tokio::test]
async fn of_many_that_show_one_token_at_once_exactly_one_ends_up_with_the_session() {
    let two = Two::start(Shape::TwoProcesses, &[]);
    let (here, mut there) = two.room().await;
    let mut thieves = Vec::new();
    for _ in 0..8 {
        thieves.push(two.phone().await);
    }
    for thief in &mut thieves {
        thief.say_plain(json!({"type": "resume", "token": here.token, "ack": here.handled})).await;
    }
    let mut resumed = Vec::new();
    for mut thief in thieves {
        let answer = timeout(PATIENCE, thief.read()).await.expect("no answer in time").unwrap();
        match answer["type"].as_str().unwrap() {
            "resumed" => resumed.push(thief),
            _ => assert_eq!(answer["code"], "resume-failed", "{answer}"),
        }
    }
    there.say(ice(1)).await;
    // The one hears the partner; the others are closed, as another got the session.
    let hears = |mut thief: Phone| async move {
        while let Some(message) = timeout(PATIENCE, thief.read()).await.expect("neither a message nor the end") {
            if message["type"] == "ice" {
                return Some(thief);
            }
        }
        None
    };
    let ends = join_all(resumed.into_iter().map(hears)).await;
    assert_eq!(ends.iter().flatten().count(), 1);
    there.hear_nothing_but("partner-back").await;
}

#[tokio::test]
async fn what_is_no_token_of_a_session_resumes_nothing_and_leaves_the_new_one_as_it_is() {
    let two = Two::start(Shape::Standalone, &["--recovery-ms", "0"]);
    let (here, _there) = two.room().await;
    let mut edited = here.token.clone();
    let last = if edited.pop() == Some('A') { 'E' } else { 'A' };
    edited.push(last);
    let mut phone = two.phone().await;
    for token in [edited, here.id.clone(), "x".repeat(4096), phone.token.clone()] {
        phone.say_plain(json!({"type": "resume", "token": token, "ack": 0})).await;
        assert_eq!(next(&mut phone, "error").await["code"], "resume-failed");
    }
    phone.say(json!({"type": "available"})).await;
    phone.expect("waiting").await;
    phone.say_plain(json!({"type": "resume", "token": here.token, "ack": 0})).await;
    assert_eq!(next(&mut phone, "error").await["code"], "invalid-message");
}

#[tokio::test]
async fn who_says_goodbye_is_not_waited_for_and_who_breaks_off_is() {
    let two = Two::start(Shape::Standalone, &[]);
    for (code, told) in [
        (Some(1000), "partner-left"),
        (Some(1001), "partner-left"),
        (None, "partner-left"),
        (Some(4000), "partner-away"),
        (Some(3000), "partner-away"),
    ] {
        let (here, mut there) = two.room().await;
        here.close(code).await;
        next(&mut there, told).await;
        there.say(json!({"type": "leave"})).await;
    }
}

#[tokio::test]
async fn a_window_that_passes_ends_the_session() {
    for shape in SHAPES {
        let two = Two::start(shape, &["--resume-window-ms", "300"]);
        let (mut here, mut there) = two.room().await;
        here.drop_connection();
        next(&mut there, "partner-away").await;
        let left = next(&mut there, "partner-left").await;
        assert_eq!((&left["reason"], &left["requeued"]), (&json!("disconnected"), &json!(true)));
        let mut back = two.phone().await;
        back.say_plain(json!({"type": "resume", "token": here.token, "ack": here.handled})).await;
        // A matchmaker that has only just started waits a while for sessions that it does not know.
        assert_eq!(next(&mut back, "error").await["code"], "resume-failed");
    }
}

#[tokio::test]
async fn without_a_window_the_layer_is_the_base_layer() {
    let duet = Deployment::with(Shape::Standalone, &["--resume-window-ms", "0"], &[]);
    let mut socket = crate::phone::open(&duet.gateway).await.unwrap();
    let ready = futures_util::StreamExt::next(&mut socket).await.unwrap().unwrap().into_text().unwrap();
    assert!(ready.contains(r#""resumeWindowMs":0"#) && !ready.contains("resumeToken"), "{ready}");
}

#[tokio::test]
async fn who_acknowledges_nothing_is_sent_away_and_the_partner_told() {
    let two = Two::start(Shape::TwoProcesses, &["--message-rate", "0"]);
    let (mut here, mut there) = two.room().await;
    for number in 0..300 {
        there.say(ice(number)).await;
        there.say_plain(json!({"type": "ping"})).await;
    }
    assert_eq!(u16::from(here.closed().await.code), 1008);
    assert_eq!(there.expect("partner-left").await["reason"], "disconnected");
}

#[tokio::test]
async fn a_resume_waits_for_a_matchmaker_that_is_starting() {
    let mut two = Two::start(Shape::TwoProcesses, &[]);
    let (mut here, mut there) = two.room().await;
    drop(two.deployment.processes.remove(0));
    here.drop_connection();
    let resumed = tokio::spawn(async move {
        here.resume().await;
        here
    });
    let _matchmaker = Duet::start(&["matchmaker", "--grpc-listen", &two.deployment.matchmaker]);
    let mut here = resumed.await.unwrap();
    here.say(ice(1)).await;
    assert_eq!(there.expect("ice").await["candidate"], "1");
    there.say(ice(2)).await;
    assert_eq!(here.expect("ice").await["candidate"], "2");
}
