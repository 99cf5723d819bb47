//! Rows about who a client is: tokens that prove it, and those that only look like it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use crate::beside::Beside;
use crate::client::{Client, pause};
use crate::limits::{ATTACKER, upgrade_from};
use crate::raw::{Raw, TEXT, frame};
use crate::request::{exchange, handshake};

/// A key of a provider of identities, made for these tests.
const KEY: &str = "\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg3F46ruGb7yKu2WVK
ipET2q2g9uhT2uXVfwb/KEl0Iw6hRANCAARFmctjvu2VSUndqPNqcsx3oqBq0a1T
r6DkTX/5VXvUhH5q6LnUi7CBSuz551iqepHKm9IogzWtspaNloypq5fI
-----END PRIVATE KEY-----
";
/// The public half of it.
const PUBLIC_KEY: &str = "\
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAERZnLY77tlUlJ3ajzanLMd6KgatGt
U6+g5E1/+VV71IR+aui51IuwgUrs+edYqnqRypvSKIM1rbKWjZaMqauXyA==
-----END PUBLIC KEY-----
";
/// As a JWKS has it.
const JWK: (&str, &str) =
    ("RZnLY77tlUlJ3ajzanLMd6KgatGtU6-g5E1_-VV71IQ", "fmroudSLsIFK7PnnWKp6kcqb0iiDNa2ylo2WjKmrl8g");
/// The key that replaces it.
const NEXT_KEY: &str = "\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgeF+rR4orjv/ZGZa2
nJeo3k4UPrSI00XaYQ0aEAQ5DI6hRANCAASo+j358g/JUspq7rWBa3s5w+CcsvTX
TpburAxoRdYFsxgzYqMltzhf7sZui2uvy56lRaMnz55SfySkBrSGpYQB
-----END PRIVATE KEY-----
";
const NEXT_JWK: (&str, &str) =
    ("qPo9-fIPyVLKau61gWt7OcPgnLL0106W7qwMaEXWBbM", "GDNioyW3OF_uxm6La6_LnqVFoyfPnlJ_JKQGtIalhAE");
/// What HS256 is signed with where the gateway has a secret.
const SECRET: &str = "a secret of these tests, 32 bytes at least";

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Claims that hold for an hour.
fn claims(subject: &str) -> Value {
    json!({"sub": subject, "exp": now() + 3_600})
}

fn signed(algorithm: Algorithm, kid: Option<&str>, claims: &Value, key: &EncodingKey) -> String {
    let header = Header { kid: kid.map(str::to_owned), ..Header::new(algorithm) };
    encode(&header, claims, key).unwrap()
}

fn with_secret(claims: &Value) -> String {
    signed(Algorithm::HS256, None, claims, &EncodingKey::from_secret(SECRET.as_bytes()))
}

fn with_key(kid: &str, claims: &Value, pem: &str) -> String {
    signed(Algorithm::ES256, Some(kid), claims, &EncodingKey::from_ec_pem(pem.as_bytes()).unwrap())
}

/// A token that is written, not made.
fn written(header: &Value, claims: &Value, signature: &str) -> String {
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{signature}", part(header), part(claims))
}

async fn say_token(client: &mut Client, token: &str) {
    client.say(&json!({"type": "auth", "token": token}).to_string()).await;
}

/// The token is taken.
async fn accepts(gateway: &str, token: &str, subject: &str) {
    let mut client = Client::connect(gateway).await;
    say_token(&mut client, token).await;
    let answer = client.expect("authenticated").await;
    assert_eq!((answer["userId"].as_str(), &answer["verified"]), (Some(subject), &Value::Bool(true)));
}

/// None of the tokens is taken, and the answers don't tell why.
async fn refuses(gateway: &str, tokens: &[String]) {
    let mut client = Client::connect(gateway).await;
    let mut answers = std::collections::BTreeSet::new();
    for token in tokens {
        say_token(&mut client, token).await;
        let refused = client.refused("unauthorized").await;
        assert!(!refused.to_string().contains(token.as_str()));
        answers.insert(refused["message"].as_str().unwrap().to_owned());
    }
    assert_eq!(answers.len(), 1, "an answer tells which check failed: {answers:?}");
}

/// Where keys are published: plain HTTP, any path.
struct Jwks {
    url: String,
    keys: Arc<Mutex<Option<Value>>>,
    asked: Arc<AtomicUsize>,
    serving: AbortHandle,
}

