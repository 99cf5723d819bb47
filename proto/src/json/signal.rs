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
    /// What the partner gets, with room for who it is from: a message is copied once.
    text: Vec<u8>,
    from: usize,
}

impl Signal {
    pub(super) fn new(kind: SignalKind, object: &Object<'_>) -> Self {
        let members = || object.members().iter().filter(|member| !SERVERS.contains(&&*member.name));
        let length: usize = members().map(|member| member.raw_name.len() + member.value.len() + 2).sum();
        let parts = [r#"{"type":""#, kind.name(), r#"","from":""#];
        let from = parts.iter().map(|part| part.len()).sum();
        let mut text = Vec::with_capacity(from + ClientId::LENGTH + 1 + length + 1);
        parts.iter().for_each(|part| text.extend_from_slice(part.as_bytes()));
        text.resize(from + ClientId::LENGTH, b' ');
        text.push(b'"');
        for member in members() {
            text.push(b',');
            text.extend_from_slice(member.raw_name.as_bytes());
            text.push(b':');
            text.extend_from_slice(member.value.as_bytes());
        }
        text.push(b'}');
        Signal { kind, text, from }
    }

    /// The partner's message: JSON, from `from` and from nobody else.
    pub fn into_text(mut self, from: ClientId) -> Bytes {
        from.write(&mut self.text[self.from..self.from + ClientId::LENGTH]);
        self.text.into()
    }
}

/// Members that the server writes; a client's own never reach the partner.
const SERVERS: [&str; 4] = ["type", "from", "seq", "ack"];
