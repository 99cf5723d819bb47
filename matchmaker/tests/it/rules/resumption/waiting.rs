//! Resumes that wait: for sessions that may still be announced, and for messages that are still to be repeated.

use super::*;

const X_WAITS_FOR_A: &str = "0 link 1 up
     0 link 2 up
     0 link 3 up
     1 x attach 3 token X
     1 x resume A C 2
     deadline 5
";

#[test]
fn a_session_that_may_still_be_announced_is_waited_for() {
    for tokens in ["token A", "token B earlier A epoch 4"] {
        let epoch = if tokens.contains("epoch") { 5 } else { 1 };
        script(&format!(
            "{X_WAITS_FOR_A}
             2 a attach 1 idle 3 {tokens} left 10 seq 3 kept u,v
             > x is a, epoch {epoch}: idle 3.0, seq 3 kept 3:v
             deadline none
             2 x adopted
             > a ended: ResumedElsewhere"
        ));
    }
    script(&format!(
        "{X_WAITS_FOR_A}
         5 timeout
         > x resumes nothing
         deadline none
         5 a attach 1 idle 3 token A left 10
         5 x join 1
         > x waiting 1.0 default at 1 0s [1]"
    ));
    script(
        "0 link 3 up
         4 x attach 3 token X
         4 x resume A C 2
         deadline 7
         7 timeout
         > x resumes nothing",
    );
}

#[test]
fn of_two_that_show_one_token_at_once_the_later_counts() {
    script(&format!(
        "{X_WAITS_FOR_A}
         3 y attach 3 token Y
         3 y resume A D 2
         > x resumes nothing
         deadline 6
         4 y resume A E 2
         deadline 7
         4 a attach 1 idle 3 token A seq 2
         > y is a, epoch 1: idle 3.0, seq 2
         deadline none
         5 z attach 2 token Z
         5 z resume E F 2
         > z is a, epoch 2: idle 3.0, seq 2"
    ));
}

#[test]
fn who_is_gone_or_has_gone_on_is_not_waited_with() {
    for (input, output) in [
        ("x end", ""),
        ("x detach", ""),
        ("link 3 down", ""),
        ("x leave 1", ""),
        ("x join 1", "> x waiting 1.0 default at 1 0s [1]"),
    ] {
        let world = script(&format!(
            "{X_WAITS_FOR_A}
             1 {input}
             {output}
             2 a attach 1 idle 3 token A seq 2
             2 a settle 2"
        ));
        assert_eq!(state(&world, 'a'), Some(SessionState::Idle), "{input}");
        script(&format!("{X_WAITS_FOR_A}\n1 {input}\n{output}\n5 timeout"));
    }
}

#[test]
fn a_gateway_asks_again_after_its_link_was_lost() {
    script(&format!(
        "{X_WAITS_FOR_A}
         2 link 3 down
         3 link 3 up
         3 x attach 3 token X
         3 x resume A C 2
         4 a attach 1 idle 3 token A seq 2
         > x is a, epoch 1: idle 3.0, seq 2"
    ));
}

#[test]
fn a_token_that_turns_out_to_be_no_good_is_answered_at_once() {
    script(&format!(
        "{X_WAITS_FOR_A}
         2 a attach 1 idle 3 token A seq 5 kept u,v
         > x resumes nothing
         deadline none"
    ));
}

/// `a` has sent two messages while `b` had no link, and then lost its connection.
fn a_owes_two() -> String {
    format!(
        "{A_MET_BASE_B}
         6 link 2 down
         6 a forward 1.0 1 #2
         6 a forward 1.0 2 #3
         6 a detach
         7 x attach 3 token X
         7 x resume A C 2
         8 link 2 up
         8 b attach 2 room 1.0 r1 a offers 0 default 3
         > b resumes 1.0 after #0
         > a resumes 1.0 after #0
         deadline 10
         8 a forward 1.0 1 #2
         > b gets 1.0 #1 a1
    "
    )
}

