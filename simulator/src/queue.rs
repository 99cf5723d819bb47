//! Who waits, as everybody can see it: kept beside the policy under test, for simple policies to choose from and for the measures to judge
//! by.
//!
//! It knows the rules of who may meet whom, written down a second time and on purpose: a policy is judged by them, not by its own word.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use duet_proto::time::Time;

use crate::people::{Name, Wants};

/// The lesser is older: since when somebody waits, and of two with the same moment who came first.
pub(crate) type Turn = (Time, u64);

/// Somebody who waits.
#[derive(Clone, Debug)]
pub(crate) struct Waiter {
    pub(crate) name: Name,
    pub(crate) turn: Turn,
    /// Since when it has waited this time; a turn that was kept began earlier.
    pub(crate) since: Time,
    /// Since when its connection is broken.
    pub(crate) away: Option<Time>,
    /// How long it was before.
    pub(crate) was_away: Duration,
    pub(crate) wants: Rc<Wants>,
    pub(crate) memory: Memory,
}

/// Whom somebody has met.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    /// With the end of the room, the newest last.
    partners: VecDeque<(Name, Time)>,
    /// Whom it has left by `next`.
    left: Option<(Name, Time)>,
}

/// How well two suit each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fit {
    /// How many waiters ask for the rarest tag that both have; `None` if they share none.
    pub(crate) shared: Option<usize>,
    pub(crate) same_region: bool,
}

/// Those who wait, the oldest first.
#[derive(Debug)]
pub(crate) struct Queue {
    patience: Duration,
    waiters: BTreeMap<Turn, Waiter>,
    /// How many ask for a tag.
    demand: Vec<usize>,
}

impl Memory {
    /// A room with somebody is over.
    pub(crate) fn parted(&mut self, partner: Name, now: Time) {
        self.partners.retain(|(name, parted)| *name != partner && now.since(*parted) < MEMORY);
        if self.partners.len() == PARTNERS_AT_MOST {
            self.partners.pop_front();
        }
        self.partners.push_back((partner, now));
    }

    /// It was left by `next`.
    pub(crate) fn left(&mut self, partner: Name, now: Time) {
        self.left = Some((partner, now));
    }

    /// Whether a room with somebody has ended within the last five minutes.
    pub(crate) fn has_met(&self, other: Name, now: Time) -> bool {
        self.partners.iter().any(|(name, parted)| *name == other && now.since(*parted) < MEMORY)
    }

    fn keeps_apart(&self, other: Name, now: Time) -> bool {
        self.left.is_some_and(|(name, left)| name == other && now.since(left) < APART)
    }
}

impl Waiter {
    fn is_past(&self, patience: Duration, now: Time) -> bool {
        now.since(self.turn.0) >= patience
    }

    /// How long it has waited this time while it was there.
    pub(crate) fn waited(&self, now: Time) -> Duration {
        let away = self.was_away + self.away.map_or(Duration::ZERO, |since| now.since(since));
        now.since(self.since).saturating_sub(away)
    }

    /// Whether `next` doesn't keep the two apart any more.
    pub(crate) fn may_meet(&self, other: &Waiter, now: Time) -> bool {
        self.name != other.name
            && !self.memory.keeps_apart(other.name, now)
            && !other.memory.keeps_apart(self.name, now)
    }

    /// Whether a room of the two has ended within the last five minutes.
    pub(crate) fn has_met(&self, other: &Waiter, now: Time) -> bool {
        self.memory.has_met(other.name, now) || other.memory.has_met(self.name, now)
    }
}

impl Fit {
    pub(crate) fn by_tag(self) -> bool {
        self.shared.is_some()
    }
}

impl Queue {
    pub(crate) fn new(patience: Duration, tags: u16) -> Self {
        Queue { patience, waiters: BTreeMap::new(), demand: vec![0; usize::from(tags)] }
    }

    pub(crate) fn len(&self) -> usize {
        self.waiters.len()
    }

