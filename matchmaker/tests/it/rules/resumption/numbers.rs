//! The numbers of frames for a client, and how far its own messages are taken.

use super::*;

#[test]
fn what_tells_of_a_sessions_fate_is_numbered_and_the_rest_is_not() {
    script(&format!(
        "{A_AND_B_MET}
         6 b forward 1.0 1
         > a gets 1.0 #1 b1 [3 taken 1]
         6 a ack 1.0 1
         > b acknowledged 1.0 #1
         6 a detach
         > b partner away 1.0 [2 taken 1]
         6 x attach 3 token X
         6 x resume A C 3
         > x is a, epoch 1: room 1.0 r1 b answers 1 default 6s sent 0, seq 3 taken 1 wants default
         > b partner back 1.0 [3 taken 1]
         > b resumes 1.0 after #1
         > x resumes 1.0 after #0
         7 b leave 2
         > x left 1.0 left requeued [4 taken 1]
         > x waiting 1.1 default at 1 7s [5 taken 1]"
    ));
}

#[test]
fn a_wish_is_taken_before_what_comes_of_it_whatever_waits_to_be_repeated() {
    let b_is_away = format!(
        "{A_MET_BASE_B}
         6 link 2 down
         6 a forward 1.0 1 #2"
    );
    script(&format!(
        "{b_is_away}
         6 a settle 2
         > a taken #1
         6 a next 2 #3
         > a waiting 2.0 default at 2 0s [3 taken 3]
         6 a settle 3
         > a taken #3"
    ));
    script(&format!(
        "{b_is_away}
         6 a join 2 chess #3
         > a waiting 2.0 chess at 1 6s [3 taken 3]"
    ));
    for wish in ["leave 2", "report 2 r0", "report 2 r1"] {
        let reported = if wish.ends_with("r1") { "> a reports b of r1 for spam" } else { "" };
        script(&format!(
            "{b_is_away}
             6 a {wish} #3
             {reported}
             6 a settle 2
             > a taken #3"
        ));
    }
}

#[test]
fn a_message_is_taken_once_it_has_been_passed_on() {
    script(&format!(
        "{A_MET_BASE_B}
         6 a forward 1.0 1 #2
         > b gets 1.0 #1 a1
         6 link 2 down
         6 a forward 1.0 2 #3
         6 a forward 1.0 3 #4
         6 a identify ada #5
         6 a settle 2
         > a taken #2
         7 link 2 up
         7 b attach 2 room 1.0 r1 a offers 1 default 2
         > b resumes 1.0 after #0
         > a resumes 1.0 after #1
         7 a forward 1.0 4 #6
         7 a settle 2
         7 a forward 1.0 1 #2
         7 a forward 1.0 2 #3
         > b gets 1.0 #2 a2
         7 a settle 2
         > a taken #3
         7 a forward 1.0 3 #4
         > b gets 1.0 #3 a3
         7 a settle 2
         > a taken #4
         7 a forward 1.0 4 #6
         > b gets 1.0 #4 a4
         7 a settle 2
         > a taken #6
         7 a forward 1.0 4 #7
         7 a settle 2
         > a taken #7"
    ));
}

#[test]
fn a_message_that_need_not_have_been_repeated_is_taken_alone() {
    script(
        "0 link 1 up
         0 link 2 up
         1 a attach 1 room 7.2 r9 b offers 0 default 60 token A seq 2 client 3 taken 1 sent 2
         1 b attach 2 room 4.0 r9 a answers 1 default 50
         > a resumes 7.2 after #1
         > b resumes 4.0 after #0
         2 a forward 7.2 1 #2
         2 a settle 2
         > a taken #2
         2 a forward 7.2 2 #3
         > b gets 4.0 #2 a2
         2 a settle 2
         > a taken #3",
    );
}

#[test]
fn what_needs_no_repeating_is_taken_once_nothing_before_it_does() {
    script(&format!(
        "{A_MET_BASE_B}
         6 link 2 down
         6 a forward 1.0 1 #2
         6 a ack 1.0 0 #3
         6 a settle 2
         > a taken #1
         7 link 2 up
         7 b attach 2 room 1.0 r1 a offers 0 default 2
         > b resumes 1.0 after #0
         > a resumes 1.0 after #0
         7 a forward 1.0 1 #2
         > b gets 1.0 #1 a1
         7 a settle 2
         > a taken #3"
    ));
    // The room is over, and its messages with it.
    script(&format!(
        "{A_MET_BASE_B}
         6 link 2 down
         6 a forward 1.0 1 #2
         6 link 2 boot
         > a left 1.0 disconnected requeued [3 taken 1]
         > a waiting 1.1 default at 1 6s [4 taken 1]
         6 a settle 2
         > a taken #2
         6 a forward 1.0 2 #3
         6 a settle 2
         > a taken #3"
    ));
}

#[test]
fn what_comes_after_the_partner_counts_what_was_taken_before() {
    script(&format!(
        "{A_AND_B_MET}
         6 a forward 1.0 1 #2
         > b gets 1.0 #1 a1 [2 taken 1]
         6 b forward 1.0 1 #2
         > a gets 1.0 #1 b1 [3 taken 2]
         6 a identify ada #3
         6 b forward 1.0 2 #3
         > a gets 1.0 #2 b2 [4 taken 3]
         6 a settle 4 #4
         > a taken #4
         6 a settle 4 #4
         6 a settle 4 #5
         > a taken #5
         6 a identify ada #2
         6 a settle 4"
    ));
}

#[test]
fn only_what_was_sent_can_be_acknowledged() {
    script(&format!(
        "{A_AND_B_MET}
         6 a settle 2
         > a taken #1
         6 a settle 1
         6 a settle 3
         > 1 refused: a client is said to have what was never sent
         > b partner away 1.0 [2 taken 1]"
    ));
}

#[test]
fn a_base_session_neither_settles_nor_detaches_nor_resumes() {
    for (input, reason) in [
        ("settle 0", "a session that is not resumable was settled"),
        ("detach", "a session that is not resumable was detached"),
        ("resume A B 0", "a session that has done something wants to be another"),
    ] {
        script(&format!(
            "0 link 1 up
             0 a attach 1
             0 a {input}
             > 1 refused: {reason}"
        ));
    }
}
