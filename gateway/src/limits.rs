//! How often one client may speak: token buckets for messages, wishes, reports, bytes and frames, a window for bad messages.

use std::time::Duration;

use duet_proto::time::Time;

/// The bounds; a rate or limit of 0 means none. Without a message rate there are none of bytes, frames, wishes and
/// reports either.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LimitsConfig {
    /// Messages a second in the long run.
    pub message_rate: u32,
    /// Messages that may come at once.
    pub message_burst: u32,
    /// Of them those that ask for a partner.
    pub wish_rate: u32,
    /// How many of these may come at once.
    pub wish_burst: u32,
    /// Of them reports, a minute.
    pub report_rate: u32,
    /// How many of these may come at once.
    pub report_burst: u32,
    /// Bad messages within [`BAD_WINDOW`] that are still answered; the next one closes the connection.
    pub bad_messages: u32,
    /// Bytes a second in the long run, of any kind. Twice as many may come at once.
    pub byte_rate: u32,
    /// Frames a second in the long run, those of fragments included.
    pub frame_rate: u32,
    /// Frames that may come at once.
    pub frame_burst: u32,
    /// Of them pings and pongs that nobody asked for.
    pub control_rate: u32,
    /// How many of these may come at once.
    pub control_burst: u32,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        LimitsConfig {
            message_rate: 100,
            message_burst: 300,
            wish_rate: 5,
            wish_burst: 20,
            report_rate: 6,
            report_burst: 5,
            bad_messages: 32,
            byte_rate: 1024 * 1024,
            frame_rate: 400,
            frame_burst: 1000,
            control_rate: 5,
            control_burst: 20,
        }
    }
}

impl LimitsConfig {
    /// Pings and pongs that may come in one reading. With more the connection is over its limit for sure.
    pub fn controls_at_once(&self) -> u32 {
        if self.message_rate == 0 || self.control_rate == 0 { u32::MAX } else { self.control_burst }
    }
}

/// What a client has run into: the names of the limits, for counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    /// [`LimitsConfig::message_rate`].
    MessageRate,
    /// [`LimitsConfig::wish_rate`].
    WishRate,
    /// [`LimitsConfig::report_rate`].
    ReportRate,
    /// [`LimitsConfig::bad_messages`].
    BadMessages,
    /// [`LimitsConfig::byte_rate`].
    ByteRate,
    /// [`LimitsConfig::frame_rate`].
    FrameRate,
    /// [`LimitsConfig::control_rate`].
    ControlRate,
    /// What is kept for a client that acknowledges nothing.
    Unacknowledged,
    /// How many may wait in one pool.
    PoolFull,
    /// How many pools there may be.
    Pools,
    /// An operator has paused the pool.
    PoolPaused,
    /// The time for a token, or the time that a token is good for.
    AuthTime,
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

/// A bucket of tokens, as full as when it was counted last.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    tokens: f32,
}

impl Bucket {
    pub(crate) fn full(burst: u32) -> Self {
        Bucket { tokens: whole(burst) }
    }

    /// Adds what the time since it was counted last has brought.
    pub(crate) fn fill(&mut self, elapsed: Duration, rate: u32, burst: u32) {
        self.tokens = (self.tokens + elapsed.as_secs_f32() * whole(rate)).min(whole(burst.max(1)));
    }

    /// Takes so many, if they are there. Without a rate there always are.
    pub(crate) fn take(&mut self, count: u32, rate: u32) -> bool {
        let has_enough = rate == 0 || self.tokens >= whole(count);
        if has_enough && rate > 0 {
            self.tokens -= whole(count);
        }
        has_enough
    }

    /// Until one more is there.
    fn wait(self, rate: u32) -> Duration {
        Duration::from_secs_f32(((1.0 - self.tokens) / whole(rate)).max(0.001))
    }
}

/// Rates and bursts are far below where this rounds.
#[allow(clippy::cast_precision_loss)]
fn whole(count: u32) -> f32 {
    count as f32
}

/// One client's counts. The bounds are told each time: they are the same for all.
#[derive(Debug)]
pub struct MessageLimits {
    messages: Bucket,
    wishes: Bucket,
    reports: Bucket,
    /// When the buckets were right.
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
    pub fn new(config: &LimitsConfig, now: Time) -> Self {
        MessageLimits {
            messages: Bucket::full(config.message_burst),
            wishes: Bucket::full(config.wish_burst),
            reports: Bucket::full(config.report_burst),
            counted: now,
            over: None,
            bad: 0,
            bad_since: now,
        }
    }

