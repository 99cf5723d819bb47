//! A matchmaker says how it is, and why, on the port of its metrics: without its engine, which comes back, and while it drains.

use std::time::{Duration, Instant};

use duet_testing::{RedisOptions, RedisServer};
use serde_json::Value;
use tokio::time::timeout;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::client::{PATIENCE, pause};
use crate::http::get;
use crate::metrics::{free_address, value};
use crate::phone::Phone;
use crate::process::{Duet, GATEWAY, run};

const PASSWORD: &str = "sesame-of-ours";

fn engine() -> RedisServer {
    RedisServer::start_with(RedisOptions { password: Some(PASSWORD.to_owned()), ..RedisOptions::default() })
}

/// A matchmaker, and where its metrics are.
fn matchmaker(engine_url: &str) -> (Duet, String) {
    let metrics = free_address();
    let args = ["matchmaker", "--grpc-listen", "127.0.0.1:0", "--metrics-listen", &metrics];
    let environment = [("ENGINE_URL", engine_url)];
    let used = if engine_url.is_empty() { &[][..] } else { &environment };
    (Duet::start_with(&args, used), metrics)
}

async fn readiness(metrics: &str) -> (u16, Value) {
    let answer = get(metrics, "/readyz").await;
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    (answer.status, serde_json::from_str(&answer.body).unwrap())
}

