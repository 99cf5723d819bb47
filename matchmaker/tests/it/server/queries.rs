//! What other services may ask.

use std::collections::BTreeSet;

use duet_proto::frame::Identity;
use duet_proto::v1;
use duet_proto::v1::matchmaker_client::MatchmakerClient;
use duet_proto::v1::session::State;
use tonic::Code;
use tonic::transport::Channel;
use tonic_types::StatusExt;

use super::gateway::{Gateway, Transport};
use super::*;

async fn queries(running: &Running) -> MatchmakerClient<Channel> {
    MatchmakerClient::new(running.channel().await)
}

/// One gateway with this many sessions, all of which have asked for a partner; so they are in rooms but for an odd one.
async fn crowd(running: &Running, sessions: u64) -> Gateway {
    let mut gateway = Gateway::link(running, Transport::Memory, hello("a")).await;
    for number in 1..=sessions {
        gateway.send(frame(number, attach(client(number))));
        gateway.send(frame(number, join(1)));
    }
    // Each pair makes a `waiting` and two `matched`.
    gateway.take((sessions / 2 * 3 + sessions % 2) as usize).await;
    gateway
}

#[tokio::test]
async fn a_page_leads_to_the_next_and_nobody_is_missed_or_listed_twice() {
    let running = Running::start().await;
    let _gateway = crowd(&running, 120).await;
    let mut queries = queries(&running).await;
    let (mut pages, mut names, mut page_token) = (Vec::new(), Vec::new(), String::new());
    loop {
        let request = v1::ListSessionsRequest { page_size: 0, page_token, ..Default::default() };
        let page = within(queries.list_sessions(request)).await.unwrap().into_inner();
        pages.push(page.sessions.len());
        names.extend(page.sessions.into_iter().map(|session| session.name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(pages, [50, 50, 20]);
    assert!(names.is_sorted() && names.iter().collect::<BTreeSet<_>>().len() == 120);

    let request = v1::ListRoomsRequest { page_size: 59, ..Default::default() };
    let rooms = within(queries.list_rooms(request)).await.unwrap().into_inner();
    let request = v1::ListRoomsRequest { page_size: 1, page_token: rooms.next_page_token, ..Default::default() };
    let last = within(queries.list_rooms(request)).await.unwrap().into_inner();
    assert_eq!((rooms.rooms.len(), last.rooms.len(), last.next_page_token.as_str()), (59, 1, ""));
    let request = v1::ListRoomsRequest { page_size: i32::MAX, ..Default::default() };
    assert_eq!(within(queries.list_rooms(request)).await.unwrap().into_inner().rooms.len(), 60);
}

#[tokio::test]
async fn sessions_and_rooms_tell_what_is_known_of_them() {
    let running = Running::start().await;
    let mut gateway = crowd(&running, 3).await;
    gateway.send(frame(3, Up::Identify(Identity { verified: true, ..Identity::unverified("ada".into()) })));
    gateway.send(frame(1, forward(1, 1, 10)));
    gateway.send(frame(2, forward(1, 1, 10)));
    gateway.send(frame(2, Up::Ack { ticket: TicketNumber { attempt: 1, round: 0 }, seq: 1 }));
    gateway.send(frame(4, attach(client(4))));
    gateway.send(frame(4, join(1)));
    gateway.take(4).await;
    gateway.send(frame(5, attach(client(5))));
    gateway.send(frame(5, Up::Join(Join { attempt: 1, wishes: wishes("chess"), waited: Duration::from_secs(90) })));
    gateway.take(1).await;
    let mut queries = queries(&running).await;

    let session = async |queries: &mut MatchmakerClient<Channel>, number| {
        let request = v1::GetSessionRequest { name: format!("sessions/{}", client(number)) };
        within(queries.get_session(request)).await.unwrap().into_inner()
    };
    let third = session(&mut queries, 3).await;
    assert_eq!((third.user_id.as_str(), third.user_verified, third.gateway_id.as_str()), ("ada", true, "a"));
    assert_eq!((third.state(), third.pool.as_str(), third.queue_time), (State::Matched, "default", None));
    let fifth = session(&mut queries, 5).await;
    assert_eq!((fifth.state(), fifth.pool.as_str(), fifth.room.as_str()), (State::Waiting, "chess", ""));
    let (queued, attached) = (fifth.queue_time.unwrap(), fifth.attach_time.unwrap());
    assert!(queued.seconds < attached.seconds, "the wait before it came counts");

    let name = session(&mut queries, 1).await.room;
    let room = within(queries.get_room(v1::GetRoomRequest { name: name.clone() })).await.unwrap().into_inner();
    let member = |number: u64, initiator, sent, sent_acknowledged| v1::Member {
        session: format!("sessions/{}", client(number)),
        initiator,
        sent,
        sent_acknowledged,
    };
    assert_eq!((room.name, room.pool.as_str()), (name, "default"));
    assert_eq!(room.members, [member(2, true, 1, 0), member(1, false, 1, 1)]);

    let stats = within(queries.get_stats(v1::GetStatsRequest {})).await.unwrap().into_inner();
    assert_eq!((stats.sessions, stats.waiting, stats.rooms, stats.links), (5, 1, 2, 1));
    assert_eq!((stats.matches_total, stats.forwarded_total), (2, 2));
    assert!(stats.oldest_wait.unwrap().seconds >= 90 && stats.start_time.is_some());
    assert_eq!((stats.pools.len(), stats.pools[0].pool.as_str(), stats.pools[0].waiting), (2, "chess", 1));
}

#[tokio::test]
async fn a_session_without_a_socket_is_shown_as_detached_with_its_last_gateway() {
    let running = Running::start().await;
    let mut gateway = Gateway::link(&running, Transport::Memory, hello("a")).await;
    for number in [1, 2] {
        gateway.send(frame(number, attach_resumable(client(number), number as u8)));
        gateway.send(frame(number, join(1)));
    }
    gateway.send(frame(1, Up::Detach));
    assert_eq!(kinds(&gateway.take(4).await), ["waiting", "matched", "matched", "partner-away"]);
    let mut queries = queries(&running).await;
    let shown = async |queries: &mut MatchmakerClient<Channel>| {
        let request = v1::ListSessionsRequest { page_size: 0, ..Default::default() };
        let sessions = within(queries.list_sessions(request)).await.unwrap().into_inner().sessions;
        let shown = |session: v1::Session| (session.name.clone(), session.gateway_id.clone(), session.detached);
        sessions.into_iter().map(shown).collect::<Vec<_>>()
    };
    let name = |number| format!("sessions/{}", client(number));
    let of_a = |number, detached| (name(number), "a".to_owned(), detached);
    assert_eq!(shown(&mut queries).await, [of_a(1, true), of_a(2, false)]);

    let mut other = Gateway::link(&running, Transport::Memory, hello("b")).await;
    other.send(frame(1, attach_resumable(client(3), 3)));
    other.send(frame(1, resume(1, 4, 2)));
    assert_eq!(kinds(&other.take(1).await), ["session-resumed"]);
    assert_eq!(shown(&mut queries).await, [(name(1), "b".to_owned(), false), of_a(2, false)]);
}

#[tokio::test]
async fn a_name_is_malformed_or_unknown() {
    let running = Running::start().await;
    let mut queries = queries(&running).await;
    let id = client(1);
    for name in ["", "sessions/", "sessions/1", &format!("rooms/{id}"), &format!("sessions/{id}/x"), &id.to_string()] {
        let status = within(queries.get_session(v1::GetSessionRequest { name: name.into() })).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{name}");
        assert!(status.message().starts_with("name "));
    }
    let status = within(queries.get_session(v1::GetSessionRequest { name: format!("sessions/{id}") })).await;
    assert_eq!(status.unwrap_err().code(), Code::NotFound);
    let status = within(queries.get_room(v1::GetRoomRequest { name: format!("sessions/{id}") })).await;
    assert_eq!(status.unwrap_err().code(), Code::InvalidArgument);
    let status = within(queries.get_room(v1::GetRoomRequest { name: format!("rooms/{id}") })).await;
    assert_eq!(status.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn a_page_that_makes_no_sense_is_refused_by_field() {
    let running = Running::start().await;
    let _gateway = crowd(&running, 4).await;
    let mut queries = queries(&running).await;
    let request = v1::ListSessionsRequest { page_size: 1, ..Default::default() };
    let of_sessions = within(queries.list_sessions(request)).await.unwrap().into_inner().next_page_token;
    for (page_size, page_token, field) in
        [(-1, "", "page_size"), (0, "?", "page_token"), (0, "AAAA", "page_token"), (0, &of_sessions, "page_token")]
    {
        let request = v1::ListRoomsRequest { page_size, page_token: page_token.into(), ..Default::default() };
        let status = within(queries.list_rooms(request)).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(status.message().starts_with(field), "{status:?}");
    }
    let request = v1::ListSessionsRequest { page_size: -1, ..Default::default() };
    assert_eq!(within(queries.list_sessions(request)).await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_room_is_gone_once_it_is_over() {
    let running = Running::start().await;
    let mut gateway = crowd(&running, 2).await;
    let mut queries = queries(&running).await;
    let request = v1::ListRoomsRequest { page_size: 1, ..Default::default() };
    let name = within(queries.list_rooms(request)).await.unwrap().into_inner().rooms.remove(0).name;
    gateway.send(frame(1, Up::Leave { attempt: 2 }));
    assert_eq!(kinds(&gateway.take(2).await), ["partner-left", "waiting"]);
    let status = within(queries.get_room(v1::GetRoomRequest { name })).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
}

fn field_of(status: &tonic::Status) -> String {
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    let info = status.get_details_error_info().unwrap();
    assert_eq!((info.reason.as_str(), info.domain.as_str()), ("FIELD_INVALID", "duet.v1"));
    status.get_details_bad_request().unwrap().field_violations[0].field.clone()
}

#[tokio::test]
async fn a_filter_picks_and_binds_the_page_token() {
    let running = Running::start().await;
    let mut gateway = crowd(&running, 4).await;
    gateway.send(frame(1, Up::Identify(Identity { verified: true, ..Identity::unverified("ada".into()) })));
    gateway.send(frame(5, attach(client(5))));
    gateway.send(frame(5, Up::Join(Join { attempt: 1, wishes: wishes("chess"), waited: Duration::ZERO })));
    gateway.take(1).await;
    let mut queries = queries(&running).await;
    let request = |filter: &str| v1::ListSessionsRequest { filter: filter.to_owned(), ..Default::default() };
    let names = async |queries: &mut MatchmakerClient<Channel>, filter: &str| {
        let answer = within(queries.list_sessions(request(filter))).await.unwrap().into_inner();
        answer.sessions.into_iter().map(|session| session.name).collect::<Vec<_>>()
    };
    let name = |number| format!("sessions/{}", client(number));
    assert_eq!(names(&mut queries, r#"user_id = "ada" AND user_verified = true"#).await, [name(1)]);
    assert_eq!(names(&mut queries, "state = WAITING AND pool = chess").await, [name(5)]);
    assert_eq!(names(&mut queries, "state != MATCHED").await, [name(5)]);
    assert_eq!(names(&mut queries, "gateway_id = b").await, [""; 0]);
    assert_eq!(names(&mut queries, "pool = default AND detached = false").await.len(), 4);
    let status = within(queries.list_sessions(request("state = TALKING"))).await.unwrap_err();
    assert_eq!(field_of(&status), "filter");

    let rooms = async |queries: &mut MatchmakerClient<Channel>, filter: &str| {
        let request = v1::ListRoomsRequest { filter: filter.to_owned(), ..Default::default() };
        within(queries.list_rooms(request)).await.unwrap().into_inner().rooms
    };
    let of_ada = rooms(&mut queries, "user_id = ada").await;
    assert_eq!(of_ada.len(), 1);
    assert_eq!(rooms(&mut queries, &format!("session = \"{}\"", name(1))).await, of_ada);
    assert_eq!(
        (rooms(&mut queries, "pool = default").await.len(), rooms(&mut queries, "pool = chess").await.len()),
        (2, 0)
    );

    let first = v1::ListSessionsRequest { page_size: 1, ..request("pool = default") };
    let page_token = within(queries.list_sessions(first)).await.unwrap().into_inner().next_page_token;
    let elsewhere = v1::ListSessionsRequest { page_token, ..request("pool = chess") };
    assert_eq!(field_of(&within(queries.list_sessions(elsewhere)).await.unwrap_err()), "page_token");
}

#[tokio::test]
async fn a_batch_tells_of_those_that_are_there_and_names_the_others() {
    let running = Running::start().await;
    let _gateway = crowd(&running, 2).await;
    let mut queries = queries(&running).await;
    let name = |number| format!("sessions/{}", client(number));
    let request = v1::BatchGetSessionsRequest { names: [2, 9, 1].map(name).into() };
    let answer = within(queries.batch_get_sessions(request)).await.unwrap().into_inner();
    assert_eq!(answer.sessions.iter().map(|session| session.name.clone()).collect::<Vec<_>>(), [name(2), name(1)]);
    assert_eq!(answer.not_found, [name(9)]);
    for names in [vec![], vec![name(1); 101], vec!["sessions/1".to_owned()]] {
        let status = within(queries.batch_get_sessions(v1::BatchGetSessionsRequest { names })).await.unwrap_err();
        assert_eq!(field_of(&status), "names");
    }
    let request = v1::BatchGetSessionsRequest { names: vec![name(1); 100] };
    assert_eq!(within(queries.batch_get_sessions(request)).await.unwrap().into_inner().sessions.len(), 100);
}

#[tokio::test]
async fn pools_tell_who_waits_and_how_long_others_had_to() {
    let running = Running::start().await;
    let mut gateway = Gateway::link(&running, Transport::Memory, hello("a")).await;
    for (number, pool, waited) in [(1, "go", 8), (2, "go", 2), (3, "chess", 60)] {
        gateway.send(frame(number, attach(client(number))));
        let waited = Duration::from_secs(waited);
        gateway.send(frame(number, Up::Join(Join { attempt: 1, wishes: wishes(pool), waited })));
    }
    gateway.take(4).await;
    let mut queries = queries(&running).await;
    let get = async |queries: &mut MatchmakerClient<Channel>, name: &str| {
        within(queries.get_pool(v1::GetPoolRequest { name: name.to_owned() })).await.map(tonic::Response::into_inner)
    };
    let go = get(&mut queries, "pools/go").await.unwrap();
    let waits = go.time_to_match.unwrap();
    assert_eq!((go.waiting, waits.samples, waits.p50.unwrap().seconds, waits.p99.unwrap().seconds), (0, 2, 2, 8));
    let chess = get(&mut queries, "pools/chess").await.unwrap();
    assert_eq!((chess.waiting, chess.time_to_match.unwrap().samples), (1, 0));
    assert!(chess.oldest_wait.unwrap().seconds >= 60);
    assert_eq!(get(&mut queries, "pools/nothing").await.unwrap_err().code(), Code::NotFound);
    assert_eq!(field_of(&get(&mut queries, "pools/").await.unwrap_err()), "name");

    let request = v1::ListPoolsRequest { page_size: 1, ..Default::default() };
    let first = within(queries.list_pools(request)).await.unwrap().into_inner();
    assert_eq!(first.pools.len(), 1);
    assert_eq!((&first.pools[0].name, first.pools[0].waiting), (&chess.name, chess.waiting));
    let request = v1::ListPoolsRequest { page_size: 9, page_token: first.next_page_token };
    let last = within(queries.list_pools(request)).await.unwrap().into_inner();
    assert_eq!((last.pools, last.next_page_token.as_str()), (vec![go], ""));

    let stats = within(queries.get_stats(v1::GetStatsRequest {})).await.unwrap().into_inner();
    assert_eq!(stats.time_to_match.unwrap().samples, 2);
    for (pool, tags, field) in [("go", vec![], "pool"), ("pools/go", vec![String::new()], "tags")] {
        let request = v1::EstimateWaitRequest { pool: pool.to_owned(), tags };
        assert_eq!(field_of(&within(queries.estimate_wait(request)).await.unwrap_err()), field);
    }
}
