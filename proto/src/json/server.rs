//! Server to client: every message of the base layer, and the one table of error codes.

use std::time::Duration;

use bytes::Bytes;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::frame::{PartnerLeftReason, PoolName};
use crate::ids::{ClientId, RoomId};

/// What a gateway says by itself. Messages from the partner come as finished text.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum ServerMessage {
    /// First on every connection.
    Ready {
        /// What others know this client by.
        client_id: ClientId,
    },
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
    },
    /// A partner was found.
    Matched {
        /// The room of the two.
        room_id: RoomId,
        /// The other.
        partner_id: ClientId,
        /// Whether this one makes the offer.
        initiator: bool,
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
    },
    /// This gateway is draining.
    GoingAway {
        /// When it will close the connection, from now.
        #[serde(rename = "reconnectInMs", serialize_with = "milliseconds")]
        reconnect_in: Duration,
    },
}

impl ServerMessage {
    /// The text on the wire.
    pub fn text(&self) -> Bytes {
        serde_json::to_vec(self).expect("no field of these messages can fail to serialize").into()
    }
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
    /// The matchmaker can't be reached just now; the message was not taken.
    Unavailable,
    /// Our fault.
    Internal,
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
        Refusal { code, message, retry_after: None, id: None }
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

fn milliseconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

fn some_milliseconds<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    milliseconds(&duration.unwrap_or_default(), serializer)
}
