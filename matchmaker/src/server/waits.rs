//! How long those who were matched lately had waited, in all and by pool: the newest waits of a window, so that percentiles are exact.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use duet_proto::frame::PoolName;
use duet_proto::time::Time;

/// What is remembered. Behind a lock of its own, so that reading it holds nobody up.
#[derive(Debug, Default)]
pub(crate) struct Waits(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    all: Recent,
    by_pool: BTreeMap<PoolName, Recent>,
}

/// The newest waits, oldest first, each with when it ended.
#[derive(Debug, Default)]
struct Recent(VecDeque<(Time, Duration)>);

/// Half, nine of ten, 99 of 100 of them had waited no longer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Percentiles {
    pub(crate) samples: usize,
    pub(crate) p50: Duration,
    pub(crate) p90: Duration,
    pub(crate) p99: Duration,
}

impl Waits {
    /// Two have met.
    pub(crate) fn add(&self, pool: &PoolName, waits: [Duration; 2], now: Time) {
        let mut inner = self.lock();
        inner.all.add(waits, now);
        if let Some(recent) = inner.by_pool.get_mut(pool) {
            return recent.add(waits, now);
        }
        if inner.by_pool.len() >= POOLS_MOST {
            inner.by_pool.retain(|_, recent| recent.is_recent(now));
        }
        if inner.by_pool.len() < POOLS_MOST {
            inner.by_pool.entry(pool.clone()).or_default().add(waits, now);
        }
    }

    /// Of all pools.
    pub(crate) fn all(&self, now: Time) -> Percentiles {
        self.lock().all.percentiles(now)
    }

    /// Of one pool; nothing, if nobody was matched in it.
    pub(crate) fn of(&self, pool: &PoolName, now: Time) -> Percentiles {
        self.lock().by_pool.get(pool).map_or_else(Percentiles::default, |recent| recent.percentiles(now))
    }

    /// The pools in which anybody was matched lately, in the order of their names.
    pub(crate) fn pools(&self, now: Time) -> Vec<PoolName> {
        let inner = self.lock();
        let recent = inner.by_pool.iter().filter(|(_, recent)| recent.is_recent(now));
        recent.map(|(pool, _)| pool.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recent {
    fn add(&mut self, waits: [Duration; 2], now: Time) {
        self.0.extend(waits.map(|wait| (now, wait)));
        let over = self.0.len().saturating_sub(SAMPLES_MOST);
        self.0.drain(..over);
        while self.0.front().is_some_and(|(at, _)| now.since(*at) > WINDOW) {
            self.0.pop_front();
        }
    }

    fn is_recent(&self, now: Time) -> bool {
        self.0.back().is_some_and(|(at, _)| now.since(*at) <= WINDOW)
    }

    fn percentiles(&self, now: Time) -> Percentiles {
        let within = self.0.iter().filter(|(at, _)| now.since(*at) <= WINDOW);
        let mut waits: Vec<Duration> = within.map(|(_, wait)| *wait).collect();
        if waits.is_empty() {
            return Percentiles::default();
        }
        waits.sort_unstable();
        // The nearest rank.
        let at = |percent: usize| waits[(waits.len() * percent).div_ceil(100) - 1];
        Percentiles { samples: waits.len(), p50: at(50), p90: at(90), p99: at(99) }
    }
}

/// How far back "lately" goes.
pub(crate) const WINDOW: Duration = Duration::from_secs(300);
const SAMPLES_MOST: usize = 1_024;
/// Pools that are told apart; of more, waits count in all only until one of these is quiet.
const POOLS_MOST: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(name: &str) -> PoolName {
        PoolName::new(name).unwrap()
    }

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(seconds)
    }

    fn seconds(wait: u64) -> Duration {
        Duration::from_secs(wait)
    }

    #[test]
    fn percentiles_are_of_the_nearest_rank_by_pool_and_in_all() {
        let waits = Waits::default();
        assert_eq!(waits.all(at(0)), Percentiles::default());
        for wait in 0..50 {
            waits.add(&pool("chess"), [seconds(2 * wait + 1), seconds(2 * wait + 2)], at(0));
        }
        let told = Percentiles { samples: 100, p50: seconds(50), p90: seconds(90), p99: seconds(99) };
        assert_eq!((waits.of(&pool("chess"), at(0)), waits.all(at(0))), (told, told));
        waits.add(&pool("go"), [seconds(7), seconds(8)], at(1));
        assert_eq!(waits.all(at(1)).samples, 102);
        let told = Percentiles { samples: 2, p50: seconds(7), p90: seconds(8), p99: seconds(8) };
        assert_eq!(waits.of(&pool("go"), at(1)), told);
        assert_eq!(waits.pools(at(1)), [pool("chess"), pool("go")]);
    }

    #[test]
    fn what_is_older_than_the_window_counts_no_more() {
        let waits = Waits::default();
        waits.add(&pool("chess"), [seconds(1); 2], at(0));
        waits.add(&pool("chess"), [seconds(9); 2], at(200));
        assert_eq!(waits.of(&pool("chess"), at(300)).samples, 4);
        assert_eq!(waits.of(&pool("chess"), at(301)).p50, seconds(9));
        assert_eq!(waits.of(&pool("chess"), at(501)), Percentiles::default());
        assert!(waits.pools(at(501)).is_empty());
    }

    #[test]
    fn only_so_much_is_kept() {
        let waits = Waits::default();
        for number in 0..POOLS_MOST + 10 {
            waits.add(&pool(&format!("p{number}")), [seconds(1); 2], at(0));
        }
        assert_eq!(waits.pools(at(0)).len(), POOLS_MOST);
        assert_eq!(waits.all(at(0)).samples, SAMPLES_MOST);
        waits.add(&pool("late"), [seconds(1); 2], at(400));
        assert_eq!(waits.pools(at(400)), [pool("late")]);
    }
}
