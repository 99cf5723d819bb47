//! Rows F: WebSocket frames.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use crate::beside::Beside;
use crate::client::{PATIENCE, pause};
use crate::raw::{CLOSE, CONTINUES, ENDS, PING, Raw, TEXT, TEXT_BEGINS, frame};

/// Sends bytes on a new connection, which must end with a close frame of that code, each time.
async fn closes(beside: &Beside, code: u16, attacks: &[(&str, Vec<u8>)]) {
    for (name, bytes) in attacks {
        let mut raw = Raw::connect(&beside.gateway).await;
        raw.send(bytes).await;
        assert_eq!(raw.closed().await, Some(code), "{name}");
    }
}

#[tokio::test]
async fn f01_an_unmasked_frame_is_1002() {
    let beside = Beside::start().await;
    closes(&beside, 1002, &[("text", vec![TEXT, 2, b'{', b'}']), ("ping", vec![PING, 0])]).await;
    beside.unharmed().await;
}

#[tokio::test]
async fn f02_reserved_bits_are_1002() {
    let beside = Beside::start().await;
    for bit in [0x40, 0x20, 0x10] {
        closes(&beside, 1002, &[("text", frame(TEXT | bit, b"{}")), ("ping", frame(PING | bit, b""))]).await;
    }
    beside.unharmed().await;
}

#[tokio::test]
async fn f03_reserved_opcodes_are_1002() {
    let beside = Beside::start().await;
    for opcode in (0x3..=0x7).chain(0xb..=0xf) {
        closes(&beside, 1002, &[("with payload", frame(0x80 | opcode, b"{}"))]).await;
    }
    beside.unharmed().await;
}

#[tokio::test]
async fn f04_control_frames_in_fragments_or_over_125_bytes_are_1002() {
    let beside = Beside::start().await;
    closes(&beside, 1002, &[("in fragments", frame(0x09, b"")), ("126 bytes", frame(PING, &[0; 126]))]).await;
    beside.unharmed().await;
}

#[tokio::test]
async fn f05_fragments_out_of_order_are_1002() {
    let beside = Beside::start().await;
    let inside = [frame(TEXT_BEGINS, b"{"), frame(TEXT, b"}")].concat();
    closes(&beside, 1002, &[("no beginning", frame(ENDS, b"{}")), ("a text inside a text", inside)]).await;
    beside.unharmed().await;
}

#[tokio::test]
async fn f06_text_that_is_not_utf_8_is_1007_wherever_it_breaks() {
    let beside = Beside::start().await;
    let in_fragments = [frame(TEXT_BEGINS, b"\xe2\x82"), frame(ENDS, b"\x20")].concat();
    let attacks = [
        ("no code points", frame(TEXT, b"\xff\xfe")),
        ("overlong", frame(TEXT, b"\xc0\xaf")),
        ("a surrogate", frame(TEXT, b"\xed\xa0\x80")),
        ("cut at the end", frame(TEXT, b"\xe2\x82")),
        ("broken across fragments", in_fragments),
    ];
    closes(&beside, 1007, &attacks).await;
    let mut raw = Raw::connect(&beside.gateway).await;
    raw.send(&frame(TEXT_BEGINS, b"{\"type\":\"ping\",\"id\":\"\xe2")).await;
    raw.send(&frame(ENDS, b"\x82\xac\"}")).await;
    assert_eq!(raw.frame().await.unwrap().1, "{\"type\":\"pong\",\"id\":\"€\"}".as_bytes(), "split, but whole");
    drop(raw);
    beside.unharmed().await;
}

#[tokio::test]
async fn f07_a_text_of_64_kib_and_one_is_1009() {
    let beside = Beside::start().await;
    let claimed = vec![TEXT, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 1, 2, 3, 4];
    closes(&beside, 1009, &[("sent", frame(TEXT, &vec![b' '; 65_537])), ("only claimed", claimed)]).await;
    beside.unharmed().await;
}

#[tokio::test]
async fn f09_fragments_are_1009_when_their_sum_passes_the_limit() {
    let beside = Beside::with(&[("FRAME_RATE", "0"), ("BYTE_RATE", "0")]).await;
    let mut raw = Raw::connect(&beside.gateway).await;
    raw.send(&frame(TEXT_BEGINS, &[b' '; 1024])).await;
    for _ in 0..63 {
        raw.send(&frame(CONTINUES, &[b' '; 1024])).await;
    }
    raw.send(&frame(PING, b"so far")).await;
    assert_eq!(raw.frame().await, Some((0x8a, b"so far".to_vec())), "64 KiB may be");
    raw.send(&frame(CONTINUES, b" ")).await;
    assert_eq!(raw.closed().await, Some(1009));
    beside.unharmed().await;
}

