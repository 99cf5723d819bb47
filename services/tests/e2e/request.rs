//! HTTP requests written by hand, because most of those that are tried are such that no client library would send them.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::client::PATIENCE;

/// An answer, read to the end of the connection.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

pub(crate) async fn get(gateway: &str, path: &str) -> Answer {
    exchange(gateway, &format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).await
}

/// Sends bytes and reads until the server closes.
pub(crate) async fn exchange(gateway: &str, request: &str) -> Answer {
    let mut stream = TcpStream::connect(gateway).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = Vec::new();
    // A server that refuses early may reset what it did not read.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut text)).await.expect("the server does not close");
    let text = String::from_utf8_lossy(&text).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

/// A handshake that would be accepted, with lines replaced or added.
pub(crate) fn handshake(replace: &[(&str, &str)]) -> String {
    let mut request = String::from(
        "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    for (old, new) in replace {
        assert!(request.contains(old), "{old}");
        request = request.replace(old, new);
    }
    request
}

/// The head of the answer to such a handshake, in lower case.
pub(crate) async fn upgrade(gateway: &str, replace: &[(&str, &str)]) -> String {
    let mut stream = TcpStream::connect(gateway).await.unwrap();
    stream.write_all(handshake(replace).as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(timeout(PATIENCE, stream.read_u8()).await.expect("no answer in time").unwrap());
    }
    String::from_utf8(head).unwrap().to_lowercase()
}
