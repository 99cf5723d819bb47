//! Server to client: every message, and the one table of error codes.

use std::time::Duration;

use bytes::Bytes;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::frame::{Identity, PartnerLeftReason, PoolName, Tag};
use crate::ids::{ClientId, RoomId};
use crate::token::ResumeToken;

/// What a gateway says by itself. Messages from the partner come as finished text.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum ServerMessage {
    /// First on every connection.
    Ready {
        /// What others know this client by.
        client_id: ClientId,
        /// What resumes this session; only in the layer `duet.v1`.
        #[serde(skip_serializing_if = "Option::is_none", serialize_with = "some_token")]
        resume_token: Option<ResumeToken>,
        /// How long the session outlives its connection; zero when it does not.
        #[serde(
            rename = "resumeWindowMs",
            skip_serializing_if = "Option::is_none",
            serialize_with = "some_milliseconds"
        )]
        resume_window: Option<Duration>,
    },
    /// The session goes on where it was.
    Resumed {
        /// What others know this client by: the resumed session's.
        client_id: ClientId,
        /// What the session is doing.
        state: ResumedState,
        /// Its room.
        #[serde(flatten, skip_serializing_if = "Option::is_none")]
        room: Option<ResumedRoom>,
        /// The highest number of the client's that was taken.
        ack: u64,
        /// What resumes the session next.
        #[serde(serialize_with = "token")]
        resume_token: ResumeToken,
    },
    /// The partner's connection broke, and may come back.
    PartnerAway,
    /// The partner is back.
    PartnerBack,
    /// In the place of a message that one of the client's own has made void before it was sent.
    Void,
    /// `auth` was accepted.
    Authenticated {
        /// Who this is now.
        user_id: String,
        /// Whether a token proved it.
        verified: bool,
    },
    /// In the queue.
    Waiting {
        /// Which.
        pool: PoolName,
        /// 1 is the next to be matched.
        #[serde(skip_serializing_if = "Option::is_none")]
        position: Option<u64>,
        /// For how much longer, as far as that can be told.
        #[serde(rename = "estimateMs", skip_serializing_if = "Option::is_none", serialize_with = "some_milliseconds")]
        estimate: Option<Duration>,
        /// Whether anybody of the pool will do by now.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        widened: bool,
    },
    /// A partner was found.
    Matched {
        /// The room of the two.
        room_id: RoomId,
        /// The other.
        partner_id: ClientId,
        /// Whether this one makes the offer.
        initiator: bool,
        /// What may be shown of the other.
        #[serde(skip_serializing_if = "Option::is_none")]
        partner: Option<Partner>,
        /// What both had asked for.
        #[serde(skip_serializing_if = "<[Tag]>::is_empty")]
        tags: Box<[Tag]>,
    },
    /// The identity of this client holds for no longer than that.
    TokenExpiring {
        /// Then the connection is closed, unless a new token comes.
        #[serde(rename = "inMs", serialize_with = "milliseconds")]
        remaining: Duration,
    },
    /// The room is over.
    PartnerLeft {
        /// Why.
        reason: PartnerLeftReason,
        /// Whether this client waits again.
        requeued: bool,
    },
    /// Something was refused.
    Error(Refusal),
    /// The answer to `ping`.
    Pong {
        /// As the client wrote it.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<Box<RawValue>>,
        /// The highest number of the client's that was taken; only in the layer `duet.v1`.
        #[serde(skip_serializing_if = "Option::is_none")]
        ack: Option<u64>,
    },
    /// This gateway is draining.
    GoingAway {
        /// When it will close the connection, from now.
        #[serde(rename = "reconnectInMs", serialize_with = "milliseconds")]
        reconnect_in: Duration,
    },
}

/// What is shown of a partner whose identity is proved.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Partner {
    /// Who it is.
    pub user_id: String,
    /// What else of its token the operator shows.
    #[serde(flatten)]
    pub claims: serde_json::Map<String, serde_json::Value>,
}

impl Partner {
    /// What an identity shows, if it is proved.
    pub fn of(identity: &Identity) -> Option<Self> {
        if !identity.verified {
            return None;
        }
        let claims = identity.public_claims.as_ref().and_then(|claims| serde_json::from_slice(claims).ok());
        let mut claims: serde_json::Map<_, _> = claims.unwrap_or_default();
        claims.remove("userId");
        Some(Partner { user_id: identity.user.clone(), claims })
    }
}

impl ServerMessage {
    /// The text on the wire.
    pub fn text(&self) -> Bytes {
        serde_json::to_vec(self).expect("no field of these messages can fail to serialize").into()
    }
}

