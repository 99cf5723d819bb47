//! A session that goes on over another connection: by which token, what is handed over, and who is told.

use super::*;

#[test]
fn an_idle_session_is_handed_over_with_what_is_known_of_it() {
    let world = script(
        "0 link 1 up
         0 link 3 up
         0 a attach 1 token A
         0 a identify ada
         0 a leave 4
         6 x attach 3 token X
         6 x identify eve
         6 x resume A C 0
         > x is a, epoch 1: idle 4.0, seq 0 as ada
         6 x join 4
         > 3 refused: an attempt is not above the session's earlier ones",
    );
    assert_eq!(state(&world, 'x'), None);
    assert_eq!(state(&world, 'a'), Some(SessionState::Idle));
    script(&format!(
        "{A_AND_B_MET}
         6 a leave 2 #2
         > b left 1.0 left requeued [2 taken 1]
         > b waiting 1.1 default at 1 1s [3 taken 1]
         7 x attach 3 token X
         7 x resume A C 1
         > x is a, epoch 1: idle 2.0, seq 2 kept 2:matched taken 2 wants default was in r1 1s ago
         8 x report 2 r1
         > a reports b of r1 for spam"
    ));
}

#[test]
fn a_waiter_keeps_its_place_and_its_pool() {
    script(
        "0 link 1 up
         0 a attach 1 token A
         0 a join 3 chess 7 #5
         > a waiting 3.0 chess at 1 7s [1 taken 5]
         6 x attach 1 token X
         6 x resume A C 0
         > x is a, epoch 1: waiting 3.0 chess 13s, seq 1 kept 1:waiting taken 5 wants chess
         6 x next 4 chess #6
         > x waiting 4.0 chess at 1 13s [2 taken 6]",
    );
}

#[test]
fn a_room_goes_on_over_another_link() {
    let world = script(&format!(
        "{A_AND_B_MET}
         6 a forward 1.0 1 #2
         > b gets 1.0 #1 a1 [2 taken 1]
         6 a forward 1.0 2 #3
         > b gets 1.0 #2 a2 [3 taken 1]
         6 b ack 1.0 1
         > a acknowledged 1.0 #1
         6 b forward 1.0 1 #2
         > a gets 1.0 #1 b1 [3 taken 3]
         6 a detach
         > b partner away 1.0 [4 taken 2]
         7 x attach 3 token X
         7 x resume A C 1
         > x is a, epoch 1: room 1.0 r1 b answers 1 default 7s sent 2, seq 3 kept 2:matched 3:b1 taken 3 owes a2 wants default
         > b partner back 1.0 [5 taken 2]
         > b acknowledged 1.0 #1
         > b resumes 1.0 after #1
         > x resumes 1.0 after #1, passed #2
         deadline none
         7 a forward 1.0 3 #4
         7 a leave 2
         7 a end
         7 x adopted
         > a ended: ResumedElsewhere
         7 x adopted
         7 x settle 3
         7 x forward 1.0 3 #4
         > b gets 1.0 #3 x3 [6 taken 2]
         7 b forward 1.0 2 #3
         > x gets 1.0 #2 b2 [4 taken 4]
         7 x leave 2 #5
         > b left 1.0 left requeued [7 taken 3]
         > b waiting 1.1 default at 1 2s [8 taken 3]"
    ));
    assert_eq!((state(&world, 'x'), state(&world, 'a')), (None, Some(SessionState::Idle)));
    assert_eq!(world.machine.session(client_id('a')).unwrap().gateway, "g3");
}

/// A half-open connection: nobody has noticed that it broke.
#[test]
fn a_session_that_has_a_socket_may_be_resumed_and_on_the_same_link() {
    script(&format!(
        "{A_AND_B_MET}
         6 x attach 1 token X
         6 x resume A C 2
         > x is a, epoch 1: room 1.0 r1 b answers 0 default 6s sent 0, seq 2 taken 1 wants default
         > b resumes 1.0 after #0
         > x resumes 1.0 after #0
         6 x adopted
         > a ended: ResumedElsewhere
         6 a forward 1.0 1
         6 x forward 1.0 1
         > b gets 1.0 #1 x1 [2 taken 1]"
    ));
}

#[test]
fn a_gateway_that_has_no_link_is_told_nothing_until_it_announces_what_it_has_lost() {
    script(&format!(
        "{A_AND_B_MET}
         6 link 1 down
         6 x attach 3 token X
         6 x resume A C 2
         > x is a, epoch 1: room 1.0 r1 b answers 0 default 6s sent 0, seq 2 taken 1 wants default
         > b resumes 1.0 after #0
         > x resumes 1.0 after #0
         deadline none
         6 x adopted
         7 link 1 up
         7 a attach 1 room 1.0 r1 b answers 0 default 7 token A seq 2
         > a ended: ResumedElsewhere
         7 a leave 2"
    ));
}

#[test]
fn a_partner_without_a_link_hears_of_it_when_it_is_back() {
    script(&format!(
        "{A_AND_B_MET}
         6 a detach
         > b partner away 1.0 [2 taken 1]
         6 link 2 down
         7 x attach 3 token X
         7 x resume A C 2
         > x is a, epoch 1: room 1.0 r1 b answers 0 default 7s sent 0, seq 2 taken 1 wants default
         > x resumes 1.0 after #0
         7 x forward 1.0 1
         8 link 2 up
         8 b attach 2 room 1.0 r1 a offers 0 default 3 token B seq 2
         > b partner back 1.0 [3 taken 1]
         > b gets 1.0 #1 x1 [4 taken 1]
         > b resumes 1.0 after #0
         > x resumes 1.0 after #0, passed #1"
    ));
}

