//! What one of a room sends the other.

use super::*;

const A_AND_B_MET: &str = "0 link 1 up
     0 link 2 up
     0 a attach 1
     0 b attach 2
     0 a join 1
     > a waiting 1.0 default at 1 0s
     0 b join 5
     > a matched 1.0 b r1 answers 0s
     > b matched 5.0 a r1 offers 0s
";

#[test]
fn messages_pass_in_order_under_the_receivers_ticket() {
    script(&format!(
        "{A_AND_B_MET}
         1 b forward 5.0 1
         > a gets 1.0 #1 b1
         1 b forward 5.0 2
         > a gets 1.0 #2 b2
         1 a forward 1.0 1
         > b gets 5.0 #1 a1"
    ));
}

#[test]
fn what_is_sent_again_is_passed_once() {
    script(&format!(
        "{A_AND_B_MET}
         1 b forward 5.0 1
         > a gets 1.0 #1 b1
         1 b forward 5.0 1
         1 b forward 5.0 0
         1 b forward 5.0 2
         > a gets 1.0 #2 b2
         1 b forward 5.0 1"
    ));
}

#[test]
fn a_gap_ends_the_link() {
    script(&format!(
        "{A_AND_B_MET}
         1 b forward 5.0 2
         > 2 refused: forwarded messages have a gap
         > a left 1.0 disconnected requeued
         > a waiting 1.1 default at 1 1s"
    ));
}

#[test]
fn a_message_for_a_room_that_is_over_goes_nowhere() {
    script(&format!(
        "{A_AND_B_MET}
         1 a next 2
         > b left 5.0 next requeued
         > b waiting 5.1 default at 1 1s
         > a waiting 2.0 default at 2 0s
         1 b forward 5.0 1
         4 timeout
         > b matched 5.1 a r2 answers 4s
         > a matched 2.0 b r2 offers 3s
         4 b forward 5.0 1
         4 b forward 5.1 1
         > a gets 2.0 #1 b1"
    ));
}

#[test]
fn acknowledgements_are_kept_and_passed_on_within_what_was_sent() {
    let world = script(&format!(
        "{A_AND_B_MET}
         1 b forward 5.0 1
         > a gets 1.0 #1 b1
         1 b forward 5.0 2
         > a gets 1.0 #2 b2
         1 a ack 1.0 1
         > b acknowledged 5.0 #1
         1 a ack 9.0 2
         1 b ack 5.0 7"
    ));
    let members = world.machine.room(world.room_id(1)).unwrap().members;
    let counted = members.map(|member| (member.client, member.initiator, member.sent, member.acknowledged));
    assert_eq!(counted, [(client_id('b'), true, 2, 1), (client_id('a'), false, 0, 0)]);

    let world = script(&format!(
        "{A_AND_B_MET}
         1 b forward 5.0 1
         > a gets 1.0 #1 b1
         1 a ack 1.0 9
         > b acknowledged 5.0 #1
         1 a ack 1.0 0
         1 a ack 1.0 9"
    ));
    assert_eq!(world.machine.room(world.room_id(1)).unwrap().members[0].acknowledged, 1);
}
