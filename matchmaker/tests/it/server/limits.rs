//! HTTP/2 as a hostile client speaks it, byte by byte: limits that are off unless set.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::http2::{GOAWAY, HEADERS, RST_STREAM, SETTINGS, frame};
use super::*;

async fn read_frame(socket: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let mut head = [0; 9];
    within(socket.read_exact(&mut head)).await.ok()?;
    let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
    within(socket.read_exact(&mut payload)).await.ok()?;
    Some((head[3], payload))
}

async fn begun(running: &Running) -> TcpStream {
    let mut socket = TcpStream::connect(running.address).await.unwrap();
    socket.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    socket.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
    socket
}

#[tokio::test]
async fn the_server_announces_its_limits() {
    let running = Running::start().await;
    let mut socket = begun(&running).await;
    let (kind, payload) = read_frame(&mut socket).await.unwrap();
    assert_eq!(kind, SETTINGS);
    let setting = |chunk: &[u8]| {
        let number = u16::from_be_bytes([chunk[0], chunk[1]]);
        (number, u32::from_be_bytes([chunk[2], chunk[3], chunk[4], chunk[5]]))
    };
    let settings: std::collections::BTreeMap<u16, u32> = payload.chunks(6).map(setting).collect();
    let of = |number: u16| settings.get(&number).copied();
    assert_eq!(of(3), Some(256), "concurrent streams");
    assert_eq!(of(4), Some(256 * 1024), "a stream's window");
    assert_eq!(of(6), Some(16 * 1024), "the header list");
    assert!(of(5).is_none_or(|size| size == 16 * 1024), "a frame, whose default this is");
}

#[tokio::test]
async fn a_client_that_opens_and_resets_streams_is_sent_away() {
    let running = Running::start().await;
    let mut socket = begun(&running).await;
    // `:method: POST`, `:scheme: http`, `:path: /` from the static table (RFC 7541 appendix A).
    let request = [0x83, 0x86, 0x84];
    let flood: Vec<u8> = (0..500)
        .map(|index| index * 2 + 1)
        .flat_map(|stream| {
            let cancel = 8u32.to_be_bytes();
            [frame(HEADERS, 4, stream, &request), frame(RST_STREAM, 0, stream, &cancel)].concat()
        })
        .collect();
    // The server may be gone before all of it is written.
    let _ = socket.write_all(&flood).await;
    let mut code = None;
    while let Some((kind, payload)) = read_frame(&mut socket).await {
        if kind == GOAWAY {
            code = Some(u32::from_be_bytes([payload[4], payload[5], payload[6], payload[7]]));
        }
    }
    assert_eq!(code, Some(11), "ENHANCE_YOUR_CALM");
}
