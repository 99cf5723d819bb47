//! What one client of the layer `duet.v1` says and hears, whatever carries it. It judges every message: its number, its partner's
//! number in it, and that the room is the one that it has been from the beginning.

use std::collections::VecDeque;

use serde_json::{Value, json};

#[derive(Debug)]
pub(super) struct Talk {
    pool: String,
    id: Option<String>,
    pub(super) stage: Stage,
    /// What it wants to say on its connection.
    pub(super) outbox: VecDeque<String>,
    token: Option<String>,
    /// The highest number of the server's that it has handled.
    handled: u64,
    /// The number of its newest message.
    said: u64,
    /// Those not known to be taken.
    kept: VecDeque<(u64, Value)>,
    /// From which on they are to be said again, when the server was not available.
    again_from: Option<u64>,
    room: Option<Room>,
    /// The partner's messages.
    pub(super) heard: u64,
    pub(super) resumes: u64,
    /// How often it has asked with its token.
    attempts: u32,
    /// So many messages are to be heard.
    pub(super) goal: u64,
    pub(super) is_silent: bool,
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

#[derive(Debug, PartialEq)]
struct Room {
    id: String,
    partner: String,
    /// Its own messages.
    sent: u64,
    partner_away: bool,
}

impl Talk {
    pub(super) fn new(pool: String) -> Self {
        Talk {
            pool,
            id: None,
            stage: Stage::Away,
            outbox: VecDeque::new(),
            token: None,
            handled: 0,
            said: 0,
            kept: VecDeque::new(),
            again_from: None,
            room: None,
            heard: 0,
            resumes: 0,
            attempts: 0,
            goal: 0,
            is_silent: false,
        }
    }

    /// How many messages it has had for its partner.
    pub(super) fn sent(&self) -> u64 {
        self.room.as_ref().map_or(0, |room| room.sent)
    }

    pub(super) fn is_alone(&self) -> bool {
        self.room.as_ref().is_none_or(|room| room.partner_away)
    }

    pub(super) fn has_nothing_left_to_say(&self) -> bool {
        self.stage == Stage::Ready && self.kept.is_empty()
    }

    pub(super) fn agrees_with(&self, partner: &Talk) {
        let (own, other) = (self.room.as_ref().unwrap(), partner.room.as_ref().unwrap());
        assert_eq!(
            (&own.id, Some(&own.partner), self.id.as_ref()),
            (&other.id, partner.id.as_ref(), Some(&other.partner))
        );
    }

    // The connection.

    pub(super) fn connected(&mut self) {
        self.stage = Stage::Greeting;
    }

    /// The connection is gone, and whatever was under way with it.
    pub(super) fn disconnected(&mut self) {
        self.stage = Stage::Away;
        self.outbox.clear();
        self.again_from = None;
    }

    // What it says.

    /// A numbered message for the partner, unless too much is under way already.
    pub(super) fn signal(&mut self) {
        if self.stage != Stage::Ready || self.is_silent || self.again_from.is_some() || self.kept.len() >= KEPT_AT_MOST
        {
            return;
        }
        let Some(room) = &mut self.room else { return };
        room.sent += 1;
        let message = json!({"type": "ice", "candidate": room.sent.to_string(), "roomId": room.id});
        self.tell(message);
    }

    /// What is said from time to time: how far it is, and what the server could not take.
    pub(super) fn keep_in_touch(&mut self) {
        match self.stage {
            Stage::Away | Stage::Greeting => {}
            // A ping might be taken for the first message after `resumed`, which says that the new token has arrived.
            Stage::Resuming => {}
            Stage::AskAgain => self.ask_for_resume(),
            Stage::Ready => {
                self.ping();
                self.say_again();
            }
        }
    }

    fn ping(&mut self) {
        self.outbox.push_back(json!({"type": "ping", "ack": self.handled}).to_string());
    }

    fn tell(&mut self, mut message: Value) {
        self.said += 1;
        message["seq"] = json!(self.said);
        message["ack"] = json!(self.handled);
        self.outbox.push_back(message.to_string());
        self.kept.push_back((self.said, message));
    }

    /// Says again what was not taken, under the same numbers.
    fn say_again(&mut self) {
        let Some(from) = self.again_from.take() else { return };
        let again = self.kept.iter().filter(|(seq, _)| *seq >= from).map(|(_, message)| message.to_string());
        self.outbox.extend(again);
    }

