//! Pushing the same metrics to an OpenTelemetry collector, by OTLP over gRPC or HTTP.
//!
//! The SDK's instruments would count everything a second time, and have no way to read a histogram that somebody else keeps; so what is
//! read for `/metrics` is written as OTLP's messages, cumulative from the process's start. A push that fails is not repeated: the
//! next one says it all.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use duet_gateway::server::HttpClient;
use http::header::{CONTENT_TYPE, HeaderMap};
use http::{Request, Uri};
use http_body_util::Full;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, ResourceMetrics,
    ScopeMetrics, Sum, metric, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message as _;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};

use super::families::{Families, Family, Kind, Label, Sample, Source, Value};

/// A collector that is sent all there is, now and then.
pub(crate) struct Push {
    collector: Collector,
    headers: HeaderMap,
    every: Duration,
    resource: Resource,
    started: SystemTime,
}

/// How the collector is reached.
enum Collector {
    Grpc(MetricsServiceClient<Channel>),
    Http(Box<HttpClient<Full<Bytes>>>, Uri),
}

/// Where a collector is, by the settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Grpc(Uri),
    Http(Uri),
}

impl Push {
    /// The error names what is wrong with the place. To be called inside a runtime.
    pub(crate) fn new(
        place: Place,
        headers: HeaderMap,
        every: Duration,
        attributes: HashMap<String, String>,
    ) -> Result<Self, String> {
        let collector = match place {
            Place::Grpc(uri) => {
                let tls = ClientTlsConfig::new().with_native_roots();
                let endpoint = Endpoint::from(uri.clone());
                let endpoint = if uri.scheme_str() == Some("https") { endpoint.tls_config(tls) } else { Ok(endpoint) };
                let endpoint = endpoint.map_err(|error| format!("TLS can't be set up: {error}"))?;
                Collector::Grpc(MetricsServiceClient::new(endpoint.connect_timeout(TIMEOUT).connect_lazy()))
            }
            Place::Http(uri) => Collector::Http(Box::new(HttpClient::new(&uri)?), uri),
        };
        Ok(Push { collector, headers, every, resource: resource(attributes), started: SystemTime::now() })
    }

    /// Pushes for ever.
    pub(super) async fn run(mut self, sources: Arc<Vec<Source>>) {
        let mut ticks = interval(self.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut failures: u32 = 0;
        loop {
            ticks.tick().await;
            let mut families = Families::default();
            sources.iter().for_each(|source| source(&mut families));
            let sent = timeout(TIMEOUT, self.send(families)).await;
            match sent.unwrap_or_else(|_| Err("it takes too long".to_owned())) {
                Ok(()) => failures = 0,
                Err(why) => {
                    if failures.is_power_of_two() || failures == 0 {
                        tracing::warn!(failures, %why, "metrics can't be pushed");
                    }
                    failures = failures.saturating_add(1);
                }
            }
        }
    }

    async fn send(&mut self, families: Families) -> Result<(), String> {
        let message = self.message(families);
        match &mut self.collector {
            Collector::Grpc(client) => {
                let mut request = tonic::Request::new(message);
                *request.metadata_mut() = MetadataMap::from_headers(self.headers.clone());
                let sent = client.export(request).await;
                // A collector's words may repeat what it was sent.
                sent.map(drop).map_err(|status| format!("{:?}", status.code()))
            }
            Collector::Http(client, uri) => {
                let mut request = Request::post(uri.clone()).body(Full::new(message.encode_to_vec().into()));
                if let Ok(request) = &mut request {
                    *request.headers_mut() = self.headers.clone();
                    request
                        .headers_mut()
                        .insert(CONTENT_TYPE, http::HeaderValue::from_static("application/x-protobuf"));
                }
                let request = request.map_err(|error| error.to_string())?;
                let response = client.request(request).await?;
                let status = response.status();
                if status.is_success() { Ok(()) } else { Err(format!("it answers {status}")) }
            }
        }
    }

    fn message(&self, families: Families) -> ExportMetricsServiceRequest {
        let times = (nanoseconds(self.started), nanoseconds(SystemTime::now()));
        let metrics = families.0.into_iter().map(|family| metric(family, times)).collect();
        let scope = InstrumentationScope {
            name: "duet".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..InstrumentationScope::default()
        };
        let scope = ScopeMetrics { scope: Some(scope), metrics, ..ScopeMetrics::default() };
        let resource = Some(self.resource.clone());
        let all = ResourceMetrics { resource, scope_metrics: vec![scope], ..ResourceMetrics::default() };
        ExportMetricsServiceRequest { resource_metrics: vec![all] }
    }
}

/// What is said of the process, in the order of its names.
fn resource(attributes: HashMap<String, String>) -> Resource {
    let mut attributes: Vec<_> = attributes.into_iter().collect();
    attributes.sort_unstable();
    let attributes = attributes.into_iter().map(|(name, value)| attribute(&name, value)).collect();
    Resource { attributes, ..Resource::default() }
}

fn metric(family: Family, times: (u64, u64)) -> Metric {
    let numbers = |samples: Vec<Sample>| samples.into_iter().filter_map(|sample| number(sample, times)).collect();
    let unit = match family.name {
        name if name.ends_with("_seconds") => "s",
        name if name.ends_with("_bytes") => "By",
        _ => "1",
    };
    let data = match family.kind {
        Kind::Gauge => metric::Data::Gauge(Gauge { data_points: numbers(family.samples) }),
        Kind::Counter => metric::Data::Sum(Sum {
            data_points: numbers(family.samples),
            aggregation_temporality: AggregationTemporality::Cumulative.into(),
            is_monotonic: true,
        }),
        Kind::Histogram => metric::Data::Histogram(Histogram {
            data_points: family.samples.into_iter().filter_map(|sample| distribution(sample, times)).collect(),
            aggregation_temporality: AggregationTemporality::Cumulative.into(),
        }),
    };
    let (name, description) = (family.name.to_owned(), family.help.to_owned());
    Metric { name, description, unit: unit.to_owned(), data: Some(data), ..Metric::default() }
}

fn number(sample: Sample, (started, now): (u64, u64)) -> Option<NumberDataPoint> {
    let Value::Number(number) = sample.value else { return None };
    Some(NumberDataPoint {
        attributes: attributes(sample.labels),
        start_time_unix_nano: started,
        time_unix_nano: now,
        value: Some(number_data_point::Value::AsDouble(number)),
        ..NumberDataPoint::default()
    })
}

fn distribution(sample: Sample, (started, now): (u64, u64)) -> Option<HistogramDataPoint> {
    let Value::Distribution(distribution) = sample.value else { return None };
    Some(HistogramDataPoint {
        attributes: attributes(sample.labels),
        start_time_unix_nano: started,
        time_unix_nano: now,
        count: distribution.count(),
        sum: Some(distribution.sum.as_secs_f64()),
        explicit_bounds: distribution.bounds.iter().map(Duration::as_secs_f64).collect(),
        bucket_counts: distribution.counts,
        ..HistogramDataPoint::default()
    })
}

fn attributes(labels: Vec<Label>) -> Vec<KeyValue> {
    labels.into_iter().map(|(name, value)| attribute(name, value)).collect()
}

fn attribute(name: &str, value: String) -> KeyValue {
    let value = Some(AnyValue { value: Some(any_value::Value::StringValue(value)) });
    KeyValue { key: name.to_owned(), value, ..KeyValue::default() }
}

fn nanoseconds(time: SystemTime) -> u64 {
    let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX)
}

/// For a collector to take a push.
const TIMEOUT: Duration = Duration::from_secs(10);
