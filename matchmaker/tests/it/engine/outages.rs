//! What becomes of requests while the engine is away, and what is told anew once it is back.

use duet_matchmaker::engine::Request;
use duet_matchmaker::server::engine::{EngineSettings, Fault};
use duet_proto::ids::BootId;
use duet_testing::{RedisOptions, RedisServer};

use super::driven::{Driven, PATIENCE, Told};
use super::pool::{client, number, pool, shy, ticket};

/// Says something to a server.
async fn say(server: &RedisServer, words: &[&str]) {
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let _: redis::Value = redis::cmd(words[0]).arg(&words[1..]).query_async(&mut connection).await.unwrap();
}

#[tokio::test]
async fn replies_come_in_the_order_of_requests() {
    let server = RedisServer::start();
    let mut driven = Driven::start(&server.url());
    for name in (130..180).map(char::from) {
        driven.seek(shy(name, &(130..180).map(char::from).collect::<String>()));
    }
    driven.seek(ticket('z'));
    for name in (130..180).map(char::from) {
        assert_eq!(driven.told().await, Told::Waits(client(name)));
    }
    assert_eq!(driven.told().await, Told::Found(client('z'), client(char::from(130))));
}

#[tokio::test]
async fn an_engine_that_is_not_there_yet_is_waited_for() {
    let mut server = RedisServer::start();
    server.kill();
    let mut driven = Driven::start(&server.url());
    driven.seek(ticket('a'));
    driven.away(Fault::Unreachable).await;
    server.restart();
    assert_eq!(driven.told().await, Told::Waits(client('a')));
    driven.up().await;
}

#[tokio::test]
async fn an_engine_that_comes_back_empty_is_told_anew() {
    let mut server = RedisServer::start();
    let mut driven = Driven::start(&server.url());
    driven.seek(ticket('a'));
    assert_eq!(driven.told().await, Told::Waits(client('a')));
    server.kill();
    driven.away(Fault::Unreachable).await;
    driven.seek(ticket('b'));
    server.restart_empty();
    assert_eq!(driven.told().await, Told::Resync);
    assert_eq!(driven.told().await, Told::Waits(client('b')), "what was asked meanwhile is asked now");
    assert_eq!(driven.status.reconnects.get(), 1);
}

#[tokio::test]
async fn an_engine_that_comes_back_with_its_data_is_told_anew_as_some_may_be_missing() {
    let mut server = RedisServer::start_with(RedisOptions { is_persistent: true, ..RedisOptions::default() });
    let mut driven = Driven::start(&server.url());
    driven.seek(ticket('a'));
    assert_eq!(driven.told().await, Told::Waits(client('a')));
    server.restart();
    driven.seek(ticket('b'));
    assert_eq!(driven.told().await, Told::Resync);
    assert_eq!(driven.told().await, Told::Found(client('b'), client('a')));
}

#[tokio::test]
async fn an_engine_that_stops_answering_is_away_and_nothing_is_lost() {
    let server = RedisServer::start();
    let mut driven = Driven::start(&server.url());
    driven.up().await;
    server.stop();
    driven.seek(ticket('a'));
    driven.away(Fault::Late).await;
    server.cont();
    assert_eq!(driven.answered().await, Told::Waits(client('a')));
    say(&server, &["CLIENT", "PAUSE", "700"]).await;
    driven.seek(ticket('b'));
    assert_eq!(driven.answered().await, Told::Found(client('b'), client('a')));
}

