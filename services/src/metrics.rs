//! `/metrics`, in the Prometheus text format, on a port of its own that no client reaches.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Router, http::StatusCode};
use duet_gateway::relay_only::DroppedCandidate;
use duet_gateway::server::{Figures, Refused};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;

use crate::failure::Failure;
use crate::telemetry::LostLines;
use crate::webhooks::Counts;

/// A port that is bound and does not answer yet.
pub(crate) struct Metrics {
    listener: TcpListener,
    registry: Registry,
}

impl Metrics {
    /// Binds the port.
    pub(crate) async fn bind(address: SocketAddr) -> Result<Self, Failure> {
        let listener = TcpListener::bind(address).await;
        let failed = |error| Failure::environment(format!("can't listen on {address} (METRICS_LISTEN)"), &error);
        Ok(Metrics { listener: listener.map_err(failed)?, registry: Registry::with_prefix("duet") })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.listener.local_addr().ok()
    }

    /// Adds a gateway's.
    pub(crate) fn gateway(&mut self, figures: Figures) {
        self.registry.register_collector(Box::new(GatewayCollector(figures)));
    }

    /// Adds what the log has lost.
    pub(crate) fn log(&mut self, lost: LostLines) {
        self.registry.register_collector(Box::new(LogCollector(lost)));
    }

    /// Adds those of webhooks.
    pub(crate) fn webhooks(&mut self, counts: Counts) {
        self.registry.register_collector(Box::new(WebhookCollector(counts)));
    }

    /// Answers for as long as the process runs.
    pub(crate) fn serve(self) {
        let router = Router::new().route("/metrics", get(metrics)).with_state(Arc::new(self.registry));
        // It ends with the runtime: during a drain it still answers.
        tokio::spawn(async move {
            if let Err(error) = axum::serve(self.listener, router).await {
                tracing::error!(%error, "metrics are not served any more");
            }
        });
    }
}

async fn metrics(State(registry): State<Arc<Registry>>) -> Response {
    let mut body = String::new();
    match text::encode(&mut body, &registry) {
        Ok(()) => {
            ([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], body).into_response()
        }
        Err(fmt::Error) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

#[derive(Debug)]
struct LogCollector(LostLines);

impl Collector for LogCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let what = "Lines of the log that were lost because nobody read it";
        let descriptor = encoder.encode_descriptor("log_lines_lost", what, None, MetricType::Counter)?;
        ConstCounter::new(self.0.count()).encode(descriptor)
    }
}

#[derive(Debug)]
struct GatewayCollector(Figures);

impl Collector for GatewayCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let connections = ConstGauge::new(i64::try_from(self.0.connections()).unwrap_or(i64::MAX));
        let descriptor =
            encoder.encode_descriptor("connections", "Clients that are connected", None, MetricType::Gauge)?;
        connections.encode(descriptor)?;
        let what = "What was refused, or who was sent away, by the limit or rule that was the reason";
        let mut refused = encoder.encode_descriptor("refused", what, None, MetricType::Counter)?;
        for reason in Refused::ALL {
            let count = ConstCounter::new(self.0.refused(reason));
            count.encode(refused.encode_family(&[("reason", reason.name())])?)?;
        }
        let what = "Candidates that the relay-only policy kept from partners, by their kind";
        let mut dropped = encoder.encode_descriptor("candidates_dropped", what, None, MetricType::Counter)?;
        for kind in DroppedCandidate::ALL {
            let count = ConstCounter::new(self.0.candidates_dropped(kind));
            count.encode(dropped.encode_family(&[("kind", kind.name())])?)?;
        }
        Ok(())
    }
}

#[derive(Debug)]
struct WebhookCollector(Counts);

impl Collector for WebhookCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for (name, what, total) in self.0.totals() {
            ConstCounter::new(total).encode(encoder.encode_descriptor(name, what, None, MetricType::Counter)?)?;
        }
        let queued = ConstGauge::new(i64::try_from(self.0.queued()).unwrap_or(i64::MAX));
        let what = "Webhooks that wait to be delivered, or are being";
        queued.encode(encoder.encode_descriptor("webhooks_queued", what, None, MetricType::Gauge)?)
    }
}
