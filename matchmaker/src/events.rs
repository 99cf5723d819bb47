//! What other services may want to hear of: who met, how it ended, who was reported. Nothing of what the two said.
//!
//! Events leave the machine as outputs, in the order in which they came about. Who hears of them, and what becomes of those that nobody
//! takes in time, is for the shell.

use std::sync::Arc;
use std::time::Duration;

use duet_proto::frame::{PartnerLeftReason, PoolName, Tag};
use duet_proto::ids::{ClientId, RoomId};

use crate::sessions::{SessionKey, State};
use crate::{Matchmaker, Output};

/// Something happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Two have met.
    Matched(RoomMade),
    /// A room is over.
    RoomEnded(RoomEnded),
    /// Somebody was reported.
    Reported(Report),
    /// A session began, waits, rests or ended.
    SessionChanged(SessionChanged),
    /// So many have reported somebody that it meets only others of whom that is true, for a time.
    Quarantined(Quarantined),
}

/// One of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// What the other knows it by.
    pub client: ClientId,
    /// Who it is, if that is proved.
    pub user: Option<Arc<str>>,
}

/// Two have met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomMade {
    /// Their room.
    pub room: RoomId,
    /// Where they met.
    pub pool: PoolName,
    /// Who; the initiator first.
    pub members: [Party; 2],
    /// How long each had waited.
    pub waited: [Duration; 2],
    /// The tags that both had asked for.
    pub tags: Box<[Tag]>,
}

/// A room is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomEnded {
    /// Which.
    pub room: RoomId,
    /// Where the two had met.
    pub pool: PoolName,
    /// Who ended it comes first, or was lost.
    pub members: [Party; 2],
    /// What the other was told.
    pub reason: PartnerLeftReason,
    /// How long the room lasted.
    pub lasted: Duration,
}

/// A report on a partner, or on the last one shortly after parting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Who reports.
    pub reporter: Party,
    /// Whom. Of a session that has ended only the client is known.
    pub reported: Party,
    /// The room they shared.
    pub room: RoomId,
    /// As the client put it: user data.
    pub reason: String,
    /// As the client put it: user data.
    pub details: String,
    /// How long the room lasted.
    pub talked: Duration,
    /// How long ago it ended.
    pub ago: Duration,
}

/// Somebody is kept from others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// Who. A user if that is proved, else only this session.
    pub party: Party,
    /// How many different ones have reported it lately.
    pub reporters: usize,
    /// For how long.
    pub lasts: Duration,
}

/// Something is new about a session. That it was matched is told by [`Event::Matched`], for both at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionChanged {
    /// Whose.
    pub party: Party,
    /// What.
    pub change: Change,
}

/// What is new about a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It attached, and is idle.
    Began,
    /// It is in the queue of a pool.
    Waits(PoolName),
    /// It neither waits nor talks any more.
    Idle,
    /// It has no socket just now.
    Detached,
    /// It has a socket again.
    Returned,
    /// It is gone.
    Ended,
}

impl Matchmaker {
    /// Tells of a change.
    pub(crate) fn note(&mut self, session: SessionKey, change: Change) {
        let party = self.sessions[session].party();
        self.outputs.push_back(Output::Event(Box::new(Event::SessionChanged(SessionChanged { party, change }))));
    }

    /// Tells that a session waits.
    pub(crate) fn note_waiting(&mut self, session: SessionKey) {
        let pool = self.sessions[session].wish().wishes.pool.clone();
        self.note(session, Change::Waits(pool));
    }

    /// Tells of those who have stopped what they did in this input, and do nothing else.
    pub(crate) fn note_rested(&mut self) {
        for client in std::mem::take(&mut self.rested) {
            let Some(session) = self.sessions.by_client(client) else { continue };
            if matches!(self.sessions[session].state, State::Idle) {
                self.note(session, Change::Idle);
            }
        }
    }
}
