//! The kinds of work of a comparison.

use std::io;

use crate::bench::Bench;
use crate::dialect::Payload;
use crate::figures::Figures;
use crate::work::forward::{Forward, Load};
use crate::work::{connect, idle, matching, next};

/// One kind of work.
pub(super) struct Job {
    pub(super) name: &'static str,
    /// What it is, in a table's words.
    pub(super) title: &'static str,
    /// Which figure counts.
    pub(super) measure: Measure,
    kind: Kind,
}

/// A figure, the unit that it is shown in, and whether more of it is better.
#[derive(Clone, Copy)]
pub(super) struct Measure {
    pub(super) unit: &'static str,
    pub(super) of: fn(&Figures) -> f64,
}

#[derive(Clone, Copy)]
enum Kind {
    Forward(Forward),
    Match,
    Next,
    Idle,
    Connect,
}

/// All of them, in the order in which they are run and shown.
pub(super) fn all() -> Vec<Job> {
    let forward = |name, title, connections: usize, payload, load| Job {
        name,
        title,
        measure: CPU,
        kind: Kind::Forward(Forward { pairs: connections / 2, payload, load }),
    };
    let open = |rate| Load::Open { rate };
    let small = Payload::Small;
    vec![
        forward("saturation", "forward: as fast as answers come", 1000, small, Load::Closed { burst: 1 }),
        forward("rate-10k", "forward: 10,000/s", 1000, small, open(10_000.0)),
        forward("sdp-5k", "forward: 3 KiB, 5,000/s", 1000, Payload::Sdp, open(5_000.0)),
        forward("burst-8", "forward: bursts of 8", 1000, small, Load::Closed { burst: 8 }),
        Job { name: "match", title: "a pair", measure: CPU, kind: Kind::Match },
        Job { name: "next", title: "a `next`", measure: CPU, kind: Kind::Next },
        Job { name: "connect", title: "a connection", measure: CPU, kind: Kind::Connect },
        Job {
            name: "idle",
            title: "an idle connection",
            measure: Measure { unit: "B", of: |figures| figures.bytes.unwrap_or_default() },
            kind: Kind::Idle,
        },
        forward("growth-1k", "forward: 10,000/s over 1,000 connections", 1_000, small, open(10_000.0)),
        forward("growth-5k", "forward: 10,000/s over 5,000 connections", 5_000, small, open(10_000.0)),
        forward("growth-19k", "forward: 10,000/s over 19,000 connections", 19_000, small, open(10_000.0)),
    ]
}

impl Job {
    pub(super) fn wants_matchmaking(&self) -> bool {
        matches!(self.kind, Kind::Match | Kind::Next)
    }

    pub(super) fn run(&self, bench: &Bench) -> io::Result<Figures> {
        match self.kind {
            Kind::Forward(forward) => forward.run(bench),
            Kind::Match => matching::run(bench, 2000),
            Kind::Next => next::run(bench, 500),
            Kind::Idle => idle::run(bench, 10_000, false),
            Kind::Connect => connect::run(bench, 64),
        }
    }

    /// In a line.
    pub(super) fn tell(&self, figures: &Figures) -> String {
        let mut line = format!("{:8.2} {}", (self.measure.of)(figures), self.measure.unit);
        line += &format!("  {:6.2} µs outside the kernel  {:.3} sleeps", figures.user_us, figures.sleeps);
        line += &format!("  {}/s", figures.rate_text());
        if let Some(latency) = &figures.latency {
            line += &format!("  p50 {:.0} p99 {:.0} µs", latency.p50, latency.p99);
        }
        line
    }
}

const CPU: Measure = Measure { unit: "µs", of: |figures| figures.cpu_us };
