//! Pools that are shared with other replicas: what the engine is asked, and what comes of what it says. Here the test is the engine.

use duet_matchmaker::PromiseEnd;

use super::*;

fn shared(text: &str) -> World {
    script_with(Config { shares_pools: true, recent_partners: 32, ..crate::world::config() }, text)
}

const A_WAITS: &str = "0 link 1 up
     0 link 2 up
     0 a attach 1
     0 a join 1
     > engine: seek a 1.0 default 0s
     0 engine waits a 1.0 at 1
     > a waiting 1.0 default at 1 0s
";

#[test]
fn a_session_hears_that_it_waits_when_the_engine_has_found_nobody() {
    let world = shared(&format!(
        "{A_WAITS}
         1 engine waits a 1.0 at 7
         1 engine waits a 4.0 at 7"
    ));
    assert!(matches!(world.machine.session(client_id('a')).unwrap().state, SessionState::Waiting { .. }));
}

#[test]
fn two_of_one_replica_meet_as_the_engine_says() {
    shared(&format!(
        "{A_WAITS}
         0 b attach 2
         2 b join 3
         > engine: seek b 3.0 default 0s
         2 engine found b 3.0 a 1.0 1
         > engine: settle b a
         > a matched 1.0 b r1 answers 2s
         > b matched 3.0 a r1 offers 0s
         3 b next 4
         > a left 1.0 next requeued
         > engine: seek a 1.1 default 3s recent b
         > engine: seek b 4.0 default 0s apart a recent a"
    ));
}

/// B is at another replica, and its gateway's link here is 2.
const B_IS_SUMMONED: &str = "
         0 b elsewhere 2
         2 engine found a 1.0 b 5.2 2
         > b summons b 5.2
";

#[test]
fn a_waiter_of_another_replica_is_summoned_and_met_when_it_is_here() {
    let world = shared(&format!(
        "{A_WAITS}{B_IS_SUMMONED}
         3 b attach 2 waiting 5 default 9
         > engine: settle a b
         > b matched 5.0 a r1 answers 9s
         > a matched 1.0 b r1 offers 3s
         4 b next 6
         > a left 1.0 next requeued
         > engine: seek a 1.1 default 4s recent b
         > engine: seek b 6.0 default 0s apart a blocked x recent ya
         deadline 4.3"
    ));
    assert_eq!(world.machine.stats(at("4")).rooms, 0);
}

#[test]
fn a_waiter_that_stays_is_discarded_and_another_is_sought() {
    shared(&format!(
        "{A_WAITS}{B_IS_SUMMONED}
         3 link 2 stays b 5.2
         > engine: discard a b 5.2
         > engine: seek a 1.0 default 3s
         3 link 2 stays b 5.2
         3 engine waits a 1.0 at 1"
    ));
}

#[test]
fn a_waiter_that_does_not_come_in_time_is_passed_over_for_a_while() {
    shared(&format!(
        "{A_WAITS}{B_IS_SUMMONED}
         deadline 3.5
         3.5 timeout
         > engine: release a b
         > engine: seek a 1.0 default 3.5s apart b
         3.5 engine waits a 1.0 at 1
         4 b attach 2 waiting 5 default 9
         > engine: seek b 5.0 default 9s"
    ));
}

#[test]
fn a_waiter_whose_gateway_is_not_linked_here_is_released() {
    shared(&format!(
        "{A_WAITS}
         2 engine found a 1.0 b 5.2 3
         > engine: release a b
         > engine: seek a 1.0 default 2s apart b"
    ));
}

#[test]
fn who_leaves_lets_go_of_whom_it_was_promised() {
    shared(&format!(
        "{A_WAITS}{B_IS_SUMMONED}
         3 a leave 2
         > engine: release a b
         > engine: withdraw a 1.0
         3 b attach 2 waiting 5 default 9
         > engine: seek b 5.0 default 9s"
    ));
}

