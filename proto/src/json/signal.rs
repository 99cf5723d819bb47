//! offer, answer and ice: what of them is looked at, and the text that the partner gets.

use std::ops::Range;

use bytes::Bytes;

use super::object::{Member, Object};
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

/// What a policy on descriptions and candidates may do with a signal. Its text is read once more for that, so only who has such a policy
/// pays for it.
impl Signal {
    /// The SDP or the candidate's line, decoded, whether it stands alone or in an object. `Ok(None)`: there is none, as in some end marks.
    ///
    /// Fails when it is not for sure what a browser would read: a name stands twice, or it is no text.
    pub fn payload(&self) -> Result<Option<String>, UnclearPayload> {
        let value = self.payload_value();
        let text = if value.starts_with('{') {
            let inner = Object::parse(value).map_err(|_| UnclearPayload)?;
            inner.value(self.payload_name()).filter(|text| *text != "null")
        } else {
            Some(value).filter(|text| *text != "null")
        };
        text.map(|text| serde_json::from_str(text).map_err(|_| UnclearPayload)).transpose()
    }

    /// The same signal with another text as its payload, if one is given, and, if that stands in an object, without these other members of the
    /// object. What is left is as it was written.
    pub fn with_payload(&self, text: Option<&str>, without: &[&str]) -> Result<Signal, UnclearPayload> {
        let value = self.payload_value();
        let text = text.map(|text| serde_json::Value::from(text).to_string());
        let replaced = if value.starts_with('{') {
            let inner = Object::parse(value).map_err(|_| UnclearPayload)?;
            let stays = |member: &&Member<'_>| !without.contains(&&*member.name);
            if text.is_none() && inner.members().iter().all(|member| stays(&member)) {
                return Ok(self.clone());
            }
            let members = inner.members().iter().filter(stays).map(|member| {
                let text = text.as_deref().filter(|_| member.name == self.payload_name());
                format!("{}:{}", member.raw_name, text.unwrap_or(member.value))
            });
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        } else {
            text.unwrap_or_else(|| value.to_owned())
        };
        let Range { start, end } = self.payload_range();
        let text = [&self.text[..start], replaced.as_bytes(), &self.text[end..]].concat();
        Ok(Signal { kind: self.kind, text, from: self.from })
    }

    fn payload_name(&self) -> &'static str {
        match self.kind {
            SignalKind::Offer | SignalKind::Answer => "sdp",
            SignalKind::Ice => "candidate",
        }
    }

    /// As written.
    fn payload_value(&self) -> &str {
        str::from_utf8(&self.text[self.payload_range()]).expect("it was made of texts")
    }

    /// Where in the text the payload's value stands.
    fn payload_range(&self) -> Range<usize> {
        // The client's own members, after a comma. Together with the server's they may be more than an object of a client's may have.
        let own = self.from + ClientId::LENGTH + 2;
        let object = [b"{", &self.text[own..]].concat();
        let object = str::from_utf8(&object).expect("it was made of texts");
        let members = Object::parse(object).expect("it was made of the members of an object");
        let value = members.value(self.payload_name()).expect("it was checked to be there");
        let start = own - 1 + (value.as_ptr() as usize - object.as_ptr() as usize);
        start..start + value.len()
    }
}

/// It can't be said what a browser would take a payload for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnclearPayload;

/// Members that the server writes; a client's own never reach the partner.
const SERVERS: [&str; 4] = ["type", "from", "seq", "ack"];
