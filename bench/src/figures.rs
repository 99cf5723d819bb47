//! What was measured.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::server::Usage;

/// The result of one run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Figures {
    /// What was counted: messages, pairs, connections.
    pub(crate) unit: String,
    pub(crate) count: u64,
    pub(crate) seconds: f64,
    /// Of all server processes, for one unit.
    pub(crate) cpu_us: f64,
    /// The part of it outside the kernel.
    pub(crate) user_us: f64,
    /// How often a thread of the server went to sleep, for one unit.
    pub(crate) sleeps: f64,
    /// From when a message was due to be sent until it was heard.
    pub(crate) latency: Option<Latency>,
    /// Memory of all server processes, for one connection.
    pub(crate) bytes: Option<f64>,
}

/// Times in microseconds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Latency {
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) max: f64,
    /// Percentile and time, for a plot.
    pub(crate) curve: Vec<(f64, f64)>,
}

impl Figures {
    /// Of work during which the server used so much.
    pub(crate) fn new(unit: &str, count: u64, elapsed: Duration, used: Usage) -> Self {
        let each = 1.0 / count.max(1) as f64;
        let cpu_us = used.cpu_ns as f64 / 1000.0 * each;
        Figures {
            unit: unit.to_owned(),
            count,
            seconds: elapsed.as_secs_f64(),
            cpu_us,
            user_us: cpu_us * used.user_share(),
            sleeps: used.sleeps as f64 * each,
            latency: None,
            bytes: None,
        }
    }

    /// Units a second, where that means something.
    pub(crate) fn rate(&self) -> Option<f64> {
        self.bytes.is_none().then(|| self.count as f64 / self.seconds)
    }

    /// The rate in words.
    pub(crate) fn rate_text(&self) -> String {
        self.rate().map_or("–".to_owned(), |rate| format!("{rate:.0}"))
    }
}

impl Latency {
    /// From a histogram of nanoseconds.
    pub(crate) fn of(histogram: &Histogram<u64>) -> Option<Self> {
        let at = |percentile: f64| histogram.value_at_percentile(percentile) as f64 / 1000.0;
        let curve = CURVE.iter().map(|percentile| (*percentile, at(*percentile))).collect();
        (!histogram.is_empty()).then(|| Latency {
            p50: at(50.0),
            p90: at(90.0),
            p99: at(99.0),
            p999: at(99.9),
            max: histogram.max() as f64 / 1000.0,
            curve,
        })
    }
}

const CURVE: [f64; 16] =
    [0.0, 10.0, 25.0, 50.0, 75.0, 80.0, 90.0, 95.0, 97.5, 98.0, 99.0, 99.5, 99.75, 99.9, 99.95, 99.99];
