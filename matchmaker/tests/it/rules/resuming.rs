//! Links that break and come back: who keeps what, and what is told again.

use super::*;

/// The room is made at 5.
const A_AND_B_MET: &str = "0 link 1 up
     0 link 2 up
     0 a attach 1
     0 b attach 2
     0 a join 1
     > a waiting 1.0 default at 1 0s
     5 b join 1
     > a matched 1.0 b r1 answers 5s
     > b matched 1.0 a r1 offers 0s
";

const A_WAITS: &str = "0 link 1 up
     0 link 2 up
     0 a attach 1
     0 b attach 2
     0 c attach 2
     0 a join 1
     > a waiting 1.0 default at 1 0s
";

#[test]
fn an_unlinked_waiter_is_passed_over_and_keeps_its_place() {
    let world = script(&format!(
        "{A_WAITS}
         1 link 1 down
         deadline 4
         2 b join 1
         > b waiting 1.0 default at 2 0s
         2 c join 1
         > b matched 1.0 c r1 answers 0s
         > c matched 1.0 b r1 offers 0s
         3 link 1 up
         3 a attach 1 waiting 1 default 3
         > a waiting 1.0 default at 1 3s
         deadline none"
    ));
    assert_eq!(world.machine.stats(at("3")).links, 2);
    let world = script(&format!("{A_WAITS}\n1 link 1 down"));
    let stats = world.machine.stats(at("1"));
    assert_eq!((stats.links, stats.sessions, stats.waiting), (1, 3, 1));
}

#[test]
fn a_waiter_that_is_back_gets_whom_it_was_passed_over_for() {
    script(&format!(
        "{A_WAITS}
         1 link 1 down
         2 b join 1
         > b waiting 1.0 default at 2 0s
         3 link 1 up
         3 a attach 1 waiting 1 default 3
         > b matched 1.0 a r1 answers 1s
         > a matched 1.0 b r1 offers 3s"
    ));
}

#[test]
fn at_the_end_of_the_grace_who_was_not_attached_anew_is_gone() {
    let world = script(&format!(
        "{A_AND_B_MET}
         6 c attach 1
         7 link 1 down
         8 link 1 up
         8 c attach 1
         10 timeout
         > b left 1.0 disconnected requeued
         > b waiting 1.1 default at 1 5s
         10 c leave 1"
    ));
    assert_eq!(state(&world, 'a'), None);
    assert_eq!(state(&world, 'c'), Some(SessionState::Idle));
}

#[test]
fn whoever_is_left_over_while_unlinked_is_not_matched_until_it_is_back() {
    script(&format!(
        "{A_AND_B_MET}
         6 link 1 down
         7 link 2 down
         8 link 3 up
         8 c attach 3
         8 c join 1
         > c waiting 1.0 default at 1 0s
         9 timeout
         9.5 link 2 up
         9.5 b attach 2 room 1.0 r1 a offers 0 default 4.5
         > b left 1.0 disconnected requeued
         > c matched 1.0 b r2 answers 1.5s
         > b matched 1.1 c r2 offers 4.5s"
    ));
}

#[test]
fn another_boot_of_the_worker_ends_the_earlier_ones_at_once() {
    for before in ["", "6 link 1 down"] {
        let replaced = if before.is_empty() { "> old replaced" } else { "" };
        let world = script(&format!(
            "{A_AND_B_MET}
             {before}
             6 link 1 boot
             {replaced}
             > b left 1.0 disconnected requeued
             > b waiting 1.1 default at 1 1s
             deadline none"
        ));
        assert_eq!(state(&world, 'a'), None);
    }
}

#[test]
fn a_gateway_that_breaks_a_rule_has_no_grace() {
    script(&format!(
        "{A_AND_B_MET}
         6 a leave 1
         > 1 refused: an attempt is not above the session's earlier ones
         > b left 1.0 disconnected requeued
         > b waiting 1.1 default at 1 1s
         deadline none"
    ));
}

