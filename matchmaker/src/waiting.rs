//! Those who wait: how they get into a queue, what becomes of them as time passes, what they hear of it.
//!
//! Each has one deadline, for whatever is due first: its patience ends, it would meet again whom it has met lately, or it is told how
//! it stands if that has changed much. Nothing ever goes through all who wait.

use std::time::Duration;

use duet_proto::frame::{Down, Waiting};
use duet_proto::time::Time;

use crate::Matchmaker;
use crate::deadlines::Timer;
use crate::pools::{PoolKey, Stand};
use crate::sessions::{SessionKey, Standing, State};
use crate::sharing::{Asked, TOLD_WITHIN};

impl Matchmaker {
    /// Puts a session into its queue, and tells it so. It is still to be armed.
    pub(crate) fn queue(&mut self, session: SessionKey, now: Time) {
        self.enqueue(session, now);
        self.tell_queued(session, now);
    }

    /// Tells a session that it waits.
    pub(crate) fn tell_queued(&mut self, session: SessionKey, now: Time) {
        if let Some(asked) = &mut self.standing_mut(session).asked {
            (asked.tell_by, asked.news) = (None, None);
        }
        self.tell_standing(session, now);
        self.note_waiting(session);
    }

    /// Puts a session into its queue without a word.
    pub(crate) fn enqueue(&mut self, session: SessionKey, now: Time) {
        let released_at = self.quarantined_until(session, now);
        let quarantined = released_at.is_some();
        let is_shown = self.is_present(session);
        let known = &self.sessions[session];
        let wish = known.wish();
        let widens_at = self.widens_at(wish).filter(|at| *at > now);
        let is_wide = widens_at.is_none();
        let turn = self.served(wish);
        let news_after = self.config.news_after;
        let cares_until = wish.turn.queued + self.config.rematch_patience;
        let standing = Standing {
            released_at,
            turn,
            is_wide,
            is_shown,
            widens_at,
            past_caring_at: Some(cares_until).filter(|at| *at > now && !known.recent.is_empty()),
            search_at: None,
            come_to: None,
            tell_at: (!news_after.is_zero()).then(|| now + news_after),
            told_every: news_after,
            told: (0, None),
            asked: self.config.shares_pools.then(|| Box::new(Asked::told_by(now + TOLD_WITHIN))),
            due: None,
        };
        let key = PoolKey { name: wish.wishes.pool.clone(), quarantined };
        self.tally.waits_in(&key.name);
        let stand = Stand { session, turn, wishes: &wish.wishes, is_wide };
        self.pools.insert(&key, stand, is_shown, now);
        let known = &mut self.sessions[session];
        (known.state, known.standing) = (State::Waiting, Some(Box::new(standing)));
    }

    /// Something is due for some who wait, or somebody may have become free for them. The older choose first.
    pub(crate) fn wake(&mut self, mut sessions: Vec<SessionKey>, now: Time) {
        sessions.retain(|session| matches!(self.sessions[*session].state, State::Waiting));
        sessions.sort_unstable_by_key(|session| self.served(self.sessions[*session].wish()));
        sessions.dedup();
        let mut widened = Vec::new();
        for session in &sessions {
            let is_out_of_place = {
                let standing = self.standing(*session);
                standing.released_at.is_some() != self.quarantined_until(*session, now).is_some()
            };
            if is_out_of_place {
                self.unqueue(*session);
                self.enqueue(*session, now);
                if !self.config.shares_pools {
                    self.tell_queued(*session, now);
                }
            }
            if self.config.shares_pools {
                self.wake_shared(*session, now);
            }
            if self.standing(*session).widens_at.is_some_and(|at| at <= now) {
                self.widen(*session);
                widened.push(*session);
            }
            let standing = self.standing_mut(*session);
            standing.past_caring_at = standing.past_caring_at.filter(|at| *at > now);
        }
        self.retry(sessions.clone(), now);
        for session in sessions {
            if matches!(self.sessions[session].state, State::Waiting) {
                let has_widened = widened.contains(&session);
                let is_due = self.take_due_news(session, now);
                match &mut self.standing_mut(session).asked {
                    // The engine has just been asked.
                    Some(asked) if has_widened || is_due => {
                        asked.news = Some(has_widened || asked.news == Some(true));
                    }
                    Some(_) => {}
                    None if has_widened || is_due => self.tell_news(session, has_widened, now),
                    None => {}
                }
                self.arm(session);
            }
        }
    }

