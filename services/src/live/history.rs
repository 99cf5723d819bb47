//! The last hour of a matchmaker, in a bounded ring of readings: what is shown of it. Pure; when a reading was taken is told with it.

use std::collections::VecDeque;
use std::time::Duration;

use duet_matchmaker::WaitEnd;
use duet_matchmaker::server::Figures;
use duet_proto::figures::Distribution;
use duet_proto::frame::CallOutcome;
use serde::Serialize;

/// How far back is looked.
pub(super) const SPAN: Duration = Duration::from_secs(60 * 60);
/// How often a reading is kept.
pub(super) const EVERY: Duration = Duration::from_secs(10);
/// Readings that are kept, the one an hour ago included.
const READINGS: usize = (SPAN.as_secs() / EVERY.as_secs()) as usize + 1;
/// Over how long a time to match is taken: in ten seconds there may be none.
const MATCHED_OVER: Duration = Duration::from_secs(60);

/// What is kept of the figures at one moment. The last five only ever grow.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    pub(super) waiting: u64,
    pub(super) rooms: u64,
    pub(super) matches: u64,
    pub(super) connected: u64,
    pub(super) failed: u64,
    pub(super) matched: Distribution,
    pub(super) setup: Distribution,
}

impl Reading {
    pub(super) fn of(figures: &Figures) -> Self {
        let of_calls =
            |which| figures.calls.iter().filter(|(outcome, _)| *outcome == which).map(|(_, calls)| calls).sum();
        let matched = figures.waits.iter().find(|(end, _)| *end == WaitEnd::Matched);
        Reading {
            waiting: figures.stats.waiting as u64,
            rooms: figures.stats.rooms as u64,
            matches: figures.stats.matches,
            connected: of_calls(CallOutcome::Connected),
            failed: of_calls(CallOutcome::Failed),
            matched: matched.map(|(_, waited)| waited.clone()).expect("every end of a wait has its distribution"),
            setup: figures.setup.clone(),
        }
    }
}

/// The ring.
#[derive(Debug)]
pub(super) struct History(VecDeque<(Duration, Reading)>);

/// What a plot needs, oldest first: as many values in each list as there are ages.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Series {
    /// How long ago, in seconds.
    age: Vec<f64>,
    waiting: Vec<u64>,
    rooms: Vec<u64>,
    /// Rooms made since the reading before.
    matches: Vec<u64>,
    /// Clients that said so since then.
    connected: Vec<u64>,
    failed: Vec<u64>,
    /// How long those had waited who met in the minute up to then, in milliseconds.
    matched: Waited<Vec<Option<u64>>>,
}

/// All of the hour together.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Totals {
    matches: u64,
    connected: u64,
    failed: u64,
    matched: Waited<Option<u64>>,
    /// The median of how long calls took to connect, in milliseconds.
    setup: Option<u64>,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Waited<T> {
    p50: T,
    p90: T,
    p99: T,
}

impl History {
    /// Begins with a first reading; all that was counted before is of no hour.
    pub(super) fn new(at: Duration, first: Reading) -> Self {
        History(VecDeque::from([(at, first)]))
    }

    /// Keeps a reading that is newer than all before.
    pub(super) fn keep(&mut self, at: Duration, reading: Reading) {
        self.0.push_back((at, reading));
        while self.0.len() > READINGS || self.0.front().is_some_and(|(oldest, _)| at.saturating_sub(*oldest) > SPAN) {
            self.0.pop_front();
        }
    }

    /// The hour up to a reading that is not kept.
    pub(super) fn until(&self, at: Duration, now: &Reading) -> (Series, Totals) {
        let is_recent = |(then, _): &&(Duration, Reading)| at.saturating_sub(*then) <= SPAN;
        let kept = self.0.iter().filter(is_recent).map(|(then, reading)| (*then, reading));
        let readings: Vec<(Duration, &Reading)> = kept.chain([(at, now)]).collect();
        let totals = Totals::between(readings[0].1, now);
        let before = |index: usize| readings[index.saturating_sub(1)].1;
        let newer = |count: fn(&Reading) -> u64| {
            let more = |(index, (_, reading)): (usize, &(Duration, &Reading))| {
                count(reading).saturating_sub(count(before(index)))
            };
            readings.iter().enumerate().map(more).collect()
        };
        let minutes = readings.iter().map(|(then, reading)| {
            let begin = then.saturating_sub(MATCHED_OVER);
            let earlier = readings.partition_point(|(other, _)| *other <= begin).saturating_sub(1);
            Waited::of(&reading.matched.since(&readings[earlier].1.matched))
        });
        let mut matched = Waited::<Vec<_>>::default();
        for waited in minutes {
            matched.p50.push(waited.p50);
            matched.p90.push(waited.p90);
            matched.p99.push(waited.p99);
        }
        let series = Series {
            age: readings.iter().map(|(then, _)| tenths(at.saturating_sub(*then))).collect(),
            waiting: readings.iter().map(|(_, reading)| reading.waiting).collect(),
            rooms: readings.iter().map(|(_, reading)| reading.rooms).collect(),
            matches: newer(|reading| reading.matches),
            connected: newer(|reading| reading.connected),
            failed: newer(|reading| reading.failed),
            matched,
        };
        (series, totals)
    }
}

