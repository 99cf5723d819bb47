//! Replicas and gateways that die, end in order, or are replaced by others.

use std::time::Instant;

use super::*;

#[tokio::test]
async fn a_replica_is_killed_and_its_calls_go_on_at_the_others() {
    let mut cluster = Cluster::start(3);
    let mut pairs = cluster.pairs(100).await;
    pairs.extend(cluster.base_pairs(20).await);
    let calls = Calls::start(pairs).await;
    cluster.kill_replica(1);
    let recovered = calls.recover().await;
    cluster.restart_replica(1);
    calls.go_on().await;
    calls.end("one of three replicas killed", recovered).await;
}

#[tokio::test]
async fn whoever_waits_at_a_replica_that_is_killed_keeps_its_place() {
    let mut cluster = Cluster::start(2);
    let mut waiters = Vec::new();
    for index in 0..4 {
        let mut waiter = cluster.phone(index % 2).await;
        waiter.say(wish(&format!("of-{index}"))).await;
        waiter.expect("waiting").await;
        waiters.push(waiter);
    }
    cluster.kill_replica(0);
    for (index, waiter) in waiters.iter_mut().enumerate() {
        let mut comer = cluster.phone(0).await;
        comer.say(wish(&format!("of-{index}"))).await;
        while comer.hear().await["type"] != "matched" {}
        while waiter.hear().await["type"] != "matched" {}
    }
}

#[tokio::test]
async fn a_gateway_is_killed_and_its_phones_go_on_over_the_other_wherever_their_sessions_are() {
    let mut cluster = Cluster::start(3);
    let calls = Calls::start(cluster.pairs(100).await).await;
    drop(cluster.gateways[1].take());
    let recovered = calls.recover().await;
    cluster.restart_gateway(1);
    calls.end("gateway killed, three replicas", recovered).await;
}

#[tokio::test]
async fn all_replicas_and_gateways_are_replaced_one_after_the_other_under_load() {
    let mut cluster = Cluster::start(2);
    let calls = Calls::start(cluster.pairs(60).await).await;
    let begun = Instant::now();
    for index in 0..2 {
        end(cluster.replicas[index].take().unwrap());
        calls.go_on().await;
        cluster.restart_replica(index);
        cluster.linked(index).await;
        calls.go_on().await;
    }
    for index in 0..2 {
        end(cluster.gateways[index].take().unwrap());
        cluster.restart_gateway(index);
        calls.go_on().await;
    }
    let took = begun.elapsed();
    calls.end("rolling restart of two replicas and two gateways (in all)", took).await;
}

#[tokio::test]
async fn a_frozen_replica_is_left_and_what_it_still_says_when_it_thaws_harms_nobody() {
    let engine = RedisServer::start();
    let url = engine.url();
    let cluster =
        Cluster::start_with(2, engine, url, &["--link-ping-interval-ms", "300", "--link-ping-timeout-ms", "300"]);
    let calls = Calls::start(cluster.pairs(40).await).await;
    cluster.replicas[0].as_ref().unwrap().signal("STOP");
    let recovered = calls.recover().await;
    cluster.replicas[0].as_ref().unwrap().signal("CONT");
    calls.go_on().await;
    calls.end("one of two replicas frozen (SIGSTOP)", recovered).await;
}
