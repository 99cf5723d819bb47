//! When something happens by itself. The next deadline is the least of an ordered set, never a scan.
//!
//! There is one kind: two who were kept apart may meet again, so the one who asked for the next is tried once more.

use std::collections::BTreeSet;

use duet_proto::ids::ClientId;
use duet_proto::time::Time;

/// What is due when.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    /// When, who asked for the next, and whom that one left.
    retries: BTreeSet<(Time, ClientId, ClientId)>,
}

impl Deadlines {
    /// At that time the two may meet again.
    pub(crate) fn add(&mut self, at: Time, presser: ClientId, left: ClientId) {
        self.retries.insert((at, presser, left));
    }

    /// As if it had not been added.
    pub(crate) fn cancel(&mut self, at: Time, presser: ClientId, left: ClientId) {
        self.retries.remove(&(at, presser, left));
    }

    /// The next.
    pub(crate) fn next(&self) -> Option<Time> {
        self.retries.first().map(|(at, ..)| *at)
    }

    /// Takes one that is due, and tells who is to be tried again.
    pub(crate) fn take_due(&mut self, now: Time) -> Option<ClientId> {
        if self.next()? > now {
            return None;
        }
        self.retries.pop_first().map(|(_, presser, _)| presser)
    }
}
