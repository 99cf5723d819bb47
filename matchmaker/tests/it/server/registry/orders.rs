//! What is ordered at one replica and holds at all.

use super::*;

fn name(number: u64) -> String {
    format!("sessions/{}", client(number))
}

fn for_an_hour() -> Option<prost_types::Duration> {
    Some(prost_types::Duration { seconds: 3_600, nanos: 0 })
}

#[tokio::test]
async fn a_pause_holds_at_all_and_at_those_that_come_later_until_any_resumes() {
    let engine = RedisServer::start();
    let (one, other) = (peer("m1", settings(&engine)).await, peer("m2", settings(&engine)).await);
    let pool = "pools/default".to_owned();
    let paused = within(one.admin.clone().pause_pool(v1::PausePoolRequest { name: pool.clone() })).await.unwrap();
    assert!(paused.into_inner().paused);
    let third = peer("m3", settings(&engine)).await;
    let is_paused = async |peer: &Peer| {
        let request = v1::GetPoolRequest { name: pool.clone() };
        within(peer.queries.clone().get_pool(request)).await.is_ok_and(|pool| pool.into_inner().paused)
    };
    let mut gateways = [one.gateway().await, other.gateway().await, third.gateway().await];
    let mut number = 0;
    let mut refused = async |gateway: &mut Gateway| {
        number += 1;
        gateway.send(frame(number, attach(client(number))));
        gateway.send(frame(number, join(1)));
        let told = gateway::kind(&gateway.next().await.unwrap());
        gateway.send(frame(number, Up::End));
        told == "pool full"
    };
    for gateway in &mut gateways[1..] {
        within(async { while !refused(gateway).await {} }).await;
    }
    assert!(is_paused(&other).await && is_paused(&third).await);
    let resumed = within(third.admin.clone().resume_pool(v1::ResumePoolRequest { name: pool.clone() })).await.unwrap();
    assert!(!resumed.into_inner().paused);
    for gateway in &mut gateways {
        within(async { while refused(gateway).await {} }).await;
    }
}

#[tokio::test]
async fn a_blocked_user_is_kept_out_everywhere() {
    let engine = RedisServer::start();
    let (one, other) = (peer("m1", settings(&engine)).await, peer("m2", settings(&engine)).await);
    let mut gateway = other.crowd(1..=1).await;
    let ada = || Up::Identify(Identity { verified: true, ..Identity::unverified("ada".into()) });
    gateway.send(frame(1, ada()));
    let block = v1::BlockUserRequest { user_id: "ada".into(), duration: for_an_hour(), reason: "spam".into() };
    within(one.admin.clone().block_user(block)).await.unwrap();
    assert_eq!(kinds(&gateway.take(1).await), ["session-ended"]);
    let listed = within(other.admin.clone().list_blocked_users(v1::ListBlockedUsersRequest::default())).await.unwrap();
    assert_eq!(listed.into_inner().users[0].reason, "spam");
    let unblock = || v1::UnblockUserRequest { user_id: "ada".into() };
    within(other.admin.clone().unblock_user(unblock())).await.unwrap();
    within(async {
        loop {
            let users = one.admin.clone().list_blocked_users(v1::ListBlockedUsersRequest::default()).await.unwrap();
            if users.into_inner().users.is_empty() {
                return;
            }
        }
    })
    .await;
    let status = within(one.admin.clone().unblock_user(unblock())).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::NotFound, "USER_NOT_BLOCKED"));
}

#[tokio::test]
async fn rooms_and_sessions_are_ended_wherever_they_are() {
    let engine = RedisServer::start();
    let (one, other) = (peer("m1", settings(&engine)).await, peer("m2", settings(&engine)).await);
    let mut gateway = other.crowd(1..=2).await;
    one.sees(2, 2).await;
    let room = one.session(1).await.unwrap().room;
    within(one.admin.clone().close_room(v1::CloseRoomRequest { name: room })).await.unwrap();
    let told = kinds(&gateway.take(2).await);
    assert!(told.contains(&"partner-left"), "{told:?}");
    within(one.admin.clone().disconnect_session(v1::DisconnectSessionRequest { name: name(1) })).await.unwrap();
    while gateway::kind(&gateway.next().await.unwrap()) != "session-ended" {}
    one.sees(2, 1).await;
    let request = v1::DisconnectSessionRequest { name: name(9) };
    let status = within(one.admin.clone().disconnect_session(request)).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::NotFound, "SESSION_NOT_FOUND"));
}

#[tokio::test]
async fn whom_somebody_has_reported_at_one_replica_it_does_not_meet_at_another() {
    let engine = RedisServer::start();
    let (one, other) = (peer("m1", settings(&engine)).await, peer("m2", settings(&engine)).await);
    let user = |user: &str| Up::Identify(Identity { verified: true, ..Identity::unverified(user.into()) });
    let mut gateway = one.gateway().await;
    for (number, name) in [(1, "ada"), (2, "bob")] {
        gateway.send(frame(number, attach(client(number))));
        gateway.send(frame(number, user(name)));
        gateway.send(frame(number, join(1)));
    }
    gateway.take(3).await;
    one.sees(2, 2).await;
    let room = one.session(1).await.unwrap().room.strip_prefix("rooms/").unwrap().parse().unwrap();
    gateway.send(frame(1, Up::Report { attempt: 2, room, reason: "rude".into(), details: String::new() }));
    let pair = || v1::UnblockPairRequest { user_ids: vec!["bob".into(), "ada".into()] };
    within(async {
        while other.running.replica.figures().stats.blocks != 1 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    within(other.admin.clone().unblock_pair(pair())).await.unwrap();
    within(async {
        while one.running.replica.figures().stats.blocks != 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let status = within(one.admin.clone().unblock_pair(pair())).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::NotFound, "PAIR_NOT_BLOCKED"));
}

#[tokio::test]
async fn without_the_engine_an_order_holds_here_and_says_that_it_does_only_here() {
    let mut engine = RedisServer::start();
    let one = peer("m1", settings(&engine)).await;
    one.sees(1, 0).await;
    engine.kill();
    let request = v1::PausePoolRequest { name: "pools/default".into() };
    let status = within(one.admin.clone().pause_pool(request)).await.unwrap_err();
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, "ENGINE_AWAY"));
    let request = v1::GetPoolRequest { name: "pools/default".into() };
    let pool = within(one.queries.clone().get_pool(request)).await.unwrap().into_inner();
    assert!(pool.paused && pool.partial);
}
