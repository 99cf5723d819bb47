//! Where logs go: standard error, filtered by `RUST_LOG`.

use std::io::IsTerminal;

use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{FilterExt as _, filter_fn};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::failure::Failure;

/// Starts logging. A bad filter is an error rather than a silent log.
pub(crate) fn start() -> Result<(), Failure> {
    let filter = match std::env::var("RUST_LOG") {
        Ok(filter) if !filter.is_empty() => EnvFilter::try_new(&filter)
            .map_err(|error| Failure::Setting(format!("RUST_LOG: '{filter}' is no filter: {error}")))?,
        _ => EnvFilter::new(DEFAULT_FILTER),
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_filter(filter.and(filter_fn(keeps_secrets)));
    tracing_subscriber::registry().with(lines).init();
    Ok(())
}

/// What clients say is in no log, whatever the filter asks for: the WebSocket library writes whole messages, tokens and all, at its
/// finer levels.
fn keeps_secrets(event: &Metadata<'_>) -> bool {
    let is_framing = event.target().starts_with("tungstenite") || event.target().starts_with("tokio_tungstenite");
    !is_framing || *event.level() <= Level::INFO
}

/// hyper warns of every client that never finishes its request, which says nothing about us.
const DEFAULT_FILTER: &str = "info,hyper=error";
