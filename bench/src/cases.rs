//! What the hot path is made of, each part by itself, as often as asked for.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use duet_gateway::framing::{self, FrameReader};
use duet_gateway::limits::LimitsConfig;
use duet_gateway::session::{Session, SessionConfig};
use duet_proto::frame::{Down, DownFrame, Forward, Matched, Up, UpFrame};
use duet_proto::ids::{ClientId, RoomId, SessionNumber, TicketNumber};
use duet_proto::json::ClientMessage;
use duet_proto::time::Time;
use duet_proto::v1;
use prost::Message;

use crate::crowd::{Crowd, Meeting};
use crate::wire;

/// One part, and what does it so many times.
pub type Case = (&'static str, fn(u64));

/// All of them.
pub const ALL: [Case; 7] = [
    ("a frame is read and another written", frames),
    ("a message is checked, and the partner's text made", messages),
    ("a session forwards its client's message", session_says),
    ("a session hears its partner's message", session_hears),
    ("the matchmaker forwards a message", matchmaker_forwards),
    ("two meet and part", meetings),
    ("a batch of eight goes over the link", batches),
];

/// How many messages may pass between acknowledgements.
const ACKNOWLEDGED_EVERY: u64 = 32;
const TICKET: TicketNumber = TicketNumber { attempt: 1, round: 0 };
const CANDIDATE: &str = r#"{"type":"ice","candidate":{"candidate":"candidate:842163049 1 udp 1677729535 203.0.113.7 46154 typ srflx raddr 10.0.0.17 rport 46154 generation 0 ufrag EEtu network-cost 999","sdpMid":"0","sdpMLineIndex":0,"usernameFragment":"EEtu"}}"#;

fn client(number: u8) -> ClientId {
    ClientId::from_random([number; 16])
}

fn at() -> Time {
    Time::ZERO + Duration::from_secs(60)
}

fn frames(count: u64) {
    let mut frame = Vec::new();
    wire::put_text(CANDIDATE.as_bytes(), &mut frame);
    let mut reader = FrameReader::new(65_536);
    let (mut inbox, mut outgoing) = (Vec::new(), Vec::new());
    for _ in 0..count {
        inbox.clear();
        inbox.extend_from_slice(&frame);
        outgoing.clear();
        let read = reader.read(&mut inbox, |received| {
            if let framing::Received::Text(text) = received {
                framing::put_text(text.as_bytes(), &mut outgoing);
            }
        });
        black_box((read.is_ok(), outgoing.len()));
    }
}

fn messages(count: u64) {
    for _ in 0..count {
        if let Ok(ClientMessage::Signal { signal, .. }) = ClientMessage::parse(black_box(CANDIDATE)) {
            black_box(signal.into_text(client(1)));
        }
    }
}

/// A base session in a room.
fn session() -> Session {
    let limits =
        LimitsConfig { message_rate: 1_000_000, message_burst: 1_000_000, wish_rate: 0, ..LimitsConfig::default() };
    let config = SessionConfig { limits, ..SessionConfig::default() };
    let mut session = Session::new(Arc::new(config), client(1), at(), Duration::ZERO, None, at());
    session.handle_link_up(at());
    session.handle_text(r#"{"type":"available"}"#, at());
    let matched = Matched {
        ticket: TICKET,
        room: RoomId::from_random([3; 16]),
        partner: client(2),
        initiator: true,
        waited: Duration::ZERO,
        shown: None,
        tags: Box::default(),
        traces: None,
    };
    session.handle_frame(down(Down::Matched(matched)), at());
    drain(&mut session);
    session
}

fn down(kind: Down) -> DownFrame {
    DownFrame { session: SessionNumber(1), seq: 0, taken: 0, kind }
}

fn drain(session: &mut Session) {
    while let Some(output) = session.poll_output() {
        black_box(output);
    }
    black_box(session.poll_timeout());
}

fn session_says(count: u64) {
    let mut session = session();
    for seq in 1..=count {
        session.handle_text(CANDIDATE, at());
        drain(&mut session);
        if seq % ACKNOWLEDGED_EVERY == 0 {
            session.handle_frame(down(Down::Ack { ticket: TICKET, seq }), at());
            drain(&mut session);
        }
    }
}

fn session_hears(count: u64) {
    let mut session = session();
    let text = Bytes::from_static(CANDIDATE.as_bytes());
    for seq in 1..=count {
        let forward = Forward { ticket: TICKET, seq, text: text.clone() };
        session.handle_frame(down(Down::Forward(forward)), at());
        drain(&mut session);
    }
}

fn matchmaker_forwards(count: u64) {
    let mut crowd = Crowd::new(0, Meeting::Anybody);
    crowd.begin_to_meet();
    let text = Bytes::from_static(CANDIDATE.as_bytes());
    for seq in 1..=count {
        crowd.push(1, Up::Forward(Forward { ticket: TICKET, seq, text: text.clone() }));
        if seq % ACKNOWLEDGED_EVERY == 0 {
            crowd.push(2, Up::Ack { ticket: TICKET, seq });
        }
        crowd.drain();
    }
}

fn meetings(count: u64) {
    let mut crowd = Crowd::new(1_000, Meeting::Anybody);
    (0..count).for_each(|_| crowd.meet());
}

fn batches(count: u64) {
    let text = Bytes::from_static(CANDIDATE.as_bytes());
    let mut wire = Vec::new();
    for _ in 0..count {
        let forward = |seq| UpFrame {
            session: SessionNumber(seq),
            client_seq: 0,
            kind: Up::Forward(Forward { ticket: TICKET, seq, text: text.clone() }),
        };
        let batch = v1::LinkUp { hello: None, frames: (1..=8).map(|seq| forward(seq).into()).collect() };
        wire.clear();
        let encoded = batch.encode(&mut wire);
        let decoded = v1::LinkUp::decode(Bytes::copy_from_slice(&wire)).map(|batch| {
            let frames = batch.frames.into_iter().map(UpFrame::from_wire);
            frames.filter(|frame| matches!(frame, Ok(Some(_)))).count()
        });
        black_box((encoded.is_ok(), decoded.is_ok()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_does_its_work() {
        for (name, case) in ALL {
            case(100);
            assert!(!name.is_empty());
        }
    }

    #[test]
    fn what_a_session_is_told_to_forward_leaves_it() {
        let mut session = session();
        session.handle_text(CANDIDATE, at());
        let output = session.poll_output();
        assert!(format!("{output:?}").contains("Forward"), "{output:?}");
    }
}
