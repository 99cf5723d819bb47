//! The JSON messages against files that say, line by line, what goes in and what must come out.
//!
//! `golden/client.txt` pairs a client's text with what is understood, `golden/server.txt` lists the server's texts. After a
//! wanted change: `UPDATE_GOLDEN=1 cargo test -p duet-proto --test json`, and read the diff.

#![allow(clippy::unwrap_used, reason = "a test may")]

use std::path::Path;
use std::time::Duration;
use std::{env, fs};

use duet_proto::frame::{PartnerLeftReason, PoolName, Tag};
use duet_proto::ids::{ClientId, RoomId};
use duet_proto::json::{
    ClientMessage, ErrorCode, Numbered, Refusal, ResumedRoom, ResumedState, ServerMessage, SignalKind, numbered,
};
use duet_proto::token::ResumeToken;
use proptest::prelude::*;

#[test]
fn client_messages_are_understood_as_the_golden_file_says() {
    let path = golden("client.txt");
    let mut made = String::new();
    for line in fs::read_to_string(&path).unwrap().lines() {
        if let Some(text) = line.strip_prefix("> ") {
            made += &format!("{line}\n{}\n", understood(text));
        } else if !line.starts_with("= ") && !line.starts_with("! ") {
            made += &format!("{line}\n");
        }
    }
    compare(&path, &made);
}

#[test]
fn numbered_client_messages_are_understood_as_the_golden_file_says() {
    let path = golden("numbered.txt");
    let mut made = String::new();
    for line in fs::read_to_string(&path).unwrap().lines() {
        if let Some(text) = line.strip_prefix("> ") {
            let numbers = match Numbered::parse(text) {
                Ok(Numbered { seq, ack, message }) => format!("# {seq:?} {ack:?}\n{}", answer(message)),
                Err(refusal) => answer(Err(refusal)),
            };
            made += &format!("{line}\n{numbers}\n");
        } else if !["= ", "! ", "# "].iter().any(|prefix| line.starts_with(prefix)) {
            made += &format!("{line}\n");
        }
    }
    compare(&path, &made);
}

/// `= ` what is done, or `! ` what is refused.
fn understood(text: &str) -> String {
    answer(ClientMessage::parse(text))
}

fn answer(message: Result<ClientMessage, Refusal>) -> String {
    match message {
        Ok(ClientMessage::Signal { room, signal }) => {
            format!("= for {room:?}: {}", String::from_utf8_lossy(&signal.into_text(client(1))))
        }
        Ok(message) => format!("= {message:?}"),
        Err(refusal) => format!("! {}", text_of(&ServerMessage::Error(refusal))),
    }
}

#[test]
fn server_messages_are_written_as_the_golden_file_says() {
    let pool = PoolName::default();
    let messages = [
        ServerMessage::Ready { client_id: client(1), resume_token: None, resume_window: None },
        ServerMessage::Ready {
            client_id: client(1),
            resume_token: Some(token()),
            resume_window: Some(Duration::from_secs(15)),
        },
        ServerMessage::Ready { client_id: client(1), resume_token: None, resume_window: Some(Duration::ZERO) },
        ServerMessage::Resumed {
            client_id: client(1),
            state: ResumedState::Matched,
            room: Some(ResumedRoom {
                room_id: RoomId::from_random([3; 16]),
                partner_id: client(2),
                initiator: false,
                partner_away: true,
            }),
            ack: 7,
            resume_token: token(),
        },
        ServerMessage::Resumed {
            client_id: client(1),
            state: ResumedState::Idle,
            room: None,
            ack: 0,
            resume_token: token(),
        },
        ServerMessage::PartnerAway,
        ServerMessage::PartnerBack,
        ServerMessage::Void,
        ServerMessage::Authenticated { user_id: "ann \"the\" one".to_owned(), verified: false },
        ServerMessage::Waiting { pool: pool.clone(), position: Some(3), estimate: None, widened: false },
        ServerMessage::Waiting {
            pool: pool.clone(),
            position: Some(3),
            estimate: Some(Duration::from_millis(1500)),
            widened: true,
        },
        ServerMessage::Waiting { pool, position: None, estimate: None, widened: false },
        ServerMessage::Matched {
            room_id: RoomId::from_random([3; 16]),
            partner_id: client(2),
            initiator: true,
            partner: None,
            tags: Box::default(),
        },
        ServerMessage::Matched {
            room_id: RoomId::from_random([3; 16]),
            partner_id: client(2),
            initiator: false,
            partner: None,
            tags: ["chess", "caf\u{e9}"].map(|tag| Tag::new(tag).unwrap()).into(),
        },
        ServerMessage::PartnerLeft { reason: PartnerLeftReason::Left, requeued: true },
        ServerMessage::PartnerLeft { reason: PartnerLeftReason::Next, requeued: false },
        ServerMessage::PartnerLeft { reason: PartnerLeftReason::Disconnected, requeued: true },
        ServerMessage::PartnerLeft { reason: PartnerLeftReason::Closed, requeued: false },
        ServerMessage::Pong { id: None, ack: None },
        ServerMessage::Pong { id: None, ack: Some(12) },
        ServerMessage::GoingAway { reconnect_in: Duration::from_millis(1500) },
        ServerMessage::Error(Refusal::unknown_type()),
        ServerMessage::Error(
            Refusal::new(ErrorCode::RateLimited, "slow down".to_owned()).retry_after(Duration::from_millis(250)),
        ),
        ServerMessage::Error(Refusal {
            id: Some("e-1".to_owned()),
            ..Refusal::new(ErrorCode::Internal, "our fault".to_owned())
        }),
        ServerMessage::Error(Refusal { refused: Some(9), ..Refusal::unknown_type() }),
        ServerMessage::Error(Refusal {
            expected: Some(7),
            ..Refusal::invalid("`seq` is 9, and 7 comes next".to_owned())
        }),
        ServerMessage::Error(Refusal::new(ErrorCode::ResumeFailed, "no such session".to_owned())),
    ];
    let texts = messages.iter().map(|message| text_of(message) + "\n");
    let away = ServerMessage::PartnerAway.text();
    let numbers = [numbered(&away, 5, None), numbered(&away, 6, Some(4))];
    let numbers = numbers.iter().map(|text| String::from_utf8_lossy(text).into_owned() + "\n");
    let made: String = texts.chain(numbers).collect();
    compare(&golden("server.txt"), &made);
}

