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

    /// What has come since an earlier moment of the same histogram.
    #[must_use]
    pub fn since(&self, earlier: &Distribution) -> Self {
        let counts = self.counts.iter().zip(&earlier.counts).map(|(now, then)| now.saturating_sub(*then));
        Distribution { bounds: self.bounds, counts: counts.collect(), sum: self.sum.saturating_sub(earlier.sum) }
    }

    /// The duration that this part of all, from 0 to 1, did not exceed, as if those in a bucket were spread evenly; where it lies beyond all
    /// bounds, the last of them. `None` of nothing.
    pub fn quantile(&self, part: f64) -> Option<Duration> {
        let all = self.count();
        let sought = (all > 0).then_some(part * all as f64)?;
        let mut below = 0.0;
        let mut from = Duration::ZERO;
        for (bound, count) in self.bounds.iter().zip(&self.counts) {
            let count = *count as f64;
            if count > 0.0 && below + count >= sought {
                return Some(from + (*bound - from).mul_f64(((sought - below) / count).clamp(0.0, 1.0)));
            }
            below += count;
            from = *bound;
        }
        Some(from)
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

/// Bounds of what browsers do: alike wherever calls are counted.
pub const CALL_BOUNDS: [Duration; 9] = [
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_millis(2500),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(30),
];

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
    fn a_quantile_is_estimated_between_the_bounds_of_its_bucket() {
        let histogram = Histogram::new(BOUNDS);
        assert_eq!(histogram.distribution().quantile(0.5), None);
        for _ in 0..10 {
            histogram.observe(Duration::from_millis(5));
        }
        let earlier = histogram.distribution();
        assert_eq!(earlier.quantile(0.5), Some(Duration::from_millis(5)));
        for _ in 0..30 {
            histogram.observe(Duration::from_millis(20));
        }
        histogram.observe(Duration::from_secs(9));
        let later = histogram.distribution().since(&earlier);
        assert_eq!((later.counts.as_slice(), later.sum), (&[0, 30, 1][..], Duration::from_millis(9600)));
        assert!((later.quantile(0.5).unwrap().as_secs_f64() - 0.0565).abs() < 1e-9);
        assert_eq!(later.quantile(1.0), Some(Duration::from_millis(100)), "it is not known how much longer");
    }

    #[test]
    fn what_lasts_is_counted_while_it_lasts() {
        let count = Count::default();
        count.add(3);
        count.subtract(2);
        assert_eq!(count.get(), 1);
    }
}
