//! What the machine counts of its dealings with other replicas: searches that the engine does for it, and partners from elsewhere.

use duet_proto::figures::Count;

/// What came of a partner who was summoned from another replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PromiseEnd {
    /// It came, and the two are in a room.
    Kept,
    /// Its gateway said that it waits no longer.
    Stayed,
    /// Neither was heard in time.
    RanOut,
    /// By then whoever had sought it did not need it any more, or the two did not suit.
    Dropped,
}

impl PromiseEnd {
    /// All there are.
    pub const ALL: [PromiseEnd; 4] = [PromiseEnd::Kept, PromiseEnd::Stayed, PromiseEnd::RanOut, PromiseEnd::Dropped];

    /// As metrics name it.
    pub fn name(self) -> &'static str {
        match self {
            PromiseEnd::Kept => "kept",
            PromiseEnd::Stayed => "stayed",
            PromiseEnd::RanOut => "ran-out",
            PromiseEnd::Dropped => "dropped",
        }
    }
}

/// The counts of a machine that shares its pools.
#[derive(Debug, Default)]
pub struct SharingTally {
    pub(crate) searches: Count,
    pub(crate) summons: Count,
    promises: [Count; PromiseEnd::ALL.len()],
    pub(crate) arrived: Count,
    pub(crate) departed: Count,
}

impl SharingTally {
    /// A partner was summoned, and this came of it.
    pub(crate) fn promise_ended(&self, end: PromiseEnd) {
        self.promises[end as usize].add(1);
    }

    /// Searches that the engine was asked for.
    pub fn searches(&self) -> u64 {
        self.searches.get()
    }

    /// Waiters of other replicas that were asked to come here.
    pub fn summons(&self) -> u64 {
        self.summons.get()
    }

    /// How many of those summons ended so; the rest is under way.
    pub fn promises(&self, end: PromiseEnd) -> u64 {
        self.promises[end as usize].get()
    }

    /// Sessions that were new here and waited or were in a room already: at another replica, or at an earlier process of this one.
    pub fn arrived(&self) -> u64 {
        self.arrived.get()
    }

    /// Sessions that have gone on at another replica.
    pub fn departed(&self) -> u64 {
        self.departed.get()
    }
}
