//! What an operator may set about matching.
//!
//! There is no bound on the number of pools: a pool exists while somebody waits in it, so there are never more pools than
//! sessions, and how many of those there are is for the gateways to bound.

use std::time::Duration;

use duet_proto::link::QUEUE_LIMITS;
use duet_proto::queue::Limits;

/// Settings of a [`crate::Matchmaker`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Whether a session whose partner left is put back into the queue.
    pub requeue_on_partner_leave: bool,
    /// A room that lasted less than this was no meeting: who is left over goes back to the place it had before.
    pub short_room: Duration,
    /// How long two are kept apart after one of them asked for the next.
    pub rematch_after: Duration,
    /// How many may wait in one pool for somebody who suits; those who are put back are not refused. 0 is no limit.
    pub max_waiting_per_pool: usize,
    /// What may wait for a link's gateway. One that is too slow for it is let go of, and the heaviest of its sessions end.
    pub link_queue: Limits,
    /// Events that a subscriber may be behind by, and that are kept for watchers who come back.
    pub event_backlog: usize,
    /// How long after parting a report may still name the last partner.
    pub report_window: Duration,
    /// How long the sessions of a link that has ended keep their places and rooms, for their gateway to attach them anew.
    pub link_grace: Duration,
    /// How long after the start a room that only one side has announced waits for the other, if that is later than the grace.
    pub recovery: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            requeue_on_partner_leave: true,
            short_room: Duration::from_secs(10),
            rematch_after: Duration::from_secs(3),
            max_waiting_per_pool: 100_000,
            link_queue: QUEUE_LIMITS,
            event_backlog: 4_096,
            report_window: Duration::from_secs(60),
            link_grace: Duration::from_secs(3),
            recovery: Duration::from_secs(5),
        }
    }
}
