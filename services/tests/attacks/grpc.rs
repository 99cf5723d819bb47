//! Rows G: the matchmaker's port, which stands inside the mesh and is attacked all the same.

use duet_proto::v1::matchmaker_client::MatchmakerClient;
use duet_proto::v1::{GetSessionRequest, GetStatsRequest};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use crate::beside::Beside;
use crate::client::PATIENCE;
use crate::http2::{
    CANCEL, CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, Frame, HEADERS, PING, REFUSED_STREAM,
    RST_STREAM, SETTINGS, WINDOW_UPDATE, begin, frame, play, read, request, sent_away, string,
};

const LINK: &str = "/duet.v1.Signaling/Link";
const STATS: &str = "/duet.v1.Matchmaker/GetStats";
/// A gRPC message without content: not compressed, of no length.
const EMPTY_MESSAGE: [u8; 5] = [0; 5];

/// The port still answers, on a connection of its own.
async fn answers(beside: &Beside) {
    let mut query = MatchmakerClient::connect(format!("http://{}", beside.matchmaker)).await.unwrap();
    assert_eq!(query.get_stats(GetStatsRequest {}).await.unwrap().into_inner().rooms, 1);
}

/// A PING that marks the end of an attack on a connection that may survive it.
fn last_ping() -> Vec<u8> {
    frame(PING, 0, 0, b"the last")
}

fn is_its_answer(frame: &Frame) -> bool {
    frame.kind == PING && frame.flags == 1 && frame.payload == b"the last"
}

/// The numbers of a client's streams.
fn streams(count: u32) -> impl Iterator<Item = u32> {
    (0..count).map(|index| index * 2 + 1)
}

#[tokio::test]
async fn g01_silence_and_http_1_are_closed() {
    let beside = Beside::two_processes().await;
    for said in ["", "PRI * HTTP/2.0\r\n", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"] {
        let mut socket = TcpStream::connect(&beside.matchmaker).await.unwrap();
        socket.write_all(said.as_bytes()).await.unwrap();
        let mut heard = Vec::new();
        // A reset is an end, too.
        let _ = timeout(PATIENCE, socket.read_to_end(&mut heard)).await.expect("still open");
    }
    answers(&beside).await;
    beside.unharmed().await;
}

#[tokio::test]
async fn g02_streams_past_256_are_refused_and_the_rest_go_on() {
    let beside = Beside::two_processes().await;
    let mut socket = begin(&beside.matchmaker).await;
    // The limit counts from when the client has heard of it.
    while read(&mut socket).await.unwrap().kind != SETTINGS {}
    socket.write_all(&frame(SETTINGS, 1, 0, &[])).await.unwrap();
    let headers = request(LINK, &[]);
    let mut attack: Vec<u8> = streams(300).flat_map(|stream| frame(HEADERS, END_HEADERS, stream, &headers)).collect();
    attack.extend(last_ping());
    let frames = play(socket, attack, is_its_answer).await;
    let refused: Vec<&Frame> = frames.iter().filter(|frame| frame.kind == RST_STREAM).collect();
    assert!(!refused.is_empty() && refused.iter().all(|frame| frame.code() == REFUSED_STREAM && frame.stream > 512));
    assert!(frames.last().is_some_and(is_its_answer), "the connection goes on");
    answers(&beside).await;
    beside.unharmed().await;
}

#[tokio::test]
async fn g03_streams_opened_and_reset_are_sent_away() {
    let beside = Beside::two_processes().await;
    let headers = request(LINK, &[]);
    let reset = CANCEL.to_be_bytes();
    let attack = streams(50_000).flat_map(|stream| {
        [frame(HEADERS, END_HEADERS, stream, &headers), frame(RST_STREAM, 0, stream, &reset)].concat()
    });
    let frames = play(begin(&beside.matchmaker).await, attack.collect(), |_| false).await;
    assert_eq!(sent_away(&frames), Some(ENHANCE_YOUR_CALM));
    answers(&beside).await;
    beside.unharmed().await;
}

#[tokio::test]
async fn g04_resets_that_the_server_is_made_to_send_are_counted() {
    let beside = Beside::two_processes().await;
    let headers = request(LINK, &[]);
    // Past the largest window there is (RFC 9113 section 6.9.1).
    let overflow = 0x7fff_ffff_u32.to_be_bytes();
    let attack = streams(5_000).flat_map(|stream| {
        [frame(HEADERS, END_HEADERS, stream, &headers), frame(WINDOW_UPDATE, 0, stream, &overflow)].concat()
    });
    let frames = play(begin(&beside.matchmaker).await, attack.collect(), |_| false).await;
    assert_eq!(sent_away(&frames), Some(ENHANCE_YOUR_CALM));
    assert!(frames.iter().filter(|frame| frame.kind == RST_STREAM).count() <= 1_024);
    answers(&beside).await;
    beside.unharmed().await;
}

