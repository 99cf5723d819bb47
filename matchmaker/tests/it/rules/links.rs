//! Links that end for good, and gateways that break rules.

use super::*;

#[test]
fn partners_of_a_dead_link_go_back_to_their_places_and_may_meet() {
    let world = script(
        "0 link 1 up
         0 link 2 up
         0 a attach 1
         0 b attach 2
         0 c attach 1
         0 d attach 2
         1 a join 1
         > a waiting 1.0 default at 1 0s
         2 b join 1
         > a matched 1.0 b r1 answers 1s
         > b matched 1.0 a r1 offers 0s
         3 d join 1
         > d waiting 1.0 default at 1 0s
         4 c join 1
         > d matched 1.0 c r2 answers 1s
         > c matched 1.0 d r2 offers 0s
         57 link 1 down
         deadline 60
         60 timeout
         > b left 1.0 disconnected requeued
         > d left 1.0 disconnected requeued
         > b waiting 1.1 default at 1 58s
         > b matched 1.1 d r3 answers 58s
         > d matched 1.1 b r3 offers 57s
         60 link 1 down",
    );
    assert_eq!((state(&world, 'a'), state(&world, 'c')), (None, None));
}

#[test]
fn sessions_of_a_dead_link_hear_nothing_and_meet_nobody() {
    script(
        "0 link 1 up
         0 link 2 up
         0 a attach 1
         0 b attach 1
         0 c attach 1
         0 d attach 2
         0 a join 1
         > a waiting 1.0 default at 1 0s
         0 b join 1
         > a matched 1.0 b r1 answers 0s
         > b matched 1.0 a r1 offers 0s
         0 c join 1
         > c waiting 1.0 default at 1 0s
         1 link 1 down
         1 d join 1
         > d waiting 1.0 default at 2 0s
         1 a leave 2
         4 timeout",
    );
}

#[test]
fn a_newer_link_of_the_same_worker_replaces_the_one_it_has_lost() {
    script(
        "0 link 1 up
         0 a attach 1
         0 a join 1
         > a waiting 1.0 default at 1 0s
         1 link 1 up
         > old replaced
         1 a attach 1 waiting 1 default 1
         > a waiting 1.0 default at 1 1s",
    );
}

#[test]
fn an_attempt_must_be_above_the_earlier_ones() {
    for input in ["a join 2", "a next 2", "a leave 1", "a report 1 r0"] {
        let world = script(&format!(
            "0 link 1 up
             0 a attach 1
             0 a leave 2
             0 {input}
             > 1 refused: an attempt is not above the session's earlier ones"
        ));
        assert_eq!(world.machine.stats(Time::ZERO).links, 0);
    }
}

#[test]
fn an_announced_attempt_counts_as_an_earlier_one() {
    script(
        "0 link 1 up
         0 a attach 1 room 7.2 r9 b offers 0 default 60
         0 a leave 7
         > 1 refused: an attempt is not above the session's earlier ones",
    );
    script(
        "0 link 1 up
         0 a attach 1 idle 7
         0 a leave 7
         > 1 refused: an attempt is not above the session's earlier ones",
    );
}

#[test]
fn only_attached_sessions_may_speak() {
    script(
        "0 link 1 up
         0 a attach 1
         0 a end
         0 a leave 2",
    );
    script(
        "0 link 1 up
         0 link 2 up
         0 a attach 1
         0 link 1 down
         0 link 1 up
         0 a leave 2
         > 1 refused: a frame named a session that is not attached",
    );
}

#[test]
fn nobody_attaches_twice() {
    script(
        "0 link 1 up
         0 link 2 up
         0 a attach 1
         0 a attach 2
         > 2 refused: two sessions have the same client id",
    );
    script(
        "0 link 1 up
         0 link 2 up
         0 a attach 1
         0 link 1 down
         0 a attach 2
         > 2 refused: two sessions have the same client id",
    );
}

#[test]
fn a_session_number_attaches_once() {
    use duet_proto::frame::{Attach, Doing, Up, UpFrame};
    use duet_proto::ids::{BootId, SessionNumber};
    let mut machine = duet_matchmaker::Matchmaker::new(crate::world::config(), [1; 32]);
    let boot = BootId::from_random([1; 16]);
    let hello = duet_proto::link::GatewayHello { gateway: "g".into(), boot, worker: 0 };
    let link = machine.link_up(hello, Time::ZERO);
    for client in ['a', 'b'] {
        let kind = Up::Attach(Box::new(Attach {
            client: client_id(client),
            identity: None,
            attempt: 0,
            doing: Doing::Idle,
            resumable: None,
        }));
        machine.handle_frame(link, UpFrame { session: SessionNumber(1), client_seq: 0, kind }, Time::ZERO);
    }
    let refused = duet_matchmaker::Output::LinkRefused { link, reason: "a session attached twice" };
    let outputs = std::iter::from_fn(|| machine.poll_output());
    let outputs: Vec<_> = outputs.filter(|output| !matches!(output, duet_matchmaker::Output::Event(_))).collect();
    assert_eq!(outputs, [refused]);
}

#[test]
fn an_absurd_announcement_is_taken_as_it_is() {
    script(
        "0 link 1 up
         0 a attach 1 room 4294967295.4294967295 r9 b offers 18446744073709551615 default 600000000000
         5 timeout
         > a left 4294967295.4294967295 disconnected requeued
         > a waiting 4294967295.4294967295 default at 1 600000000005s
         5 a end",
    );
}