#[test]
fn an_answer_to_a_wish_that_is_over_claims_nobody() {
    shared(&format!(
        "{A_WAITS}
         1 a leave 2
         > engine: withdraw a 1.0
         1 engine found a 1.0 b 5.0 2
         > engine: release a b
         1 engine full a 1.0
         1 engine claimed a 1.0"
    ));
}

#[test]
fn who_was_found_here_but_waits_no_longer_is_discarded() {
    shared(&format!(
        "{A_WAITS}
         0 b attach 2
         2 engine found a 1.0 b 5.0 2
         > engine: discard a b 5.0
         > engine: seek a 1.0 default 2s"
    ));
}

#[test]
fn two_answers_promise_one_partner() {
    shared(&format!(
        "{A_WAITS}{B_IS_SUMMONED}
         2 engine found a 1.0 b 5.2 2
         2 engine found a 1.0 c 1.0 2
         > engine: release a c"
    ));
}

#[test]
fn a_session_that_departs_is_forgotten_without_a_word() {
    let world = shared(&format!(
        "{A_WAITS}
         1 link 2 departed a
         1 link 1 departed a
         > engine: withdraw a 1.0
         1 link 1 departed a"
    ));
    assert!(world.machine.session(client_id('a')).is_none());
    assert_eq!(world.machine.poll_timeout(), None);
}

#[test]
fn the_partner_of_one_that_departs_keeps_its_place() {
    shared(&format!(
        "{A_WAITS}
         0 b attach 2
         2 b join 3
         > engine: seek b 3.0 default 0s
         2 engine found b 3.0 a 1.0 1
         > engine: settle b a
         > a matched 1.0 b r1 answers 2s
         > b matched 3.0 a r1 offers 0s
         20 link 2 departed b
         > a left 1.0 disconnected requeued
         > engine: seek a 1.1 default 20s recent b"
    ));
}

#[test]
fn what_an_old_link_has_left_departs_over_the_next_one_of_the_same_worker() {
    let world = shared(&format!(
        "{A_WAITS}
         1 link 1 down
         > engine: withdraw a 1.0
         1 link 2 departed a
         2 link 1 up
         2 link 1 departed a"
    ));
    assert!(world.machine.session(client_id('a')).is_none());
}

#[test]
fn whoever_is_not_linked_is_not_with_the_engine_until_it_is_back() {
    shared(&format!(
        "{A_WAITS}
         1 link 1 down
         > engine: withdraw a 1.0
         1 link 1 up
         2 a attach 1 waiting 1 default 2
         > engine: seek a 1.0 default 2s
         2 engine waits a 1.0 at 1
         > a waiting 1.0 default at 1 2s"
    ));
}

#[test]
fn while_the_engine_says_nothing_who_waits_is_told_so() {
    shared(
        "0 link 1 up
         0 a attach 1
         0 a join 1
         > engine: seek a 1.0 default 0s
         deadline 0.3
         0.3 timeout
         > a waiting 1.0 default at 1 0.3s
         deadline none
         60 engine waits a 1.0 at 1",
    );
}

#[test]
fn an_engine_that_has_forgotten_everything_is_asked_for_all_who_wait_the_oldest_first() {
    shared(&format!(
        "{A_WAITS}
         0 b attach 2
         0 b join 1 default 5
         > engine: seek b 1.0 default 5s
         0 engine waits b 1.0 at 1
         > b waiting 1.0 default at 1 5s
         1 engine nothing
         > engine: seek b 1.0 default 6s
         > engine: seek a 1.0 default 1s"
    ));
}

#[test]
fn a_claimed_waiter_asks_again_after_a_while() {
    shared(&format!(
        "{A_WAITS}
         1 engine claimed a 1.0
         deadline 2
         2 timeout
         > engine: seek a 1.0 default 2s
         2 engine waits a 1.0 at 1
         deadline none"
    ));
}

