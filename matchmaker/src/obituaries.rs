//! Sessions that this machine has ended by itself, for gateways that were not linked when it happened: for some seconds an
//! announcement of one is answered by its end.

use std::collections::{BTreeMap, VecDeque};

use duet_proto::frame::SessionEndedReason;
use duet_proto::ids::ClientId;
use duet_proto::time::Time;

/// Who has ended, and why.
#[derive(Debug, Default)]
pub(crate) struct Obituaries {
    by_client: BTreeMap<ClientId, SessionEndedReason>,
    /// The first to be forgotten first.
    until: VecDeque<(Time, ClientId)>,
}

impl Obituaries {
    /// All are remembered for equally long, so a later one is forgotten later.
    pub(crate) fn add(&mut self, client: ClientId, reason: SessionEndedReason, until: Time) {
        self.forget_first(self.until.len().saturating_sub(AT_MOST - 1));
        self.by_client.insert(client, reason);
        self.until.push_back((until, client));
    }

    /// Why that one has ended, if it has.
    pub(crate) fn of(&self, client: ClientId) -> Option<SessionEndedReason> {
        self.by_client.get(&client).copied()
    }

    /// Forgets those whose time has come. Nothing depends on when, so no timer asks for it.
    pub(crate) fn forget(&mut self, now: Time) {
        let due = self.until.iter().take_while(|(until, _)| *until <= now).count();
        self.forget_first(due);
    }

    fn forget_first(&mut self, count: usize) {
        for (_, client) in self.until.drain(..count) {
            self.by_client.remove(&client);
        }
    }
}

/// With more, the first are forgotten sooner. A session that comes back to life ends all the same: its room is over.
const AT_MOST: usize = 16_384;
