//! Traces, as a collector gets them from real processes.

use duet_proto::v1::matchmaker_client::MatchmakerClient;
use duet_proto::v1::{GetSessionRequest, GetStatsRequest};

use crate::client::{Client, pair_across};
use crate::collector::{Collector, Seen};
use crate::process::{Duet, GATEWAY, run};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

/// Two gateways and a matchmaker that export to one collector.
struct Traced {
    matchmaker: Duet,
    gateways: [Duet; 2],
}

impl Traced {
    fn start(url: &str, settings: &[(&str, &str)]) -> Self {
        let common = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", url),
            ("OTEL_BSP_SCHEDULE_DELAY", "50"),
            ("RUST_LOG", "info,duet_gateway=debug,duet_matchmaker=debug"),
        ];
        let settings = [&common[..], settings].concat();
        let matchmaker = Duet::start_with(&["matchmaker", "--grpc-listen", "127.0.0.1:0"], &settings);
        let link = format!("http://{}", matchmaker.address("gRPC"));
        let gateways = ["north", "south"].map(|name| {
            let args = [&["gateway", "--matchmaker-url", &link, "--otel-service-name", name], GATEWAY].concat();
            Duet::start_with(&args, &settings)
        });
        Traced { matchmaker, gateways }
    }

    fn addresses(&self) -> [String; 2] {
        self.gateways.each_ref().map(|gateway| gateway.address("WebSocket"))
    }

    /// Ends all, the gateways first; their logs.
    fn end(self) -> String {
        let mut logs = String::new();
        let [north, south] = self.gateways;
        for process in [north, south, self.matchmaker] {
            process.signal("TERM");
            let (status, log) = process.ended();
            assert_eq!(status.code(), Some(0), "{log}");
            logs += &log;
        }
        logs
    }
}

/// A request's header of that trace.
fn traceparent(trace: &str) -> String {
    format!("00-{trace}-{CALLER}-01")
}

async fn waiter_and_traced_comer([north, south]: &[String; 2]) -> (Client, Client) {
    let mut waiter = Client::connect(north).await;
    waiter.available().await;
    waiter.expect("waiting").await;
    let mut comer = Client::connect_traced(south, &traceparent(TRACE)).await;
    comer.available().await;
    comer.expect("matched").await;
    waiter.expect("matched").await;
    (waiter, comer)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn named<'a>(seen: &'a [Seen], name: &str) -> Vec<&'a Seen> {
    seen.iter().filter(|seen| seen.span.name == name).collect()
}

#[tokio::test]
async fn one_trace_tells_a_match_from_a_request_through_the_matchmaker_to_both_gateways() {
    for protocol in ["grpc", "http/protobuf"] {
        let (collector, url) = if protocol == "grpc" { Collector::grpc().await } else { Collector::http().await };
        let settings = [
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
            // Only what a request asks for.
            ("OTEL_TRACES_SAMPLER", "parentbased_always_off"),
            ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=a%20test,service.name=nobody"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20COLLECTORS"),
        ];
        let duet = Traced::start(&url, &settings);
        let (waiter, comer) = waiter_and_traced_comer(&duet.addresses()).await;
        let seen = collector.sees(4).await;

        assert!(seen.iter().all(|seen| hex(&seen.span.trace_id) == TRACE), "{seen:#?}");
        assert!(seen.iter().all(|seen| seen.authorization == "Bearer COLLECTORS"), "{seen:#?}");
        let environment = ("deployment.environment.name".to_owned(), "a test".to_owned());
        assert!(seen.iter().all(|seen| seen.resource.contains(&environment)), "{seen:#?}");
        let [wish] = named(&seen, "wish")[..] else { panic!("{seen:#?}") };
        assert_eq!((&*wish.service, &*hex(&wish.span.parent_span_id)), ("south", CALLER));
        assert_eq!(wish.attribute("duet.outcome").as_deref(), Some("matched"));
        assert_eq!(wish.attribute("duet.client.id"), Some(comer.id.clone()));
        let [made] = named(&seen, "match")[..] else { panic!("{seen:#?}") };
        // The attributes name another, which counts only where OTEL_SERVICE_NAME says nothing.
        assert_eq!((&*made.service, &made.span.parent_span_id), ("nobody", &wish.span.span_id));
        assert_eq!(made.attribute("duet.pool").as_deref(), Some("default"));
        let mut told = named(&seen, "deliver matched");
        told.sort_by_key(|seen| seen.service.clone());
        let heard: Vec<_> = told.iter().map(|seen| (&*seen.service, seen.attribute("duet.to").unwrap())).collect();
        assert_eq!(heard, [("north", "partner".to_owned()), ("south", "self".to_owned())]);
        assert!(told.iter().all(|seen| seen.span.parent_span_id == made.span.span_id), "{told:#?}");

        drop((waiter, comer));
        let log = duet.end();
        assert!(log.contains(TRACE) && log.contains(&hex(&made.span.span_id)), "lines name their spans: {log}");
        assert!(!log.contains("COLLECTORS"), "{log}");
        assert_eq!(collector.seen().len(), 4, "nothing else was recorded");
    }
}

