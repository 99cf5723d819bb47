//! What is told at one replica of what happens at others.

use super::*;

type Watch = Streaming<v1::WatchEventsResponse>;

async fn next(watch: &mut Watch) -> (String, Kind) {
    let response = within(watch.message()).await.unwrap().unwrap();
    (response.resume_token, response.kind.unwrap())
}

/// The next room that is made, where, and the token after it.
async fn made(watch: &mut Watch) -> (v1::RoomMade, String, String) {
    loop {
        if let (token, Kind::Event(v1::Event { kind: Some(Happened::RoomMade(made)), replica_id, .. })) =
            next(watch).await
        {
            return (made, replica_id, token);
        }
    }
}

async fn end(watch: &mut Watch) -> Status {
    within(async {
        loop {
            match watch.message().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("ended without a status"),
                Err(status) => return status,
            }
        }
    })
    .await
}

fn members(made: &v1::RoomMade) -> BTreeSet<String> {
    made.members.iter().map(|member| member.session.clone()).collect()
}

fn named(numbers: [u64; 2]) -> BTreeSet<String> {
    numbers.map(|number| format!("sessions/{}", client(number))).into()
}

#[tokio::test]
async fn all_tell_what_happens_at_any_and_take_each_others_tokens() {
    let engine = RedisServer::start();
    let (one, other) = (peer("m1", settings(&engine)).await, peer("m2", settings(&engine)).await);
    one.sees(2, 0).await;
    let mut watch = one.watch("").await.unwrap();
    assert!(matches!(next(&mut watch).await.1, Kind::SnapshotEnd(_)));
    let _first = other.crowd(1..=2).await;
    let (room, replica, token) = made(&mut watch).await;
    assert_eq!((members(&room), replica.as_str()), (named([1, 2]), "m2"));
    drop(watch);
    let _second = one.crowd(3..=4).await;
    // From the token of one at the other, and at one that was started later.
    let third = peer("m3", settings(&engine)).await;
    for peer in [&other, &third] {
        let mut watch = peer.watch(&token).await.unwrap();
        let (room, replica, _) = made(&mut watch).await;
        assert_eq!((members(&room), replica.as_str()), (named([3, 4]), "m1"));
    }
}

#[tokio::test]
async fn a_snapshot_is_of_all_replicas_and_nothing_is_missing_after_it() {
    let engine = RedisServer::start();
    let (one, other) = (peer("m1", settings(&engine)).await, peer("m2", settings(&engine)).await);
    let _gateways = (one.crowd(1..=2).await, other.crowd(3..=4).await);
    one.sees(2, 4).await;
    let request = v1::WatchEventsRequest { snapshot_sessions: true, snapshot_rooms: true, ..Default::default() };
    let mut watch = within(one.queries.clone().watch_events(request)).await.unwrap().into_inner();
    let (mut sessions, mut rooms) = (Vec::new(), Vec::new());
    loop {
        match next(&mut watch).await.1 {
            Kind::Session(session) => sessions.push(session.name),
            Kind::Room(room) => rooms.push(room.replica_id),
            Kind::SnapshotEnd(_) => break,
            other => panic!("{other:?}"),
        }
    }
    rooms.sort();
    let all: Vec<_> = (1..=4).map(|number| format!("sessions/{}", client(number))).collect();
    assert_eq!((sessions, rooms), (all, vec!["m1".to_owned(), "m2".to_owned()]));
    let _more = other.crowd(5..=6).await;
    while members(&made(&mut watch).await.0) != named([5, 6]) {}
}

#[tokio::test]
async fn tokens_that_lead_nowhere_say_what_to_do() {
    let mut engine = RedisServer::start();
    let small = RegistrySettings { event_backlog: 4, ..settings(&engine) };
    let one = peer("m1", small).await;
    let mut watch = one.watch("").await.unwrap();
    let (token, _) = next(&mut watch).await;
    drop(watch);
    // What is kept is rounded up to what the engine drops at a time.
    let _gateway = one.crowd(1..=400).await;
    let status = within(async {
        loop {
            match one.watch(&token).await {
                Err(status) => return status,
                Ok(watch) => drop(watch),
            }
        }
    })
    .await;
    assert_eq!((status.code(), reason(&status).as_str()), (Code::OutOfRange, "RESUME_TOKEN_TOO_OLD"));

    let alone = Running::start().await;
    let request = v1::WatchEventsRequest::default();
    let mut queries = MatchmakerClient::new(alone.channel().await);
    let mut watch = within(queries.watch_events(request)).await.unwrap().into_inner();
    let (of_another, _) = next(&mut watch).await;
    engine.restart_empty();
    for token in [&token, &of_another] {
        let status = within(async {
            loop {
                match one.watch(token).await.unwrap_err() {
                    status if status.code() == Code::Unavailable => {}
                    status => return status,
                }
            }
        })
        .await;
        let told = (status.code(), reason(&status));
        assert_eq!(told, (Code::FailedPrecondition, "RESUME_TOKEN_OF_ANOTHER_BOOT".to_owned()));
    }
    let status = one.watch("AAAA").await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "FIELD_INVALID"));
}

#[tokio::test]
async fn a_watch_ends_with_the_engine_and_goes_on_from_its_token_once_that_is_back() {
    let engine = RedisServer::start();
    let port = PortConfig { heartbeat: Duration::from_millis(5), ..PortConfig::default() };
    let hasty = RegistrySettings { answer_within: Duration::from_millis(300), ..settings(&engine) };
    let one = peer_with("m1", hasty, port).await;
    let mut watch = one.watch("").await.unwrap();
    next(&mut watch).await;
    let (token, kind) = next(&mut watch).await;
    assert!(matches!(kind, Kind::Heartbeat(_)) && !token.is_empty());
    engine.stop();
    let status = end(&mut watch).await;
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "ENGINE_AWAY"));
    // Meanwhile the replica keeps what happens.
    let _gateway = one.crowd(1..=2).await;
    assert_eq!(one.watch(&token).await.unwrap_err().code(), Code::Unavailable);
    engine.cont();
    let mut watch = within(async {
        loop {
            if let Ok(watch) = one.watch(&token).await {
                return watch;
            }
        }
    })
    .await;
    assert_eq!(members(&made(&mut watch).await.0), named([1, 2]));
}
