//! Replicas, their leases, and what they leave behind.

use duet_matchmaker::engine::{Request, Ticket};

use super::pool::{Engine, Sought, client, home, number, pool, seek, shy, ticket};

#[test]
fn a_homes_tickets_last_as_long_as_its_lease() {
    let engine = Engine::start();
    engine.seek_at('A', seek(ticket('a')));
    let term = engine.renew('A', 0);
    engine.pass(4_999);
    assert_eq!(engine.renew('A', 0), term);
    engine.pass(4_999);
    assert_eq!(engine.seek_at('B', seek(ticket('b'))), Sought::Found('a'));
    engine.release('b', 'a');
    engine.pass(1);
    assert_eq!(engine.seek_at('B', seek(ticket('b'))), Sought::Waits(1), "it is dropped where it is met");
}

#[test]
fn a_home_whose_lease_ran_out_is_told() {
    let engine = Engine::start();
    let answer = |engine: &Engine| engine.ask_at(&home('A'), &Request::Seek(Box::new(seek(ticket('a'))))).term.unwrap();
    let first = answer(&engine);
    assert_eq!(engine.renew('A', 0), first);
    engine.pass(5_000);
    let second = engine.renew('A', 0);
    assert_ne!(second, first);
    engine.pass(5_000);
    let third = answer(&engine);
    assert!(third != first && third != second);
}

#[test]
fn others_clear_away_what_a_dead_home_had_claimed_or_not() {
    let engine = Engine::start();
    engine.seek_at('A', seek(shy('a', "b")));
    engine.seek_at('A', seek(shy('b', "a")));
    engine.renew('A', 7);
    engine.pass(4_000);
    assert_eq!(engine.seek_at('B', seek(ticket('x'))), Sought::Found('a'));
    engine.pass(1_000);
    engine.renew('B', 2);
    assert_eq!(engine.left(), [""; 0]);
    let talking: u64 = engine.connection_query(redis::cmd("HGET").arg("duet:1:{default}:tickets").arg("#talking"));
    assert_eq!(talking, 2, "those of the dead one don't talk any more");
}

#[test]
fn a_dead_homes_tickets_go_bit_by_bit() {
    let engine = Engine::start();
    for index in 0..120_u8 {
        engine.seek_at('A', seek(Ticket { user: Some("ada".into()), ..ticket(char::from(index)) }));
    }
    engine.pass(5_000);
    let tickets = |engine: &Engine| engine.left().iter().filter(|name| name.starts_with('t')).count();
    engine.renew('B', 0);
    assert_eq!(tickets(&engine), 20);
    engine.renew('B', 0);
    assert_eq!(engine.left(), [""; 0]);
}

#[test]
fn a_replica_withdraws_only_its_own() {
    let engine = Engine::start();
    engine.seek_at('A', seek(ticket('a')));
    engine.seek_at('B', seek(ticket('a')));
    engine.ask_at(&home('A'), &Request::Withdraw { pool: pool(), client: client('a'), number: number(1) });
    assert_eq!(engine.seek(ticket('b')), Sought::Found('a'));
    engine.ask_at(&home('A'), &Request::Settle { pool: pool(), seeker: client('z'), waiter: client('a') });
    engine.release('b', 'a');
    assert_eq!(engine.seek(ticket('c')), Sought::Found('a'), "who has moved on keeps its ticket");
}

#[test]
fn all_homes_talk_together() {
    let engine = Engine::start();
    engine.renew('A', 10);
    engine.renew('B', 10);
    let lately = Ticket { recent: vec![(client('b'), std::time::Duration::from_secs(1))], ..ticket('a') };
    let talking = |ticket, talking| duet_matchmaker::engine::Seek { talking, ..seek(ticket) };
    engine.seek_by(talking(lately, 0));
    assert_eq!(engine.seek_by(talking(ticket('b'), 0)), Sought::Waits(2), "ten talk at the other");
    engine.renew('B', 0);
    assert_eq!(engine.seek_by(talking(ticket('b'), 0)), Sought::Found('a'));
}
