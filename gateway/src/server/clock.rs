//! The machines' time from tokio's clock, which tests can pause.

use duet_proto::time::Time;
use tokio::time::Instant;

/// A worker's clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    origin: Instant,
}

impl Clock {
    pub(super) fn start() -> Self {
        Clock { origin: Instant::now() }
    }

    pub(super) fn now(&self) -> Time {
        Time::ZERO + self.origin.elapsed()
    }

    pub(super) fn instant(&self, time: Time) -> Instant {
        self.origin + time.since_origin()
    }
}
