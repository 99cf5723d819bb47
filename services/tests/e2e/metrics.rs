//! `/metrics`: on a port of its own, everything in it documented and true, and the same pushed by OTLP.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::Duration;

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::post;
use duet_testing::RedisServer;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{ExportMetricsServiceRequest, ExportMetricsServiceResponse};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use prost::Message as _;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::http;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use crate::client::{Client, PATIENCE, pair, pause};
use crate::http::{exchange, get, upgrade};
use crate::process::{Deployment, Duet, GATEWAY, SHAPES, Shape};

mod engine;

/// A port that was free a moment ago.
pub(crate) fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// A deployment, and where each of its processes serves metrics; in one process it is the same place twice.
pub(crate) fn measured(shape: Shape, gateway: &[&str], matchmaker: &[&str]) -> (Deployment, [String; 2]) {
    let [at_gateway, at_matchmaker] = [free_address(), free_address()];
    match shape {
        Shape::Standalone => {
            let gateway = [&["--metrics-listen", &at_gateway], gateway].concat();
            (Deployment::with(shape, &gateway, matchmaker), [at_gateway.clone(), at_gateway])
        }
        Shape::TwoProcesses => {
            let gateway = [&["--metrics-listen", &at_gateway], gateway].concat();
            let matchmaker = [&["--metrics-listen", &at_matchmaker], matchmaker].concat();
            (Deployment::with(shape, &gateway, &matchmaker), [at_gateway, at_matchmaker])
        }
    }
}

async fn scrape(address: &str) -> String {
    let answer = get(address, "/metrics").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/plain; version=0.0.4; charset=utf-8")));
    answer.body
}

/// The value of the line that begins so.
pub(crate) fn value(metrics: &str, line: &str) -> f64 {
    let found = metrics.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(' '));
    found.unwrap_or_else(|| panic!("no {line}: {metrics}")).trim().parse().unwrap()
}

/// Waits until the line has that value.
async fn becomes(address: &str, line: &str, expected: f64) {
    let mut last = f64::NAN;
    let wait = async {
        while last != expected {
            last = value(&scrape(address).await, line);
            pause(Duration::from_millis(20)).await;
        }
    };
    let became = timeout(PATIENCE, wait).await.is_ok();
    assert!(became, "{line} is {last} and does not become {expected}");
}

