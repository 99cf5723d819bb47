//! What operators do, and what comes of it for those it is done to.

use duet_matchmaker::Obstacle;
use duet_proto::frame::PoolName;

use super::*;

const A_AND_B_TALK_AND_C_WAITS: &str = "0 link 1 up
     0 a attach 1
     0 b attach 1
     0 c attach 1
     0 a join 1
     > a waiting 1.0 default at 1 0s
     0 b join 1
     > a matched 1.0 b r1 answers 0s
     > b matched 1.0 a r1 offers 0s
     20 c join 1
     > c waiting 1.0 default at 1 0s
";

const A_WAITS: &str = "0 link 1 up
     0 a attach 1
     0 b attach 1
     0 a join 1
     > a waiting 1.0 default at 1 0s
";

fn default_pool() -> PoolName {
    PoolName::default()
}

#[test]
fn both_of_a_closed_room_go_back_and_meet_others_first() {
    let mut world = script(A_AND_B_TALK_AND_C_WAITS);
    let room = world.room_id(1);
    let told = world.order(|machine| assert!(machine.end_room(room, at("30"))));
    let matched = told.iter().filter(|line| line.contains("matched")).count();
    assert_eq!(
        (&told[..2], matched),
        (&["b left 1.0 closed requeued".into(), "a left 1.0 closed requeued".into()][..], 2)
    );
    assert!(told.iter().all(|line| !line.contains("matched 1.1 b") && !line.contains("matched 1.1 a")), "{told:?}");
    assert_eq!(world.order(|machine| assert!(!machine.end_room(room, at("30")))), [""; 0]);
}

#[test]
fn a_closed_pair_that_is_alone_meets_again_after_a_while() {
    let mut world = script(
        "0 link 1 up
         0 a attach 1
         0 b attach 1
         0 a join 1
         > a waiting 1.0 default at 1 0s
         0 b join 1
         > a matched 1.0 b r1 answers 0s
         > b matched 1.0 a r1 offers 0s",
    );
    let room = world.room_id(1);
    let told = world.order(|machine| assert!(machine.end_room(room, at("1"))));
    assert_eq!(told.len(), 4, "{told:?}");
    let obstacles = world.machine.explain(client_id('a'), 9, at("2")).unwrap().obstacles;
    assert_eq!(obstacles.into_iter().collect::<Vec<_>>(), [(Obstacle::PartedRecently, 1)]);
    while world.machine.poll_timeout().is_some_and(|due| due <= at("20")) {
        let due = world.machine.poll_timeout().unwrap();
        if world.feed(Event::Timeout, due).iter().any(|line| line.contains("matched")) {
            assert!(due >= at("4"), "kept apart for 3 s");
            return;
        }
    }
    panic!("they never met again");
}

#[test]
fn an_ended_session_is_told_why_and_is_not_there_any_more() {
    let mut world = script(A_AND_B_TALK_AND_C_WAITS);
    let told = world.order(|machine| assert!(machine.disconnect(client_id('a'), at("30"))));
    assert_eq!(told[..2], ["a ended: Closed", "b left 1.0 disconnected requeued"]);
    assert!(world.machine.session(client_id('a')).is_none());
    assert_eq!(world.order(|machine| assert!(!machine.disconnect(client_id('a'), at("30")))), [""; 0]);
}

#[test]
fn nobody_is_matched_in_a_paused_pool_and_the_oldest_are_first_when_it_is_resumed() {
    let mut world = script(A_WAITS);
    assert_eq!(world.order(|machine| machine.pause_pool(default_pool()).unwrap()), [""; 0]);
    assert_eq!(world.feed(event_named("b join 1"), at("1")), ["b refused 1.0: Paused"]);
    assert_eq!(world.feed(event_named("b join 2"), at("1")), ["b refused 2.0: Paused"], "and again");
    let explained = world.machine.explain(client_id('a'), 9, at("1")).unwrap();
    assert_eq!((explained.position, explained.own, explained.candidates), (1, vec![Obstacle::PoolPaused], 0));
    assert_eq!(world.feed(event_named("b next 3"), at("2")), ["b waiting 3.0 default at 2 0s"]);
    let told = world.order(|machine| machine.resume_pool(&default_pool(), at("3")));
    assert_eq!(told, ["b matched 3.0 a r1 answers 1s", "a matched 1.0 b r1 offers 3s"]);
    assert_eq!(world.order(|machine| machine.resume_pool(&default_pool(), at("4"))), [""; 0]);
}

#[test]
fn a_block_ends_by_itself_and_takes_the_place_of_an_earlier_one() {
    let mut world = script(A_WAITS);
    let hour = Duration::from_secs(3_600);
    world.order(|machine| {
        assert_eq!(machine.block_user("eve", hour, "spam", at("0")), Ok(0));
        assert_eq!(machine.block_user("eve", Duration::from_secs(5), "less", at("0")), Ok(0));
    });
    let listed = |world: &World, second| {
        world.machine.blocked_users(None, at(second)).map(|user| user.reason.to_owned()).collect::<Vec<_>>()
    };
    assert_eq!((listed(&world, "4"), listed(&world, "5")), (vec!["less".to_owned()], vec![]));
    world.order(|machine| assert!(!machine.unblock_user("eve", at("5")), "it was over"));
}

#[test]
fn only_so_many_are_blocked_or_paused() {
    let mut world = script(A_WAITS);
    world.order(|machine| {
        for number in 0..100_000 {
            machine.block_user(&format!("u{number}"), Duration::from_secs(9), "", at("0")).unwrap();
        }
        assert!(machine.block_user("one more", Duration::from_secs(9), "", at("1")).is_err());
        assert!(machine.block_user("u7", Duration::from_secs(9), "", at("1")).is_ok());
        assert!(machine.block_user("one more", Duration::from_secs(9), "", at("9")).is_ok(), "the others are over");
        for number in 0..1_000 {
            machine.pause_pool(PoolName::new(&format!("p{number}")).unwrap()).unwrap();
        }
        assert!(machine.pause_pool(PoolName::new("one more").unwrap()).is_err());
    });
}
