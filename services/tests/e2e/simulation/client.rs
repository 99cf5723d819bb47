//! Model clients, of the base layer and of `duet.v1`. They judge every message: its number, whether it comes in the right state, and
//! whether the partner's messages come in order, once.

use std::collections::VecDeque;

use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::{Value, json};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layer {
    Base,
    V1,
}

#[derive(Debug)]
pub(super) struct Client {
    pub(super) layer: Layer,
    pub(super) id: Option<String>,
    pub(super) stage: Stage,
    /// What it wants to say on its connection.
    pub(super) outbox: VecDeque<String>,
    token: Option<String>,
    /// How often it has asked with its token.
    attempts: u32,
    /// The highest number of the server's that it has handled.
    handled: u64,
    /// The number of its newest message.
    said: u64,
    /// Those not known to be taken.
    kept: VecDeque<(u64, Value)>,
    /// From which on they are to be said again, when the server was not available.
    again_from: Option<u64>,
    pub(super) room: Option<Room>,
    pub(super) waits: bool,
    /// Whether an answer to a wish is still to come.
    pub(super) asked: bool,
    pub(super) heard: u64,
    pub(super) resumes: u64,
    /// What it was doing before it said `next`, and what it has heard since that the `next` makes void, unless it is refused.
    before: Option<(Option<Room>, bool)>,
    void: Vec<Value>,
    /// What a connection would begin with, if the session could not be resumed.
    provisional: Option<(String, Option<String>)>,
    /// Whether the server has ever said anything about the session's fate.
    is_known: bool,
}

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Away,
    /// Waits for `ready`.
    Greeting,
    /// Waits for the answer to its `resume`.
    Resuming,
    /// Was told to ask again later.
    AskAgain,
    Ready,
}

#[derive(Debug)]
pub(super) struct Room {
    pub(super) id: String,
    pub(super) partner: String,
    /// Its own messages in this room.
    pub(super) sent: u64,
    /// The partner's.
    pub(super) received: u64,
    pub(super) partner_away: bool,
}

impl Client {
    pub(super) fn new(layer: Layer) -> Self {
        Client {
            layer,
            id: None,
            stage: Stage::Away,
            outbox: VecDeque::new(),
            token: None,
            attempts: 0,
            handled: 0,
            said: 0,
            kept: VecDeque::new(),
            again_from: None,
            room: None,
            waits: false,
            asked: false,
            heard: 0,
            resumes: 0,
            before: None,
            void: Vec::new(),
            provisional: None,
            is_known: false,
        }
    }

    /// Says something, if it can.
    pub(super) fn say(&mut self, dice: &mut StdRng) {
        match self.stage {
            Stage::Ready => {}
            Stage::AskAgain => return self.ask_for_resume(),
            Stage::Away | Stage::Greeting | Stage::Resuming => return,
        }
        if self.again_from.is_some() {
            return self.say_again();
        }
        match (dice.random_range(0..100), &self.room) {
            (0..8, _) => self.ping(),
            (8..10, _) => {
                self.tell(json!({"type": "leave"}));
                (self.room, self.waits, self.asked) = (None, false, false);
                self.before = None;
            }
            (10..14, Some(room)) => {
                let room = room.id.clone();
                self.tell(json!({"type": "next", "roomId": room}));
                self.before = Some((self.room.take(), self.waits));
                (self.room, self.waits, self.asked) = (None, false, true);
            }
            (_, Some(_)) => self.signal(),
            (_, None) if !self.waits && !self.asked => {
                self.tell(json!({"type": "available"}));
                self.asked = true;
            }
            (14..20, None) => self.tell(json!({"type": "state", "ice": "connected"})),
            _ => {}
        }
    }

    /// A numbered message for the partner, whose text says which it is.
    pub(super) fn signal(&mut self) {
        let Some(room) = &mut self.room else { return };
        room.sent += 1;
        let message = json!({"type": "ice", "candidate": format!("{} {}", room.id, room.sent), "roomId": room.id});
        self.tell(message);
    }

    pub(super) fn ping(&mut self) {
        let ping = if self.numbers() { json!({"type": "ping", "ack": self.handled}) } else { json!({"type": "ping"}) };
        self.outbox.push_back(ping.to_string());
    }

