//! The base protocol's tables, case by case, in both shapes.

use serde_json::json;

use crate::client::{Client, pair};
use crate::process::{Deployment, SHAPES};

#[tokio::test]
async fn a_client_is_greeted_and_authenticated_as_it_says() {
    for shape in SHAPES {
        let duet = Deployment::start(shape);
        let mut client = Client::connect(&duet.gateway).await;
        assert_eq!(client.id.len(), 36);
        client.say(r#"{"type":"auth","userId":"ann"}"#).await;
        let answer = client.hear().await;
        assert_eq!(answer, json!({"type":"authenticated","userId":"ann","verified":false}));
        client.say(r#"{"type":"auth","token":"a.b.c"}"#).await;
        client.refused("unauthorized").await;
        client.say(r#"{"type":"auth"}"#).await;
        assert!(client.refused("invalid-message").await["message"].as_str().unwrap().contains("`userId`"));
    }
}

#[tokio::test]
async fn two_meet_and_everything_arrives_in_order_as_it_was_sent() {
    for shape in SHAPES {
        let duet = Deployment::start(shape);
        let (mut waiter, mut comer, room) = pair(&duet.gateway).await;
        let sent = [
            ("offer", r#""sdp":"v=0\r\n""#.to_owned()),
            ("answer", r#""sdp":{"type":"answer","sdp":"v=0"}"#.to_owned()),
            ("ice", r#""candidate":{"candidate":"candidate:1","sdpMLineIndex":0}"#.to_owned()),
            ("ice", r#""candidate":{"candidate":""}"#.to_owned()),
            ("ice", r#""candidate":"""#.to_owned()),
            ("ice", r#""candidate":null"#.to_owned()),
            ("offer", r#""sdp":"","x":-0,"big":123456789012345678901234567890,"exact":1.10,"é":"\u0000 ""#.to_owned()),
            ("ice", format!(r#""candidate":null,"roomId":"{room}""#)),
        ];
        for (kind, members) in &sent {
            comer
                .say(&format!(r#"{{"from":"forged","type":"{kind}",{members},"seq":1,"ack":1,"fr\u006fm2":1}}"#))
                .await;
        }
        for (kind, members) in &sent {
            let expected = format!(r#"{{"type":"{kind}","from":"{}",{members},"fr\u006fm2":1}}"#, comer.id);
            assert_eq!(waiter.hear_text().await, expected);
        }
        waiter.hears_nothing().await;
        comer.hears_nothing().await;
    }
}

#[tokio::test]
async fn available_waits_keeps_its_place_and_is_refused_in_a_room() {
    for shape in SHAPES {
        let duet = Deployment::start(shape);
        let mut first = Client::connect(&duet.gateway).await;
        first
            .say(r#"{"type":"available","pool":"a","tags":["x"],"avoid":["y"],"region":"eu","patienceMs":60000}"#)
            .await;
        let waiting = first.expect("waiting").await;
        assert_eq!((waiting["pool"].as_str(), waiting["position"].as_u64()), (Some("a"), Some(1)));
        let mut second = Client::connect(&duet.gateway).await;
        second.available().await;
        assert_eq!(second.expect("waiting").await["pool"], "default", "pools are hard partitions");
        first.available().await;
        assert_eq!(first.expect("matched").await["partnerId"], second.id);
        second.expect("matched").await;
        second.available().await;
        second.refused("already-matched").await;
        second.say(r#"{"type":"ice","candidate":null}"#).await;
        first.expect("ice").await;
    }
}

#[tokio::test]
async fn next_leaves_the_partner_and_meets_another_first() {
    for shape in SHAPES {
        let duet = Deployment::start(shape);
        let (mut waiter, mut comer, _) = pair(&duet.gateway).await;
        comer.say(r#"{"type":"next"}"#).await;
        let left = waiter.hear().await;
        assert_eq!(left, json!({"type":"partner-left","reason":"next","requeued":true}));
        waiter.expect("waiting").await;
        comer.expect("waiting").await;
        comer.say(r#"{"type":"next"}"#).await;
        comer.hears_nothing().await;
        let mut third = Client::connect(&duet.gateway).await;
        third.available().await;
        assert_eq!(third.expect("matched").await["partnerId"], waiter.id, "who was left keeps the older place");
        waiter.expect("matched").await;
        comer.hears_nothing().await;
    }
}

#[tokio::test]
async fn two_alone_meet_again_some_time_after_next() {
    for shape in SHAPES {
        let duet = Deployment::with(shape, &[], &["--rematch-after-ms", "50"]);
        let (mut waiter, mut comer, room) = pair(&duet.gateway).await;
        comer.say(r#"{"type":"next"}"#).await;
        waiter.expect("partner-left").await;
        waiter.expect("waiting").await;
        comer.expect("waiting").await;
        let again = comer.expect("matched").await;
        assert_eq!(again["partnerId"], waiter.id);
        assert_ne!(again["roomId"], room);
        waiter.expect("matched").await;
    }
}

#[tokio::test]
async fn leave_ends_the_room_and_rests() {
    for shape in SHAPES {
        let duet = Deployment::start(shape);
        let (mut waiter, mut comer, room) = pair(&duet.gateway).await;
        comer.say(r#"{"type":"leave"}"#).await;
        let left = waiter.hear().await;
        assert_eq!(left, json!({"type":"partner-left","reason":"left","requeued":true}));
        waiter.expect("waiting").await;
        comer.say(r#"{"type":"leave"}"#).await;
        comer.hears_nothing().await;
        comer.say(r#"{"type":"ice","candidate":null}"#).await;
        comer.refused("not-in-room").await;
        comer.say(&format!(r#"{{"type":"ice","candidate":null,"roomId":"{room}"}}"#)).await;
        comer.refused("stale-room").await;
        comer.say(r#"{"type":"next"}"#).await;
        assert_eq!(comer.expect("matched").await["partnerId"], waiter.id, "leaving avoids nobody");
    }
}

#[tokio::test]
async fn a_closed_tab_is_told_to_the_partner() {
    for shape in SHAPES {
        let duet = Deployment::start(shape);
        let (mut waiter, comer, _) = pair(&duet.gateway).await;
        assert_eq!(u16::from(comer.close(1001).await.unwrap().code), 1001);
        let left = waiter.hear().await;
        assert_eq!(left, json!({"type":"partner-left","reason":"disconnected","requeued":true}));
        waiter.expect("waiting").await;
    }
}

#[tokio::test]
async fn requeueing_can_be_switched_off() {
    for shape in SHAPES {
        let duet = Deployment::with(shape, &[], &["--requeue-on-partner-leave", "false"]);
        let (mut waiter, mut comer, _) = pair(&duet.gateway).await;
        comer.say(r#"{"type":"leave"}"#).await;
        assert_eq!(waiter.hear().await, json!({"type":"partner-left","reason":"left","requeued":false}));
        waiter.say(r#"{"type":"leave"}"#).await;
        waiter.hears_nothing().await;
    }
}

#[tokio::test]
async fn ping_state_and_report_do_what_the_table_says() {
    for shape in SHAPES {
        let duet = Deployment::start(shape);
        let (mut waiter, mut comer, room) = pair(&duet.gateway).await;
        comer.say(r#"{"type":"ping"}"#).await;
        assert_eq!(comer.hear_text().await, r#"{"type":"pong"}"#);
        comer.say(r#"{"type":"ping","id":1.50}"#).await;
        assert_eq!(comer.hear_text().await, r#"{"type":"pong","id":1.50}"#);
        comer.say(r#"{"type":"state","ice":"connected","setupMs":800,"candidateType":"host"}"#).await;
        comer.hears_nothing().await;
        comer.say(&format!(r#"{{"type":"report","reason":"rude","details":"x","roomId":"{room}"}}"#)).await;
        assert_eq!(waiter.expect("partner-left").await["reason"], "left", "not that it was reported");
        comer.say(r#"{"type":"ice","candidate":null}"#).await;
        comer.refused("not-in-room").await;
        comer.say(&format!(r#"{{"type":"report","reason":"rude","roomId":"{room}"}}"#)).await;
        comer.hears_nothing().await;
    }
}

#[tokio::test]
async fn bad_messages_get_their_error_and_the_session_lives() {
    for shape in SHAPES {
        let duet = Deployment::start(shape);
        let (mut waiter, mut comer, room) = pair(&duet.gateway).await;
        for (text, code) in [
            ("", "invalid-message"),
            ("nonsense", "invalid-message"),
            ("[]", "invalid-message"),
            (r#"{"type":7}"#, "invalid-message"),
            (r#"{"type":"offer"}"#, "invalid-message"),
            (r#"{"type":"offer","sdp":"a","sdp":"b"}"#, "invalid-message"),
            (r#"{"type":"ice","candidate":"\ud800"}"#, "invalid-message"),
            (r#"{"type":"dance"}"#, "unknown-type"),
            (r#"{"type":"next","roomId":"another"}"#, "stale-room"),
            (r#"{"type":"available"}"#, "already-matched"),
        ] {
            comer.say(text).await;
            comer.refused(code).await;
        }
        comer.say(r#"{"type":"ice","candidate":null}"#).await;
        waiter.expect("ice").await;
        waiter.say(&format!(r#"{{"type":"ice","candidate":null,"roomId":"{room}"}}"#)).await;
        comer.expect("ice").await;
    }
}

#[tokio::test]
async fn a_flood_is_refused_and_the_neighbours_go_on() {
    for shape in SHAPES {
        let duet = Deployment::with(shape, &["--message-rate", "10", "--message-burst", "20"], &[]);
        let (mut waiter, mut comer, _) = pair(&duet.gateway).await;
        let mut flooder = Client::connect(&duet.gateway).await;
        for _ in 0..200 {
            flooder.say(r#"{"type":"ping"}"#).await;
        }
        for _ in 0..20 {
            flooder.expect("pong").await;
        }
        assert!(flooder.refused("rate-limited").await["retryAfterMs"].as_u64().unwrap() >= 1);
        comer.say(r#"{"type":"ice","candidate":null}"#).await;
        waiter.expect("ice").await;
    }
}
