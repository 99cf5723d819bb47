//! How a collector is reached by HTTP, and what is said when it is not.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::{HeaderMap, Request, Response, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use opentelemetry_http::{Bytes, HttpClient, HttpError};
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::SpanData;
use tokio::runtime::Handle;
use tokio::time::timeout;

/// An HTTP client whose work is done on a runtime of its own: whoever asks has none.
#[derive(Debug)]
pub(super) struct Collector {
    client: duet_gateway::server::HttpClient<Full<Bytes>>,
    runtime: Handle,
    headers: HeaderMap,
    within: Duration,
}

impl Collector {
    /// For one URL.
    pub(super) fn new(url: &Uri, runtime: Handle, headers: HeaderMap, within: Duration) -> Result<Self, String> {
        Ok(Collector { client: duet_gateway::server::HttpClient::new(url)?, runtime, headers, within })
    }
}

#[tonic::async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let mut request = request.map(Full::new);
        request.headers_mut().extend(self.headers.clone());
        let (client, within) = (self.client.clone(), self.within);
        let answer = async move {
            let (head, body) = client.request(request).await?.into_parts();
            let body = Limited::new(body, ANSWER_BYTES).collect().await?.to_bytes();
            Ok(Response::from_parts(head, body))
        };
        self.runtime.spawn(async move { timeout(within, answer).await? }).await?
    }
}

/// An exporter that says now and then that it fails.
#[derive(Debug)]
pub(super) struct Reporting {
    exporter: SpanExporter,
    /// In a row.
    failures: AtomicU64,
}

impl Reporting {
    pub(super) fn new(exporter: SpanExporter) -> Self {
        Reporting { exporter, failures: AtomicU64::new(0) }
    }
}

impl opentelemetry_sdk::trace::SpanExporter for Reporting {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let result = self.exporter.export(batch).await;
        match &result {
            Ok(()) => {
                if self.failures.swap(0, Ordering::Relaxed) > 0 {
                    tracing::info!("traces are exported again");
                }
            }
            Err(why) => {
                let failures = self.failures.fetch_add(1, Ordering::Relaxed) + 1;
                // Seldom: a collector that is away for long should not fill the log.
                if failures.is_power_of_two() {
                    tracing::warn!(failures, spans, %why, "traces can't be exported; these spans are lost");
                }
            }
        }
        result
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

/// Of what a collector answers.
const ANSWER_BYTES: usize = 64 * 1024;
