//! What a simulation has found: figures of each policy, and the matchmaker beside each batch at an equal share of shared tags.

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::Policy;
use crate::scenario::Scenario;
use crate::simulation::simulate;

/// All policies on the same arrivals.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What was simulated.
    pub scenario: Scenario,
    /// What repeats it.
    pub seed: u64,
    /// In the order of [`Policy::ALL`].
    pub policies: Vec<Figures>,
    /// One for each batch.
    pub equal_share: Vec<EqualShare>,
}

/// The matchmaker with the least patience, of those tried, with which as many tagged tickets are matched by a shared tag as by a batch.
#[derive(Clone, Debug, Serialize)]
pub struct EqualShare {
    /// The batch's name.
    pub batch: String,
    /// `None` if no patience up to the greatest tried will do.
    pub patience_s: Option<f64>,
    /// The matchmaker's with this patience, or the greatest tried.
    pub duet: Figures,
}

/// What one policy came to.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// Its name.
    pub policy: String,
    /// Rooms made.
    pub matches: u64,
    /// From when a ticket began to wait until its match, without the time that its client was away.
    pub waits: Waits,
    /// Matches for which somebody older was passed over who would have suited the newcomer as well.
    pub inversions: Rate,
    /// Tagged tickets that were matched by a shared tag.
    pub tagged_by_tag: Rate,
    /// Matches of two who had parted less than five minutes before.
    pub rematches: Rate,
    /// Those of them while more than 50 waited or talked.
    pub rematches_in_crowds: Rate,
    /// The untagged first, then the tagged by their commonest tag, the commonest first.
    pub by_rarity: Vec<Bucket>,
    /// Tickets left over.
    pub waiting_at_end: u64,
    /// Those of them that have waited for more than patience and half a second.
    pub overdue_at_end: u64,
    /// Seconds, and the share of tickets that were matched within them.
    pub curve: Vec<(f64, f64)>,
}

/// So many of so many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Rate {
    /// Those for which it holds.
    pub count: u64,
    /// Those that were looked at.
    pub of: u64,
}

/// Times in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[allow(missing_docs, reason = "named by what they are")]
pub struct Waits {
    pub mean: f64,
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub max: f64,
}

/// Tickets that are alike in how rare their commonest tag is.
#[derive(Clone, Debug, Serialize)]
pub struct Bucket {
    /// The ranks of the commonest tag, from 1; `None`: no tags.
    pub ranks: Option<(u16, u16)>,
    /// Matched.
    pub tickets: u64,
    /// The share matched by a shared tag.
    pub by_tag: f64,
    /// How long they waited.
    pub waits: Waits,
}

impl Report {
    /// Runs all policies, and the matchmaker with other patience until it compares with each batch.
    pub fn new(scenario: &Scenario, seed: u64) -> Self {
        let policies: Vec<_> = Policy::ALL.iter().map(|policy| simulate(scenario, seed, *policy)).collect();
        let batches = Policy::ALL.iter().zip(&policies).filter(|(policy, _)| matches!(policy, Policy::Batch(_)));
        let equal_share = batches.map(|(_, batch)| EqualShare::find(scenario, seed, batch)).collect();
        Report { scenario: scenario.clone(), seed, policies, equal_share }
    }

    /// As JSON.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("figures are numbers and names")
    }
}

impl EqualShare {
    /// More patience never means fewer shared tags, but for chance: the least that will do is between two that are known.
    fn find(scenario: &Scenario, seed: u64, batch: &Figures) -> Self {
        let with = |step: i32| {
            let patience_s = LEAST_PATIENCE_S * PATIENCE_GROWS.powi(step);
            let duet = simulate(&Scenario { patience_s, ..scenario.clone() }, seed, Policy::Duet);
            let reaches = duet.tagged_by_tag.share() >= batch.tagged_by_tag.share();
            (reaches, EqualShare { batch: batch.policy.clone(), patience_s: reaches.then_some(patience_s), duet })
        };
        let (mut too_little, mut enough) = (-1, PATIENCE_STEPS);
        let (_, mut best) = with(enough);
        while enough - too_little > 1 && best.patience_s.is_some() {
            let middle = i32::midpoint(too_little, enough);
            match with(middle) {
                (true, found) => (enough, best) = (middle, found),
                (false, _) => too_little = middle,
            }
        }
        best
    }
}

impl Rate {
    pub(crate) fn count(&mut self, holds: bool) {
        self.count += u64::from(holds);
        self.of += 1;
    }

    /// From 0 to 1; of nothing, 0.
    pub fn share(self) -> f64 {
        self.count as f64 / self.of.max(1) as f64
    }
}

impl Waits {
    /// From a histogram of microseconds.
    pub(crate) fn of(histogram: &Histogram<u64>) -> Self {
        let seconds = |micros: u64| micros as f64 / 1e6;
        let at = |quantile| seconds(histogram.value_at_quantile(quantile));
        Waits { mean: histogram.mean() / 1e6, p50: at(0.5), p90: at(0.9), p99: at(0.99), max: seconds(histogram.max()) }
    }
}

const LEAST_PATIENCE_S: f64 = 0.05;
const PATIENCE_GROWS: f64 = 1.25;
/// Up to a minute.
const PATIENCE_STEPS: i32 = 32;