#[test]
fn a_session_may_change_its_link_twice_within_the_grace() {
    script(&format!(
        "{A_AND_B_MET}
         6 link 1 down
         7 link 1 up
         7 link 1 up
         > old replaced
         8 a attach 1 room 1.0 r1 b answers 0 default 8
         > b resumes 1.0 after #0
         > a resumes 1.0 after #0
         deadline none
         9 link 1 down
         11 link 1 up
         11 a attach 1 room 1.0 r1 b answers 0 default 11
         > b resumes 1.0 after #0
         > a resumes 1.0 after #0
         12 timeout
         12 a leave 2
         > b left 1.0 left requeued
         > b waiting 1.1 default at 1 7s"
    ));
}

#[test]
fn each_side_hears_what_the_other_has_and_repeats_the_rest_in_order() {
    // `a` stays linked; what it sends while `b` is away, or before it has heard of the resume, is repeated.
    let world = script(&format!(
        "{A_AND_B_MET}
         6 a forward 1.0 1
         > b gets 1.0 #1 a1
         6 a forward 1.0 2
         > b gets 1.0 #2 a2
         6 b forward 1.0 1
         > a gets 1.0 #1 b1
         6 link 2 down
         6 a forward 1.0 3
         6 a forward 1.0 4
         7 link 2 up
         7 b attach 2 room 1.0 r1 a offers 1 default 2
         > b resumes 1.0 after #0, passed #1
         > a resumes 1.0 after #1
         7 b forward 1.0 1
         7 a forward 1.0 5
         7 a forward 1.0 2
         > b gets 1.0 #2 a2
         7 a forward 1.0 3
         > b gets 1.0 #3 a3
         7 a forward 1.0 4
         > b gets 1.0 #4 a4
         7 a forward 1.0 5
         > b gets 1.0 #5 a5
         7 b forward 1.0 2
         > a gets 1.0 #2 b2
         7 a forward 1.0 7
         > 1 refused: forwarded messages have a gap
         > b left 1.0 disconnected requeued
         > b waiting 1.1 default at 1 2s"
    ));
    assert_eq!(world.machine.stats(at("7")).forwarded, 8, "what comes while one is away is not passed");
}

#[test]
fn what_was_acknowledged_or_never_sent_is_not_repeated_and_what_is_under_way_is() {
    script(&format!(
        "{A_AND_B_MET}
         6 a forward 1.0 1
         > b gets 1.0 #1 a1
         6 b ack 1.0 1
         > a acknowledged 1.0 #1
         6 link 2 down
         7 link 2 up
         7 b attach 2 room 1.0 r1 a offers 0 default 2
         > b resumes 1.0 after #0
         > a resumes 1.0 after #1
         8 link 2 down
         8 link 2 up
         8 b attach 2 room 1.0 r1 a offers 7 default 3
         > b resumes 1.0 after #0
         > a resumes 1.0 after #1"
    ));
}

#[test]
fn a_room_resumes_once_both_are_back() {
    script(&format!(
        "{A_AND_B_MET}
         6 a forward 1.0 1
         > b gets 1.0 #1 a1
         6 b forward 1.0 1
         > a gets 1.0 #1 b1
         6 link 1 down
         6 link 2 down
         7 link 1 up
         7 a attach 1 room 1.0 r1 b answers 0 default 7
         7 link 2 up
         7 b attach 2 room 1.0 r1 a offers 1 default 2
         > b resumes 1.0 after #0
         > a resumes 1.0 after #1"
    ));
}

#[test]
fn a_lost_match_is_told_again() {
    script(&format!(
        "{A_AND_B_MET}
         6 link 1 down
         7 link 1 up
         7 a attach 1 waiting 1 default 7
         > a matched 1.0 b r1 answers 7s
         > b resumes 1.0 after #0
         > a resumes 1.0 after #0"
    ));
}

