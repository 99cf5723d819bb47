//! The one place where this crate reads clocks: the monotonic one for the machine, the wall's for what people read.

use std::time::{Duration, SystemTime};

use duet_proto::time::Time;
use tokio::time::Instant;

/// The process's clock. Its origin is the machine's start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: Instant,
    wall_origin: SystemTime,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Clock { origin: Instant::now(), wall_origin: SystemTime::now() }
    }

    pub(crate) fn now(&self) -> Time {
        Time::ZERO + self.origin.elapsed()
    }

    /// When a moment comes, on tokio's clock.
    pub(crate) fn instant(&self, time: Time) -> Instant {
        self.origin + time.since_origin()
    }

    /// What the wall's clock showed at a moment, were it never set.
    pub(crate) fn wall(&self, time: Time) -> SystemTime {
        let before: Duration = Time::ZERO.since(time);
        let wall = self.wall_origin.checked_sub(before).unwrap_or(SystemTime::UNIX_EPOCH);
        wall.checked_add(time.since_origin()).unwrap_or(wall)
    }
}