    pub(crate) fn insert(&mut self, waiter: Waiter) {
        for tag in &waiter.wants.tags {
            self.demand[usize::from(*tag)] += 1;
        }
        self.waiters.insert(waiter.turn, waiter);
    }

    pub(crate) fn remove(&mut self, turn: Turn) -> Option<Waiter> {
        let waiter = self.waiters.remove(&turn)?;
        for tag in &waiter.wants.tags {
            self.demand[usize::from(*tag)] -= 1;
        }
        Some(waiter)
    }

    pub(crate) fn get(&self, turn: Turn) -> Option<&Waiter> {
        self.waiters.get(&turn)
    }

    pub(crate) fn get_mut(&mut self, turn: Turn) -> Option<&mut Waiter> {
        self.waiters.get_mut(&turn)
    }

    /// Those who are there.
    pub(crate) fn present(&self) -> impl Iterator<Item = &Waiter> {
        self.waiters.values().filter(|waiter| waiter.away.is_none())
    }

    /// How well two suit each other.
    pub(crate) fn fit(&self, one: &Waiter, other: &Waiter) -> Fit {
        let shared = one.wants.tags.iter().filter(|tag| other.wants.tags.contains(tag));
        Fit {
            shared: shared.map(|tag| self.demand[usize::from(*tag)]).min(),
            same_region: one.wants.region == other.wants.region,
        }
    }

    /// Whether what the two ask for lets them meet: a shared tag, or none that somebody still insists on; likewise regions.
    fn suit(&self, one: &Waiter, other: &Waiter, now: Time) -> bool {
        let both = |takes_any: fn(&Wants) -> bool| {
            [one, other].iter().all(|waiter| takes_any(&waiter.wants) || waiter.is_past(self.patience, now))
        };
        let fit = self.fit(one, other);
        (fit.by_tag() || both(|wants| wants.tags.is_empty()))
            && (fit.same_region || both(|wants| wants.region.is_none()))
    }

    /// Whether somebody older than the waiter was there who suited the newcomer as well in everything, and was not met. Before the two
    /// are taken out. `insists` for a policy under which tickets have patience.
    pub(crate) fn is_inversion(&self, newcomer: &Waiter, waiter: &Waiter, insists: bool, now: Time) -> bool {
        let older = self.waiters.range(..waiter.turn).map(|(_, older)| older);
        let mut suitable = older.filter(|older| {
            older.away.is_none()
                && older.may_meet(newcomer, now)
                && !older.has_met(newcomer, now)
                && (!insists || self.suit(newcomer, older, now))
        });
        let Some(first) = suitable.next() else { return false };
        // Who comes at the same moment, but later, was not there yet. And whoever is away may be counted or not: no policy is blamed for either.
        let later = |other: &Waiter| other.since == now && other.turn > newcomer.turn;
        let there: Vec<&Waiter> = self.waiters.values().filter(|other| !later(other)).collect();
        let rarity = |other: &Waiter, counts_away: bool| {
            let demand = |tag: &u16| {
                let asks = |one: &&&Waiter| (counts_away || one.away.is_none()) && one.wants.tags.contains(tag);
                there.iter().filter(asks).count()
            };
            let shared = newcomer.wants.tags.iter().filter(|tag| other.wants.tags.contains(tag));
            shared.map(demand).min().unwrap_or(usize::MAX)
        };
        let same_region = |other: &Waiter| newcomer.wants.region == other.wants.region;
        let met = (rarity(waiter, false), same_region(waiter));
        std::iter::once(first).chain(suitable).any(|older| rarity(older, true) <= met.0 && same_region(older) >= met.1)
    }
}

/// For how long one who was left by `next` is not met again.
pub(crate) const APART: Duration = Duration::from_secs(3);
/// For how long partners are remembered.
pub(crate) const MEMORY: Duration = Duration::from_secs(300);
/// Who has had more within that time forgets the first of them.
const PARTNERS_AT_MOST: usize = 256;