    /// A message came.
    pub fn message(&mut self, config: &LimitsConfig, now: Time) -> Verdict {
        if config.message_rate == 0 {
            return Verdict::Fine;
        }
        let elapsed = now.since(self.counted);
        self.messages.fill(elapsed, config.message_rate, config.message_burst);
        self.wishes.fill(elapsed, config.wish_rate, config.wish_burst);
        self.reports.fill(elapsed / A_MINUTE, config.report_rate, config.report_burst);
        self.counted = now;
        if self.messages.take(1, config.message_rate) {
            return Verdict::Fine;
        }
        self.refuse(self.messages.wait(config.message_rate), now)
    }

    /// The message asks for a partner.
    pub fn wish(&mut self, config: &LimitsConfig, now: Time) -> Verdict {
        if config.message_rate == 0 || self.wishes.take(1, config.wish_rate) {
            return Verdict::Fine;
        }
        self.refuse(self.wishes.wait(config.wish_rate), now)
    }

    /// The message is a report.
    pub fn report(&mut self, config: &LimitsConfig, now: Time) -> Verdict {
        if config.message_rate == 0 || self.reports.take(1, config.report_rate) {
            return Verdict::Fine;
        }
        self.refuse(self.reports.wait(config.report_rate) * A_MINUTE, now)
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
    pub fn bad_message(&mut self, config: &LimitsConfig, now: Time) -> bool {
        if now.since(self.bad_since) >= BAD_WINDOW {
            self.bad = 0;
            self.bad_since = now;
        }
        self.bad += 1;
        config.bad_messages > 0 && self.bad > config.bad_messages
    }
}

/// What has come over a connection in one reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Of anything.
    pub bytes: u32,
    /// Those that are complete.
    pub frames: u32,
    /// Of them pings and pongs.
    pub controls: u32,
}

/// What one connection's traffic has used up. It is counted below messages, so that what never becomes one counts, too.
#[derive(Debug)]
pub struct TrafficLimits {
    bytes: Bucket,
    frames: Bucket,
    controls: Bucket,
    counted: Time,
}

impl TrafficLimits {
    /// A connection over which nothing has come yet.
    pub fn new(config: &LimitsConfig, now: Time) -> Self {
        TrafficLimits {
            bytes: Bucket::full(byte_burst(config)),
            frames: Bucket::full(config.frame_burst),
            controls: Bucket::full(config.control_burst),
            counted: now,
        }
    }

    /// So much has come. If it is too much, tells which limit it is over.
    pub fn count(&mut self, config: &LimitsConfig, traffic: Traffic, now: Time) -> Option<Limit> {
        if config.message_rate == 0 {
            return None;
        }
        let elapsed = now.since(self.counted);
        self.counted = now;
        self.bytes.fill(elapsed, config.byte_rate, byte_burst(config));
        self.frames.fill(elapsed, config.frame_rate, config.frame_burst);
        self.controls.fill(elapsed, config.control_rate, config.control_burst);
        if !self.bytes.take(traffic.bytes, config.byte_rate) {
            return Some(Limit::ByteRate);
        }
        if !self.frames.take(traffic.frames, config.frame_rate) {
            return Some(Limit::FrameRate);
        }
        (!self.controls.take(traffic.controls, config.control_rate)).then_some(Limit::ControlRate)
    }
}

fn byte_burst(config: &LimitsConfig) -> u32 {
    config.byte_rate.saturating_mul(2)
}

