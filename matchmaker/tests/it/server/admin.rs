//! What operators may do, and what comes of it for those it is done to.

use std::sync::{Arc, Mutex};

use duet_matchmaker::server::{AdminAccess, Door, LogFilter, Ports, QueryTokens};
use duet_proto::frame::{Down, Identity, PartnerLeftReason, PoolRefusal, SessionEndedReason};
use duet_proto::v1;
use duet_proto::v1::admin_client::AdminClient;
use tokio::sync::watch;
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status};
use tonic_types::StatusExt;

use super::gateway::{Gateway, Transport};
use super::*;

pub(crate) const TOKEN: &str = "0123456789abcdef0123456789abcdef";

async fn start() -> Running {
    start_with(AdminAccess::default()).await
}

/// With a token, and what else is given.
async fn start_with(admin: AdminAccess) -> Running {
    Running::start_on(Config::default(), PortConfig::default(), |listener| offering(admin, listener)).await
}

/// A port for links, queries and whoever has the token.
pub(crate) fn offering(admin: AdminAccess, listener: TcpListener) -> Ports {
    let (_, tokens) = watch::channel(Arc::new(QueryTokens::parse(TOKEN).unwrap()));
    let admin = AdminAccess { tokens: Some(tokens), ..admin };
    Ports { links: Some(Door { listener, tls: None }), admin, ..Ports::default() }
}

struct Admin(AdminClient<Channel>);

/// One call with the token.
macro_rules! call {
    ($admin:expr, $method:ident, $request:expr) => {{
        let mut request = Request::new($request);
        request.metadata_mut().insert("authorization", format!("Bearer {TOKEN}").parse().unwrap());
        within($admin.0.$method(request)).await.map(Response::into_inner)
    }};
}

async fn admin(running: &Running) -> Admin {
    Admin(AdminClient::new(running.channel().await))
}

fn told(status: &Status) -> (Code, String) {
    (status.code(), status.get_details_error_info().unwrap().reason)
}

fn session(number: u64) -> String {
    format!("sessions/{}", client(number))
}

fn verified(user: &str) -> Identity {
    Identity { verified: true, ..Identity::unverified(user.into()) }
}

/// A gateway whose sessions 1 and 2 talk.
async fn talking(running: &Running) -> Gateway {
    let mut gateway = Gateway::link(running, Transport::Memory, hello("a")).await;
    for number in [1, 2] {
        gateway.send(frame(number, attach(client(number))));
        gateway.send(frame(number, join(1)));
    }
    gateway.take(3).await;
    gateway
}

async fn room_of_first(running: &Running) -> String {
    let mut queries = v1::matchmaker_client::MatchmakerClient::new(running.channel().await);
    within(queries.get_session(v1::GetSessionRequest { name: session(1) })).await.unwrap().into_inner().room
}

#[tokio::test]
async fn without_a_token_nobody_administers_and_without_a_setting_nobody_can() {
    let running = start().await;
    let mut admin = admin(&running).await;
    let status = within(admin.0.drain_replica(v1::DrainReplicaRequest {})).await.unwrap_err();
    assert_eq!(told(&status), (Code::Unauthenticated, "TOKEN_MISSING".into()));
    let status = call!(admin, drain_replica, v1::DrainReplicaRequest {}).unwrap_err();
    assert_eq!(told(&status), (Code::Unimplemented, "DRAIN_NOT_OFFERED".into()), "nobody here would end the process");

    let off = Running::start().await;
    let mut admin = super::admin::admin(&off).await;
    let status = call!(admin, drain_replica, v1::DrainReplicaRequest {}).unwrap_err();
    assert_eq!(told(&status), (Code::Unimplemented, "ADMIN_OFF".into()));
}

