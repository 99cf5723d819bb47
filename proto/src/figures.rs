//! Figures for metrics: counts and distributions that one writer at a time raises and anybody may read meanwhile.
//!
//! Writing is a plain load and store, without a lock and without an instruction that other processors would have to wait for: whoever
//! forwards a message pays next to nothing. Two that write at once lose counts, and nothing else.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A number.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// More by so much.
    pub fn add(&self, more: u64) {
        self.0.store(self.get().wrapping_add(more), Ordering::Relaxed);
    }

    /// Less by so much; for what is counted as long as it lasts.
    pub fn subtract(&self, less: u64) {
        self.0.store(self.get().wrapping_sub(less), Ordering::Relaxed);
    }

    /// As it is now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How often durations fell between which bounds.
#[derive(Debug)]
pub struct Histogram {
    /// Ascending, each the longest duration of its bucket.
    bounds: &'static [Duration],
    /// One for each bound, and one for what is longer than all.
    buckets: Box<[Count]>,
    microseconds: Count,
}

impl Histogram {
    /// Nothing has been observed. The bounds ascend.
    pub fn new(bounds: &'static [Duration]) -> Self {
        Histogram {
            bounds,
            buckets: (0..=bounds.len()).map(|_| Count::default()).collect(),
            microseconds: Count::default(),
        }
    }

    /// Something took that long.
    pub fn observe(&self, duration: Duration) {
        self.buckets[self.bounds.partition_point(|bound| *bound < duration)].add(1);
        self.microseconds.add(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX));
    }

    /// As it is now.
    pub fn distribution(&self) -> Distribution {
        let counts = self.buckets.iter().map(Count::get).collect();
        Distribution { bounds: self.bounds, counts, sum: Duration::from_micros(self.microseconds.get()) }
    }
}

/// A [`Histogram`] at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distribution {
    /// Ascending, each the longest duration of its bucket.
    pub bounds: &'static [Duration],
    /// How many in each bucket alone; the last is for what is longer than all bounds.
    pub counts: Vec<u64>,
    /// Of all durations together.
    pub sum: Duration,
}

impl Distribution {
    /// How many in all.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Both together. They must have the same bounds.
    #[must_use]
    pub fn and(mut self, other: &Distribution) -> Self {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.sum += other.sum;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: &[Duration] = &[Duration::from_millis(10), Duration::from_millis(100)];

    #[test]
    fn a_duration_is_in_the_first_bucket_that_holds_it() {
        let histogram = Histogram::new(BOUNDS);
        for millis in [0, 10, 11, 100, 101] {
            histogram.observe(Duration::from_millis(millis));
        }
        let distribution = histogram.distribution();
        assert_eq!(distribution.counts, [2, 2, 1]);
        assert_eq!(distribution.count(), 5);
        assert_eq!(distribution.sum, Duration::from_millis(222));
        assert_eq!(distribution.clone().and(&distribution).counts, [4, 4, 2]);
    }

    #[test]
    fn what_lasts_is_counted_while_it_lasts() {
        let count = Count::default();
        count.add(3);
        count.subtract(2);
        assert_eq!(count.get(), 1);
    }
}
