//! What one replica tells of the others.

use super::*;

async fn all_sessions(peer: &Peer, page_size: i32, filter: &str) -> Vec<v1::Session> {
    let (mut sessions, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = v1::ListSessionsRequest { page_size, page_token, filter: filter.to_owned() };
        let page = within(peer.queries.clone().list_sessions(request)).await.unwrap().into_inner();
        assert!(!page.partial && page.sessions.len() <= page_size as usize);
        sessions.extend(page.sessions);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return sessions;
        }
    }
}

#[tokio::test]
async fn pages_lead_through_all_replicas_and_nobody_is_missed_or_listed_twice() {
    let engine = RedisServer::start();
    let peers =
        [peer("m1", settings(&engine)).await, peer("m2", settings(&engine)).await, peer("m3", settings(&engine)).await];
    let mut gateways = Vec::new();
    for (at, peer) in peers.iter().enumerate() {
        // 200 each, every third, so that the parts are shuffled into each other.
        gateways.push(peer.crowd((1..=600).filter(move |number| number % 3 == at as u64)).await);
    }
    for peer in &peers {
        peer.sees(3, 600).await;
    }
    for page_size in [7, 50, 1_000] {
        let sessions = all_sessions(&peers[1], page_size, "").await;
        let names: Vec<_> = sessions.iter().map(|session| session.name.as_str()).collect();
        assert!(names.is_sorted() && names.iter().collect::<BTreeSet<_>>().len() == 600, "{}", names.len());
        for session in &sessions {
            assert_eq!(session.age.is_none(), session.replica_id == "m2", "own ones are told from memory");
        }
    }
    let of_third = all_sessions(&peers[0], 60, "gateway_id = m3 AND state = MATCHED").await;
    assert!(of_third.len() == 200 && of_third.iter().all(|session| session.replica_id == "m3"));
    let (mut rooms, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = v1::ListRoomsRequest { page_size: 33, page_token, filter: "gateway_id != m1".into() };
        let page = within(peers[0].queries.clone().list_rooms(request)).await.unwrap().into_inner();
        rooms.extend(page.rooms);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(rooms.iter().map(|room| &room.name).collect::<BTreeSet<_>>().len(), 200);
    assert_eq!(rooms.len(), 200);
    let room = v1::GetRoomRequest { name: rooms[0].name.clone() };
    assert!(within(peers[0].queries.clone().get_room(room)).await.unwrap().into_inner().age.is_some());

    let stats = peers[0].stats().await;
    assert_eq!((stats.sessions, stats.rooms, stats.links, stats.matches_total), (600, 300, 3, 300));
    let told = stats.replicas.iter().map(|one| (one.replica_id.as_str(), one.sessions, one.age.is_none()));
    let told: Vec<_> = told.collect();
    assert_eq!(told, [("m1", 200, true), ("m2", 200, false), ("m3", 200, false)]);
    assert_eq!((stats.pools.len(), stats.pools[0].talking), (1, 600));
    let pools = within(peers[2].queries.clone().list_pools(v1::ListPoolsRequest::default())).await.unwrap();
    let pools = pools.into_inner().pools;
    assert!(pools.len() == 1 && pools[0].talking == 600 && pools[0].age.is_some());
}

#[tokio::test]
async fn what_changes_is_told_elsewhere_and_of_two_the_own_one_counts() {
    let engine = RedisServer::start();
    let (one, other) = (peer("m1", settings(&engine)).await, peer("m2", settings(&engine)).await);
    let gateway = one.crowd(1..=1).await;
    other.sees(2, 1).await;
    assert_eq!(other.session(1).await.unwrap().state(), v1::session::State::Waiting);
    // Of that no event tells.
    gateway.send(frame(1, Up::Identify(Identity { verified: true, ..Identity::unverified("ada".into()) })));
    within(async { while other.session(1).await.unwrap().user_id != "ada" {} }).await;

    // It has moved, and its first replica does not know yet.
    let second = other.gateway().await;
    second.send(frame(1, attach(client(1))));
    within(async { while other.session(1).await.unwrap().replica_id != "m2" {} }).await;
    within(async { while other.stats().await.sessions != 2 {} }).await;
    let sessions = within(other.queries.clone().list_sessions(v1::ListSessionsRequest::default())).await.unwrap();
    let sessions = sessions.into_inner().sessions;
    assert!(sessions.len() == 1 && sessions[0].replica_id == "m2");
    one.sees(2, 2).await;
    gateway.send(frame(1, Up::End));
    within(async { while one.session(1).await.unwrap().replica_id != "m2" {} }).await;
    let names = [1, 2].map(|number| format!("sessions/{}", client(number)));
    let request = v1::BatchGetSessionsRequest { names: names.to_vec() };
    let found = within(one.queries.clone().batch_get_sessions(request)).await.unwrap().into_inner();
    assert_eq!((found.sessions.len(), found.not_found, found.partial), (1, vec![names[1].clone()], false));
}

#[tokio::test]
async fn a_replica_that_is_gone_is_left_out_once_its_lease_has_run_out_or_at_once_if_it_says_so() {
    let engine = RedisServer::start();
    let lease = Duration::from_millis(200);
    let short = || RegistrySettings { lease, ..settings(&engine) };
    let one = peer("m1", short()).await;
    let dead = Replica::start("m2", Config::default());
    Registry::start(&dead, short());
    one.sees(2, 0).await;
    drop(dead);
    one.sees(1, 0).await;

    let leaving = peer("m3", settings(&engine)).await;
    one.sees(2, 0).await;
    leaving.running.stop().await;
    one.sees(1, 0).await;
}

#[tokio::test]
async fn without_its_engine_a_replica_answers_for_itself_and_says_so_until_the_engine_is_back() {
    let mut engine = RedisServer::start();
    let (one, other) = (peer("m1", settings(&engine)).await, peer("m2", settings(&engine)).await);
    let _gateways = (one.crowd(1..=2).await, other.crowd(3..=5).await);
    one.sees(2, 5).await;
    engine.kill();
    let stats = one.stats().await;
    assert_eq!((stats.partial, stats.sessions, stats.replicas.len()), (true, 2, 1));
    assert_eq!(one.session(1).await.unwrap().age, None);
    let status = one.session(3).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "ENGINE_AWAY"));
    assert!(status.get_details_retry_info().unwrap().retry_delay.is_some());
    let listed = within(one.queries.clone().list_sessions(v1::ListSessionsRequest::default())).await.unwrap();
    let listed = listed.into_inner();
    assert_eq!((listed.partial, listed.sessions.len()), (true, 2));
    // It has forgotten everything, and is told anew.
    engine.restart_empty();
    one.sees(2, 5).await;
    other.sees(2, 5).await;
    assert_eq!(one.session(3).await.unwrap().replica_id, "m2");
}

