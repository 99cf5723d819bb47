//! Who was reported by how many, and who is kept from others for it.
//!
//! A much reported one goes into quarantine: it meets only others who are there, and is not told. To count, reports must come from
//! different reporters, so that nobody is put away by one who does not like them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use duet_proto::ids::ClientId;
use duet_proto::time::Time;

use crate::Party;

/// Whom reports are about, or who files them: a user if that is proved, else a session.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Subject {
    User(Arc<str>),
    Client(ClientId),
}

impl From<&Party> for Subject {
    fn from(party: &Party) -> Self {
        party.user.clone().map_or(Subject::Client(party.client), Subject::User)
    }
}

/// When somebody is put away, and what is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuarantineConfig {
    /// So many different reporters within [`QuarantineConfig::within`] put somebody into quarantine. 0: nobody is.
    pub reporters: usize,
    /// How long a report counts.
    pub within: Duration,
    /// How long a quarantine lasts.
    pub lasts: Duration,
    /// How many reports of one reporter count in that time; the others are no events either. 0: all.
    pub reports_by_one: usize,
    /// How many are known as reported, as reporters and as quarantined; past that the one known longest is forgotten.
    pub remembered: usize,
}

impl Default for QuarantineConfig {
    fn default() -> Self {
        QuarantineConfig {
            reporters: 10,
            within: Duration::from_secs(3600),
            lasts: Duration::from_secs(3600),
            reports_by_one: 20,
            remembered: 100_000,
        }
    }
}

/// What becomes of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filed {
    /// Its reporter has filed too many.
    Ignored,
    /// It counts.
    Counted,
    /// It is the one too many.
    Quarantined { until: Time, reporters: usize },
}

/// Who was reported, who reports, who is in quarantine.
#[derive(Debug)]
pub(crate) struct Reports {
    config: QuarantineConfig,
    /// By whom, and when last.
    reported: Remembered<Vec<(Subject, Time)>>,
    /// When.
    reporters: Remembered<Vec<Time>>,
    /// Until when.
    quarantined: Remembered<Time>,
}

impl Reports {
    pub(crate) fn new(config: QuarantineConfig) -> Self {
        let limit = config.remembered;
        Reports {
            config,
            reported: Remembered::new(limit),
            reporters: Remembered::new(limit),
            quarantined: Remembered::new(limit),
        }
    }

    pub(crate) fn file(&mut self, reporter: Subject, reported: Subject, now: Time) -> Filed {
        let config = self.config;
        let is_old = |at: Time| now.since(at) >= config.within;
        self.reported.forget(is_old);
        self.reporters.forget(is_old);
        let filed = self.reporters.entry(reporter.clone(), now);
        filed.retain(|at| !is_old(*at));
        if config.reports_by_one > 0 && filed.len() >= config.reports_by_one {
            return Filed::Ignored;
        }
        filed.push(now);
        if config.reporters == 0 || self.quarantined_until(&reported, now).is_some() {
            return Filed::Counted;
        }
        let by = self.reported.entry(reported.clone(), now);
        by.retain(|(other, at)| *other != reporter && !is_old(*at));
        by.push((reporter, now));
        let reporters = by.len();
        if reporters < config.reporters {
            return Filed::Counted;
        }
        let until = now + config.lasts;
        self.reported.remove(&reported);
        *self.quarantined.entry(reported, now) = until;
        Filed::Quarantined { until, reporters }
    }

    /// Keeps somebody from others until then, or until later if that is so already.
    pub(crate) fn quarantine(&mut self, subject: Subject, until: Time, now: Time) {
        let known = self.quarantined.entry(subject, now);
        *known = until.max(*known);
    }

    /// Until when somebody is kept from others.
    pub(crate) fn quarantined_until(&self, subject: &Subject, now: Time) -> Option<Time> {
        self.quarantined.get(subject).copied().filter(|until| *until > now)
    }

    /// Whether anybody may be.
    pub(crate) fn has_quarantined(&self) -> bool {
        !self.quarantined.by_subject.is_empty()
    }

    /// The quarantines that have run out are over.
    pub(crate) fn forget_quarantines(&mut self, now: Time) {
        let lasts = self.config.lasts;
        self.quarantined.forget(|at| now.since(at) >= lasts);
    }
}

/// Bounded: past the limit the one that was touched longest ago is forgotten.
#[derive(Debug)]
struct Remembered<T> {
    limit: usize,
    by_subject: BTreeMap<Subject, (Time, T)>,
    by_time: BTreeSet<(Time, Subject)>,
}