/// Waits until `/readyz` says so; with what it says.
async fn becomes(metrics: &str, status: u16) -> Value {
    let wait = async {
        loop {
            let (found, said) = readiness(metrics).await;
            if found == status {
                return said;
            }
            pause(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("never {status}"))
}

/// Waits until health says so of what links are for.
async fn signaling_becomes(health: &mut HealthClient<Channel>, status: ServingStatus) {
    let wait = async {
        while health_of(health, "duet.v1.Signaling").await != status {
            pause(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("never {status:?}"));
}

async fn health_of(health: &mut HealthClient<Channel>, service: &str) -> ServingStatus {
    let request = HealthCheckRequest { service: service.to_owned() };
    health.check(request).await.unwrap().into_inner().status()
}

/// What `duet stats` shows of the engine, to programs and to people.
fn stats(server: &str) -> (Value, String) {
    let ask = |args: &[&str]| {
        let (status, stdout, stderr) = run(args, &[("DUET_SERVER", server)]);
        assert_eq!(status, Some(0), "{stderr}");
        stdout
    };
    let told: Value = serde_json::from_str(&ask(&["stats", "--json"])).unwrap();
    let shown = ask(&["stats"]);
    let line = shown.lines().find(|line| line.starts_with("Engine ")).unwrap_or_default();
    (told["engine"].clone(), line.to_owned())
}

async fn live(metrics: &str) -> Value {
    serde_json::from_str::<Value>(&get(metrics, "/live.json").await.body).unwrap()["engine"].clone()
}

#[tokio::test]
async fn without_its_engine_a_matchmaker_is_alive_and_not_ready_and_says_why_until_it_is_back() {
    let mut engine = engine();
    let (mut duet, metrics) = matchmaker(&engine.url());
    let server = format!("http://{}", duet.address("gRPC"));
    let mut health = HealthClient::new(Endpoint::from_shared(server.clone()).unwrap().connect().await.unwrap());
    assert_eq!(becomes(&metrics, 200).await["status"], "ready");
    signaling_becomes(&mut health, ServingStatus::Serving).await;

    engine.kill();
    let said = becomes(&metrics, 503).await;
    let why = said["reason"].as_str().unwrap();
    let (lasts, what) = why.split_once(" s: ").unwrap();
    assert!(lasts.starts_with("the engine has been away for ") && !what.is_empty(), "{why}");
    assert!(!why.contains(PASSWORD), "{why}");
    assert_eq!(get(&metrics, "/healthz").await.status, 200);
    signaling_becomes(&mut health, ServingStatus::NotServing).await;
    for service in ["", "duet.v1.Matchmaker", "duet.v1.Admin"] {
        assert_eq!(health_of(&mut health, service).await, ServingStatus::Serving, "{service}");
    }
    let (told, shown) = stats(&server);
    assert!(told["up"] == false && told["away"].is_string() && told["reason"].is_string(), "{told}");
    assert!(shown.contains("away for"), "{shown}");
    let page = live(&metrics).await;
    assert!(page["awaySeconds"].is_number() && page["why"].is_string(), "{page}");
    let text = get(&metrics, "/metrics").await.body;
    assert_eq!(value(&text, "duet_engine_up"), 0.0);
    assert!(value(&text, "duet_engine_away_seconds") > 0.0);
    let faults = ["lost", "unreachable"].map(|fault| format!(r#"duet_engine_faults_total{{fault="{fault}"}}"#));
    assert!(faults.iter().map(|fault| value(&text, fault)).sum::<f64>() > 0.0, "{text}");

    engine.restart_empty();
    becomes(&metrics, 200).await;
    signaling_becomes(&mut health, ServingStatus::Serving).await;
    let (told, shown) = stats(&server);
    assert!(told["up"] == true && told["away"].is_null(), "{told}");
    assert!(shown.contains("up"), "{shown}");
    assert_eq!(live(&metrics).await["awaySeconds"], Value::Null);
    let text = get(&metrics, "/metrics").await.body;
    assert_eq!((value(&text, "duet_engine_up"), value(&text, "duet_engine_away_seconds")), (1.0, 0.0));
    assert_eq!(value(&text, "duet_engine_reconnects_total"), 1.0);
    assert!(value(&text, "duet_engine_resyncs_total") >= 1.0, "it has forgotten everything");
    assert!(duet.is_running());
}

#[tokio::test]
async fn who_shares_no_pools_is_ready_and_says_nothing_of_an_engine() {
    let (duet, metrics) = matchmaker("");
    assert_eq!(readiness(&metrics).await.0, 200);
    let (told, shown) = stats(&format!("http://{}", duet.address("gRPC")));
    assert_eq!((told, shown.as_str()), (Value::Null, ""));
    assert_eq!(live(&metrics).await, Value::Null);
    assert!(!get(&metrics, "/metrics").await.body.contains("duet_engine_"));
}

#[tokio::test]
async fn a_matchmaker_that_drains_is_not_ready_while_its_links_go_on() {
    let metrics = free_address();
    let args = ["matchmaker", "--grpc-listen", "127.0.0.1:0", "--metrics-listen", &metrics];
    let duet = Duet::start(&[&args[..], &["--drain-limit-ms", "600000"]].concat());
    let url = format!("http://{}", duet.address("gRPC"));
    let gateway =
        |name| Duet::start(&[&["gateway", "--matchmaker-url", &url, "--gateway-name", name], GATEWAY].concat());
    let [dying, _staying] = ["dying", "staying"].map(gateway);
    // Its session is kept for it to come back by the other gateway, which a drain gives it the time for.
    let phone = Phone::connect(&[&dying.address("WebSocket")]).await;
    for gateway in ["dying", "staying"] {
        duet.logged(&["link up", gateway]).await;
    }
    assert_eq!(readiness(&metrics).await.0, 200);
    drop(dying);
    duet.logged(&["link down"]).await;
    duet.signal("TERM");
    assert_eq!(becomes(&metrics, 503).await["reason"], "draining");
    assert_eq!(get(&metrics, "/healthz").await.status, 200);
    drop(phone);
}

#[tokio::test]
async fn an_engine_that_comes_and_goes_is_logged_seldom_and_without_its_password() {
    let mut engine = engine();
    let begun = Instant::now();
    let (duet, metrics) = matchmaker(&engine.url());
    for _ in 0..6 {
        becomes(&metrics, 200).await;
        engine.kill();
        becomes(&metrics, 503).await;
        engine.restart();
    }
    becomes(&metrics, 200).await;
    duet.signal("TERM");
    let (_, log) = duet.ended();
    let lines = |text: &str| log.lines().filter(|line| line.contains(text)).count() as u64;
    let at_most = 1 + begun.elapsed().as_secs() / 5;
    let told = lines("the engine is away");
    assert!((1..=at_most).contains(&told), "{told} lines: {log}");
    assert!(lines("the engine is there") <= 1 + told, "{log}");
    assert!(!log.contains(PASSWORD), "{log}");

    let wrong = engine.url().replace(PASSWORD, "sesame-of-others");
    let (duet, metrics) = matchmaker(&wrong);
    let refused = async {
        while !becomes(&metrics, 503).await["reason"].as_str().unwrap().contains("the user or password is wrong") {}
    };
    timeout(PATIENCE, refused).await.expect("it is never told what is wrong");
    duet.logged(&["the engine is away", "the user or password is wrong"]).await;
    duet.signal("TERM");
    let (_, log) = duet.ended();
    assert!(!log.contains("sesame"), "{log}");
}
