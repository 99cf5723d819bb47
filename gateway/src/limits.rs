//! How often one client may speak: a token bucket for messages, a window for bad ones.

use std::time::Duration;

use duet_proto::time::Time;

/// The bounds; a rate or limit of 0 means none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LimitsConfig {
    /// Messages a second in the long run.
    pub message_rate: u32,
    /// Messages that may come at once.
    pub message_burst: u32,
    /// Bad messages within [`BAD_WINDOW`] that are still answered; the next one closes the connection.
    pub bad_messages: u32,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        LimitsConfig { message_rate: 100, message_burst: 300, bad_messages: 32 }
    }
}

/// What to do with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Take it.
    Fine,
    /// Drop it and say so.
    Refuse {
        /// When one message will be taken again.
        retry_after: Duration,
    },
    /// Drop it; the client was told within the last second.
    Drop {
        /// When the next one may pass, all the same.
        retry_after: Duration,
    },
    /// Close the connection: this has gone on for too long.
    Close,
}

/// One client's counts.
#[derive(Debug)]
pub struct MessageLimits {
    config: LimitsConfig,
    /// Messages that may come now.
    tokens: f64,
    /// When `tokens` was right.
    counted: Time,
    over: Option<Over>,
    bad: u32,
    bad_since: Time,
}

/// A time over the rate.
#[derive(Clone, Copy, Debug)]
struct Over {
    since: Time,
    told: Time,
    last: Time,
}

impl MessageLimits {
    /// A client that has said nothing yet.
    pub fn new(config: LimitsConfig, now: Time) -> Self {
        MessageLimits {
            config,
            tokens: f64::from(config.message_burst),
            counted: now,
            over: None,
            bad: 0,
            bad_since: now,
        }
    }

    /// A message came.
    pub fn message(&mut self, now: Time) -> Verdict {
        if self.config.message_rate == 0 {
            return Verdict::Fine;
        }
        let rate = f64::from(self.config.message_rate);
        let burst = f64::from(self.config.message_burst.max(1));
        self.tokens = (self.tokens + now.since(self.counted).as_secs_f64() * rate).min(burst);
        self.counted = now;
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Verdict::Fine;
        }
        let retry_after = Duration::from_secs_f64(((1.0 - self.tokens) / rate).max(0.001));
        self.refuse(retry_after, now)
    }

    fn refuse(&mut self, retry_after: Duration, now: Time) -> Verdict {
        let Some(over) = self.over.as_mut().filter(|over| now.since(over.last) < TELL_EVERY) else {
            self.over = Some(Over { since: now, told: now, last: now });
            return Verdict::Refuse { retry_after };
        };
        over.last = now;
        if now.since(over.since) >= PATIENCE {
            return Verdict::Close;
        }
        if now.since(over.told) < TELL_EVERY {
            return Verdict::Drop { retry_after };
        }
        over.told = now;
        Verdict::Refuse { retry_after }
    }

    /// A message was no good; says whether it was one too many.
    pub fn bad_message(&mut self, now: Time) -> bool {
        if now.since(self.bad_since) >= BAD_WINDOW {
            self.bad = 0;
            self.bad_since = now;
        }
        self.bad += 1;
        self.config.bad_messages > 0 && self.bad > self.config.bad_messages
    }
}

/// How often a client over its rate is told.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// How long a client may go on over its rate, never silent for [`TELL_EVERY`], before it is closed.
const PATIENCE: Duration = Duration::from_secs(5);
/// The window in which bad messages are counted.
pub const BAD_WINDOW: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Time {
        Time::ZERO + Duration::from_millis(millis)
    }

    #[test]
    fn a_client_at_exactly_the_rate_is_never_refused() {
        let mut limits = MessageLimits::new(LimitsConfig::default(), at(0));
        for burst in 0..300 {
            assert_eq!(limits.message(at(0)), Verdict::Fine, "{burst}");
        }
        for tick in 1..=6_000 {
            assert_eq!(limits.message(at(tick * 10)), Verdict::Fine, "{tick}");
        }
    }

    #[test]
    fn a_flood_is_told_once_a_second_and_closed_after_five() {
        let mut limits = MessageLimits::new(LimitsConfig { message_burst: 1, ..LimitsConfig::default() }, at(0));
        let mut told = 0;
        for milli in 0..5_000 {
            match limits.message(at(milli)) {
                Verdict::Refuse { retry_after } => {
                    assert!(retry_after <= Duration::from_millis(10), "{retry_after:?}");
                    told += 1;
                }
                Verdict::Close => panic!("closed after {milli} ms"),
                Verdict::Fine | Verdict::Drop { .. } => {}
            }
        }
        assert_eq!(told, 5);
        let end = (5_000..5_100).find(|milli| limits.message(at(*milli)) == Verdict::Close);
        assert!(end.is_some());
    }

    #[test]
    fn a_client_that_pauses_after_a_refusal_starts_afresh() {
        let mut limits = MessageLimits::new(LimitsConfig { message_burst: 1, ..LimitsConfig::default() }, at(0));
        for second in 0..60 {
            let start = second * 2_000;
            assert_eq!(limits.message(at(start)), Verdict::Fine);
            assert!(matches!(limits.message(at(start)), Verdict::Refuse { .. }));
        }
    }

    #[test]
    fn no_rate_is_no_limit() {
        let mut limits = MessageLimits::new(LimitsConfig { message_rate: 0, ..LimitsConfig::default() }, at(0));
        assert!((0..100_000).all(|_| limits.message(at(0)) == Verdict::Fine));
    }

    #[test]
    fn bad_messages_are_counted_within_ten_seconds() {
        let config = LimitsConfig { bad_messages: 2, ..LimitsConfig::default() };
        let mut limits = MessageLimits::new(config, at(0));
        assert!(!limits.bad_message(at(0)) && !limits.bad_message(at(9_999)));
        assert!(!limits.bad_message(at(10_000)), "a new window");
        assert!(!limits.bad_message(at(10_001)));
        assert!(limits.bad_message(at(10_002)));
    }
}