#[tokio::test]
async fn a_closed_room_is_over_for_both_and_they_do_not_meet_again_at_once() {
    let running = start().await;
    let mut gateway = talking(&running).await;
    let mut admin = admin(&running).await;
    let name = room_of_first(&running).await;
    call!(admin, close_room, v1::CloseRoomRequest { name: name.clone() }).unwrap();
    let mut told_closed = 0;
    let mut waiting = 0;
    for frame in gateway.take(4).await {
        match frame.kind {
            Down::PartnerLeft { reason: PartnerLeftReason::Closed, requeued: true, .. } => told_closed += 1,
            Down::Waiting(_) => waiting += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((told_closed, waiting), (2, 2));
    let status = call!(admin, close_room, v1::CloseRoomRequest { name }).unwrap_err();
    assert_eq!(told(&status), (Code::NotFound, "ROOM_NOT_FOUND".into()));
    let status = call!(admin, close_room, v1::CloseRoomRequest { name: "rooms/1".into() }).unwrap_err();
    assert_eq!(told(&status), (Code::InvalidArgument, "FIELD_INVALID".into()));

    let why = call!(admin, explain_ticket, v1::ExplainTicketRequest { name: session(1) }).unwrap();
    assert_eq!((why.pool.as_str(), why.candidates, why.truncated), ("pools/default", 1, false));
    assert_eq!((why.obstacles[0].obstacle(), why.obstacles[0].count), (v1::Obstacle::PartedRecently, 1));
}

#[tokio::test]
async fn a_disconnected_session_ends_and_its_partner_looks_on() {
    let running = start().await;
    let mut gateway = talking(&running).await;
    let mut admin = admin(&running).await;
    call!(admin, disconnect_session, v1::DisconnectSessionRequest { name: session(1) }).unwrap();
    let frames = gateway.take(3).await;
    assert_eq!(frames[0].kind, Down::SessionEnded { reason: SessionEndedReason::Closed });
    assert!(matches!(frames[1].kind, Down::PartnerLeft { reason: PartnerLeftReason::Disconnected, .. }));
    assert!(matches!(frames[2].kind, Down::Waiting(_)));
    let status = call!(admin, disconnect_session, v1::DisconnectSessionRequest { name: session(1) }).unwrap_err();
    assert_eq!(told(&status), (Code::NotFound, "SESSION_NOT_FOUND".into()));
}

#[tokio::test]
async fn two_users_are_kept_apart_until_an_operator_lets_them_meet() {
    let running = start().await;
    let mut gateway = Gateway::link(&running, Transport::Memory, hello("a")).await;
    let mut admin = admin(&running).await;
    let pair = || vec!["eve".to_owned(), "ann".to_owned()];
    let hour = Some(prost_types::Duration { seconds: 3_600, nanos: 0 });
    call!(admin, block_pair, v1::BlockPairRequest { user_ids: pair(), duration: hour }).unwrap();
    for (number, user) in [(1, "ann"), (2, "eve")] {
        gateway.send(frame(number, attach(client(number))));
        gateway.send(frame(number, Up::Identify(verified(user))));
        gateway.send(frame(number, join(1)));
        assert_eq!(kinds(&gateway.take(1).await), ["waiting"]);
    }
    call!(admin, unblock_pair, v1::UnblockPairRequest { user_ids: pair() }).unwrap();
    gateway.send(frame(2, join(2)));
    assert_eq!(kinds(&gateway.take(2).await), ["matched", "matched"]);
    let status = call!(admin, unblock_pair, v1::UnblockPairRequest { user_ids: pair() }).unwrap_err();
    assert_eq!(told(&status), (Code::NotFound, "PAIR_NOT_BLOCKED".into()));
    for user_ids in [vec!["eve".to_owned()], vec!["eve".to_owned(); 2], vec![String::new(), "eve".to_owned()]] {
        let status = call!(admin, block_pair, v1::BlockPairRequest { user_ids, duration: hour }).unwrap_err();
        assert_eq!(told(&status), (Code::InvalidArgument, "FIELD_INVALID".into()));
    }
}

#[tokio::test]
async fn a_blocked_user_is_sent_away_however_it_comes_and_let_in_again() {
    let running = start().await;
    let mut gateway = Gateway::link(&running, Transport::Memory, hello("a")).await;
    gateway.send(frame(1, attach_resumable(client(1), 1)));
    gateway.send(frame(1, Up::Identify(verified("eve"))));
    gateway.send(frame(1, join(1)));
    gateway.take(1).await;
    let mut admin = admin(&running).await;
    let hour = prost_types::Duration { seconds: 3_600, nanos: 0 };
    let block = v1::BlockUserRequest { user_id: "eve".into(), duration: Some(hour), reason: "spam".into() };
    let blocked = call!(admin, block_user, block.clone()).unwrap();
    assert_eq!((blocked.user_id.as_str(), blocked.reason.as_str(), blocked.sessions_ended), ("eve", "spam", 1));
    let ended = Down::SessionEnded { reason: SessionEndedReason::Closed };
    assert_eq!(gateway.take(1).await[0].kind, ended);

    // By resuming, by a new proof, and by an announcement.
    gateway.send(frame(2, attach_resumable(client(2), 2)));
    gateway.send(frame(2, resume(1, 3, 0)));
    assert_eq!(kinds(&gateway.take(1).await), ["resume-failed"]);
    gateway.send(frame(2, Up::Identify(verified("eve"))));
    assert_eq!(gateway.take(1).await[0].kind, ended);
    gateway.send(frame(2, join(1)));
    let identity = Some(verified("eve"));
    let announced = Attach { client: client(3), identity, attempt: 0, doing: Doing::Idle, resumable: None };
    gateway.send(frame(3, Up::Attach(Box::new(announced))));
    assert_eq!(gateway.take(1).await[0].kind, ended);
    // Who only says so is somebody else.
    gateway.send(frame(4, attach(client(4))));
    gateway.send(frame(4, Up::Identify(Identity::unverified("eve".into()))));
    gateway.send(frame(4, join(1)));
    assert_eq!(kinds(&gateway.take(1).await), ["waiting"]);

    let listed = call!(admin, list_blocked_users, v1::ListBlockedUsersRequest::default()).unwrap();
    assert_eq!(listed.users, [v1::BlockedUser { sessions_ended: 0, ..blocked }]);
    call!(admin, unblock_user, v1::UnblockUserRequest { user_id: "eve".into() }).unwrap();
    let status = call!(admin, unblock_user, v1::UnblockUserRequest { user_id: "eve".into() }).unwrap_err();
    assert_eq!(told(&status), (Code::NotFound, "USER_NOT_BLOCKED".into()));
    gateway.send(frame(5, attach(client(5))));
    gateway.send(frame(5, Up::Identify(verified("eve"))));
    gateway.send(frame(5, join(1)));
    assert_eq!(kinds(&gateway.take(2).await), ["matched", "matched"]);

    let wrong = |change: fn(&mut v1::BlockUserRequest)| {
        let mut request = block.clone();
        change(&mut request);
        request
    };
    for request in [
        wrong(|block| block.user_id = String::new()),
        wrong(|block| block.user_id = "u".repeat(129)),
        wrong(|block| block.duration = None),
        wrong(|block| block.duration = Some(prost_types::Duration { seconds: 367 * 86_400, nanos: 0 })),
        wrong(|block| block.reason = "r".repeat(257)),
    ] {
        let status = call!(admin, block_user, request).unwrap_err();
        assert_eq!(told(&status), (Code::InvalidArgument, "FIELD_INVALID".into()));
    }
}

#[tokio::test]
async fn a_paused_pool_refuses_newcomers_and_matches_nobody_until_it_is_resumed() {
    let running = start().await;
    let mut gateway = Gateway::link(&running, Transport::Memory, hello("a")).await;
    for number in 1..=3 {
        gateway.send(frame(number, attach(client(number))));
    }
    gateway.send(frame(1, join(1)));
    gateway.take(1).await;
    let mut admin = admin(&running).await;
    let name = || "pools/default".to_owned();
    assert!(call!(admin, pause_pool, v1::PausePoolRequest { name: name() }).unwrap().paused);
    gateway.send(frame(2, join(1)));
    let refused = gateway.take(1).await.remove(0).kind;
    assert!(matches!(refused, Down::PoolFull { reason: PoolRefusal::Paused, .. }), "{refused:?}");
    // Who asks for the next gets in, as one who asks for it in a room would, and meets nobody.
    gateway.send(frame(3, Up::Next { attempt: 1, wishes: wishes("default") }));
    assert_eq!(kinds(&gateway.take(1).await), ["waiting"]);
    let why = call!(admin, explain_ticket, v1::ExplainTicketRequest { name: session(3) }).unwrap();
    assert_eq!((why.position, why.own_obstacles().collect::<Vec<_>>()), (2, vec![v1::Obstacle::PoolPaused]));
    let resumed = call!(admin, resume_pool, v1::ResumePoolRequest { name: name() }).unwrap();
    assert_eq!((resumed.paused, resumed.waiting, resumed.talking), (false, 0, 2));
    assert_eq!(kinds(&gateway.take(2).await), ["matched", "matched"]);
    let status = call!(admin, explain_ticket, v1::ExplainTicketRequest { name: session(3) }).unwrap_err();
    assert_eq!(told(&status), (Code::FailedPrecondition, "SESSION_NOT_WAITING".into()));
}

#[tokio::test]
async fn a_drain_is_asked_for_and_the_log_is_set_where_the_process_offers_it() {
    let set = Arc::new(Mutex::new(Vec::new()));
    let kept = set.clone();
    let log_filter = LogFilter::new(Arc::new(move |filter: &str| {
        if filter == "nonsense" {
            return Err("no filter".to_owned());
        }
        kept.lock().unwrap().push(filter.to_owned());
        Ok(())
    }));
    let running = start_with(AdminAccess { log_filter: Some(log_filter), ..AdminAccess::default() }).await;
    let mut admin = admin(&running).await;
    call!(admin, set_log_filter, v1::SetLogFilterRequest { filter: "debug".into() }).unwrap();
    for filter in ["nonsense", ""] {
        let status = call!(admin, set_log_filter, v1::SetLogFilterRequest { filter: filter.into() }).unwrap_err();
        assert_eq!(told(&status), (Code::InvalidArgument, "FIELD_INVALID".into()));
    }
    assert_eq!(*set.lock().unwrap(), ["debug"]);

    let asked = running.replica.drain_asked();
    call!(admin, drain_replica, v1::DrainReplicaRequest {}).unwrap();
    within(asked).await;
}
