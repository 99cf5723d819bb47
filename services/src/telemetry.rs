//! Where logs go: standard error, filtered by `RUST_LOG`.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::failure::Failure;

/// Starts logging. A bad filter is an error rather than a silent log.
pub(crate) fn start() -> Result<(), Failure> {
    let filter = match std::env::var("RUST_LOG") {
        Ok(filter) if !filter.is_empty() => EnvFilter::try_new(&filter)
            .map_err(|error| Failure::Setting(format!("RUST_LOG: '{filter}' is no filter: {error}")))?,
        _ => EnvFilter::new(DEFAULT_FILTER),
    };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    Ok(())
}

/// hyper warns of every client that never finishes its request, which says nothing about us.
const DEFAULT_FILTER: &str = "info,hyper=error";
