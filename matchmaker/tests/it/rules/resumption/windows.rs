//! Sessions without a socket: what happens to them, and what their partners hear.

use super::*;

const A_WAITS: &str = "0 link 1 up
     0 link 2 up
     0 link 3 up
     0 a attach 1 token A
     0 b attach 2
     0 c attach 2
     0 a join 1
     > a waiting 1.0 default at 1 0s [1]
     1 a detach
     2 b join 1
     > b waiting 1.0 default at 2 0s
";

#[test]
fn a_partner_hears_once_that_a_session_is_away() {
    let world = script(&format!(
        "{A_AND_B_MET}
         6 a detach
         > b partner away 1.0 [2 taken 1]
         7 a detach
         deadline 21"
    ));
    let detached = |client| world.machine.session(client_id(client)).unwrap().detached;
    assert_eq!((detached('a'), detached('b')), (true, false));
}

#[test]
fn a_base_partner_hears_nothing_of_it() {
    script(&format!(
        "{A_MET_BASE_B}
         6 a detach
         deadline 21
         7 x attach 3 token X
         7 x resume A C 2
         > x is a, epoch 1: room 1.0 r1 b answers 0 default 7s sent 0, seq 2 taken 1 wants default
         > b resumes 1.0 after #0
         > x resumes 1.0 after #0
         deadline none"
    ));
}

#[test]
fn an_absent_waiter_is_passed_over_and_keeps_its_place() {
    script(&format!(
        "{A_WAITS}
         2 c join 1
         > b matched 1.0 c r1 answers 0s
         > c matched 1.0 b r1 offers 0s
         3 x attach 3 token X
         3 x resume A C 1
         > x is a, epoch 1: waiting 1.0 default 3s, seq 1 wants default
         4 d attach 2
         4 d join 1
         > x matched 1.0 d r2 answers 4s [2]
         > d matched 1.0 a r2 offers 0s"
    ));
}

#[test]
fn an_absent_waiter_that_is_back_gets_whom_it_was_passed_over_for() {
    script(&format!(
        "{A_WAITS}
         3 x attach 3 token X
         3 x resume A C 1
         > x is a, epoch 1: waiting 1.0 default 3s, seq 1 wants default
         > b matched 1.0 a r1 answers 1s
         > x matched 1.0 b r1 offers 3s [2]"
    ));
}

#[test]
fn an_absent_waiter_whose_window_passes_is_out_of_the_queue() {
    let world = script(&format!(
        "{A_WAITS}
         15.9 timeout
         16 timeout
         > a ended: Expired
         16 b next 2
         > b waiting 2.0 default at 1 14s
         16 a join 2
         16 a settle 1
         16 a detach
         16 a end
         16 d attach 3 token D
         16 x attach 3 token X
         16 x resume A C 0
         > x resumes nothing"
    ));
    assert_eq!(state(&world, 'a'), None);
}

#[test]
fn what_comes_for_a_session_without_a_socket_is_kept() {
    script(&format!(
        "{A_AND_B_MET}
         6 a detach
         > b partner away 1.0 [2 taken 1]
         6 b forward 1.0 1
         > a gets 1.0 #1 b1 [3 taken 1]
         6 link 1 down
         6 b forward 1.0 2
         7 x attach 3 token X
         7 x resume A C 2
         > x is a, epoch 1: room 1.0 r1 b answers 2 default 7s sent 0, seq 4 kept 3:b1 4:b2 taken 1 wants default
         > b partner back 1.0 [3 taken 1]
         > b acknowledged 1.0 #2
         > b resumes 1.0 after #2
         > x resumes 1.0 after #0
         7 b forward 1.0 3
         > x gets 1.0 #3 b3 [5 taken 1]"
    ));
}

