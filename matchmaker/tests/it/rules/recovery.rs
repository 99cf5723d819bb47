//! A restarted matchmaker: rooms that it has not made are announced to it.

use super::*;

const A_ANNOUNCED: &str = "0 link 1 up
     0 link 2 up
     1 a attach 1 room 7.2 r9 b offers 3 default 60
";

#[test]
fn a_room_is_back_when_both_sides_have_announced_it() {
    let world = script(&format!(
        "{A_ANNOUNCED}
         deadline 5
         2 b attach 2 room 4.0 r9 a answers 5 default 50
         > a resumes 7.2 after #5
         > b resumes 4.0 after #3
         deadline none
         2 a forward 7.2 8
         2 a forward 7.2 6
         > b gets 4.0 #6 a6
         2 a forward 7.2 7
         > b gets 4.0 #7 a7
         2 b forward 4.0 4
         > a gets 7.2 #4 b4
         2 b forward 4.0 4
         2 a ack 7.2 4
         > b acknowledged 4.0 #4
         4 b leave 5
         > a left 7.2 left requeued
         > a waiting 7.3 default at 1 63s"
    ));
    assert_eq!(world.machine.stats(at("4")).matches, 0, "nobody was matched here");
}

#[test]
fn a_room_that_only_one_side_announces_ends_after_the_recovery() {
    script(&format!(
        "{A_ANNOUNCED}
         4.9 timeout
         5 timeout
         > a left 7.2 disconnected requeued
         > a waiting 7.3 default at 1 64s
         deadline none
         6 b attach 2 room 4.0 r9 a answers 5 default 50
         deadline 9
         9 timeout
         > b left 4.0 disconnected requeued
         > a matched 7.3 b r1 answers 68s
         > b matched 4.1 a r1 offers 53s"
    ));
    script_with(
        Config { requeue_on_partner_leave: false, ..crate::world::config() },
        &format!(
            "{A_ANNOUNCED}
             5 timeout
             > a left 7.2 disconnected idle"
        ),
    );
}

#[test]
fn announcements_that_contradict_each_other_make_no_room() {
    for other in [
        "b attach 2 room 4.0 r9 c answers 5 default 50",
        "c attach 2 room 4.0 r9 a answers 5 default 50",
        "b attach 2 room 4.0 r9 a offers 5 default 50",
    ] {
        let name = &other[..1];
        script(&format!(
            "{A_ANNOUNCED}
             2 {other}
             > {name} left 4.0 disconnected requeued
             > {name} waiting 4.1 default at 1 50s"
        ));
    }
}

#[test]
fn a_session_in_half_a_room_may_do_as_it_likes() {
    let world = script(A_ANNOUNCED);
    assert!(matches!(state(&world, 'a'), Some(SessionState::Matched { room }) if room == world.room_id(9)));
    assert!(world.machine.room(world.room_id(9)).is_none(), "half a room is none");
    script(&format!(
        "{A_ANNOUNCED}
         2 a forward 7.2 4
         2 a ack 7.2 1
         2 a leave 8
         deadline none
         2 b attach 2 room 4.0 r9 a answers 5 default 50
         deadline 5"
    ));
    script(&format!(
        "{A_ANNOUNCED}
         2 a join 8
         > a waiting 8.0 default at 1 61s
         deadline none"
    ));
    script(&format!(
        "{A_ANNOUNCED}
         2 a next 8
         > a waiting 8.0 default at 1 0s
         3 b attach 2 waiting 1 default 0
         > b waiting 1.0 default at 2 0s
         deadline 5
         5 timeout
         > b matched 1.0 a r1 answers 2s
         > a matched 8.0 b r1 offers 3s"
    ));
    script(&format!("{A_ANNOUNCED}\n2 a decline 7.1\n2 a decline 7.2\ndeadline none"));
    script(&format!("{A_ANNOUNCED}\n2 a end\ndeadline none"));
    script(&format!(
        "{A_ANNOUNCED}
         2 a report 8 r9
         > a reports b of r1 for spam
         deadline none"
    ));
}

#[test]
fn half_a_room_outlives_its_sessions_link_for_the_grace() {
    script(&format!(
        "{A_ANNOUNCED}
         2 link 1 down
         3 link 1 up
         3 a attach 1 room 7.2 r9 b offers 4 default 62
         deadline 5
         4 link 1 down
         4 b attach 2 room 4.0 r9 a answers 5 default 50
         4 b forward 4.0 5
         5 link 1 up
         5 a attach 1 room 7.2 r9 b offers 4 default 64
         > a resumes 7.2 after #5
         > b resumes 4.0 after #4"
    ));
    script(&format!(
        "{A_ANNOUNCED}
         4 link 1 down
         5 timeout
         6 link 1 up
         6 a attach 1 room 7.2 r9 b offers 4 default 65
         > a left 7.2 disconnected requeued
         > a waiting 7.3 default at 1 65s"
    ));
    let world = script(&format!(
        "{A_ANNOUNCED}
         1 link 1 down
         4 timeout
         deadline none"
    ));
    assert_eq!(state(&world, 'a'), None);
}
