//! What a gateway may rely on whatever carries its link: each test runs by memory and by gRPC.

use duet_proto::frame::{Down, InRoom, PartnerLeftReason, SessionEndedReason};
use duet_proto::ids::RoomId;
use duet_proto::link::QUEUE_LIMITS;
use duet_proto::queue::{Limits, Refused};
use tonic::Code;

use super::gateway::{Gateway, Transport, kind};
use super::*;

macro_rules! contract {
    ($($name:ident),* $(,)?) => {
        mod by_memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(super::Transport::Memory).await;
            })*
        }
        mod by_grpc {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(super::Transport::Grpc).await;
            })*
        }
    };
}

contract! {
    sessions_of_two_gateways_meet_and_what_they_send_arrives_in_order,
    a_gateway_that_goes_leaves_its_sessions_partners_disconnected,
    a_gateway_that_breaks_a_rule_is_cut_off_alone,
    a_gateway_that_reads_nothing_is_cut_off_alone,
    how_much_waits_for_a_gateway_is_a_setting,
    two_who_were_kept_apart_meet_by_themselves,
    a_newer_link_of_a_worker_ends_the_older,
    a_link_that_breaks_and_comes_back_resumes,
    a_gateway_that_comes_back_as_another_process_has_lost_its_sessions_at_once,
    a_session_that_lost_its_socket_goes_on_in_its_room_over_another_link,
    links_end_when_the_matchmaker_goes_away,
}

/// A grace that a test can wait for.
fn hasty() -> Config {
    Config { link_grace: Duration::from_millis(20), ..Config::default() }
}

/// A grace that no test waits for.
fn patient() -> Config {
    Config { link_grace: Duration::from_secs(3_600), ..Config::default() }
}

/// The announcement of a session of `met` that answers.
fn announced(number: u64, room: RoomId, partner: u64, received: u64) -> Up {
    let ticket = TicketNumber { attempt: 1, round: 0 };
    let join = Join { attempt: 1, wishes: wishes("default"), waited: Duration::ZERO };
    let partner = client(partner);
    let room = InRoom {
        ticket,
        room,
        partner,
        initiator: false,
        received,
        sent: 0,
        acknowledged: 0,
        partner_away: false,
        join,
    };
    Up::Attach(Box::new(Attach {
        client: client(number),
        identity: None,
        attempt: 1,
        doing: Doing::InRoom(room),
        resumable: None,
    }))
}

/// Two gateways with one session each, in a room: `b` offers.
async fn met(running: &Running, transport: Transport) -> (Gateway, Gateway) {
    let (a, b, _) = met_in(running, transport).await;
    (a, b)
}

/// As `met`, and tells the room.
async fn met_in(running: &Running, transport: Transport) -> (Gateway, Gateway, RoomId) {
    let mut a = Gateway::link(running, transport, hello("a")).await;
    let mut b = Gateway::link(running, transport, hello("b")).await;
    a.send(frame(1, attach(client(1))));
    a.send(frame(1, join(1)));
    assert_eq!(kinds(&a.take(1).await), ["waiting"]);
    b.send(frame(1, attach(client(2))));
    b.send(frame(1, join(1)));
    let (of_a, of_b) = (a.next().await.unwrap(), b.next().await.unwrap());
    let (Down::Matched(of_a), Down::Matched(of_b)) = (of_a.kind, of_b.kind) else { panic!("both are matched") };
    assert_eq!((of_a.room, of_a.partner, of_b.partner), (of_b.room, client(2), client(1)));
    assert_eq!((of_a.initiator, of_b.initiator), (false, true));
    (a, b, of_a.room)
}

async fn sessions_of_two_gateways_meet_and_what_they_send_arrives_in_order(transport: Transport) {
    let running = Running::start().await;
    let (mut a, mut b) = met(&running, transport).await;
    for seq in 1..=500 {
        a.send(frame(1, forward(1, seq, 700)));
        b.send(frame(1, forward(1, seq, 700)));
    }
    for gateway in [&mut a, &mut b] {
        for (index, frame) in gateway.take(500).await.into_iter().enumerate() {
            let Down::Forward(forward) = frame.kind else { panic!("only messages") };
            assert_eq!((forward.seq, forward.text.len()), (index as u64 + 1, 700));
        }
    }
}

