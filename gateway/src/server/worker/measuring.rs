//! What a worker measures of what passes through it.

use duet_proto::frame::{Down, Up};
use duet_proto::time::Time;

use super::Worker;
use crate::server::connection::Connection;
use crate::server::tally::{SAMPLED, Tally};

impl Worker {
    pub(in crate::server) fn tally(&self) -> &Tally {
        &self.shared.tallies[self.index]
    }

    /// A frame goes to the matchmaker.
    pub(super) fn measure_up(&self, connection: &Connection, kind: &Up) {
        match kind {
            Up::Forward(forward) => self.tally().from_clients.passed(forward.text.len()),
            Up::Join(_) | Up::Next { .. } => connection.asked.set(Some(self.clock.now())),
            _ => {}
        }
    }

    /// A frame has come from the matchmaker.
    pub(super) fn measure_down(&self, connection: &Connection, kind: &Down, now: Time) {
        let tally = self.tally();
        match kind {
            Down::Forward(forward) => {
                tally.to_clients.passed(forward.text.len());
                if tally.to_clients.messages.get() % SAMPLED == 1 {
                    connection.timed.set(Some(now));
                }
            }
            // A wish is answered at once.
            Down::Waiting(_) | Down::Matched(_) | Down::PoolFull { .. } => {
                if let Some(asked) = connection.asked.take() {
                    tally.links[connection.link].round_trip.observe(now.since(asked));
                }
            }
            Down::SessionResumed(_) => tally.resumed.add(1),
            Down::ResumeFailed => tally.resume_failed.add(1),
            _ => {}
        }
    }

    /// All that waited for a client is written.
    pub(in crate::server) fn written(&self, connection: &Connection) {
        if let Some(since) = connection.timed.take() {
            self.tally().delivery.observe(self.clock.now().since(since));
        }
        self.unwritten(connection, 0);
    }

    /// So many bytes wait for a client, which takes nothing just now.
    pub(in crate::server) fn unwritten(&self, connection: &Connection, bytes: usize) {
        self.tally().waits(connection.unwritten.replace(bytes), bytes);
    }
}