#[test]
fn a_token_is_good_until_the_client_has_spoken_after_it_was_used() {
    script(&format!(
        "{A_AND_B_MET}
         6 x attach 3 token X
         6 x resume A C 2
         > x is a, epoch 1: room 1.0 r1 b answers 0 default 6s sent 0, seq 2 taken 1 wants default
         > b resumes 1.0 after #0
         > x resumes 1.0 after #0
         7 y attach 2 token Y
         7 y resume A D 2
         > y is a, epoch 2: room 1.0 r1 b answers 0 default 7s sent 0, seq 2 taken 1 wants default
         > b resumes 1.0 after #0
         > y resumes 1.0 after #0
         7 x forward 1.0 1
         7 x adopted
         7 y adopted
         > a ended: ResumedElsewhere
         > x ended: ResumedElsewhere
         8 z attach 1 token Z
         8 z resume C E 2
         > z resumes nothing
         8 y settle 2
         8 z resume A E 2
         > z resumes nothing
         8 z resume D E 2
         > z is a, epoch 3: room 1.0 r1 b answers 0 default 8s sent 0, seq 2 taken 1 wants default
         > b resumes 1.0 after #0
         > z resumes 1.0 after #0"
    ));
}

/// It has got the answer and lost its connection before it said a word.
#[test]
fn the_newest_token_is_good_before_the_client_has_spoken_and_ends_the_one_before() {
    script(
        "0 link 1 up
         0 a attach 1 token A
         6 x attach 1 token X
         6 x resume A C 0
         > x is a, epoch 1: idle 0.0, seq 0
         6 y attach 1 token Y
         6 y resume C D 0
         > y is a, epoch 2: idle 0.0, seq 0
         6 z attach 1 token Z
         6 z resume A E 0
         > z resumes nothing
         6 z resume C E 0
         > z is a, epoch 3: idle 0.0, seq 0",
    );
}

#[test]
fn neither_an_unknown_token_nor_ones_own_resumes_anything() {
    let world = script(
        "0 link 1 up
         5 x attach 1 token X
         5 x resume A C 0
         > x resumes nothing
         deadline none
         5 x resume X C 0
         > x resumes nothing
         5 x join 1
         > x waiting 1.0 default at 1 0s [1]",
    );
    assert!(matches!(state(&world, 'x'), Some(SessionState::Waiting { .. })), "who asked in vain goes on");
}

#[test]
fn a_session_that_has_asked_for_something_may_not_be_another() {
    for (input, output) in [("x join 1", "> x waiting 1.0 default at 1 0s [1]"), ("x leave 1", "")] {
        script(&format!(
            "0 link 1 up
             0 link 2 up
             0 a attach 2 token A
             0 x attach 1 token X
             0 {input}
             {output}
             0 x resume A C 0
             > 1 refused: a session that has done something wants to be another
             deadline 15"
        ));
    }
}

#[test]
fn what_is_not_kept_any_more_or_was_never_sent_can_not_be_handed_over() {
    script(&format!(
        "{A_AND_B_MET}
         6 a settle 1
         > a taken #1
         6 x attach 3 token X
         6 x resume A C 0
         > x resumes nothing
         6 x resume A C 3
         > x resumes nothing
         6 x resume A C 1
         > x is a, epoch 1: room 1.0 r1 b answers 0 default 6s sent 0, seq 2 kept 2:matched taken 1 wants default
         > b resumes 1.0 after #0
         > x resumes 1.0 after #0"
    ));
}

#[test]
fn who_has_been_resumed_again_and_again_is_not_remembered_for_ever() {
    let (mut text, mut token) = ("0 link 1 up\n0 a attach 1 token A\n".to_owned(), 'A');
    for (epoch, (heir, next)) in ('b'..='j').zip('B'..='J').enumerate() {
        text += &format!(
            "6 {heir} attach 1 token {}
             6 {heir} resume {token} {next} 0
             > {heir} is a, epoch {}: idle 0.0, seq 0\n",
            next.to_ascii_lowercase(),
            epoch + 1
        );
        token = next;
    }
    script(&format!(
        "{text}
         > a ended: ResumedElsewhere
         6 j adopted
         > b ended: ResumedElsewhere
         > c ended: ResumedElsewhere
         > d ended: ResumedElsewhere
         > e ended: ResumedElsewhere
         > f ended: ResumedElsewhere
         > g ended: ResumedElsewhere
         > h ended: ResumedElsewhere
         > i ended: ResumedElsewhere"
    ));
}

#[test]
fn of_several_attempts_the_highest_has_the_session_in_whichever_order_they_come() {
    script(&format!(
        "{A_AND_B_MET}
         6 link 1 down
         6 x attach 3 token X
         6 x resume A C 2 try 2
         > x is a, epoch 1: room 1.0 r1 b answers 0 default 6s sent 0, seq 2 taken 1 wants default
         > b resumes 1.0 after #0
         > x resumes 1.0 after #0
         6 y attach 2 token Y
         6 y resume A D 2 try 1
         > y resumes nothing
         6 y resume A D 2 try 3
         > y is a, epoch 2: room 1.0 r1 b answers 0 default 6s sent 0, seq 2 taken 1 wants default
         > b resumes 1.0 after #0
         > y resumes 1.0 after #0
         7 z attach 3 token Z
         7 z resume D E 2 try 1
         > z is a, epoch 3: room 1.0 r1 b answers 0 default 7s sent 0, seq 2 taken 1 wants default
         > b resumes 1.0 after #0
         > z resumes 1.0 after #0"
    ));
    script(
        "0 link 3 up
         0 x attach 3 token X
         0 x resume A C 0 try 2
         deadline 5
         1 y attach 3 token Y
         1 y resume A D 0 try 1
         > y resumes nothing
         1 z attach 3 token Z
         1 z resume A E 0 try 3
         > x resumes nothing",
    );
}
