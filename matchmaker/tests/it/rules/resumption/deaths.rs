//! Resumable sessions whose gateways die, or have no link for longer than the grace.

use super::*;

#[test]
fn after_the_grace_resumable_sessions_are_away_and_the_others_are_gone() {
    let world = script(&format!(
        "{A_AND_B_MET}
         5 c attach 1
         5 d attach 2
         5 c join 1 chess
         > c waiting 1.0 chess at 1 0s
         5 d join 1 chess
         > c matched 1.0 d r2 answers 0s
         > d matched 1.0 c r2 offers 0s
         6 link 1 down
         8.9 timeout
         9 timeout
         > b partner away 1.0 [2 taken 1]
         > d left 1.0 disconnected requeued
         > d waiting 1.1 chess at 1 4s
         deadline 21
         20 b forward 1.0 1
         21 timeout
         > b left 1.0 disconnected requeued [3 taken 1]
         > b waiting 1.1 default at 1 16s [4 taken 1]
         deadline none"
    ));
    assert_eq!((state(&world, 'a'), state(&world, 'c')), (None, None));
}

#[test]
fn a_session_whose_gateway_has_died_is_resumed_elsewhere() {
    for death in [
        "6 link 1 boot\n> old replaced",
        "6 link 1 down\n6.5 link 1 boot",
        "6 a leave 1\n> 1 refused: an attempt is not above the session's earlier ones",
    ] {
        script(&format!(
            "{A_AND_B_MET}
             {death}
             > b partner away 1.0 [2 taken 1]
             deadline 21
             7 b forward 1.0 1
             8 x attach 3 token X
             8 x resume A C 2
             > x is a, epoch 1: room 1.0 r1 b answers 1 default 8s sent 0, seq 3 kept 3:b1 taken 1 wants default
             > b partner back 1.0 [3 taken 1]
             > b acknowledged 1.0 #1
             > b resumes 1.0 after #1
             > x resumes 1.0 after #0
             8 x adopted
             deadline none"
        ));
    }
}

/// It had lost only its link, for longer than the grace, and the client has noticed nothing.
#[test]
fn a_gateway_that_is_back_after_the_grace_has_its_resumable_sessions_again() {
    script(&format!(
        "{A_AND_B_MET}
         6 link 1 down
         9 timeout
         > b partner away 1.0 [2 taken 1]
         10 b forward 1.0 1
         12 link 1 up
         12 a attach 1 room 1.0 r1 b answers 0 default 12 token A seq 2 client 1 taken 1
         > a gets 1.0 #1 b1 [3 taken 1]
         > b partner back 1.0 [3 taken 1]
         > b resumes 1.0 after #0, passed #1
         > a resumes 1.0 after #0
         deadline none"
    ));
}

#[test]
fn a_window_that_had_begun_is_not_begun_again_by_a_death() {
    script(&format!(
        "{A_AND_B_MET}
         6 a detach
         > b partner away 1.0 [2 taken 1]
         8 link 1 down
         11 timeout
         deadline 21"
    ));
    // One that is shorter than the grace ends with it.
    script(
        "0 link 1 up
         0 link 2 up
         0 a attach 1 token A window 1
         0 b attach 2 token B
         0 b join 1
         > b waiting 1.0 default at 1 0s [1]
         0 a join 1
         > b matched 1.0 a r1 answers 0s [2]
         > a matched 1.0 b r1 offers 0s [1]
         6 link 1 down
         9 timeout
         > b partner away 1.0 [3]
         deadline 9
         9 timeout
         > b left 1.0 disconnected requeued [4]
         > b waiting 1.1 default at 1 9s [5]
         deadline none",
    );
}

#[test]
fn a_resumable_session_outlives_a_base_partner_that_died_with_the_same_gateway() {
    script(
        "0 link 1 up
         0 link 3 up
         0 a attach 1 token A
         0 b attach 1
         0 a join 1
         > a waiting 1.0 default at 1 0s [1]
         0 b join 1
         > a matched 1.0 b r1 answers 0s [2]
         > b matched 1.0 a r1 offers 0s
         60 link 1 boot
         > old replaced
         deadline 75
         61 x attach 3 token X
         61 x resume A C 2
         > x is a, epoch 1: waiting 1.1 default 61s, seq 4 kept 3:left 4:waiting wants default was in r1 1s ago",
    );
}

#[test]
fn both_of_a_room_outlive_their_gateway() {
    script(
        "0 link 1 up
         0 link 3 up
         0 a attach 1 token A
         0 b attach 1 token B
         0 a join 1
         > a waiting 1.0 default at 1 0s [1]
         0 b join 1
         > a matched 1.0 b r1 answers 0s [2]
         > b matched 1.0 a r1 offers 0s [1]
         60 link 1 down
         63 timeout
         deadline 75
         70 x attach 3 token X
         70 x resume A C 2
         > x is a, epoch 1: room 1.0 r1 b answers 0 default 70s sent 0 away, seq 3 kept 3:away wants default
         > x resumes 1.0 after #0
         75 timeout
         > x left 1.0 disconnected requeued [4]
         > x waiting 1.1 default at 1 75s [5]
         deadline none",
    );
}
