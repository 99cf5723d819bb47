//! What clients of each kind of server say. The work is the same; the words are the server's.

use clap::ValueEnum;

/// A server's protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Dialect {
    /// Duet's base protocol.
    Duet,
    /// PeerJS's PeerServer: clients address each other by ids that they chose.
    Peerjs,
    /// matchbox_server: clients of a room address each other by ids that they were given.
    Matchbox,
    /// A server that says every text back: everybody is its own partner.
    Echo,
}

/// A size of message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Payload {
    /// An ICE candidate of about 250 bytes.
    Small,
    /// An SDP offer of 3 KiB.
    Sdp,
}

impl Dialect {
    /// Where a client connects. Clients of different swarms that are connected at the same time have different numbers.
    pub(crate) fn path(self, base: &str, client: usize) -> String {
        match self {
            Dialect::Duet | Dialect::Echo => base.to_owned(),
            Dialect::Peerjs => format!("/peerjs?key=peerjs&id={}&token=t{client}", peerjs_id(client)),
            Dialect::Matchbox => format!("/bench-{}", client / 2),
        }
    }

    /// What greets a client: the text that holds its id, and the words before the id.
    pub(crate) fn id_in_greeting(self, text: &[u8], client: usize) -> Option<Vec<u8>> {
        match self {
            Dialect::Duet => string_after(text, br#""clientId":""#).map(<[u8]>::to_vec),
            Dialect::Peerjs => memchr::memmem::find(text, br#""OPEN""#).map(|_| peerjs_id(client).into_bytes()),
            Dialect::Matchbox => string_after(text, br#""IdAssigned":""#).map(<[u8]>::to_vec),
            Dialect::Echo => Some(b"greeted by its upgrade".to_vec()),
        }
    }

    /// Whether the server pairs clients, rather than they each other.
    pub(crate) fn is_paired_by_server(self) -> bool {
        self == Dialect::Duet
    }

    /// Whether the server says something to a client that has just come.
    pub(crate) fn is_greeted(self) -> bool {
        self != Dialect::Echo
    }

    /// A client's partner, where the server doesn't choose it.
    pub(crate) fn partner_of(self, client: usize) -> usize {
        if self == Dialect::Echo { client } else { client ^ 1 }
    }

    /// A message for the partner with this id.
    pub(crate) fn letter(self, payload: Payload, partner: &str) -> Letter {
        let (kind, members) = match payload {
            Payload::Small => ("ice", CANDIDATE.to_owned()),
            Payload::Sdp => ("offer", sdp()),
        };
        let at = format!(r#""at":"{:0DIGITS$}""#, 0);
        let text = match self {
            Dialect::Duet | Dialect::Echo => format!(r#"{{"type":"{kind}",{members},{at}}}"#),
            Dialect::Peerjs => {
                let kind = if payload == Payload::Small { "CANDIDATE" } else { "OFFER" };
                format!(r#"{{"type":"{kind}","dst":"{partner}","payload":{{{members},{at}}}}}"#)
            }
            Dialect::Matchbox => {
                format!(r#"{{"Signal":{{"receiver":"{partner}","data":{{"kind":"{kind}",{members},{at}}}}}}}"#)
            }
        };
        Letter::new(text.into_bytes())
    }
}

/// A message that says when it was due to be sent.
pub(crate) struct Letter {
    text: Vec<u8>,
    at: usize,
}

impl Letter {
    fn new(text: Vec<u8>) -> Self {
        let at = at(&text).expect("every letter has a time");
        Letter { text, at }
    }

    /// The text with that time, in nanoseconds since a time that the reader knows.
    pub(crate) fn dated(&mut self, mut nanoseconds: u64) -> &[u8] {
        for digit in self.text[self.at..self.at + DIGITS].iter_mut().rev() {
            *digit = b'0' + (nanoseconds % 10) as u8;
            nanoseconds /= 10;
        }
        &self.text
    }
}

/// When a text was due to be sent, if it is a letter.
pub(crate) fn date(text: &[u8]) -> Option<u64> {
    let start = at(text)?;
    let digits = text.get(start..start + DIGITS)?;
    Some(digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}

fn at(text: &[u8]) -> Option<usize> {
    memchr::memmem::find(text, br#""at":""#).map(|found| found + 6)
}

/// The string that comes after these bytes.
pub(crate) fn string_after<'a>(text: &'a [u8], before: &[u8]) -> Option<&'a [u8]> {
    let start = memchr::memmem::find(text, before)? + before.len();
    text[start..].split(|byte| *byte == b'"').next()
}

fn peerjs_id(client: usize) -> String {
    format!("client-{client}")
}

fn sdp() -> String {
    let line = r"a=candidate:842163049 1 udp 1677729535 203.0.113.7 46154 typ srflx raddr 10.0.0.17 rport 46154\r\n";
    format!(r#""sdp":"v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\n{}""#, line.repeat(3000 / line.len()))
}

const CANDIDATE: &str = r#""candidate":{"candidate":"candidate:842163049 1 udp 1677729535 203.0.113.7 46154 typ srflx raddr 10.0.0.17 rport 46154 generation 0 ufrag EEtu network-cost 999","sdpMid":"0","sdpMLineIndex":0,"usernameFragment":"EEtu"}"#;
const DIGITS: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_json_of_the_size_that_it_should_have_and_keeps_its_date() {
        for dialect in [Dialect::Duet, Dialect::Peerjs, Dialect::Matchbox] {
            for (payload, sizes) in [(Payload::Small, 200..400), (Payload::Sdp, 2_900..3_300)] {
                let mut letter = dialect.letter(payload, "someone");
                let text = letter.dated(1_234_567_890_123);
                serde_json::from_slice::<serde_json::Value>(text).unwrap();
                assert!(sizes.contains(&text.len()), "{dialect:?} {payload:?}: {} bytes", text.len());
                assert_eq!(date(text), Some(1_234_567_890_123));
            }
        }
    }
}
