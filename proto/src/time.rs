//! Time as the machines see it: given to them, never read by them.

use std::ops::{Add, Sub};
use std::time::Duration;

/// A moment on a process's monotonic clock, in microseconds since an origin that the process chose.
///
/// Moments of different processes can't be compared: what crosses a wire is an age.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(i64);

impl Time {
    /// The origin.
    pub const ZERO: Time = Time(0);

    /// How long after `earlier` this is; zero when it is before.
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// How long after the origin this is; zero when it is before.
    pub fn since_origin(self) -> Duration {
        self.since(Time::ZERO)
    }
}

impl Add<Duration> for Time {
    type Output = Time;

    fn add(self, duration: Duration) -> Time {
        Time(self.0.saturating_add(micros(duration)))
    }
}

/// May lie before the origin: a wait that began before the process did.
impl Sub<Duration> for Time {
    type Output = Time;

    fn sub(self, duration: Duration) -> Time {
        Time(self.0.saturating_sub(micros(duration)))
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
    }
}
