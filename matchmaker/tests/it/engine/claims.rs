//! Who is found, and what becomes of a claim.

use std::time::Duration;

use duet_matchmaker::engine::{Reply, Request, Ticket};

use super::pool::{Engine, Sought, client, number, pool, seek, shy, ticket, waited};

#[test]
fn the_oldest_is_found_first_and_who_came_first_of_two_alike() {
    let engine = Engine::start();
    assert_eq!(engine.seek(shy('a', "bcd")), Sought::Waits(1));
    assert_eq!(engine.seek(waited(shy('b', "acd"), 10)), Sought::Waits(1), "it has waited longer");
    let ahead = Ticket { head_start: Duration::from_millis(5), ..shy('c', "abd") };
    assert_eq!(engine.seek(ahead), Sought::Waits(2), "it goes before who came now");
    assert_eq!(engine.seek(shy('d', "abc")), Sought::Waits(4));
    for (seeker, waiter) in [('w', 'b'), ('x', 'c'), ('y', 'a'), ('z', 'd')] {
        assert_eq!(engine.seek(ticket(seeker)), Sought::Found(waiter));
        engine.settle(seeker, waiter);
    }
    assert_eq!(engine.left(), [""; 0]);
}

#[test]
fn a_ticket_comes_back_as_it_was_kept_but_older() {
    let engine = Engine::start();
    let mut kept = waited(shy('a', "q"), 2_000);
    kept.recent = vec![(client('r'), Duration::from_secs(9))];
    kept.user = Some("ada".into());
    engine.seek(kept.clone());
    engine.pass(1_500);
    let asked = Request::Seek(Box::new(seek(ticket('b'))));
    let Some(Reply::Found { waiter, .. }) = engine.ask(&asked) else { panic!("nobody is found") };
    kept.cares_for = Duration::from_millis(3_500);
    kept.waited = Duration::from_millis(3_500);
    kept.recent[0].1 = Duration::from_millis(10_500);
    assert_eq!(*waiter, kept);
}

#[test]
fn a_waiter_that_seeks_again_keeps_its_place() {
    let engine = Engine::start();
    engine.seek(shy('a', "bc"));
    engine.seek(shy('b', "ac"));
    engine.pass(700);
    assert_eq!(engine.seek(waited(shy('a', "bc"), 700)), Sought::Waits(1));
    assert_eq!(engine.seek(ticket('c')), Sought::Waits(3));
}

#[test]
fn who_is_claimed_is_not_found_by_others_and_is_told_so() {
    let engine = Engine::start();
    engine.seek(ticket('a'));
    assert_eq!(engine.seek(ticket('b')), Sought::Found('a'));
    assert_eq!(engine.seek(ticket('a')), Sought::Claimed);
    assert_eq!(engine.seek(ticket('c')), Sought::Waits(1));
}

#[test]
fn who_is_released_stands_at_its_old_turn() {
    let engine = Engine::start();
    engine.seek(shy('a', "bc"));
    engine.pass(10);
    engine.seek(shy('b', "ac"));
    assert_eq!(engine.seek(ticket('x')), Sought::Found('a'));
    engine.release('x', 'a');
    assert_eq!(engine.seek(ticket('y')), Sought::Found('a'));
    engine.release('x', 'a');
    assert_eq!(engine.seek(ticket('z')), Sought::Found('b'), "the claim of another stands");
}

#[test]
fn who_is_discarded_is_gone_and_the_seeker_seeks_on() {
    let engine = Engine::start();
    engine.seek(shy('a', "b"));
    engine.seek(shy('b', "a"));
    assert_eq!(engine.seek(ticket('x')), Sought::Found('a'));
    engine.discard('x', 'a', 1);
    assert_eq!(engine.seek(ticket('x')), Sought::Found('b'));
    engine.discard('x', 'b', 2);
    assert_eq!(engine.seek(ticket('x')), Sought::Found('b'), "it was another ticket");
}

#[test]
fn a_discard_that_comes_again_leaves_a_ticket_that_was_kept_since() {
    let engine = Engine::start();
    engine.seek(ticket('a'));
    engine.seek(ticket('x'));
    engine.discard('x', 'a', 1);
    engine.seek(ticket('a'));
    engine.discard('x', 'a', 1);
    assert_eq!(engine.seek(ticket('y')), Sought::Found('a'));
}

