//! Rows H: connections and requests before there is a WebSocket.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::beside::Beside;
use crate::client::{Client, PATIENCE, pause};
use crate::request::{Answer, exchange, get, handshake, upgrade};

/// So that nobody waits five seconds.
const SOON: &[(&str, &str)] = &[("HEADER_TIMEOUT_MS", "300")];

/// All that the server says before it closes.
async fn until_closed(mut stream: TcpStream) -> Vec<u8> {
    let mut said = Vec::new();
    // A reset is an end, too.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut said)).await.expect("still open");
    said
}

/// A refused handshake: as it would be accepted, with lines replaced.
async fn refused(gateway: &str, replace: &[(&str, &str)]) -> Answer {
    let replace = [replace, &[("Host: x", "Host: x\r\nConnection: close")]].concat();
    exchange(gateway, &handshake(&replace)).await
}

#[tokio::test]
async fn h01_silent_sockets_are_closed_without_a_word() {
    let beside = Beside::with(SOON).await;
    let mut silent = Vec::new();
    for _ in 0..500 {
        silent.push(TcpStream::connect(&beside.gateway).await.unwrap());
    }
    for stream in silent {
        assert!(until_closed(stream).await.is_empty());
    }
    beside.unharmed().await;
}

#[tokio::test]
async fn h02_beginnings_of_http_2_are_not_waited_for() {
    let beside = Beside::with(SOON).await;
    for start in ["PRI * HTTP/2.0\r\n", "PRI * HTTP"] {
        let answer = exchange(&beside.gateway, start).await;
        assert!([0, 400].contains(&answer.status), "{start}: {answer:?}");
    }
    beside.unharmed().await;
}

