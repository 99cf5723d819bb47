//! Everybody every so often, as well as one can without looking ahead: first those who share a tag, the rarest in the queue first, then the
//! rest, each time the older first. Two who have met lately are left for the end.

use std::collections::VecDeque;
use std::time::Duration;

use duet_proto::time::Time;

use super::{Matching, Pair, Parting};
use crate::people::{Name, Wants};
use crate::queue::{Queue, Waiter};

#[derive(Debug)]
pub(super) struct Batch {
    every: Duration,
    next: Time,
    is_due: bool,
    pairs: VecDeque<Pair>,
}

impl Batch {
    pub(super) fn new(every: Duration) -> Self {
        Batch { every, next: Time::ZERO + every, is_due: false, pairs: VecDeque::new() }
    }
}

impl Matching for Batch {
    fn join(&mut self, _: Name, _: &Wants, _: Time) {}

    fn part(&mut self, _: Parting, _: Time) {}

    fn vanish(&mut self, _: Name, _: Time) {}

    fn come_back(&mut self, _: Name, _: Time) {}

    fn poll_timeout(&self) -> Option<Time> {
        Some(self.next)
    }

    fn handle_timeout(&mut self, now: Time) {
        while self.next <= now {
            self.next = self.next + self.every;
        }
        self.is_due = true;
    }

    fn poll_pair(&mut self, queue: &Queue, now: Time) -> Option<Pair> {
        if std::mem::take(&mut self.is_due) {
            self.pairs = pairs(queue, now);
        }
        self.pairs.pop_front()
    }
}

fn pairs(queue: &Queue, now: Time) -> VecDeque<Pair> {
    let mut waiters: Vec<&Waiter> = queue.present().collect();
    let mut pairs = VecDeque::new();
    let new_to_each_other = |one: &Waiter, other: &Waiter| one.may_meet(other, now) && !one.has_met(other, now);
    pass(&mut waiters, &mut pairs, |one, other| {
        let fit = queue.fit(one, other);
        fit.shared.filter(|_| new_to_each_other(one, other)).map(|rarity| (rarity, !fit.same_region))
    });
    pass(&mut waiters, &mut pairs, |one, other| {
        new_to_each_other(one, other).then(|| (0, !queue.fit(one, other).same_region))
    });
    pass(&mut waiters, &mut pairs, |one, other| one.may_meet(other, now).then_some((0, false)));
    pairs
}

/// Each in turn takes, of those for whom there is a rank, one with the least, and of these the oldest. Who finds nobody is left.
fn pass(
    waiters: &mut Vec<&Waiter>,
    pairs: &mut VecDeque<Pair>,
    rank: impl Fn(&Waiter, &Waiter) -> Option<(usize, bool)>,
) {
    let (mut left, mut is_taken) = (Vec::new(), vec![false; waiters.len()]);
    for (index, one) in waiters.iter().enumerate() {
        if is_taken[index] {
            continue;
        }
        let younger = (index + 1..waiters.len()).filter(|other| !is_taken[*other]);
        // Of equal ones `min` gives the first.
        let found = younger.filter_map(|other| Some((rank(one, waiters[other])?, other))).min();
        match found {
            Some((_, other)) => {
                is_taken[other] = true;
                pairs.push_back(Pair { newcomer: waiters[other].name, waiter: one.name });
            }
            None => left.push(*one),
        }
    }
    *waiters = left;
}
