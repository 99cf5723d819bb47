//! Rows R: too much, and too slow.

use std::time::Duration;

use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::beside::Beside;
use crate::client::{Client, PATIENCE, pause};
use crate::process::scaled;
use crate::raw::{CLOSE, Raw, TEXT, frame};

/// Only messages are counted here.
const MESSAGES_ONLY: [(&str, &str); 2] = [("FRAME_RATE", "0"), ("BYTE_RATE", "0")];

#[tokio::test]
async fn r01_a_flood_is_told_so_once_a_second_and_then_1008() {
    let beside = Beside::with(&MESSAGES_ONLY).await;
    let raw = Raw::connect(&beside.gateway).await;
    let (read, mut write) = raw.stream.into_split();
    let text = format!(r#"{{"type":"ping","id":"{}"}}"#, "x".repeat(70));
    let flood = tokio::spawn(async move {
        let hundred = frame(TEXT, text.as_bytes()).repeat(100);
        // About 10,000 a second.
        while write.write_all(&hundred).await.is_ok() {
            pause(Duration::from_millis(10)).await;
        }
        write
    });
    let mut raw = Half { read };
    let (mut pongs, mut refusals) = (0, 0);
    let code = loop {
        let (first, payload) = raw.frame().await.expect("an end without a close frame");
        if first == CLOSE {
            break u16::from_be_bytes([payload[0], payload[1]]);
        }
        let message: Value = serde_json::from_slice(&payload).unwrap();
        match message["type"].as_str().unwrap() {
            "pong" => pongs += 1,
            _ => {
                assert_eq!(message["code"], "rate-limited");
                assert!(message["retryAfterMs"].as_u64().unwrap() >= 1);
                refusals += 1;
            }
        }
    };
    assert_eq!(code, 1008);
    // By the gateway's own clock: once a second for five seconds.
    assert!(pongs >= 300 && (1..=10).contains(&refusals), "{pongs} pongs, {refusals} refusals");
    drop((raw, flood.await.unwrap()));
    beside.unharmed().await;
}

/// The side of a raw WebSocket that is read while another task writes.
struct Half {
    read: tokio::net::tcp::OwnedReadHalf,
}

impl Half {
    async fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        timeout(PATIENCE, crate::raw::read_frame(&mut self.read)).await.expect("neither a frame nor the end")
    }
}

#[tokio::test]
async fn r02_one_who_speaks_at_exactly_the_rate_is_never_refused() {
    let beside = Beside::start().await;
    let mut client = Client::connect(&beside.gateway).await;
    let mut pace = interval(Duration::from_millis(10));
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for number in 0..scaled(6_000, 600) {
        pace.tick().await;
        client.say(&format!(r#"{{"type":"ping","id":{number}}}"#)).await;
        assert_eq!(client.hear_text().await, format!(r#"{{"type":"pong","id":{number}}}"#));
    }
    drop(client);
    beside.unharmed().await;
}

#[tokio::test]
async fn r04_a_flood_of_candidates_reaches_the_partner_only_at_the_rate() {
    let beside = Beside::with(&MESSAGES_ONLY).await;
    let mut waiter = Client::connect(&beside.gateway).await;
    waiter.available().await;
    waiter.expect("waiting").await;
    let mut flooder = Raw::connect(&beside.gateway).await;
    flooder.send(&frame(TEXT, br#"{"type":"available"}"#)).await;
    waiter.expect("matched").await;
    let flood: Vec<u8> = (0..1_000)
        .flat_map(|number| frame(TEXT, format!(r#"{{"type":"ice","candidate":"{number}"}}"#).as_bytes()))
        .collect();
    flooder.send(&flood).await;
    let leave = async {
        loop {
            // Refused like the rest until there is room for it; then it changes nothing any more.
            pause(Duration::from_millis(50)).await;
            flooder.send(&frame(TEXT, br#"{"type":"leave"}"#)).await;
        }
    };
    let listen = async {
        let mut heard: Vec<u32> = Vec::new();
        loop {
            let message = waiter.hear().await;
            match message["type"].as_str().unwrap() {
                "ice" => heard.push(message["candidate"].as_str().unwrap().parse().unwrap()),
                "partner-left" => return heard,
                other => panic!("{other}"),
            }
        }
    };
    let heard = tokio::select! {
        () = leave => unreachable!(),
        heard = listen => heard,
    };
    assert!(heard.is_sorted() && (299..900).contains(&heard.len()), "{} of 1000", heard.len());
    assert!(heard[..299].iter().copied().eq(0..299), "none of the burst is lost");
    drop((waiter, flooder));
    beside.unharmed().await;
}

#[tokio::test]
async fn r05_who_reads_nothing_is_1013_and_the_partner_told_once() {
    let beside = Beside::with(&[("MESSAGE_RATE", "0"), ("WRITE_TIMEOUT_MS", "60000")]).await;
    let mut slow = Raw::connect(&beside.gateway).await;
    slow.send(&frame(TEXT, br#"{"type":"available"}"#)).await;
    slow.frame().await.unwrap();
    let mut partner = Client::connect(&beside.gateway).await;
    partner.available().await;
    partner.expect("matched").await;
    let left = partner.offer_without_end().await;
    assert_eq!((left["type"].as_str(), left["reason"].as_str()), (Some("partner-left"), Some("disconnected")));
    assert_eq!(slow.closed().await, Some(1013));
    // What was said before it was told: the answers of the last round.
    loop {
        let message = partner.hear().await;
        match message["type"].as_str().unwrap() {
            "pong" => break,
            "waiting" | "error" => {}
            other => panic!("{other}"),
        }
    }
    partner.hears_nothing().await;
    drop(partner);
    beside.unharmed().await;
}
