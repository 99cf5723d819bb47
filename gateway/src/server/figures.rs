//! What can be read of a gateway while it runs, and after: its workers' tallies together.

use std::sync::Arc;

use duet_proto::close::CloseCode;
use duet_proto::figures::{Count, Distribution};
use duet_proto::json::{CandidateType, ErrorCode, IceState};
use duet_proto::queue::{Fill, Limits};
use tokio::runtime::RuntimeMetrics;

use super::roster::Matchmaker;
use super::tally::{LinkTally, Tally};
use super::{ClientClose, Moved, Refused, Shared};
use crate::relay_only::DroppedCandidate;
use crate::session::SessionState;

/// A running gateway's figures, for metrics.
#[derive(Clone)]
pub struct Figures(pub(super) Arc<Shared>);

/// The workers' links to one matchmaker.
#[derive(Clone, Debug)]
pub struct LinkFigures {
    /// Where it is, as it was set.
    pub matchmaker: String,
    /// Links that are up.
    pub up: u64,
    /// How often one broke since the start.
    pub broken: u64,
    /// What waits for the matchmaker.
    pub queued: Fill,
    /// From a wish to its answer: over the link, through the matchmaker, and back.
    pub round_trip: Distribution,
}

impl LinkFigures {
    fn add(&mut self, more: &LinkFigures) {
        self.up += more.up;
        self.broken += more.broken;
        self.queued.items += more.queued.items;
        self.queued.bytes += more.queued.bytes;
        self.round_trip = self.round_trip.clone().and(&more.round_trip);
    }
}

/// Messages that passed since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passed {
    /// How many.
    pub messages: u64,
    /// Bytes of their JSON.
    pub bytes: u64,
}

impl Figures {
    /// Clients that are connected.
    pub fn connections(&self) -> usize {
        self.0.places.connections()
    }

    /// How many may be; 0 is no limit.
    pub fn max_connections(&self) -> usize {
        self.0.settings.census.connections
    }

    /// Workers, each with a link of its own to every matchmaker.
    pub fn workers(&self) -> usize {
        self.0.tallies.len()
    }

    /// Whether new clients are welcome.
    pub fn is_ready(&self) -> bool {
        self.0.readiness.problem().is_none()
    }

    /// Whether it goes away.
    pub fn is_draining(&self) -> bool {
        self.0.readiness.is_draining()
    }

    /// Sessions that there are.
    pub fn sessions(&self, state: SessionState) -> u64 {
        self.sum(|tally| &tally.sessions[state as usize])
    }

    /// What clients said to their partners.
    pub fn from_clients(&self) -> Passed {
        let messages = self.sum(|tally| &tally.from_clients.messages);
        Passed { messages, bytes: self.sum(|tally| &tally.from_clients.bytes) }
    }

    /// What partners said to clients.
    pub fn to_clients(&self) -> Passed {
        let messages = self.sum(|tally| &tally.to_clients.messages);
        Passed { messages, bytes: self.sum(|tally| &tally.to_clients.bytes) }
    }

    /// Errors that clients were told of.
    pub fn errors(&self, code: ErrorCode) -> u64 {
        self.sum(|tally| &tally.errors[code.place()])
    }

    /// Connections that the server closed.
    pub fn closed_by_server(&self, code: CloseCode) -> u64 {
        self.sum(|tally| &tally.closes.server[code.place()])
    }

    /// Connections that their clients closed.
    pub fn closed_by_client(&self, code: ClientClose) -> u64 {
        self.sum(|tally| &tally.closes.client[code as usize])
    }

    /// Connections that ended without a close frame.
    pub fn cut(&self) -> u64 {
        self.sum(|tally| &tally.closes.cut)
    }

    /// Sessions that went on over a new connection.
    pub fn resumed(&self) -> u64 {
        self.sum(|tally| &tally.resumed)
    }

    /// Clients that asked for a session that there was not.
    pub fn resume_failed(&self) -> u64 {
        self.sum(|tally| &tally.resume_failed)
    }

