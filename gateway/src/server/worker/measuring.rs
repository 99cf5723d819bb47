//! What a worker measures of what passes through it.

use std::cell::{Cell, RefCell};

use duet_proto::frame::{Down, Up};
use duet_proto::ids::SessionNumber;
use duet_proto::time::Time;
use rustc_hash::FxHashMap;

use super::Worker;
use crate::server::connection::Connection;
use crate::server::tally::{LinkTally, Moved, SAMPLED, Tally};

/// What is being timed; apart from the connections, most of which are idle and would only hold memory for it.
#[derive(Default)]
pub(super) struct Timings {
    /// Whose message is on its way to the socket, and since when: one at a time.
    delivery: Cell<Option<(SessionNumber, Time)>>,
    /// Whose wishes are not answered.
    wishes: RefCell<FxHashMap<SessionNumber, Time>>,
}

/// Whether a frame's delivery is to be timed.
pub(super) struct IsTimed(pub(super) bool);

impl Worker {
    pub(in crate::server) fn tally(&self) -> &Tally {
        &self.shared.tallies[self.index]
    }

    /// A frame goes to the matchmaker.
    pub(super) fn measure_up(&self, connection: &Connection, kind: &Up) {
        match kind {
            Up::Forward(forward) => self.tally().from_clients.passed(forward.text.len()),
            Up::Join(_) | Up::Next { .. } => {
                self.timings.wishes.borrow_mut().insert(connection.number, self.clock.now());
            }
            Up::ResumeSession { .. } => self.searches.asked(connection.number),
            _ => {}
        }
    }

    /// A frame has come from the matchmaker. Tells whether its delivery is to be timed.
    pub(super) fn measure_down(&self, connection: &Connection, kind: &Down, now: Time) -> IsTimed {
        let tally = self.tally();
        match kind {
            Down::Forward(forward) => {
                tally.to_clients.passed(forward.text.len());
                let is_free = self.timings.delivery.get().is_none();
                return IsTimed(is_free && tally.to_clients.messages.get() % SAMPLED == 1);
            }
            // A wish is answered at once.
            Down::Waiting(_) | Down::Matched(_) | Down::PoolFull { .. } => {
                if let Some(asked) = self.timings.wishes.borrow_mut().remove(&connection.number) {
                    self.links[connection.link.get()]
                        .tally(self.index, |link| link.round_trip.observe(now.since(asked)));
                }
            }
            Down::SessionResumed(_) => tally.resumed.add(1),
            Down::ResumeFailed => tally.resume_failed.add(1),
            _ => {}
        }
        IsTimed(false)
    }

    /// What came of such a frame waits to be written, if anything came of it.
    pub(super) fn time_delivery(&self, connection: &Connection, since: Time) {
        if connection.outbox.borrow().bytes() > 0 {
            self.timings.delivery.set(Some((connection.number, since)));
        }
    }

    /// All that waited for a client is written.
    pub(in crate::server) fn written(&self, connection: &Connection) {
        if let Some((_, since)) = self.timings.delivery.get().filter(|(number, _)| *number == connection.number) {
            self.timings.delivery.set(None);
            self.tally().delivery.observe(self.clock.now().since(since));
        }
        self.unwritten(connection, 0);
    }

    /// Nothing more is written to a connection.
    pub(super) fn measure_socket_end(&self, connection: &Connection) {
        self.unwritten(connection, 0);
        if self.timings.delivery.get().is_some_and(|(number, _)| number == connection.number) {
            self.timings.delivery.set(None);
        }
    }

    /// What a link that has broken leaves unanswered says nothing of links that are up.
    pub(super) fn measure_link_end(&self, link: usize) {
        self.timings.wishes.borrow_mut().clear();
        self.links[link].tally(self.index, LinkTally::is_down);
    }

    /// A session goes on over another link: what is still unanswered says nothing of that one.
    pub(super) fn measure_move(&self, connection: &Connection, why: Moved) {
        self.timings.wishes.borrow_mut().remove(&connection.number);
        self.tally().moved[why as usize].add(1);
    }

    /// A session is over.
    pub(super) fn measure_end(&self, connection: &Connection) {
        self.measure_socket_end(connection);
        self.timings.wishes.borrow_mut().remove(&connection.number);
        self.tally().session_is(connection.counted_as.take(), None);
    }

    /// So many bytes wait for a client, which takes nothing just now.
    pub(in crate::server) fn unwritten(&self, connection: &Connection, bytes: usize) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.tally().waits(connection.unwritten.replace(bytes), bytes);
    }
}
