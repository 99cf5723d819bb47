//! What the machine counts, for metrics: how long people waited and what came of it, how rooms ended. It decides nothing.
//!
//! Pools are told apart by name up to [`POOLS_TOLD_APART`], as clients may make up as many as they like.

use std::collections::BTreeMap;
use std::time::Duration;

use duet_proto::figures::{CALL_BOUNDS, Count, Distribution, Histogram};
use duet_proto::frame::{CallOutcome, PartnerLeftReason, PoolName, Tag};
use duet_proto::ids::TicketNumber;
use duet_proto::time::Time;

use crate::sessions::{SessionKey, State};
use crate::{Matchmaker, RoomMade};

mod sharing;

pub use sharing::{PromiseEnd, SharingTally};

/// The counts of one machine.
#[derive(Debug)]
pub struct Tally {
    pools: BTreeMap<PoolName, PoolTally>,
    /// All the pools that are not told apart.
    other: PoolTally,
    /// Whether the pools are all that there may be.
    listed: bool,
    waits: [Histogram; WaitEnd::ALL.len()],
    rooms_ended: [Count; REASONS.len()],
    lasted: Histogram,
    rematches: Count,
    forwarded_bytes: Count,
    calls: [Count; CallOutcome::ALL.len()],
    setup: Histogram,
    /// Of dealings with other replicas.
    pub(crate) sharing: SharingTally,
}

#[derive(Debug)]
struct PoolTally([Histogram; MatchedBy::ALL.len()]);

/// What made two suit each other, as one of them sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MatchedBy {
    /// A tag that both had asked for.
    Tag,
    /// It had asked for tags, and the other has none of them: its patience was over, or the other's.
    Wide,
    /// It had asked for no tags.
    Any,
}

impl MatchedBy {
    /// All there are.
    pub const ALL: [MatchedBy; 3] = [MatchedBy::Tag, MatchedBy::Wide, MatchedBy::Any];

    /// As metrics name it.
    pub fn name(self) -> &'static str {
        match self {
            MatchedBy::Tag => "tag",
            MatchedBy::Wide => "wide",
            MatchedBy::Any => "any",
        }
    }

    /// Of one that had asked for these, with a partner that shares those.
    pub(crate) fn of(asked: &[Tag], shared: &[Tag]) -> Self {
        match (asked, shared) {
            ([], _) => MatchedBy::Any,
            (_, []) => MatchedBy::Wide,
            _ => MatchedBy::Tag,
        }
    }
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WaitEnd {
    /// A partner was found.
    Matched,
    /// The client did not want to wait any longer.
    Left,
    /// The client was lost.
    Lost,
    /// The pool did not take the wish.
    Refused,
}

impl WaitEnd {
    /// All there are.
    pub const ALL: [WaitEnd; 4] = [WaitEnd::Matched, WaitEnd::Left, WaitEnd::Lost, WaitEnd::Refused];

    /// As metrics name it.
    pub fn name(self) -> &'static str {
        match self {
            WaitEnd::Matched => "matched",
            WaitEnd::Left => "left",
            WaitEnd::Lost => "lost",
            WaitEnd::Refused => "refused",
        }
    }
}

/// Why rooms end.
pub const REASONS: [PartnerLeftReason; 4] =
    [PartnerLeftReason::Left, PartnerLeftReason::Next, PartnerLeftReason::Disconnected, PartnerLeftReason::Closed];

impl Tally {
    /// Of a machine whose operator has listed the pools, or has not.
    pub(crate) fn new(listed: Option<&[PoolName]>) -> Self {
        let names = listed.unwrap_or_default().iter().filter(|name| name.as_str() != OTHER_POOLS);
        let pools = names.map(|name| (name.clone(), PoolTally::new())).collect();
        Tally {
            pools,
            other: PoolTally::new(),
            listed: listed.is_some(),
            waits: [(); 4].map(|()| Histogram::new(&WAIT_BOUNDS)),
            rooms_ended: Default::default(),
            lasted: Histogram::new(&ROOM_BOUNDS),
            rematches: Count::default(),
            forwarded_bytes: Count::default(),
            calls: Default::default(),
            setup: Histogram::new(&CALL_BOUNDS),
            sharing: SharingTally::default(),
        }
    }

