//! Finding somebody: the oldest who suits, in the best lane that has one.
//!
//! A look into a lane is bounded. What must not be met, or had better not, can fill more of it than that only where somebody means it
//! to; then the seeker looks again a little later, from where it has come to.

use std::time::Duration;

use duet_proto::frame::Tag;
use duet_proto::time::Time;

use crate::lanes::Rank;
use crate::pool::{Pool, Turn};
use crate::pools::{PoolKey, Stand};
use crate::reports::Subject;
use crate::sessions::{SessionKey, Sessions, State, Wish};
use crate::suitability::{Lately, between};
use crate::{Matchmaker, Obstacle};

/// What came of seeking.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sought {
    Found(SessionKey),
    /// And where it has come to in a lane that goes on.
    Nobody(Option<Turn>),
}

/// A look through the lanes.
#[derive(Debug, Default)]
struct Search {
    found: Option<SessionKey>,
    /// Waiters that can't be met just now.
    absent: Vec<SessionKey>,
    /// Where it has come to in a lane that goes on.
    come_to: Option<Turn>,
}

impl Matchmaker {
    /// Whom a session meets. Who is absent finds nobody, and is passed over.
    pub(crate) fn seek(&mut self, seeker: SessionKey, now: Time) -> Sought {
        if !self.is_present(seeker) || self.orders.is_paused(&self.sessions[seeker].wish().wishes.pool) {
            return Sought::Nobody(None);
        }
        let search = self.search(seeker, now);
        for absent in search.absent {
            self.hide(absent);
        }
        search.found.map_or(Sought::Nobody(search.come_to), Sought::Found)
    }

    /// A waiter has found nobody: it goes on from where it has come to, and at last from the start.
    pub(crate) fn come_to(&mut self, waiter: SessionKey, come_to: Option<Turn>, now: Time) {
        let Some(standing) = &mut self.sessions[waiter].standing else { return };
        let came_from = std::mem::replace(&mut standing.come_to, come_to);
        standing.search_at = (come_to.is_some() || came_from.is_some()).then(|| now + SEARCH_AGAIN);
        self.arm(waiter);
    }

    fn search(&self, seeker: SessionKey, now: Time) -> Search {
        let mut search = Search::default();
        let Some(pool) = self.pools.get(&self.pool_key(seeker, now)) else { return search };
        let one = &self.sessions[seeker];
        let wish = one.wish();
        let from = one.standing.as_ref().and_then(|standing| standing.come_to);
        let lately = self.lately(pool, now);
        let is_past_caring = |wish: &Wish| now.since(wish.turn.queued) >= self.config.rematch_patience;
        let (mut best, mut second_best): (Option<Candidate>, Option<Candidate>) = (None, None);
        for (rank, lane) in pool.for_seeker(&wish.wishes, self.is_wide(seeker, now)) {
            // Lanes of one rank are as good as one another: the oldest of them all.
            if best.is_some_and(|(of, ..)| of != rank) {
                break;
            }
            let (mut probes, mut last) = (0, None);
            let from = from.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
            for (turn, waiter) in lane.range((from, std::ops::Bound::Unbounded)) {
                if probes == PROBES {
                    search.come_to = search.come_to.max(last);
                    break;
                }
                probes += 1;
                last = Some(*turn);
                if !self.is_present(*waiter) {
                    search.absent.push(*waiter);
                    // It will not be in the way again.
                    probes -= usize::from(search.absent.len() < ABSENT_AT_ONCE);
                    continue;
                }
                let other = &self.sessions[*waiter];
                match between(one, other, &self.blocks, lately, now) {
                    None => {
                        best = least(best, (rank, *turn, *waiter));
                        break;
                    }
                    Some(Obstacle::MetLately) if is_past_caring(wish) && is_past_caring(other.wish()) => {
                        second_best = least(second_best, (rank, *turn, *waiter));
                    }
                    Some(_) => {}
                }
            }
        }
        search.found = best.or(second_best).map(|(_, _, waiter)| waiter);
        search
    }

    /// How many of the last partners are not to be met again: fewer where there are hardly any others.
    pub(crate) fn lately(&self, pool: &Pool, now: Time) -> Lately {
        let population = pool.waiting() + pool.talking();
        let most = (population / 2).saturating_sub(1).min(self.config.recent_partners);
        Lately { most, since: now - self.config.rematch_avoid }
    }

    /// In which pool a session looks: where it waits, or where it would.
    pub(crate) fn pool_key(&self, session: SessionKey, now: Time) -> PoolKey {
        let known = &self.sessions[session];
        let name = known.wish().wishes.pool.clone();
        let quarantined = match &known.standing {
            Some(standing) => standing.released_at.is_some(),
            None => self.quarantined_until(session, now).is_some(),
        };
        PoolKey { name, quarantined }
    }