#[tokio::test]
async fn where_both_are_recorded_each_trace_is_whole_and_names_the_other() {
    let (collector, url) = Collector::grpc().await;
    let duet = Traced::start(&url, &[("OTEL_EXPORTER_OTLP_TIMEOUT", "")]);
    let (waiter, comer) = waiter_and_traced_comer(&duet.addresses()).await;
    let seen = collector.sees(8).await;
    let wishes = named(&seen, "wish");
    assert_eq!(wishes.len(), 2);
    let waiters = wishes.iter().find(|seen| seen.service == "north").unwrap();
    assert_eq!(waiters.span.events.iter().map(|event| &*event.name).collect::<Vec<_>>(), ["waiting"]);
    for wish in &wishes {
        let its = |seen: &&&Seen| seen.span.trace_id == wish.span.trace_id;
        let [made] = named(&seen, "match").iter().filter(its).copied().collect::<Vec<_>>()[..] else { panic!() };
        let other = wishes.iter().find(|other| !its(other)).unwrap();
        let linked: Vec<_> = made.span.links.iter().map(|link| (&link.trace_id, &link.span_id)).collect();
        assert_eq!(linked, [(&other.span.trace_id, &other.span.span_id)]);
        assert_eq!(named(&seen, "deliver matched").iter().filter(its).count(), 2);
    }
    // What does not come to a match has an end, too.
    let mut third = Client::connect(&duet.addresses()[0]).await;
    third.say(r#"{"type":"available","pool":"another"}"#).await;
    third.expect("waiting").await;
    third.say(r#"{"type":"leave"}"#).await;
    third.hears_nothing().await;
    let seen = collector.sees(9).await;
    drop((waiter, comer));
    duet.end();
    assert!(named(&seen, "wish").iter().any(|seen| seen.attribute("duet.outcome").as_deref() == Some("left")));
}

#[tokio::test]
async fn a_query_is_in_the_trace_of_its_caller() {
    let (collector, url) = Collector::grpc().await;
    let duet = Traced::start(&url, &[("OTEL_SERVICE_NAME", "")]);
    let mut query = MatchmakerClient::connect(format!("http://{}", duet.matchmaker.address("gRPC"))).await.unwrap();
    query.get_stats(GetStatsRequest {}).await.unwrap();
    let traced = |message| {
        let mut request = tonic::Request::new(message);
        request.metadata_mut().insert("traceparent", traceparent(TRACE).parse().unwrap());
        request
    };
    let nobody = GetSessionRequest { name: "sessions/00000000-0000-4000-8000-000000000000".to_owned() };
    query.get_session(traced(nobody)).await.unwrap_err();
    let seen = collector.sees(1).await;
    let [Seen { service, span, .. }] = &seen[..] else { panic!("{seen:#?}") };
    assert_eq!((&**service, &*span.name), ("duet-matchmaker", "duet.v1.Matchmaker/GetSession"));
    assert_eq!((&*hex(&span.trace_id), &*hex(&span.parent_span_id)), (TRACE, CALLER));
    assert_eq!(seen[0].attribute("rpc.grpc.status_code").as_deref(), Some("5"), "NOT_FOUND");
}

#[tokio::test]
async fn where_nothing_is_recorded_nothing_is_exported_or_carried() {
    for settings in [
        [("OTEL_TRACES_SAMPLER", "always_off"), ("TRACE_UPGRADES", "honour")],
        [("OTEL_TRACES_SAMPLER", "parentbased_always_off"), ("TRACE_UPGRADES", "ignore")],
        [("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "0")],
        [("OTEL_SDK_DISABLED", "true"), ("TRACE_UPGRADES", "honour")],
    ] {
        let (collector, url) = Collector::grpc().await;
        let duet = Traced::start(&url, &settings);
        let [north, south] = duet.addresses();
        let (waiter, comer) = if settings[1].1 == "0" {
            let (waiter, comer, _) = pair_across(&north, &south).await;
            (waiter, comer)
        } else {
            waiter_and_traced_comer(&[north, south]).await
        };
        drop((waiter, comer));
        // A wish whose context came to a matchmaker would be named in its log.
        let log = duet.end();
        assert!(!log.contains("trace_id"), "{log}");
        assert_eq!(collector.seen().len(), 0, "{settings:?}");
    }
}

#[tokio::test]
async fn a_collector_that_is_dead_or_mute_matters_to_nobody() {
    // Takes connections, and says nothing.
    let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mute = format!("http://{}", mute.local_addr().unwrap());
    let dead = format!("http://{}", crate::metrics::free_address());
    for (url, protocol) in [(&dead, "grpc"), (&dead, "http/protobuf"), (&mute, "grpc"), (&mute, "http/protobuf")] {
        let settings = [
            ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "500"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "4"),
        ];
        let duet = Traced::start(url, &settings);
        let [north, south] = duet.addresses();
        let mut pairs = Vec::new();
        for _ in 0..8 {
            pairs.push(pair_across(&north, &south).await);
        }
        duet.matchmaker.logged(&["traces can't be exported", "failures=1"]).await;
        duet.end();
    }
}

#[test]
fn settings_that_make_no_sense_are_named() {
    for (setting, value) in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "ftp://collector"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "HUSH"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
        ("OTEL_RESOURCE_ATTRIBUTES", "nothing"),
        ("OTEL_TRACES_SAMPLER", "sometimes"),
        ("OTEL_BSP_SCHEDULE_DELAY", "0"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "-1"),
        ("OTEL_SDK_DISABLED", "perhaps"),
        ("TRACE_UPGRADES", "sometimes"),
        ("TRACE_UPGRADE_RATE", "-1"),
    ] {
        let (status, stdout, stderr) = run(&["gateway"], &[(setting, value)]);
        assert_eq!((status, &*stdout), (Some(64), ""), "{setting}: {stderr}");
        assert!(stderr.contains(setting) && !stderr.contains("HUSH"), "{stderr}");
    }
    let ratio = [("OTEL_TRACES_SAMPLER", "traceidratio"), ("OTEL_TRACES_SAMPLER_ARG", "2")];
    let (status, _, stderr) = run(&["gateway"], &ratio);
    assert!(status == Some(64) && stderr.contains("OTEL_TRACES_SAMPLER_ARG"), "{stderr}");
}
