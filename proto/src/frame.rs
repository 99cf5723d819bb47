//! Frames as the machines know them: typed, checked, ready to trust.
//!
//! The same values travel by memory as they are and by gRPC as [`crate::v1`] messages; `wire.rs` translates. What a frame means
//! and when it is sent is told in `signaling.proto`.

use std::time::Duration;

use bytes::Bytes;

use crate::ids::{ClientId, RoomId, SessionNumber, TicketNumber};
use crate::queue::Weigh;

mod wire;

pub use wire::InvalidFrame;

/// From a gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpFrame {
    /// Whose.
    pub session: SessionNumber,
    /// What.
    pub kind: Up,
}

/// What a session wants or did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "told in signaling.proto")]
pub enum Up {
    Attach(Attach),
    Identify(Identity),
    Join(Join),
    Next { attempt: u32, wishes: Wishes },
    Leave { attempt: u32 },
    Forward(Forward),
    Ack { ticket: TicketNumber, seq: u64 },
    Report { attempt: u32, room: RoomId, reason: String, details: String },
    Detach,
    Decline { ticket: TicketNumber },
}

/// A session begins, or is announced again on a new link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attach {
    /// What its client was told as `clientId`.
    pub client: ClientId,
    /// Who its client says it is.
    pub identity: Option<Identity>,
    /// Its newest attempt; 0 before the first.
    pub attempt: u32,
    /// What it was doing when its last link broke.
    pub doing: Doing,
}

/// What an announced session was doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doing {
    /// Nothing.
    Idle,
    /// It was in the queue, or wanted to be.
    Waiting(Join),
    /// It was in a room.
    InRoom(InRoom),
}

/// The room that an announced session believes to be in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InRoom {
    /// The ticket that the room was made for.
    pub ticket: TicketNumber,
    /// The room.
    pub room: RoomId,
    /// The other.
    pub partner: ClientId,
    /// Whether the session makes the offer.
    pub initiator: bool,
    /// The highest `seq` that it has of the partner's.
    pub received: u64,
    /// What it had asked for; `waited` includes the time in the room.
    pub join: Join,
}

/// Who a client says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Up to [`crate::bounds::USER_ID`] characters.
    pub user: String,
    /// Whether a token proved it.
    pub verified: bool,
}

/// Asks for a partner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Join {
    /// Above every earlier attempt of the session.
    pub attempt: u32,
    /// What the partner must be like.
    pub wishes: Wishes,
    /// How long the session has waited already. Whole milliseconds: the rest is lost on the wire.
    pub waited: Duration,
}

/// What a partner must be like.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Wishes {
    /// Only sessions of the same pool meet.
    pub pool: PoolName,
}

/// A pool's name: 1 to [`crate::bounds::POOL`] characters, none a control character. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PoolName(std::sync::Arc<str>);

impl PoolName {
    /// The name, unless it breaks a rule of the type.
    pub fn new(name: &str) -> Option<Self> {
        let fits = !name.is_empty() && name.chars().count() <= crate::bounds::POOL;
        (fits && !name.chars().any(char::is_control)).then(|| PoolName(name.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for PoolName {
    fn default() -> Self {
        PoolName("default".into())
    }
}

/// A message from one of a room to the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// Up the sender's ticket, down the receiver's.
    pub ticket: TicketNumber,
    /// 1, 2, 3 … in each direction of a room.
    pub seq: u64,
    /// What the receiving client gets. UTF-8, `from` included.
    pub text: Bytes,
}

/// From a matchmaker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DownFrame {
    /// To whom.
    pub session: SessionNumber,
    /// What.
    pub kind: Down,
}

/// What happened to a session.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "told in signaling.proto")]
pub enum Down {
    Waiting { ticket: TicketNumber, pool: PoolName, position: u64, waited: Duration },
    Matched(Matched),
    Forward(Forward),
    PartnerLeft { ticket: TicketNumber, reason: PartnerLeftReason, requeued: bool },
    Resume { ticket: TicketNumber, received: u64 },
    Ack { ticket: TicketNumber, seq: u64 },
}

/// A partner was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matched {
    /// The ticket it was found for.
    pub ticket: TicketNumber,
    /// The room of the two.
    pub room: RoomId,
    /// The other.
    pub partner: ClientId,
    /// Exactly one of the two makes the offer.
    pub initiator: bool,
    /// How long the session had waited. Whole milliseconds: the rest is lost on the wire.
    pub waited: Duration,
}

/// Why a room ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PartnerLeftReason {
    /// The partner left, or declined.
    Left,
    /// The partner asked for another.
    Next,
    /// The partner's connection or process was lost.
    Disconnected,
    /// An operator closed the room.
    Closed,
}

/// What a frame costs beside its texts: more than its numbers and ids take on the wire.
const FRAME_WEIGHT: usize = 96;

impl Weigh for UpFrame {
    fn weight(&self) -> usize {
        let texts = match &self.kind {
            Up::Attach(attach) => attach.identity.as_ref().map_or(0, Identity::weight) + attach.doing.weight(),
            Up::Identify(identity) => identity.weight(),
            Up::Join(join) => join.wishes.weight(),
            Up::Next { wishes, .. } => wishes.weight(),
            Up::Forward(forward) => forward.text.len(),
            Up::Report { reason, details, .. } => reason.len() + details.len(),
            Up::Leave { .. } | Up::Ack { .. } | Up::Detach | Up::Decline { .. } => 0,
        };
        FRAME_WEIGHT + texts
    }
}

impl Weigh for DownFrame {
    fn weight(&self) -> usize {
        let texts = match &self.kind {
            Down::Waiting { pool, .. } => pool.0.len(),
            Down::Forward(forward) => forward.text.len(),
            Down::Matched(_) | Down::PartnerLeft { .. } | Down::Resume { .. } | Down::Ack { .. } => 0,
        };
        FRAME_WEIGHT + texts
    }
}

impl Identity {
    fn weight(&self) -> usize {
        self.user.len()
    }
}

impl Wishes {
    fn weight(&self) -> usize {
        self.pool.0.len()
    }
}

impl Doing {
    fn weight(&self) -> usize {
        match self {
            Doing::Idle => 0,
            Doing::Waiting(join) | Doing::InRoom(InRoom { join, .. }) => join.wishes.weight(),
        }
    }
}
