//! Watching events: a snapshot and what follows it, coming back, and the ends of those who can't.

use duet_proto::v1;
use duet_proto::v1::event::Kind as Happened;
use duet_proto::v1::matchmaker_client::MatchmakerClient;
use duet_proto::v1::watch_events_response::Kind;
use tonic::transport::Channel;
use tonic::{Code, Request, Status, Streaming};
use tonic_types::StatusExt;

use super::gateway::{Gateway, Transport};
use super::*;

type Watch = Streaming<v1::WatchEventsResponse>;

async fn queries(running: &Running) -> MatchmakerClient<Channel> {
    MatchmakerClient::new(running.channel().await)
}

async fn watch(running: &Running, request: v1::WatchEventsRequest) -> Result<Watch, Status> {
    within(queries(running).await.watch_events(request)).await.map(tonic::Response::into_inner)
}

async fn watch_all(running: &Running) -> Watch {
    let request = v1::WatchEventsRequest { snapshot_sessions: true, snapshot_rooms: true, ..Default::default() };
    watch(running, request).await.unwrap()
}

async fn from_now(running: &Running) -> Watch {
    let mut watch = watch(running, v1::WatchEventsRequest::default()).await.unwrap();
    assert!(matches!(next(&mut watch).await.1, Kind::SnapshotEnd(_)));
    watch
}

async fn resume(running: &Running, token: &str) -> Result<Watch, Status> {
    watch(running, v1::WatchEventsRequest { resume_token: token.to_owned(), ..Default::default() }).await
}

async fn next(watch: &mut Watch) -> (String, Kind) {
    let response = within(watch.message()).await.unwrap().unwrap();
    (response.resume_token, response.kind.unwrap())
}

/// The next event about rooms and reports, its number and its token.
async fn next_of_rooms(watch: &mut Watch) -> (Happened, u64, String) {
    loop {
        match next(watch).await {
            (token, Kind::Event(event)) if !matches!(event.kind, Some(Happened::SessionChanged(_))) => {
                return (event.kind.unwrap(), event.sequence, token);
            }
            (_, Kind::Event(_)) => {}
            other => panic!("{other:?}"),
        }
    }
}

async fn end(watch: &mut Watch) -> Status {
    loop {
        match within(watch.message()).await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("ended without a status"),
            Err(status) => return status,
        }
    }
}

fn reason(status: &Status) -> String {
    let info = status.get_details_error_info().unwrap();
    assert_eq!(info.domain, "duet.v1");
    info.reason
}

/// One gateway, and a room of its sessions `first` and `first + 1`.
async fn room(running: &Running, gateway: &str, first: u64) -> Gateway {
    let mut gateway = Gateway::link(running, Transport::Memory, hello(gateway)).await;
    meet(&mut gateway, first).await;
    gateway
}

async fn meet(gateway: &mut Gateway, first: u64) {
    for number in [first, first + 1] {
        gateway.send(frame(number, attach(client(number))));
        gateway.send(frame(number, join(1)));
    }
    gateway.take(3).await;
}

