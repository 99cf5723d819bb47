//! What a machine asks of the engine by which replicas share their pools, and what it is told.
//!
//! The engine keeps the tickets of all replicas and finds the oldest that suits, by the rules that [`crate::Matchmaker`] goes by when it
//! keeps its pools to itself. What it says is advice: whether a session really waits with a ticket is known to its gateway alone, which
//! moves it to the replica that found it, or says that it [stays](duet_proto::frame::Up::Stays). So whatever an engine forgets, repeats or
//! gets wrong, nobody is in two rooms.
//!
//! Requests may be handed over more than once, and are answered as if it had been once.

use std::sync::Arc;
use std::time::Duration;

use duet_proto::frame::Wishes;
use duet_proto::ids::{BootId, ClientId, SessionNumber, TicketNumber};

use crate::pools::PoolKey;

/// A ticket as replicas share it: all that decides whom it suits, and where its session is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// Whose.
    pub client: ClientId,
    /// Which of its tickets.
    pub number: TicketNumber,
    /// Where it waits.
    pub pool: PoolKey,
    /// Tags, region and whom to avoid. Patience, head start and trace are of no concern here.
    pub wishes: Wishes,
    /// Whether anybody of the pool will do.
    pub is_wide: bool,
    /// Who it is, if that is proved.
    pub user: Option<Arc<str>>,
    /// Sessions that it is never matched with, as one has reported the other.
    pub blocked: Vec<ClientId>,
    /// Sessions that it is not matched with just now.
    pub apart: Vec<ClientId>,
    /// Users that it is not matched with.
    pub blocked_users: Vec<Arc<str>>,
    /// Whom it has met lately and how long ago they parted, the latest last. It had better meet others.
    pub recent: Vec<(ClientId, Duration)>,
    /// Whether even those will do, if there is nobody else and the other does not care either.
    pub is_past_caring: bool,
    /// How long it has waited.
    pub waited: Duration,
    /// By how much it goes before others.
    pub head_start: Duration,
    /// Where its session is.
    pub at: Whereabouts,
}

/// Which session of which worker of which gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whereabouts {
    /// The gateway's name.
    pub gateway: Arc<str>,
    /// Its process.
    pub boot: BootId,
    /// The worker.
    pub worker: u32,
    /// The session's number there.
    pub session: SessionNumber,
}

/// How far a search has come in a lane that was too long to be looked through at once. Means something only to the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark(pub Box<str>);

/// What a machine wants of the engine. Those about one session are to be done in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Find the oldest who suits and claim it for this ticket; if there is none, keep the ticket for others to find. A ticket that is
    /// kept already is replaced.
    Seek(Box<Seek>),
    /// The ticket waits no longer, or can't be met for a while. Nothing happens if the session's ticket is another, or of another replica.
    Withdraw {
        /// Where it waits.
        pool: PoolKey,
        /// Whose.
        client: ClientId,
        /// Which.
        number: TicketNumber,
    },
    /// The two are in a room: neither has a ticket any more.
    Settle {
        /// Where they met.
        pool: PoolKey,
        /// Who found the other.
        seeker: ClientId,
        /// Whom it had claimed.
        waiter: ClientId,
    },
    /// A claim comes to nothing: the waiter can be found again, at its turn.
    Release {
        /// Where.
        pool: PoolKey,
        /// Who found the other.
        seeker: ClientId,
        /// Whom it had claimed.
        waiter: ClientId,
    },
    /// A claim comes to nothing, as the waiter is not there any more: its ticket, if it is still that one, is dropped.
    Discard {
        /// Where.
        pool: PoolKey,
        /// Who found the other.
        seeker: ClientId,
        /// Whom it had claimed.
        waiter: ClientId,
        /// With which ticket.
        number: TicketNumber,
    },
}

/// A search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seek {
    /// Who searches.
    pub ticket: Ticket,
    /// If so many wait in the pool and nobody suits, the ticket is not kept. 0 is no limit.
    pub limit: usize,
    /// Those of the pool who talk at this replica, as a number.
    pub talking: usize,
    /// How many of the last partners are not to be met again, at most: fewer where there are hardly any others.
    pub recent_partners: usize,
    /// For how long they count, since they parted.
    pub rematch_avoid: Duration,
    /// Where an earlier search has come to.
    pub come_to: Option<Mark>,
}

/// What came of a [`Seek`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Nobody suits: the ticket is kept.
    Waits {
        /// Whose.
        client: ClientId,
        /// Which.
        number: TicketNumber,
        /// 1 is the next to be matched.
        position: u64,
        /// Waiters of the pool who have been found, ever: how fast it moves.
        found: u64,
        /// Where the search has come to, if there is more to look through.
        come_to: Option<Mark>,
    },
    /// It has claimed a waiter, which others don't find while the claim lasts.
    Found {
        /// Whose ticket it is that searched.
        client: ClientId,
        /// Which.
        number: TicketNumber,
        /// Whom.
        waiter: Box<Ticket>,
    },
    /// Somebody else has claimed this ticket and not let go of it yet.
    Claimed {
        /// Whose.
        client: ClientId,
        /// Which.
        number: TicketNumber,
    },
    /// Nobody suits, and as many wait as may.
    Full {
        /// Whose.
        client: ClientId,
        /// Which.
        number: TicketNumber,
    },
}
