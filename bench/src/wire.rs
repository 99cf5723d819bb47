//! WebSocket bytes as a load generator needs them: the upgrade, a client's frames out, a server's frames in. No fragments: no
//! server under test sends any.

use std::io;

/// Asks for the upgrade.
pub fn upgrade_request(host: &str, path: &str) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    .into_bytes()
}

/// How long the answer to the upgrade is, once it has all come. An error if it is not 101.
pub fn upgrade_answer(bytes: &[u8]) -> io::Result<Option<usize>> {
    let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else { return Ok(None) };
    if bytes.starts_with(b"HTTP/1.1 101 ") {
        return Ok(Some(end + 4));
    }
    let line = bytes.split(|byte| *byte == b'\r').next().unwrap_or_default();
    Err(io::Error::other(format!("the upgrade was refused: {}", String::from_utf8_lossy(line))))
}

/// Appends a text as a client's frame.
pub fn put_text(text: &[u8], out: &mut Vec<u8>) {
    put_frame(0x1, text, out);
}

/// Appends the answer to a ping.
pub fn put_pong(payload: &[u8], out: &mut Vec<u8>) {
    put_frame(0xa, payload, out);
}

fn put_frame(opcode: u8, payload: &[u8], out: &mut Vec<u8>) {
    out.push(0x80 | opcode);
    match payload.len() {
        length @ 0..=125 => out.push(0x80 | length as u8),
        length @ 126..=0xffff => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&MASK);
    let start = out.len();
    out.extend_from_slice(payload);
    for chunk in out[start..].chunks_mut(4) {
        for (byte, mask) in chunk.iter_mut().zip(MASK) {
            *byte ^= mask;
        }
    }
}

/// One key for all frames: what it is costs the server nothing.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A server's frame.
pub struct Frame<'a> {
    /// RFC 6455 section 5.2.
    pub opcode: u8,
    /// Not masked: no server masks.
    pub payload: &'a [u8],
    /// With its head.
    pub bytes: usize,
}

/// The frame that the bytes begin with, once it has all come.
pub fn frame(bytes: &[u8]) -> Option<Frame<'_>> {
    let [first, second, rest @ ..] = bytes else { return None };
    let (length, head) = match second & 0x7f {
        126 => (usize::from(u16::from_be_bytes(*rest.first_chunk()?)), 4),
        127 => (usize::try_from(u64::from_be_bytes(*rest.first_chunk()?)).ok()?, 10),
        short => (usize::from(short), 2),
    };
    let payload = bytes.get(head..head + length)?;
    Some(Frame { opcode: first & 0xf, payload, bytes: head + length })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_s_frame_is_masked_and_says_its_length_in_the_shortest_way() {
        for (length, head) in [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
            let text = vec![b'x'; length];
            let mut out = Vec::new();
            put_text(&text, &mut out);
            assert_eq!(out.len(), head + 4 + length);
            assert_eq!(out[0], 0x81);
            assert_eq!(out[1] & 0x80, 0x80);
            let unmasked: Vec<u8> =
                out[head + 4..].iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
            assert_eq!(unmasked, text);
        }
    }

    #[test]
    fn a_server_s_frame_is_read_once_it_is_all_there() {
        for length in [0_usize, 5, 126, 70_000] {
            let mut bytes = vec![0x81];
            match length {
                0..=125 => bytes.push(length as u8),
                126..=0xffff => {
                    bytes.push(126);
                    bytes.extend((length as u16).to_be_bytes());
                }
                _ => {
                    bytes.push(127);
                    bytes.extend((length as u64).to_be_bytes());
                }
            }
            bytes.extend(std::iter::repeat_n(b'x', length));
            assert!((0..bytes.len()).all(|some| frame(&bytes[..some]).is_none()));
            bytes.push(0x81);
            let frame = frame(&bytes).expect("it is complete");
            assert_eq!((frame.opcode, frame.payload.len(), frame.bytes), (1, length, bytes.len() - 1));
        }
    }
}