    fn ask_for_resume(&mut self) {
        self.stage = Stage::Resuming;
        self.attempts += 1;
        let resume = json!({"type": "resume", "token": self.token, "ack": self.handled, "attempt": self.attempts});
        self.outbox.push_back(resume.to_string());
    }

    // What it hears.

    pub(super) fn hear(&mut self, text: &str) {
        let message: Value = serde_json::from_str(text).unwrap();
        if let Some(seq) = message["seq"].as_u64() {
            assert_eq!(seq, self.handled + 1, "in order, once: {text}");
            self.handled = seq;
        }
        if let (Some(ack), Stage::Ready) = (message["ack"].as_u64(), self.stage) {
            self.taken(ack);
        }
        match message["type"].as_str().unwrap() {
            "ready" => self.ready(&message),
            "resumed" => self.resumed(&message),
            "waiting" => assert!(self.room.is_none(), "the room is over: {text}"),
            "matched" => self.matched(&message),
            "ice" => self.got(&message),
            "partner-away" => self.partner_is(true),
            "partner-back" => self.partner_is(false),
            "error" => self.refused(&message),
            "pong" => {}
            _ => panic!("unexpected: {text}"),
        }
    }

    fn ready(&mut self, ready: &Value) {
        assert_eq!(self.stage, Stage::Greeting);
        if self.token.is_some() {
            return self.ask_for_resume();
        }
        self.id = Some(ready["clientId"].as_str().unwrap().to_owned());
        self.token = Some(ready["resumeToken"].as_str().unwrap().to_owned());
        self.stage = Stage::Ready;
        self.tell(json!({"type": "available", "pool": self.pool}));
    }

    fn resumed(&mut self, resumed: &Value) {
        assert_eq!(self.stage, Stage::Resuming);
        assert_eq!(resumed["clientId"].as_str(), self.id.as_deref(), "another's session");
        assert_eq!(resumed["roomId"].as_str(), self.room.as_ref().map(|room| room.id.as_str()), "another room");
        self.stage = Stage::Ready;
        self.resumes += 1;
        self.attempts = 0;
        self.token = Some(resumed["resumeToken"].as_str().unwrap().to_owned());
        self.taken(resumed["ack"].as_u64().unwrap());
        self.ping();
        self.again_from = Some(0);
        self.say_again();
    }

    fn taken(&mut self, ack: u64) {
        assert!(ack <= self.said, "taken before it was said");
        self.kept.retain(|(seq, _)| *seq > ack);
    }

    fn matched(&mut self, matched: &Value) {
        assert!(self.room.is_none(), "in two rooms");
        let [id, partner] = ["roomId", "partnerId"].map(|name| matched[name].as_str().unwrap().to_owned());
        self.room = Some(Room { id, partner, sent: 0, partner_away: false });
    }

    fn got(&mut self, ice: &Value) {
        let room = self.room.as_ref().expect("only in a room there is a partner");
        assert_eq!(ice["from"].as_str(), Some(&*room.partner));
        assert_eq!(ice["candidate"].as_str(), Some(&*(self.heard + 1).to_string()), "in order, once");
        self.heard += 1;
    }

    fn partner_is(&mut self, away: bool) {
        let room = self.room.as_mut().expect("only in a room there is a partner");
        assert_ne!(room.partner_away, away, "that is no news");
        room.partner_away = away;
    }

    fn refused(&mut self, error: &Value) {
        let refused = error["refused"].as_u64();
        let expected = error["expected"].as_u64();
        match error["code"].as_str().unwrap() {
            "unavailable" if self.stage == Stage::Resuming && refused.is_none() => self.stage = Stage::AskAgain,
            "unavailable" => self.say_again_from(refused.expect("a numbered message was refused")),
            // The numbers after one that was not available.
            "invalid-message" if expected.is_some() => self.say_again_from(expected.unwrap()),
            _ => panic!("unexpected: {error}"),
        }
    }

    fn say_again_from(&mut self, seq: u64) {
        self.again_from = Some(self.again_from.map_or(seq, |other| other.min(seq)));
    }
}

/// Before it waits with new ones.
const KEPT_AT_MOST: usize = 100;
