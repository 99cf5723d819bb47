//! Ways to match, behind one seam: the matchmaker itself, and simpler ones to compare it with.

use std::fmt;
use std::time::Duration;

use duet_proto::time::Time;

use crate::people::{Name, Then, Wants};
use crate::queue::Queue;
use crate::scenario::Scenario;

mod at_once;
mod batch;
mod machine;

use at_once::{AtOnce, Choice};
use batch::Batch;
use machine::Machine;

/// A way to match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// The matchmaker as it is in the executable.
    Duet,
    /// The oldest waiter at once, whatever was asked for.
    Oldest,
    /// Any waiter at once, whatever was asked for.
    Random,
    /// Everybody every so often: first by shared tags, then the rest.
    Batch(Duration),
}

impl Policy {
    /// Those that are compared.
    pub const ALL: [Policy; 5] = [
        Policy::Duet,
        Policy::Oldest,
        Policy::Random,
        Policy::Batch(Duration::from_secs(1)),
        Policy::Batch(Duration::from_secs(15)),
    ];

    pub(crate) fn matching(self, scenario: &Scenario, seed: u64) -> Box<dyn Matching> {
        match self {
            Policy::Duet => Box::new(Machine::new(scenario.patience(), seed)),
            Policy::Oldest => Box::new(AtOnce::new(Choice::Oldest)),
            Policy::Random => Box::new(AtOnce::new(Choice::any(seed))),
            Policy::Batch(every) => Box::new(Batch::new(every)),
        }
    }

    /// Whether tickets insist on what they ask for until their patience is over.
    pub(crate) fn has_patience(self) -> bool {
        self == Policy::Duet
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Policy::Duet => f.write_str("duet"),
            Policy::Oldest => f.write_str("oldest"),
            Policy::Random => f.write_str("random"),
            Policy::Batch(every) => write!(f, "batch {} s", every.as_secs_f64()),
        }
    }
}

/// Two who meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    /// Who came last, or looked again.
    pub(crate) newcomer: Name,
    /// Who was found.
    pub(crate) waiter: Name,
}

/// A room that is over. Who is left over waits again, and so does who asks for the next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parting {
    /// Who ends it.
    pub(crate) leaver: Name,
    pub(crate) then: Then,
}

/// A policy at work. After each input it is polled for pairs until there are no more; each is taken out of the queue before the next poll.
pub(crate) trait Matching {
    /// Somebody has come and waits.
    fn join(&mut self, name: Name, wants: &Wants, now: Time);
    /// A room is over.
    fn part(&mut self, parting: Parting, now: Time);
    /// A waiter's connection has broken.
    fn vanish(&mut self, name: Name, now: Time);
    /// It is back.
    fn come_back(&mut self, name: Name, now: Time);
    /// When to call [`Matching::handle_timeout`], if ever.
    fn poll_timeout(&self) -> Option<Time>;
    /// The moment has come.
    fn handle_timeout(&mut self, now: Time);
    /// The next two who meet.
    fn poll_pair(&mut self, queue: &Queue, now: Time) -> Option<Pair>;
}
