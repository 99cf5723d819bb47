//! Plain HTTP: what is served, what is refused, and how slow or broken clients end. See `request.rs` for how
//! they are asked.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::client::{Client, PATIENCE};
use crate::process::{Deployment, Shape};
pub(crate) use crate::request::{exchange, get, handshake, upgrade};

#[tokio::test]
async fn the_page_and_the_sdk_are_served_with_a_policy() {
    let duet = Deployment::start(Shape::Standalone);
    for (path, kind, contains) in [
        ("/", "text/html; charset=utf-8", "<!doctype html>"),
        ("/demo/main.js", "text/javascript; charset=utf-8", "import"),
        ("/demo/demo.css", "text/css; charset=utf-8", "{"),
        ("/sdk/index.js", "text/javascript; charset=utf-8", "export"),
    ] {
        let answer = get(&duet.gateway, path).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(kind)), "{path}");
        assert!(answer.body.to_lowercase().contains(contains), "{path}");
        assert!(answer.header("content-security-policy").unwrap().starts_with("default-src 'self'"));
        assert_eq!(answer.header("access-control-allow-origin").is_some(), path.starts_with("/sdk/"), "{path}");
    }
    for path in ["/metrics", "/sdk/", "/sdk/../Cargo.toml", "/demo/nothing.js", "/duet.v1.Matchmaker/GetStats"] {
        let answer = get(&duet.gateway, path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.body.contains(r#""code":"not-found""#), "{path}: {}", answer.body);
    }
}

#[tokio::test]
async fn health_and_readiness_are_told() {
    let duet = Deployment::start(Shape::Standalone);
    assert_eq!(get(&duet.gateway, "/healthz").await.status, 200);
    let _linked = Client::connect(&duet.gateway).await;
    let ready = async { while get(&duet.gateway, "/readyz").await.status != 200 {} };
    timeout(PATIENCE, ready).await.expect("never ready");
    let check = get(&duet.gateway, "/ws/check").await;
    assert_eq!((check.status, check.header("access-control-allow-origin")), (200, Some("*")));
}

#[tokio::test]
async fn only_a_proper_handshake_upgrades() {
    let duet = Deployment::start(Shape::Standalone);
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for (replace, status, header) in [
        (&[("GET", "POST")][..], 405, ("allow", "GET")),
        (&[("HTTP/1.1", "HTTP/1.0")], 426, ("upgrade", "websocket")),
        (&[("Connection: Upgrade\r\n", "")], 426, ("upgrade", "websocket")),
        (&[("Upgrade: websocket", "Upgrade: h2c")], 426, ("upgrade", "websocket")),
        (&[("Version: 13", "Version: 8")], 426, ("sec-websocket-version", "13")),
        (&[("Sec-WebSocket-Version: 13\r\n", "")], 426, ("sec-websocket-version", "13")),
        (&[(key, "")], 400, ("content-type", "application/json")),
        (&[("dGhlIHNhbXBsZSBub25jZQ==", "abc=")], 400, ("content-type", "application/json")),
        (
            &[(key, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")],
            400,
            ("content-type", "application/json"),
        ),
    ] {
        let replace = [replace, &[("Host: x", "Host: x\r\nConnection: close")]].concat();
        let answer = exchange(&duet.gateway, &handshake(&replace)).await;
        assert_eq!(answer.status, status, "{replace:?}: {answer:?}");
        assert_eq!(answer.header(header.0), Some(header.1), "{answer:?}");
        let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        assert!(body["code"].is_string() && body["message"].is_string(), "{body}");
    }
}

#[tokio::test]
async fn other_methods_are_refused_in_the_same_form() {
    let duet = Deployment::start(Shape::Standalone);
    for path in ["/", "/ws/check", "/readyz", "/sdk/index.js"] {
        let request = format!("DELETE {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let answer = exchange(&duet.gateway, &request).await;
        assert_eq!(answer.status, 405, "{path}");
        assert!(answer.body.contains(r#""code":"method-not-allowed""#), "{path}: {}", answer.body);
    }
}

#[tokio::test]
async fn headers_split_in_two_and_compression_offers_do_no_harm() {
    let duet = Deployment::start(Shape::Standalone);
    let split = "Connection: keep-alive\r\nSec-WebSocket-Extensions: permessage-deflate\r\nconnection: x, UPGRADE";
    let head = upgrade(&duet.gateway, &[("Connection: Upgrade", split)]).await;
    assert!(head.starts_with("http/1.1 101"), "{head}");
    assert!(head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="), "{head}");
    assert!(!head.contains("sec-websocket-extensions"), "{head}");
}

#[tokio::test]
async fn only_listed_origins_connect() {
    let duet =
        Deployment::with(Shape::Standalone, &["--allowed-origin", "https://app.test, http://localhost:3000"], &[]);
    for (origin, status) in [
        ("Origin: https://evil.test\r\n", 403),
        ("Origin: https://app.test.evil.test\r\n", 403),
        ("Origin: null\r\n", 403),
        ("Origin: https://app.test\r\nOrigin: https://app.test\r\n", 403),
        ("Origin: https://APP.test\r\n", 200),
        ("Origin: http://localhost:3000\r\n", 200),
        ("", 200),
    ] {
        let close = format!("{origin}Connection: close\r\n");
        let check = exchange(&duet.gateway, &format!("GET /ws/check HTTP/1.1\r\nHost: x\r\n{close}\r\n")).await;
        assert_eq!(check.status, status, "{origin}: {check:?}");
        if status == 403 {
            let upgrade = exchange(&duet.gateway, &handshake(&[("Host: x\r\n", &format!("Host: x\r\n{close}"))])).await;
            assert_eq!(upgrade.status, 403, "{origin}");
            assert!(upgrade.body.contains(r#""code":"origin-refused""#), "{}", upgrade.body);
        }
    }
    Client::connect(&duet.gateway).await;
}

#[tokio::test]
async fn requests_that_are_too_much_are_refused() {
    let duet = Deployment::start(Shape::Standalone);
    let many: String = (0..65).map(|i| format!("X-{i}: y\r\n")).collect();
    let large = format!("X: {}\r\n", "y".repeat(20 * 1024));
    for headers in [many, large] {
        let answer = exchange(&duet.gateway, &format!("GET / HTTP/1.1\r\nHost: x\r\n{headers}\r\n")).await;
        assert_eq!(answer.status, 431, "{answer:?}");
    }
    let smuggled = "GET /ws HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let answer = exchange(&duet.gateway, smuggled).await;
    assert_eq!(answer.status, 400, "{answer:?}");
    let long = exchange(&duet.gateway, &format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "y".repeat(70_000))).await;
    assert!([400, 414, 431].contains(&long.status), "{long:?}");
    assert_eq!(exchange(&duet.gateway, "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n").await.status, 400);
}

#[tokio::test]
async fn clients_that_never_finish_a_request_are_closed() {
    let duet = Deployment::with(Shape::Standalone, &["--header-timeout-ms", "200"], &[]);
    let bystander = Client::connect(&duet.gateway).await;
    for start in ["", "PRI * HT", "GET /", "GET / HTTP/1.1\r\nHost: x\r\n", "PRI * HTTP/2.0\r\n"] {
        let answer = exchange(&duet.gateway, start).await;
        assert!([0, 400].contains(&answer.status), "{start}: {answer:?}");
    }
    let kept_alive = exchange(&duet.gateway, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(kept_alive.status, 200, "and then closed for being idle");
    // One byte at a time does not prolong the deadline.
    let mut stream = TcpStream::connect(&duet.gateway).await.unwrap();
    let drip = async {
        let mut pace = tokio::time::interval(Duration::from_millis(20));
        while stream.write_all(b"x").await.is_ok() {
            pace.tick().await;
        }
    };
    timeout(PATIENCE, drip).await.expect("still open");
    drop(bystander);
}