#[tokio::test]
async fn g05_continuations_without_end_are_sent_away() {
    let beside = Beside::two_processes().await;
    let mut attack = frame(HEADERS, 0, 1, &request(LINK, &[]));
    for _ in 0..20_000 {
        attack.extend(frame(CONTINUATION, 0, 1, &[0, 1, b'x', 1, b'y']));
    }
    let frames = play(begin(&beside.matchmaker).await, attack, |_| false).await;
    assert_eq!(sent_away(&frames), Some(ENHANCE_YOUR_CALM));
    answers(&beside).await;
    beside.unharmed().await;
}

#[tokio::test]
async fn g06_empty_and_tiny_data_without_end_does_no_harm() {
    let beside = Beside::two_processes().await;
    for payload in [&b""[..], b"\0"] {
        let mut attack = frame(HEADERS, END_HEADERS, 1, &request(LINK, &[]));
        for _ in 0..100_000 {
            attack.extend(frame(DATA, 0, 1, payload));
        }
        attack.extend(last_ping());
        let frames = play(begin(&beside.matchmaker).await, attack, is_its_answer).await;
        let survives = frames.last().is_some_and(is_its_answer);
        assert!(survives || sent_away(&frames) == Some(ENHANCE_YOUR_CALM), "{:?}", frames.last());
        answers(&beside).await;
    }
    beside.unharmed().await;
}

#[tokio::test]
async fn g07_headers_past_16_kib_are_refused_however_they_are_packed() {
    let beside = Beside::two_processes().await;
    // One entry of the dynamic table, named again and again: a thousand bytes that mean four millions.
    let mut bomb = request(LINK, &[]);
    bomb.push(0x40);
    bomb.extend(string("x"));
    bomb.extend(string(&"y".repeat(4_000)));
    bomb.resize(bomb.len() + 1_000, 0x80 | 62);
    let mut large = request(LINK, &[]);
    for index in 0..20 {
        large.push(0);
        large.extend(string(&format!("x-{index}")));
        large.extend(string(&"y".repeat(1_000)));
    }
    for block in [bomb, large] {
        let mut chunks = block.chunks(16_000);
        let mut attack = frame(HEADERS, 0, 1, chunks.next().unwrap());
        chunks.for_each(|chunk| attack.extend(frame(CONTINUATION, 0, 1, chunk)));
        attack.extend(frame(CONTINUATION, END_HEADERS, 1, &[]));
        let frames = play(begin(&beside.matchmaker).await, attack, |frame| frame.stream == 1).await;
        let answer = frames.last().unwrap();
        // 431 as the server writes it (RFC 7541 appendix B).
        let status = [0x69, 0x90, 0xff];
        let is_431 = answer.kind == HEADERS && answer.payload.windows(3).any(|three| three == status);
        assert!(is_431 || answer.kind == RST_STREAM || sent_away(&frames).is_some(), "{frames:?}");
        answers(&beside).await;
    }
    beside.unharmed().await;
}

#[tokio::test]
async fn g08_settings_and_pings_without_end_hold_no_memory() {
    let beside = Beside::two_processes().await;
    for flood in [frame(SETTINGS, 0, 0, &[]), frame(PING, 0, 0, b"a flood!")] {
        let mut attack = flood.repeat(100_000);
        attack.extend(last_ping());
        let frames = play(begin(&beside.matchmaker).await, attack, is_its_answer).await;
        assert!(frames.last().is_some_and(is_its_answer) || sent_away(&frames).is_some());
        answers(&beside).await;
    }
    beside.unharmed().await;
}

#[tokio::test]
async fn g10_a_message_past_its_limit_is_out_of_range() {
    let beside = Beside::two_processes().await;
    let mut query = MatchmakerClient::connect(format!("http://{}", beside.matchmaker)).await.unwrap();
    for length in [16 * 1024, 4 * 1024 * 1024 + 1] {
        let refused = query.get_session(GetSessionRequest { name: "x".repeat(length) }).await.unwrap_err();
        assert_eq!(refused.code(), Code::OutOfRange, "{refused:?}");
    }
    drop(query);
    answers(&beside).await;
    beside.unharmed().await;
}