    fn numbers(&self) -> bool {
        self.layer == Layer::V1
    }

    fn tell(&mut self, mut message: Value) {
        if self.numbers() {
            self.said += 1;
            message["seq"] = json!(self.said);
            message["ack"] = json!(self.handled);
            self.kept.push_back((self.said, message.clone()));
        }
        self.outbox.push_back(message.to_string());
    }

    /// Says again what was not taken, under the same numbers.
    pub(super) fn say_again(&mut self) {
        let Some(from) = self.again_from.take() else { return };
        let again = self.kept.iter().filter(|(seq, _)| *seq >= from).map(|(_, message)| message.to_string());
        self.outbox.extend(again);
    }

    /// The connection is gone, and whatever was under way with it.
    pub(super) fn disconnected(&mut self) {
        self.stage = Stage::Away;
        self.outbox.clear();
        self.again_from = None;
        if self.layer == Layer::Base || self.token.is_none() {
            self.forget();
        }
    }

    /// It begins anew with its next connection.
    pub(super) fn forget(&mut self) {
        let (layer, stage, heard, resumes) = (self.layer, self.stage, self.heard, self.resumes);
        *self = Client { stage, heard, resumes, ..Client::new(layer) };
    }

    fn ask_for_resume(&mut self) {
        self.stage = Stage::Resuming;
        self.attempts += 1;
        let resume = json!({"type": "resume", "token": self.token, "ack": self.handled, "attempt": self.attempts});
        self.outbox.push_back(resume.to_string());
    }

    pub(super) fn hear(&mut self, text: &str) {
        let message: Value = serde_json::from_str(text).unwrap();
        if let Some(seq) = message["seq"].as_u64() {
            assert!(self.numbers(), "a base client got {text}");
            assert_eq!(seq, self.handled + 1, "in order, once: {text}");
            self.handled = seq;
        }
        if let (Some(ack), Stage::Ready) = (message["ack"].as_u64(), self.stage) {
            self.taken(ack);
        }
        if self.layer == Layer::Base && message["type"] != "error" {
            self.before = None;
        }
        if self.is_from_before(&message) {
            return self.void.push(message);
        }
        self.understand(&message);
    }

    fn understand(&mut self, message: &Value) {
        match message["type"].as_str().unwrap() {
            "ready" => self.ready(message),
            "resumed" => self.resumed(message),
            "waiting" => {
                assert!(self.room.is_none(), "waits in a room");
                (self.waits, self.asked) = (true, false);
            }
            "matched" => self.matched(message),
            "ice" => self.got(message),
            "partner-left" => {
                if self.room.take().is_some() {
                    self.waits = message["requeued"].as_bool().unwrap();
                }
            }
            "partner-away" => self.partner_is(true),
            "partner-back" => self.partner_is(false),
            "error" => self.refused(message),
            "pong" | "void" | "authenticated" => {}
            other => panic!("unexpected {other}"),
        }
    }

    /// Whether it tells of something that its own `leave` or `next`, still under way, will have ended.
    fn is_from_before(&self, message: &Value) -> bool {
        message["seq"].is_u64() && self.ends_something()
    }

    fn ends_something(&self) -> bool {
        self.kept.iter().any(|(_, said)| matches!(said["type"].as_str(), Some("leave" | "next")))
    }

    /// Its `next` came too late for the room that it named: what it has heard since was true.
    fn next_was_refused(&mut self, seq: u64) {
        let Some(index) = self.kept.iter().position(|(kept, said)| *kept == seq && said["type"] == "next") else {
            return;
        };
        // Its number is still to be filled, should it be asked for again.
        self.kept[index].1 = json!({"type": "state", "ice": "connected", "seq": seq});
        if let Some((room, waits)) = self.before.take() {
            (self.room, self.waits, self.asked) = (room, waits, false);
            for message in std::mem::take(&mut self.void) {
                self.understand(&message);
            }
        }
    }

    pub(super) fn has_nothing_left_to_say(&self) -> bool {
        self.kept.is_empty()
    }