#[test]
fn messages_that_are_still_to_be_repeated_come_first() {
    script(&format!(
        "{}
         8 a forward 1.0 2 #3
         > b gets 1.0 #2 a2
         > x is a, epoch 1: room 1.0 r1 b answers 0 default 8s sent 2, seq 2 taken 3 owes a1 owes a2 wants default
         > b resumes 1.0 after #0
         > x resumes 1.0 after #0, passed #2
         deadline none",
        a_owes_two()
    ));
}

#[test]
fn a_gateway_that_has_lost_its_link_or_does_not_repeat_is_not_waited_for() {
    let answer = |now: u32| {
        format!(
            "> x is a, epoch 1: room 1.0 r1 b answers 0 default {now}s sent 1, seq 2 taken 2 owes a1 wants default
             > b resumes 1.0 after #0
             > x resumes 1.0 after #0, passed #1
             deadline none
             {now} x forward 1.0 2 #3
             > b gets 1.0 #2 x2
             {now} x settle 2
             > x taken #3"
        )
    };
    script(&format!("{}\n9 link 1 down\n{}", a_owes_two(), answer(9)));
    script(&format!("{}\n9 link 1 boot\n> old replaced\n{}", a_owes_two(), answer(9)));
    script(&format!(
        "{}\n9 c attach 1\n9 c settle 0\n> 1 refused: a session that is not resumable was settled\n{}",
        a_owes_two(),
        answer(9)
    ));
    script(&format!("{}\n9.9 timeout\n10 timeout\n{}", a_owes_two(), answer(10)));
}

#[test]
fn whose_gateway_has_no_link_is_not_waited_for_at_all() {
    script(&format!(
        "{A_MET_BASE_B}
         6 link 2 down
         6 a forward 1.0 1 #2
         6 link 1 down
         7 x attach 3 token X
         7 x resume A C 2
         > x is a, epoch 1: room 1.0 r1 b answers 0 default 7s sent 0, seq 2 taken 1 wants default
         8 link 2 up
         8 b attach 2 room 1.0 r1 a offers 0 default 3
         > b resumes 1.0 after #0
         > x resumes 1.0 after #0
         8 x forward 1.0 1 #2
         > b gets 1.0 #1 x1"
    ));
}

#[test]
fn a_room_that_both_must_announce_first_is_waited_for() {
    let half = "0 link 1 up
         0 link 2 up
         0 link 3 up
         1 x attach 3 token X
         1 x resume A C 2
         2 a attach 1 room 7.2 r9 b offers 3 default 60 token A seq 2 client 8 taken 7 sent 5
         deadline 5
    ";
    script(&format!(
        "{half}
         3 b attach 2 room 4.0 r9 a answers 4 default 50
         > a resumes 7.2 after #4
         > b resumes 4.0 after #3
         3 a forward 7.2 5 #8
         > b gets 4.0 #5 a5
         > x is a, epoch 1: room 7.2 r1 b offers 3 default 61s sent 5, seq 2 taken 8 owes a5 wants default
         > x resumes 7.2 after #4, passed #5
         > b resumes 4.0 after #3"
    ));
    script(&format!(
        "{half}
         3 b attach 2 room 4.0 r9 a answers 5 default 50
         > a resumes 7.2 after #5
         > b resumes 4.0 after #3
         > x is a, epoch 1: room 7.2 r1 b offers 3 default 61s sent 5, seq 2 taken 8 wants default
         > x resumes 7.2 after #5
         > b resumes 4.0 after #3"
    ));
    script(&format!(
        "{half}
         5 timeout
         > a left 7.2 disconnected requeued [3 taken 7]
         > a waiting 7.3 default at 1 63s [4 taken 7]
         > x is a, epoch 1: waiting 7.3 default 63s, seq 4 kept 3:left 4:waiting taken 8 wants default was in r1 0s ago"
    ));
    // It is handed over as it is.
    script(&format!(
        "{half}
         2 link 1 down
         > x is a, epoch 1: room 7.2 r1 b offers 3 default 60s sent 5, seq 2 taken 7 wants default
         deadline 5
         3 b attach 2 room 4.0 r9 a answers 5 default 50
         > x resumes 7.2 after #5
         > b resumes 4.0 after #3"
    ));
}
