//! A client's bytes on a WebSocket, whole and in pieces.

use arbitrary::{Arbitrary, Unstructured};
use duet_gateway::framing::{FrameReader, Received};
use duet_proto::close::CloseCode;

/// However the bytes are cut, the same is heard, and they end alike. No message is larger than allowed.
pub fn frames(data: &[u8]) {
    let mut data = Unstructured::new(data);
    let Ok(plan) = Plan::arbitrary(&mut data) else { return };
    let max_message = [16, 125, 126, 1024, 70_000][usize::from(plan.limit % 5)];
    let bytes = match plan.frames {
        Some(frames) => frames.into_iter().flat_map(Frame::into_bytes).collect(),
        None => data.take_rest().to_vec(),
    };
    let whole = read(&bytes, [bytes.len()].into_iter(), max_message);
    let pieces = plan.pieces.iter().map(|piece| usize::from(*piece) % 40).chain(std::iter::repeat(1));
    assert_eq!(read(&bytes, pieces, max_message), whole, "cut differently");
    for heard in whole.0 {
        let (Heard::Text(payload) | Heard::Ping(payload)) = heard else { continue };
        assert!(payload.len() <= max_message.max(125));
    }
}

#[derive(Debug, Arbitrary)]
struct Plan {
    limit: u8,
    pieces: Vec<u8>,
    /// Nearly good ones; otherwise the rest of the bytes is sent as it is.
    frames: Option<Vec<Frame>>,
}

#[derive(Debug, Arbitrary)]
struct Frame {
    first: u8,
    /// Most are common ones.
    opcode: Opcode,
    payload: Vec<u8>,
    repeat: u8,
    mask: [u8; 4],
    /// A length in more bytes than it needs.
    is_wide: bool,
    is_unmasked: bool,
}

#[derive(Debug, Arbitrary)]
enum Opcode {
    Text,
    TextBegins,
    Continues,
    Ends,
    Ping,
    Pong,
    Close,
    Any,
}

impl Frame {
    fn into_bytes(self) -> Vec<u8> {
        let first = match self.opcode {
            Opcode::Text => 0x81,
            Opcode::TextBegins => 0x01,
            Opcode::Continues => 0x00,
            Opcode::Ends => 0x80,
            Opcode::Ping => 0x89,
            Opcode::Pong => 0x8a,
            Opcode::Close => 0x88,
            Opcode::Any => self.first,
        };
        let payload = self.payload.repeat(1 + usize::from(self.repeat));
        let masked = if self.is_unmasked && self.repeat > 250 { 0 } else { 0x80 };
        let mut bytes = vec![first];
        match (payload.len(), self.is_wide) {
            (length @ 0..=125, false) => bytes.push(masked | length as u8),
            (length @ 0..=0xffff, false) => {
                bytes.push(masked | 126);
                bytes.extend((length as u16).to_be_bytes());
            }
            (length, _) => {
                bytes.push(masked | 127);
                bytes.extend((length as u64).to_be_bytes());
            }
        }
        if masked > 0 {
            bytes.extend(self.mask);
        }
        bytes.extend(payload.iter().zip(self.mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        bytes
    }
}

/// What was heard, to be kept.
#[derive(Debug, PartialEq, Eq)]
enum Heard {
    Text(Vec<u8>),
    Ping(Vec<u8>),
    Pong,
    Fragment,
    Close(Option<u16>),
}

/// Reads in pieces of those sizes until the end, or what ends it.
fn read(
    bytes: &[u8],
    mut pieces: impl Iterator<Item = usize>,
    max_message: usize,
) -> (Vec<Heard>, Result<(), CloseCode>) {
    let mut reader = FrameReader::new(max_message);
    let mut heard = Vec::new();
    // The reader unmasks where the bytes lie.
    let mut bytes = bytes.to_vec();
    let mut rest = &mut bytes[..];
    while !rest.is_empty() && !matches!(heard.last(), Some(Heard::Close(_))) {
        let size = pieces.next().unwrap_or(1).clamp(1, rest.len());
        let (piece, after) = rest.split_at_mut(size);
        let read = reader.read(piece, |received| {
            heard.push(match received {
                Received::Text(text) => Heard::Text(text.as_bytes().to_vec()),
                Received::Ping(payload) => Heard::Ping(payload.to_vec()),
                Received::Pong => Heard::Pong,
                Received::Fragment => Heard::Fragment,
                Received::Close { code } => Heard::Close(code),
            });
        });
        if read.is_err() {
            return (heard, read);
        }
        rest = after;
    }
    (heard, Ok(()))
}
