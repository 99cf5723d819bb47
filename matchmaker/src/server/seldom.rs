//! Saying something seldom: a peer that fails again and again must not fill the log.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Something that is worth a line of the log, but not each time.
#[derive(Debug, Default)]
pub struct Seldom {
    said: Mutex<Said>,
}

#[derive(Debug, Default)]
struct Said {
    last: Option<Instant>,
    unsaid: u64,
}

impl Seldom {
    /// Says it, with how often it went unsaid since the last time, unless that was just now.
    pub fn say(&self, say: impl FnOnce(u64)) {
        self.say_at(Instant::now(), say);
    }

    fn say_at(&self, now: Instant, say: impl FnOnce(u64)) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.last.is_some_and(|last| now.duration_since(last) < PAUSE) {
            said.unsaid += 1;
            return;
        }
        let unsaid = std::mem::take(&mut said.unsaid);
        said.last = Some(now);
        drop(said);
        say(unsaid);
    }
}

/// Between two lines.
const PAUSE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_unsaid_is_counted() {
        let (seldom, mut said, start) = (Seldom::default(), Vec::new(), Instant::now());
        for after in [Duration::ZERO, PAUSE / 3, PAUSE / 2, PAUSE] {
            seldom.say_at(start + after, |unsaid| said.push(unsaid));
        }
        assert_eq!(said, [0, 2]);
    }
}
