//! A client that says anything to its session, over a link that comes and goes.

use std::sync::Arc;
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use bytes::Bytes;
use duet_gateway::limits::Traffic;
use duet_gateway::session::{Output, ResumeTokens, Session, SessionConfig};
use duet_proto::frame::{Down, DownFrame, Forward, Matched, PartnerLeftReason, PoolName, Up, Waiting};
use duet_proto::ids::{ClientId, RoomId, SessionNumber, TicketNumber};
use duet_proto::time::Time;
use duet_proto::token::ResumeToken;
use serde_json::value::RawValue;

/// The client hears JSON and nothing after its close, the link gets frames only while it is up and attempts only rise, and what is
/// due is done.
pub fn session(data: &[u8]) {
    let mut data = Unstructured::new(data);
    let Ok(is_v1) = bool::arbitrary(&mut data) else { return };
    let mut world = World::new(is_v1);
    while !data.is_empty() && !world.is_gone {
        let Ok(input) = Input::arbitrary(&mut data) else { break };
        world.feed(input);
    }
}

#[derive(Debug, Arbitrary)]
enum Input<'a> {
    /// One that means something, about the current room or another.
    Says {
        what: u8,
        of: Of,
        seq: Option<u8>,
        ack: Option<u8>,
    },
    SaysAnything(&'a str),
    /// What becomes no message.
    Traffic {
        bytes: u16,
        controls: u8,
    },
    LinkUp,
    LinkDown,
    Hears {
        kind: Heard,
        attempt: u8,
        round: u8,
        seq: bool,
    },
    Wait {
        milliseconds: u16,
    },
    Drain {
        milliseconds: u16,
    },
    SocketEnd {
        is_final: bool,
    },
}

#[derive(Debug, Arbitrary)]
enum Of {
    Nothing,
    ThisRoom,
    AnotherRoom,
}

/// What a matchmaker says, whether or not it makes sense now.
#[derive(Debug, Arbitrary)]
enum Heard {
    Waiting,
    Matched { initiator: bool },
    Forward { seq: u8 },
    PartnerLeft { requeued: bool },
    Resume { received: u8, passed: u8 },
    Ack { seq: u8 },
    PartnerAway,
    PartnerBack,
    ResumeFailed,
    Settled { taken: u8 },
}

const SAID: [&str; 12] = [
    r#""type":"available""#,
    r#""type":"available","pool":"chess","tags":["a"]"#,
    r#""type":"offer","sdp":"v=0""#,
    r#""type":"answer","sdp":{"type":"answer","sdp":"v=0"}"#,
    r#""type":"ice","candidate":null"#,
    r#""type":"next""#,
    r#""type":"leave""#,
    r#""type":"ping","id":1"#,
    r#""type":"report","reason":"rude""#,
    r#""type":"auth","userId":"ann""#,
    r#""type":"state","ice":"failed""#,
    r#""type":"resume","token":"BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc""#,
];

struct World {
    session: Session,
    now: Time,
    is_linked: bool,
    /// No more sockets, and no more session.
    is_gone: bool,
    is_closed: bool,
    has_socket: bool,
    /// The highest that the matchmaker was told.
    attempt: u32,
    rooms: u8,
    /// Of numbered frames.
    seq: u64,
}

impl World {
    fn new(is_v1: bool) -> Self {
        let token = |byte| ResumeToken::from_random([byte; 32]);
        let tokens = is_v1.then(|| ResumeTokens { first: token(1), next: token(2) });
        let client = ClientId::from_random([1; 16]);
        let config = Arc::new(SessionConfig::default());
        let session = Session::new(config, client, Time::ZERO, Duration::ZERO, tokens, Time::ZERO);
        let mut world = World {
            session,
            now: Time::ZERO,
            is_linked: false,
            is_gone: false,
            is_closed: false,
            has_socket: true,
            attempt: 0,
            rooms: 0,
            seq: 0,
        };
        world.drain();
        world
    }

    fn feed(&mut self, input: Input<'_>) {
        let now = self.now;
        match input {
            Input::Says { what, of, seq, ack } if self.has_socket => {
                let text = self.text(what, &of, seq, ack);
                self.session.handle_text(&text, now);
                let bytes = u32::try_from(text.len()).unwrap_or(u32::MAX);
                self.session.handle_traffic(Traffic { bytes, frames: 1, controls: 0 }, now);
            }
            Input::SaysAnything(text) if self.has_socket => self.session.handle_text(text, now),
            Input::Traffic { bytes, controls } if self.has_socket => {
                let controls = u32::from(controls);
                self.session.handle_traffic(Traffic { bytes: bytes.into(), frames: controls, controls }, now);
            }
            Input::LinkUp if !self.is_linked => {
                self.is_linked = true;
                self.session.handle_link_up(now);
            }
            Input::LinkDown if self.is_linked => {
                self.is_linked = false;
                self.session.handle_link_down(now);
            }
            // A matchmaker answers attempts that it was told of.
            Input::Hears { kind, attempt, round, seq } if self.is_linked && self.attempt > 0 => {
                let attempt = self.attempt.saturating_sub(u32::from(attempt % 2)).max(1);
                let ticket = TicketNumber { attempt, round: u32::from(round % 3) };
                let kind = self.heard(kind, ticket);
                let numbered = kind.is_numbered() && seq;
                self.seq += u64::from(numbered);
                let seq = if numbered { self.seq } else { 0 };
                let frame = DownFrame { session: SessionNumber(1), seq, taken: 0, kind };
                self.session.handle_frame(frame, now);
            }
            Input::Wait { milliseconds } => return self.wait(Duration::from_millis(milliseconds.into())),
            Input::Drain { milliseconds } if self.has_socket => {
                self.session.handle_drain(Duration::from_millis(milliseconds.into()), now);
            }
            Input::SocketEnd { is_final } if self.has_socket => {
                self.has_socket = false;
                self.session.handle_socket_end(is_final, now);
            }
            _ => return,
        }
        self.drain();
    }