/// Gives a message of the layer `duet.v1` its number, and the highest of the client's that was taken if that is to be told.
/// The text must be that of a JSON object with at least one member.
pub fn numbered(text: &[u8], seq: u64, ack: Option<u64>) -> Bytes {
    let mut numbered = Vec::with_capacity(text.len() + 48);
    numbered.extend_from_slice(text.strip_suffix(b"}").unwrap_or(text));
    let ack = ack.map(|ack| format!(",\"ack\":{ack}")).unwrap_or_default();
    numbered.extend_from_slice(format!(",\"seq\":{seq}{ack}}}").as_bytes());
    numbered.into()
}

/// What a resumed session is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResumedState {
    /// Nothing.
    Idle,
    /// It is in the queue.
    Waiting,
    /// It is in a room.
    Matched,
}

/// The room of a resumed session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResumedRoom {
    /// The room of the two.
    pub room_id: RoomId,
    /// The other.
    pub partner_id: ClientId,
    /// Whether this one makes the offer.
    pub initiator: bool,
    /// Whether the other is away.
    pub partner_away: bool,
}

/// What was refused and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// For programs.
    pub code: ErrorCode,
    /// For the client's developer. Carries no address, and nothing of a token.
    pub message: String,
    /// When to try again, for those refusals that pass with time.
    #[serde(rename = "retryAfterMs", skip_serializing_if = "Option::is_none", serialize_with = "some_milliseconds")]
    pub retry_after: Option<Duration>,
    /// What the logs know this fault of ours by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The number of the refused message, if it had one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<u64>,
    /// For a number out of order: the one that comes next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<u64>,
}

/// Why something was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorCode {
    /// Not JSON, or a field is missing, of the wrong kind or too long.
    InvalidMessage,
    /// No such message.
    UnknownType,
    /// The message named a room that is over.
    StaleRoom,
    /// A message for a partner, without one.
    NotInRoom,
    /// `available` in a room.
    AlreadyMatched,
    /// What should prove who the client is does not.
    Unauthorized,
    /// Over the message rate; the message was dropped.
    RateLimited,
    /// What should resume a session does not.
    ResumeFailed,
    /// The matchmaker can't be reached just now; the message was not taken.
    Unavailable,
    /// Our fault.
    Internal,
}

impl ErrorCode {
    /// All, in the order of [`place`](Self::place).
    pub const ALL: [ErrorCode; 10] = [
        ErrorCode::InvalidMessage,
        ErrorCode::UnknownType,
        ErrorCode::StaleRoom,
        ErrorCode::NotInRoom,
        ErrorCode::AlreadyMatched,
        ErrorCode::Unauthorized,
        ErrorCode::RateLimited,
        ErrorCode::ResumeFailed,
        ErrorCode::Unavailable,
        ErrorCode::Internal,
    ];

    /// As on the wire.
    pub fn name(self) -> &'static str {
        match self {
            ErrorCode::InvalidMessage => "invalid-message",
            ErrorCode::UnknownType => "unknown-type",
            ErrorCode::StaleRoom => "stale-room",
            ErrorCode::NotInRoom => "not-in-room",
            ErrorCode::AlreadyMatched => "already-matched",
            ErrorCode::Unauthorized => "unauthorized",
            ErrorCode::RateLimited => "rate-limited",
            ErrorCode::ResumeFailed => "resume-failed",
            ErrorCode::Unavailable => "unavailable",
            ErrorCode::Internal => "internal",
        }
    }

    /// Its place among [`ALL`](Self::ALL), for tables.
    pub fn place(self) -> usize {
        self as usize
    }
}

impl Refusal {
    /// The message breaks the protocol; `message` names the field.
    pub fn invalid(message: String) -> Self {
        Refusal::new(ErrorCode::InvalidMessage, message)
    }

    /// There is no message of this type.
    pub fn unknown_type() -> Self {
        Refusal::new(ErrorCode::UnknownType, "no message has this `type`".to_owned())
    }

    /// A refusal with neither a time nor an id.
    pub fn new(code: ErrorCode, message: String) -> Self {
        Refusal { code, message, retry_after: None, id: None, refused: None, expected: None }
    }

    /// The same, to be tried again after `delay`.
    pub fn retry_after(self, delay: Duration) -> Self {
        Refusal { retry_after: Some(delay), ..self }
    }
}

impl Serialize for PoolName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl Serialize for Tag {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl Serialize for PartnerLeftReason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match self {
            PartnerLeftReason::Left => "left",
            PartnerLeftReason::Next => "next",
            PartnerLeftReason::Disconnected => "disconnected",
            PartnerLeftReason::Closed => "closed",
        })
    }
}

impl Serialize for ClientId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for RoomId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

fn token<S: Serializer>(token: &ResumeToken, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&token.secret_text())
}

fn some_token<S: Serializer>(some: &Option<ResumeToken>, serializer: S) -> Result<S::Ok, S::Error> {
    match some {
        Some(some) => token(some, serializer),
        None => serializer.serialize_none(),
    }
}

fn milliseconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

fn some_milliseconds<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    milliseconds(&duration.unwrap_or_default(), serializer)
}
