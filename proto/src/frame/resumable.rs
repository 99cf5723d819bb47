//! What goes between processes about sessions that outlive their sockets. When it is said is told in `signaling.proto`.

use std::time::Duration;

use bytes::Bytes;

use super::{Doing, Down, Identity, Wishes};
use crate::ids::{ClientId, RoomId, TicketNumber};
use crate::token::TokenHash;

/// What an announcement says of a session that may be resumed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resumable {
    /// Raised by each resume; 0 at first.
    pub epoch: u32,
    /// Of the token that resumes the session.
    pub token: TokenHash,
    /// Of the token before it, until the client has spoken after the last resume.
    pub earlier_token: Option<TokenHash>,
    /// How long the session is kept without a socket. Whole milliseconds: the rest is lost on the wire.
    pub window: Duration,
    /// How much of the window is left; `None` while there is a socket.
    pub detached: Option<Duration>,
    /// The highest number of a frame that the gateway has for the session.
    pub seq: u64,
    /// Those frames that the client has not acknowledged, with their numbers, oldest first.
    pub kept: Vec<(u64, Down)>,
    /// The highest number of the client's that the gateway has handled.
    pub client_seq: u64,
    /// The highest of those that a matchmaker is known to have taken.
    pub taken: u64,
}

/// A session that its client wanted back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionResumed {
    /// What its client was told as `clientId`.
    pub client: ClientId,
    /// Who its client says it is.
    pub identity: Option<Identity>,
    /// The newest.
    pub ticket: TicketNumber,
    /// What it is doing.
    pub doing: Doing,
    /// What it last asked for.
    pub wishes: Option<Wishes>,
    /// The room before.
    pub last_room: Option<LastRoom>,
    /// Which resume this was, from 1.
    pub epoch: u32,
    /// The highest number of a frame for the session.
    pub seq: u64,
    /// Those frames that the client has not acknowledged, with their numbers, oldest first.
    pub kept: Vec<(u64, Down)>,
    /// The highest number of the client's that was taken.
    pub taken: u64,
    /// The last of its own messages in the room that the partner's gateway has not acknowledged, oldest first, up to the newest.
    pub unacknowledged: Vec<Bytes>,
}

/// The room that a session was in before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastRoom {
    /// Which.
    pub room: RoomId,
    /// How long ago it ended. Whole milliseconds: the rest is lost on the wire.
    pub parted: Duration,
}

/// Why a session is over for the gateway that had it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SessionEndedReason {
    /// Its client is elsewhere.
    ResumedElsewhere,
    /// Its window has passed.
    Expired,
    /// More would have to be kept for its client than fits.
    Overflow,
    /// An operator ended it.
    Closed,
}
