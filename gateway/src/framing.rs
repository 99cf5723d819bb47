//! WebSocket frames (RFC 6455): what a client's bytes say, and how the server's messages are written.
//!
//! It decides what is a message and what breaks the protocol. It holds bytes only while a frame or message is incomplete: whole
//! frames are read where they lie, and a connection that is idle costs a pointer. Reading, writing and closing sockets is left to
//! the shell.

use duet_proto::close::CloseCode;

mod head;
mod message;
#[cfg(test)]
mod tests;

use head::{Head, Opcode, PartialHead};
use message::Message;

/// What a client sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received<'a> {
    /// A whole message.
    Text(&'a str),
    /// To be answered with a pong of the same payload, up to 125 bytes.
    Ping(&'a [u8]),
    /// An answer to a ping, asked for or not.
    Pong,
    /// A frame of a message that is not complete yet.
    Fragment,
    /// The client closes. Nothing after it counts.
    Close {
        /// Why, if it says.
        code: Option<u16>,
    },
}

/// Reads one client's frames. After an error, or the client's close, it is not to be used any more.
#[derive(Debug)]
pub struct FrameReader {
    max_message: usize,
    /// What is incomplete.
    open: Option<Box<Open>>,
}

/// What has come of a frame, or of a message in fragments, whose rest has not.
#[derive(Debug, Default)]
struct Open {
    head: PartialHead,
    frame: Option<OpenFrame>,
    /// Of a control frame, which may come between the fragments of a message.
    control: Vec<u8>,
    message: Option<Message>,
}

/// A frame whose head has come.
#[derive(Clone, Copy, Debug)]
struct OpenFrame {
    head: Head,
    /// How much of its payload has come.
    read: usize,
}

impl FrameReader {
    /// For messages of up to so many bytes, fragments together.
    pub fn new(max_message: usize) -> Self {
        FrameReader { max_message, open: None }
    }

    /// Whether the rest of a frame or message is still to come.
    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Reads what has come, in any pieces. The bytes are unmasked where they lie. An error is the code to close with.
    pub fn read(&mut self, mut bytes: &mut [u8], mut hear: impl FnMut(Received<'_>)) -> Result<(), CloseCode> {
        while !bytes.is_empty() {
            let rest = match &mut self.open {
                None => self.whole(bytes, &mut hear)?,
                Some(open) => {
                    let rest = open.read(bytes, self.max_message, &mut hear)?;
                    if open.is_complete() {
                        self.open = None;
                    }
                    rest
                }
            };
            bytes = rest;
        }
        Ok(())
    }

    /// Reads a frame that is a message of its own and lies there whole; of any other, only notes that there is one.
    fn whole<'a>(
        &mut self,
        bytes: &'a mut [u8],
        hear: &mut impl FnMut(Received<'_>),
    ) -> Result<&'a mut [u8], CloseCode> {
        match Head::parse(bytes)? {
            Some((head, start)) if head.stands_alone() && bytes.len() - start >= head.length => {
                head.check(None, self.max_message)?;
                let (frame, rest) = bytes.split_at_mut(start + head.length);
                let payload = &mut frame[start..];
                head.unmask(payload, 0);
                if head.opcode.is_control() {
                    hear(received(head.opcode, payload)?);
                } else {
                    hear(Received::Text(text(payload)?));
                }
                Ok(head.after(rest))
            }
            _ => {
                self.open = Some(Box::default());
                Ok(bytes)
            }
        }
    }
}

impl Open {
    fn is_complete(&self) -> bool {
        self.head.is_empty() && self.frame.is_none() && self.message.is_none()
    }

    /// Reads up to the end of a frame, or of what has come.
    fn read<'a>(
        &mut self,
        bytes: &'a mut [u8],
        max_message: usize,
        hear: &mut impl FnMut(Received<'_>),
    ) -> Result<&'a mut [u8], CloseCode> {
        let (OpenFrame { head, read }, bytes) = match self.frame.take() {
            Some(frame) => (frame, bytes),
            None => {
                let (head, rest) = self.head.read(bytes)?;
                let Some(head) = head else { return Ok(rest) };
                head.check(self.message.as_ref().map(Message::len), max_message)?;
                (OpenFrame { head, read: 0 }, rest)
            }
        };
        let count = bytes.len().min(head.length - read);
        let (payload, rest) = bytes.split_at_mut(count);
        head.unmask(payload, read);
        let is_all = read + count == head.length;
        if head.opcode.is_control() {
            self.control.extend_from_slice(payload);
            if is_all {
                let control = std::mem::take(&mut self.control);
                hear(received(head.opcode, &control)?);
            }
        } else {
            let message = self.message.get_or_insert_default();
            message.push(payload)?;
            if is_all && head.is_final {
                hear(Received::Text(message.text()?));
                self.message = None;
            } else if is_all {
                hear(Received::Fragment);
            }
        }
        if !is_all {
            self.frame = Some(OpenFrame { head, read: read + count });
            return Ok(rest);
        }
        Ok(head.after(rest))
    }
}

fn received(opcode: Opcode, payload: &[u8]) -> Result<Received<'_>, CloseCode> {
    match opcode {
        Opcode::Ping => Ok(Received::Ping(payload)),
        Opcode::Close => close_code(payload).map(|code| Received::Close { code }),
        Opcode::Text | Opcode::Continuation | Opcode::Pong => Ok(Received::Pong),
    }
}

/// The code of a close frame (RFC 6455 sections 5.5.1 and 7.4).
fn close_code(payload: &[u8]) -> Result<Option<u16>, CloseCode> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return if payload.is_empty() { Ok(None) } else { Err(CloseCode::ProtocolError) };
    };
    text(reason)?;
    match u16::from_be_bytes(*code) {
        code @ (1000..=1003 | 1007..=1014 | 3000..=4999) => Ok(Some(code)),
        _ => Err(CloseCode::ProtocolError),
    }
}

fn text(payload: &[u8]) -> Result<&str, CloseCode> {
    std::str::from_utf8(payload).map_err(|_| CloseCode::InvalidUtf8)
}

/// Appends a text as a frame.
pub fn put_text(text: &[u8], out: &mut Vec<u8>) {
    head::put(Opcode::Text, text.len(), out);
    out.extend_from_slice(text);
}

/// Appends a ping without a payload.
pub fn put_ping(out: &mut Vec<u8>) {
    head::put(Opcode::Ping, 0, out);
}

/// Appends the answer to a ping.
pub fn put_pong(payload: &[u8], out: &mut Vec<u8>) {
    head::put(Opcode::Pong, payload.len(), out);
    out.extend_from_slice(payload);
}

/// Appends a close frame. The reason is short.
pub fn put_close(code: Option<u16>, reason: &str, out: &mut Vec<u8>) {
    let Some(code) = code else { return head::put(Opcode::Close, 0, out) };
    head::put(Opcode::Close, 2 + reason.len(), out);
    out.extend_from_slice(&code.to_be_bytes());
    out.extend_from_slice(reason.as_bytes());
}
