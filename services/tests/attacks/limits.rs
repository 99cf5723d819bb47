//! Rows of all letters about what one client, or one address, may have: connections, frames, wishes, and whose word counts for where it is.

use std::net::Ipv4Addr;
use std::time::Duration;

use duet_proto::v1::GetStatsRequest;
use duet_proto::v1::matchmaker_client::MatchmakerClient;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::beside::Beside;
use crate::client::{Client, PATIENCE, pause};
use crate::raw::{CONTINUES, PING, Raw, TEXT, TEXT_BEGINS, frame};
use crate::request::{get, handshake};

/// Where attackers are: another address than the pair's.
pub(crate) const ATTACKER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const PONG: u8 = 0x8a;

/// An upgrade that was asked for from an address.
pub(crate) struct Upgrade {
    pub(crate) stream: TcpStream,
    /// In lower case.
    pub(crate) head: String,
}

impl Upgrade {
    pub(crate) fn status(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or("closed")
    }
}

/// Asks for an upgrade from that address, with lines of header.
pub(crate) async fn upgrade_from(address: Ipv4Addr, gateway: &str, headers: &str) -> Upgrade {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((address, 0).into()).unwrap();
    let mut stream = socket.connect(gateway.parse().unwrap()).await.unwrap();
    let request = handshake(&[("Host: x\r\n", &format!("Host: x\r\n{headers}"))]);
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match timeout(PATIENCE, stream.read_u8()).await.expect("no answer in time") {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    Upgrade { stream, head: String::from_utf8_lossy(&head).to_lowercase() }
}

#[tokio::test]
async fn h15_what_a_stranger_says_of_its_address_is_ignored() {
    let beside = Beside::with(&[("MAX_CONNECTIONS_PER_ADDRESS", "2")]).await;
    let first = upgrade_from(ATTACKER, &beside.gateway, "").await;
    let second = upgrade_from(ATTACKER, &beside.gateway, "X-Forwarded-For: 9.9.9.9\r\n").await;
    assert_eq!((first.status(), second.status()), ("101", "101"));
    let thousand = vec!["1.2.3.4"; 1_000].join(", ");
    let long = upgrade_from(ATTACKER, &beside.gateway, &format!("X-Forwarded-For: {thousand}\r\n")).await;
    assert_eq!(long.status(), "429", "{}", long.head);
    for value in ["1.2.3.4", "", "unknown", "1.2.3.4:99", "[::1]:1", "fe80::1%eth0", "\u{ff}", "127.0.0.1"] {
        let headers = format!("X-Forwarded-For: {value}\r\nX-Forwarded-For: {value}\r\nForwarded: for={value}\r\n");
        let refused = upgrade_from(ATTACKER, &beside.gateway, &headers).await;
        assert_eq!(refused.status(), "429", "{value}: {}", refused.head);
    }
    drop((first, second));
    beside.unharmed().await;
}

#[tokio::test]
async fn h16_a_trusted_proxy_is_believed_from_right_to_left() {
    let settings = [("MAX_CONNECTIONS_PER_ADDRESS", "2"), ("TRUSTED_PROXIES", "127.0.0.2/32,10.0.0.0/8")];
    let beside = Beside::with(&settings).await;
    let mut open = Vec::new();
    // One and the same client, whatever it writes before its own address.
    for (chain, status) in [
        ("1.2.3.4", "101"),
        ("9.9.9.9, 1.2.3.4, 10.0.0.1", "101"),
        ("8.8.8.8, 1.2.3.4", "429"),
        ("1.2.3.5, 1.2.3.4, 10.0.0.1, 10.0.0.2", "429"),
        ("1.2.3.4, 1.2.3.5", "101"),
        // All are trusted: the left-most.
        ("10.0.0.7, 10.0.0.1", "101"),
        ("10.0.0.7", "101"),
        ("10.0.0.7, 10.0.0.2", "429"),
    ] {
        let upgrade = upgrade_from(ATTACKER, &beside.gateway, &format!("X-Forwarded-For: {chain}\r\n")).await;
        assert_eq!(upgrade.status(), status, "{chain}: {}", upgrade.head);
        open.push(upgrade);
    }
    drop(open);
    beside.unharmed().await;
}

#[tokio::test]
async fn h18_too_many_upgrades_a_second_from_one_address_are_429() {
    let settings = [("CONNECT_RATE_PER_ADDRESS", "5"), ("CONNECT_BURST_PER_ADDRESS", "10")];
    let beside = Beside::with(&settings).await;
    let mut open = Vec::new();
    let mut refused = 0;
    for _ in 0..200 {
        let upgrade = upgrade_from(ATTACKER, &beside.gateway, "").await;
        match upgrade.status() {
            "101" => open.push(upgrade),
            "429" => {
                assert!(upgrade.head.contains("\r\nretry-after: "), "{}", upgrade.head);
                refused += 1;
            }
            other => panic!("{other}: {}", upgrade.head),
        }
    }
    assert!(open.len() >= 10 && refused > 0, "{} and {refused}", open.len());
    // From the pair's address.
    Client::connect(&beside.gateway).await;
    drop(open);
    beside.unharmed().await;
}

#[tokio::test]
async fn h19_past_the_limit_of_connections_is_503_and_places_come_back() {
    let beside = Beside::with(&[("MAX_CONNECTIONS", "10")]).await;
    let mut open = Vec::new();
    for _ in 0..8 {
        open.push(Raw::connect(&beside.gateway).await);
    }
    for _ in 0..20 {
        let refused = upgrade_from(ATTACKER, &beside.gateway, "").await;
        assert_eq!(refused.status(), "503", "{}", refused.head);
        assert!(refused.head.contains("\r\nretry-after: "), "{}", refused.head);
    }
    assert_eq!(get(&beside.gateway, "/readyz").await.status, 200);
    open.pop();
    // The server may not have seen its end yet.
    while upgrade_from(ATTACKER, &beside.gateway, "").await.status() != "101" {
        pause(Duration::from_millis(10)).await;
    }
    drop(open);
    beside.unharmed().await;
}

/// Frames without end, which must end with 1008; how many came back before the close frame.
async fn is_sent_away(raw: Raw, flood: Vec<u8>) -> usize {
    let (mut from, mut to) = raw.stream.into_split();
    let writing = tokio::spawn(async move {
        while to.write_all(&flood).await.is_ok() {}
        to
    });
    let mut answers = 0;
    let code = loop {
        let read = timeout(PATIENCE, crate::raw::read_frame(&mut from)).await.expect("neither a frame nor the end");
        match read.expect("an end without a close frame") {
            (0x88, payload) => break u16::from_be_bytes([payload[0], payload[1]]),
            _ => answers += 1,
        }
    };
    assert_eq!(code, 1008);
    drop(from);
    drop(timeout(PATIENCE, writing).await.expect("still open").unwrap());
    answers
}

#[tokio::test]
async fn f09_a_message_that_begins_and_never_ends_is_1008() {
    let beside = Beside::with(&[("MESSAGE_TIMEOUT_MS", "300")]).await;
    let half = frame(TEXT, br#"{"type":"ping"}"#);
    for begun in [frame(TEXT_BEGINS, b"{"), half[..half.len() - 1].to_vec(), vec![TEXT]] {
        let mut raw = Raw::connect(&beside.gateway).await;
        raw.send(&begun).await;
        assert_eq!(raw.closed().await, Some(1008));
    }
    beside.unharmed().await;
}

#[tokio::test]
async fn f11_empty_continuations_without_end_are_1008() {
    let beside = Beside::start().await;
    let mut raw = Raw::connect(&beside.gateway).await;
    raw.send(&frame(TEXT_BEGINS, b"")).await;
    assert_eq!(is_sent_away(raw, frame(CONTINUES, b"").repeat(10_000)).await, 0);
    beside.unharmed().await;
}

#[tokio::test]
async fn f12_a_flood_of_pings_is_answered_only_at_first() {
    let beside = Beside::start().await;
    let mut raw = Raw::connect(&beside.gateway).await;
    raw.send(&frame(PING, b"").repeat(15)).await;
    for _ in 0..15 {
        assert_eq!(raw.frame().await, Some((PONG, Vec::new())), "some pings are nobody's flood");
    }
    let answers = is_sent_away(raw, frame(PING, b"").repeat(1_000)).await;
    assert!(answers < 10_000, "{answers}");
    beside.unharmed().await;
}

#[tokio::test]
async fn f14_a_flood_of_pongs_is_1008() {
    let beside = Beside::start().await;
    let raw = Raw::connect(&beside.gateway).await;
    assert_eq!(is_sent_away(raw, frame(PONG, b"").repeat(1_000)).await, 0);
    beside.unharmed().await;
}

#[tokio::test]
async fn m10_wishes_without_end_are_rate_limited_and_make_one_ticket_at_most() {
    let beside = Beside::start().await;
    let mut client = Client::connect(&beside.gateway).await;
    for _ in 0..100 {
        client.available().await;
        client.say(r#"{"type":"leave"}"#).await;
    }
    client.say(r#"{"type":"ping"}"#).await;
    let (mut waits, mut refusals) = (0, 0);
    loop {
        let message = client.hear().await;
        match message["type"].as_str().unwrap() {
            "pong" => break,
            "waiting" => waits += 1,
            _ => {
                assert_eq!(message["code"], "rate-limited", "{message}");
                assert!(message["retryAfterMs"].as_u64().unwrap() >= 1);
                refusals += 1;
            }
        }
    }
    assert!(waits < 90 && refusals > 0, "{waits} and {refusals}");
    client.available().await;
    let mut query = MatchmakerClient::connect(format!("http://{}", beside.matchmaker)).await.unwrap();
    let stats = query.get_stats(GetStatsRequest {}).await.unwrap().into_inner();
    assert!(stats.waiting <= 1 && stats.sessions == 3, "{stats:?}");
    drop((client, query));
    beside.unharmed().await;
}

#[tokio::test]
async fn r03_one_address_that_takes_all_it_may_leaves_the_others_theirs() {
    let beside = Beside::with(&[("MAX_CONNECTIONS_PER_ADDRESS", "20")]).await;
    let mut floods = Vec::new();
    for _ in 0..20 {
        let upgrade = upgrade_from(ATTACKER, &beside.gateway, "").await;
        assert_eq!(upgrade.status(), "101");
        let mut stream = upgrade.stream;
        floods.push(tokio::spawn(async move {
            let ping = frame(TEXT, br#"{"type":"ping"}"#);
            let mut discarded = [0; 1024];
            // Each at its limit, and reading.
            for _ in 0..100 {
                stream.write_all(&ping.repeat(2)).await.unwrap();
                assert!(stream.read(&mut discarded).await.unwrap() > 0);
                pause(Duration::from_millis(20)).await;
            }
        }));
    }
    assert_eq!(upgrade_from(ATTACKER, &beside.gateway, "").await.status(), "429");
    for flood in floods {
        flood.await.unwrap();
    }
    beside.unharmed().await;
}