/// How often a client over its rate is told.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// How long a client may go on over its rate, never silent for [`TELL_EVERY`], before it is closed.
const PATIENCE: Duration = Duration::from_secs(5);
/// In which reports are counted, in seconds.
const A_MINUTE: u32 = 60;
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
        let config = LimitsConfig::default();
        let mut limits = MessageLimits::new(&config, at(0));
        for burst in 0..300 {
            assert_eq!(limits.message(&config, at(0)), Verdict::Fine, "{burst}");
        }
        for tick in 1..=6_000 {
            assert_eq!(limits.message(&config, at(tick * 10)), Verdict::Fine, "{tick}");
        }
    }

    #[test]
    fn a_flood_is_told_once_a_second_and_closed_after_five() {
        let config = LimitsConfig { message_burst: 1, ..LimitsConfig::default() };
        let mut limits = MessageLimits::new(&config, at(0));
        let mut told = 0;
        for milli in 0..5_000 {
            match limits.message(&config, at(milli)) {
                Verdict::Refuse { retry_after } => {
                    assert!(retry_after <= Duration::from_millis(10), "{retry_after:?}");
                    told += 1;
                }
                Verdict::Close => panic!("closed after {milli} ms"),
                Verdict::Fine | Verdict::Drop { .. } => {}
            }
        }
        assert_eq!(told, 5);
        let end = (5_000..5_100).find(|milli| limits.message(&config, at(*milli)) == Verdict::Close);
        assert!(end.is_some());
    }

    #[test]
    fn a_client_that_pauses_after_a_refusal_starts_afresh() {
        let config = LimitsConfig { message_burst: 1, ..LimitsConfig::default() };
        let mut limits = MessageLimits::new(&config, at(0));
        for second in 0..60 {
            let start = second * 2_000;
            assert_eq!(limits.message(&config, at(start)), Verdict::Fine);
            assert!(matches!(limits.message(&config, at(start)), Verdict::Refuse { .. }));
        }
    }

    #[test]
    fn no_rate_is_no_limit() {
        let config = LimitsConfig { message_rate: 0, ..LimitsConfig::default() };
        let mut limits = MessageLimits::new(&config, at(0));
        assert!((0..100_000).all(|_| limits.message(&config, at(0)) == Verdict::Fine));
    }

    #[test]
    fn bad_messages_are_counted_within_ten_seconds() {
        let config = LimitsConfig { bad_messages: 2, ..LimitsConfig::default() };
        let mut limits = MessageLimits::new(&config, at(0));
        assert!(!limits.bad_message(&config, at(0)) && !limits.bad_message(&config, at(9_999)));
        assert!(!limits.bad_message(&config, at(10_000)), "a new window");
        assert!(!limits.bad_message(&config, at(10_001)));
        assert!(limits.bad_message(&config, at(10_002)));
    }

    #[test]
    fn wishes_have_a_rate_of_their_own_beyond_the_first_burst() {
        let config = LimitsConfig::default();
        let mut limits = MessageLimits::new(&config, at(0));
        let mut taken = 0;
        for tick in 0..1000 {
            assert_eq!(limits.message(&config, at(tick * 10)), Verdict::Fine);
            match limits.wish(&config, at(tick * 10)) {
                Verdict::Fine => taken += 1,
                Verdict::Refuse { retry_after } | Verdict::Drop { retry_after } => {
                    assert!(retry_after <= Duration::from_millis(200), "{retry_after:?}");
                }
                Verdict::Close => assert!(tick > 500, "{tick}"),
            }
        }
        assert!((68..=70).contains(&taken), "20 at once and 5 a second for 10 s: {taken}");
    }

    #[test]
    fn reports_have_a_rate_a_minute_beyond_the_first_burst() {
        let config = LimitsConfig::default();
        let mut limits = MessageLimits::new(&config, at(0));
        let mut taken = 0;
        // One every two seconds, for ten minutes: never so fast that it is silent for less than a second.
        for tick in 0..300 {
            assert_eq!(limits.message(&config, at(tick * 2_000)), Verdict::Fine);
            match limits.report(&config, at(tick * 2_000)) {
                Verdict::Fine => taken += 1,
                Verdict::Refuse { retry_after } => assert!(retry_after <= Duration::from_secs(10), "{retry_after:?}"),
                other => panic!("{other:?}"),
            }
        }
        assert!((63..=65).contains(&taken), "5 at once and 6 a minute: {taken}");
    }

    #[test]
    fn traffic_at_its_rates_is_never_refused_and_above_them_it_is() {
        let config = LimitsConfig::default();
        let over = |traffic: Traffic, every: u64| {
            let mut limits = TrafficLimits::new(&config, at(0));
            (1..10_000).find_map(|tick| limits.count(&config, traffic, at(tick * every)))
        };
        assert_eq!(over(Traffic { bytes: 10_000, frames: 4, controls: 0 }, 10), None);
        assert_eq!(over(Traffic { bytes: 12_000, frames: 4, controls: 0 }, 10), Some(Limit::ByteRate));
        assert_eq!(over(Traffic { bytes: 100, frames: 5, controls: 0 }, 10), Some(Limit::FrameRate));
        assert_eq!(over(Traffic { bytes: 6, frames: 1, controls: 1 }, 200), None);
        assert_eq!(over(Traffic { bytes: 6, frames: 1, controls: 1 }, 150), Some(Limit::ControlRate));
    }

    #[test]
    fn traffic_has_no_limit_where_messages_have_none() {
        let config = LimitsConfig { message_rate: 0, ..LimitsConfig::default() };
        let mut limits = TrafficLimits::new(&config, at(0));
        let flood = Traffic { bytes: u32::MAX, frames: 1_000_000, controls: 1_000_000 };
        assert_eq!(limits.count(&config, flood, at(0)), None);
    }
}
