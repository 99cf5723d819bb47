//! An engine whose primary dies, and the sentinel that finds another.

use duet_matchmaker::server::engine::{EngineState, Fault};
use duet_testing::{RedisOptions, RedisServer, Sentinel};

use super::driven::{Driven, Told};
use super::pool::{client, ticket};

#[tokio::test]
async fn the_primary_that_sentinels_choose_is_followed() {
    let mut primary = RedisServer::start();
    let options = RedisOptions { replica_of: Some(primary.port()), ..RedisOptions::default() };
    let copy = RedisServer::start_with(options);
    let sentinel = Sentinel::start("main", primary.port());
    wait_for_copy(&sentinel).await;
    // The first of them is not there.
    let url = format!("redis+sentinel://127.0.0.1:1,127.0.0.1:{}/main", sentinel.port());
    let mut driven = Driven::start(&url);
    driven.seek(ticket('a'));
    assert_eq!(driven.told().await, Told::Waits(client('a')));
    primary.kill();
    driven.seek(ticket('b'));
    assert_eq!(driven.told().await, Told::Resync, "the copy may lack what came last");
    driven.answered().await;
    driven.up().await;
    let mut connection = redis::Client::open(copy.url()).unwrap().get_connection().unwrap();
    let role: redis::Value = redis::cmd("ROLE").query(&mut connection).unwrap();
    assert!(matches!(role, redis::Value::Array(parts) if parts[0] == redis::Value::BulkString(b"master".into())));
}

#[tokio::test]
async fn a_name_that_sentinels_do_not_know_is_told() {
    let primary = RedisServer::start();
    let sentinel = Sentinel::start("main", primary.port());
    let driven = Driven::start(&format!("redis+sentinel://127.0.0.1:{}/other", sentinel.port()));
    let trouble = driven.away(Fault::Unreachable).await;
    assert!(trouble.text.contains("name"), "{trouble}");
    assert!(matches!(&*driven.status.state().borrow(), EngineState::Away { .. }));
}

/// A sentinel asks the primary for its replicas now and then.
async fn wait_for_copy(sentinel: &Sentinel) {
    let client = redis::Client::open(format!("redis://127.0.0.1:{}", sentinel.port())).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    for _ in 0..600 {
        let known: redis::Value =
            redis::cmd("SENTINEL").arg("REPLICAS").arg("main").query_async(&mut connection).await.unwrap();
        let is_linked = format!("{known:?}").contains("master-link-status");
        if is_linked && format!("{known:?}").contains("bulk-string('\"ok\"')") {
            return;
        }
        tokio::time::sleep_until(tokio::time::Instant::now() + std::time::Duration::from_millis(50)).await;
    }
    panic!("the sentinel does not learn of the copy");
}
