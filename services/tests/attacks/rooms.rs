//! Rows S and W: rooms that one is not in, and what is said in them.

use rand::Rng;
use serde_json::json;

use crate::beside::Beside;
use crate::client::{Client, pair};
use crate::raw::{Raw, TEXT, frame};

/// What may be said only in a room.
const SIGNALS: [&str; 3] =
    [r#""type":"offer","sdp":"v=0""#, r#""type":"answer","sdp":"v=0""#, r#""type":"ice","candidate":null"#];

#[tokio::test]
async fn s01_without_the_room_nothing_is_delivered() {
    let beside = Beside::start().await;
    let mut alone = Client::connect(&beside.gateway).await;
    for signal in SIGNALS {
        alone.say(&format!("{{{signal}}}")).await;
        alone.refused("not-in-room").await;
    }
    drop(alone);
    let (mut waiter, mut comer, room) = pair(&beside.gateway).await;
    comer.say(r#"{"type":"leave"}"#).await;
    waiter.expect("partner-left").await;
    waiter.expect("waiting").await;
    for client in [&mut waiter, &mut comer] {
        for signal in SIGNALS {
            client.say(&format!("{{{signal}}}")).await;
            client.refused("not-in-room").await;
            client.say(&format!(r#"{{{signal},"roomId":"{room}"}}"#)).await;
            client.refused("stale-room").await;
        }
    }
    comer.available().await;
    waiter.expect("matched").await;
    comer.expect("matched").await;
    for signal in SIGNALS {
        comer.say(&format!(r#"{{{signal},"roomId":"{room}"}}"#)).await;
        comer.refused("stale-room").await;
    }
    waiter.hears_nothing().await;
    drop((waiter, comer));
    beside.unharmed().await;
}

#[tokio::test]
async fn s02_another_pairs_room_is_refused_like_one_that_never_was() {
    let beside = Beside::with(&[("MESSAGE_RATE", "0")]).await;
    let (mut waiter, comer, room) = pair(&beside.gateway).await;
    let (mut spy, mut spied, own) = pair(&beside.gateway).await;
    for id in [&room, &own, &waiter.id, &spy.id] {
        // A random UUID (RFC 9562 section 5.4) has 122 random bits.
        assert_eq!((id.len(), &id[14..15]), (36, "4"), "{id}");
    }
    let unknown = |random: &mut dyn FnMut() -> u128| {
        let hex = format!("{:032x}", random());
        format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
    };
    let mut random = || rand::rng().next_u64() as u128 * (u64::MAX as u128) + rand::rng().next_u64() as u128;
    let mut answers = std::collections::BTreeSet::new();
    let guesses = (0..2_000).map(|_| unknown(&mut random)).chain([room.clone(), "1".into(), comer.id.clone()]);
    for guess in guesses.collect::<Vec<_>>() {
        spy.say(&format!(r#"{{"type":"ice","candidate":null,"roomId":"{guess}"}}"#)).await;
        spy.refused("stale-room").await;
        spy.say(&format!(r#"{{"type":"report","reason":"spam","roomId":"{guess}"}}"#)).await;
        let refused = spy.refused("stale-room").await;
        answers.insert(refused.to_string());
    }
    assert_eq!(answers.len(), 1, "an answer tells which rooms there are: {answers:?}");
    waiter.hears_nothing().await;
    spied.hears_nothing().await;
    drop((waiter, comer, spy, spied));
    beside.unharmed().await;
}

#[tokio::test]
async fn s03_who_speaks_is_not_for_the_client_to_say() {
    let beside = Beside::start().await;
    let (mut waiter, mut comer, _) = pair(&beside.gateway).await;
    let forged = format!(r#""from":"{}","fr\u006fm":"x""#, waiter.id);
    comer.say(&format!(r#"{{{forged},"type":"ice","candidate":null}}"#)).await;
    comer.refused("invalid-message").await;
    for forged in [
        format!(r#""from":"{}""#, waiter.id),
        r#""fr\u006fm":"x""#.to_owned(),
        r#""seq":99,"ack":99"#.to_owned(),
        r#""s\u0065q":99"#.to_owned(),
    ] {
        comer.say(&format!(r#"{{{forged},"type":"ice","candidate":null,"to":"x","role":"initiator"}}"#)).await;
        let heard = waiter.hear().await;
        let expected = json!({"type":"ice","from":comer.id,"candidate":null,"to":"x","role":"initiator"});
        assert_eq!(heard, expected, "what means nothing is carried through, and who speaks is known");
    }
    drop((waiter, comer));
    beside.unharmed().await;
}

#[tokio::test]
async fn s05_two_tabs_are_two_clients_and_none_is_paired_with_itself() {
    let beside = Beside::start().await;
    let mut tab = Client::connect(&beside.gateway).await;
    tab.available().await;
    tab.expect("waiting").await;
    for _ in 0..3 {
        // Whatever it asks for again and again, it stays alone.
        tab.available().await;
        tab.expect("waiting").await;
        tab.say(r#"{"type":"next"}"#).await;
        tab.say(&format!(r#"{{"type":"auth","userId":"{}"}}"#, tab.id)).await;
        tab.expect("authenticated").await;
    }
    let mut second = Client::connect(&beside.gateway).await;
    second.available().await;
    assert_eq!(second.expect("matched").await["partnerId"], tab.id, "one who is not verified is whoever connects");
    tab.expect("matched").await;
    drop((tab, second));
    beside.unharmed().await;
}

#[tokio::test]
async fn s06_one_never_met_can_not_be_reported() {
    let beside = Beside::start().await;
    let (mut waiter, comer, room) = pair(&beside.gateway).await;
    let mut stranger = Client::connect(&beside.gateway).await;
    stranger.say(r#"{"type":"report","reason":"spam"}"#).await;
    stranger.refused("not-in-room").await;
    stranger.say(&format!(r#"{{"type":"report","reason":"spam","roomId":"{room}"}}"#)).await;
    stranger.refused("stale-room").await;
    // To avoid somebody is no report, and does not tell who there is.
    for id in [&*waiter.id, &comer.id, "01010101-0101-4101-8101-010101010101", "nobody"] {
        stranger.say(&format!(r#"{{"type":"available","avoid":["{id}"]}}"#)).await;
        assert_eq!(stranger.expect("waiting").await["position"], 1);
    }
    waiter.hears_nothing().await;
    drop((waiter, comer, stranger));
    beside.unharmed().await;
}

#[tokio::test]
async fn w01_descriptions_pass_as_they_are_or_not_at_all() {
    let beside = Beside::start().await;
    let (mut waiter, mut comer, _) = pair(&beside.gateway).await;
    let lines = r"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n".repeat(1_000);
    for sdp in ["", "no v=0", r"v=0\u0000", r"v=0\ra=x\r", &format!(r"v=0\r\n{lines}"), &"x".repeat(40 * 1024)] {
        comer.say(&format!(r#"{{"type":"offer","sdp":"{sdp}"}}"#)).await;
        assert_eq!(waiter.hear_text().await, format!(r#"{{"type":"offer","from":"{}","sdp":"{sdp}"}}"#, comer.id));
    }
    for sdp in ["v=0\0", "v=0\r\n", "\u{1}"] {
        comer.say(&format!(r#"{{"type":"offer","sdp":"{sdp}"}}"#)).await;
        comer.refused("invalid-message").await;
    }
    let mut raw = Raw::connect(&beside.gateway).await;
    raw.send(&frame(TEXT, format!(r#"{{"type":"offer","sdp":"{}"}}"#, "x".repeat(64 * 1024)).as_bytes())).await;
    assert_eq!(raw.closed().await, Some(1009));
    waiter.hears_nothing().await;
    drop((waiter, comer));
    beside.unharmed().await;
}

#[tokio::test]
async fn w03_candidates_pass_whatever_they_lack() {
    let beside = Beside::start().await;
    let (mut waiter, mut comer, _) = pair(&beside.gateway).await;
    for candidate in [
        r#""""#,
        "null",
        r#"{"candidate":""}"#,
        r#"{"candidate":"candidate:1 1 udp 1 192.0.2.1 9 typ host","sdpMid":"0"}"#,
        r#"{"candidate":"candidate:1 1 udp 1 192.0.2.1 9 typ host","usernameFragment":"of nobody"}"#,
        r#"{}"#,
    ] {
        comer.say(&format!(r#"{{"type":"ice","candidate":{candidate}}}"#)).await;
        let expected = format!(r#"{{"type":"ice","from":"{}","candidate":{candidate}}}"#, comer.id);
        assert_eq!(waiter.hear_text().await, expected);
    }
    drop((waiter, comer));
    beside.unharmed().await;
}

#[tokio::test]
async fn w05_what_makes_no_sense_to_webrtc_is_forwarded_in_order() {
    let beside = Beside::start().await;
    let (mut waiter, mut comer, room) = pair(&beside.gateway).await;
    let said = ["answer", "offer", "offer", "answer", "offer"];
    for (client, partner) in [(0, 1), (1, 0)] {
        let both = [&mut waiter, &mut comer];
        for (number, kind) in said.iter().enumerate() {
            let text = format!(r#"{{"type":"{kind}","sdp":{{"type":"rollback","sdp":"{number}"}},"roomId":"{room}"}}"#);
            both[client].say(&text).await;
        }
        for (number, kind) in said.iter().enumerate() {
            assert_eq!(both[partner].expect(kind).await["sdp"]["sdp"], number.to_string());
        }
    }
    drop((waiter, comer));
    beside.unharmed().await;
}
