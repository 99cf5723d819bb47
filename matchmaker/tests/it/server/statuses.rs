//! Each status that `signaling.proto` promises, and what it is given for.

use duet_proto::v1;
use duet_proto::v1::signaling_client::SignalingClient;
use futures_util::{StreamExt, stream};
use tonic::{Code, Status};

use super::*;

/// Sends these messages and keeps the stream open; tells how the link ends.
async fn end_of(running: &Running, messages: Vec<v1::LinkUp>) -> Status {
    let outbound = stream::iter(messages).chain(stream::pending());
    let mut client = SignalingClient::new(running.channel().await);
    let mut down = match within(client.link(outbound)).await {
        Ok(down) => down.into_inner(),
        Err(status) => return status,
    };
    loop {
        match within(down.message()).await {
            Ok(Some(_)) => {}
            Ok(None) => return Status::ok(""),
            Err(status) => return status,
        }
    }
}

fn first() -> v1::LinkUp {
    v1::LinkUp { hello: Some((&hello("a")).into()), frames: Vec::new() }
}

fn batch(frames: Vec<UpFrame>) -> v1::LinkUp {
    v1::LinkUp { hello: None, frames: frames.into_iter().map(Into::into).collect() }
}

fn hello_with(change: impl FnOnce(&mut v1::GatewayHello)) -> v1::LinkUp {
    let mut hello = v1::GatewayHello::from(&hello("a"));
    change(&mut hello);
    v1::LinkUp { hello: Some(hello), frames: Vec::new() }
}

#[tokio::test]
async fn a_link_begins_with_a_hello_and_nothing_else() {
    let running = Running::start().await;
    let mut both = first();
    both.frames = batch(vec![frame(1, attach(client(1)))]).frames;
    let firsts =
        [batch(vec![frame(1, attach(client(1)))]), v1::LinkUp::default(), both, hello_with(|hello| hello.version = 2)];
    for wrong in firsts {
        let status = end_of(&running, vec![wrong]).await;
        assert_eq!(status.code(), Code::FailedPrecondition, "{status:?}");
    }
    let mut client = SignalingClient::new(running.channel().await);
    let status = within(client.link(stream::empty::<v1::LinkUp>())).await.unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
}

#[tokio::test]
async fn a_hello_that_is_malformed_is_refused_by_field() {
    let running = Running::start().await;
    let status = end_of(&running, vec![hello_with(|hello| hello.boot_id = vec![1; 15].into())]).await;
    assert_eq!((status.code(), status.message()), (Code::InvalidArgument, "hello: boot_id is not 16 bytes"));
    let status = end_of(&running, vec![hello_with(|hello| hello.gateway_id = "g".repeat(129))]).await;
    assert_eq!(status.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_gateway_that_says_no_hello_is_not_waited_for() {
    let port = PortConfig { hello_within: Duration::from_millis(10), ..PortConfig::default() };
    let running = Running::start_with(Config::default(), port).await;
    assert_eq!(end_of(&running, Vec::new()).await.code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn what_breaks_a_rule_is_refused_by_rule() {
    let running = Running::start().await;
    let attached = || frame(1, attach(client(1)));
    let too_long = Up::Identify(duet_proto::frame::Identity::unverified("u".repeat(129)));
    let no_text = Up::Forward(duet_proto::frame::Forward {
        ticket: duet_proto::ids::TicketNumber { attempt: 1, round: 0 },
        seq: 1,
        text: b"\xff"[..].into(),
    });
    let huge = Up::Report {
        attempt: 1,
        room: duet_proto::ids::RoomId::from_random([0; 16]),
        reason: String::new(),
        details: "d".repeat(duet_proto::bounds::LINK_MESSAGE_BYTES),
    };
    let cases = [
        (first(), "only the first message is a hello"),
        (batch(vec![frame(1, join(1))]), "a frame named a session that is not attached"),
        (batch(vec![attached(), attached()]), "a session attached twice"),
        (batch(vec![attached(), frame(2, attach(client(1)))]), "two sessions have the same client id"),
        (
            batch(vec![attached(), frame(1, join(2)), frame(1, join(2))]),
            "an attempt is not above the session's earlier ones",
        ),
        (batch(vec![frame(0, attach(client(1)))]), "session is missing"),
        (batch(vec![attached(), frame(1, join(0))]), "attempt is missing"),
        (batch(vec![attached(), frame(1, too_long)]), "user_id is too long"),
        (batch(vec![attached(), frame(1, no_text)]), "forward.text is not UTF-8"),
        (batch(vec![attached(), frame(1, huge)]), "a message is too large"),
    ];
    for (message, reason) in cases {
        let status = end_of(&running, vec![first(), message]).await;
        assert_eq!((status.code(), status.message()), (Code::InvalidArgument, reason));
    }
}

#[tokio::test]
async fn what_only_newer_versions_know_of_frames_is_ignored() {
    let running = Running::start().await;
    let ticket = Some(v1::TicketNumber { attempt: 1, round: 0 });
    let call = v1::up_frame::Kind::CallState(v1::CallState { ticket, outcome: 77, setup_ms: None });
    let frames = [None, Some(call)].map(|kind| v1::UpFrame { session: 1, client_seq: 0, kind });
    let unknown = v1::LinkUp { hello: None, frames: frames.into() };
    let last = batch(vec![frame(1, join(1))]);
    let status = end_of(&running, vec![first(), unknown, last]).await;
    assert_eq!(
        status.message(),
        "a frame named a session that is not attached",
        "the frame after it is what is refused"
    );
}

#[tokio::test]
async fn a_matchmaker_that_is_going_away_takes_no_links() {
    let running = Running::start().await;
    running.replica.go_away();
    assert_eq!(end_of(&running, vec![first()]).await.code(), Code::Unavailable);
}

#[tokio::test]
async fn what_is_no_message_is_refused_like_a_broken_rule() {
    let running = Running::start().await;
    // Field 1 of what the link reads is a message, here it is a number.
    let strange = v1::ListSessionsRequest { page_size: 5, ..Default::default() };
    let mut client = tonic::client::Grpc::new(running.channel().await);
    client.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<v1::ListSessionsRequest, v1::LinkDown>::default();
    let path = "/duet.v1.Signaling/Link".parse().unwrap();
    let outbound = stream::iter([strange]).chain(stream::pending());
    let status = within(client.streaming(tonic::Request::new(outbound), path, codec)).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::InvalidArgument, "a message can't be decoded"));
}

#[tokio::test]
async fn a_query_that_never_comes_whole_is_not_waited_for() {
    let port = PortConfig { answer_within: Duration::from_millis(10), ..PortConfig::default() };
    let running = Running::start_with(Config::default(), port).await;
    let mut client = tonic::client::Grpc::new(running.channel().await);
    client.ready().await.unwrap();
    let codec = tonic_prost::ProstCodec::<v1::GetStatsRequest, v1::Stats>::default();
    let path = "/duet.v1.Matchmaker/GetStats".parse().unwrap();
    let status =
        within(client.client_streaming(tonic::Request::new(stream::pending()), path, codec)).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
}
