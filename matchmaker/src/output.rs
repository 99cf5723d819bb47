//! What the machine wants done, for the shell to do in this order.

use duet_proto::frame::DownFrame;

use crate::engine::Request;
use crate::{Event, LinkKey};

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send a frame over a link.
    Frame {
        /// Which.
        link: LinkKey,
        /// What.
        frame: DownFrame,
    },
    /// End a link: its gateway broke a rule of `signaling.proto`. The machine has already taken it down, its sessions are gone
    /// without a grace, and what still comes from it is ignored; nothing follows for this link.
    LinkRefused {
        /// Which.
        link: LinkKey,
        /// The rule, for the gateway's engineers. Carries nothing that a client sent.
        reason: &'static str,
    },
    /// End a link: the same worker has a newer one. Taken down like a refused one, but for the grace that its sessions have if it
    /// is the same process.
    LinkReplaced {
        /// Which.
        link: LinkKey,
    },
    /// Tell whoever wants to hear of it.
    Event(Box<Event>),
    /// Ask the engine, after all that it was asked before. What it says to a search goes to [`crate::Matchmaker::handle_engine`]. Comes
    /// only from a machine that shares its pools.
    Engine(Box<Request>),
}