async fn a_gateway_that_goes_leaves_its_sessions_partners_disconnected(transport: Transport) {
    let running = Running::start_with(hasty(), PortConfig::default()).await;
    let (a, mut b) = met(&running, transport).await;
    a.up.close();
    assert_eq!(a.end().await.map(|status| status.code()), None, "who ends a link gets no error");
    let left = b.next().await.unwrap().kind;
    let (ticket, reason) = (TicketNumber { attempt: 1, round: 0 }, PartnerLeftReason::Disconnected);
    assert_eq!(left, Down::PartnerLeft { ticket, reason, requeued: true });
    assert_eq!(kinds(&b.take(1).await), ["waiting"]);
}

async fn a_gateway_that_breaks_a_rule_is_cut_off_alone(transport: Transport) {
    let running = Running::start().await;
    let (a, mut b) = met(&running, transport).await;
    a.send(frame(9, join(1)));
    let end = a.end().await;
    match transport {
        Transport::Memory => assert!(end.is_none()),
        Transport::Grpc => assert_eq!(end.unwrap().code(), Code::InvalidArgument),
    }
    assert_eq!(kinds(&b.take(2).await), ["partner-left", "waiting"]);
}

async fn a_gateway_that_reads_nothing_is_cut_off_alone(transport: Transport) {
    let running = Running::start_with(hasty(), PortConfig::default()).await;
    let (a, mut b) = met(&running, transport).await;
    // More than what is kept for a slow gateway, and than what HTTP/2 takes in between.
    let mut seq = 0;
    while seq < 600 {
        match b.up.push(frame(1, forward(1, seq + 1, 60_000))) {
            Ok(()) => seq += 1,
            Err(Refused::Full) => tokio::task::yield_now().await,
            Err(Refused::Closed) => panic!("the one who reads is not cut off"),
        }
    }
    assert_eq!(kinds(&b.take(2).await), ["partner-left", "waiting"]);
    let (rest, end) = a.rest().await;
    match transport {
        Transport::Memory => assert!(end.is_none()),
        Transport::Grpc => {
            assert_eq!(end.unwrap().code(), Code::ResourceExhausted);
            assert!(rest < 100, "16 MiB of what nobody read are let go of, not kept for later: {rest}");
        }
    }
}

