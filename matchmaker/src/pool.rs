//! One pool: the order in which its waiters are served, who of them can be met, and how fast it moves.

use std::time::Duration;

use duet_proto::frame::Wishes;
use duet_proto::time::Time;

use crate::lanes::{Lane, Lanes, Rank};
use crate::pace::Pace;
use crate::ranks::Ranks;
use crate::sessions::SessionKey;

/// A ticket's turn: the lesser is served first. Who has waited longer, and of two with the same queue time who came first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Turn {
    /// Since when it waits.
    pub(crate) queued: Time,
    /// Raised for each new ticket.
    pub(crate) arrival: u64,
}

/// Those who wait in one pool, and how many of it talk.
#[derive(Debug)]
pub(crate) struct Pool {
    /// All waiters.
    order: Ranks,
    /// Those who can be met.
    lanes: Lanes,
    talking: usize,
    pace: Pace,
    /// If the pool is shared: how many of its waiters have found partners, ever, as the engine has told last.
    taken: Option<u64>,
}

impl Pool {
    pub(crate) fn new(now: Time) -> Self {
        Pool { order: Ranks::default(), lanes: Lanes::default(), talking: 0, pace: Pace::new(now), taken: None }
    }

    /// A session waits. It can't be met yet.
    pub(crate) fn insert(&mut self, turn: Turn) {
        self.order.insert(turn);
    }

    /// A session that can't be met waits no longer.
    pub(crate) fn remove(&mut self, turn: Turn) {
        self.order.remove(turn);
    }

    /// A waiter can be met.
    pub(crate) fn show(&mut self, wishes: &Wishes, is_wide: bool, turn: Turn, session: SessionKey) {
        self.lanes.insert(wishes, is_wide, turn, session);
    }

    /// A waiter can be met no longer.
    pub(crate) fn hide(&mut self, wishes: &Wishes, is_wide: bool, turn: Turn) {
        self.lanes.remove(wishes, is_wide, turn);
    }

    /// Whom a seeker may meet as far as tags and regions go, the best first; some of them more than once.
    pub(crate) fn for_seeker(&self, wishes: &Wishes, is_wide: bool) -> impl Iterator<Item = (Rank, &Lane)> {
        self.lanes.for_seeker(wishes, is_wide)
    }

    /// 1 is the next to be served.
    pub(crate) fn position(&self, turn: Turn) -> u64 {
        self.order.position(turn)
    }

    /// For how much longer the one at a position will wait.
    pub(crate) fn estimate(&self, position: u64, now: Time) -> Option<Duration> {
        self.pace.estimate(position, now)
    }

    /// A waiter has found a partner.
    pub(crate) fn count_taken(&mut self, now: Time) {
        self.pace.count(now);
    }

    /// So many waiters, of all replicas, have found partners.
    pub(crate) fn catch_up(&mut self, taken: u64, now: Time) {
        let before = self.taken.replace(taken).unwrap_or(taken);
        for _ in before..taken.min(before + CAUGHT_UP_AT_ONCE) {
            self.pace.count(now);
        }
    }

    /// Two begin to talk.
    pub(crate) fn begin_talk(&mut self) {
        self.talking += 2;
    }

    /// Two have stopped talking.
    pub(crate) fn end_talk(&mut self) {
        self.talking -= 2;
    }

    /// The one who is served next.
    pub(crate) fn first(&self) -> Option<Turn> {
        self.order.first()
    }

    /// Those who wait.
    pub(crate) fn waiting(&self) -> usize {
        self.order.len()
    }

    /// Those who are in rooms.
    pub(crate) fn talking(&self) -> usize {
        self.talking
    }

    /// Whether nobody is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.order.len() == 0 && self.talking == 0
    }
}

/// Who hears of more at once than that has not heard of the pool for long.
const CAUGHT_UP_AT_ONCE: u64 = 10_000;
