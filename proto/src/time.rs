//! Time as the machines see it: given to them, never read by them.

use std::cmp::Ordering;
use std::num::NonZeroI64;
use std::ops::{Add, Sub};
use std::time::Duration;

/// A moment on a process's monotonic clock, in microseconds since an origin that the process chose.
///
/// Moments of different processes can't be compared: what crosses a wire is an age.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Time(
    /// The microseconds with their sign bit flipped, so that only the earliest moment of all is none: an `Option<Time>` is no
    /// larger, and a session has several.
    NonZeroI64,
);

impl Time {
    /// The origin.
    pub const ZERO: Time = Time(NonZeroI64::MIN);

    /// How long after `earlier` this is; zero when it is before.
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_micros(u64::try_from(self.micros().saturating_sub(earlier.micros())).unwrap_or(0))
    }

    /// How long after the origin this is; zero when it is before.
    pub fn since_origin(self) -> Duration {
        self.since(Time::ZERO)
    }

    fn at(micros: i64) -> Self {
        Time(NonZeroI64::new(micros ^ i64::MIN).unwrap_or(const { NonZeroI64::new(1).expect("1 is not 0") }))
    }

    fn micros(self) -> i64 {
        self.0.get() ^ i64::MIN
    }
}

impl Default for Time {
    fn default() -> Self {
        Time::ZERO
    }
}

impl Ord for Time {
    fn cmp(&self, other: &Self) -> Ordering {
        self.micros().cmp(&other.micros())
    }
}

impl PartialOrd for Time {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Add<Duration> for Time {
    type Output = Time;

    fn add(self, duration: Duration) -> Time {
        Time::at(self.micros().saturating_add(micros(duration)))
    }
}

/// May lie before the origin: a wait that began before the process did.
impl Sub<Duration> for Time {
    type Output = Time;

    fn sub(self, duration: Duration) -> Time {
        Time::at(self.micros().saturating_sub(micros(duration)))
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_survive_moments_before_the_origin() {
        let queued = Time::ZERO + Duration::from_secs(1) - Duration::from_secs(5);
        assert_eq!((Time::ZERO + Duration::from_secs(2)).since(queued), Duration::from_secs(6));
        assert_eq!(queued.since(Time::ZERO), Duration::ZERO);
    }

    #[test]
    fn absurd_durations_saturate() {
        assert!(Time::ZERO + Duration::MAX > Time::ZERO);
        assert!(Time::ZERO - Duration::MAX < Time::ZERO);
        assert!(Time::ZERO - Duration::MAX - Duration::MAX < Time::ZERO);
    }
}
