//! What an engine keeps, and for how long.

use duet_matchmaker::PoolKey;
use duet_matchmaker::engine::{Reply, Request, Ticket};
use duet_matchmaker::server::engine::scripts::answer;

use super::pool::{Engine, Sought, client, home, pool, seek, ticket, wishing};

#[test]
fn keys_expire_by_themselves() {
    let engine = Engine::start();
    engine.seek(wishing('a', &["t"], Some("eu")));
    let keys: Vec<String> = engine.connection_query(redis::cmd("KEYS").arg("*"));
    assert_eq!(keys.len(), 2, "{keys:?}");
    for key in keys {
        let left: i64 = engine.connection_query(redis::cmd("PTTL").arg(key));
        assert!((1..=60_000).contains(&left), "{left}");
    }
}

#[test]
fn pools_are_apart_as_are_those_in_quarantine() {
    let engine = Engine::start();
    engine.seek(ticket('a'));
    let quarantined = PoolKey { quarantined: true, ..pool() };
    let other = Ticket { pool: quarantined, ..ticket('b') };
    assert_eq!(engine.seek(other), Sought::Waits(1));
}

#[test]
fn scripts_that_were_forgotten_are_loaded_again() {
    let engine = Engine::start();
    engine.run(redis::cmd("SCRIPT").arg("FLUSH"));
    let command = engine.scripts.renew(&pool(), &home('A'), 0, None);
    let error = engine.try_run(&command).unwrap_err();
    assert_eq!(error.code(), Some("NOSCRIPT"));
    engine.load();
    assert!(engine.try_run(&command).is_ok());
}

#[test]
fn scripts_touch_only_the_keys_that_they_declare() {
    let engine = Engine::start();
    // A user who may use nothing but what is under these keys is refused whatever else a script would touch.
    let allowed = ["on", "nopass", "~duet:1:{default}:tickets", "~duet:1:{default}:lanes", "+@all"];
    engine.run(redis::cmd("ACL").arg("SETUSER").arg("narrow").arg(&allowed));
    engine.run(redis::cmd("AUTH").arg("narrow").arg("any"));
    engine.seek(wishing('a', &["t", "u"], Some("eu")));
    assert_eq!(engine.seek(wishing('b', &["t"], Some("eu"))), Sought::Found('a'));
    engine.release('b', 'a');
    assert_eq!(engine.seek(wishing('b', &["t"], Some("eu"))), Sought::Found('a'));
    engine.discard('b', 'a', 1);
    engine.pass(5_000);
    engine.renew('B', 0);
    let elsewhere = Ticket { pool: PoolKey { quarantined: true, ..pool() }, ..ticket('c') };
    let request = Request::Seek(Box::new(seek(elsewhere)));
    let error = engine.try_run(&engine.scripts.command(&request, &home('A'), None)).unwrap_err();
    assert_eq!(error.code(), Some("NOPERM"));
}

#[test]
fn the_servers_clock_counts_where_no_test_brings_one() {
    let engine = Engine::start();
    let ask = |name| {
        let request = Request::Seek(Box::new(seek(ticket(name))));
        answer(&request, &engine.run(&engine.scripts.command(&request, &home('A'), None))).unwrap().reply.unwrap()
    };
    ask('a');
    assert!(matches!(ask('b'), duet_matchmaker::engine::Reply::Found { .. }));
}

#[test]
fn what_no_script_answers_is_an_error() {
    use redis::Value;
    let request = Request::Seek(Box::new(seek(ticket('a'))));
    let text = |text: &str| Value::BulkString(text.into());
    for bad in [
        Value::Nil,
        Value::Int(3),
        Value::Array(vec![]),
        Value::Array(vec![text("found"), text("1")]),
        Value::Array(vec![text("found"), text("1"), text("no ticket"), Value::Int(1)]),
        Value::Array(vec![text("waits"), text("1"), Value::Int(-1), Value::Int(0), text("")]),
        Value::Array(vec![text("other"), text("1")]),
    ] {
        assert!(answer(&request, &bad).is_err(), "{bad:?}");
    }
}

/// What a later version adds to a ticket: facts for its scripts, and a field for its replicas, here number 999 with the value 1.
const NEWER: &str = "local ticket = cmsgpack.unpack(redis.call('HGET', KEYS[1], ARGV[1]))
    ticket.newer, ticket.blob = {1, 'two'}, ticket.blob .. '\\184\\62\\1'
    redis.call('HSET', KEYS[1], ARGV[1], cmsgpack.pack(ticket))";

#[test]
fn a_ticket_with_what_only_later_versions_know_is_found_like_any_other() {
    let engine = Engine::start();
    engine.seek(ticket('a'));
    let field = [b"t", &client('a').as_bytes()[..]].concat();
    engine.run(redis::cmd("EVAL").arg(NEWER).arg(1).arg("duet:1:{default}:tickets").arg(field));
    let asked = Request::Seek(Box::new(seek(ticket('b'))));
    let Some(Reply::Found { waiter, .. }) = engine.ask(&asked) else { panic!("nobody is found") };
    assert_eq!(*waiter, ticket('a'));
}

#[test]
fn what_another_schema_keeps_is_left_alone() {
    let engine = Engine::start();
    let [other, own] = ["duet:2:{default}:tickets", "duet:1:{default}:tickets"];
    engine.run(redis::cmd("HSET").arg(other).arg("field").arg("value"));
    engine.seek(ticket('a'));
    engine.renew('A', 0);
    engine.seek(ticket('b'));
    engine.settle('b', 'a');
    assert_eq!(engine.run(redis::cmd("HLEN").arg(other)), redis::Value::Int(1));
    assert_ne!(engine.run(redis::cmd("EXISTS").arg(own)), redis::Value::Int(0));
}