impl<T: Default> Remembered<T> {
    fn new(limit: usize) -> Self {
        Remembered { limit: limit.max(1), by_subject: BTreeMap::new(), by_time: BTreeSet::new() }
    }

    fn get(&self, subject: &Subject) -> Option<&T> {
        self.by_subject.get(subject).map(|(_, value)| value)
    }

    /// Touches it.
    fn entry(&mut self, subject: Subject, now: Time) -> &mut T {
        match self.by_subject.get(&subject) {
            Some((at, _)) => drop(self.by_time.remove(&(*at, subject.clone()))),
            None if self.by_subject.len() >= self.limit => drop(self.pop_first()),
            None => {}
        }
        self.by_time.insert((now, subject.clone()));
        let (at, value) = self.by_subject.entry(subject).or_insert_with(|| (now, T::default()));
        *at = now;
        value
    }

    fn remove(&mut self, subject: &Subject) {
        if let Some((at, _)) = self.by_subject.remove(subject) {
            self.by_time.remove(&(at, subject.clone()));
        }
    }

    /// What was touched so long ago.
    fn forget(&mut self, is_old: impl Fn(Time) -> bool) {
        while self.by_time.first().is_some_and(|(at, _)| is_old(*at)) {
            self.pop_first();
        }
    }

    fn pop_first(&mut self) -> Option<T> {
        let (_, subject) = self.by_time.pop_first()?;
        self.by_subject.remove(&subject).map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(second: u64) -> Time {
        Time::ZERO + Duration::from_secs(second)
    }

    fn user(name: &str) -> Subject {
        Subject::User(name.into())
    }

    fn reports() -> Reports {
        Reports::new(QuarantineConfig {
            reporters: 3,
            within: Duration::from_secs(60),
            lasts: Duration::from_secs(100),
            reports_by_one: 4,
            remembered: 5,
        })
    }

    #[test]
    fn different_reporters_count_and_one_does_not_count_twice() {
        let mut reports = reports();
        assert_eq!(reports.file(user("a"), user("x"), second(0)), Filed::Counted);
        assert_eq!(reports.file(user("a"), user("x"), second(1)), Filed::Counted);
        assert_eq!(reports.file(user("b"), user("x"), second(2)), Filed::Counted);
        assert_eq!(reports.quarantined_until(&user("x"), second(2)), None);
        let until = second(103);
        assert_eq!(reports.file(user("c"), user("x"), second(3)), Filed::Quarantined { until, reporters: 3 });
        assert_eq!(reports.quarantined_until(&user("x"), second(102)), Some(until));
        assert_eq!(reports.quarantined_until(&user("x"), second(103)), None);
        assert_eq!(reports.file(user("d"), user("x"), second(4)), Filed::Counted, "it is there already");
    }

    #[test]
    fn old_reports_do_not_count() {
        let mut reports = reports();
        reports.file(user("a"), user("x"), second(0));
        reports.file(user("b"), user("x"), second(30));
        assert_eq!(reports.file(user("c"), user("x"), second(60)), Filed::Counted);
        assert!(matches!(reports.file(user("a"), user("x"), second(61)), Filed::Quarantined { .. }));
    }

    #[test]
    fn who_reports_everybody_is_not_heard() {
        let mut reports = reports();
        for (at, name) in ["v", "w", "x", "y"].into_iter().enumerate() {
            assert_eq!(reports.file(user("a"), user(name), second(at as u64)), Filed::Counted);
        }
        assert_eq!(reports.file(user("a"), user("z"), second(5)), Filed::Ignored);
        assert_eq!(reports.file(user("a"), user("z"), second(60)), Filed::Counted, "the first is an hour ago");
    }

    #[test]
    fn no_more_are_remembered_than_may_be() {
        let mut reports = reports();
        for number in 0..40u64 {
            reports.file(user(&format!("r{number}")), user(&format!("x{number}")), second(number / 10));
        }
        assert_eq!(reports.reported.by_subject.len(), 5);
        assert_eq!(reports.reported.by_time.len(), 5);
        assert_eq!(reports.reporters.by_subject.len(), 5);
        reports.file(user("last"), user("x"), second(1000));
        assert_eq!((reports.reported.by_subject.len(), reports.reporters.by_subject.len()), (1, 1));
    }
}