#[tokio::test]
async fn an_engine_that_is_emptied_under_way_is_told_anew() {
    let engine = RedisServer::start();
    let (one, other) = (peer("m1", settings(&engine)).await, peer("m2", settings(&engine)).await);
    let _gateway = other.crowd(3..=5).await;
    one.sees(2, 3).await;
    let mut line = redis(&engine).await;
    let () = redis::cmd("FLUSHALL").query_async(&mut line).await.unwrap();
    one.sees(2, 3).await;
    assert_eq!(within(one.session(3)).await.unwrap().replica_id, "m2");
}

#[tokio::test]
async fn forwarded_messages_cost_the_engine_nothing() {
    let engine = RedisServer::start();
    // Nobody looks around meanwhile.
    let one = peer("m1", RegistrySettings { heartbeat: Duration::from_secs(3_600), ..settings(&engine) }).await;
    let events = one.running.replica.events();
    let mut gateway = one.crowd(1..=2).await;
    let mut line = redis(&engine).await;
    let ids: String = format!("duet:1:{{r:{}}}:rooms-ids", one.running.replica.hello().boot);
    within(async {
        while redis::cmd("ZCARD").arg(&ids).query_async::<u64>(&mut line).await.unwrap() < 1 {}
        // Besides them there is the stream's beginning.
        let told = events.len() + 1;
        while redis::cmd("XLEN").arg("duet:1:{events}").query_async::<usize>(&mut line).await.unwrap() < told {}
    })
    .await;
    let writes = async |line: &mut redis::aio::MultiplexedConnection| {
        let info: String = redis::cmd("INFO").arg("commandstats").query_async(line).await.unwrap();
        info.lines()
            .filter(|line| ["hset", "xadd", "zadd"].iter().any(|name| line.contains(name)))
            .map(String::from)
            .collect::<Vec<_>>()
    };
    let before = writes(&mut line).await;
    for seq in 1..=500 {
        gateway.send(frame(1, forward(1, seq, 10)));
    }
    gateway.take(500).await;
    gateway.send(frame(1, Up::Ack { ticket: TicketNumber { attempt: 1, round: 0 }, seq: 0 }));
    assert_eq!(one.running.replica.figures().stats.forwarded, 500);
    assert_eq!(writes(&mut line).await, before);
}

async fn redis(engine: &RedisServer) -> redis::aio::MultiplexedConnection {
    redis::Client::open(engine.url()).unwrap().get_multiplexed_async_connection().await.unwrap()
}
