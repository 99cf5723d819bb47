//! Frames as the machines know them: typed, checked, ready to trust.
//!
//! The same values travel by memory as they are and by gRPC as [`crate::v1`] messages; `wire.rs` translates. What a frame means
//! and when it is sent is told in `signaling.proto`.

use std::time::Duration;

use bytes::Bytes;

use crate::ids::{ClientId, RoomId, SessionNumber, TicketNumber};
use crate::token::TokenHash;
use crate::trace::MatchTraces;

mod assigned;
mod resumable;
mod weight;
mod wire;
mod wishes;

pub use assigned::Assigned;
pub use resumable::{LastRoom, Resumable, SessionEndedReason, SessionResumed};

pub use wire::InvalidFrame;
pub use wishes::{Avoided, PoolName, Preferences, Region, Tag, Wishes};

/// From a gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpFrame {
    /// Whose.
    pub session: SessionNumber,
    /// Of a resumable session's client: everything up to this number is in this frame or before. 0 says nothing.
    pub client_seq: u64,
    /// What.
    pub kind: Up,
}

/// What a session wants or did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "told in signaling.proto")]
pub enum Up {
    Attach(Box<Attach>),
    Identify(Identity),
    Join(Join),
    Next { attempt: u32, wishes: Wishes },
    Leave { attempt: u32 },
    Forward(Forward),
    Ack { ticket: TicketNumber, seq: u64 },
    Report { attempt: u32, room: RoomId, reason: String, details: String },
    End,
    Decline { ticket: TicketNumber },
    Broken { ticket: TicketNumber },
    Detach,
    ResumeSession { token: TokenHash, next_token: TokenHash, ack: u64, attempt: u32 },
    Adopted,
    Settle { ack: u64 },
    CallState { ticket: TicketNumber, outcome: CallOutcome, setup: Option<Duration> },
    Departed { client: ClientId },
    Stays { client: ClientId, ticket: TicketNumber },
}

/// What a call has come to, as one of the two says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallOutcome {
    /// Media flows.
    Connected,
    /// Media will not flow.
    Failed,
}

impl CallOutcome {
    /// All there are.
    pub const ALL: [CallOutcome; 2] = [CallOutcome::Connected, CallOutcome::Failed];
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
    /// If it outlives its socket.
    pub resumable: Option<Box<Resumable>>,
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
    /// The highest `seq` that it has given a message for the partner.
    pub sent: u64,
    /// The highest of those that the partner's gateway is known to have.
    pub acknowledged: u64,
    /// Whether it was last told that the partner is away.
    pub partner_away: bool,
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
    /// What of the token's claims is shown to partners: the text of a JSON object of up to [`crate::bounds::PUBLIC_CLAIMS`] bytes.
    pub public_claims: Option<Bytes>,
    /// For how much longer the proof holds, at the time of the frame; `None`: without end. Whole milliseconds: the rest is lost on
    /// the wire.
    pub expires_in: Option<Duration>,
    /// What the token says of the session's wishes.
    pub assigned: Option<Box<Assigned>>,
}

impl Identity {
    /// Somebody who says so.
    pub fn unverified(user: String) -> Self {
        Identity { user, verified: false, public_claims: None, expires_in: None, assigned: None }
    }
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
    /// Its number among those that a resumable session must not miss; else 0.
    pub seq: u64,
    /// With a number: the highest of the session's client's that was taken before this came about.
    pub taken: u64,
    /// What.
    pub kind: Down,
}

/// What happened to a session.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "told in signaling.proto")]
pub enum Down {
    Waiting(Waiting),
    Matched(Matched),
    Forward(Forward),
    PartnerLeft { ticket: TicketNumber, reason: PartnerLeftReason, requeued: bool },
    Resume { ticket: TicketNumber, received: u64, passed: u64 },
    Ack { ticket: TicketNumber, seq: u64 },
    PartnerAway { ticket: TicketNumber },
    PartnerBack { ticket: TicketNumber },
    SessionResumed(Box<SessionResumed>),
    ResumeFailed,
    SessionEnded { reason: SessionEndedReason },
    Settled { taken: u64 },
    PoolFull { ticket: TicketNumber, reason: PoolRefusal },
    Summon { client: ClientId, ticket: TicketNumber },
}

impl Down {
    /// The ticket that the frame belongs to, if it belongs to one.
    pub fn ticket(&self) -> Option<TicketNumber> {
        match self {
            Down::Waiting(Waiting { ticket, .. })
            | Down::Matched(Matched { ticket, .. })
            | Down::Forward(Forward { ticket, .. })
            | Down::PartnerLeft { ticket, .. }
            | Down::Resume { ticket, .. }
            | Down::Ack { ticket, .. }
            | Down::PartnerAway { ticket }
            | Down::PartnerBack { ticket }
            | Down::PoolFull { ticket, .. }
            | Down::Summon { ticket, .. } => Some(*ticket),
            Down::SessionResumed(_) | Down::ResumeFailed | Down::SessionEnded { .. } | Down::Settled { .. } => None,
        }
    }

    /// A copy to be kept: it does not hold on to the whole batch that its text came in.
    pub fn compact(&self) -> Self {
        match self {
            Down::Forward(forward) => Down::Forward(Forward { text: forward.text.to_vec().into(), ..*forward }),
            kind => kind.clone(),
        }
    }

    /// Whether a resumable session gets it with a number: what tells of its fate, or comes from its partner.
    pub fn is_numbered(&self) -> bool {
        match self {
            Down::Waiting(_)
            | Down::Matched(_)
            | Down::Forward(_)
            | Down::PartnerLeft { .. }
            | Down::PartnerAway { .. }
            | Down::PartnerBack { .. } => true,
            Down::Resume { .. }
            | Down::Ack { .. }
            | Down::SessionResumed(_)
            | Down::ResumeFailed
            | Down::SessionEnded { .. }
            | Down::Settled { .. }
            | Down::PoolFull { .. }
            | Down::Summon { .. } => false,
        }
    }
}

/// The session is in the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The ticket that waits.
    pub ticket: TicketNumber,
    /// Where.
    pub pool: PoolName,
    /// 1 is the next to be matched.
    pub position: u64,
    /// How long it has waited. Whole milliseconds: the rest is lost on the wire.
    pub waited: Duration,
    /// For how much longer it will wait, as far as the pool's last minute tells. Whole milliseconds.
    pub estimate: Option<Duration>,
    /// Whether its patience is over.
    pub widened: bool,
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
    /// Who the other is, if that is proved.
    pub shown: Option<Box<Identity>>,
    /// The tags that both had asked for.
    pub tags: Box<[Tag]>,
    /// Where the match is told of, if it is recorded.
    pub traces: Option<Box<MatchTraces>>,
}

/// Why a pool does not take a wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PoolRefusal {
    /// Nobody suits, and as many wait in it already as may.
    Full,
    /// There is no such pool, and there are as many as may be.
    TooManyPools,
    /// The operator has listed the pools, and this is none of them.
    Unlisted,
    /// An operator has paused it.
    Paused,
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
