//! Getting into the queue, keeping a place in it, and being matched out of it.

use super::*;

#[test]
fn two_who_ask_meet_and_the_newcomer_offers() {
    script(
        "0 link 1 up
         0 a attach 1
         0 b attach 1
         1 a join 1
         > a waiting 1.0 default at 1 0s
         5 b join 4
         > a matched 1.0 b r1 answers 4s
         > b matched 4.0 a r1 offers 0s",
    );
}

#[test]
fn pools_do_not_mix() {
    script(
        "0 link 1 up
         0 a attach 1
         0 b attach 1
         0 c attach 1
         0 a join 1 chess
         > a waiting 1.0 chess at 1 0s
         0 b join 1
         > b waiting 1.0 default at 1 0s
         1 c join 1 chess
         > a matched 1.0 c r1 answers 1s
         > c matched 1.0 a r1 offers 0s",
    );
}

/// Three wait beside each other only if they are kept apart, so one first leaves two others by `next`.
const A_LEFT_B_AND_C: &str = "0 link 1 up
     0 a attach 1
     0 b attach 1
     0 c attach 1
     0 a join 1
     > a waiting 1.0 default at 1 0s
     0 b join 1
     > a matched 1.0 b r1 answers 0s
     > b matched 1.0 a r1 offers 0s
     1 a next 2
     > b left 1.0 next requeued
     > b waiting 1.1 default at 1 1s
     > a waiting 2.0 default at 2 0s
";

#[test]
fn a_newcomer_gets_the_oldest_waiter() {
    script(&format!(
        "{A_LEFT_B_AND_C}
         2 c join 1
         > b matched 1.1 c r2 answers 2s
         > c matched 1.0 b r2 offers 0s"
    ));
}

#[test]
fn a_wait_that_began_elsewhere_counts() {
    script(&format!(
        "{A_LEFT_B_AND_C}
         1 a leave 3
         1 a join 4 default 9
         > a waiting 4.0 default at 1 9s
         2 c join 1
         > a matched 4.0 c r2 answers 10s
         > c matched 1.0 a r2 offers 0s"
    ));
}

#[test]
fn equal_waits_are_served_in_the_order_of_arrival() {
    script(&format!(
        "{A_LEFT_B_AND_C}
         1 b leave 2
         1 b join 3
         > b waiting 3.0 default at 2 0s
         2 c join 1
         > a matched 2.0 c r2 answers 1s
         > c matched 1.0 a r2 offers 0s"
    ));
}

#[test]
fn asking_again_keeps_the_place_and_takes_the_new_wishes() {
    script(&format!(
        "{A_LEFT_B_AND_C}
         2 b join 2 default 0
         > b waiting 2.0 default at 1 2s
         2 b next 3
         > b waiting 3.0 default at 1 2s
         2 b join 4 chess
         > b waiting 4.0 chess at 1 2s
         2.5 c join 1 chess
         > b matched 4.0 c r2 answers 2.5s
         > c matched 1.0 b r2 offers 0s"
    ));
}

#[test]
fn asking_again_for_a_pool_where_somebody_waits_matches_at_once() {
    script(
        "0 link 1 up
         0 a attach 1
         0 b attach 1
         0 a join 1
         > a waiting 1.0 default at 1 0s
         1 b join 1 chess
         > b waiting 1.0 chess at 1 0s
         3 a join 2 chess
         > b matched 1.0 a r1 answers 2s
         > a matched 2.0 b r1 offers 3s",
    );
}

#[test]
fn next_without_a_room_is_a_join() {
    script(
        "0 link 1 up
         0 a attach 1
         0 a next 1
         > a waiting 1.0 default at 1 0s
         deadline none
         2 a next 2 chess
         > a waiting 2.0 chess at 1 2s",
    );
}

#[test]
fn a_join_in_a_room_declines_it_and_both_go_back_to_their_places_the_older_first() {
    script(
        "0 link 1 up
         0 a attach 1
         0 b attach 1
         0 a join 1
         > a waiting 1.0 default at 1 0s
         1 b join 1
         > a matched 1.0 b r1 answers 1s
         > b matched 1.0 a r1 offers 0s
         30 a join 2 chess
         > b left 1.0 left requeued
         > a waiting 2.0 chess at 1 30s
         > b waiting 1.1 default at 1 29s",
    );
}