async fn how_much_waits_for_a_gateway_is_a_setting(transport: Transport) {
    let link_queue = Limits { bytes: 1024 * 1024, ..QUEUE_LIMITS };
    let running = Running::start_with(Config { link_queue, ..hasty() }, PortConfig::default()).await;
    let (a, mut b) = met(&running, transport).await;
    // A third of the default; more than this, and than what HTTP/2 takes in between.
    for seq in 1..=100 {
        while b.up.push(frame(1, forward(1, seq, 60_000))) == Err(Refused::Full) {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(kinds(&b.take(2).await), ["partner-left", "waiting"]);
    drop(a);
}

async fn two_who_were_kept_apart_meet_by_themselves(transport: Transport) {
    let config = Config { rematch_after: Duration::from_millis(20), ..Config::default() };
    let running = Running::start_with(config, PortConfig::default()).await;
    let (mut a, mut b) = met(&running, transport).await;
    a.send(frame(1, Up::Next { attempt: 2, wishes: wishes("default") }));
    assert_eq!(kinds(&a.take(2).await), ["waiting", "matched"]);
    assert_eq!(kinds(&b.take(3).await), ["partner-left", "waiting", "matched"]);
}

async fn a_newer_link_of_a_worker_ends_the_older(transport: Transport) {
    let running = Running::start().await;
    let (a, mut b) = met(&running, transport).await;
    let mut again = Gateway::link(&running, transport, hello("a")).await;
    let end = a.end().await;
    match transport {
        Transport::Memory => assert!(end.is_none()),
        Transport::Grpc => assert_eq!(end.unwrap().code(), Code::Aborted),
    }
    let idle = Attach { client: client(1), identity: None, attempt: 2, doing: Doing::Idle, resumable: None };
    again.send(frame(2, Up::Attach(Box::new(idle))));
    assert_eq!(kinds(&b.take(2).await), ["partner-left", "waiting"]);
    again.send(frame(2, join(3)));
    assert_eq!(kinds(&again.take(1).await), ["matched"]);
}

async fn a_link_that_breaks_and_comes_back_resumes(transport: Transport) {
    let running = Running::start_with(patient(), PortConfig::default()).await;
    let (mut a, mut b, room) = met_in(&running, transport).await;
    (1..=5).for_each(|seq| b.send(frame(1, forward(1, seq, 700))));
    // It has two of five when its connection is cut.
    a.take(2).await;
    drop(a);
    let mut again = Gateway::link(&running, transport, hello("a")).await;
    again.send(frame(1, announced(1, room, 2, 2)));
    b.send(frame(1, forward(1, 6, 700)));
    let ticket = TicketNumber { attempt: 1, round: 0 };
    assert_eq!(again.next().await.unwrap().kind, Down::Resume { ticket, received: 0, passed: 0 });
    assert_eq!(b.next().await.unwrap().kind, Down::Resume { ticket, received: 2, passed: 2 });
    (3..=6).for_each(|seq| b.send(frame(1, forward(1, seq, 700))));
    for expected in 3..=6 {
        let Down::Forward(forward) = again.next().await.unwrap().kind else { panic!("only messages") };
        assert_eq!(forward.seq, expected);
    }
}

async fn a_gateway_that_comes_back_as_another_process_has_lost_its_sessions_at_once(transport: Transport) {
    let running = Running::start_with(patient(), PortConfig::default()).await;
    let (a, mut b) = met(&running, transport).await;
    let reborn = GatewayHello { boot: BootId::from_random([4; 16]), ..hello("a") };
    let _again = Gateway::link(&running, transport, reborn).await;
    assert_eq!(kinds(&b.take(2).await), ["partner-left", "waiting"]);
    let end = a.end().await;
    match transport {
        Transport::Memory => assert!(end.is_none()),
        Transport::Grpc => assert_eq!(end.unwrap().code(), Code::Aborted),
    }
}

async fn a_session_that_lost_its_socket_goes_on_in_its_room_over_another_link(transport: Transport) {
    let running = Running::start().await;
    let mut a = Gateway::link(&running, transport, hello("a")).await;
    let mut b = Gateway::link(&running, transport, hello("b")).await;
    let mut c = Gateway::link(&running, transport, hello("c")).await;
    a.send(frame(1, attach_resumable(client(1), 1)));
    a.send(UpFrame { client_seq: 1, ..frame(1, join(1)) });
    assert_eq!(kinds(&a.take(1).await), ["waiting"]);
    b.send(frame(1, attach_resumable(client(2), 2)));
    b.send(frame(1, join(1)));
    let matched = a.next().await.unwrap();
    assert_eq!((kind(&matched), matched.seq, matched.taken), ("matched", 2, 1));
    assert_eq!(kinds(&b.take(1).await), ["matched"]);

    a.send(frame(1, Up::Detach));
    assert_eq!(kinds(&b.take(1).await), ["partner-away"]);
    b.send(frame(1, forward(1, 1, 700)));
    let sent = a.next().await.unwrap();
    assert_eq!((kind(&sent), sent.seq), ("forward", 3));
    c.send(frame(5, attach_resumable(client(3), 3)));
    c.send(frame(5, resume(1, 4, 2)));
    let answer = c.next().await.unwrap();
    let Down::SessionResumed(resumed) = answer.kind else { panic!("{answer:?}") };
    assert_eq!((answer.session, resumed.client), (SessionNumber(5), client(1)));
    assert_eq!((resumed.epoch, resumed.seq, resumed.taken), (1, 3, 1));
    assert_eq!(resumed.kept, [(3, sent.kind)]);
    let Doing::InRoom(place) = resumed.doing else { panic!("it is in its room") };
    assert_eq!((place.partner, place.received, place.sent), (client(2), 1, 0));
    assert_eq!(kinds(&c.take(1).await), ["resume"]);
    assert_eq!(kinds(&b.take(3).await), ["partner-back", "ack", "resume"]);

    c.send(frame(5, Up::Adopted));
    let reason = SessionEndedReason::ResumedElsewhere;
    assert_eq!(a.next().await.unwrap().kind, Down::SessionEnded { reason });
    c.send(UpFrame { client_seq: 2, ..frame(5, forward(1, 1, 700)) });
    assert_eq!(kinds(&b.take(1).await), ["forward"]);
    c.send(frame(5, Up::Settle { ack: 3 }));
    assert_eq!(c.next().await.unwrap().kind, Down::Settled { taken: 2 });
    b.send(frame(1, forward(1, 2, 700)));
    assert_eq!(c.next().await.unwrap().seq, 4);
}

async fn links_end_when_the_matchmaker_goes_away(transport: Transport) {
    let running = Running::start().await;
    let (a, b) = met(&running, transport).await;
    let replica = running.replica.clone();
    running.stop().await;
    for gateway in [a, b] {
        let end = gateway.end().await;
        match transport {
            Transport::Memory => assert!(end.is_none()),
            Transport::Grpc => assert_eq!(end.unwrap().code(), Code::Unavailable),
        }
    }
    let late = replica.connect(hello("late"));
    assert_eq!(late.up.push(frame(1, join(1))), Err(Refused::Closed));
}
