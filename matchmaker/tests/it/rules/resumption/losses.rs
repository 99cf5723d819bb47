//! Resumable sessions whose links break and come back.

use super::*;

#[test]
fn what_a_gateway_has_missed_is_sent_again_as_it_was() {
    script(&format!(
        "{A_AND_B_MET}
         6 b forward 1.0 1 #2
         > a gets 1.0 #1 b1 [3 taken 1]
         6 link 1 down
         6 b forward 1.0 2 #3
         8 link 1 up
         8 a attach 1 room 1.0 r1 b answers 0 default 8 token A seq 2 kept w,m client 1 taken 1
         > a gets 1.0 #1 b1 [3 taken 1]
         > a gets 1.0 #2 b2 [4 taken 1]
         > b resumes 1.0 after #0, passed #2
         > a resumes 1.0 after #0
         deadline none
         8 b forward 1.0 3 #4
         > a gets 1.0 #3 b3 [5 taken 1]"
    ));
    // A match, as it was told.
    script(&format!(
        "{A_AND_B_MET}
         6 link 1 down
         8 link 1 up
         8 a attach 1 waiting 1 default 8 token A seq 1 client 1 taken 1
         > a matched 1.0 b r1 answers 5s [2 taken 1]
         > b resumes 1.0 after #0
         > a resumes 1.0 after #0"
    ));
    // A room's end, and what came then.
    script(&format!(
        "{A_AND_B_MET}
         6 link 1 down
         6 b leave 2
         6 c attach 2
         6 c join 1
         > c waiting 1.0 default at 2 0s
         8 link 1 up
         8 a attach 1 room 1.0 r1 b answers 0 default 8 token A seq 2
         > a left 1.0 left requeued [3 taken 1]
         > a waiting 1.1 default at 1 6s [4 taken 1]
         > c matched 1.0 a r2 answers 2s
         > a matched 1.1 c r2 offers 8s [5 taken 1]"
    ));
}

#[test]
fn who_has_missed_nothing_is_told_nothing_again() {
    script(
        "0 link 1 up
         0 a attach 1 token A
         0 a join 1
         > a waiting 1.0 default at 1 0s [1]
         1 link 1 down
         2 link 1 up
         2 a attach 1 waiting 1 default 2 token A seq 1 kept w
         deadline none
         2 x attach 1 token X
         2 x resume A C 0
         > x is a, epoch 1: waiting 1.0 default 2s, seq 1 kept 1:waiting wants default",
    );
    script_with(
        Config { requeue_on_partner_leave: false, ..crate::world::config() },
        &format!(
            "{A_AND_B_MET}
             6 b leave 2
             > a left 1.0 left idle [3 taken 1]
             6 link 1 down
             7 link 1 up
             7 a attach 1 idle 1 token A seq 3"
        ),
    );
}

#[test]
fn what_the_client_has_is_let_go_of_and_its_tokens_are_as_announced() {
    script(
        "0 link 1 up
         0 a attach 1 token B earlier A epoch 1
         0 a join 1
         > a waiting 1.0 default at 1 0s [1]
         6 link 1 down
         6 link 1 up
         6 a attach 1 waiting 1 default 6 token B seq 1 epoch 1
         6 x attach 1 token X
         6 x resume A C 1
         > x resumes nothing
         6 x resume B C 0
         > x resumes nothing
         6 x resume B C 1
         > x is a, epoch 2: waiting 1.0 default 6s, seq 1 wants default",
    );
}

#[test]
fn a_wish_that_was_lost_on_the_way_is_taken_with_the_announcement() {
    script(&format!(
        "{A_AND_B_MET}
         6 link 1 down
         7 link 1 up
         7 a attach 1 waiting 2 chess 0 token A seq 2 client 4 taken 1
         > b left 1.0 left requeued [2 taken 1]
         > b waiting 1.1 default at 1 2s [3 taken 1]
         > a waiting 2.0 chess at 1 0s [3 taken 4]
         7 a settle 3
         > a taken #4"
    ));
    script(&format!(
        "{A_AND_B_MET}
         6 link 1 down
         7 link 1 up
         7 a attach 1 idle 2 token A seq 2 client 4 taken 1
         > b left 1.0 left requeued [2 taken 1]
         > b waiting 1.1 default at 1 2s [3 taken 1]
         7 a settle 2
         > a taken #4"
    ));
}

#[test]
fn messages_that_were_lost_on_the_way_are_taken_once_they_are_repeated() {
    script(&format!(
        "{A_AND_B_MET}
         6 link 1 down
         7 link 1 up
         7 a attach 1 room 1.0 r1 b answers 0 default 7 token A seq 2 client 3 taken 1 sent 2
         > b resumes 1.0 after #0
         > a resumes 1.0 after #0
         7 a settle 2
         7 a forward 1.0 1 #2
         > b gets 1.0 #1 a1 [2 taken 1]
         7 a settle 2
         > a taken #2
         7 a forward 1.0 2 #3
         > b gets 1.0 #2 a2 [3 taken 1]
         7 a settle 2
         > a taken #3"
    ));
}

#[test]
fn what_needs_no_repeating_is_taken_with_the_announcement() {
    script(
        "0 link 1 up
         0 a attach 1 token A
         0 a join 1 #1
         > a waiting 1.0 default at 1 0s [1 taken 1]
         6 link 1 down
         7 link 1 up
         7 a attach 1 waiting 1 default 7 token A seq 1 client 3 taken 1
         7 a settle 1
         > a taken #3
         8 link 1 down
         8 link 1 up
         8 a attach 1 waiting 1 default 8 token A seq 1 client 3 taken 1
         8 a settle 1
         > a taken #3",
    );
    script(&format!(
        "{A_AND_B_MET}
         6 link 1 down
         7 link 1 up
         7 a attach 1 room 1.0 r1 b answers 0 default 7 token A seq 2 client 3 taken 1 sent 1
         > b resumes 1.0 after #0
         > a resumes 1.0 after #0
         7 a settle 2
         7 a forward 1.0 1 #2
         > b gets 1.0 #1 a1 [2 taken 1]
         7 a settle 2
         > a taken #3"
    ));
}

#[test]
fn a_gateway_can_not_have_what_was_never_sent() {
    script(&format!(
        "{A_AND_B_MET}
         6 link 1 down
         7 link 1 up
         7 a attach 1 room 1.0 r1 b answers 0 default 7 token A seq 3
         > 1 refused: a gateway has frames that were never sent
         > b partner away 1.0 [2 taken 1]"
    ));
}

#[test]
fn a_connection_that_broke_while_there_was_no_link_is_announced() {
    script(&format!(
        "{A_AND_B_MET}
         6 link 1 down
         7 link 1 up
         7 a attach 1 room 1.0 r1 b answers 0 default 7 token A seq 2 left 14.5
         > b partner away 1.0 [2 taken 1]
         > b resumes 1.0 after #0
         > a resumes 1.0 after #0
         deadline 21.5
         8 link 1 down
         9 link 1 up
         9 a attach 1 room 1.0 r1 b answers 0 default 9 token A seq 2 left 1
         > b resumes 1.0 after #0
         > a resumes 1.0 after #0
         deadline 21.5
         10 link 1 down
         10 link 1 up
         10 a attach 1 room 1.0 r1 b answers 0 default 10 token A seq 2
         > b partner back 1.0 [3 taken 1]
         > b resumes 1.0 after #0
         > a resumes 1.0 after #0
         deadline none"
    ));
}
