//! Why somebody who waits is not matched: which rule keeps whom from it. Nothing is decided here; the rules are those of `suitability.rs`,
//! `seeking.rs` and `lanes.rs`, asked one by one.

use std::collections::BTreeMap;
use std::time::Duration;

use duet_proto::frame::{PoolName, Wishes};
use duet_proto::ids::ClientId;
use duet_proto::time::Time;

use crate::Matchmaker;
use crate::pools::PoolKey;
use crate::sessions::{SessionKey, State};
use crate::suitability::between;

/// A rule that keeps two of a pool from meeting, or one from meeting anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Obstacle {
    /// The pool is paused.
    PoolPaused,
    /// Its gateway can't be reached just now.
    Unlinked,
    /// It has no socket just now.
    Detached,
    /// Both are the same user.
    SameUser,
    /// They have parted a moment ago, and not by themselves.
    PartedRecently,
    /// One wishes to avoid the other.
    Avoided,
    /// One has reported the other.
    Blocked,
    /// One of them is in quarantine and the other is not.
    Quarantined,
    /// They share no tag, and one insists on it.
    Tags,
    /// They are of different regions, and one insists on its own.
    Region,
    /// They have met not long ago.
    MetLately,
    /// None.
    Nothing,
}

/// Why somebody waits.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explanation<'a> {
    /// Where.
    pub pool: &'a PoolName,
    /// From 1.
    pub position: u64,
    /// For how long.
    pub waited: Duration,
    /// What keeps it from anybody.
    pub own: Vec<Obstacle>,
    /// How many others of the pool were looked at.
    pub candidates: usize,
    /// Whether there are more.
    pub truncated: bool,
    /// How many of them each rule keeps from it.
    pub obstacles: BTreeMap<Obstacle, usize>,
}

impl Matchmaker {
    /// Why a session waits; `None` unless it does. Looks at so many others.
    pub fn explain(&self, client: ClientId, most: usize, now: Time) -> Option<Explanation<'_>> {
        let session = self.sessions.by_client(client)?;
        let known = &self.sessions[session];
        if !matches!(known.state, State::Waiting) {
            return None;
        }
        let wish = known.wish();
        let pool = &wish.wishes.pool;
        let mut others = self.waiters(pool).filter(|other| *other != session);
        let mut obstacles = BTreeMap::new();
        let mut candidates = 0;
        for other in others.by_ref().take(most) {
            candidates += 1;
            *obstacles.entry(self.obstacle(session, other, now)).or_default() += 1;
        }
        let paused = self.is_paused(pool).then_some(Obstacle::PoolPaused);
        let place = self.pools.get(&self.pool_key(session, now));
        Some(Explanation {
            pool,
            position: place.map_or(0, |place| place.position(self.standing(session).turn)),
            waited: now.since(wish.turn.queued),
            own: paused.into_iter().chain(self.absence(session)).collect(),
            candidates,
            truncated: others.next().is_some(),
            obstacles,
        })
    }

    /// How long somebody with such wishes would wait who came now, as far as that is known.
    pub fn estimate(&self, wishes: &Wishes, now: Time) -> Option<Duration> {
        if self.is_paused(&wishes.pool) {
            return None;
        }
        let pool = self.pools.get(&PoolKey { name: wishes.pool.clone(), quarantined: false })?;
        let insists_on_nothing = wishes.tags().is_empty() && wishes.region().is_none();
        let mut there =
            pool.for_seeker(wishes, insists_on_nothing).flat_map(|(_, lane)| lane.values()).take(LOOKED_AT_MOST);
        if there.any(|waiter| self.is_present(*waiter)) {
            return Some(Duration::ZERO);
        }
        pool.estimate(pool.waiting() as u64 + 1, now)
    }

    fn absence(&self, session: SessionKey) -> Option<Obstacle> {
        if !self.is_linked(session) {
            return Some(Obstacle::Unlinked);
        }
        self.sessions[session].is_detached().then_some(Obstacle::Detached)
    }

    fn obstacle(&self, session: SessionKey, candidate: SessionKey, now: Time) -> Obstacle {
        if let Some(absence) = self.absence(candidate) {
            return absence;
        }
        let key = self.pool_key(session, now);
        let pool = self.pools.get(&key).expect("a pool lasts while somebody waits in it");
        let (one, other) = (&self.sessions[session], &self.sessions[candidate]);
        match between(one, other, &self.blocks, self.lately(pool, now), now) {
            None | Some(Obstacle::MetLately) if key != self.pool_key(candidate, now) => Obstacle::Quarantined,
            // What is wished for comes before a meeting not long ago.
            found @ (None | Some(Obstacle::MetLately)) => {
                self.obstacle_of_wishes(session, candidate, now).or(found).unwrap_or(Obstacle::Nothing)
            }
            Some(obstacle) => obstacle,
        }
    }

    fn obstacle_of_wishes(&self, session: SessionKey, candidate: SessionKey, now: Time) -> Option<Obstacle> {
        let [one, other] = [session, candidate].map(|one| &self.sessions[one].wish().wishes);
        let [is_wide, is_other_wide] = [session, candidate].map(|one| self.is_wide(one, now));
        let wants_none = |wishes: &Wishes, is_wide| is_wide || wishes.tags().is_empty();
        let shares = one.tags().iter().any(|tag| other.tags().contains(tag));
        let want_none = wants_none(one, is_wide) && wants_none(other, is_other_wide);
        if !(shares || want_none) {
            return Some(Obstacle::Tags);
        }
        let anywhere = |wishes: &Wishes, is_wide| is_wide || wishes.region().is_none();
        let is_there = one.region().is_some() && one.region() == other.region();
        let are_anywhere = anywhere(one, is_wide) && anywhere(other, is_other_wide);
        (!(is_there || are_anywhere)).then_some(Obstacle::Region)
    }
}

/// Waiters among whom one that is present is sought for an estimate.
const LOOKED_AT_MOST: usize = 64;
