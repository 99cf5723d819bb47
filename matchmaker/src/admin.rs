//! What operators do to the machine: end a room or a session, keep a user out, pause a pool, ask why somebody waits.
//!
//! Each is an input like a frame: outputs follow. Who may ask for it is for the shell.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use duet_proto::frame::{Identity, PartnerLeftReason, PoolName, SessionEndedReason};
use duet_proto::ids::{ClientId, RoomId};
use duet_proto::time::Time;

use crate::Matchmaker;
use crate::sessions::{SessionKey, State};

/// There are as many as may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany;

/// A user who is kept out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockedUser<'a> {
    /// Who.
    pub user: &'a str,
    /// Until when.
    pub until: Time,
    /// As the operator put it.
    pub reason: &'a str,
}

/// What operators have said and what holds until they say otherwise, or for a time.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    blocked: BTreeMap<Arc<str>, Block>,
    paused: BTreeSet<PoolName>,
}

#[derive(Debug)]
struct Block {
    until: Time,
    reason: String,
}

impl Orders {
    /// Whether nobody is matched in a pool.
    pub(crate) fn is_paused(&self, pool: &PoolName) -> bool {
        !self.paused.is_empty() && self.paused.contains(pool)
    }

    /// Whether somebody is kept out.
    pub(crate) fn shuts_out(&self, identity: &Identity, now: Time) -> bool {
        identity.verified && self.blocked.get(identity.user.as_str()).is_some_and(|block| block.until > now)
    }
}

impl Matchmaker {
    /// Ends a room. Both sides are told, and go back as those whose partner has left, but not to each other for a while. Tells
    /// whether there is such a room.
    pub fn end_room(&mut self, id: RoomId, now: Time) -> bool {
        let Some(room) = self.rooms.by_id(id) else { return false };
        let [one, other] = [0, 1].map(|side| room.members[side].session);
        self.keep_apart(one, self.sessions[other].client, now);
        if let Some(parting) = self.rest(one, PartnerLeftReason::Closed, now) {
            let back = self.fair_return(&parting);
            let dismiss = |member| self.dismiss(member, PartnerLeftReason::Closed, back, now);
            let seekers = [one, other].into_iter().filter_map(dismiss).collect();
            self.place_all(seekers, now);
        }
        self.settle_up(now);
        true
    }

    /// Ends a session. Tells whether there is such a one.
    pub fn disconnect(&mut self, client: ClientId, now: Time) -> bool {
        let is_known = self.sessions.by_client(client).is_some();
        self.end_sessions(vec![client], SessionEndedReason::Closed, now);
        self.settle_up(now);
        is_known
    }

    /// Keeps a user out for a time. Tells how many sessions of theirs have ended.
    pub fn block_user(&mut self, user: &str, lasts: Duration, reason: &str, now: Time) -> Result<usize, TooMany> {
        let blocked = &mut self.orders.blocked;
        if blocked.len() >= BLOCKED_MOST && !blocked.contains_key(user) {
            blocked.retain(|_, block| block.until > now);
            if blocked.len() >= BLOCKED_MOST {
                return Err(TooMany);
            }
        }
        blocked.insert(user.into(), Block { until: now + lasts, reason: reason.to_owned() });
        let sessions = self.sessions.after(None).filter(|session| session.user().is_some_and(|known| **known == *user));
        let clients: Vec<ClientId> = sessions.map(|session| session.client).collect();
        let ended = clients.len();
        self.end_sessions(clients, SessionEndedReason::Closed, now);
        self.settle_up(now);
        Ok(ended)
    }

    /// Lets a user in again. Tells whether it was kept out.
    pub fn unblock_user(&mut self, user: &str, now: Time) -> bool {
        self.orders.blocked.remove(user).is_some_and(|block| block.until > now)
    }

    /// Who is kept out, in the order of ids, after one or from the start.
    pub fn blocked_users(&self, after: Option<&str>, now: Time) -> impl Iterator<Item = BlockedUser<'_>> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let blocked = self.orders.blocked.range::<str, _>((start, Bound::Unbounded));
        let blocked = blocked.filter(move |(_, block)| block.until > now);
        blocked.map(|(user, block)| BlockedUser { user, until: block.until, reason: &block.reason })
    }

    /// Until when a user is kept out.
    pub fn blocked_until(&self, user: &str, now: Time) -> Option<Time> {
        self.orders.blocked.get(user).map(|block| block.until).filter(|until| *until > now)
    }

    /// Keeps two users from being matched with each other for a time.
    pub fn block_pair(&mut self, one: &str, other: &str, lasts: Duration, now: Time) {
        self.blocks.add(&one.into(), &other.into(), lasts, now);
    }

    /// Lets two users be matched with each other again. Tells whether they were kept from it.
    pub fn unblock_pair(&mut self, one: &str, other: &str, now: Time) -> bool {
        let (one, other) = (one.into(), other.into());
        let was_blocked = self.blocks.holds_between(Some(&one), Some(&other), now);
        self.blocks.remove(&one, &other);
        was_blocked
    }

    /// Matches nobody in a pool until it is resumed.
    pub fn pause_pool(&mut self, pool: PoolName) -> Result<(), TooMany> {
        if self.orders.paused.len() >= PAUSED_MOST && !self.orders.paused.contains(&pool) {
            return Err(TooMany);
        }
        self.orders.paused.insert(pool);
        Ok(())
    }

    /// Matches in a pool again, those who have waited longest first.
    pub fn resume_pool(&mut self, pool: &PoolName, now: Time) {
        if self.orders.paused.remove(pool) {
            let waiters = self.waiters(pool).collect();
            self.wake(waiters, now);
            self.settle_up(now);
        }
    }

    /// Whether nobody is matched in a pool.
    pub fn is_paused(&self, pool: &PoolName) -> bool {
        self.orders.is_paused(pool)
    }

    /// The pools in which nobody is matched, in the order of their names.
    pub fn paused_pools(&self) -> impl Iterator<Item = &PoolName> {
        self.orders.paused.iter()
    }

    /// Whether anybody of a user's is to be sent away.
    pub(crate) fn shuts_out(&self, identity: Option<&Identity>, now: Time) -> bool {
        identity.is_some_and(|identity| self.orders.shuts_out(identity, now))
    }

    /// Those who wait in a pool, in the order of clients' ids.
    pub(crate) fn waiters(&self, pool: &PoolName) -> impl Iterator<Item = SessionKey> {
        let waits = move |session: &&crate::sessions::Session| {
            matches!(session.state, State::Waiting) && session.wish().wishes.pool == *pool
        };
        let clients = self.sessions.after(None).filter(waits).map(|session| session.client);
        clients.filter_map(|client| self.sessions.by_client(client))
    }
}

const BLOCKED_MOST: usize = 100_000;
const PAUSED_MOST: usize = 1_000;
