//! HTTP/2 as a hostile client speaks it: frames (RFC 9113 section 4.1) written byte by byte over TCP.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::client::PATIENCE;

/// RFC 9113 section 6.
pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// RFC 9113 section 7.
pub(crate) const REFUSED_STREAM: u32 = 7;
pub(crate) const CANCEL: u32 = 8;
pub(crate) const ENHANCE_YOUR_CALM: u32 = 11;

/// What the server sent.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// The error code of a RST_STREAM or a GOAWAY.
    pub(crate) fn code(&self) -> u32 {
        let start = if self.kind == GOAWAY { 4 } else { 0 };
        u32::from_be_bytes(self.payload[start..start + 4].try_into().unwrap())
    }
}

/// A frame's bytes.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A gRPC request's headers, without Huffman codes (RFC 7541 section 6.2), and others.
pub(crate) fn request(path: &str, others: &[(&str, &str)]) -> Vec<u8> {
    // `:method: POST` and `:scheme: http` stand in the static table (RFC 7541 appendix A), `:path` has its name there.
    let mut block = vec![0x83, 0x86, 0x04];
    block.extend(string(path));
    for (name, value) in [("content-type", "application/grpc"), ("te", "trailers")].iter().chain(others) {
        block.push(0);
        block.extend(string(name));
        block.extend(string(value));
    }
    block
}

/// A string literal (RFC 7541 section 5.2).
pub(crate) fn string(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.len();
    if rest < 127 {
        bytes.push(u8::try_from(rest).unwrap());
    } else {
        bytes.push(127);
        rest -= 127;
        while rest >= 128 {
            bytes.push(u8::try_from(rest % 128).unwrap() | 128);
            rest /= 128;
        }
        bytes.push(u8::try_from(rest).unwrap());
    }
    bytes.extend(text.as_bytes());
    bytes
}

/// A connection with its preface and empty settings.
pub(crate) async fn begin(address: &str) -> TcpStream {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    socket.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
    socket
}

/// The next frame; `None` at the end.
pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<Frame> {
    let read = async {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.ok()?;
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        stream.read_exact(&mut payload).await.ok()?;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        Some(Frame { kind: head[3], flags: head[4], stream, payload })
    };
    timeout(PATIENCE, read).await.expect("neither a frame nor the end")
}

/// Sends all that and, meanwhile, reads until the end, or until `is_enough`; every frame that came.
pub(crate) async fn play(socket: TcpStream, attack: Vec<u8>, is_enough: impl Fn(&Frame) -> bool) -> Vec<Frame> {
    let (mut from, mut to) = socket.into_split();
    // The server may be gone before all of it is written. The half is kept until the reading ends.
    let writing = tokio::spawn(async move {
        let _ = to.write_all(&attack).await;
        to
    });
    let mut frames = Vec::new();
    while let Some(frame) = read(&mut from).await {
        let is_last = is_enough(&frame);
        frames.push(frame);
        if is_last {
            break;
        }
    }
    drop(from);
    drop(writing.await.unwrap());
    frames
}

/// The code that the connection ended with, if the server said one.
pub(crate) fn sent_away(frames: &[Frame]) -> Option<u32> {
    frames.iter().rev().find(|frame| frame.kind == GOAWAY).map(Frame::code)
}
