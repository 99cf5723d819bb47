//! What the machine wants done, for the shell to do in this order.

use duet_proto::frame::DownFrame;
use duet_proto::ids::{ClientId, RoomId};

use crate::LinkKey;

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
    /// Somebody was reported.
    Reported(Report),
}

/// A report on a partner, or on the last one shortly after parting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Who reports.
    pub reporter: ClientId,
    /// Whom.
    pub reported: ClientId,
    /// The room they shared.
    pub room: RoomId,
    /// As the client put it: user data.
    pub reason: String,
    /// As the client put it: user data.
    pub details: String,
}
