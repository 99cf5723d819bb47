//! An engine that is away, slow, empty or behind.

use std::time::Instant;

use duet_matchmaker::PoolKey;
use duet_matchmaker::engine::{Reply, Request, Seek, Ticket, Whereabouts};
use duet_matchmaker::server::engine::Namespace;
use duet_matchmaker::server::engine::scripts::{Home, Scripts, answer};
use duet_proto::frame::{PoolName, Wishes};
use duet_proto::ids::{BootId, ClientId, SessionNumber, TicketNumber};
use duet_testing::{RedisOptions, Sentinel};

use super::*;
use crate::client::pause;
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

#[tokio::test]
async fn the_engine_comes_back_with_what_it_had_some_time_ago() {
    let engine = RedisServer::start_with(RedisOptions { is_persistent: true, ..RedisOptions::default() });
    let url = engine.url();
    let cluster = Cluster::start_with(2, engine, url, &[]);
    // Kept by then: one who has gone since, and nobody of those who come later.
    let mut gone = cluster.phone(0).await;
    gone.say(wish("patient")).await;
    gone.expect("waiting").await;
    let copy = cluster.engine.saved();
    gone.close(Some(1000)).await;
    let back = |cluster: &mut Cluster| cluster.engine.restart_with(&copy);
    while_it_is_away("engine killed, back with old data", cluster, |cluster| cluster.engine.kill(), back).await;
}

/// What a slow or rude engine does while people come and go: it costs nobody anything but time.
async fn whoever_comes_is_met(cluster: &Cluster, pool: &str) {
    let (mut one, mut other) = (cluster.phone(0).await, cluster.phone(1).await);
    one.say(wish(pool)).await;
    one.expect("waiting").await;
    other.say(wish(pool)).await;
    while other.hear().await["type"] != "matched" {}
    while one.hear().await["type"] != "matched" {}
}

#[tokio::test]
async fn the_engine_is_slow_or_drops_its_clients_and_whoever_comes_is_met_all_the_same() {
    let arguments = vec!["--enable-debug-command".to_owned(), "yes".to_owned()];
    let engine = RedisServer::start_with(RedisOptions { arguments, ..RedisOptions::default() });
    let url = engine.url();
    let mut cluster = Cluster::start_with(2, engine, url, &[]);
    let calls = Calls::start(cluster.pairs(20).await).await;
    let begun = Instant::now();
    for (index, rude) in [
        &["CLIENT", "KILL", "TYPE", "normal"][..],
        &["CLIENT", "PAUSE", "1500"],
        &["DEBUG", "SLEEP", "1"],
        &["SCRIPT", "FLUSH"],
        &["FLUSHALL"],
        &["CONFIG", "SET", "maxmemory", "1"],
    ]
    .into_iter()
    .enumerate()
    {
        if rude[0] == "DEBUG" {
            cluster.engine.begin(rude);
        } else {
            drop(cluster.engine.tell(rude));
        }
        if rude[0] == "CONFIG" {
            // It takes nothing more, and then it does again.
            calls.go_on().await;
            cluster.engine.tell(&["CONFIG", "SET", "maxmemory", "0"]);
        }
        whoever_comes_is_met(&cluster, &format!("rude-{index}")).await;
        calls.go_on().await;
        assert!(cluster.is_alive().await);
    }
    let took = begun.elapsed();
    calls.end("CLIENT KILL, CLIENT PAUSE, DEBUG SLEEP, SCRIPT FLUSH, FLUSHALL, no memory (in all)", took).await;
}

#[tokio::test]
async fn a_claim_of_a_replica_that_died_before_it_told_anybody_runs_out() {
    let cluster = Cluster::start(2);
    let mut waiter = cluster.phone(0).await;
    waiter.say(wish("claimed")).await;
    waiter.expect("waiting").await;
    claim_and_die(&cluster, "claimed");
    let mut comer = cluster.phone(1).await;
    comer.say(wish("claimed")).await;
    // Nobody can be found before the claim has run out.
    comer.expect("waiting").await;
    assert_eq!(waiter.expect("matched").await["partnerId"], comer.id);
    assert_eq!(comer.expect("matched").await["partnerId"], waiter.id);
}

