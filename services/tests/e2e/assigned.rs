//! What tokens say of wishes: where their users meet others, which tags they have, who goes first.

use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::{Value, json};

use crate::client::Client;
use crate::http::upgrade;
use crate::identity::{SECRET, auth};
use crate::phone::Phone;
use crate::process::{Deployment, Duet, GATEWAY, SHAPES, Shape};

const FLAGS: [&str; 8] = [
    "--jwt-secret",
    SECRET,
    "--jwt-pool-claim",
    "https://app.example/pool",
    "--jwt-tags-claim",
    "app.tags",
    "--jwt-priority-claim",
    "priority",
];

/// A token with claims beside those that prove the user.
fn token(user: &str, claims: Value) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let mut all = json!({ "sub": user, "exp": now + 600 });
    all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
    encode(&Header::default(), &all, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

async fn client(gateway: &str, user: &str, claims: Value) -> Client {
    let mut client = Client::connect_with(gateway, &token(user, claims)).await;
    client.expect("authenticated").await;
    client
}

fn adult() -> Value {
    json!({ "https://app.example/pool": "adults" })
}

#[tokio::test]
async fn a_token_decides_where_its_user_meets_others_whatever_is_asked_for() {
    for shape in SHAPES {
        let duet = Deployment::with(shape, &FLAGS, &[]);
        let mut ann = client(&duet.gateway, "ann", adult()).await;
        ann.say(r#"{"type":"available","pool":"chess"}"#).await;
        assert_eq!(ann.expect("waiting").await["pool"], "adults");
        let mut cid = client(&duet.gateway, "cid", json!({})).await;
        cid.say(r#"{"type":"available","pool":"chess"}"#).await;
        assert_eq!(cid.expect("waiting").await["pool"], "chess", "whom nothing is said of asks for a pool as ever");
        let mut bob = client(&duet.gateway, "bob", adult()).await;
        bob.available().await;
        assert_eq!(bob.expect("matched").await["partnerId"], json!(ann.id));
        ann.expect("matched").await;
        cid.hears_nothing().await;
        bob.say(r#"{"type":"next"}"#).await;
        assert_eq!(bob.expect("waiting").await["pool"], "adults", "the next one is met there, too");
    }
}

#[tokio::test]
async fn tags_of_tokens_are_shared_like_those_that_are_asked_for() {
    for shape in SHAPES {
        let duet = Deployment::with(shape, &FLAGS, &[]);
        let mut ann = client(&duet.gateway, "ann", json!({ "app.tags": ["Gold", "quiet"] })).await;
        ann.say(r#"{"type":"available","tags":["go","gold"],"patienceMs":60000}"#).await;
        ann.expect("waiting").await;
        let mut cid = client(&duet.gateway, "cid", json!({ "app.tags": ["silver"] })).await;
        cid.say(r#"{"type":"available","patienceMs":60000}"#).await;
        cid.expect("waiting").await;
        let mut bob = client(&duet.gateway, "bob", json!({ "app.tags": ["\u{ff27}old "] })).await;
        bob.say(r#"{"type":"available","tags":["GO"],"patienceMs":60000}"#).await;
        for client in [&mut ann, &mut bob] {
            let mut tags: Vec<String> = serde_json::from_value(client.expect("matched").await["tags"].clone()).unwrap();
            tags.sort();
            assert_eq!(tags, ["go", "gold"]);
        }
        cid.hears_nothing().await;
    }
}

#[tokio::test]
async fn a_priority_goes_before_those_who_came_earlier() {
    for shape in SHAPES {
        let duet = Deployment::with(shape, &FLAGS, &[]);
        // Two devices of one user, who never meet: both wait.
        let mut early = client(&duet.gateway, "ann", json!({})).await;
        early.available().await;
        assert_eq!(early.expect("waiting").await["position"], 1);
        let mut late = client(&duet.gateway, "ann", json!({ "priority": 86_400_000 })).await;
        late.available().await;
        assert_eq!(late.expect("waiting").await["position"], 1);
        let mut bob = client(&duet.gateway, "bob", json!({})).await;
        bob.available().await;
        assert_eq!(bob.expect("matched").await["partnerId"], json!(late.id));
    }
}

#[tokio::test]
async fn another_token_counts_for_the_next_wish() {
    let duet = Deployment::with(Shape::Standalone, &FLAGS, &[]);
    let mut ann = client(&duet.gateway, "ann", json!({})).await;
    ann.available().await;
    assert_eq!(ann.expect("waiting").await["pool"], "default");
    ann.say(&auth(&token("ann", adult()))).await;
    ann.expect("authenticated").await;
    let mut bob = client(&duet.gateway, "bob", json!({})).await;
    bob.available().await;
    assert_eq!(bob.expect("matched").await["partnerId"], json!(ann.id), "this wait goes on as it was");
    ann.expect("matched").await;
    ann.say(r#"{"type":"next"}"#).await;
    assert_eq!(ann.expect("waiting").await["pool"], "adults");
}

#[tokio::test]
async fn what_a_token_says_of_wishes_is_kept_by_a_session_that_goes_on_elsewhere() {
    let duet = Deployment::with(Shape::TwoProcesses, &FLAGS, &[]);
    let url = format!("http://{}", duet.matchmaker);
    let other = Duet::start(&[&["gateway", "--matchmaker-url", &url], GATEWAY, &FLAGS[..]].concat());
    let mut ann = Phone::connect(&[&duet.gateway, &other.address("WebSocket")]).await;
    ann.say_plain(json!({ "type": "auth", "token": token("ann", adult()) })).await;
    ann.expect("authenticated").await;
    ann.say(json!({ "type": "available", "pool": "chess" })).await;
    assert_eq!(ann.expect("waiting").await["pool"], "adults");
    ann.lose_connection().await;
    ann.say(json!({ "type": "available", "pool": "chess" })).await;
    assert_eq!(ann.expect("waiting").await["pool"], "adults");
    ann.say(json!({ "type": "leave" })).await;
    ann.lose_connection().await;
    ann.say(json!({ "type": "next" })).await;
    assert_eq!(ann.expect("waiting").await["pool"], "adults");
}

#[tokio::test]
async fn a_claim_of_the_wrong_kind_makes_a_bad_token_and_is_named_in_the_log_without_its_value() {
    let mut duet = Deployment::with(Shape::Standalone, &FLAGS, &[]);
    for (claim, value) in [
        ("https://app.example/pool", json!(["SECRET-POOL"])),
        ("app.tags", json!("SECRET-TAG")),
        ("priority", json!("SECRET-PRIORITY")),
    ] {
        let ill = token("ann", json!({ claim: value }));
        let mut ann = Client::connect(&duet.gateway).await;
        ann.say(&auth(&ill)).await;
        ann.refused("unauthorized").await;
        duet.gateway_process().logged(&["WARN", claim, "not accepted"]).await;
        let bearer = format!("Authorization: Bearer {ill}\r\nConnection: upgrade");
        let answer = upgrade(&duet.gateway, &[("Connection: Upgrade", &bearer)]).await;
        assert!(answer.starts_with("http/1.1 401 "), "{answer}");
    }
    duet.gateway_process().signal("TERM");
    let (_, log) = duet.processes.pop().unwrap().ended();
    assert!(!log.contains("SECRET"), "{log}");
}

#[tokio::test]
async fn reports_have_a_rate_of_their_own() {
    let duet = Deployment::with(Shape::Standalone, &["--report-burst", "1", "--report-rate", "1"], &[]);
    let mut client = Client::connect(&duet.gateway).await;
    client.say(r#"{"type":"report","reason":"rude"}"#).await;
    client.refused("not-in-room").await;
    client.say(r#"{"type":"report","reason":"rude"}"#).await;
    let wait = client.refused("rate-limited").await["retryAfterMs"].as_u64().unwrap();
    assert!((1..=60_000).contains(&wait), "{wait}");
    client.available().await;
    client.expect("waiting").await;
}

#[test]
fn claims_that_nobody_reads_or_that_are_good_for_two_things_are_refused() {
    for (settings, named) in [
        (&[("JWT_POOL_CLAIM", "pool")][..], "JWT_POOL_CLAIM"),
        (&[("JWT_TAGS_CLAIM", "tags")], "JWT_TAGS_CLAIM"),
        (&[("JWT_PRIORITY_CLAIM", "priority")], "JWT_PRIORITY_CLAIM"),
        (&[("JWT_SECRET", SECRET), ("JWT_POOL_CLAIM", "x"), ("JWT_TAGS_CLAIM", "x")], "JWT_TAGS_CLAIM"),
        (&[("REPORT_RATE", "often")], "REPORT_RATE"),
        (&[("REPORT_BURST", "0")], "REPORT_BURST"),
    ] {
        let (status, _, errors) = crate::process::run(&["--port", "0"], settings);
        assert_eq!(status, Some(64), "{settings:?}: {errors}");
        assert!(errors.contains(named) && !errors.contains(SECRET), "{settings:?}: {errors}");
    }
}