    /// From `matched` to the first `answer`, as the gateway of who answers sees them.
    pub fn answered(&self) -> Distribution {
        self.merged(|tally| tally.answered.distribution())
    }

    /// What clients said that their calls came to; without a candidate, those that don't say by which.
    pub fn calls(&self, ice: IceState, candidate: Option<CandidateType>) -> u64 {
        let candidate = candidate.map_or(CandidateType::ALL.len(), CandidateType::place);
        self.sum(|tally| &tally.calls[ice.place()][candidate])
    }

    /// How long calls took to set up, as clients say.
    pub fn setup(&self) -> Distribution {
        self.merged(|tally| tally.setup.distribution())
    }

    /// From a link to a client's socket: one message in 64.
    pub fn delivery(&self) -> Distribution {
        self.merged(|tally| tally.delivery.distribution())
    }

    /// Bytes that clients have not taken.
    pub fn unwritten(&self) -> u64 {
        self.sum(|tally| &tally.unwritten)
    }

    /// Clients that have not taken something.
    pub fn blocked(&self) -> u64 {
        self.sum(|tally| &tally.blocked)
    }

    /// Bytes that may wait for one client.
    pub fn max_unwritten(&self) -> usize {
        self.0.settings.socket.max_outbound_bytes
    }

    /// What may wait for a matchmaker on one link.
    pub fn link_queue(&self) -> Limits {
        self.0.settings.link_queue
    }

    /// Sessions that went on at another matchmaker.
    pub fn moved(&self, why: Moved) -> u64 {
        self.sum(|tally| &tally.moved[why as usize])
    }

    /// The links, matchmaker by matchmaker.
    pub fn links(&self) -> Vec<LinkFigures> {
        let link = |matchmaker: Arc<Matchmaker>| {
            let links = || matchmaker.tallies.iter();
            let sum = |count: fn(&LinkTally) -> &Count| links().map(|link| count(link).get()).sum();
            let fills = links().map(LinkTally::queued);
            let queued = fills.fold(Fill::default(), |sum, fill| Fill {
                items: sum.items + fill.items,
                bytes: sum.bytes + fill.bytes,
            });
            let round_trips = links().map(|link| link.round_trip.distribution());
            LinkFigures {
                matchmaker: matchmaker.name.clone(),
                up: sum(|link| &link.up),
                broken: sum(|link| &link.broken),
                queued,
                round_trip: round_trips.reduce(|sum, more| sum.and(&more)).expect("a gateway has a worker"),
            }
        };
        let mut links: Vec<LinkFigures> = Vec::new();
        for link in self.0.roster.all().into_iter().map(link) {
            match links.iter_mut().find(|known| known.matchmaker == link.matchmaker) {
                // Somebody has named it twice.
                Some(known) => known.add(&link),
                None => links.push(link),
            }
        }
        links
    }

    /// The runtimes of the workers that run.
    pub fn runtimes(&self) -> impl Iterator<Item = &RuntimeMetrics> {
        self.0.tallies.iter().filter_map(|tally| tally.runtime.get())
    }

    /// How many candidates of that kind the relay-only policy has kept from partners since the start.
    pub fn candidates_dropped(&self, kind: DroppedCandidate) -> u64 {
        self.0.ice.dropped(kind)
    }

    /// How often this was refused since the start.
    pub fn refused(&self, refused: Refused) -> u64 {
        self.0.counts.get(refused)
    }

    fn sum(&self, count: impl Fn(&Tally) -> &Count) -> u64 {
        // Wrapping, like the counts: what is read while a session moves may be one too few for a moment.
        self.0.tallies.iter().fold(0, |sum, tally| sum.wrapping_add(count(tally).get()))
    }

    fn merged(&self, distribution: impl Fn(&Tally) -> Distribution) -> Distribution {
        let all = self.0.tallies.iter().map(distribution);
        all.reduce(|sum, more| sum.and(&more)).expect("a gateway has a worker")
    }
}

impl std::fmt::Debug for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Figures(..)")
    }
}