    /// Somebody waits in that pool.
    pub(crate) fn waits_in(&mut self, pool: &PoolName) {
        let has_place = !self.listed && self.pools.len() < POOLS_TOLD_APART;
        if has_place && pool.as_str() != OTHER_POOLS && !self.pools.contains_key(pool) {
            self.pools.insert(pool.clone(), PoolTally::new());
        }
    }

    /// One has met somebody in that pool.
    pub(crate) fn matched(&self, pool: &PoolName, by: MatchedBy, waited: Duration) {
        let PoolTally(matched) = self.pools.get(pool).unwrap_or(&self.other);
        matched[by as usize].observe(waited);
    }

    /// A wait is over, and nobody was found.
    pub(crate) fn wait_ended(&self, end: WaitEnd, waited: Duration) {
        self.waits[end as usize].observe(waited);
    }

    /// Two have met who had met shortly before.
    pub(crate) fn rematched(&self) {
        self.rematches.add(1);
    }

    /// A room is over.
    pub(crate) fn room_ended(&self, reason: PartnerLeftReason, lasted: Duration) {
        self.rooms_ended[reason as usize].add(1);
        self.lasted.observe(lasted);
    }

    /// A message was forwarded.
    pub(crate) fn forwarded(&self, bytes: usize) {
        self.forwarded_bytes.add(bytes as u64);
    }

    /// One of a room says what its call has come to.
    fn call_came_to(&self, outcome: CallOutcome, setup: Option<Duration>) {
        self.calls[outcome as usize].add(1);
        if let (CallOutcome::Connected, Some(setup)) = (outcome, setup) {
            self.setup.observe(setup);
        }
    }

    /// How long those had waited who met, by pool and by what made them suit; `None` is all pools that are not told apart.
    pub fn time_to_match(&self) -> impl Iterator<Item = (Option<&PoolName>, MatchedBy, Distribution)> {
        let pools = self.pools.iter().map(|(name, tally)| (Some(name), tally)).chain([(None, &self.other)]);
        pools.flat_map(|(name, PoolTally(matched))| {
            MatchedBy::ALL.map(|by| (name, by, matched[by as usize].distribution()))
        })
    }

    /// Pools that are told apart.
    pub fn names(&self) -> impl Iterator<Item = &PoolName> {
        self.pools.keys()
    }

    /// Whether a pool is told apart by its name.
    pub fn tells(&self, pool: &PoolName) -> bool {
        self.pools.contains_key(pool)
    }

    /// How long people waited, by what came of it.
    pub fn waits(&self, end: WaitEnd) -> Distribution {
        let own = self.waits[end as usize].distribution();
        match end {
            // They are counted once, by their pools.
            WaitEnd::Matched => self.time_to_match().fold(own, |sum, (.., matched)| sum.and(&matched)),
            _ => own,
        }
    }

    /// Rooms that ended for that reason.
    pub fn rooms_ended(&self, reason: PartnerLeftReason) -> u64 {
        self.rooms_ended[reason as usize].get()
    }

    /// How long rooms lasted.
    pub fn rooms_lasted(&self) -> Distribution {
        self.lasted.distribution()
    }

    /// Rooms of two who had met shortly before.
    pub fn rematches(&self) -> u64 {
        self.rematches.get()
    }

    /// Bytes of all messages forwarded ever.
    pub fn forwarded_bytes(&self) -> u64 {
        self.forwarded_bytes.get()
    }

    /// What the two of each room said that their call came to; each of them counts.
    pub fn calls(&self, outcome: CallOutcome) -> u64 {
        self.calls[outcome as usize].get()
    }

    /// How long calls that connected took to set up, as clients say.
    pub fn setup(&self) -> Distribution {
        self.setup.distribution()
    }

    /// Dealings with other replicas.
    pub fn sharing(&self) -> &SharingTally {
        &self.sharing
    }
}

impl Matchmaker {
    /// A session waits no longer, and nobody was found for it.
    pub(crate) fn count_wait(&self, session: SessionKey, reason: PartnerLeftReason, now: Time) {
        let end = match reason {
            PartnerLeftReason::Left | PartnerLeftReason::Next | PartnerLeftReason::Closed => WaitEnd::Left,
            PartnerLeftReason::Disconnected => WaitEnd::Lost,
        };
        self.tally.wait_ended(end, now.since(self.sessions[session].wish().turn.queued));
    }