#[tokio::test]
async fn a_connection_that_is_cut_is_made_again() {
    let server = RedisServer::start();
    let mut driven = Driven::start(&server.url());
    driven.seek(ticket('a'));
    assert_eq!(driven.told().await, Told::Waits(client('a')));
    say(&server, &["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]).await;
    driven.seek(ticket('b'));
    assert_eq!(driven.told().await, Told::Found(client('b'), client('a')), "nothing has to be told anew");
    assert_eq!(driven.status.reconnects.get(), 1);
}

#[tokio::test]
async fn scripts_that_the_engine_forgets_are_loaded_again() {
    let server = RedisServer::start();
    let mut driven = Driven::start(&server.url());
    driven.up().await;
    say(&server, &["SCRIPT", "FLUSH"]).await;
    driven.seek(ticket('a'));
    driven.queue.push(Request::Withdraw { pool: pool(), client: client('a'), number: number(1) });
    driven.seek(ticket('b'));
    assert_eq!(driven.told().await, Told::Waits(client('a')));
    assert_eq!(driven.told().await, Told::Waits(client('b')));
    assert_eq!(driven.status.reconnects.get(), 0);
}

#[tokio::test]
async fn data_that_vanishes_under_a_connection_is_noticed() {
    let server = RedisServer::start();
    let mut driven = Driven::start(&server.url());
    driven.seek(ticket('a'));
    assert_eq!(driven.told().await, Told::Waits(client('a')));
    say(&server, &["FLUSHALL"]).await;
    assert_eq!(driven.told().await, Told::Resync, "the engine is another");
    driven.seek(ticket('a'));
    assert_eq!(driven.told().await, Told::Waits(client('a')));
    say(&server, &["DEL", "duet:1:{default}:tickets", "duet:1:{default}:lanes"]).await;
    assert_eq!(driven.told().await, Told::Resync, "the lease is another");
}

#[tokio::test]
async fn a_wrong_password_is_named_but_not_told() {
    let password = Some("right-one".to_owned());
    let server = RedisServer::start_with(RedisOptions { password, ..RedisOptions::default() });
    let wrong = server.url().replace("right-one", "wrong-one");
    for url in [wrong, server.url().replace(":right-one@", "")] {
        let driven = Driven::start(&url);
        let trouble = driven.away(Fault::Forbidden).await;
        assert!(trouble.text.contains("password") && !trouble.text.contains("wrong-one"), "{trouble}");
    }
    Driven::start(&server.url()).up().await;
}

#[tokio::test]
async fn a_copy_is_not_written_to_and_is_back_once_it_is_none() {
    let (primary, server) = (RedisServer::start(), RedisServer::start());
    let mut driven = Driven::start(&server.url());
    driven.up().await;
    say(&server, &["REPLICAOF", "127.0.0.1", &primary.port().to_string()]).await;
    driven.seek(ticket('a'));
    driven.away(Fault::ReadOnly).await;
    say(&server, &["REPLICAOF", "NO", "ONE"]).await;
    assert_eq!(driven.answered().await, Told::Waits(client('a')));
}

#[tokio::test]
async fn too_many_requests_are_dropped_and_everything_is_told_anew() {
    let mut server = RedisServer::start();
    server.kill();
    let settings = EngineSettings { queue: 4, ..EngineSettings::new(server.url().parse().unwrap()) };
    let mut driven = Driven::start_with(settings, 1);
    driven.away(Fault::Unreachable).await;
    for name in "abcde".chars() {
        driven.seek(ticket(name));
    }
    server.restart();
    assert_eq!(driven.told().await, Told::Resync);
    driven.seek(ticket('z'));
    assert_eq!(driven.told().await, Told::Waits(client('z')), "none of the others was asked for");
}

#[tokio::test]
async fn a_lease_is_renewed_by_itself() {
    let server = RedisServer::start();
    let driven = Driven::start(&server.url());
    driven.up().await;
    let field = format!("h{}.1", BootId::from_random([1; 16]));
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let mut read = redis::cmd("HGET");
    read.arg("duet:1:{default}:tickets").arg(field);
    let first: Vec<u8> = read.query_async(&mut connection).await.unwrap();
    let later = async {
        loop {
            let lease: Vec<u8> = read.query_async(&mut connection).await.unwrap();
            if lease[8..] != first[8..] {
                return lease;
            }
        }
    };
    let later = tokio::time::timeout(PATIENCE, later).await.expect("it is renewed");
    assert!(later[..8] == first[..8] && later[8..] > first[8..], "the same term ends later");
}

#[tokio::test]
async fn who_talks_is_told_until_nobody_does() {
    let server = RedisServer::start();
    let driven = Driven::start(&server.url());
    let client = redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    for talking in [4, 0] {
        *driven.pools.lock().unwrap() = if talking > 0 { vec![(pool(), talking)] } else { Vec::new() };
        let told = async {
            loop {
                let mut read = redis::cmd("HGET");
                let read = read.arg("duet:1:{default}:tickets").arg("#talking");
                let told: Option<usize> = read.query_async(&mut connection).await.unwrap();
                if told == Some(talking) {
                    return;
                }
            }
        };
        tokio::time::timeout(PATIENCE, told).await.expect("it is told");
    }
}
