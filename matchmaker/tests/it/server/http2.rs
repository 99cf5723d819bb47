//! HTTP/2 used as a weapon: frames by hand, as no client library would send them. Each connection is ended or bounded with a reason, and who is on another
//! one notices nothing.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use super::{Running, within};

const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;
const REFUSED_STREAM: u32 = 7;
const CANCEL: u32 = 8;
const ENHANCE_YOUR_CALM: u32 = 11;

/// RFC 9113 section 4.1.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The request of a link, which then says nothing. RFC 7541: entries of the static table, and literals without indexing.
fn request() -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    let path = text("/duet.v1.Signaling/Link");
    let content = text("application/grpc");
    [&[0x83, 0x86, 0x04][..], &path, &[0x01], &text("x"), &[0x0f, 0x10], &content, &[0], &text("te"), &text("trailers")]
        .concat()
}

fn open(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, &request())
}

fn streams() -> impl Iterator<Item = u32> {
    (1..).step_by(2)
}

/// What came: kind, stream, error code of those that have one.
#[derive(Debug, PartialEq, Eq)]
struct Came {
    kind: u8,
    stream: u32,
    error: Option<u32>,
}

/// Sends all of it, whatever comes back, and reads until the server closes or `enough` has come.
async fn attack(running: &Running, bytes: Vec<u8>, enough: impl Fn(&[Came]) -> bool) -> Vec<Came> {
    let socket = TcpStream::connect(running.address).await.unwrap();
    let (mut reader, mut writer) = socket.into_split();
    let sending = tokio::spawn(async move {
        // The server may have had enough before the end. The writer is kept: to close it would be an end, too.
        let _ = writer
            .write_all(&[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &frame(SETTINGS, 0, 0, &[])[..], &bytes].concat())
            .await;
        writer
    });
    let mut came = Vec::new();
    let mut read = Vec::new();
    let reading = async {
        while !enough(&came) {
            if !matches!(reader.read_buf(&mut read).await, Ok(count) if count > 0) {
                return;
            }
            while read.len() >= 9 {
                let word = |at: usize| u32::from_be_bytes(read[at..at + 4].try_into().unwrap());
                let length = (word(0) >> 8) as usize;
                if read.len() < 9 + length {
                    break;
                }
                let (kind, stream) = (read[3], word(5) & 0x7fff_ffff);
                let error = match kind {
                    RST_STREAM => Some(word(9)),
                    GOAWAY => Some(word(13)),
                    _ => None,
                };
                came.push(Came { kind, stream, error });
                read.drain(..9 + length);
            }
        }
    };
    within(reading).await;
    drop(sending);
    came
}

async fn is_well(running: &Running) -> bool {
    let mut health = HealthClient::new(running.channel().await);
    within(health.check(HealthCheckRequest { service: String::new() })).await.is_ok()
}

#[tokio::test]
async fn floods_of_frames_end_their_connection_and_no_other() {
    let resets: Vec<u8> = streams()
        .take(2_000)
        .flat_map(|stream| [open(stream), frame(RST_STREAM, 0, stream, &CANCEL.to_be_bytes())].concat())
        .collect();
    let mut continuations = frame(HEADERS, 0, 1, &request());
    continuations
        .extend([0x00, 1, b'a', 1, b'b'].repeat(4_000).chunks(5).flat_map(|field| frame(CONTINUATION, 0, 1, field)));
    let mut empty = open(1);
    empty.extend(frame(DATA, 0, 1, &[]).repeat(200_000));
    for (what, bytes) in [("rapid resets", resets), ("continuations", continuations), ("empty data", empty)] {
        let running = Running::start().await;
        let mut bystander = HealthClient::new(running.channel().await);
        let came = attack(&running, bytes, |_| false).await;
        assert!(
            came.iter().any(|frame| frame.kind == GOAWAY && frame.error == Some(ENHANCE_YOUR_CALM)),
            "{what}: {came:?}"
        );
        assert!(within(bystander.check(HealthCheckRequest { service: String::new() })).await.is_ok(), "{what}");
        assert!(is_well(&running).await, "{what}");
    }
}

#[tokio::test]
async fn streams_over_the_bound_of_a_connection_are_refused() {
    let running = Running::start().await;
    let bytes = streams().take(300).flat_map(open).collect();
    let refused = |came: &[Came]| came.iter().filter(|frame| frame.error == Some(REFUSED_STREAM)).count();
    let came = attack(&running, bytes, |came| refused(came) == 300 - 256).await;
    assert!(came.iter().all(|frame| frame.kind != GOAWAY), "{came:?}");
    assert!(is_well(&running).await);
}