    fn text(&self, what: u8, of: &Of, seq: Option<u8>, ack: Option<u8>) -> String {
        let mut text = format!("{{{}", SAID[usize::from(what) % SAID.len()]);
        match of {
            Of::Nothing => {}
            Of::ThisRoom => text += &format!(r#","roomId":"{}""#, room(self.rooms)),
            Of::AnotherRoom => text += r#","roomId":"another""#,
        }
        for (name, number) in [("seq", seq), ("ack", ack)] {
            if let Some(number) = number {
                text += &format!(r#","{name}":{number}"#);
            }
        }
        text + "}"
    }

    fn heard(&mut self, kind: Heard, ticket: TicketNumber) -> Down {
        match kind {
            Heard::Waiting => Down::Waiting(Waiting {
                ticket,
                pool: PoolName::default(),
                position: 1,
                waited: Duration::from_secs(1),
                estimate: None,
                widened: false,
            }),
            Heard::Matched { initiator } => {
                self.rooms = self.rooms.wrapping_add(1);
                Down::Matched(Matched {
                    ticket,
                    room: room(self.rooms),
                    partner: ClientId::from_random([2; 16]),
                    initiator,
                    waited: Duration::ZERO,
                    shown: None,
                    tags: Box::default(),
                    traces: None,
                })
            }
            Heard::Forward { seq } => {
                let text = Bytes::from_static(br#"{"type":"ice","from":"x","candidate":null}"#);
                Down::Forward(Forward { ticket, seq: seq.into(), text })
            }
            Heard::PartnerLeft { requeued } => Down::PartnerLeft { ticket, reason: PartnerLeftReason::Next, requeued },
            Heard::Resume { received, passed } => {
                Down::Resume { ticket, received: received.min(passed).into(), passed: passed.into() }
            }
            Heard::Ack { seq } => Down::Ack { ticket, seq: seq.into() },
            Heard::PartnerAway => Down::PartnerAway { ticket },
            Heard::PartnerBack => Down::PartnerBack { ticket },
            Heard::ResumeFailed => Down::ResumeFailed,
            Heard::Settled { taken } => Down::Settled { taken: taken.into() },
        }
    }

    /// Everything due is done at its time.
    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.session.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.session.handle_timeout(self.now);
            self.drain();
            assert!(self.session.poll_timeout().is_none_or(|next| next > self.now), "what is due is not done");
        }
        self.now = end;
    }

    fn drain(&mut self) {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Text(text) | Output::TextWithIce(text) => {
                    assert!(!self.is_closed && self.has_socket, "a word after the end");
                    let text = str::from_utf8(&text).expect("what the client gets is text");
                    serde_json::from_str::<&RawValue>(text).expect("what the client gets is JSON");
                }
                Output::Ping => assert!(!self.is_closed && self.has_socket, "a ping after the end"),
                Output::Close(_) | Output::Abort => {
                    assert!(!std::mem::replace(&mut self.is_closed, true), "two ends");
                }
                Output::Frame { kind, .. } => {
                    assert!(self.is_linked, "{kind:?} without a link");
                    self.raise(&kind);
                }
                Output::Verify(_) => panic!("without a verifier no token is checked"),
                Output::Limited(_) | Output::Counted(_) | Output::Dropped(_) | Output::Fault { .. } => {}
            }
        }
        self.is_gone = !self.has_socket && self.session.is_over();
    }

    /// The attempt that a frame begins is above all before.
    fn raise(&mut self, kind: &Up) {
        if let Up::Join(duet_proto::frame::Join { attempt, .. }) | Up::Next { attempt, .. } | Up::Leave { attempt } =
            kind
        {
            assert!(*attempt > self.attempt, "{kind:?} after attempt {}", self.attempt);
        }
        match kind {
            Up::Join(duet_proto::frame::Join { attempt, .. })
            | Up::Next { attempt, .. }
            | Up::Leave { attempt }
            | Up::Report { attempt, .. } => self.attempt = self.attempt.max(*attempt),
            Up::Attach(attach) => self.attempt = self.attempt.max(attach.attempt),
            _ => {}
        }
    }
}

fn room(number: u8) -> RoomId {
    RoomId::from_random([number; 16])
}