    /// Says what it still has to say, and asks what is taken.
    pub(super) fn settle(&mut self) {
        match self.stage {
            Stage::Ready if self.again_from.is_some() => self.say_again(),
            Stage::Ready => self.ping(),
            Stage::AskAgain => self.ask_for_resume(),
            Stage::Away | Stage::Greeting | Stage::Resuming => {}
        }
    }

    fn ready(&mut self, ready: &Value) {
        assert_eq!(self.stage, Stage::Greeting);
        let id = ready["clientId"].as_str().unwrap().to_owned();
        let token = ready["resumeToken"].as_str().map(str::to_owned);
        assert_eq!(token.is_some(), self.numbers());
        self.provisional = Some((id, token));
        if self.token.is_some() { self.ask_for_resume() } else { self.begin() }
    }

    fn begin(&mut self) {
        let (id, token) = self.provisional.take().expect("it has been greeted");
        (self.id, self.token, self.stage) = (Some(id), token, Stage::Ready);
    }

    fn resumed(&mut self, resumed: &Value) {
        assert_eq!(self.stage, Stage::Resuming);
        assert_eq!(resumed["clientId"].as_str(), self.id.as_deref(), "another's session");
        self.stage = Stage::Ready;
        self.attempts = 0;
        self.is_known = true;
        self.resumes += 1;
        self.token = Some(resumed["resumeToken"].as_str().unwrap().to_owned());
        self.taken(resumed["ack"].as_u64().unwrap());
        self.ping();
        self.again_from = Some(0);
        self.say_again();
    }

    fn taken(&mut self, ack: u64) {
        self.is_known |= ack > 0;
        assert!(ack <= self.said, "taken before it was said");
        self.kept.retain(|(seq, _)| *seq > ack);
        if !self.ends_something() {
            self.before = None;
            self.void.clear();
        }
    }

    fn matched(&mut self, matched: &Value) {
        let id = matched["roomId"].as_str().unwrap().to_owned();
        let partner = matched["partnerId"].as_str().unwrap().to_owned();
        assert!(self.room.is_none(), "in two rooms");
        assert_ne!(Some(&partner), self.id.as_ref(), "with oneself");
        (self.waits, self.asked) = (false, false);
        self.room = Some(Room { id, partner, sent: 0, received: 0, partner_away: false });
    }

    fn got(&mut self, ice: &Value) {
        let text = ice["candidate"].as_str().unwrap();
        // It has left the room, and the gateway has not heard of that yet.
        let Some(room) = &mut self.room else { return };
        if ice["from"].as_str() != Some(&room.partner) {
            return;
        }
        assert_eq!(text, format!("{} {}", room.id, room.received + 1), "in order, once");
        room.received += 1;
        self.heard += 1;
    }

    fn partner_is(&mut self, away: bool) {
        let Some(room) = &mut self.room else { return };
        assert_ne!(room.partner_away, away, "that is no news");
        room.partner_away = away;
    }

    fn refused(&mut self, error: &Value) {
        let refused = error["refused"].as_u64();
        match error["code"].as_str().unwrap() {
            "unavailable" if self.stage == Stage::Resuming && refused.is_none() => self.stage = Stage::AskAgain,
            "unavailable" if self.numbers() => {
                let from = refused.expect("a numbered message was refused");
                self.again_from = Some(self.again_from.map_or(from, |other| other.min(from)));
            }
            "unavailable" => {
                self.asked = false;
                if let Some((room, waits)) = self.before.take() {
                    (self.room, self.waits) = (room, waits);
                }
            }
            "resume-failed" => {
                // Its gateway may have died before it could tell anybody of it.
                assert!(!self.is_known && self.handled == 0, "a session was lost");
                let provisional = self.provisional.take();
                self.forget();
                self.provisional = provisional;
                self.begin();
            }
            // The numbers after one that was not available.
            "invalid-message" if error["expected"].is_u64() => {
                assert!(self.numbers());
                self.again_from = Some(error["expected"].as_u64().unwrap());
            }
            // The room ended while the message was under way.
            "stale-room" | "not-in-room" => {
                assert!(refused.is_some() || self.layer == Layer::Base);
                self.next_was_refused(refused.unwrap_or_default());
            }
            code => panic!("unexpected {code}: {error}"),
        }
    }
}