#[test]
fn two_of_a_declined_match_may_meet_at_once() {
    script(
        "0 link 1 up
         0 a attach 1
         0 b attach 1
         0 a join 1
         > a waiting 1.0 default at 1 0s
         1 b join 1
         > a matched 1.0 b r1 answers 1s
         > b matched 1.0 a r1 offers 0s
         2 a join 2
         > b left 1.0 left requeued
         > a waiting 2.0 default at 1 2s
         > a matched 2.0 b r2 answers 2s
         > b matched 1.1 a r2 offers 1s",
    );
}

#[test]
fn two_lone_sessions_meet_again_once_they_have_been_kept_apart() {
    script(&format!(
        "{A_LEFT_B_AND_C}
         deadline 4
         3 timeout
         4 timeout
         > b matched 1.1 a r2 answers 4s
         > a matched 2.0 b r2 offers 3s
         deadline none"
    ));
}

#[test]
fn keeping_apart_works_both_ways_and_runs_out_for_a_join_too() {
    script(&format!(
        "{A_LEFT_B_AND_C}
         1 b leave 2
         2 b join 3
         > b waiting 3.0 default at 2 0s
         2 b leave 4
         4 b join 5
         > a matched 2.0 b r2 answers 3s
         > b matched 5.0 a r2 offers 0s
         4 timeout"
    ));
}

#[test]
fn at_most_eight_are_kept_apart_from_one_and_the_earliest_is_let_go_first() {
    let mut world = World::new(crate::world::config());
    let feed = |world: &mut World, text: &str| world.feed(event_named(text.split_once(' ').unwrap().1), at(&text[..3]));
    feed(&mut world, "0.0 link 1 up");
    feed(&mut world, "0.0 a attach 1");
    feed(&mut world, "0.0 a join 1");
    for (index, partner) in ('b'..='j').enumerate() {
        let now = format!("{:.1}", index as f64 / 10.0);
        feed(&mut world, &format!("{now} {partner} attach 1"));
        assert_eq!(feed(&mut world, &format!("{now} {partner} join 1")).len(), 2, "{partner} meets a");
        feed(&mut world, &format!("{now} a next {}", index + 2));
        feed(&mut world, &format!("{now} {partner} leave 2"));
    }
    assert_eq!(world.machine.poll_timeout(), Some(at("3.1")), "of c, as b is let go");
    assert_eq!(feed(&mut world, "1.0 c join 3").len(), 1, "c waits");
    assert_eq!(feed(&mut world, "1.0 c leave 4").len(), 0);
    assert_eq!(feed(&mut world, "1.0 b join 3").len(), 2, "b meets a again");
}

#[test]
fn whoever_detaches_takes_the_deadline_along() {
    script(&format!(
        "{A_LEFT_B_AND_C}
         deadline 4
         2 a end
         deadline none
         2 c join 1
         > b matched 1.1 c r2 answers 2s
         > c matched 1.0 b r2 offers 0s"
    ));
}

#[test]
fn leaving_the_queue_or_nothing_is_silent() {
    let world = script(
        "0 link 1 up
         0 a attach 1
         0 a leave 1
         0 a join 2
         > a waiting 2.0 default at 1 0s
         0 a leave 3
         0 a leave 4",
    );
    assert_eq!(state(&world, 'a'), Some(SessionState::Idle));
    assert_eq!(world.machine.pools(Time::ZERO).count(), 0, "an empty pool is gone");
}

#[test]
fn an_announced_waiter_is_queued_where_it_was() {
    script(
        "0 link 1 up
         0 a attach 1 waiting 7 default 12
         > a waiting 7.0 default at 1 12s
         1 b attach 1 waiting 3 default 5
         > a matched 7.0 b r1 answers 13s
         > b matched 3.0 a r1 offers 5s",
    );
}

#[test]
fn where_too_many_wait_only_who_meets_somebody_is_taken() {
    script_with(
        Config { max_waiting_per_pool: 1, ..crate::world::config() },
        &format!(
            "{A_LEFT_B_AND_C}
             2 a leave 3
             2 a join 4
             > a refused 4.0: Full
             2 c join 1
             > b matched 1.1 c r2 answers 2s
             > c matched 1.0 b r2 offers 0s
             3 a join 5
             > a waiting 5.0 default at 1 0s
             4 a join 6
             > a waiting 6.0 default at 1 1s"
        ),
    );
}
