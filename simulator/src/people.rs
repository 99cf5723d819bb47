//! Who comes, with which wishes, and what they decide: drawn from a scenario and a seed.
//!
//! Everybody has a generator of their own, so that under every policy the same people come with the same wishes, and decide alike as long
//! as they meet as often.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, Exp, LogNormal, Zipf, weighted::WeightedIndex};

use crate::scenario::Scenario;

/// Somebody, counted from 0 in the order of arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Name(pub(crate) u32);

/// What somebody asks for, each time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wants {
    /// By rank of popularity, from 0; ascending.
    pub(crate) tags: Vec<u16>,
    /// By number.
    pub(crate) region: Option<u8>,
    /// Has proved to be a user.
    pub(crate) verified: bool,
    /// Has a connection that breaks while it waits.
    pub(crate) vanishes: bool,
}

/// What somebody does in a room, unless the partner is quicker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stay {
    pub(crate) lasts: Duration,
    pub(crate) then: Then,
}

/// How somebody ends a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    Next,
    Leave,
}

/// The distributions of a scenario.
#[derive(Debug)]
pub(crate) struct People {
    scenario: Scenario,
    seed: u64,
    arrivals: StdRng,
    between: Exp<f64>,
    tag: Zipf<f64>,
    region: WeightedIndex<f64>,
    talk: LogNormal<f64>,
    skip: Exp<f64>,
    until_absent: Exp<f64>,
    absent: Exp<f64>,
}

/// Somebody's own generator.
pub(crate) type Will = StdRng;

impl People {
    pub(crate) fn new(scenario: &Scenario, seed: u64) -> Self {
        let of_mean = |seconds: f64| Exp::new(1.0 / seconds).expect("the mean is positive");
        let Scenario { arrivals, tags, regions, talks, absence, .. } = scenario;
        People {
            seed,
            arrivals: StdRng::seed_from_u64(seed),
            between: Exp::new(arrivals.per_second).expect("the rate is positive"),
            tag: Zipf::new(f64::from(tags.count), tags.zipf).expect("there are tags"),
            region: WeightedIndex::new(&regions.weights).expect("there are regions"),
            talk: LogNormal::new(talks.median_s.ln(), talks.sigma).expect("sigma is a number"),
            skip: of_mean(talks.skip_mean_s),
            until_absent: of_mean(absence.after_mean_s),
            absent: of_mean(absence.mean_s),
            scenario: scenario.clone(),
        }
    }

    /// How long after one newcomer the next one comes.
    pub(crate) fn next_arrival(&mut self) -> Duration {
        Duration::from_secs_f64(self.between.sample(&mut self.arrivals).min(86_400.0))
    }

    /// Somebody's will, and what it wants.
    pub(crate) fn draw(&self, name: Name) -> (Will, Wants) {
        // Neighbouring seeds would share people.
        let mut will =
            StdRng::seed_from_u64(self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(name.0) ^ 1 << 63);
        let Scenario { arrivals, tags, regions, absence, .. } = &self.scenario;
        let is_tagged = will.random_bool(tags.tagged_share);
        let count = will.random_range(tags.min_per_ticket..=tags.max_per_ticket);
        let wants = Wants {
            tags: if is_tagged { self.tags(count, &mut will) } else { Vec::new() },
            region: will.random_bool(regions.share).then(|| self.region.sample(&mut will) as u8),
            verified: will.random_bool(arrivals.verified_share),
            vanishes: will.random_bool(absence.share),
        };
        (will, wants)
    }

    fn tags(&self, count: u16, will: &mut Will) -> Vec<u16> {
        let mut tags = Vec::new();
        // Where one tag is nearly everybody's, others are seldom drawn: then there are fewer.
        for _ in 0..TRIES {
            let tag = self.tag.sample(will) as u16 - 1;
            if !tags.contains(&tag) {
                tags.push(tag);
            }
            if tags.len() == usize::from(count) {
                break;
            }
        }
        tags.sort_unstable();
        tags
    }

    /// What somebody means to do in a room that has just been made.
    pub(crate) fn stay(&self, will: &mut Will) -> Stay {
        let talks = &self.scenario.talks;
        let skips = will.random_bool(talks.skip_share);
        let returns = will.random_bool(talks.return_share);
        let lasts = if skips { self.skip.sample(will) } else { self.talk.sample(will) };
        let then = if skips || returns { Then::Next } else { Then::Leave };
        Stay { lasts: seconds(lasts), then }
    }

    /// How long after a wait has begun a connection breaks.
    pub(crate) fn until_absent(&self, will: &mut Will) -> Duration {
        seconds(self.until_absent.sample(will))
    }

    /// How long it stays away.
    pub(crate) fn absent(&self, will: &mut Will) -> Duration {
        seconds(self.absent.sample(will)).min(LONGEST_ABSENCE)
    }
}

/// At least the millisecond that anybody needs to do anything, and never more than a day.
fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds.clamp(0.001, 86_400.0))
}

const TRIES: usize = 200;
/// Within the longest window that a matchmaker keeps a session for.
const LONGEST_ABSENCE: Duration = Duration::from_secs(500);