impl Totals {
    fn between(first: &Reading, last: &Reading) -> Self {
        Totals {
            matches: last.matches.saturating_sub(first.matches),
            connected: last.connected.saturating_sub(first.connected),
            failed: last.failed.saturating_sub(first.failed),
            matched: Waited::of(&last.matched.since(&first.matched)),
            setup: last.setup.since(&first.setup).quantile(0.5).map(milliseconds),
        }
    }
}

impl Waited<Option<u64>> {
    fn of(matched: &Distribution) -> Self {
        let [p50, p90, p99] = [0.5, 0.9, 0.99].map(|part| matched.quantile(part).map(milliseconds));
        Waited { p50, p90, p99 }
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Seconds to a tenth.
pub(super) fn tenths(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: &[Duration] = &[Duration::from_secs(1), Duration::from_secs(3)];

    /// So many have met within a second, and so many within three.
    fn reading(waiting: u64, quick: u64, slow: u64) -> Reading {
        let distribution =
            |counts: [u64; 3]| Distribution { bounds: BOUNDS, counts: counts.to_vec(), sum: Duration::ZERO };
        Reading {
            waiting,
            rooms: waiting / 2,
            matches: (quick + slow) / 2,
            connected: quick,
            failed: slow,
            matched: distribution([quick, slow, 0]),
            setup: distribution([0, quick, 0]),
        }
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn counts_are_those_since_the_reading_before() {
        let mut history = History::new(seconds(0), reading(4, 100, 10));
        history.keep(seconds(10), reading(6, 104, 10));
        let (series, totals) = history.until(seconds(14), &reading(2, 104, 12));
        assert_eq!(series.age, [14.0, 4.0, 0.0]);
        assert_eq!((series.waiting, series.rooms), (vec![4, 6, 2], vec![2, 3, 1]));
        assert_eq!(series.matches, [0, 2, 1], "what came before the first reading is of no hour");
        assert_eq!((series.connected, series.failed), (vec![0, 4, 0], vec![0, 0, 2]));
        assert_eq!((totals.matches, totals.connected, totals.failed), (3, 4, 2));
        assert_eq!(totals.setup, Some(2000), "in the middle of its bucket");
    }

    #[test]
    fn a_time_to_match_is_that_of_the_minute_up_to_then() {
        let mut history = History::new(seconds(0), reading(0, 0, 0));
        history.keep(seconds(10), reading(0, 10, 0));
        for at in 2..=7 {
            history.keep(seconds(10 * at), reading(0, 10, 0));
        }
        let (series, totals) = history.until(seconds(80), &reading(0, 10, 10));
        let [quick, slow, none] = [Some(500), Some(2000), None];
        assert_eq!(series.matched.p50, [none, quick, quick, quick, quick, quick, quick, none, slow]);
        assert_eq!(series.matched.p99[8], Some(2980));
        assert_eq!(totals.matched.p50, Some(1000), "half of all");
    }

    #[test]
    fn an_hour_is_kept_and_no_more() {
        let mut history = History::new(seconds(0), reading(0, 0, 0));
        for at in 1..=1000 {
            history.keep(seconds(10 * at), reading(at, at, 0));
            assert!(history.0.len() <= READINGS);
        }
        let (series, totals) = history.until(seconds(10_000), &reading(0, 1000, 0));
        assert_eq!((series.age.len(), series.age[0]), (READINGS + 1, 3600.0));
        assert_eq!(totals.connected, 360);
    }

    #[test]
    fn however_long_nobody_read_what_is_older_than_an_hour_is_not_told() {
        let mut history = History::new(seconds(0), reading(9, 0, 0));
        assert_eq!(history.until(seconds(3601), &reading(1, 5, 0)).0.waiting, [1]);
        history.keep(seconds(5000), reading(2, 5, 0));
        assert_eq!(history.until(seconds(5000), &reading(1, 5, 0)).0.waiting, [2, 1]);
        for hurry in 0..1000 {
            history.keep(seconds(5000) + Duration::from_millis(hurry), reading(0, 0, 0));
        }
        assert_eq!(history.0.len(), READINGS, "nor is more kept of what comes too often");
    }
}
