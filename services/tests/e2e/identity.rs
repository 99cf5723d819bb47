//! Who clients are: tokens in messages and in requests, what their users may, and when they end.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::certificates::{Authority, Directory, Identity};
use crate::client::{Client, pause};
use crate::http::{get, upgrade};
use crate::process::{Deployment, Duet, GATEWAY, SHAPES};

pub(crate) const SECRET: &str = "a secret of at least 32 bytes, for tests";

/// A token that is good for so many seconds.
pub(crate) fn token(user: &str, seconds: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims =
        json!({ "sub": user, "exp": now + seconds, "name": user.to_uppercase(), "email": "secret@example.com" });
    encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap()
}

pub(crate) fn auth(token: &str) -> String {
    json!({ "type": "auth", "token": token }).to_string()
}

#[tokio::test]
async fn partners_see_who_is_proved_and_what_may_be_shown() {
    for shape in SHAPES {
        let duet = Deployment::with(shape, &["--jwt-secret", SECRET, "--public-claims", "name"], &[]);
        let mut ann = Client::connect(&duet.gateway).await;
        ann.say(&auth(&token("ann", 600))).await;
        let accepted = ann.expect("authenticated").await;
        assert_eq!(accepted, json!({ "type": "authenticated", "userId": "ann", "verified": true }));
        ann.say(r#"{"type":"available"}"#).await;
        ann.expect("waiting").await;

        let mut stranger = Client::connect(&duet.gateway).await;
        stranger.say(r#"{"type":"auth","userId":"ann"}"#).await;
        stranger.refused("unauthorized").await;
        stranger.say(r#"{"type":"available"}"#).await;
        assert_eq!(stranger.expect("matched").await["partner"], json!({ "userId": "ann", "name": "ANN" }));
        assert_eq!(ann.expect("matched").await["partner"], Value::Null, "nothing is proved of a stranger");
    }
}

#[tokio::test]
async fn a_user_on_two_devices_never_meets_itself() {
    for shape in SHAPES {
        let duet = Deployment::with(shape, &["--jwt-secret", SECRET], &[]);
        let mut devices = Vec::new();
        for _ in 0..2 {
            let mut device = Client::connect_with(&duet.gateway, &token("ann", 600)).await;
            device.expect("authenticated").await;
            device.say(r#"{"type":"available"}"#).await;
            device.expect("waiting").await;
            devices.push(device);
        }
        let mut bob = Client::connect_with(&duet.gateway, &token("bob", 600)).await;
        bob.expect("authenticated").await;
        bob.say(r#"{"type":"available"}"#).await;
        bob.expect("matched").await;
        devices[0].expect("matched").await;
    }
}

#[tokio::test]
async fn a_user_has_so_many_connections_at_once() {
    let duet = Deployment::with(SHAPES[0], &["--jwt-secret", SECRET, "--max-connections-per-user", "1"], &[]);
    let mut first = Client::connect_with(&duet.gateway, &token("ann", 600)).await;
    first.expect("authenticated").await;
    // Again on the same connection, to prolong it.
    first.say(&auth(&token("ann", 900))).await;
    first.expect("authenticated").await;

    let bearer = format!("Authorization: Bearer {}\r\nConnection: upgrade", token("ann", 600));
    let refused = upgrade(&duet.gateway, &[("Connection: Upgrade", &bearer)]).await;
    assert!(refused.starts_with("http/1.1 429 "), "{refused}");
    let mut second = Client::connect(&duet.gateway).await;
    second.say(&auth(&token("ann", 600))).await;
    second.refused("rate-limited").await;
    let mut other = Client::connect_with(&duet.gateway, &token("bob", 600)).await;
    other.expect("authenticated").await;

    first.close(1000).await;
    loop {
        second.say(&auth(&token("ann", 600))).await;
        match second.hear().await["type"].as_str().unwrap() {
            "authenticated" => break,
            kind => assert_eq!(kind, "error", "the place is given back with the connection"),
        }
    }
}

#[tokio::test]
async fn a_request_s_token_is_checked_before_the_upgrade() {
    let duet = Deployment::with(SHAPES[0], &["--jwt-secret", SECRET, "--auth-required", "true"], &[]);
    for (authorization, status) in [
        (format!("Bearer {}", token("ann", 600)), 101),
        (format!("bearer {}", token("ann", 600)), 101),
        (format!("Bearer {}x", token("ann", 600)), 401),
        ("Bearer".to_owned(), 401),
        ("Basic YW5uOmFubg==".to_owned(), 401),
    ] {
        let header = format!("Authorization: {authorization}\r\nConnection: upgrade");
        let answer = upgrade(&duet.gateway, &[("Connection: Upgrade", &header)]).await;
        assert!(answer.starts_with(&format!("http/1.1 {status} ")), "{answer}");
        assert!(status == 101 || answer.contains("www-authenticate: bearer"), "{answer}");
    }
    assert_eq!(get(&duet.gateway, "/ws/check").await.status, 200, "a token may come by message");
}

#[tokio::test]
async fn who_shows_no_token_or_an_old_one_is_sent_away() {
    let flags = ["--jwt-secret", SECRET, "--auth-required", "true", "--auth-timeout-ms", "300", "--jwt-leeway-ms", "0"];
    let duet = Deployment::with(SHAPES[0], &flags, &[]);
    let mut stranger = Client::connect(&duet.gateway).await;
    stranger.say(r#"{"type":"available"}"#).await;
    stranger.refused("unauthorized").await;
    assert_eq!(u16::from(stranger.closed().await.code), 4401);

    let mut ann = Client::connect_with(&duet.gateway, &token("ann", 2)).await;
    ann.expect("authenticated").await;
    assert!(ann.expect("token-expiring").await["inMs"].as_u64().unwrap() <= 2000);
    assert_eq!(u16::from(ann.closed().await.code), 4401);
}

/// Publishes a text by https, whatever is asked for; the port.
pub(crate) async fn publish(identity: &Identity, text: String) -> u16 {
    let chain = vec![CertificateDer::from_pem_slice(identity.certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let acceptor = TlsAcceptor::from(Arc::new(config.with_single_cert(chain, key).unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // Some don't believe the certificate.
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let Ok(byte) = stream.read_u8().await else { break };
                request.push(byte);
            }
            let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", text.len());
            let _ = stream.write_all([head.as_bytes(), text.as_bytes()].concat().as_slice()).await;
            let _ = stream.shutdown().await;
        }
    });
    port
}

#[tokio::test]
async fn keys_are_fetched_by_https_from_whom_the_system_believes() {
    const PRIVATE_KEY: &str = include_str!("../../../gateway/src/server/verifier/keys/ed-private.pem");
    const PUBLIC_KEY: &str = include_str!("../../../gateway/src/server/verifier/keys/ed-public.pem");
    let text: String = PUBLIC_KEY.lines().filter(|line| !line.starts_with('-')).collect();
    let der = BASE64_STANDARD.decode(text).unwrap();
    let x = BASE64_URL_SAFE_NO_PAD.encode(&der[der.len() - 32..]);
    let keys = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "one", "use": "sig", "x": x }] });
    let authority = Authority::new();
    let directory = Directory::new();
    let believed = directory.write("authority.pem", &authority.certificate);
    let stranger = directory.write("stranger.pem", &Authority::new().certificate);
    let url = format!("https://localhost:{}/keys", publish(&authority.sign(&["localhost"]), keys.to_string()).await);
    let args = [GATEWAY, &["--jwks-url", &url]].concat();

    let duet = Duet::start_with(&args, &[("SSL_CERT_FILE", &believed)]);
    let gateway = duet.address("WebSocket");
    while get(&gateway, "/readyz").await.status != 200 {
        pause(Duration::from_millis(20)).await;
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let header = Header { kid: Some("one".to_owned()), ..Header::new(Algorithm::EdDSA) };
    let key = EncodingKey::from_ed_pem(PRIVATE_KEY.as_bytes()).unwrap();
    let signed = encode(&header, &json!({ "sub": "ann", "exp": now + 60 }), &key).unwrap();
    let mut ann = Client::connect_with(&gateway, &signed).await;
    assert_eq!(ann.expect("authenticated").await["userId"], "ann");

    let duet = Duet::start_with(&args, &[("SSL_CERT_FILE", &stranger)]);
    duet.logged(&["the keys of JWKS_URL can't be fetched", "certificate"]).await;
    let unready = get(&duet.address("WebSocket"), "/readyz").await;
    assert_eq!(unready.status, 503);
    assert!(unready.body.contains("no keys"), "{}", unready.body);
}

#[tokio::test]
async fn a_variable_that_is_set_to_nothing_is_not_set() {
    let empty = ["--jwt-secret", "", "--jwt-secret-file", "", "--jwt-public-key-file", "", "--jwks-url", ""];
    let duet = Deployment::with(SHAPES[0], &empty, &[]);
    let mut ann = Client::connect(&duet.gateway).await;
    ann.say(r#"{"type":"auth","userId":"ann"}"#).await;
    assert_eq!(ann.expect("authenticated").await["verified"], false);
}

#[test]
fn settings_that_can_t_be_meant_are_refused() {
    for (settings, named) in [
        (&[("JWT_SECRET", "short")][..], "JWT_SECRET"),
        (&[("JWT_PUBLIC_KEY_FILE", "/nowhere")], "JWT_PUBLIC_KEY_FILE"),
        (&[("JWKS_URL", "ftp://keys.example/")], "JWKS_URL"),
        (&[("AUTH_REQUIRED", "true")], "AUTH_REQUIRED"),
        (&[("JWT_SECRET", SECRET), ("JWKS_URL", "http://localhost/")], "JWKS_URL"),
        (&[("PROXY_PROTOCOL", "true")], "TRUSTED_PROXIES"),
        (&[("TRUSTED_PROXIES", "10.0.0.0/99")], "TRUSTED_PROXIES"),
    ] {
        let (status, _, errors) = crate::process::run(&["--port", "0"], settings);
        assert_eq!(status, Some(64), "{settings:?}: {errors}");
        assert!(errors.contains(named) && !errors.contains(SECRET), "{settings:?}: {errors}");
    }
}
