//! A frame's head (RFC 6455 section 5.2): what it may say, and how it is written.

use duet_proto::close::CloseCode;

/// A client's frame, before its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) is_final: bool,
    pub(super) opcode: Opcode,
    /// Of the payload.
    pub(super) length: usize,
    mask: [u8; 4],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opcode {
    Continuation = 0x0,
    Text = 0x1,
    Close = 0x8,
    Ping = 0x9,
    Pong = 0xa,
}

impl Opcode {
    pub(super) fn is_control(self) -> bool {
        matches!(self, Opcode::Close | Opcode::Ping | Opcode::Pong)
    }
}

impl Head {
    /// The head that the bytes begin with, and its length; `None` while some of it is missing.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, CloseCode> {
        let [first, second, rest @ ..] = bytes else { return Ok(None) };
        let opcode = match first & 0x7f {
            0x0 => Opcode::Continuation,
            0x1 => Opcode::Text,
            0x2 => return Err(CloseCode::Unsupported),
            0x8 => Opcode::Close,
            0x9 => Opcode::Ping,
            0xa => Opcode::Pong,
            // Unknown, or with a bit of an extension that was not agreed on.
            _ => return Err(CloseCode::ProtocolError),
        };
        let is_final = first & FINAL != 0;
        let is_masked = second & MASKED != 0;
        let short = second & !MASKED;
        if !is_masked || (opcode.is_control() && (!is_final || short > 125)) {
            return Err(CloseCode::ProtocolError);
        }
        let (length, read) = match short {
            126 => (rest.first_chunk().map(|length| u64::from(u16::from_be_bytes(*length))), 2),
            127 => (rest.first_chunk().map(|length| u64::from_be_bytes(*length)), 8),
            short => (Some(u64::from(short)), 0),
        };
        let Some(length) = length else { return Ok(None) };
        if length >> 63 != 0 {
            return Err(CloseCode::ProtocolError);
        }
        let length = usize::try_from(length).map_err(|_| CloseCode::TooBig)?;
        let mask = rest[read..].first_chunk();
        Ok(mask.map(|mask| (Head { is_final, opcode, length, mask: *mask }, 2 + read + 4)))
    }

    /// Whether the frame needs no other.
    pub(super) fn stands_alone(&self) -> bool {
        self.is_final && self.opcode != Opcode::Continuation
    }

    /// Whether the frame may come now, after so many bytes of a message that is not complete, if there is one.
    pub(super) fn check(&self, message: Option<usize>, max_message: usize) -> Result<(), CloseCode> {
        match (self.opcode, message) {
            (Opcode::Close | Opcode::Ping | Opcode::Pong, _) => Ok(()),
            (Opcode::Text, Some(_)) | (Opcode::Continuation, None) => Err(CloseCode::ProtocolError),
            (Opcode::Text | Opcode::Continuation, message) => {
                let fits = self.length <= max_message.saturating_sub(message.unwrap_or(0));
                if fits { Ok(()) } else { Err(CloseCode::TooBig) }
            }
        }
    }

    /// What is still to be read after the frame: nothing after a close.
    pub(super) fn after<'a>(&self, rest: &'a mut [u8]) -> &'a mut [u8] {
        if self.opcode == Opcode::Close { &mut [] } else { rest }
    }

    /// Unmasks a part of the payload that begins at that offset.
    pub(super) fn unmask(&self, part: &mut [u8], offset: usize) {
        let mut mask = self.mask;
        mask.rotate_left(offset % 4);
        // Eight bytes at a time, which the compiler makes wider still.
        let wide = u64::from_ne_bytes([mask[0], mask[1], mask[2], mask[3], mask[0], mask[1], mask[2], mask[3]]);
        let (words, rest) = part.as_chunks_mut();
        for word in words {
            *word = (u64::from_ne_bytes(*word) ^ wide).to_ne_bytes();
        }
        for (byte, mask) in rest.iter_mut().zip(mask.iter().cycle()) {
            *byte ^= mask;
        }
    }
}

/// A head of which some bytes have come.
#[derive(Debug, Default)]
pub(super) struct PartialHead {
    bytes: [u8; MAX_HEAD],
    length: usize,
}

impl PartialHead {
    pub(super) fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Takes bytes until the head is complete; also gives those after it.
    pub(super) fn read<'a>(&mut self, bytes: &'a mut [u8]) -> Result<(Option<Head>, &'a mut [u8]), CloseCode> {
        let had = self.length;
        let count = bytes.len().min(MAX_HEAD - had);
        self.bytes[had..had + count].copy_from_slice(&bytes[..count]);
        match Head::parse(&self.bytes[..had + count])? {
            Some((head, length)) => {
                self.length = 0;
                Ok((Some(head), &mut bytes[length - had..]))
            }
            None => {
                self.length = had + count;
                Ok((None, &mut bytes[count..]))
            }
        }
    }
}

/// Appends the head of a final frame of the server's, which is not masked.
pub(super) fn put(opcode: Opcode, length: usize, out: &mut Vec<u8>) {
    out.push(FINAL | opcode as u8);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(length @ ..=125), _) => out.push(length),
        (_, Ok(length)) => {
            out.push(126);
            out.extend_from_slice(&length.to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

const FINAL: u8 = 0x80;
const MASKED: u8 = 0x80;
/// Two bytes, a length of eight, a mask of four.
const MAX_HEAD: usize = 14;