#[tokio::test]
async fn h03_a_head_that_drips_ends_at_its_deadline() {
    let beside = Beside::with(SOON).await;
    let mut streams = Vec::new();
    for _ in 0..50 {
        streams.push(TcpStream::connect(&beside.gateway).await.unwrap());
    }
    for stream in &mut streams {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nX: ").await.unwrap();
    }
    let drip = async {
        while !streams.is_empty() {
            let mut open = Vec::new();
            for mut stream in streams.drain(..) {
                if stream.write_all(b"y").await.is_ok() {
                    open.push(stream);
                }
            }
            streams = open;
            pause(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, drip).await.expect("a drip prolongs the deadline");
    beside.unharmed().await;
}

#[tokio::test]
async fn h04_a_kept_connection_that_asks_nothing_more_is_closed() {
    let beside = Beside::with(SOON).await;
    let answer = exchange(&beside.gateway, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(answer.status, 200, "and then closed");
    beside.unharmed().await;
}

#[tokio::test]
async fn h05_more_than_64_headers_are_431() {
    let beside = Beside::start().await;
    let many: String = (0..101).map(|index| format!("X-{index}: y\r\n")).collect();
    let answer = exchange(&beside.gateway, &format!("GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n")).await;
    assert_eq!(answer.status, 431);
    beside.unharmed().await;
}

#[tokio::test]
async fn h06_a_header_over_16_kib_is_431() {
    let beside = Beside::start().await;
    let large = "y".repeat(20 * 1024);
    let answer = exchange(&beside.gateway, &format!("GET / HTTP/1.1\r\nHost: x\r\nX: {large}\r\n\r\n")).await;
    assert_eq!(answer.status, 431);
    beside.unharmed().await;
}

#[tokio::test]
async fn h07_a_target_that_is_too_long_is_refused_and_a_long_query_ignored() {
    let beside = Beside::start().await;
    let long = exchange(&beside.gateway, &format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "y".repeat(66_000))).await;
    assert!([414, 431].contains(&long.status), "{long:?}");
    let query = get(&beside.gateway, &format!("/healthz?{}", "y".repeat(3 * 1024))).await;
    assert_eq!(query.status, 200);
    beside.unharmed().await;
}

#[tokio::test]
async fn h08_what_asks_for_no_websocket_gets_none() {
    let beside = Beside::start().await;
    for (replace, status) in
        [(("GET", "POST"), 405), (("Upgrade: websocket\r\n", ""), 426), (("Upgrade: websocket", "Upgrade: h2c"), 426)]
    {
        let answer = refused(&beside.gateway, &[replace]).await;
        assert_eq!(answer.status, status, "{replace:?}");
        assert!(answer.body.starts_with(r#"{"code":"#), "{}", answer.body);
    }
    beside.unharmed().await;
}

#[tokio::test]
async fn h09_another_version_is_426_and_told_the_right_one() {
    let beside = Beside::start().await;
    let answer = refused(&beside.gateway, &[("Version: 13", "Version: 8")]).await;
    assert_eq!((answer.status, answer.header("sec-websocket-version")), (426, Some("13")));
    beside.unharmed().await;
}

#[tokio::test]
async fn h10_a_key_that_is_missing_short_or_twice_is_400() {
    let beside = Beside::start().await;
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let short = "Sec-WebSocket-Key: abc=\r\n";
    for keys in [String::new(), short.to_owned(), key.repeat(2)] {
        assert_eq!(refused(&beside.gateway, &[(key, &keys)]).await.status, 400, "{keys}");
    }
    beside.unharmed().await;
}

#[tokio::test]
async fn h12_an_upgrade_in_a_second_connection_header_counts() {
    let beside = Beside::start().await;
    let split = "Connection: keep-alive\r\nConnection: Upgrade";
    let head = upgrade(&beside.gateway, &[("Connection: Upgrade", split)]).await;
    assert!(head.starts_with("http/1.1 101"), "{head}");
    beside.unharmed().await;
}

#[tokio::test]
async fn h13_only_the_exact_origin_connects() {
    let beside = Beside::with(&[("ALLOWED_ORIGIN", "https://app.example.com")]).await;
    for (origin, status) in [
        ("", 200),
        ("Origin: https://app.example.com\r\n", 200),
        ("Origin: https://APP.example.com\r\n", 200),
        ("Origin: null\r\n", 403),
        ("Origin: https://app.example.com.evil.test\r\n", 403),
        ("Origin: http://app.example.com\r\n", 403),
        ("Origin: https://app.example.com:8443\r\n", 403),
        ("Origin: https://xn--pp-3ja.example.com\r\n", 403),
        ("Origin: https://\u{430}pp.example.com\r\n", 403),
        ("Origin: https://app.example.com\r\nOrigin: https://app.example.com\r\n", 403),
    ] {
        let check = format!("GET /ws/check HTTP/1.1\r\nHost: x\r\n{origin}Connection: close\r\n\r\n");
        assert_eq!(exchange(&beside.gateway, &check).await.status, status, "{origin}");
        if status == 403 {
            let with = format!("Host: x\r\n{origin}");
            assert_eq!(refused(&beside.gateway, &[("Host: x\r\n", &with)]).await.status, 403, "{origin}");
        }
    }
    beside.unharmed().await;
}

#[tokio::test]
async fn h21_a_request_with_two_lengths_can_smuggle_nothing() {
    let beside = Beside::start().await;
    let smuggled = "0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    for lengths in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 0",
        "Content-Length: 5",
        "Content-Length: 5\r\nContent-Length: 6",
        "Transfer-Encoding: chunked, identity",
    ] {
        let request = handshake(&[("Host: x", &format!("Host: x\r\n{lengths}"))]) + smuggled;
        let answer = exchange(&beside.gateway, &request).await;
        assert_eq!(answer.status, 400, "{lengths}: {answer:?}");
        assert!(!answer.body.contains("HTTP/1.1"), "{lengths}: the connection ends after the refusal: {answer:?}");
    }
    beside.unharmed().await;
}

#[tokio::test]
async fn h17_a_proxys_preface_is_no_request() {
    let beside = Beside::start().await;
    let second_version = "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c";
    for preface in ["PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", "PROXY UNKNOWN\r\n", second_version] {
        let answer = exchange(&beside.gateway, &format!("{preface}{}", handshake(&[]))).await;
        assert!([0, 400].contains(&answer.status), "{preface:?}: {answer:?}");
    }
    beside.unharmed().await;
}

#[tokio::test]
async fn h23_compression_is_not_agreed_to() {
    let beside = Beside::start().await;
    let offer = "Host: x\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits";
    let head = upgrade(&beside.gateway, &[("Host: x", offer)]).await;
    assert!(head.starts_with("http/1.1 101") && !head.contains("sec-websocket-extensions"), "{head}");
    beside.unharmed().await;
}

#[tokio::test]
async fn h25_the_public_port_has_no_back_doors() {
    let beside = Beside::start().await;
    for path in [
        "/metrics",
        "/admin",
        "/debug/pprof",
        "/.env",
        "/sdk/../Cargo.toml",
        "/sdk/%2e%2e/%2e%2e/Cargo.toml",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/duet.v1.Matchmaker/GetStats",
    ] {
        assert_eq!(get(&beside.gateway, path).await.status, 404, "{path}");
    }
    Client::connect(&beside.gateway).await;
    beside.unharmed().await;
}
