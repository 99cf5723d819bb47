//! All pools by name. A pool begins with its first waiter and ends with its last.

use std::collections::BTreeMap;

use duet_proto::frame::PoolName;

use crate::pool::{Place, Pool, Turn, Waiter};
use crate::sessions::SessionKey;

/// Who waits, and in which pool.
#[derive(Debug, Default)]
pub(crate) struct Pools {
    by_name: BTreeMap<PoolName, Pool>,
    waiting: usize,
}

impl Pools {
    /// Puts a session into a pool. Also tells its position, from 1.
    pub(crate) fn insert(&mut self, name: &PoolName, session: SessionKey, turn: Turn) -> (Place, u64) {
        self.waiting += 1;
        match self.by_name.get_mut(name) {
            Some(pool) => pool.insert(session, turn),
            None => self.by_name.entry(name.clone()).or_default().insert(session, turn),
        }
    }

    /// Takes a session out of the pool that it was put into.
    pub(crate) fn remove(&mut self, name: &PoolName, place: Place) {
        let pool = self.by_name.get_mut(name).expect("a pool lasts while somebody waits in it");
        pool.remove(place);
        self.waiting -= 1;
        if pool.is_empty() {
            self.by_name.remove(name);
        }
    }

    /// Those who wait in a pool.
    pub(crate) fn oldest_first(&self, name: &PoolName) -> impl Iterator<Item = &Waiter> {
        self.by_name.get(name).into_iter().flat_map(Pool::oldest_first)
    }

    /// Those who wait in a pool, as a number.
    pub(crate) fn len(&self, name: &PoolName) -> usize {
        self.by_name.get(name).map_or(0, Pool::len)
    }

    /// Sessions in any queue.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Pools with somebody waiting, in the order of their names.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&PoolName, &Pool)> {
        self.by_name.iter()
    }
}
