//! An engine that is away, slow, empty or behind.

use std::time::Instant;

use duet_testing::RedisOptions;

use super::*;
use crate::process::scaled;

/// Lets the engine be away while calls go on, somebody waits and somebody comes; then those two meet.
async fn while_it_is_away(
    what: &str,
    mut cluster: Cluster,
    away: impl FnOnce(&mut Cluster),
    back: impl FnOnce(&mut Cluster),
) {
    let calls = Calls::start(cluster.pairs(40).await).await;
    let mut waiter = cluster.phone(0).await;
    waiter.say(wish("patient")).await;
    waiter.expect("waiting").await;
    away(&mut cluster);
    let mut comer = cluster.phone(1).await;
    comer.say(wish("patient")).await;
    // Nobody is found for it, and it hears that it waits all the same.
    comer.expect("waiting").await;
    let until = Instant::now() + scaled(Duration::from_secs(30), Duration::from_secs(3));
    while Instant::now() < until {
        calls.go_on().await;
        assert!(cluster.is_alive().await, "liveness has nothing to do with the engine");
    }
    back(&mut cluster);
    let begun = Instant::now();
    while waiter.hear().await["type"] != "matched" {}
    while comer.hear().await["type"] != "matched" {}
    let recovered = begun.elapsed();
    calls.go_on().await;
    calls.end(what, recovered).await;
}

#[tokio::test]
async fn the_engine_is_killed_and_comes_back_with_nothing() {
    let cluster = Cluster::start(2);
    while_it_is_away(
        "engine killed, back empty",
        cluster,
        |cluster| cluster.engine.kill(),
        |cluster| cluster.engine.restart_empty(),
    )
    .await;
}

#[tokio::test]
async fn the_engine_is_killed_and_comes_back_with_what_it_had() {
    let engine = RedisServer::start_with(RedisOptions { is_persistent: true, ..RedisOptions::default() });
    let url = engine.url();
    let cluster = Cluster::start_with(2, engine, url, &[]);
    while_it_is_away(
        "engine killed, back with its data",
        cluster,
        |cluster| cluster.engine.kill(),
        |cluster| cluster.engine.restart(),
    )
    .await;
}

#[tokio::test]
async fn the_engine_is_frozen() {
    let cluster = Cluster::start(2);
    while_it_is_away(
        "engine frozen (SIGSTOP)",
        cluster,
        |cluster| cluster.engine.stop(),
        |cluster| cluster.engine.cont(),
    )
    .await;
}