/// A replica runs the script that finds the waiter of a pool, and is never heard of again.
fn claim_and_die(cluster: &Cluster, pool: &str) {
    let scripts = Scripts::new(Namespace::default());
    let mut engine = redis::Client::open(cluster.engine_url.as_str()).unwrap().get_connection().unwrap();
    let name = PoolName::new(pool).unwrap();
    let ticket = Ticket {
        client: ClientId::from_random([7; 16]),
        number: TicketNumber { attempt: 1, round: 0 },
        pool: PoolKey { name: name.clone(), quarantined: false },
        wishes: Wishes::anybody(name),
        is_wide: true,
        user: None,
        blocked: Vec::new(),
        apart: Vec::new(),
        blocked_users: Vec::new(),
        recent: Vec::new(),
        cares_for: Duration::ZERO,
        waited: Duration::ZERO,
        head_start: Duration::ZERO,
        at: Whereabouts {
            gateway: "gone".into(),
            boot: BootId::from_random([7; 16]),
            worker: 0,
            session: SessionNumber(1),
        },
    };
    let seek = Seek {
        ticket,
        arrival: 1,
        limit: 0,
        talking: 0,
        recent_partners: 0,
        rematch_avoid: Duration::ZERO,
        come_to: None,
    };
    let request = Request::Seek(Box::new(seek));
    let value = scripts.command(&request, &Home("dead.1".into()), None).query(&mut engine).unwrap();
    let found = answer(&request, &value).unwrap().reply;
    assert!(matches!(found, Some(Reply::Found { .. })), "{found:?}");
}

#[tokio::test]
async fn a_sentinel_makes_another_server_the_engine() {
    let primary = RedisServer::start();
    let _copy = RedisServer::start_with(RedisOptions { replica_of: Some(primary.port()), ..RedisOptions::default() });
    let sentinel = Sentinel::start("main", primary.port());
    let url = format!("redis+sentinel://127.0.0.1:{}/main", sentinel.port());
    let cluster = Cluster::start_with(2, primary, url, &[]);
    let knows =
        |sentinel: &Sentinel| sentinel.tell(&["SENTINEL", "REPLICAS", "main"]).contains("master-link-status\nok");
    while !knows(&sentinel) {
        pause(Duration::from_millis(50)).await;
    }
    // The way back is the other server's.
    while_it_is_away("sentinel failover", cluster, |cluster| cluster.engine.kill(), |_| {}).await;
}

#[tokio::test]
async fn two_engines_at_once_let_nobody_meet_two() {
    let (one, other) = (RedisServer::start(), RedisServer::start());
    let url = one.url();
    // The replicas disagree about which is the engine, as after a split of the network.
    let mut cluster = Cluster::start_with(1, one, url, &[]);
    cluster.engine_url = other.url();
    cluster.add_replica();
    cluster.restart_gateways();
    let mut people = Vec::new();
    for index in 0..40 {
        let mut phone = cluster.phone(index % 2).await;
        phone.say(wish("split")).await;
        people.push(phone);
    }
    // Each engine's own meet, and of each at most one is left over.
    let mut met = std::collections::BTreeMap::new();
    let mut waiting = 0;
    for phone in &mut people {
        match tokio::time::timeout(Duration::from_secs(2), matched(phone)).await {
            Ok(partner) => drop(met.insert(phone.id.clone(), partner)),
            Err(_) => waiting += 1,
        }
    }
    assert!(waiting <= 2, "{waiting} wait");
    for (one, other) in &met {
        assert_eq!(met.get(other), Some(one), "each is with the one who is with it");
    }
}

async fn matched(phone: &mut Phone) -> String {
    loop {
        let message = phone.hear().await;
        if message["type"] == "matched" {
            return message["partnerId"].as_str().unwrap().to_owned();
        }
    }
}