    /// In which pool a waiter stands.
    pub(crate) fn standing_pool(&self, waiter: SessionKey) -> PoolKey {
        stand(&self.sessions, waiter).0
    }

    /// Until when a session meets only others in quarantine.
    pub(crate) fn quarantined_until(&self, session: SessionKey, now: Time) -> Option<Time> {
        if !self.reports.has_quarantined() {
            return None;
        }
        let known = &self.sessions[session];
        let by_client = self.reports.quarantined_until(&Subject::Client(known.client), now);
        let user = known.user().cloned().map(Subject::User);
        user.and_then(|user| self.reports.quarantined_until(&user, now)).max(by_client)
    }

    /// Whether anybody of its pool will do for a session.
    pub(crate) fn is_wide(&self, session: SessionKey, now: Time) -> bool {
        let known = &self.sessions[session];
        match &known.standing {
            Some(standing) => standing.is_wide,
            None => self.widens_at(known.wish()).is_none_or(|at| at <= now),
        }
    }

    /// When a wish's patience ends; `None` if it insists on nothing.
    pub(crate) fn widens_at(&self, wish: &Wish) -> Option<Time> {
        if wish.wishes.tags().is_empty() && wish.wishes.region().is_none() {
            return None;
        }
        let (least, most) = self.config.patience_bounds;
        let patience = wish.wishes.patience().unwrap_or(self.config.patience).min(most).max(least);
        Some(wish.turn.queued.max(wish.asked) + patience)
    }

    /// When a wish is served: its turn, but for its head start.
    pub(crate) fn served(&self, wish: &Wish) -> Turn {
        let head_start = wish.wishes.head_start().min(self.config.max_head_start);
        Turn { queued: wish.turn.queued - head_start, arrival: wish.turn.arrival }
    }

    /// A waiter is not met until it is shown again.
    fn hide(&mut self, waiter: SessionKey) {
        let Some(standing) = &mut self.sessions[waiter].standing else { return };
        if std::mem::replace(&mut standing.is_shown, false) {
            let (key, stand) = stand(&self.sessions, waiter);
            self.pools.hide(&key, stand);
        }
    }

    /// A waiter that is there can be met.
    pub(crate) fn show(&mut self, waiter: SessionKey) {
        let is_present = self.is_present(waiter);
        let Some(standing) = &mut self.sessions[waiter].standing else { return };
        if is_present && !std::mem::replace(&mut standing.is_shown, true) {
            let (key, stand) = stand(&self.sessions, waiter);
            self.pools.show(&key, stand);
        }
    }

    /// Nobody insists on anything with a waiter any more.
    pub(crate) fn widen(&mut self, waiter: SessionKey) {
        self.hide(waiter);
        if let Some(standing) = &mut self.sessions[waiter].standing {
            (standing.is_wide, standing.widens_at) = (true, None);
        }
        self.show(waiter);
    }

    /// Takes a session that waits out of its queue.
    pub(crate) fn unqueue(&mut self, session: SessionKey) {
        if !matches!(self.sessions[session].state, State::Waiting) {
            return;
        }
        self.withdraw(session);
        self.disarm(session);
        let (key, stand) = stand(&self.sessions, session);
        let was_shown = self.sessions[session].standing.as_ref().is_some_and(|standing| standing.is_shown);
        self.pools.remove(&key, stand, was_shown);
        let known = &mut self.sessions[session];
        (known.state, known.standing) = (State::Idle, None);
    }

    /// The tags that two have both asked for.
    pub(crate) fn shared_tags(&self, one: SessionKey, other: SessionKey) -> Box<[Tag]> {
        let theirs = self.sessions[other].wish().wishes.tags();
        let own = self.sessions[one].wish().wishes.tags();
        own.iter().filter(|tag| theirs.contains(tag)).cloned().collect()
    }
}

/// Somebody to meet.
type Candidate = (Rank, Turn, SessionKey);

fn least(one: Option<Candidate>, other: Candidate) -> Option<Candidate> {
    Some(one.map_or(other, |one| one.min(other)))
}

/// How a waiter stands in its pool.
fn stand(sessions: &Sessions, waiter: SessionKey) -> (PoolKey, Stand<'_>) {
    let known = &sessions[waiter];
    let standing = known.standing.as_ref().expect("whoever waits stands somewhere");
    let wishes = &known.wish().wishes;
    let key = PoolKey { name: wishes.pool.clone(), quarantined: standing.released_at.is_some() };
    (key, Stand { session: waiter, turn: standing.turn, wishes, is_wide: standing.is_wide })
}

/// Waiters of a lane that are looked at, at a time.
const PROBES: usize = 64;
/// Absent waiters that are cleared out of the way at a time, beside those.
const ABSENT_AT_ONCE: usize = 1024;
/// When who has seen only a part of a lane goes on.
pub(crate) const SEARCH_AGAIN: Duration = Duration::from_secs(1);
