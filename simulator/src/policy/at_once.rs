//! Whoever comes gets a waiter at once, whatever was asked for. Only `next` keeps two apart, as under every policy.

use std::collections::BTreeSet;

use duet_proto::time::Time;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use super::{Matching, Pair, Parting};
use crate::people::{Name, Then, Wants};
use crate::queue::{APART, Queue, Waiter};

/// Which waiter.
#[derive(Debug)]
pub(super) enum Choice {
    Oldest,
    Any(Box<StdRng>),
}

impl Choice {
    pub(super) fn any(seed: u64) -> Self {
        Choice::Any(Box::new(StdRng::seed_from_u64(seed)))
    }
}

#[derive(Debug)]
pub(super) struct AtOnce {
    choice: Choice,
    /// When two are kept apart no longer.
    retries: BTreeSet<Time>,
}

impl AtOnce {
    pub(super) fn new(choice: Choice) -> Self {
        AtOnce { choice, retries: BTreeSet::new() }
    }
}

impl Matching for AtOnce {
    fn join(&mut self, _: Name, _: &Wants, _: Time) {}

    fn part(&mut self, parting: Parting, now: Time) {
        if parting.then == Then::Next {
            self.retries.insert(now + APART);
        }
    }

    fn vanish(&mut self, _: Name, _: Time) {}

    fn come_back(&mut self, _: Name, _: Time) {}

    fn poll_timeout(&self) -> Option<Time> {
        self.retries.first().copied()
    }

    fn handle_timeout(&mut self, now: Time) {
        self.retries.retain(|retry| *retry > now);
    }

    /// The newest goes first: the others have found nobody before.
    fn poll_pair(&mut self, queue: &Queue, now: Time) -> Option<Pair> {
        let mut waiters: Vec<&Waiter> = queue.present().collect();
        while let Some(newcomer) = waiters.pop() {
            let suitable: Vec<&&Waiter> = waiters.iter().filter(|waiter| waiter.may_meet(newcomer, now)).collect();
            let found = match &mut self.choice {
                Choice::Oldest => suitable.first(),
                Choice::Any(rng) => suitable.choose(rng),
            };
            if let Some(waiter) = found {
                return Some(Pair { newcomer: newcomer.name, waiter: waiter.name });
            }
        }
        None
    }
}