#[tokio::test]
async fn a_snapshot_is_of_the_moment_that_events_follow() {
    let running = Running::start().await;
    let mut gateway = room(&running, "a", 1).await;
    let mut watch = watch_all(&running).await;
    let mut sessions = Vec::new();
    let room = loop {
        match next(&mut watch).await {
            (token, Kind::Session(session)) if token.is_empty() => sessions.push(session.name),
            (token, Kind::Room(room)) if token.is_empty() => break room,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(sessions, [1, 2].map(|number| format!("sessions/{}", client(number))));
    let (token, last) = next(&mut watch).await;
    assert!(matches!(last, Kind::SnapshotEnd(_)) && !token.is_empty());

    gateway.send(frame(1, Up::Leave { attempt: 2 }));
    let (Happened::RoomEnded(ended), _, _) = next_of_rooms(&mut watch).await else { panic!("another event") };
    assert_eq!((&ended.room, ended.pool.as_str()), (&room.name, "default"));
    assert_eq!(ended.reason(), v1::room_ended::EndReason::Left);
    assert_eq!(ended.members[0].session, format!("sessions/{}", client(1)), "who left comes first");
    meet(&mut gateway, 3).await;
    let (Happened::RoomMade(made), _, _) = next_of_rooms(&mut watch).await else { panic!("another event") };
    assert_eq!((made.members.len(), made.waits.len()), (2, 2));
}

#[tokio::test]
async fn who_comes_back_is_told_what_it_missed_and_nothing_twice() {
    let running = Running::start().await;
    let mut watch = from_now(&running).await;
    let mut gateway = room(&running, "a", 1).await;
    let (_, first, token) = next_of_rooms(&mut watch).await;
    drop(watch);
    gateway.send(frame(1, Up::Leave { attempt: 2 }));
    meet(&mut gateway, 3).await;
    let mut watch = resume(&running, &token).await.unwrap();
    let mut last = first;
    let mut kinds = Vec::new();
    while kinds.len() < 2 {
        let (_, Kind::Event(event)) = next(&mut watch).await else { panic!("only events follow a token") };
        assert_eq!(event.sequence, last + 1);
        last = event.sequence;
        match event.kind.unwrap() {
            Happened::RoomEnded(_) => kinds.push("ended"),
            Happened::RoomMade(_) => kinds.push("made"),
            _ => {}
        }
    }
    assert_eq!(kinds, ["ended", "made"]);
}

#[tokio::test]
async fn a_token_that_leads_nowhere_says_what_to_do() {
    let config = Config { event_backlog: 4, ..Config::default() };
    let running = Running::start_with(config, PortConfig::default()).await;
    let mut watch = watch(&running, v1::WatchEventsRequest::default()).await.unwrap();
    let (token, _) = next(&mut watch).await;
    drop(watch);
    let mut gateway = room(&running, "a", 1).await;
    for number in [3, 5, 7, 9] {
        meet(&mut gateway, number).await;
    }
    let status = resume(&running, &token).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::OutOfRange, "RESUME_TOKEN_TOO_OLD"));
    let other = Running::start().await;
    let status = resume(&other, &token).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::FailedPrecondition, "RESUME_TOKEN_OF_ANOTHER_BOOT"));
    for wrong in ["?", "AAAA", &token[1..]] {
        let status = resume(&running, wrong).await.unwrap_err();
        assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "FIELD_INVALID"));
        assert_eq!(status.get_details_bad_request().unwrap().field_violations[0].field, "resume_token");
    }
}

#[tokio::test]
async fn who_reads_too_slowly_is_ended_and_never_misses_anything_in_silence() {
    let config = Config { event_backlog: 8, ..Config::default() };
    let running = Running::start_with(config, PortConfig::default()).await;
    let mut watch = from_now(&running).await;
    let mut gateway = Gateway::link(&running, Transport::Memory, hello("a")).await;
    // Applied under one lock, in which the watcher can't read: more than the backlog.
    let mut first = 1;
    let status = loop {
        for number in (first..first + 400).step_by(2) {
            meet(&mut gateway, number).await;
        }
        first += 400;
        // Nobody reads meanwhile: what HTTP/2 has no window for stays behind, and is overtaken.
        if first > 40_000 {
            break end(&mut watch).await;
        }
    };
    assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "WATCHER_TOO_SLOW"));
}

#[tokio::test]
async fn only_so_many_watch_and_the_next_may_once_one_has_gone() {
    let running = Running::start_with(Config::default(), PortConfig { watchers: 1, ..PortConfig::default() }).await;
    let watching = from_now(&running).await;
    let status = watch(&running, v1::WatchEventsRequest::default()).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "TOO_MANY_WATCHERS"));
    assert!(status.get_details_retry_info().unwrap().retry_delay.is_some());
    drop(watching);
    within(async {
        while watch(&running, v1::WatchEventsRequest::default()).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn silence_is_broken_by_heartbeats_from_which_one_may_go_on() {
    let port = PortConfig { heartbeat: Duration::from_millis(5), ..PortConfig::default() };
    let running = Running::start_with(Config::default(), port).await;
    let mut watch = from_now(&running).await;
    let (token, kind) = next(&mut watch).await;
    assert!(matches!(kind, Kind::Heartbeat(_)));
    assert!(matches!(next(&mut watch).await.1, Kind::Heartbeat(_)));
    assert!(resume(&running, &token).await.is_ok());
}

#[tokio::test]
async fn a_watch_ends_with_its_deadline_and_with_the_matchmaker() {
    let running = Running::start().await;
    let mut request = Request::new(v1::WatchEventsRequest::default());
    request.set_timeout(Duration::from_millis(20));
    let mut short = within(queries(&running).await.watch_events(request)).await.unwrap().into_inner();
    let status = end(&mut short).await;
    assert!(matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled), "{status:?}");

    let mut watch = from_now(&running).await;
    let stopping = tokio::spawn(running.stop());
    let status = end(&mut watch).await;
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "GOING_AWAY"));
    within(stopping).await.unwrap();
}