#[test]
fn a_room_that_ended_meanwhile_is_told_with_its_reason_and_what_follows() {
    script(&format!(
        "{A_AND_B_MET}
         6 link 1 down
         6 b next 2
         > b waiting 2.0 default at 2 0s
         7 link 1 up
         7 a attach 1 room 1.0 r1 b answers 0 default 7
         > a left 1.0 next requeued
         > a waiting 1.1 default at 1 7s
         9 timeout
         > a matched 1.1 b r2 answers 9s
         > b matched 2.0 a r2 offers 3s"
    ));
    // The match that followed was lost, too.
    script(&format!(
        "{A_AND_B_MET}
         6 b leave 2
         > a left 1.0 left requeued
         > a waiting 1.1 default at 1 6s
         6 b join 3
         > a matched 1.1 b r2 answers 6s
         > b matched 3.0 a r2 offers 0s
         6 link 1 down
         7 link 1 up
         7 a attach 1 room 1.0 r1 b answers 0 default 7
         > a left 1.0 left requeued
         > a matched 1.1 b r2 answers 7s
         > b resumes 3.0 after #0
         > a resumes 1.1 after #0"
    ));
    script_with(
        Config { requeue_on_partner_leave: false, ..crate::world::config() },
        &format!(
            "{A_AND_B_MET}
             6 link 1 down
             6 b leave 2
             7 link 1 up
             7 a attach 1 room 1.0 r1 b answers 0 default 7
             > a left 1.0 left idle"
        ),
    );
}

#[test]
fn a_waiter_that_missed_a_whole_room_goes_back_to_its_place() {
    script_with(
        Config { requeue_on_partner_leave: false, ..crate::world::config() },
        &format!(
            "{A_AND_B_MET}
             6 link 1 down
             6 b leave 2
             7 link 1 up
             7 a attach 1 waiting 1 default 6.5
             > a waiting 1.1 default at 1 7s"
        ),
    );
}

#[test]
fn an_attempt_that_was_lost_on_the_way_counts() {
    script(&format!(
        "{A_AND_B_MET}
         6 link 1 down
         7 link 1 up
         7 a attach 1 idle 2
         > b left 1.0 left requeued
         > b waiting 1.1 default at 1 2s
         7 a leave 2
         > 1 refused: an attempt is not above the session's earlier ones"
    ));
    script(&format!(
        "{A_AND_B_MET}
         16 link 1 down
         17 link 1 up
         17 a attach 1 waiting 2 chess 1
         > b left 1.0 left requeued
         > a waiting 2.0 chess at 1 1s
         > b waiting 1.1 default at 1 0s"
    ));
    script(&format!(
        "{A_WAITS}
         1 link 1 down
         2 link 1 up
         2 a attach 1 waiting 2 chess 0
         > a waiting 2.0 chess at 1 2s"
    ));
    script(&format!(
        "{A_AND_B_MET}
         6 link 1 down
         7 link 1 up
         7 a attach 1 room 2.0 r9 c answers 0 default 7
         > b left 1.0 left requeued
         > b waiting 1.1 default at 1 2s
         > a left 2.0 disconnected requeued
         > b matched 1.1 a r2 answers 2s
         > a matched 2.1 b r2 offers 7s"
    ));
}

#[test]
fn an_attempt_below_the_known_one_breaks_a_rule() {
    script(
        "0 link 1 up
         0 a attach 1
         0 a leave 2
         0 link 1 down
         0 link 1 up
         0 a attach 1 idle 1
         > 1 refused: an announced attempt is below one of the session's earlier ones",
    );
}

#[test]
fn doing_nothing_any_more_is_leaving() {
    script(&format!(
        "{A_AND_B_MET}
         6 link 1 down
         7 link 1 up
         7 a attach 1 idle 1
         > b left 1.0 left requeued
         > b waiting 1.1 default at 1 2s
         8 link 1 down
         8 link 1 up
         8 a attach 1 idle 1"
    ));
    let world = script(&format!("{A_WAITS}\n1 link 1 down\n2 link 1 up\n2 a attach 1 idle 1"));
    assert_eq!(state(&world, 'a'), Some(SessionState::Idle));
}

#[test]
fn a_declined_match_ends_and_the_partner_keeps_its_place_however_long_that_took() {
    let world = script(&format!(
        "{A_AND_B_MET}
         20 b decline 1.1
         20 b decline 1.0
         > a left 1.0 left requeued
         > a waiting 1.1 default at 1 20s
         20 b decline 1.0
         20 a decline 1.1"
    ));
    assert_eq!(state(&world, 'b'), Some(SessionState::Idle));
    assert!(matches!(state(&world, 'a'), Some(SessionState::Waiting { .. })));
}
