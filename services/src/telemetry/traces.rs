//! Spans on their way to a collector: gathered in a queue that is bounded, and exported in batches by a thread of their own with a runtime of
//! its own. What the collector does, or does not do, nobody else waits for.

use std::collections::HashMap;
use std::thread;
use std::time::Duration;

use duet_proto::spans::Spans;
use http::HeaderMap;
use opentelemetry::KeyValue;
use opentelemetry::global::BoxedTracer;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _, WithTonicConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};
use tonic::metadata::MetadataMap;
use tonic::transport::ClientTlsConfig;

use super::collector::{Collector, Reporting};
use crate::failure::Failure;

/// What is exported, and where to.
pub(crate) struct TraceExport {
    pub(crate) endpoint: String,
    pub(crate) protocol: Protocol,
    pub(crate) headers: HeaderMap,
    pub(crate) timeout: Duration,
    /// What the process says of itself, its name included.
    pub(crate) resource: HashMap<String, String>,
    pub(crate) sampler: Sampler,
    pub(crate) delay: Duration,
    pub(crate) queue: usize,
    pub(crate) batch: usize,
}

/// How a collector is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Grpc,
    Http,
}

/// Exports for as long as this lives.
pub(super) struct Traces {
    provider: SdkTracerProvider,
    runtime: Option<Runtime>,
}

impl Traces {
    pub(super) fn start(export: TraceExport) -> Result<Self, Failure> {
        let failed = |error: &dyn std::fmt::Display| Failure::environment("traces can't be exported", error);
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("traces").enable_all().build();
        let runtime = runtime.map_err(|error| failed(&error))?;
        let exporter = {
            let _inside = runtime.enter();
            exporter(&export, &runtime).map_err(|error| failed(&error))?
        };
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(export.queue)
            .with_max_export_batch_size(export.batch)
            .with_scheduled_delay(export.delay)
            .build();
        let processor = BatchSpanProcessor::builder(Reporting::new(exporter)).with_batch_config(batches).build();
        let said = export.resource.into_iter().map(|(name, value)| KeyValue::new(name, value));
        let resource = Resource::builder_empty()
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .with_attribute(KeyValue::new("process.pid", i64::from(std::process::id())))
            .with_attributes(said)
            .build();
        let provider = SdkTracerProvider::builder()
            .with_sampler(export.sampler)
            .with_resource(resource)
            .with_span_processor(processor)
            .build();
        Ok(Traces { provider, runtime: Some(runtime) })
    }

    pub(super) fn spans(&self) -> Spans {
        let tracer = BoxedTracer::new(Box::new(self.provider.tracer("duet")));
        Spans::new(tracer, TraceContextPropagator::new())
    }

    /// Exports what is left, as far as that can be done in time.
    pub(super) async fn end(&self, deadline: Instant) {
        let deadline = deadline.min(Instant::now() + END_WITHIN);
        let within = deadline.saturating_duration_since(Instant::now());
        let provider = self.provider.clone();
        let (exported, end) = oneshot::channel();
        // No task of a runtime, which would wait for it when it ends.
        let export = thread::Builder::new().spawn(move || {
            let result = provider.shutdown_with_timeout(within);
            drop(exported.send(result));
        });
        if export.is_ok() && !matches!(timeout_at(deadline, end).await, Ok(Ok(Ok(())))) {
            tracing::warn!("the last spans were not exported");
        }
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        // It may be waiting for a collector.
        self.runtime.take().into_iter().for_each(Runtime::shutdown_background);
    }
}

fn exporter(export: &TraceExport, runtime: &Runtime) -> Result<SpanExporter, Box<dyn std::error::Error>> {
    match export.protocol {
        Protocol::Grpc => {
            let exporter = SpanExporter::builder()
                .with_tonic()
                .with_endpoint(&export.endpoint)
                .with_timeout(export.timeout)
                .with_metadata(MetadataMap::from_headers(export.headers.clone()));
            let is_tls = export.endpoint.starts_with("https:");
            let tls = || ClientTlsConfig::new().with_enabled_roots();
            Ok(if is_tls { exporter.with_tls_config(tls()).build() } else { exporter.build() }?)
        }
        Protocol::Http => {
            let client = Collector::new(
                &export.endpoint.parse()?,
                runtime.handle().clone(),
                export.headers.clone(),
                export.timeout,
            )?;
            let exporter = SpanExporter::builder().with_http().with_endpoint(&export.endpoint);
            Ok(exporter.with_timeout(export.timeout).with_http_client(client).build()?)
        }
    }
}

/// How long an end may wait for the collector, however long it may take otherwise.
const END_WITHIN: Duration = Duration::from_secs(5);
