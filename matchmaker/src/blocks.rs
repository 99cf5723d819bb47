//! Who must never meet whom: pairs of users that are proved, each for a time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use duet_proto::time::Time;

/// The lesser first.
type Pair = (Arc<str>, Arc<str>);

/// All pairs. Those that have run out are forgotten as others come.
#[derive(Debug)]
pub(crate) struct Blocks {
    limit: usize,
    until: BTreeMap<Pair, Time>,
    by_end: BTreeSet<(Time, Pair)>,
    /// By each of the two.
    others: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
}

impl Blocks {
    /// Keeps no more than that many: then the one that would end first is let go.
    pub(crate) fn new(limit: usize) -> Self {
        Blocks { limit, until: BTreeMap::new(), by_end: BTreeSet::new(), others: BTreeMap::new() }
    }

    /// The two don't meet for a time; of two times the one that ends later counts.
    pub(crate) fn add(&mut self, one: &Arc<str>, other: &Arc<str>, lasts: Duration, now: Time) {
        self.forget(now);
        let (pair, until) = (pair(one, other), now + lasts);
        if self.until.get(&pair).is_some_and(|known| *known >= until) {
            return;
        }
        self.remove(one, other);
        self.until.insert(pair.clone(), until);
        for (one, other) in [(&pair.0, &pair.1), (&pair.1, &pair.0)] {
            self.others.entry(one.clone()).or_default().insert(other.clone());
        }
        self.by_end.insert((until, pair));
        if self.until.len() > self.limit {
            self.drop_first();
        }
    }

    /// The two may meet again. Tells whether they might not.
    pub(crate) fn remove(&mut self, one: &Arc<str>, other: &Arc<str>) -> bool {
        let pair = pair(one, other);
        let Some(until) = self.until.remove(&pair) else { return false };
        self.part(&pair);
        self.by_end.remove(&(until, pair))
    }

    /// Whether two must not meet.
    pub(crate) fn holds_between(&self, one: Option<&Arc<str>>, other: Option<&Arc<str>>, now: Time) -> bool {
        if self.until.is_empty() {
            return false;
        }
        let (Some(one), Some(other)) = (one, other) else { return false };
        self.until.get(&pair(one, other)).is_some_and(|until| *until > now)
    }

    /// Whom a user must not meet, up to [`OF_ONE`] of them.
    pub(crate) fn of(&self, user: &Arc<str>, now: Time) -> Vec<Arc<str>> {
        let Some(others) = self.others.get(user) else { return Vec::new() };
        let holds = |other: &&Arc<str>| self.holds_between(Some(user), Some(other), now);
        others.iter().filter(holds).take(OF_ONE).cloned().collect()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.until.len()
    }

    fn forget(&mut self, now: Time) {
        while self.by_end.first().is_some_and(|(until, _)| *until <= now) {
            self.drop_first();
        }
    }

    fn drop_first(&mut self) {
        if let Some((_, pair)) = self.by_end.pop_first() {
            self.until.remove(&pair);
            self.part(&pair);
        }
    }

    fn part(&mut self, (one, other): &Pair) {
        for (one, other) in [(one, other), (other, one)] {
            let Some(others) = self.others.get_mut(one) else { continue };
            others.remove(other);
            if others.is_empty() {
                self.others.remove(one);
            }
        }
    }
}

fn pair(one: &Arc<str>, other: &Arc<str>) -> Pair {
    if one <= other { (one.clone(), other.clone()) } else { (other.clone(), one.clone()) }
}

/// How many of those that one user must not meet go with its ticket. The others are found out when the two are to meet.
const OF_ONE: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn second(second: u64) -> Time {
        Time::ZERO + Duration::from_secs(second)
    }

    #[test]
    fn a_pair_is_blocked_both_ways_for_its_time() {
        let (ann, bob): (Arc<str>, Arc<str>) = ("ann".into(), "bob".into());
        let mut blocks = Blocks::new(10);
        blocks.add(&bob, &ann, Duration::from_secs(10), second(0));
        blocks.add(&ann, &bob, Duration::from_secs(5), second(0));
        assert!(blocks.holds_between(Some(&ann), Some(&bob), second(9)));
        assert!(blocks.holds_between(Some(&bob), Some(&ann), second(9)));
        assert!(!blocks.holds_between(Some(&ann), None, second(9)));
        assert!(!blocks.holds_between(Some(&ann), Some(&bob), second(10)));
        assert_eq!(blocks.of(&ann, second(9)), [bob.clone()]);
        assert_eq!(blocks.of(&bob, second(10)), []);
        assert!(blocks.remove(&ann, &bob) && !blocks.remove(&ann, &bob));
        assert_eq!((blocks.len(), blocks.by_end.len(), blocks.others.len()), (0, 0, 0));
    }

    #[test]
    fn there_are_no_more_than_may_be_and_none_that_have_run_out() {
        let names: Vec<Arc<str>> = ["a", "b", "c", "d"].map(Into::into).into();
        let mut blocks = Blocks::new(2);
        for (lasts, name) in [(30, &names[1]), (10, &names[2]), (20, &names[3])] {
            blocks.add(&names[0], name, Duration::from_secs(lasts), second(0));
        }
        assert_eq!(blocks.len(), 2);
        assert!(!blocks.holds_between(Some(&names[0]), Some(&names[2]), second(1)), "it would have ended first");
        blocks.add(&names[1], &names[2], Duration::from_secs(1), second(40));
        assert_eq!((blocks.len(), blocks.by_end.len()), (1, 1));
    }
}
