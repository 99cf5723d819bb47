//! Letting work gather: a worker that is woken again and again for one message pauses before it looks for the next, as network
//! cards moderate their interrupts. To wake a thread costs more than to forward a message.

use std::cell::Cell;
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Builder;

thread_local! {
    static RHYTHM: Cell<Rhythm> = const { Cell::new(Rhythm { waited_from: None, woken: None }) };
}

/// Lets the threads of a runtime pause for at most `interval` before they wait, once they are woken more often than that. Zero is
/// never.
pub(super) fn coalesce(builder: &mut Builder, interval: Duration) -> &mut Builder {
    if interval.is_zero() {
        return builder;
    }
    builder.on_thread_unpark(|| {
        RHYTHM.set(Rhythm { woken: Some(Instant::now()), ..RHYTHM.get() });
    });
    builder.on_thread_park(move || {
        let now = Instant::now();
        let pause = RHYTHM.get().pause(now, interval);
        if !pause.is_zero() {
            // Blocks the whole worker, which is what saves: nothing else wakes it meanwhile.
            thread::sleep(pause);
        }
        RHYTHM.set(Rhythm { waited_from: Some(now + pause), woken: None });
    })
}

/// When a thread began to wait for the last time, and when that wait ended.
#[derive(Clone, Copy)]
struct Rhythm {
    waited_from: Option<Instant>,
    woken: Option<Instant>,
}

impl Rhythm {
    /// How long to pause before waiting again, so that wakes are `interval` apart. Nothing, if the last wait was longer: what comes
    /// seldom is served at once.
    fn pause(self, now: Instant, interval: Duration) -> Duration {
        let (Some(waited_from), Some(woken)) = (self.waited_from, self.woken) else { return Duration::ZERO };
        if woken.saturating_duration_since(waited_from) >= interval {
            return Duration::ZERO;
        }
        interval.saturating_sub(now.saturating_duration_since(woken))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_micros(250);

    /// The pause of a thread that waited and then worked so many microseconds.
    fn pause_after(waited: u64, worked: u64) -> u128 {
        let waited_from = Instant::now();
        let woken = waited_from + Duration::from_micros(waited);
        let rhythm = Rhythm { waited_from: Some(waited_from), woken: Some(woken) };
        rhythm.pause(woken + Duration::from_micros(worked), INTERVAL).as_micros()
    }

    #[test]
    fn what_comes_seldom_is_served_at_once() {
        assert_eq!(pause_after(250, 10), 0);
        assert_eq!(pause_after(1_000_000, 10), 0);
    }

    #[test]
    fn what_comes_often_gathers() {
        assert_eq!(pause_after(249, 10), 240);
        assert_eq!(pause_after(0, 100), 150);
    }

    #[test]
    fn a_thread_with_enough_to_do_never_pauses() {
        assert_eq!(pause_after(0, 250), 0);
        assert_eq!(pause_after(0, 5000), 0);
    }

    #[test]
    fn the_first_wait_has_no_rhythm() {
        let rhythm = Rhythm { waited_from: None, woken: Some(Instant::now()) };
        assert_eq!(rhythm.pause(Instant::now(), INTERVAL), Duration::ZERO);
    }
}
