//! One pool's queue, oldest first: a doubly linked list inside a slab.
//!
//! It decides order and position. Who suits whom is for the one who walks it.

use duet_proto::time::Time;
use slab::Slab;

use crate::sessions::SessionKey;

#[cfg(test)]
mod tests;

/// A ticket's turn: the lesser is served first. Who has waited longer, and of two with the same queue time who came first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Turn {
    /// Since when it waits.
    pub(crate) queued: Time,
    /// Raised for each new ticket.
    pub(crate) arrival: u64,
}

/// Where a waiter stands in its pool's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place(usize);

/// A session in the queue.
#[derive(Debug)]
pub(crate) struct Waiter {
    pub(crate) session: SessionKey,
    pub(crate) turn: Turn,
    older: Option<usize>,
    newer: Option<usize>,
}

/// Those who wait in one pool. Removal is O(1) anywhere, and so is putting in the newest or the oldest.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    waiters: Slab<Waiter>,
    oldest: Option<usize>,
    newest: Option<usize>,
}

impl Pool {
    /// Puts a session where its turn is, walking from the nearer end. Also tells its position, from 1.
    pub(crate) fn insert(&mut self, session: SessionKey, turn: Turn) -> (Place, u64) {
        let (older, position) = self.gap(turn);
        let newer = older.map_or(self.oldest, |older| self.waiters[older].newer);
        let key = self.waiters.insert(Waiter { session, turn, older, newer });
        *self.newer_of(older) = Some(key);
        *self.older_of(newer) = Some(key);
        (Place(key), position)
    }

    /// Takes out the waiter that [`Pool::insert`] put there.
    pub(crate) fn remove(&mut self, place: Place) {
        let Waiter { older, newer, .. } = self.waiters.remove(place.0);
        *self.newer_of(older) = newer;
        *self.older_of(newer) = older;
    }

    /// All waiters.
    pub(crate) fn oldest_first(&self) -> impl Iterator<Item = &Waiter> {
        let waiter = |key: usize| &self.waiters[key];
        std::iter::successors(self.oldest.map(waiter), move |last| last.newer.map(waiter))
    }

    pub(crate) fn len(&self) -> usize {
        self.waiters.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiters.is_empty()
    }

    /// The waiter just older than a turn, and the position that the turn has. Walks from both ends in step.
    fn gap(&self, turn: Turn) -> (Option<usize>, u64) {
        let (mut from_newest, mut from_oldest, mut steps) = (self.newest, self.oldest, 0);
        loop {
            match from_newest.map(|key| &self.waiters[key]) {
                Some(waiter) if waiter.turn > turn => from_newest = waiter.older,
                _ => return (from_newest, (self.len() - steps) as u64 + 1),
            }
            match from_oldest.map(|key| &self.waiters[key]) {
                Some(waiter) if waiter.turn < turn => from_oldest = waiter.newer,
                Some(waiter) => return (waiter.older, steps as u64 + 1),
                None => return (self.newest, steps as u64 + 1),
            }
            steps += 1;
        }
    }

    /// What points from a waiter to the next newer one; without a waiter, from the list's start.
    fn newer_of(&mut self, waiter: Option<usize>) -> &mut Option<usize> {
        match waiter {
            Some(key) => &mut self.waiters[key].newer,
            None => &mut self.oldest,
        }
    }

    /// What points from a waiter to the next older one; without a waiter, from the list's end.
    fn older_of(&mut self, waiter: Option<usize>) -> &mut Option<usize> {
        match waiter {
            Some(key) => &mut self.waiters[key].older,
            None => &mut self.newest,
        }
    }
}
