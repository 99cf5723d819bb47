//! What is measured of pools that matchmakers share.

use duet_testing::RedisServer;

use super::*;
use crate::client::pair_across;

/// Matchmakers of one engine, and where their metrics are.
fn sharing(engine: &RedisServer) -> (Vec<Duet>, [String; 2]) {
    let metrics = [free_address(), free_address()];
    let start = |at: &String| {
        let args = ["matchmaker", "--grpc-listen", "127.0.0.1:0", "--matchmaker-name", at, "--metrics-listen", at];
        Duet::start_with(&args, &[("ENGINE_URL", &engine.url())])
    };
    (metrics.iter().map(start).collect(), metrics)
}

#[tokio::test]
async fn partners_that_matchmakers_find_at_each_other_are_counted() {
    let engine = RedisServer::start();
    let (matchmakers, metrics) = sharing(&engine);
    let urls: Vec<_> = matchmakers.iter().map(|duet| format!("http://{}", duet.address("gRPC"))).collect();
    let links = ["--matchmaker-url", &urls.join(","), "--workers", "1"];
    let gateway = Duet::start(&[&["gateway"], &links[..], GATEWAY].concat());
    for metrics in &metrics {
        becomes(metrics, "duet_engine_up", 1.0).await;
        becomes(metrics, "duet_matchmaker_links", 1.0).await;
    }
    let address = gateway.address("WebSocket");
    // Sessions are spread over both, so that some pairs are of one matchmaker and others are not.
    let mut pairs = Vec::new();
    for _ in 0..4 {
        pairs.push(pair_across(&address, &address).await);
        pairs.push(pair_across(&address, &address).await);
        // From here on the other way round.
        drop(Client::connect(&address).await);
    }
    for metrics in &metrics {
        let text = scrape(metrics).await;
        assert_eq!(value(&text, r#"duet_engine_faults_total{fault="script"}"#), 0.0);
        assert!(value(&text, "duet_engine_commands_total") > 0.0);
        assert!(value(&text, "duet_engine_round_trip_seconds_count") > 0.0);
        assert_eq!(value(&text, "duet_engine_queue_max_requests"), 65_536.0);
    }
    assert_eq!(sum(&metrics, "duet_matches_total").await, 8.0);
    assert!(sum(&metrics, "duet_shared_searches_total").await >= 8.0);
    let summons = sum(&metrics, "duet_shared_summons_total").await;
    assert!((1.0..=8.0).contains(&summons), "{summons}");
    assert_eq!(sum(&metrics, r#"duet_shared_promises_total{result="kept"}"#).await, summons);
    assert_eq!(sum(&metrics, r#"duet_shared_sessions_moved_total{direction="here"}"#).await, summons);
    let gone =
        async { while sum(&metrics, r#"duet_shared_sessions_moved_total{direction="away"}"#).await != summons {} };
    timeout(PATIENCE, gone).await.expect("those who came have not left where they were");
}

/// Of both matchmakers together.
async fn sum(metrics: &[String; 2], line: &str) -> f64 {
    let mut sum = 0.0;
    for metrics in metrics {
        sum += value(&scrape(metrics).await, line);
    }
    sum
}

#[tokio::test]
async fn they_are_pushed_to_a_collector_as_well() {
    let engine = RedisServer::start();
    let (endpoint, mut pushes) = collector("grpc").await;
    let environment = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint),
        ("OTEL_METRIC_EXPORT_INTERVAL", "50"),
        ("ENGINE_URL", &engine.url()),
    ];
    let _duet = Duet::start_with(&["matchmaker", "--grpc-listen", "127.0.0.1:0"], &environment);
    let (request, _) = timeout(PATIENCE, pushes.recv()).await.expect("nothing is pushed").unwrap();
    let metrics = &request.resource_metrics[0].scope_metrics[0].metrics;
    let pushed: BTreeSet<&str> = metrics.iter().map(|metric| metric.name.as_str()).collect();
    let documented = documented();
    let of_engine = documented.keys().filter(|name| is_of_an_engine(name));
    let missing: Vec<_> = of_engine.filter(|name| !pushed.contains(name.trim_end_matches("_total"))).collect();
    assert!(missing.is_empty(), "{missing:?}: {pushed:?}");
}