#[tokio::test]
async fn g11_compressed_messages_are_unimplemented_and_nothing_is_unpacked() {
    let beside = Beside::two_processes().await;
    let mut query = MatchmakerClient::connect(format!("http://{}", beside.matchmaker)).await.unwrap();
    for encoding in ["gzip", "deflate", "zstd"] {
        let mut request = Request::new(GetStatsRequest {});
        request.metadata_mut().insert("grpc-encoding", encoding.parse().unwrap());
        assert_eq!(query.get_stats(request).await.unwrap_err().code(), Code::Unimplemented);
    }
    drop(query);
    beside.unharmed().await;
}

#[tokio::test]
async fn g13_timeouts_of_any_kind_end_no_more_than_their_call() {
    let beside = Beside::two_processes().await;
    let mut attack = Vec::new();
    // By hand, because a client library would keep the time itself.
    let timeouts = ["1n", "99999999H", "abc", "-1S", "999999999999S", ""];
    for (stream, timeout) in streams(6).zip(timeouts) {
        attack.extend(frame(HEADERS, END_HEADERS, stream, &request(STATS, &[("grpc-timeout", timeout)])));
        attack.extend(frame(DATA, END_STREAM, stream, &EMPTY_MESSAGE));
    }
    let mut answered = Vec::new();
    let mut socket = begin(&beside.matchmaker).await;
    socket.write_all(&attack).await.unwrap();
    while answered.len() < timeouts.len() {
        let frame = read(&mut socket).await.expect("the connection ended with a call");
        if frame.stream > 0 && frame.flags & END_STREAM != 0 {
            answered.push(frame.stream);
        }
    }
    drop(socket);
    answers(&beside).await;
    beside.unharmed().await;
}

#[tokio::test]
async fn g14_what_is_no_message_of_ours_is_refused_and_overflows_nothing() {
    let beside = Beside::two_processes().await;
    let channel = Channel::from_shared(format!("http://{}", beside.matchmaker)).unwrap().connect().await.unwrap();
    // A group that begins, of an unknown field, again and again; messages in messages; many empty elements; a string that is none.
    let groups = [0x7b].repeat(10_000);
    let mut nested = Vec::new();
    while nested.len() < 12_000 {
        let mut outer = vec![0x0a];
        prost_length(nested.len(), &mut outer);
        outer.extend(nested);
        nested = outer;
    }
    let session = "/duet.v1.Matchmaker/GetSession";
    for (path, message) in [
        (session, groups.clone()),
        (LINK, groups),
        (session, nested.clone()),
        (LINK, nested),
        (LINK, [0x12, 0].repeat(200_000)),
        (session, vec![0x0a, 1, 0xff]),
        (session, vec![0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]),
        (LINK, vec![0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]),
    ] {
        let refused = ask(&channel, path, message.clone()).await;
        let codes = [Code::InvalidArgument, Code::Internal, Code::FailedPrecondition];
        assert!(codes.contains(&refused.code()), "{path}, {} bytes: {refused:?}", message.len());
    }
    drop(channel);
    answers(&beside).await;
    beside.unharmed().await;
}

/// A length as protobuf writes it.
fn prost_length(mut length: usize, out: &mut Vec<u8>) {
    while length >= 128 {
        out.push(u8::try_from(length % 128).unwrap() | 128);
        length /= 128;
    }
    out.push(u8::try_from(length).unwrap());
}

/// Calls with these bytes as the message, and must be refused.
async fn ask(channel: &Channel, path: &str, message: Vec<u8>) -> Status {
    let mut client = tonic::client::Grpc::new(channel.clone());
    client.ready().await.unwrap();
    client.unary(Request::new(message), path.parse().unwrap(), Bytes).await.unwrap_err()
}

/// Messages as bytes, whatever they say.
#[derive(Clone, Copy)]
struct Bytes;

impl Codec for Bytes {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Bytes;
    type Decoder = Bytes;

    fn encoder(&mut self) -> Bytes {
        Bytes
    }

    fn decoder(&mut self) -> Bytes {
        Bytes
    }
}

impl Encoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, message: Vec<u8>, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        bytes::BufMut::put_slice(out, &message);
        Ok(())
    }
}

impl Decoder for Bytes {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, message: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        Ok(Some(bytes::Buf::copy_to_bytes(message, bytes::Buf::remaining(message)).into()))
    }
}
