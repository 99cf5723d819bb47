//! WebSocket frames that no good client sends: each ends with its close code and the end of the connection, and the pair beside
//! it talks on.

use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use crate::client::{Client, PATIENCE, pair};
use crate::process::{Deployment, Shape};
use crate::raw::{CLOSE, CONTINUES, ENDS, PING, Raw, TEXT, TEXT_BEGINS, frame};

#[tokio::test]
async fn broken_frames_are_closed_with_their_codes() {
    let duet = Deployment::start(Shape::Standalone);
    let (mut waiter, mut comer, _) = pair(&duet.gateway).await;
    let attacks: [(&str, Vec<u8>, u16); 17] = [
        ("unmasked", vec![TEXT, 2, b'{', b'}'], 1002),
        ("RSV1", frame(TEXT | 0x40, b"{}"), 1002),
        ("RSV2", frame(TEXT | 0x20, b"{}"), 1002),
        ("RSV3", frame(TEXT | 0x10, b"{}"), 1002),
        ("opcode 3", frame(0x83, b"{}"), 1002),
        ("opcode 11", frame(0x8b, b"{}"), 1002),
        ("fragmented ping", frame(0x09, b""), 1002),
        ("long ping", frame(PING, &[0; 126]), 1002),
        ("continuation of nothing", frame(ENDS, b"{}"), 1002),
        ("text inside a text", [frame(TEXT_BEGINS, b"{"), frame(TEXT, b"}")].concat(), 1002),
        ("bad UTF-8", frame(TEXT, b"\xff\xfe"), 1007),
        ("overlong UTF-8", frame(TEXT, b"\xc0\xaf"), 1007),
        ("cut UTF-8", frame(TEXT, b"\xe2\x82"), 1007),
        ("binary", frame(0x82, b"{}"), 1003),
        ("64 KiB and one", frame(TEXT, &vec![b' '; 65_537]), 1009),
        ("a frame that says it is huge", vec![TEXT, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 1, 2, 3, 4], 1009),
        (
            "fragments past 64 KiB",
            [frame(TEXT_BEGINS, &[b' '; 40_000]), frame(CONTINUES, &[b' '; 40_000])].concat(),
            1009,
        ),
    ];
    for (name, bytes, code) in attacks {
        let mut raw = Raw::connect(&duet.gateway).await;
        raw.send(&bytes).await;
        assert_eq!(raw.closed().await, Some(code), "{name}");
        comer.say(r#"{"type":"ice","candidate":null}"#).await;
        waiter.expect("ice").await;
    }
}

#[tokio::test]
async fn fragments_may_be_split_anywhere_and_pinged_in_between() {
    let duet = Deployment::start(Shape::Standalone);
    let mut raw = Raw::connect(&duet.gateway).await;
    raw.send(&frame(TEXT_BEGINS, b"{\"type\":\"ping\",\"id\":\"\xe2")).await;
    raw.send(&frame(PING, b"now")).await;
    raw.send(&frame(CONTINUES, b"\x82")).await;
    raw.send(&frame(CONTINUES, b"")).await;
    raw.send(&frame(ENDS, b"\xac\"}")).await;
    assert_eq!(raw.frame().await, Some((0x8a, b"now".to_vec())));
    assert_eq!(raw.frame().await.unwrap().1, "{\"type\":\"pong\",\"id\":\"€\"}".as_bytes());
}

#[tokio::test]
async fn a_message_may_be_64_kib() {
    let duet = Deployment::start(Shape::Standalone);
    let mut raw = Raw::connect(&duet.gateway).await;
    let mut text = br#"{"type":"ping"}"#.to_vec();
    text.resize(65_536, b' ');
    raw.send(&frame(TEXT, &text)).await;
    assert_eq!(raw.frame().await.unwrap().1, br#"{"type":"pong"}"#);
}

#[tokio::test]
async fn a_close_is_answered_with_its_code_and_nothing_after_it_counts() {
    let duet = Deployment::start(Shape::Standalone);
    for code in [1000_u16, 1001, 3000, 4999] {
        let mut raw = Raw::connect(&duet.gateway).await;
        raw.send(&[frame(CLOSE, &code.to_be_bytes()), frame(TEXT, br#"{"type":"ping"}"#)].concat()).await;
        assert_eq!(raw.closed().await, Some(code));
    }
    let mut raw = Raw::connect(&duet.gateway).await;
    raw.send(&frame(CLOSE, b"")).await;
    assert!(raw.closed().await.is_some());
}

#[tokio::test]
async fn a_silent_client_is_pinged_and_then_dropped() {
    let flags = ["--ping-interval-ms", "100", "--pong-timeout-ms", "3000"];
    let duet = Deployment::with(Shape::Standalone, &flags, &[]);
    let (mut waiter, mut comer, _) = pair(&duet.gateway).await;
    let mut raw = Raw::connect(&duet.gateway).await;
    let mut frames = Vec::new();
    let silent = async {
        while let Some((first, _)) = raw.frame().await {
            frames.push(first);
        }
    };
    // Those who answer pings, as every WebSocket library does by itself, stay.
    tokio::select! {
        () = silent => {}
        () = waiter.answer_pings() => {}
        () = comer.answer_pings() => {}
    }
    assert_eq!(frames, [PING], "one ping, and no close frame for nobody");
    comer.say(r#"{"type":"ice","candidate":null}"#).await;
    waiter.expect("ice").await;
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_closed_and_its_partner_told() {
    let flags = ["--write-timeout-ms", "60000", "--message-rate", "0"];
    let duet = Deployment::with(Shape::TwoProcesses, &flags, &[]);
    let mut raw = Raw::connect(&duet.gateway).await;
    raw.send(&frame(TEXT, br#"{"type":"available"}"#)).await;
    assert!(raw.frame().await.unwrap().1.starts_with(br#"{"type":"waiting""#));
    let mut partner = Client::connect(&duet.gateway).await;
    partner.available().await;
    partner.expect("matched").await;
    let left = partner.offer_without_end().await;
    assert_eq!((left["type"].as_str(), left["reason"].as_str()), (Some("partner-left"), Some("disconnected")));
}

#[tokio::test]
async fn a_ping_flood_from_one_that_reads_nothing_ends() {
    let duet = Deployment::with(Shape::Standalone, &["--write-timeout-ms", "300"], &[]);
    let mut raw = Raw::connect(&duet.gateway).await;
    let pings: Vec<u8> = (0..1000).flat_map(|_| frame(PING, &[7; 125])).collect();
    let flood = async { while raw.stream.write_all(&pings).await.is_ok() {} };
    timeout(PATIENCE, flood).await.expect("still open");
}
