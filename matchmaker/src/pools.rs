//! All pools by name. A pool begins with its first waiter and ends when nobody of it waits or talks any more.

use std::collections::BTreeMap;

use duet_proto::frame::{PoolName, Wishes};
use duet_proto::time::Time;

use crate::pool::{Pool, Turn};
use crate::sessions::SessionKey;

/// Which pool. Who is in quarantine meets only others who are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PoolKey {
    /// Its name.
    pub name: PoolName,
    /// Whether it is the one of those in quarantine.
    pub quarantined: bool,
}

/// How somebody stands in a pool.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stand<'a> {
    pub(crate) session: SessionKey,
    pub(crate) turn: Turn,
    pub(crate) wishes: &'a Wishes,
    pub(crate) is_wide: bool,
}

/// Who waits, and in which pool.
#[derive(Debug, Default)]
pub(crate) struct Pools {
    by_key: BTreeMap<PoolKey, Pool>,
    waiting: usize,
}

impl Pools {
    /// A session waits, and can be met if it is shown.
    pub(crate) fn insert(&mut self, key: &PoolKey, stand: Stand<'_>, is_shown: bool, now: Time) {
        self.waiting += 1;
        let pool = self.open(key, now);
        pool.insert(stand.turn);
        if is_shown {
            pool.show(stand.wishes, stand.is_wide, stand.turn, stand.session);
        }
    }

    /// A session waits no longer.
    pub(crate) fn remove(&mut self, key: &PoolKey, stand: Stand<'_>, was_shown: bool) {
        let pool = self.at(key);
        pool.remove(stand.turn);
        if was_shown {
            pool.hide(stand.wishes, stand.is_wide, stand.turn);
        }
        self.waiting -= 1;
        self.close_if_empty(key);
    }

    /// A waiter can be met.
    pub(crate) fn show(&mut self, key: &PoolKey, stand: Stand<'_>) {
        self.at(key).show(stand.wishes, stand.is_wide, stand.turn, stand.session);
    }

    /// A waiter can be met no longer.
    pub(crate) fn hide(&mut self, key: &PoolKey, stand: Stand<'_>) {
        self.at(key).hide(stand.wishes, stand.is_wide, stand.turn);
    }

    /// Two of a pool begin to talk.
    pub(crate) fn begin_talk(&mut self, key: &PoolKey, now: Time) {
        self.open(key, now).begin_talk();
    }

    /// Two of a pool have stopped talking.
    pub(crate) fn end_talk(&mut self, key: &PoolKey) {
        self.at(key).end_talk();
        self.close_if_empty(key);
    }

    /// A waiter of a pool has found a partner.
    pub(crate) fn count_taken(&mut self, key: &PoolKey, now: Time) {
        self.open(key, now).count_taken(now);
    }

    /// So many waiters of a shared pool have found partners, ever.
    pub(crate) fn catch_up(&mut self, key: &PoolKey, taken: u64, now: Time) {
        self.open(key, now).catch_up(taken, now);
    }

    /// A pool with somebody in it.
    pub(crate) fn get(&self, key: &PoolKey) -> Option<&Pool> {
        self.by_key.get(key)
    }

    /// Those who wait in a pool, as a number.
    pub(crate) fn waiting_in(&self, key: &PoolKey) -> usize {
        self.get(key).map_or(0, Pool::waiting)
    }

    /// Sessions in any queue.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Pools with somebody in them, as a number.
    pub(crate) fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Pools with somebody in them, in the order of their names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&PoolKey, &Pool)> {
        self.by_key.iter()
    }

    fn open(&mut self, key: &PoolKey, now: Time) -> &mut Pool {
        if !self.by_key.contains_key(key) {
            self.by_key.insert(key.clone(), Pool::new(now));
        }
        self.at(key)
    }

    fn at(&mut self, key: &PoolKey) -> &mut Pool {
        self.by_key.get_mut(key).expect("a pool lasts while somebody waits or talks in it")
    }

    fn close_if_empty(&mut self, key: &PoolKey) {
        if self.get(key).is_some_and(Pool::is_empty) {
            self.by_key.remove(key);
        }
    }
}
