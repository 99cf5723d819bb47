//! How fast a pool moves: waiters that found a partner, the last minute's counting most.

use std::time::Duration;

use duet_proto::time::Time;

/// A count that fades.
#[derive(Debug)]
pub(crate) struct Pace {
    began: Time,
    at: Time,
    /// As of `at`.
    taken: f64,
}

impl Pace {
    pub(crate) fn new(now: Time) -> Self {
        Pace { began: now, at: now, taken: 0.0 }
    }

    /// A waiter has found a partner.
    pub(crate) fn count(&mut self, now: Time) {
        self.taken = self.faded(now) + 1.0;
        self.at = now;
    }

    /// For how much longer the one at a position will wait; `None` when nobody, or nearly nobody, was taken lately.
    pub(crate) fn estimate(&self, position: u64, now: Time) -> Option<Duration> {
        let taken = self.faded(now);
        if taken < HARDLY_ANYBODY {
            return None;
        }
        // A pool that has just begun has had less time.
        let seen = 1.0 - fade(now.since(self.began).max(SHORTEST));
        let per_second = taken / (seen * FADES.as_secs_f64());
        #[allow(clippy::cast_precision_loss, reason = "an estimate")]
        let seconds = (position as f64 / per_second).min(LONGEST.as_secs_f64());
        Some(Duration::from_millis(Duration::from_secs_f64(seconds).as_millis().try_into().unwrap_or(u64::MAX)))
    }

    fn faded(&self, now: Time) -> f64 {
        self.taken * fade(now.since(self.at))
    }
}

/// What is left of a count after a time.
fn fade(age: Duration) -> f64 {
    (-age.as_secs_f64() / FADES.as_secs_f64()).exp()
}

/// After that time a third is left.
const FADES: Duration = Duration::from_secs(60);
/// Less is no basis for an estimate.
const HARDLY_ANYBODY: f64 = 0.5;
/// A pool younger than this is taken to be so old.
const SHORTEST: Duration = Duration::from_secs(1);
/// Nobody is told of more.
const LONGEST: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use super::*;

    fn second(second: u64) -> Time {
        Time::ZERO + Duration::from_secs(second)
    }

    #[test]
    fn who_stands_twice_as_far_back_waits_twice_as_long() {
        let mut pace = Pace::new(second(0));
        for at in 0..600 {
            pace.count(second(at));
        }
        let estimate = |position| pace.estimate(position, second(600)).unwrap().as_secs_f64();
        assert!((9.0..11.0).contains(&estimate(10)), "one each second: {}", estimate(10));
        assert!((19.0..21.0).contains(&estimate(20)), "{}", estimate(20));
    }

    #[test]
    fn a_young_pool_counts_the_time_it_has_had() {
        let mut pace = Pace::new(second(100));
        for at in 100..110 {
            pace.count(second(at));
        }
        let estimate = pace.estimate(5, second(110)).unwrap().as_secs_f64();
        assert!((4.0..6.0).contains(&estimate), "{estimate}");
    }

    #[test]
    fn what_is_long_ago_tells_nothing() {
        let mut pace = Pace::new(second(0));
        assert_eq!(pace.estimate(1, second(1)), None);
        pace.count(second(1));
        assert!(pace.estimate(1, second(2)).is_some());
        assert_eq!(pace.estimate(1, second(300)), None);
    }

    #[test]
    fn an_estimate_is_bounded() {
        let mut pace = Pace::new(second(0));
        pace.count(second(0));
        assert_eq!(pace.estimate(u64::MAX, second(1)), Some(LONGEST));
    }
}