    /// What a session's client says of its call, once for each outcome in its room: a gateway that is new to the room does not know what was
    /// said before.
    pub(crate) fn count_call(
        &mut self,
        session: SessionKey,
        ticket: TicketNumber,
        outcome: CallOutcome,
        setup: Option<Duration>,
    ) {
        let State::InRoom(room) = self.sessions[session].state else { return };
        if ticket == self.sessions[session].ticket
            && !std::mem::replace(&mut self.rooms[room].member_mut(session).call[outcome as usize], true)
        {
            self.tally.call_came_to(outcome, setup);
        }
    }

    /// Two have met.
    pub(crate) fn count_match(&self, made: &RoomMade, both: [SessionKey; 2], now: Time) {
        for (session, waited) in both.into_iter().zip(made.waited) {
            let by = MatchedBy::of(self.sessions[session].wish().wishes.tags(), &made.tags);
            self.tally.matched(&made.pool, by, waited);
        }
        let [one, other] = both.map(|session| &self.sessions[session]);
        let lately = now - self.config.rematch_avoid;
        if one.recent.iter().any(|(client, parted)| *client == other.client && *parted > lately) {
            self.tally.rematched();
        }
    }
}

impl PoolTally {
    fn new() -> Self {
        PoolTally([(); 3].map(|()| Histogram::new(&WAIT_BOUNDS)))
    }
}

/// The first so many pools in which somebody waits have figures of their own, if the operator has listed none.
pub const POOLS_TOLD_APART: usize = 20;
/// What all others are called; a pool that is really called so is one of them.
pub const OTHER_POOLS: &str = "other";
const WAIT_BOUNDS: [Duration; 11] = [
    Duration::from_millis(10),
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_millis(2500),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_secs(60),
    Duration::from_secs(120),
    Duration::from_secs(300),
];
/// Ten seconds among them: what is shorter was no conversation.
const ROOM_BOUNDS: [Duration; 9] = [
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_secs(60),
    Duration::from_secs(300),
    Duration::from_secs(900),
    Duration::from_secs(1800),
    Duration::from_secs(3600),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(number: usize) -> PoolName {
        PoolName::new(&format!("pool-{number}")).expect("a pool's name")
    }

    fn names(tally: &Tally) -> usize {
        tally.time_to_match().filter(|(name, by, _)| name.is_some() && *by == MatchedBy::Any).count()
    }

    fn in_others(tally: &Tally) -> u64 {
        tally.time_to_match().filter(|(name, ..)| name.is_none()).map(|(.., matched)| matched.count()).sum()
    }

    #[test]
    fn made_up_pools_are_told_apart_up_to_a_bound() {
        let mut tally = Tally::new(None);
        let other = PoolName::new(OTHER_POOLS).expect("a pool's name");
        tally.waits_in(&other);
        assert!(!tally.tells(&other), "there would be two of that name");
        for number in 0..100 {
            tally.waits_in(&pool(number));
            tally.matched(&pool(number), MatchedBy::Any, Duration::ZERO);
        }
        assert_eq!((names(&tally), in_others(&tally)), (POOLS_TOLD_APART, 80));
        assert_eq!(tally.waits(WaitEnd::Matched).count(), 100);
    }

    #[test]
    fn listed_pools_are_told_apart_from_the_start_and_no_others_are() {
        let mut tally = Tally::new(Some(&[pool(0), pool(1)]));
        tally.waits_in(&pool(7));
        tally.matched(&pool(7), MatchedBy::Tag, Duration::ZERO);
        assert_eq!((names(&tally), in_others(&tally)), (2, 1));
    }

    #[test]
    fn every_reason_has_its_count() {
        let tally = Tally::new(None);
        for reason in REASONS {
            tally.room_ended(reason, Duration::from_secs(2));
        }
        assert!(REASONS.iter().all(|reason| tally.rooms_ended(*reason) == 1));
        assert_eq!(tally.rooms_lasted().count(), 4);
    }

    #[test]
    fn what_made_two_suit_is_seen_from_each() {
        let tags = [Tag::normalized("chess").expect("a tag")];
        assert_eq!(MatchedBy::of(&tags, &tags), MatchedBy::Tag);
        assert_eq!(MatchedBy::of(&tags, &[]), MatchedBy::Wide);
        assert_eq!(MatchedBy::of(&[], &[]), MatchedBy::Any);
    }
}