#[test]
fn a_full_pool_refuses_who_comes_in_by_itself() {
    let world = shared(
        "0 link 1 up
         0 a attach 1
         0 a join 1
         > engine: seek a 1.0 default 0s
         1 engine full a 1.0
         > a refused 1.0: Full
         deadline none",
    );
    assert!(matches!(world.machine.session(client_id('a')).unwrap().state, SessionState::Idle));
}

#[test]
fn whoever_becomes_wide_is_told_so_when_the_engine_has_been_asked() {
    shared(
        "0 link 1 up
         0 a attach 1
         0 a join 1 default+chess
         > engine: seek a 1.0 default 0s choosy
         0 engine waits a 1.0 at 1
         > a waiting 1.0 default at 1 0s
         deadline 5
         5 timeout
         > engine: seek a 1.0 default 5s
         5 engine waits a 1.0 at 2
         > a waiting 1.0 default at 2 5s widened",
    );
}

#[test]
fn what_comes_of_partners_from_elsewhere_is_counted() {
    let kept = format!(
        "{A_WAITS}{B_IS_SUMMONED}
         3 b attach 2 waiting 5 default 9
         > engine: settle a b
         > b matched 5.0 a r1 answers 9s
         > a matched 1.0 b r1 offers 3s
         4 link 2 departed b
         > a left 1.0 disconnected requeued
         > engine: seek a 1.1 default 4s recent b"
    );
    let stayed = format!(
        "{A_WAITS}{B_IS_SUMMONED}
         3 link 2 stays b 5.2
         > engine: discard a b 5.2
         > engine: seek a 1.0 default 3s
         3 link 2 stays b 5.2"
    );
    let ran_out = format!(
        "{A_WAITS}{B_IS_SUMMONED}
         3.5 timeout
         > engine: release a b
         > engine: seek a 1.0 default 3.5s apart b
         4 link 2 stays b 5.2"
    );
    let dropped = format!(
        "{A_WAITS}{B_IS_SUMMONED}
         3 a leave 2
         > engine: release a b
         > engine: withdraw a 1.0"
    );
    for (script, ended, searches, moved) in [
        (kept, [1, 0, 0, 0], 2, (1, 1)),
        (stayed, [0, 1, 0, 0], 2, (0, 0)),
        (ran_out, [0, 0, 1, 0], 2, (0, 0)),
        (dropped, [0, 0, 0, 1], 1, (0, 0)),
    ] {
        let world = shared(&script);
        let tally = world.machine.tally().sharing();
        assert_eq!(PromiseEnd::ALL.map(|end| tally.promises(end)), ended, "{script}");
        assert_eq!((tally.summons(), tally.searches()), (1, searches), "{script}");
        assert_eq!((tally.arrived(), tally.departed()), moved, "{script}");
    }
}

#[test]
fn who_was_in_a_pool_may_come_back_to_it_however_full_it_is() {
    let config = Config { shares_pools: true, max_waiting_per_pool: 7, ..crate::world::config() };
    script_with(
        config,
        "0 link 1 up
         0 link 2 up
         0 a attach 1
         0 b attach 2
         0 a join 1
         > engine: seek a 1.0 default 0s if fewer than 7 wait
         0 engine waits a 1.0 at 1
         > a waiting 1.0 default at 1 0s
         1 b join 1
         > engine: seek b 1.0 default 0s if fewer than 7 wait
         1 engine found b 1.0 a 1.0 1
         > engine: settle b a
         > a matched 1.0 b r1 answers 1s
         > b matched 1.0 a r1 offers 0s
         2 a next 2
         > b left 1.0 next requeued
         > engine: seek b 1.1 default 1s
         > engine: seek a 2.0 default 0s apart b
         2 engine waits a 2.0 at 1
         > a waiting 2.0 default at 1 0s
         3 link 1 down
         > engine: withdraw a 2.0
         3 link 1 up
         3 a attach 1 waiting 2 default 1
         > engine: seek a 2.0 default 1s apart b",
    );
}