#[test]
fn a_claim_that_runs_out_is_undone() {
    let engine = Engine::start();
    engine.seek(ticket('a'));
    assert_eq!(engine.seek(ticket('x')), Sought::Found('a'));
    engine.pass(2_999);
    engine.renew('A', 0);
    assert_eq!(engine.seek(ticket('y')), Sought::Waits(1));
    engine.pass(1);
    engine.renew('A', 0);
    engine.withdraw('y');
    assert_eq!(engine.seek(ticket('z')), Sought::Found('a'));
}

#[test]
fn who_was_claimed_for_too_long_seeks_for_itself() {
    let engine = Engine::start();
    engine.seek(ticket('a'));
    assert_eq!(engine.seek(ticket('x')), Sought::Found('a'));
    engine.seek(ticket('y'));
    engine.pass(3_000);
    assert_eq!(engine.seek(waited(ticket('a'), 3_000)), Sought::Found('y'));
    engine.settle('a', 'y');
    assert_eq!(engine.left(), [""; 0], "nothing is left of the old claim");
}

#[test]
fn a_room_is_made_although_the_claim_has_run_out() {
    let engine = Engine::start();
    engine.seek(ticket('a'));
    engine.seek(ticket('x'));
    engine.pass(3_000);
    engine.renew('A', 0);
    engine.settle('x', 'a');
    assert_eq!(engine.left(), [""; 0]);
}

#[test]
fn a_seeker_with_a_new_ticket_lets_go_of_whom_it_had_claimed() {
    let engine = Engine::start();
    engine.seek(shy('a', "b"));
    engine.pass(1);
    engine.seek(shy('b', "a"));
    assert_eq!(engine.seek(ticket('x')), Sought::Found('a'));
    let next = Ticket { number: number(2), apart: vec![client('a')], ..ticket('x') };
    assert_eq!(engine.seek(next), Sought::Found('b'));
    assert_eq!(engine.seek(ticket('y')), Sought::Found('a'));
}

#[test]
fn a_claim_is_void_once_the_session_has_another_ticket() {
    let engine = Engine::start();
    engine.seek(ticket('a'));
    assert_eq!(engine.seek(ticket('x')), Sought::Found('a'));
    assert_eq!(engine.seek(Ticket { number: number(2), ..ticket('a') }), Sought::Waits(1));
    engine.discard('x', 'a', 1);
    assert_eq!(engine.seek(ticket('a')), Sought::Claimed, "an earlier attempt replaces nothing");
    assert_eq!(engine.seek(ticket('y')), Sought::Found('a'));
}

#[test]
fn who_withdraws_is_not_found_unless_its_ticket_is_another() {
    let engine = Engine::start();
    engine.seek(ticket('a'));
    engine.withdraw('a');
    assert_eq!(engine.left(), [""; 0]);
    engine.seek(Ticket { number: number(2), ..ticket('a') });
    engine.withdraw('a');
    assert_eq!(engine.seek(ticket('b')), Sought::Found('a'));
    engine.ask(&Request::Withdraw { pool: pool(), client: client('a'), number: number(2) });
    assert_eq!(engine.left(), [""; 0], "who is claimed may go, too");
}

#[test]
fn a_full_pool_takes_nobody_who_is_not_in_it() {
    let engine = Engine::start();
    let limited = |ticket| super::pool::seek(ticket);
    let at_most = |ticket, limit| duet_matchmaker::engine::Seek { limit, ..limited(ticket) };
    assert_eq!(engine.seek_by(at_most(shy('a', "bc"), 2)), Sought::Waits(1));
    assert_eq!(engine.seek_by(at_most(shy('b', "ac"), 2)), Sought::Waits(2));
    assert_eq!(engine.seek_by(at_most(shy('c', "ab"), 2)), Sought::Full);
    assert_eq!(engine.seek_by(at_most(shy('a', "bc"), 1)), Sought::Waits(1), "it is in already");
    assert_eq!(engine.seek_by(at_most(ticket('d'), 2)), Sought::Found('a'));
}
