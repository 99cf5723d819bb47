//! What every run needs to know: the server, its processes, its words.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::dialect::Dialect;
use crate::server::Processes;
use crate::swarm::Swarm;

/// A server to be measured.
#[derive(Clone, Debug)]
pub(crate) struct Bench {
    pub(crate) host: SocketAddr,
    /// Where its WebSockets are.
    pub(crate) path: String,
    pub(crate) dialect: Dialect,
    pub(crate) processes: Processes,
    /// How long to work before measuring.
    pub(crate) warm_up: Duration,
    /// How long to measure.
    pub(crate) measured: Duration,
}

impl Bench {
    pub(crate) fn swarm(&self) -> io::Result<Swarm> {
        Swarm::new(self.host)
    }

    /// Shown on a terminal only.
    pub(crate) fn progress(&self, what: &'static str, length: u64) -> ProgressBar {
        let style = ProgressStyle::with_template("  {msg:12} {wide_bar:.dim} {pos}/{len}");
        ProgressBar::new(length).with_message(what).with_style(style.expect("the template is well formed"))
    }
}
