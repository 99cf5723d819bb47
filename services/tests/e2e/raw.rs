//! A WebSocket client written by hand, for frames that no library sends.

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::client::PATIENCE;

/// A WebSocket written by hand.
pub(crate) struct Raw {
    pub(crate) stream: TcpStream,
}

impl Raw {
    /// Upgrades and reads the frame that carries `ready`.
    pub(crate) async fn connect(gateway: &str) -> Self {
        let mut stream = TcpStream::connect(gateway).await.unwrap();
        let handshake = "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
            Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        stream.write_all(handshake.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let mut raw = Raw { stream };
        assert!(raw.frame().await.unwrap().1.starts_with(br#"{"type":"ready""#));
        raw
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        // The server may have closed already; what it said is read after.
        let _ = self.stream.write_all(bytes).await;
    }

    /// The next frame: its first byte and its payload; `None` at the end.
    pub(crate) async fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        timeout(PATIENCE, read_frame(&mut self.stream)).await.expect("neither a frame nor the end")
    }

    /// The code of the close frame, which must be followed by the end of the connection.
    pub(crate) async fn closed(mut self) -> Option<u16> {
        while let Some((first, payload)) = self.frame().await {
            if first == 0x88 {
                assert_eq!(self.frame().await, None, "something after the close frame");
                return Some(payload.get(..2).map_or(0, |code| u16::from_be_bytes([code[0], code[1]])));
            }
        }
        None
    }
}

/// The next frame of a server: its first byte and its payload; `None` at the end.
pub(crate) async fn read_frame(stream: &mut (impl AsyncRead + Unpin)) -> Option<(u8, Vec<u8>)> {
    let first = stream.read_u8().await.ok()?;
    let length = match stream.read_u8().await.ok()? {
        126 => usize::from(stream.read_u16().await.ok()?),
        127 => usize::try_from(stream.read_u64().await.ok()?).unwrap(),
        short => usize::from(short),
    };
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload).await.ok()?;
    Some((first, payload))
}

/// A frame as clients send them, masked.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mask = [1, 2, 3, 4];
    let mut bytes = vec![first];
    match payload.len() {
        length @ 0..=125 => bytes.push(0x80 | u8::try_from(length).unwrap()),
        length @ 126..=0xffff => {
            bytes.push(0x80 | 126);
            bytes.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        length => {
            bytes.push(0x80 | 127);
            bytes.extend(u64::try_from(length).unwrap().to_be_bytes());
        }
    }
    bytes.extend(mask);
    bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

pub(crate) const TEXT: u8 = 0x81;
pub(crate) const TEXT_BEGINS: u8 = 0x01;
pub(crate) const CONTINUES: u8 = 0x00;
pub(crate) const ENDS: u8 = 0x80;
pub(crate) const CLOSE: u8 = 0x88;
pub(crate) const PING: u8 = 0x89;