#[tokio::test]
async fn what_is_refused_is_counted_by_reason_on_a_port_of_its_own() {
    for shape in SHAPES {
        let flags = ["--allowed-origin", "https://app.example", "--wish-burst", "1"];
        let (duet, [metrics, _]) = measured(shape, &flags, &[]);
        let mut client = Client::connect(&duet.gateway).await;
        let origin = ("Host: x", "Host: x\r\nOrigin: https://evil.example");
        assert!(upgrade(&duet.gateway, &[origin]).await.starts_with("http/1.1 403 "));
        client.say(r#"{"type":"available"}"#).await;
        client.expect("waiting").await;
        client.say(r#"{"type":"available"}"#).await;
        client.refused("rate-limited").await;

        let text = scrape(&metrics).await;
        assert_eq!(value(&text, "duet_connections"), 1.0);
        assert_eq!(value(&text, r#"duet_refused_total{reason="origin"}"#), 1.0);
        assert_eq!(value(&text, r#"duet_refused_total{reason="wish-rate"}"#), 1.0);
        assert_eq!(value(&text, r#"duet_refused_total{reason="message-rate"}"#), 0.0, "it is there from the start");
        assert_eq!(value(&text, r#"duet_errors_total{code="rate-limited"}"#), 1.0);
        assert_eq!(get(&duet.gateway, "/metrics").await.status, 404, "clients can't read it");

        let page = include_str!("../../../docs/operations.md");
        let reasons = text.lines().filter_map(|line| line.strip_prefix(r#"duet_refused_total{reason=""#));
        let undocumented: Vec<&str> = reasons
            .map(|line| line.split('"').next().unwrap())
            .filter(|reason| !page.contains(&format!("`{reason}`")))
            .collect();
        assert_eq!(undocumented, [""; 0]);
    }
}

#[tokio::test]
async fn open_metrics_is_for_those_who_ask_for_it() {
    let (_duet, [metrics, _]) = measured(Shape::Standalone, &[], &[]);
    let accept = "Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5";
    let request = format!("GET /metrics HTTP/1.1\r\nHost: x\r\n{accept}\r\nConnection: close\r\n\r\n");
    let answer = exchange(&metrics, &request).await;
    assert!(answer.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    assert!(answer.body.ends_with("# EOF\n"), "the whole of it");
}

/// Names by their kinds.
fn families(text: &str) -> BTreeMap<String, String> {
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    types.map(|(name, kind)| (name.to_owned(), kind.to_owned())).collect()
}

/// The same of the operations page's table.
fn documented() -> BTreeMap<String, String> {
    let page = include_str!("../../../docs/operations.md");
    let rows = page.lines().filter(|line| line.starts_with("| `duet_") || line.starts_with("| `process_"));
    let cells = rows.map(|row| row.split(" | ").take(2).collect::<Vec<_>>());
    let named = |name: &str| name.trim_start_matches("| `").split(['`', '{']).next().unwrap().to_owned();
    cells.map(|cells| (named(cells[0]), cells[1].to_owned())).collect()
}

/// Whether only a matchmaker with an engine has it.
fn is_of_an_engine(name: &str) -> bool {
    name.starts_with("duet_engine_") || name.starts_with("duet_shared_")
}

#[tokio::test]
async fn every_metric_is_documented_and_every_documented_one_is_there() {
    for shape in SHAPES {
        let url = format!("http://{}/", free_address());
        let webhooks = ["--webhook-url", &url, "--webhook-secret", "of-a-receiver-that-is-away"];
        // Only a matchmaker of its own may have one.
        let engine = (shape == Shape::TwoProcesses).then(RedisServer::start);
        let engine_url = engine.as_ref().map(RedisServer::url);
        let engine_flags: Vec<_> = engine_url.iter().flat_map(|url| ["--engine-url", url]).collect();
        let (_duet, addresses) = measured(shape, &[], &[&webhooks[..], &engine_flags].concat());
        let mut found = BTreeMap::new();
        for address in addresses {
            found.extend(families(&scrape(&address).await));
        }
        let expected = documented().into_iter().filter(|(name, _)| engine.is_some() || !is_of_an_engine(name));
        assert_eq!(found, expected.collect());
    }
}

#[tokio::test]
async fn promtool_finds_nothing_wrong_with_them() {
    let (duet, [metrics, _]) = measured(Shape::Standalone, &[], &[]);
    let _pair = pair(&duet.gateway).await;
    let mut promtool = Command::new("promtool");
    let promtool = promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut promtool = promtool.stdout(Stdio::piped()).spawn().expect("Debian's package prometheus has promtool");
    promtool.stdin.take().unwrap().write_all(scrape(&metrics).await.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
}

#[tokio::test]
async fn a_conversation_is_counted_from_its_wait_to_its_end() {
    for shape in SHAPES {
        let (duet, [gateway, matchmaker]) = measured(shape, &["--workers", "1"], &[]);
        becomes(&gateway, "duet_gateway_ready", 1.0).await;
        let mut odd = Client::connect(&duet.gateway).await;
        odd.say(r#"{"type":"available","pool":"a\"b\\c"}"#).await;
        odd.expect("waiting").await;
        odd.say(r#"{"type":"leave"}"#).await;
        becomes(&matchmaker, r#"duet_wait_seconds_count{result="left"}"#, 1.0).await;

        let [mut one, mut other] = [Client::connect(&duet.gateway).await, Client::connect(&duet.gateway).await];
        let wish = r#"{"type":"available","pool":"talk","tags":["chess"]}"#;
        one.say(wish).await;
        one.expect("waiting").await;
        becomes(&matchmaker, r#"duet_waiting{pool="talk"}"#, 1.0).await;
        becomes(&gateway, r#"duet_sessions{state="waiting"}"#, 1.0).await;
        other.say(wish).await;
        one.expect("matched").await;
        other.expect("matched").await;
        other.say(r#"{"type":"offer","sdp":"v=0"}"#).await;
        one.expect("offer").await;
        one.say(r#"{"type":"answer","sdp":"v=0"}"#).await;
        other.expect("answer").await;
        other.say(r#"{"type":"state","ice":"connected","setupMs":700,"candidateType":"relay"}"#).await;
        other.say(r#"{"type":"ping"}"#).await;
        other.expect("pong").await;

        let text = scrape(&gateway).await;
        for (line, expected) in [
            ("duet_connections", 3.0),
            (r#"duet_sessions{state="idle"}"#, 1.0),
            (r#"duet_sessions{state="matched"}"#, 2.0),
            (r#"duet_gateway_forwarded_messages_total{direction="from-client"}"#, 2.0),
            (r#"duet_gateway_forwarded_messages_total{direction="to-client"}"#, 2.0),
            ("duet_call_answer_seconds_count", 1.0),
            (r#"duet_calls_total{state="connected",candidate="relay"}"#, 1.0),
            ("duet_call_setup_seconds_sum", 0.7),
            ("duet_delivery_seconds_count", 1.0),
            ("duet_outbox_bytes", 0.0),
            ("duet_gateway_ready", 1.0),
        ] {
            assert_eq!(value(&text, line), expected, "{line}");
        }
        let address = match shape {
            Shape::Standalone => "memory".to_owned(),
            Shape::TwoProcesses => format!("http://{}", duet.matchmaker),
        };
        assert_eq!(value(&text, &format!(r#"duet_links_up{{matchmaker="{address}"}}"#)), 1.0);
        let trips = format!(r#"duet_link_round_trip_seconds_count{{matchmaker="{address}"}}"#);
        assert_eq!(value(&text, &trips), 3.0, "one for each wish");

        let text = scrape(&matchmaker).await;
        for (line, expected) in [
            (r#"duet_waiting{pool="a\"b\\c"}"#, 0.0),
            ("duet_rooms", 1.0),
            ("duet_matches_total", 1.0),
            (r#"duet_time_to_match_seconds_count{pool="talk",by="tag"}"#, 2.0),
            (r#"duet_wait_seconds_count{result="matched"}"#, 2.0),
            ("duet_forwarded_messages_total", 2.0),
            ("duet_matchmaker_links", 1.0),
        ] {
            assert_eq!(value(&text, line), expected, "{line}");
        }

        other.close(1000).await;
        one.expect("partner-left").await;
        one.expect("waiting").await;
        drop(one);
        let closed = r#"duet_closes_total{by="client",code="1000"}"#;
        becomes(&gateway, closed, 1.0).await;
        becomes(&gateway, r#"duet_closes_total{by="nobody",code="none"}"#, 1.0).await;
        becomes(&matchmaker, r#"duet_wait_seconds_count{result="lost"}"#, 1.0).await;
        let text = scrape(&matchmaker).await;
        assert_eq!(value(&text, r#"duet_rooms_ended_total{reason="disconnected"}"#), 1.0);
        assert_eq!(value(&text, "duet_room_duration_seconds_count"), 1.0);
        becomes(&gateway, r#"duet_sessions{state="idle"}"#, 1.0).await;
        becomes(&gateway, r#"duet_sessions{state="waiting"}"#, 0.0).await;
    }
}

#[tokio::test]
async fn who_takes_nothing_is_counted_with_what_it_has_not_taken() {
    let flags = ["--write-timeout-ms", "600000", "--message-rate", "0", "--max-outbound-bytes", "16777216"];
    let (duet, [gateway, _]) = measured(Shape::Standalone, &flags, &[]);
    let (mut talks, mute, _) = pair(&duet.gateway).await;
    let line = format!(r#"{{"type":"ice","candidate":null,"x":"{}"}}"#, "x".repeat(48 * 1024));
    // In one look: the system's buffers grow, so that who was blocked may take some more a moment later.
    let is_blocked = |text: &str| value(text, "duet_blocked_clients") == 1.0 && value(text, "duet_outbox_bytes") > 0.0;
    let blocked = async {
        while !is_blocked(&scrape(&gateway).await) {
            talks.say(&line).await;
        }
    };
    timeout(PATIENCE, blocked).await.expect("nobody is ever blocked");
    drop(mute);
    becomes(&gateway, "duet_blocked_clients", 0.0).await;
    becomes(&gateway, "duet_outbox_bytes", 0.0).await;
}

/// Sends on what it is pushed.
struct Collector(mpsc::Sender<(ExportMetricsServiceRequest, String)>);

#[tonic::async_trait]
impl MetricsService for Collector {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let key = request.metadata().get("x-key").map(|key| key.to_str().unwrap().to_owned());
        let _ = self.0.try_send((request.into_inner(), key.unwrap_or_default()));
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

/// A collector of each protocol: its name, its address, and what it is pushed.
async fn collector(protocol: &str) -> (String, mpsc::Receiver<(ExportMetricsServiceRequest, String)>) {
    let (pushed, pushes) = mpsc::channel(16);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    if protocol == "grpc" {
        let server = tonic::transport::Server::builder().add_service(MetricsServiceServer::new(Collector(pushed)));
        tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    } else {
        let export = |headers: HeaderMap, body: axum::body::Bytes| async move {
            assert_eq!(headers[http::header::CONTENT_TYPE], "application/x-protobuf");
            let key = headers.get("x-key").map(|key| key.to_str().unwrap().to_owned());
            let _ = pushed.try_send((ExportMetricsServiceRequest::decode(body).unwrap(), key.unwrap_or_default()));
        };
        let router = Router::new().route("/v1/metrics", post(export));
        tokio::spawn(async move { axum::serve(listener, router).await });
    }
    (format!("http://{address}"), pushes)
}

#[tokio::test]
async fn the_same_is_pushed_to_a_collector() {
    for protocol in ["grpc", "http/protobuf"] {
        let (endpoint, mut pushes) = collector(protocol).await;
        let at = free_address();
        let environment = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=secret%2Dof-ours"),
            ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "50"),
            ("METRICS_LISTEN", &at),
        ];
        let duet = Duet::start_with(&[&["standalone"], GATEWAY].concat(), &environment);
        let _pair = pair(&duet.address("WebSocket")).await;
        let (request, key) = timeout(PATIENCE, async {
            loop {
                let (request, key) = pushes.recv().await.expect("nothing is pushed");
                let metrics = &request.resource_metrics[0].scope_metrics[0].metrics;
                let made = metrics.iter().find(|metric| metric.name == "duet_time_to_match_seconds").unwrap();
                let Some(Data::Histogram(made)) = &made.data else { panic!("{made:?}") };
                if made.data_points.iter().any(|point| point.count == 2) {
                    return (request, key);
                }
            }
        })
        .await
        .expect("the match is never pushed");
        assert_eq!(key, "secret-of-ours");
        let resource = format!("{:?}", request.resource_metrics[0].resource);
        assert!(
            ["deployment.environment", "service.name", "duet-standalone", "service.instance.id"]
                .iter()
                .all(|text| resource.contains(text))
        );
        let pushed = request.resource_metrics[0].scope_metrics[0].metrics.iter().map(|metric| metric.name.clone());
        let scraped = families(&scrape(&at).await).into_keys();
        let scraped: BTreeSet<String> = scraped.map(|name| name.trim_end_matches("_total").to_owned()).collect();
        assert_eq!(pushed.collect::<BTreeSet<_>>(), scraped);
    }
}

#[tokio::test]
async fn a_collector_that_is_away_is_logged_and_nothing_else() {
    let nowhere = format!("http://{}", free_address());
    let secret = ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=secret-of-ours");
    let environment = [("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", &*nowhere), secret];
    let mut duet = Duet::start_with(&[&["standalone"], GATEWAY].concat(), &environment);
    duet.logged(&["metrics can't be pushed"]).await;
    let _pair = pair(&duet.address("WebSocket")).await;
    assert!(duet.is_running());
    duet.signal("TERM");
    let (status, log) = duet.ended();
    assert!(status.success() && !log.contains("secret-of-ours"), "{log}");
}