impl Jwks {
    async fn serve(keys: Value) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
        let (keys, asked) = (Arc::new(Mutex::new(Some(keys))), Arc::new(AtomicUsize::new(0)));
        let (published, count) = (keys.clone(), asked.clone());
        let serving = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    match stream.read_u8().await {
                        Ok(byte) => request.push(byte),
                        Err(_) => break,
                    }
                }
                count.fetch_add(1, Ordering::Relaxed);
                let body = published.lock().unwrap().as_ref().map(Value::to_string);
                let status = if body.is_some() { "200 OK" } else { "503 Service Unavailable" };
                let body = body.unwrap_or_default();
                let head = format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close");
                let answer = format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
                // Who asks may be gone.
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Jwks { url, keys, asked, serving: serving.abort_handle() }
    }

    /// `None`: it is out of order.
    fn publish(&self, keys: Option<Value>) {
        *self.keys.lock().unwrap() = keys;
    }
}

impl Drop for Jwks {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn jwk(kid: &str, (x, y): (&str, &str)) -> Value {
    json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": kid, "x": x, "y": y})
}

#[tokio::test]
async fn h24_a_token_counts_only_where_it_belongs_and_is_in_no_log() {
    let settings = [("JWT_SECRET", SECRET), ("RUST_LOG", "trace")];
    let beside = Beside::with(&settings).await;
    let token = with_secret(&claims("ann"));
    let accepted = handshake(&[("Host: x", &format!("Host: x\r\nAuthorization: Bearer {token}"))]);
    let mut raw = tokio::net::TcpStream::connect(&beside.gateway).await.unwrap();
    raw.write_all(accepted.as_bytes()).await.unwrap();
    let mut status = [0; 12];
    raw.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 101");
    drop(raw);
    let bad = format!("Host: x\r\nConnection: close\r\nAuthorization: Bearer {token}x");
    let refused = exchange(&beside.gateway, &handshake(&[("Host: x", &bad)])).await;
    assert_eq!(refused.status, 401);
    assert!(!refused.body.contains(&token));
    for (line, with) in [
        ("GET /ws", format!("GET /ws?token={token}&access_token={token}")),
        ("Host: x", format!("Host: x\r\nCookie: token={token}")),
        ("Host: x", format!("Host: x\r\nSec-WebSocket-Protocol: bearer.{token}")),
    ] {
        // They are not looked at: who connects is nobody in particular.
        let head = crate::request::upgrade(&beside.gateway, &[(line, &with)]).await;
        assert!(head.starts_with("http/1.1 101") && !head.contains("sec-websocket-protocol"), "{head}");
    }
    accepts(&beside.gateway, &token, "ann").await;
    let log = beside.unharmed_but_for(usize::MAX).await;
    let signature = token.rsplit('.').next().unwrap();
    assert!(!log.contains(signature) && !log.contains(SECRET), "a token in the log");
}

#[tokio::test]
async fn m09_nothing_is_done_before_auth_and_auth_may_come_again() {
    let token = with_secret(&claims("ann"));
    let settings = [("JWT_SECRET", SECRET), ("AUTH_REQUIRED", "true"), ("MAX_CONNECTIONS_PER_USER", "0")];
    let beside = Beside::with_tokens(&settings, [&token, &with_secret(&claims("carl"))]).await;
    let mut client = Client::connect(&beside.gateway).await;
    for text in [r#"{"type":"available"}"#, r#"{"type":"next"}"#] {
        client.say(text).await;
        client.refused("unauthorized").await;
    }
    client.hears_nothing().await;
    for _ in 0..2 {
        say_token(&mut client, &token).await;
        client.expect("authenticated").await;
    }
    client.available().await;
    client.expect("waiting").await;
    say_token(&mut client, &token).await;
    client.expect("authenticated").await;
    say_token(&mut client, &with_secret(&claims("bob"))).await;
    // Whatever is made of another user: not two, and the place is one.
    assert!(["error", "authenticated"].contains(&client.hear().await["type"].as_str().unwrap()));
    drop(client);
    beside.unharmed().await;
}

#[tokio::test]
async fn r09_guessing_tokens_gets_nobody_in() {
    let beside = Beside::with(&[("JWT_SECRET", SECRET)]).await;
    let mut raw = Raw { stream: upgrade_from(ATTACKER, &beside.gateway, "").await.stream };
    assert!(raw.frame().await.unwrap().1.starts_with(br#"{"type":"ready""#));
    for guess in 0..100 {
        let token = signed(
            Algorithm::HS256,
            None,
            &claims("ann"),
            &EncodingKey::from_secret(format!("a guess of thirty-two bytes: {guess:03}").as_bytes()),
        );
        raw.send(&frame(TEXT, json!({"type": "auth", "token": token}).to_string().as_bytes())).await;
    }
    raw.send(&frame(TEXT, br#"{"type":"ping"}"#)).await;
    let mut refused = 0;
    loop {
        match raw.frame().await {
            Some((TEXT, payload)) if payload.starts_with(br#"{"type":"pong""#) => break,
            Some((TEXT, payload)) => {
                let message: Value = serde_json::from_slice(&payload).unwrap();
                assert!(["unauthorized", "rate-limited"].contains(&message["code"].as_str().unwrap()), "{message}");
                refused += 1;
            }
            // Sent away for it.
            Some((0x88, payload)) => break assert_eq!(payload[..2], 1008_u16.to_be_bytes()),
            other => panic!("{other:?}"),
        }
    }
    assert!(refused > 0);
    drop(raw);
    let again = upgrade_from(ATTACKER, &beside.gateway, "").await;
    assert_eq!(again.status(), "429", "{}", again.head);
    assert!(again.head.contains("\r\nretry-after: "), "{}", again.head);
    // From the pair's address.
    accepts(&beside.gateway, &with_secret(&claims("ann")), "ann").await;
    beside.unharmed().await;
}

#[tokio::test]
async fn r10_who_never_authenticates_is_4401() {
    let token = with_secret(&claims("ann"));
    let settings = [
        ("JWT_SECRET", SECRET),
        ("AUTH_REQUIRED", "true"),
        ("AUTH_TIMEOUT_MS", "500"),
        ("MAX_CONNECTIONS_PER_USER", "0"),
    ];
    let beside = Beside::with_tokens(&settings, [&token, &with_secret(&claims("carl"))]).await;
    for says in ["", r#"{"type":"ping"}"#, r#"{"type":"auth","token":"a.b.c"}"#] {
        let mut client = Client::connect(&beside.gateway).await;
        if !says.is_empty() {
            client.say(says).await;
        }
        assert_eq!(u16::from(client.closed().await.code), 4401);
    }
    beside.unharmed().await;
}

#[tokio::test]
async fn t01_a_token_without_a_signature_is_none() {
    let beside = Beside::with(&[("JWT_SECRET", SECRET)]).await;
    let mut tokens = Vec::new();
    for algorithm in ["none", "None", "NONE", "nOnE", "", "HS256"] {
        tokens.push(written(&json!({"alg": algorithm, "typ": "JWT"}), &claims("ann"), ""));
    }
    tokens.push(written(&json!({}), &claims("ann"), ""));
    let good = with_secret(&claims("ann"));
    tokens.push(good[..good.rfind('.').unwrap()].to_owned());
    refuses(&beside.gateway, &tokens).await;
    accepts(&beside.gateway, &good, "ann").await;
    beside.unharmed().await;
}

#[tokio::test]
async fn t02_a_public_key_is_no_secret_to_sign_with() {
    let jwks = Jwks::serve(json!({"keys": [jwk("one", JWK)]})).await;
    let beside = Beside::with(&[("JWKS_URL", &jwks.url)]).await;
    let texts = [PUBLIC_KEY.to_owned(), format!("{PUBLIC_KEY}\n"), jwk("one", JWK).to_string(), JWK.0.to_owned()];
    let tokens: Vec<String> = texts
        .iter()
        .map(|text| signed(Algorithm::HS256, Some("one"), &claims("ann"), &EncodingKey::from_secret(text.as_bytes())))
        .collect();
    refuses(&beside.gateway, &tokens).await;
    accepts(&beside.gateway, &with_key("one", &claims("ann"), KEY), "ann").await;
    beside.unharmed().await;
}

#[tokio::test]
async fn t03_claims_of_the_wrong_kind_or_time_are_refused() {
    let beside = Beside::with(&[("JWT_SECRET", SECRET)]).await;
    let hour = now() + 3_600;
    let tokens: Vec<String> = [
        json!({"sub": "ann", "exp": hour.to_string()}),
        json!({"sub": "ann", "exp": -1}),
        json!({"sub": "ann", "exp": null}),
        json!({"sub": "ann", "exp": [hour]}),
        json!({"sub": "ann"}),
        json!({"sub": "ann", "exp": hour, "nbf": hour}),
        json!({"sub": "ann", "exp": hour, "nbf": "0"}),
        json!({"exp": hour}),
        json!({"sub": 7, "exp": hour}),
    ]
    .iter()
    .map(with_secret)
    .collect();
    refuses(&beside.gateway, &tokens).await;
    // This one its own client may know about.
    refuses(&beside.gateway, &[with_secret(&json!({"sub": "ann", "exp": now() - 3_600}))]).await;
    accepts(&beside.gateway, &with_secret(&claims("ann")), "ann").await;
    beside.unharmed().await;
}

#[tokio::test]
async fn t04_a_strange_kid_is_refused_and_asks_for_keys_once() {
    let jwks = Jwks::serve(json!({"keys": [jwk("one", JWK)]})).await;
    let beside = Beside::with(&[("JWKS_URL", &jwks.url)]).await;
    accepts(&beside.gateway, &with_key("one", &claims("ann"), KEY), "ann").await;
    let before = jwks.asked.load(Ordering::Relaxed);
    let kids = ["../../dev/null", "' OR 1=1 --", "http://127.0.0.1:1/", "", "two", &"k".repeat(2_000)];
    let tokens: Vec<String> = kids.iter().map(|kid| with_key(kid, &claims("ann"), NEXT_KEY)).collect();
    refuses(&beside.gateway, &tokens).await;
    assert!(jwks.asked.load(Ordering::Relaxed) <= before + 1, "a stranger makes the gateway ask");
    accepts(&beside.gateway, &with_key("one", &claims("ann"), KEY), "ann").await;
    beside.unharmed().await;
}

#[tokio::test]
async fn t07_a_token_for_others_or_by_others_is_refused() {
    let settings = [("JWT_SECRET", SECRET), ("JWT_AUDIENCE", "duet"), ("JWT_ISSUER", "https://id.test")];
    let beside = Beside::with(&settings).await;
    let with = |audience: Value, issuer: &str| {
        let mut claims = claims("ann");
        claims["aud"] = audience;
        claims["iss"] = issuer.into();
        with_secret(&claims)
    };
    let tokens = [
        with(json!("other"), "https://id.test"),
        with(json!(["other", "DUET"]), "https://id.test"),
        with(json!([]), "https://id.test"),
        with(json!("duet"), "https://id.test.evil.test"),
        with(json!("duet"), ""),
        with_secret(&claims("ann")),
    ];
    refuses(&beside.gateway, &tokens).await;
    accepts(&beside.gateway, &with(json!("duet"), "https://id.test"), "ann").await;
    accepts(&beside.gateway, &with(json!(["other", "duet"]), "https://id.test"), "ann").await;
    beside.unharmed().await;
}

#[tokio::test]
async fn t08_keys_change_and_their_source_may_be_away() {
    let jwks = Jwks::serve(json!({"keys": [jwk("one", JWK)]})).await;
    let beside = Beside::with(&[("JWKS_URL", &jwks.url), ("JWKS_COOLDOWN_MS", "50")]).await;
    accepts(&beside.gateway, &with_key("one", &claims("ann"), KEY), "ann").await;
    jwks.publish(Some(json!({"keys": [jwk("one", JWK), jwk("two", NEXT_JWK)]})));
    let mut client = Client::connect(&beside.gateway).await;
    // Refused until the keys may be asked for again.
    loop {
        say_token(&mut client, &with_key("two", &claims("bob"), NEXT_KEY)).await;
        if client.hear().await["type"] == "authenticated" {
            break;
        }
        pause(Duration::from_millis(20)).await;
    }
    drop(client);
    accepts(&beside.gateway, &with_key("one", &claims("ann"), KEY), "ann").await;
    jwks.publish(None);
    refuses(&beside.gateway, &[with_key("three", &claims("eve"), NEXT_KEY)]).await;
    accepts(&beside.gateway, &with_key("two", &claims("bob"), NEXT_KEY), "bob").await;
    // It may have said that keys can't be had.
    beside.unharmed_but_for(10).await;
}

#[tokio::test]
async fn t09_a_huge_token_costs_nothing() {
    let beside = Beside::with(&[("JWT_SECRET", SECRET)]).await;
    let mut raw = Raw::connect(&beside.gateway).await;
    raw.send(&frame(TEXT, json!({"type": "auth", "token": "x".repeat(1024 * 1024)}).to_string().as_bytes())).await;
    assert_eq!(raw.closed().await, Some(1009));
    let mut client = Client::connect(&beside.gateway).await;
    say_token(&mut client, &"x".repeat(60_000)).await;
    client.refused("invalid-message").await;
    refuses(&beside.gateway, &[".".repeat(1_000), "a.".repeat(1_000), "..".to_owned(), "x".repeat(4_096)]).await;
    let header = format!("Host: x\r\nAuthorization: Bearer {}", "x".repeat(20_000));
    assert_eq!(exchange(&beside.gateway, &handshake(&[("Host: x", &header)])).await.status, 431);
    drop(client);
    beside.unharmed().await;
}

#[tokio::test]
async fn t10_an_identity_ends_with_its_token_unless_there_is_another() {
    let beside = Beside::with(&[("JWT_SECRET", SECRET), ("JWT_LEEWAY_MS", "0")]).await;
    let soon = || with_secret(&json!({"sub": "ann", "exp": now() + 3}));
    let (mut ends, mut goes_on) = (Client::connect(&beside.gateway).await, Client::connect(&beside.gateway).await);
    for client in [&mut ends, &mut goes_on] {
        say_token(client, &soon()).await;
        client.expect("authenticated").await;
        assert!(client.expect("token-expiring").await["inMs"].is_u64());
    }
    say_token(&mut goes_on, &with_secret(&claims("ann"))).await;
    goes_on.expect("authenticated").await;
    assert_eq!(u16::from(ends.closed().await.code), 4401);
    goes_on.hears_nothing().await;
    drop((ends, goes_on));
    beside.unharmed().await;
}
