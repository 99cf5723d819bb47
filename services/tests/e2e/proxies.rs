//! Behind a proxy that tells by PROXY protocol whom it speaks for.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::client::PATIENCE;
use crate::process::{Deployment, SHAPES};
use crate::request::handshake;

/// PROXY protocol, version 2: a TCP connection between these.
fn told(from: &str) -> Vec<u8> {
    let mut bytes = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    bytes.push(0x21);
    let put = |bytes: &mut Vec<u8>, family: u8, addresses: &[u8], ports: [u16; 2]| {
        bytes.push(family);
        bytes.extend(u16::try_from(addresses.len() + 4).unwrap().to_be_bytes());
        bytes.extend(addresses);
        bytes.extend(ports.map(u16::to_be_bytes).concat());
    };
    match from.parse().unwrap() {
        SocketAddr::V4(from) => {
            let addresses = [from.ip().octets(), [10, 0, 0, 1]].concat();
            put(&mut bytes, 0x11, &addresses, [from.port(), 443]);
        }
        SocketAddr::V6(from) => {
            let addresses = [from.ip().octets(), [0; 16]].concat();
            put(&mut bytes, 0x21, &addresses, [from.port(), 443]);
        }
    }
    bytes
}

/// The answer's status line, and the connection, which holds a place; `None` if it is closed without one.
async fn upgrade_after(gateway: &str, preface: &[u8]) -> Option<(String, TcpStream)> {
    let mut stream = TcpStream::connect(gateway).await.unwrap();
    let _ = stream.write_all(&[preface, handshake(&[]).as_bytes()].concat()).await;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(timeout(PATIENCE, stream.read_u8()).await.expect("neither an answer nor the end").ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    Some((head.lines().next().unwrap().to_owned(), stream))
}

#[tokio::test]
async fn the_address_that_a_trusted_proxy_tells_counts() {
    let flags = ["--proxy-protocol", "--trusted-proxies", "127.0.0.1", "--max-connections-per-address", "1"];
    let duet = Deployment::with(SHAPES[0], &flags, &[]);
    let mut held = Vec::new();
    for (from, status) in [
        ("203.0.113.7:1", "101"),
        ("203.0.113.8:1", "101"),
        ("203.0.113.7:2", "429"),
        ("[2001:db8::1]:1", "101"),
        ("[2001:db8::2]:1", "429"),
        ("[2001:db8:0:1::2]:1", "101"),
    ] {
        let (line, stream) = upgrade_after(&duet.gateway, &told(from)).await.expect("an answer");
        assert!(line.starts_with(&format!("HTTP/1.1 {status} ")), "{from}: {line}");
        held.push(stream);
    }
}

#[tokio::test]
async fn where_a_proxy_must_tell_nobody_else_gets_in() {
    let flags = ["--proxy-protocol", "--trusted-proxies", "127.0.0.1", "--header-timeout-ms", "300"];
    let duet = Deployment::with(SHAPES[0], &flags, &[]);
    for preface in [&b""[..], b"PROXY TCP4 1.2.3.4 10.0.0.1 1 443\r\n", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff"] {
        assert!(upgrade_after(&duet.gateway, preface).await.is_none(), "{preface:?}");
    }
    let strangers = ["--proxy-protocol", "--trusted-proxies", "192.0.2.1"];
    let duet = Deployment::with(SHAPES[0], &strangers, &[]);
    assert!(upgrade_after(&duet.gateway, &told("203.0.113.7:1")).await.is_none());
}
