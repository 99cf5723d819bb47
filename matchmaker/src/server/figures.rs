//! A matchmaker's figures at one moment, for metrics. Read under the lock, in a time that the number of pools bounds.

use std::collections::BTreeMap;
use std::time::Duration;

use duet_proto::figures::Distribution;
use duet_proto::frame::{CallOutcome, PartnerLeftReason, PoolName};
use duet_proto::queue::{Fill, Limits};
use duet_proto::time::Time;

use super::desk::Desk;
use crate::query::Stats;
use crate::tally::{MatchedBy, OTHER_POOLS, PromiseEnd, REASONS, SharingTally, WaitEnd};

/// All there is to measure.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Figures {
    /// Counts and waits.
    pub stats: Stats,
    /// Those pools that are told apart, and all others together.
    pub pools: Vec<PoolFigures>,
    /// How long those had waited who met.
    pub time_to_match: Vec<(String, MatchedBy, Distribution)>,
    /// How long people waited, by what came of it.
    pub waits: [(WaitEnd, Distribution); WaitEnd::ALL.len()],
    /// Rooms that ended, by why.
    pub rooms_ended: [(PartnerLeftReason, u64); REASONS.len()],
    /// How long rooms lasted.
    pub rooms_lasted: Distribution,
    /// Rooms of two who had met shortly before.
    pub rematches: u64,
    /// Bytes of all messages forwarded ever.
    pub forwarded_bytes: u64,
    /// What calls came to, as each of the two of a room says.
    pub calls: [(CallOutcome, u64); CallOutcome::ALL.len()],
    /// How long those that connected took to set up, as clients say.
    pub setup: Distribution,
    /// What waits for the gateways, on all links together.
    pub queued: Fill,
    /// What may wait on one.
    pub link_queue: Limits,
    /// Whether it goes away.
    pub is_draining: bool,
    /// Dealings with other replicas, if it shares its pools.
    pub sharing: Option<SharingFigures>,
}

/// What comes of sharing pools with other replicas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharingFigures {
    /// Searches that the engine was asked for.
    pub searches: u64,
    /// Waiters of other replicas that were asked to come here.
    pub summons: u64,
    /// What came of them.
    pub promises: [(PromiseEnd, u64); PromiseEnd::ALL.len()],
    /// Sessions that came here while they waited or were in a room.
    pub arrived: u64,
    /// Sessions that have gone on at another replica.
    pub departed: u64,
}

/// One pool, or those that are not told apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolFigures {
    /// Its name, or `other`.
    pub name: String,
    /// Sessions in its queue.
    pub waiting: u64,
    /// How long its longest waiter has waited.
    pub oldest_wait: Duration,
}

impl Desk {
    pub(crate) fn figures(&self, now: Time) -> Figures {
        let tally = self.machine.tally();
        // Those that nobody waits in have figures, too: a gap would read as a matchmaker that is away.
        let known = tally.names().map(PoolName::as_str).chain([OTHER_POOLS]);
        let mut pools: BTreeMap<&str, (u64, Duration)> = known.map(|name| (name, (0, Duration::ZERO))).collect();
        for pool in self.machine.pools(now) {
            let name = if tally.tells(pool.name) { pool.name.as_str() } else { OTHER_POOLS };
            let (waiting, oldest_wait) = pools.entry(name).or_default();
            *waiting += pool.waiting as u64;
            *oldest_wait = pool.oldest_wait.max(*oldest_wait);
        }
        let pools = pools.into_iter().map(|(name, (waiting, oldest_wait))| PoolFigures {
            name: name.to_owned(),
            waiting,
            oldest_wait,
        });
        let time_to_match = tally
            .time_to_match()
            .map(|(name, by, matched)| (name.map_or(OTHER_POOLS, PoolName::as_str).to_owned(), by, matched));
        Figures {
            stats: self.machine.stats(now),
            pools: pools.collect(),
            time_to_match: time_to_match.collect(),
            waits: WaitEnd::ALL.map(|end| (end, tally.waits(end))),
            rooms_ended: REASONS.map(|reason| (reason, tally.rooms_ended(reason))),
            rooms_lasted: tally.rooms_lasted(),
            rematches: tally.rematches(),
            forwarded_bytes: tally.forwarded_bytes(),
            calls: CallOutcome::ALL.map(|outcome| (outcome, tally.calls(outcome))),
            setup: tally.setup(),
            queued: self.queued(),
            link_queue: self.link_queue(),
            is_draining: self.is_going_away(),
            sharing: self.machine.config.shares_pools.then(|| SharingFigures::of(tally.sharing())),
        }
    }
}

impl SharingFigures {
    fn of(tally: &SharingTally) -> Self {
        SharingFigures {
            searches: tally.searches(),
            summons: tally.summons(),
            promises: PromiseEnd::ALL.map(|end| (end, tally.promises(end))),
            arrived: tally.arrived(),
            departed: tally.departed(),
        }
    }
}