    /// Whether it is time to tell a waiter how it stands; if so, the next time is later.
    fn take_due_news(&mut self, session: SessionKey, now: Time) -> bool {
        let standing = self.standing_mut(session);
        let is_due = standing.tell_at.is_some_and(|at| at <= now);
        if is_due {
            standing.told_every = (standing.told_every * 2).min(NEWS_AT_LEAST_EVERY);
            standing.tell_at = Some(now + standing.told_every);
        }
        is_due
    }

    /// Tells a waiter how it stands, if that is much different from what it was told, or in any case: it has become wide.
    pub(crate) fn tell_news(&mut self, session: SessionKey, in_any_case: bool, now: Time) {
        let told = self.standing(session).told;
        let differs = || {
            let (position, estimate) = self.outlook(session, now);
            is_much(told.0 as f64, position as f64) || estimates_differ(told.1, estimate)
        };
        if in_any_case || (self.is_present(session) && differs()) {
            self.tell_standing(session, now);
        }
    }

    fn tell_standing(&mut self, session: SessionKey, now: Time) {
        let (position, estimate) = self.outlook(session, now);
        let standing = self.standing_mut(session);
        standing.told = (position, estimate);
        let widened = standing.is_wide;
        let known = &self.sessions[session];
        let wish = known.wish();
        let waiting = Waiting {
            ticket: known.ticket,
            pool: wish.wishes.pool.clone(),
            position,
            waited: now.since(wish.turn.queued),
            estimate,
            // Who insisted on nothing has not become wider.
            widened: widened && self.widens_at(wish).is_some(),
        };
        self.tell(session, Down::Waiting(waiting));
    }

    /// A waiter's position, and for how much longer it will wait.
    fn outlook(&self, session: SessionKey, now: Time) -> (u64, Option<Duration>) {
        let pool = self.pools.get(&self.pool_key(session, now)).expect("a pool lasts while somebody waits in it");
        let standing = self.standing(session);
        let by_engine = standing.asked.as_ref().and_then(|asked| asked.position);
        let position = by_engine.unwrap_or_else(|| pool.position(standing.turn));
        (position, pool.estimate(position, now))
    }

    /// The waiter is woken when something is due.
    pub(crate) fn arm(&mut self, session: SessionKey) {
        let client = self.sessions[session].client;
        let standing = self.standing_mut(session);
        let due =
            [standing.released_at, standing.widens_at, standing.past_caring_at, standing.search_at, standing.tell_at];
        let asked = standing.asked.as_ref().and_then(|asked| asked.due());
        let due = due.into_iter().flatten().chain(asked).min();
        let armed = std::mem::replace(&mut standing.due, due);
        if armed != due {
            if let Some(at) = armed {
                self.deadlines.cancel(at, Timer::Waiter(client));
            }
            if let Some(at) = due {
                self.deadlines.add(at, Timer::Waiter(client));
            }
        }
    }

    pub(crate) fn disarm(&mut self, session: SessionKey) {
        let client = self.sessions[session].client;
        if let Some(at) = self.standing_mut(session).due.take() {
            self.deadlines.cancel(at, Timer::Waiter(client));
        }
    }

    pub(crate) fn standing(&self, session: SessionKey) -> &Standing {
        self.sessions[session].standing.as_deref().expect("whoever waits stands somewhere")
    }

    fn standing_mut(&mut self, session: SessionKey) -> &mut Standing {
        self.sessions[session].standing.as_deref_mut().expect("whoever waits stands somewhere")
    }
}

fn estimates_differ(told: Option<Duration>, now: Option<Duration>) -> bool {
    match (told, now) {
        (None, None) => false,
        (Some(told), Some(now)) => {
            is_much(told.as_secs_f64().max(LEAST_ESTIMATE), now.as_secs_f64().max(LEAST_ESTIMATE))
        }
        _ => true,
    }
}

/// Half as much, or twice.
fn is_much(told: f64, now: f64) -> bool {
    now >= 2.0 * told || now <= 0.5 * told
}

/// However long somebody waits.
const NEWS_AT_LEAST_EVERY: Duration = Duration::from_secs(60);
/// Seconds: below that estimates are as good as one another.
const LEAST_ESTIMATE: f64 = 2.0;
