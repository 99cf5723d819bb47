//! A reading as text: OpenMetrics for who asks for it, and else the Prometheus text format 0.0.4, which everything reads.

use std::collections::HashSet;
use std::fmt::{self, Write as _};
use std::sync::Arc;

use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::families::{Families, Kind, Label, Source, Value};

/// What answers a scrape.
pub(crate) struct Exposition(Registry);

impl Exposition {
    pub(crate) fn new(sources: Arc<Vec<Source>>) -> Self {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Sources(sources)));
        Exposition(registry)
    }

    pub(crate) fn answer(&self, headers: &HeaderMap) -> Response {
        let mut text = String::new();
        if text::encode(&mut text, &self.0).is_err() {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
        let accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        if accepted.into_iter().any(|accepted| accepted.contains("application/openmetrics-text")) {
            ([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response()
        } else {
            ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], plain(&text)).into_response()
        }
    }
}

/// The same in the format 0.0.4, in which a counter's family is called like its sample, and nothing marks the end.
fn plain(open_metrics: &str) -> String {
    let types = open_metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter"));
    let counters: HashSet<&str> = types.collect();
    let mut plain = String::with_capacity(open_metrics.len());
    for line in open_metrics.lines().filter(|line| *line != "# EOF") {
        let named = ["# HELP ", "# TYPE "].into_iter().find_map(|start| Some((start, line.strip_prefix(start)?)));
        let written = match named.and_then(|(start, rest)| Some((start, rest.split_once(' ')?))) {
            Some((start, (name, rest))) if counters.contains(name) => writeln!(plain, "{start}{name}_total {rest}"),
            _ => writeln!(plain, "{line}"),
        };
        written.expect("a string takes everything");
    }
    plain
}

struct Sources(Arc<Vec<Source>>);

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sources(..)")
    }
}

impl Collector for Sources {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let mut families = Families::default();
        self.0.iter().for_each(|source| source(&mut families));
        for family in &families.0 {
            let kind = match family.kind {
                Kind::Gauge => MetricType::Gauge,
                Kind::Counter => MetricType::Counter,
                Kind::Histogram => MetricType::Histogram,
            };
            let mut descriptor = encoder.encode_descriptor(family.name, family.help, None, kind)?;
            for sample in &family.samples {
                if sample.labels.is_empty() {
                    // Through a family without labels, braces would follow the name.
                    write_value(&mut descriptor, family.kind, &sample.value)?;
                } else {
                    write_value(&mut descriptor.encode_family(&escaped(&sample.labels))?, family.kind, &sample.value)?;
                }
            }
        }
        Ok(())
    }
}

/// The library writes values as they are, and pools have whatever names clients give them.
fn escaped(labels: &[Label]) -> Vec<Label> {
    let escaped = |value: &str| value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
    labels.iter().map(|(name, value)| (*name, escaped(value))).collect()
}

fn write_value(encoder: &mut MetricEncoder<'_>, kind: Kind, value: &Value) -> Result<(), fmt::Error> {
    match value {
        Value::Number(number) if kind == Kind::Counter => encoder.encode_counter::<NoLabelSet, f64, f64>(number, None),
        Value::Number(number) => encoder.encode_gauge(number),
        Value::Distribution(distribution) => {
            let bounds = distribution.bounds.iter().map(std::time::Duration::as_secs_f64).chain([f64::MAX]);
            let buckets: Vec<(f64, u64)> = bounds.zip(distribution.counts.iter().copied()).collect();
            let sum = distribution.sum.as_secs_f64();
            encoder.encode_histogram::<NoLabelSet>(sum, distribution.count(), &buckets, None)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use duet_proto::figures::Histogram;

    use super::super::families::label;
    use super::*;

    const BOUNDS: &[Duration] = &[Duration::from_millis(100), Duration::from_secs(1)];

    fn exposition() -> Exposition {
        let source = |families: &mut Families| {
            families.gauge("duet_connections", "Clients", 3_u64);
            families.counters("duet_errors", "Errors", [(label("code", "a\"b\\c\nd"), 2_u64)]);
            let histogram = Histogram::new(BOUNDS);
            for millis in [50, 100, 500, 5000] {
                histogram.observe(Duration::from_millis(millis));
            }
            families.histograms("duet_wait_seconds", "Waits", [(label("pool", "x"), histogram.distribution())]);
        };
        Exposition::new(Arc::new(vec![Box::new(source)]))
    }

    async fn read(accept: &str) -> (String, String) {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, accept.parse().unwrap());
        let response = exposition().answer(&headers);
        let kind = response.headers()[CONTENT_TYPE].to_str().unwrap().to_owned();
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (kind, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn open_metrics_is_for_who_asks_for_it() {
        let (kind, text) = read("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5").await;
        assert!(kind.starts_with("application/openmetrics-text"));
        assert!(text.contains("# TYPE duet_errors counter\n") && text.ends_with("# EOF\n"), "{text}");
    }

    #[tokio::test]
    async fn everybody_else_gets_the_older_format() {
        let (kind, text) = read("*/*").await;
        assert!(kind.starts_with("text/plain; version=0.0.4"));
        let lines = [
            "# HELP duet_connections Clients",
            "# TYPE duet_connections gauge",
            "duet_connections 3.0",
            "# HELP duet_errors_total Errors",
            "# TYPE duet_errors_total counter",
            r#"duet_errors_total{code="a\"b\\c\nd"} 2.0"#,
            "# HELP duet_wait_seconds Waits",
            "# TYPE duet_wait_seconds histogram",
            r#"duet_wait_seconds_sum{pool="x"} 5.65"#,
            r#"duet_wait_seconds_count{pool="x"} 4"#,
            r#"duet_wait_seconds_bucket{le="0.1",pool="x"} 2"#,
            r#"duet_wait_seconds_bucket{le="1.0",pool="x"} 3"#,
            r#"duet_wait_seconds_bucket{le="+Inf",pool="x"} 4"#,
        ];
        assert_eq!(text.lines().collect::<Vec<_>>(), lines);
    }
}