#[test]
fn a_message_is_nested_at_most_16_levels_deep_in_known_and_in_unknown_members() {
    for name in ["candidate", "extra"] {
        let nested = |levels: usize| {
            let value = format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
            let text = format!(r#"{{"type":"ice","candidate":null,"{name}2":{{"a":{value}}}}}"#);
            ClientMessage::parse(&text)
        };
        assert!(nested(14).is_ok());
        for levels in [15, 127, 30_000] {
            assert_eq!(nested(levels).unwrap_err().code, ErrorCode::InvalidMessage, "{levels}");
        }
    }
}

#[test]
fn an_object_has_at_most_64_members_and_names_of_128_bytes() {
    let with = |count: usize, name: usize| {
        let members: String = (0..count).map(|i| format!(r#","{i:0>name$}":{i}"#)).collect();
        ClientMessage::parse(&format!(r#"{{"type":"ping"{members}}}"#)).is_ok()
    };
    assert!(with(63, 128));
    assert!(!with(64, 3));
    assert!(!with(1, 129));
    let nested = |count: usize| {
        let members: Vec<String> = (0..count).map(|i| format!(r#""{i}":{i}"#)).collect();
        ClientMessage::parse(&format!(r#"{{"type":"ping","x":{{{}}}}}"#, members.join(","))).is_ok()
    };
    assert!(nested(64));
    assert!(!nested(65));
}

proptest! {
    #[test]
    fn whatever_is_forwarded_is_json_with_the_servers_from(extra in json_value(), sdp in any::<String>(), name in any::<String>()) {
        let forged = client(9).to_string();
        let text = serde_json::json!({"from": forged, "type": "offer", "sdp": sdp, &name: extra, "seq": 1, "ack": 2}).to_string();
        let Ok(ClientMessage::Signal { signal, .. }) = ClientMessage::parse(&text) else {
            // Only a name that the server writes, or one too long, may stand in the way.
            prop_assert!(name == "type" || name == "sdp" || name == "roomId" || name.len() > 60, "{text}");
            return Ok(());
        };
        prop_assert_eq!(signal.kind, SignalKind::Offer);
        let out: serde_json::Value = serde_json::from_slice(&signal.into_text(client(1))).unwrap();
        prop_assert_eq!(&out["from"], &client(1).to_string());
        prop_assert_eq!(&out["sdp"], &sdp);
        if !["type", "from", "seq", "ack", "sdp"].contains(&name.as_str()) {
            prop_assert_eq!(&out[&name], &extra);
        }
        prop_assert!(name == "seq" || out.get("seq").is_none());
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in r#"[\[\]{}",:\\0-9a-z ]{0,60}"#) {
        let _ = ClientMessage::parse(&text);
    }
}

fn json_value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            prop::collection::btree_map("[a-z]{1,8}", inner, 0..6)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

fn client(number: u8) -> ClientId {
    ClientId::from_random([number; 16])
}

fn text_of(message: &ServerMessage) -> String {
    String::from_utf8(message.text().to_vec()).unwrap()
}

fn token() -> ResumeToken {
    ResumeToken::from_random([0xfb; 32])
}

fn golden(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(name)
}

fn compare(path: &Path, made: &str) {
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(path, made).unwrap();
    }
    let kept = fs::read_to_string(path).unwrap_or_default();
    for (number, (kept, made)) in kept.lines().zip(made.lines()).enumerate() {
        assert_eq!(kept, made, "{}:{}", path.display(), number + 1);
    }
    assert_eq!(kept.lines().count(), made.lines().count(), "{}", path.display());
}