/// As in any room that was left: the survivor of a short one keeps its place.
#[test]
fn a_partner_whose_window_passes_has_left() {
    script(
        "0 link 1 up
         0 link 2 up
         0 a attach 1 token A window 2
         0 b attach 2
         0 b join 1
         > b waiting 1.0 default at 1 0s
         5 a join 1
         > b matched 1.0 a r1 answers 5s
         > a matched 1.0 b r1 offers 0s [1]
         6 a detach
         7.9 timeout
         8 timeout
         > a ended: Expired
         > b left 1.0 disconnected requeued
         > b waiting 1.1 default at 1 8s
         deadline none",
    );
    script(&format!(
        "{A_AND_B_MET}
         6 a detach
         > b partner away 1.0 [2 taken 1]
         21 timeout
         > a ended: Expired
         > b left 1.0 disconnected requeued [3 taken 1]
         > b waiting 1.1 default at 1 0s [4 taken 1]"
    ));
}

#[test]
fn when_both_are_away_the_first_window_ends_the_room_and_the_other_waits_absent() {
    let both_away = format!(
        "{A_AND_B_MET}
         6 a detach
         > b partner away 1.0 [2 taken 1]
         7 b detach
         > a partner away 1.0 [3 taken 1]
         21 timeout
         > a ended: Expired
         > b left 1.0 disconnected requeued [3 taken 1]
         > b waiting 1.1 default at 1 0s [4 taken 1]
         deadline 22"
    );
    script(&format!(
        "{both_away}
         21.5 x attach 3 token X
         21.5 x join 1
         > x waiting 1.0 default at 2 0s [1]
         22 timeout
         > b ended: Expired
         deadline none"
    ));
    script(&format!(
        "{both_away}
         21.5 x attach 3 token X
         21.5 x resume B D 1
         > x is b, epoch 1: waiting 1.1 default 0.5s, seq 4 kept 2:away 3:left 4:waiting taken 1 wants default was in r1 0.5s ago
         deadline none"
    ));
    script(&format!(
        "{A_AND_B_MET}
         6 a detach
         > b partner away 1.0 [2 taken 1]
         6 b detach
         > a partner away 1.0 [3 taken 1]
         21 timeout
         > a ended: Expired
         > b ended: Expired
         deadline none"
    ));
}

#[test]
fn who_comes_back_to_an_absent_partner_hears_that_it_is_away() {
    script(&format!(
        "{A_AND_B_MET}
         6 a detach
         > b partner away 1.0 [2 taken 1]
         7 b detach
         > a partner away 1.0 [3 taken 1]
         8 x attach 3 token X
         8 x resume A C 3
         > x is a, epoch 1: room 1.0 r1 b answers 0 default 8s sent 0 away, seq 3 taken 1 wants default
         > b partner back 1.0 [3 taken 1]
         > b resumes 1.0 after #0
         > x resumes 1.0 after #0
         deadline 22
         9 y attach 3 token Y
         9 y resume B D 1
         > y is b, epoch 1: room 1.0 r1 a offers 0 default 4s sent 0, seq 3 kept 2:away 3:back taken 1 wants default
         > x partner back 1.0 [4 taken 1]
         > y resumes 1.0 after #0
         > x resumes 1.0 after #0"
    ));
}

#[test]
fn a_broken_room_sends_both_back_to_their_places() {
    script(&format!(
        "{A_AND_B_MET}
         60 a broken 1.1
         60 a broken 1.0
         > b left 1.0 disconnected requeued [2 taken 1]
         > a left 1.0 disconnected requeued [3 taken 1]
         > a waiting 1.1 default at 1 60s [4 taken 1]
         > a matched 1.1 b r2 answers 60s [5 taken 1]
         > b matched 1.1 a r2 offers 55s [3 taken 1]
         60 b broken 1.0"
    ));
    script_with(
        Config { requeue_on_partner_leave: false, ..crate::world::config() },
        &format!(
            "{A_AND_B_MET}
             60 b broken 1.0
             > a left 1.0 disconnected idle [3 taken 1]
             > b left 1.0 disconnected idle [2 taken 1]
             60 b broken 1.0"
        ),
    );
    script(
        "0 link 1 up
         1 a attach 1 room 7.2 r9 b offers 3 default 60 token A
         1 a broken 7.2
         > a left 7.2 disconnected requeued [1]
         > a waiting 7.3 default at 1 60s [2]
         deadline none",
    );
}
