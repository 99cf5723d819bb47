//! Says every text back: what a WebSocket conformance suite needs to try the gateway's frames (`tests/autobahn/run`).
//!
//!     cargo run --package duet-gateway --example echo -- [PORT [MAX_MESSAGE_BYTES]]
//!
//! [`duet_gateway::framing`] decides what is a message and what breaks the protocol, and a connection ends as in the gateway's
//! `socket.rs`. Only the handshake is not the gateway's: clients are taken at their word.

use std::error::Error;
use std::io;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use duet_gateway::framing::{self, FrameReader, Received};
use sha1::{Digest, Sha1};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let port: u16 = arguments.next().map_or(Ok(0), |port| port.parse())?;
    let max_message = arguments.next().map_or(Ok(LARGEST_CASE), |bytes| bytes.parse())?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        // A connection that breaks is the client's affair: some cases do nothing else.
        tokio::spawn(async move { serve(BufReader::new(stream), max_message).await.ok() });
    }
}

async fn serve(mut stream: BufReader<TcpStream>, max_message: usize) -> io::Result<()> {
    shake_hands(&mut stream).await?;
    let mut reader = FrameReader::new(max_message);
    let mut incoming = vec![0; READ_AT_ONCE];
    let mut outgoing = Vec::new();
    loop {
        let count = stream.read(&mut incoming).await?;
        if count == 0 {
            return Ok(());
        }
        let is_over = hear(&mut reader, &mut incoming[..count], &mut outgoing);
        stream.write_all(&outgoing).await?;
        outgoing.clear();
        if is_over {
            return close(stream).await;
        }
    }
}

async fn shake_hands(stream: &mut BufReader<TcpStream>) -> io::Result<()> {
    let mut key = String::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        match line.trim_end().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("sec-websocket-key") => key = value.trim().to_owned(),
            None if line.trim_end().is_empty() => break,
            _ => {}
        }
    }
    let accept = BASE64_STANDARD.encode(Sha1::new().chain_update(key).chain_update(KEY_SUFFIX).finalize());
    let response = format!(
        "HTTP/1.1 101 Switching Protocols\r\n\
         Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    stream.write_all(response.as_bytes()).await
}

/// Appends the answers to what has come. Whether the last of them is a close frame.
fn hear(reader: &mut FrameReader, bytes: &mut [u8], answers: &mut Vec<u8>) -> bool {
    let mut is_over = false;
    let read = reader.read(bytes, |received| match received {
        Received::Text(text) => framing::put_text(text.as_bytes(), answers),
        Received::Ping(payload) => framing::put_pong(payload, answers),
        Received::Pong | Received::Fragment => {}
        Received::Close { code } => {
            framing::put_close(code, "", answers);
            is_over = true;
        }
    });
    if let Err(code) = read {
        framing::put_close(Some(code.number()), code.reason(), answers);
        is_over = true;
    }
    is_over
}

/// The end of our side, and then reading until the client's end: a socket that is dropped with unread bytes is reset, and the
/// client may lose the close frame.
async fn close(mut stream: BufReader<TcpStream>) -> io::Result<()> {
    stream.shutdown().await?;
    let mut discarded = [0; 1024];
    let rest = async { while stream.read(&mut discarded).await.is_ok_and(|count| count > 0) {} };
    let _ = timeout(LINGER, rest).await;
    Ok(())
}

/// 9.1.6 has messages of 16 MiB.
const LARGEST_CASE: usize = 16 * 1024 * 1024;
const READ_AT_ONCE: usize = 64 * 1024;
/// RFC 6455 section 1.3.
const KEY_SUFFIX: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// For the client's end after ours.
const LINGER: Duration = Duration::from_secs(2);
