//! What every run needs to know: the server, its processes, its words.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::dialect::Dialect;
use crate::server::Processes;
use crate::swarm::{Swarm, Work};

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

    /// Lets the work go on for so long. `first` is done ahead of every turn, and says how long that may wait.
    pub(crate) fn go_on<W: Work>(
        &self,
        what: &'static str,
        how_long: Duration,
        swarm: &mut Swarm,
        work: &mut W,
        mut first: impl FnMut(&mut Swarm, &mut W) -> io::Result<Duration>,
    ) -> io::Result<()> {
        let progress = self.progress(what, how_long.as_millis() as u64);
        let start = Instant::now();
        let mut shown = Duration::ZERO;
        loop {
            let elapsed = start.elapsed();
            if elapsed >= how_long {
                progress.finish_and_clear();
                return Ok(());
            }
            if elapsed >= shown {
                progress.set_position(elapsed.as_millis() as u64);
                shown = elapsed + SHOWN_EVERY;
            }
            let timeout = first(swarm, work)?;
            swarm.turn(timeout, work)?;
        }
    }

    /// Shown on a terminal only.
    pub(crate) fn progress(&self, what: &'static str, length: u64) -> ProgressBar {
        let style = ProgressStyle::with_template("  {msg:12} {wide_bar:.dim} {pos}/{len}");
        ProgressBar::new(length).with_message(what).with_style(style.expect("the template is well formed"))
    }
}

const SHOWN_EVERY: Duration = Duration::from_millis(100);
