//! What operators watch: `/metrics` on a port of its own that no client reaches, and the same pushed by OTLP.
//!
//! Who counts what is the gateway's and the matchmaker's business; here their figures get names. Nothing is measured for it: all is read
//! when somebody asks.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::get;
use duet_gateway::server::Figures;
use duet_matchmaker::server::Replica;
use tokio::net::TcpListener;
use tokio::runtime::Handle;

use crate::failure::Failure;
use crate::health;
use crate::live;
use crate::telemetry::LostLines;
use crate::webhooks::Counts;

mod engine;
mod exposition;
mod families;
mod gateway;
mod matchmaker;
mod otlp;
mod process;
mod webhooks;

use exposition::Exposition;
use families::Source;
pub(crate) use otlp::{Place, Push};

/// What is measured and for whom: a port that is bound and does not answer yet, a collector that is sent nothing yet, or neither.
pub(crate) struct Metrics {
    listener: Option<TcpListener>,
    push: Option<Push>,
    sources: Vec<Source>,
    gateway: Option<Figures>,
    /// Beside `/metrics`.
    pages: Router,
}

impl Metrics {
    /// Binds the port, if there is to be one.
    pub(crate) async fn bind(address: Option<SocketAddr>, push: Option<Push>) -> Result<Self, Failure> {
        let listener = match address {
            Some(address) => Some(listen(address).await?),
            None => None,
        };
        Ok(Metrics { listener, push, sources: vec![Box::new(process::process)], gateway: None, pages: Router::new() })
    }

    /// Adds more to measure.
    pub(crate) fn add(&mut self, source: Source) {
        self.sources.push(source);
    }

    /// Adds a gateway.
    pub(crate) fn gateway(&mut self, figures: Figures) {
        self.gateway = Some(figures.clone());
        self.add(Box::new(move |families| {
            gateway::clients(&figures, families);
            gateway::messages(&figures, families);
            gateway::calls(&figures, families);
            gateway::links(&figures, families);
        }));
    }

    /// Adds a matchmaker.
    pub(crate) fn matchmaker(&mut self, replica: Replica) {
        if self.listener.is_some() {
            self.pages = live::watch(replica.clone());
        }
        self.add(Box::new(move |families| {
            let figures = replica.figures();
            matchmaker::matchmaker(&figures, families);
            if let Some(status) = replica.engine() {
                engine::engine(status, families);
            }
            if let Some(shared) = &figures.sharing {
                engine::sharing(shared, families);
            }
        }));
    }

    /// Says how a matchmaker of its own is, and whether it is ready.
    pub(crate) fn health(&mut self, replica: Replica) {
        self.pages = std::mem::take(&mut self.pages).merge(health::health(replica));
    }

    /// Adds those of webhooks.
    pub(crate) fn webhooks(&mut self, counts: Counts) {
        self.add(Box::new(move |families| webhooks::webhooks(&counts, families)));
    }

    /// Adds what the log has lost.
    pub(crate) fn log(&mut self, lost: LostLines) {
        let what = "Lines of the log that were lost because nobody read it";
        self.add(Box::new(move |families| families.counter("duet_log_lines_lost", what, lost.count())));
    }

    /// Answers and pushes for as long as the process runs: during a drain, too.
    pub(crate) fn serve(mut self) {
        let (own, workers) = (Handle::current().metrics(), self.gateway.take());
        self.add(Box::new(move |families| process::runtimes(&own, workers.as_ref(), families)));
        let sources = Arc::new(self.sources);
        if let Some(push) = self.push {
            tokio::spawn(push.run(sources.clone()));
        }
        let Some(listener) = self.listener else { return };
        tracing::info!(address = listener.local_addr().ok().map(tracing::field::display), "metrics are at /metrics");
        let router = Router::new().route("/metrics", get(answer)).with_state(Arc::new(Exposition::new(sources)));
        let router = router.merge(self.pages);
        tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "metrics are not served any more");
            }
        });
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    let failed = |error| Failure::environment(format!("can't listen on {address} (METRICS_LISTEN)"), &error);
    TcpListener::bind(address).await.map_err(failed)
}

async fn answer(State(exposition): State<Arc<Exposition>>, headers: HeaderMap) -> axum::response::Response {
    exposition.answer(&headers)
}
