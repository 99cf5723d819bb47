//! What operators look at, by a real Prometheus that scrapes real processes: the configuration, the alerts, and every expression of the
//! dashboard.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use duet_testing::RedisServer;
use serde_json::Value;
use tokio::time::timeout;

use crate::client::{Client, PATIENCE, pair, pause};
use crate::http::exchange;
use crate::metrics::free_address;
use crate::process::{Duet, GATEWAY};

/// A running Prometheus, in a directory of its own. Both are gone when it is dropped.
struct Prometheus {
    child: Child,
    address: String,
    directory: PathBuf,
}

impl Prometheus {
    /// Scrapes what `deploy/prometheus/prometheus.yml` names, at other addresses and more often.
    fn start(addresses: &[(&str, &str)]) -> Self {
        let address = free_address();
        let directory = std::env::temp_dir().join(format!("duet-prometheus-{}", address.replace(':', "-")));
        fs::create_dir_all(&directory).unwrap();
        let mut config = fs::read_to_string(deploy("prometheus/prometheus.yml")).unwrap();
        for (old, new) in [&[("_interval: 15s", "_interval: 200ms")], addresses].concat() {
            assert!(config.contains(old), "{old}");
            config = config.replace(old, new);
        }
        fs::write(directory.join("prometheus.yml"), config).unwrap();
        fs::copy(deploy("prometheus/alerts.yml"), directory.join("alerts.yml")).unwrap();
        let mut command = Command::new("prometheus");
        command.arg(format!("--config.file={}", directory.join("prometheus.yml").display()));
        command.arg(format!("--storage.tsdb.path={}", directory.join("data").display()));
        command.arg(format!("--web.listen-address={address}"));
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Prometheus { child: child.expect("Debian's package prometheus is needed"), address, directory }
    }

    async fn ask(&self, path: &str) -> Value {
        let asked = async {
            loop {
                if tokio::net::TcpStream::connect(&self.address).await.is_ok() {
                    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
                    let answer = exchange(&self.address, &request).await;
                    // It listens before it is ready.
                    if answer.status != 503 {
                        return unchunked(&answer.body);
                    }
                }
                pause(Duration::from_millis(50)).await;
            }
        };
        let body = timeout(PATIENCE, asked).await.expect("Prometheus does not answer");
        let answer: Value = serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"));
        assert_eq!(answer["status"], "success", "{path}: {answer}");
        answer["data"].clone()
    }

    /// What an expression comes to now.
    async fn query(&self, expression: &str) -> Vec<Value> {
        let escaped: String = expression.bytes().map(|byte| format!("%{byte:02X}")).collect();
        self.ask(&format!("/api/v1/query?query={escaped}")).await["result"].as_array().unwrap().clone()
    }

    /// Waits until an expression comes to something.
    async fn comes_to_something(&self, expression: &str) {
        let wait = async {
            while self.query(expression).await.is_empty() {
                pause(Duration::from_millis(100)).await;
            }
        };
        assert!(timeout(PATIENCE, wait).await.is_ok(), "nothing comes of {expression}");
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn deploy(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy").join(path)
}

/// A body without the marks of its chunks, if it has any.
fn unchunked(body: &str) -> String {
    let mut rest = body;
    let mut whole = String::new();
    while let Some((length, after)) = rest.split_once("\r\n") {
        let Ok(length) = usize::from_str_radix(length, 16) else { return body.to_owned() };
        whole += &after[..length];
        rest = after[length..].trim_start_matches("\r\n");
    }
    if whole.is_empty() { body.to_owned() } else { whole }
}

/// The dashboard's expressions with Grafana's variables filled in.
fn expressions() -> Vec<String> {
    let dashboard = fs::read_to_string(deploy("grafana/dashboards/duet.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&dashboard).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let filled = |text: &str| text.replace("$__rate_interval", "1m").replace("$instance", ".*");
    targets.map(|target| filled(target["expr"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn the_dashboard_and_the_alerts_work_on_what_the_processes_say() {
    let [first, second, third, fourth] = [free_address(), free_address(), free_address(), free_address()];
    let receiver = format!("http://{}/", free_address());
    let engine = RedisServer::start();
    let engine_url = engine.url();
    let webhooks = ["--webhook-url", &receiver, "--webhook-secret", "of-a-receiver-that-is-away"];
    let shares = ["--engine-url", &engine_url];
    let matchmaker =
        [&["matchmaker", "--grpc-listen", "127.0.0.1:0", "--metrics-listen", &third], &shares[..]].concat();
    let matchmaker = Duet::start(&[&matchmaker[..], &webhooks].concat());
    // Nobody links to it: to Prometheus that is one that is idle.
    let _idle = Duet::start(&["matchmaker", "--grpc-listen", "127.0.0.1:0", "--metrics-listen", &fourth]);
    let url = format!("http://{}", matchmaker.address("gRPC"));
    let gateway = |name, at| {
        let args = ["gateway", "--matchmaker-url", &url, "--gateway-name", name, "--metrics-listen", at];
        Duet::start(&[&args, GATEWAY].concat())
    };
    let gateways = [gateway("gateway-1", &first), gateway("gateway-2", &second)];
    let gateway_places = [("gateway-1:9464", &*first), ("gateway-2:9464", &*second)];
    let matchmaker_places = [("matchmaker-1:9464", &*third), ("matchmaker-2:9464", &*fourth)];
    let prometheus = Prometheus::start(&[gateway_places, matchmaker_places].concat());
    prometheus.comes_to_something(r#"sum(up{job="duet"}) == 4"#).await;

    // After the first scrape, as what is there from the start has no rate.
    let address = gateways[0].address("WebSocket");
    let (mut one, mut other, _) = pair(&address).await;
    other.say(r#"{"type":"offer","sdp":"v=0"}"#).await;
    one.expect("offer").await;
    one.say(r#"{"type":"answer","sdp":"v=0"}"#).await;
    other.expect("answer").await;
    one.say(r#"{"type":"state","ice":"connected","setupMs":700,"candidateType":"host"}"#).await;
    one.say(r#"{"type":"dance"}"#).await;
    one.refused("unknown-type").await;
    other.close(1000).await;
    one.expect("partner-left").await;
    let mut many = Client::connect(&address).await;
    for _ in 0..40 {
        many.say(&"x".repeat(4)).await;
    }
    assert_eq!(u16::from(many.closed().await.code), 1008, "so that something is refused");

    for expression in expressions() {
        prometheus.comes_to_something(&expression).await;
    }

    let rules = prometheus.ask("/api/v1/rules").await;
    let rules: Vec<&Value> =
        rules["groups"].as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap()).collect();
    assert!(rules.len() > 10);
    let unwell: Vec<&&Value> =
        rules.iter().filter(|rule| rule["health"] != "ok" || !rule["alerts"].as_array().unwrap().is_empty()).collect();
    assert!(unwell.is_empty(), "all is well just now: {unwell:?}");
}
