//! When something happens by itself. The next deadline is the least of an ordered set, never a scan.

use std::collections::BTreeSet;

use duet_proto::ids::{ClientId, RoomId};
use duet_proto::time::Time;
use duet_proto::token::TokenHash;

use crate::LinkKey;

/// What happens by itself. Of what is due at once, the lesser comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// A link that has ended has not been followed by a new one in time, or not for all its sessions.
    Grace(LinkKey),
    /// A session has been without a socket for too long.
    Window(ClientId),
    /// Nobody else has announced the room.
    HalfRoom(RoomId),
    /// A resume has waited long enough.
    HeldResume(TokenHash),
    /// Something is due for one who waits.
    Waiter(ClientId),
    /// Two who were kept apart may meet again, so the one who asked for the next is tried once more.
    Retry {
        /// Who asked for the next.
        presser: ClientId,
        /// Whom that one left.
        left: ClientId,
    },
}

/// What is due when.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    timers: BTreeSet<(Time, Timer)>,
}

impl Deadlines {
    /// At that time it happens.
    pub(crate) fn add(&mut self, at: Time, timer: Timer) {
        self.timers.insert((at, timer));
    }

    /// As if it had not been added.
    pub(crate) fn cancel(&mut self, at: Time, timer: Timer) {
        self.timers.remove(&(at, timer));
    }

    /// The next.
    pub(crate) fn next(&self) -> Option<Time> {
        self.timers.first().map(|(at, _)| *at)
    }

    /// Takes one that is due.
    pub(crate) fn take_due(&mut self, now: Time) -> Option<Timer> {
        if self.next()? > now {
            return None;
        }
        self.timers.pop_first().map(|(_, timer)| timer)
    }
}
