//! How rooms end, and where those who are left over go.

use super::*;

const A_AND_B_MET_AT_5: &str = "0 link 1 up
     0 link 2 up
     0 a attach 1
     0 b attach 2
     0 c attach 1
     0 d attach 2
     0 a join 1
     > a waiting 1.0 default at 1 0s
     5 b join 1
     > a matched 1.0 b r1 answers 5s
     > b matched 1.0 a r1 offers 0s
";

#[test]
fn after_a_short_room_the_one_left_over_keeps_its_place() {
    script(&format!(
        "{A_AND_B_MET_AT_5}
         14.9 b leave 2
         > a left 1.0 left requeued
         > a waiting 1.1 default at 1 14.9s"
    ));
}

#[test]
fn after_a_longer_room_its_place_is_of_the_rooms_end() {
    script(&format!(
        "{A_AND_B_MET_AT_5}
         15 b leave 2
         > a left 1.0 left requeued
         > a waiting 1.1 default at 1 0s"
    ));
}

#[test]
fn next_puts_back_the_one_left_first_and_then_the_one_who_asked() {
    script(&format!(
        "{A_AND_B_MET_AT_5}
         20 a next 2
         > b left 1.0 next requeued
         > b waiting 1.1 default at 1 0s
         > a waiting 2.0 default at 2 0s
         21 c join 1
         > b matched 1.1 c r2 answers 1s
         > c matched 1.0 b r2 offers 0s
         21 d join 1
         > a matched 2.0 d r3 answers 1s
         > d matched 1.0 a r3 offers 0s"
    ));
}

#[test]
fn the_one_left_over_may_be_matched_at_once() {
    script(&format!(
        "{A_AND_B_MET_AT_5}
         6 c join 1
         > c waiting 1.0 default at 1 0s
         7 a next 2
         > b left 1.0 next requeued
         > c matched 1.0 b r2 answers 1s
         > b matched 1.1 c r2 offers 2s
         > a waiting 2.0 default at 1 0s"
    ));
}

#[test]
fn without_requeueing_the_one_left_over_rests() {
    let config = Config { requeue_on_partner_leave: false, ..crate::world::config() };
    let world = script_with(
        config,
        &format!(
            "{A_AND_B_MET_AT_5}
             6 a next 2
             > b left 1.0 next idle
             > a waiting 2.0 default at 1 0s
             9 timeout"
        ),
    );
    assert_eq!(state(&world, 'b'), Some(SessionState::Idle));
}

#[test]
fn a_session_that_ends_leaves_its_partner_disconnected() {
    let world = script(&format!(
        "{A_AND_B_MET_AT_5}
         6 a end
         > b left 1.0 disconnected requeued
         > b waiting 1.1 default at 1 1s"
    ));
    assert_eq!(state(&world, 'a'), None);
}

#[test]
fn a_session_that_ends_in_the_queue_is_out_of_it() {
    script(
        "0 link 1 up
         0 a attach 1
         0 b attach 1
         0 a join 1
         > a waiting 1.0 default at 1 0s
         0 a end
         0 b join 1
         > b waiting 1.0 default at 1 0s",
    );
}

#[test]
fn a_report_in_the_room_ends_it_like_leave() {
    script(&format!(
        "{A_AND_B_MET_AT_5}
         6 a report 2 r1
         > b left 1.0 left requeued
         > b waiting 1.1 default at 1 1s
         > a reports b of r1 for spam"
    ));
}

#[test]
fn a_report_within_a_minute_of_parting_names_the_last_partner_and_changes_nothing() {
    script(&format!(
        "{A_AND_B_MET_AT_5}
         6 b leave 2
         > a left 1.0 left requeued
         > a waiting 1.1 default at 1 6s
         66 a report 1 r1
         > a reports b of r1 for spam
         66 b report 2 r1
         > b reports a of r1 for spam
         66.1 a report 1 r1
         66.1 a report 1 r0
         67 c join 1
         > a matched 1.1 c r2 answers 67s
         > c matched 1.0 a r2 offers 0s
         67 a report 1 r1"
    ));
}

#[test]
fn a_report_that_crossed_with_the_rooms_end_still_leaves() {
    let world = script(&format!(
        "{A_AND_B_MET_AT_5}
         6 b leave 2
         > a left 1.0 left requeued
         > a waiting 1.1 default at 1 6s
         6 a report 2 r1
         > a reports b of r1 for spam"
    ));
    assert_eq!(state(&world, 'a'), Some(SessionState::Idle));
}

#[test]
fn a_report_on_a_room_that_lasts_needs_a_new_attempt() {
    script(&format!(
        "{A_AND_B_MET_AT_5}
         6 a report 1 r1
         > 1 refused: an attempt is not above the session's earlier ones
         > b left 1.0 disconnected requeued
         > b waiting 1.1 default at 1 1s"
    ));
}
