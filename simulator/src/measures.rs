//! What is counted while a simulation runs.

use std::time::Duration;

use duet_proto::time::Time;
use hdrhistogram::Histogram;

use crate::policy::Policy;
use crate::queue::{Queue, Waiter};
use crate::report::{Bucket, Figures, Rate, Waits};
use crate::scenario::Scenario;

/// Two meet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Met<'a> {
    pub(crate) newcomer: &'a Waiter,
    pub(crate) waiter: &'a Waiter,
    /// Those who wait and those in rooms.
    pub(crate) population: usize,
    /// Whether tickets have patience.
    pub(crate) insists: bool,
    pub(crate) now: Time,
}

#[derive(Debug)]
pub(crate) struct Measures {
    waits: Histogram<u64>,
    inversions: Rate,
    tagged: Rate,
    rematches: Rate,
    rematches_in_crowds: Rate,
    /// The untagged, and then the tagged by the rank of their commonest tag.
    rarities: Vec<Rarity>,
}

#[derive(Debug)]
struct Rarity {
    /// Ranks from 1; none for the untagged.
    ranks: Option<(u16, u16)>,
    waits: Histogram<u64>,
    by_tag: u64,
}

impl Measures {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let rarity = |ranks| Rarity { ranks, waits: histogram(), by_tag: 0 };
        let mut rarities = vec![rarity(None)];
        let (mut from, mut to) = (1, FIRST_RANKS);
        while from <= scenario.tags.count {
            rarities.push(rarity(Some((from, to.min(scenario.tags.count)))));
            (from, to) = (to + 1, to.saturating_mul(RANKS_GROW));
        }
        Measures {
            waits: histogram(),
            inversions: Rate::default(),
            tagged: Rate::default(),
            rematches: Rate::default(),
            rematches_in_crowds: Rate::default(),
            rarities,
        }
    }

    /// Both still stand in the queue.
    pub(crate) fn count(&mut self, met: &Met<'_>, queue: &Queue) {
        let Met { newcomer, waiter, population, insists, now } = *met;
        let by_tag = queue.fit(newcomer, waiter).by_tag();
        self.inversions.count(queue.is_inversion(newcomer, waiter, insists, now));
        let is_rematch = newcomer.has_met(waiter, now);
        self.rematches.count(is_rematch);
        if population > CROWD {
            self.rematches_in_crowds.count(is_rematch);
        }
        for one in [newcomer, waiter] {
            let waited = micros(one.waited(now));
            self.waits.saturating_record(waited);
            let commonest = one.wants.tags.first().map(|tag| tag + 1);
            if commonest.is_some() {
                self.tagged.count(by_tag);
            }
            let is_of = |rarity: &&mut Rarity| match (commonest, rarity.ranks) {
                (Some(rank), Some((from, to))) => (from..=to).contains(&rank),
                (commonest, ranks) => commonest.is_none() && ranks.is_none(),
            };
            let rarity = self.rarities.iter_mut().find(is_of).expect("every rank is of one");
            rarity.waits.saturating_record(waited);
            rarity.by_tag += u64::from(by_tag);
        }
    }

    pub(crate) fn figures(self, policy: Policy, scenario: &Scenario, queue: &Queue, now: Time) -> Figures {
        let waits = Waits::of(&self.waits);
        let overdue = scenario.patience() + SLACK;
        Figures {
            policy: policy.to_string(),
            matches: self.inversions.of,
            curve: curve(&self.waits),
            waits,
            inversions: self.inversions,
            tagged_by_tag: self.tagged,
            rematches: self.rematches,
            rematches_in_crowds: self.rematches_in_crowds,
            by_rarity: self.rarities.into_iter().map(Rarity::bucket).collect(),
            waiting_at_end: queue.len() as u64,
            overdue_at_end: queue.present().filter(|waiter| waiter.waited(now) > overdue).count() as u64,
        }
    }
}

impl Rarity {
    fn bucket(self) -> Bucket {
        Bucket {
            ranks: self.ranks,
            tickets: self.waits.len(),
            by_tag: self.by_tag as f64 / self.waits.len().max(1) as f64,
            waits: Waits::of(&self.waits),
        }
    }
}

/// The share of tickets that were matched within a time in seconds, at steps that are even on a logarithmic scale.
fn curve(waits: &Histogram<u64>) -> Vec<(f64, f64)> {
    let share = |seconds: f64| {
        waits.count_between(0, micros(Duration::from_secs_f64(seconds))) as f64 / waits.len().max(1) as f64
    };
    (0..=CURVE_STEPS).map(|step| CURVE_START_S * CURVE_GROWS.powi(step)).map(|at| (at, share(at))).collect()
}

/// From a microsecond to a day.
fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 86_400_000_000, 3).expect("the bounds are in order")
}

fn micros(wait: Duration) -> u64 {
    u64::try_from(wait.as_micros()).unwrap_or(u64::MAX)
}

/// How much longer than its patience a ticket should wait at most.
pub(crate) const SLACK: Duration = Duration::from_millis(500);
/// Above so many who wait or talk, nobody need meet a partner of the last minutes again.
pub(crate) const CROWD: usize = 50;
const FIRST_RANKS: u16 = 5;
const RANKS_GROW: u16 = 3;
const CURVE_START_S: f64 = 0.01;
/// The 100th step is 100 s.
const CURVE_GROWS: f64 = 1.096_478_196_143_185;
const CURVE_STEPS: i32 = 100;