#[tokio::test]
async fn f10_one_byte_in_each_of_65_536_fragments_costs_no_more_than_the_message() {
    let beside = Beside::with(&[("FRAME_RATE", "0"), ("BYTE_RATE", "0")]).await;
    let mut raw = Raw::connect(&beside.gateway).await;
    let mut text = br#"{"type":"ping"}"#.to_vec();
    text.resize(65_536, b' ');
    let (last, rest) = text.split_last().unwrap();
    let mut bytes = frame(TEXT_BEGINS, &rest[..1]);
    rest[1..].iter().for_each(|byte| bytes.extend(frame(CONTINUES, &[*byte])));
    bytes.extend(frame(ENDS, &[*last]));
    raw.send(&bytes).await;
    assert_eq!(raw.frame().await.unwrap().1, br#"{"type":"pong"}"#);
    drop(raw);
    beside.unharmed().await;
}

#[tokio::test]
async fn f13_pings_from_one_that_reads_no_pongs_end_and_hold_no_memory() {
    let beside = Beside::with(&[
        ("WRITE_TIMEOUT_MS", "300"),
        ("CONTROL_FRAME_RATE", "0"),
        ("FRAME_RATE", "0"),
        ("BYTE_RATE", "0"),
    ])
    .await;
    let mut raw = Raw::connect(&beside.gateway).await;
    let pings: Vec<u8> = (0..1000).flat_map(|_| frame(PING, &[7; 125])).collect();
    let flood = async { while raw.stream.write_all(&pings).await.is_ok() {} };
    timeout(PATIENCE, flood).await.expect("still open");
    drop(raw);
    beside.unharmed().await;
}

#[tokio::test]
async fn f16_a_close_is_answered_with_its_code_and_the_end() {
    let beside = Beside::start().await;
    for code in [1000_u16, 1001, 3000, 4999] {
        let mut raw = Raw::connect(&beside.gateway).await;
        raw.send(&frame(CLOSE, &code.to_be_bytes())).await;
        assert_eq!(raw.closed().await, Some(code));
    }
    let mut raw = Raw::connect(&beside.gateway).await;
    raw.send(&frame(CLOSE, b"")).await;
    assert_eq!(raw.closed().await, Some(0), "empty, as it came");
    for (name, payload) in [("half a code", &b"\x03"[..]), ("a reserved code", b"\x03\xed"), ("0", b"\0\0")] {
        closes(&beside, 1002, &[(name, frame(CLOSE, payload))]).await;
    }
    closes(&beside, 1007, &[("a reason that is not UTF-8", frame(CLOSE, b"\x03\xe8\xff"))]).await;
    beside.unharmed().await;
}

#[tokio::test]
async fn f17_what_comes_after_a_close_is_ignored() {
    let beside = Beside::start().await;
    let mut raw = Raw::connect(&beside.gateway).await;
    let ping = frame(TEXT, br#"{"type":"ping"}"#);
    raw.send(&[frame(CLOSE, &1000_u16.to_be_bytes()), ping.clone(), b"\xff\xff\xff".to_vec()].concat()).await;
    raw.send(&ping.repeat(1000)).await;
    assert_eq!(raw.closed().await, Some(1000), "and no pong");
    beside.unharmed().await;
}

#[tokio::test]
async fn f18_a_binary_frame_is_1003() {
    let beside = Beside::start().await;
    closes(&beside, 1003, &[("whole", frame(0x82, b"{}")), ("begun", frame(0x02, b"{"))]).await;
    beside.unharmed().await;
}

#[tokio::test]
async fn f19_a_close_of_ours_that_is_never_answered_ends_all_the_same() {
    let beside = Beside::start().await;
    let mut raw = Raw::connect(&beside.gateway).await;
    raw.send(&frame(0x82, b"")).await;
    assert_eq!(raw.frame().await.unwrap().0, CLOSE);
    // Neither answers nor goes, and goes on talking: a write fails once the server has let go.
    let talk = async {
        while raw.stream.write_all(&frame(PING, b"still here")).await.is_ok() {
            pause(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, talk).await.expect("still open");
    drop(raw);
    beside.unharmed().await;
}
