//! Rows M: JSON and what the protocol makes of it.

use duet_proto::v1::GetStatsRequest;
use duet_proto::v1::matchmaker_client::MatchmakerClient;

use crate::beside::Beside;
use crate::client::{Client, pair};
use crate::request::{exchange, handshake};

#[tokio::test]
async fn m01_what_is_no_object_is_refused_and_too_much_of_it_is_1008() {
    let beside = Beside::with(&[("MAX_BAD_MESSAGES", "8")]).await;
    let mut client = Client::connect(&beside.gateway).await;
    let bad = ["not JSON", "[]", "7", "", "\u{feff}{\"type\":\"ping\"}", "{", "null", "{\"type\":\"ping\"}}"];
    for text in bad {
        client.say(text).await;
        client.refused("invalid-message").await;
    }
    client.hears_nothing().await;
    client.say("one too many").await;
    assert_eq!(u16::from(client.closed().await.code), 1008);
    beside.unharmed().await;
}

#[tokio::test]
async fn m02_depth_is_refused_wherever_it_is() {
    let beside = Beside::start().await;
    let (mut waiter, mut comer, _) = pair(&beside.gateway).await;
    for depth in [17, 129, 30_000] {
        let arrays = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let objects = format!("{}1{}", r#"{"a":"#.repeat(depth.min(9_000)), "}".repeat(depth.min(9_000)));
        for deep in [&arrays, &objects] {
            for text in [
                format!(r#"{{"type":"ping","unknown":{deep}}}"#),
                format!(r#"{{"type":"available","tags":{deep}}}"#),
                format!(r#"{{"type":"offer","sdp":"v=0","extra":{deep}}}"#),
                format!(r#"{{"type":"ice","candidate":{{"a":{deep}}}}}"#),
            ] {
                comer.say(&text).await;
                comer.refused("invalid-message").await;
            }
        }
    }
    waiter.hears_nothing().await;
    drop((waiter, comer));
    beside.unharmed().await;
}

#[tokio::test]
async fn m03_a_name_twice_is_refused_and_does_nothing() {
    let beside = Beside::start().await;
    let (mut waiter, mut comer, _) = pair(&beside.gateway).await;
    for text in [
        r#"{"type":"leave","type":"ping"}"#,
        r#"{"type":"ping","t\u0079pe":"leave"}"#,
        r#"{"type":"next","x":1,"x":2}"#,
        r#"{"type":"ice","candidate":null,"candidate":null}"#,
    ] {
        comer.say(text).await;
        comer.refused("invalid-message").await;
    }
    waiter.hears_nothing().await;
    drop((waiter, comer));
    beside.unharmed().await;
}

#[tokio::test]
async fn m04_an_unknown_type_is_refused_and_an_unknown_field_ignored() {
    let beside = Beside::start().await;
    let mut client = Client::connect(&beside.gateway).await;
    for kind in ["dance", "", "PING", "matched", "constructor", &"x".repeat(60_000)] {
        client.say(&format!(r#"{{"type":"{kind}"}}"#)).await;
        let refused = client.refused("unknown-type").await;
        assert!(refused.to_string().len() < 1_000, "what is refused is not sent back");
    }
    client.say(r#"{"type":"ping","id":1,"admin":true}"#).await;
    assert_eq!(client.hear_text().await, r#"{"type":"pong","id":1}"#);
    drop(client);
    beside.unharmed().await;
}

#[tokio::test]
async fn m05_the_partner_gets_what_is_json_as_it_was_written_and_nothing_else() {
    let beside = Beside::start().await;
    let (mut waiter, mut comer, _) = pair(&beside.gateway).await;
    for bad in [r#""\ud800""#, r#""\udc00\ud800""#, "\"a\nb\"", "NaN", "01", "1e", "Infinity", "'x'"] {
        comer.say(&format!(r#"{{"type":"ice","candidate":null,"extra":{bad}}}"#)).await;
        comer.refused("invalid-message").await;
    }
    for fine in [r#""\u0000""#, "\"\u{202e}\"", "1e999", "-0", "18446744073709551616", r#"{"__proto__":{"x":1}}"#] {
        comer.say(&format!(r#"{{"type":"ice","candidate":null,"extra":{fine}}}"#)).await;
        let expected = format!(r#"{{"type":"ice","from":"{}","candidate":null,"extra":{fine}}}"#, comer.id);
        assert_eq!(waiter.hear_text().await, expected);
    }
    drop((waiter, comer));
    beside.unharmed().await;
}

#[tokio::test]
async fn m06_names_members_and_tags_past_their_bounds_are_refused_and_nothing_is_stored() {
    let beside = Beside::start().await;
    let mut client = Client::connect(&beside.gateway).await;
    let members: Vec<String> = (0..5_000).map(|index| format!(r#""k{index}":1"#)).collect();
    let tags = vec![r#""a""#; 10_000].join(",");
    for members in [
        format!(r#""{}":1"#, "k".repeat(60 * 1024)),
        members.join(","),
        format!(r#""tags":[{tags}]"#),
        format!(r#""tags":["{}"]"#, "t".repeat(60 * 1024)),
        r#""tags":["a\u001b[2J"]"#.to_owned(),
        r#""tags":[""]"#.to_owned(),
        // Once they are written as they are compared: nothing, and eighteen times as long.
        "\"tags\":[\" \u{a0}\u{3000}\"]".to_owned(),
        format!(r#""tags":["{}"]"#, "\u{fdfa}".repeat(32)),
        format!(r#""avoid":[{}]"#, vec![r#""a""#; 17].join(",")),
        format!(r#""avoid":["{}"]"#, "a".repeat(129)),
        format!(r#""region":"{}""#, "\u{fdfa}".repeat(64)),
        r#""pool":"a\r\nb""#.to_owned(),
        format!(r#""pool":"{}""#, "p".repeat(65)),
        r#""region":"\u0000""#.to_owned(),
        r#""patienceMs":-1"#.to_owned(),
    ] {
        client.say(&format!(r#"{{"type":"available",{members}}}"#)).await;
        client.refused("invalid-message").await;
    }
    let mut query = MatchmakerClient::connect(format!("http://{}", beside.matchmaker)).await.unwrap();
    let stats = query.get_stats(GetStatsRequest {}).await.unwrap().into_inner();
    assert_eq!((stats.sessions, stats.waiting), (3, 0));
    // As many as may be, and they stay as many.
    let tags: Vec<String> = (0..10).map(|number| format!("\"{number}{}\"", "\u{df}".repeat(31))).collect();
    let avoid = vec![format!("\"{}\"", "\u{1f600}".repeat(128)); 16].join(",");
    let most = format!(r#"{{"type":"available","tags":[{}],"avoid":[{avoid}],"patienceMs":1e308}}"#, tags.join(","));
    for _ in 0..10 {
        client.say(&most).await;
        client.expect("waiting").await;
    }
    let stats = query.get_stats(GetStatsRequest {}).await.unwrap().into_inner();
    assert_eq!((stats.sessions, stats.waiting), (3, 1));
    drop((client, query));
    beside.unharmed().await;
}

#[tokio::test]
async fn m07_a_field_of_the_wrong_kind_is_named() {
    let beside = Beside::start().await;
    let (mut waiter, mut comer, _) = pair(&beside.gateway).await;
    for (field, text) in [
        ("type", r#"{"type":{}}"#),
        ("sdp", r#"{"type":"offer","sdp":{}}"#),
        ("sdp", r#"{"type":"offer","sdp":null}"#),
        ("sdp", r#"{"type":"answer","sdp":7}"#),
        ("candidate", r#"{"type":"ice","candidate":[]}"#),
        ("candidate", r#"{"type":"ice","candidate":true}"#),
        ("candidate", r#"{"type":"ice"}"#),
        ("pool", r#"{"type":"available","pool":["a"]}"#),
        ("tags", r#"{"type":"available","tags":"a"}"#),
        ("roomId", r#"{"type":"leave","roomId":1}"#),
        ("userId", r#"{"type":"auth","userId":{"$ne":null}}"#),
        ("ice", r#"{"type":"state","ice":"maybe"}"#),
        ("reason", r#"{"type":"report","reason":[]}"#),
    ] {
        comer.say(text).await;
        let refused = comer.refused("invalid-message").await;
        assert!(refused["message"].as_str().unwrap().contains(&format!("`{field}`")), "{text}: {refused}");
    }
    waiter.hears_nothing().await;
    drop((waiter, comer));
    beside.unharmed().await;
}

#[tokio::test]
async fn m11_nothing_that_a_client_says_makes_a_line_of_log() {
    let beside = Beside::with(&[("RUST_LOG", "debug")]).await;
    let mut client = Client::connect(&beside.gateway).await;
    let long = "FORGED".repeat(10_000);
    for user in [r"x\r\nFORGED", r"\u001b[2JFORGED", r"\u0085FORGED", r"\u2028FORGED", "\u{202e}FORGED", &long] {
        client.say(&format!(r#"{{"type":"auth","userId":"{user}"}}"#)).await;
        client.hear().await;
        client.say(&format!(r#"{{"type":"FORGED{user}"}}"#)).await;
        client.hear().await;
        for wish in [r#""tags":["#, r#""avoid":["#, r#""region":"#, r#""pool":"#] {
            let end = if wish.ends_with('[') { "]" } else { "" };
            client.say(&format!(r#"{{"type":"available",{wish}"{user}"{end}}}"#)).await;
            client.hear().await;
        }
        client.say(r#"{"type":"leave"}"#).await;
    }
    let (mut waiter, mut comer, _) = pair(&beside.gateway).await;
    let report = r#"{"type":"report","reason":"x\r\nFORGED","details":"\u001b[2JFORGED\u0085FORGED\u2028FORGED"}"#;
    comer.say(report).await;
    waiter.expect("partner-left").await;
    drop((waiter, comer));
    for header in ["User-Agent: \x1b[2JFORGED", "Origin: http://x\x1b[31mFORGED", "X-Forwarded-For: FORGED\x0bFORGED"] {
        let request = handshake(&[("Host: x", &format!("Host: x\r\nConnection: close\r\n{header}"))]);
        let answer = exchange(&beside.gateway, &request.replace("Connection: Upgrade\r\n", "")).await;
        assert!(answer.status >= 400, "{answer:?}");
    }
    drop(client);
    let log = beside.unharmed_but_for(usize::MAX).await;
    assert!(!log.contains('\x1b') && !log.contains('\u{85}') && !log.contains('\u{2028}'));
    for line in log.lines() {
        assert!(line.len() < 2_000 && !line.trim_start().starts_with("FORGED"), "{line}");
    }
}
