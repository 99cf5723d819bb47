//! offer, answer and ice: what of them is looked at, and the text that the partner gets.

use bytes::Bytes;

use super::object::Object;
use crate::ids::ClientId;

/// Which of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignalKind {
    /// An SDP offer.
    Offer,
    /// An SDP answer.
    Answer,
    /// An ICE candidate.
    Ice,
}

impl SignalKind {
    /// The `type` on the wire.
    pub fn name(self) -> &'static str {
        match self {
            SignalKind::Offer => "offer",
            SignalKind::Answer => "answer",
            SignalKind::Ice => "ice",
        }
    }
}

/// A checked message for the partner: its members as the client wrote them, save those that only the server may write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal {
    /// Which.
    pub kind: SignalKind,
    /// `,"sdp":…` and so on: each member with a comma before it.
    members: String,
}

impl Signal {
    pub(super) fn new(kind: SignalKind, object: &Object<'_>) -> Self {
        let mut members = String::new();
        for member in object.members().iter().filter(|member| !SERVERS.contains(&&*member.name)) {
            members.reserve(member.raw_name.len() + member.value.len() + 2);
            members.push(',');
            members.push_str(member.raw_name);
            members.push(':');
            members.push_str(member.value);
        }
        Signal { kind, members }
    }

    /// The partner's message: JSON, from `from` and from nobody else.
    pub fn text(&self, from: ClientId) -> Bytes {
        let kind = self.kind.name();
        format!("{{\"type\":\"{kind}\",\"from\":\"{from}\"{}}}", self.members).into()
    }
}

/// Members that the server writes; a client's own never reach the partner.
const SERVERS: [&str; 4] = ["type", "from", "seq", "ack"];
