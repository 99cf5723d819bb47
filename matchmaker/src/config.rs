//! What an operator may set about matching.

use std::sync::Arc;
use std::time::Duration;

use duet_proto::frame::PoolName;
use duet_proto::link::QUEUE_LIMITS;
use duet_proto::queue::Limits;

use crate::reports::QuarantineConfig;

/// Settings of a [`crate::Matchmaker`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Whether a session whose partner left is put back into the queue.
    pub requeue_on_partner_leave: bool,
    /// A room that lasted less than this was no meeting: who is left over goes back to the place it had before.
    pub short_room: Duration,
    /// How long two are kept apart after one of them asked for the next.
    pub rematch_after: Duration,
    /// How many may wait in one pool for somebody who suits; those who are put back are not refused. 0 is no limit.
    pub max_waiting_per_pool: usize,
    /// How many pools there may be at a time; a wish for one more is refused. 0 is no limit.
    pub max_pools: usize,
    /// The only pools there are, if the operator has listed them.
    pub pools: Option<Arc<[PoolName]>>,
    /// How long a wish insists on its tags and region if it does not say.
    pub patience: Duration,
    /// The least and the most that it may say.
    pub patience_bounds: (Duration, Duration),
    /// After how long a waiter is told how it stands for the second time, if that has changed much; then after twice as long, and so
    /// on. Zero: it is not.
    pub news_after: Duration,
    /// The most that a wish goes before others.
    pub max_head_start: Duration,
    /// How long two who have met had better meet others.
    pub rematch_avoid: Duration,
    /// How many of the last partners that is about.
    pub recent_partners: usize,
    /// How long two have both to have waited until they may meet again sooner.
    pub rematch_patience: Duration,
    /// How long two users don't meet after one has reported the other.
    pub block_for: Duration,
    /// How many pairs of users are kept from meeting; past that the one that would end first is let go.
    pub max_blocks: usize,
    /// When somebody who is reported a lot is kept from others.
    pub quarantine: QuarantineConfig,
    /// Whether the pools are shared with other replicas, by an engine that finds who suits whom.
    pub shares_pools: bool,
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
            max_pools: 10_000,
            pools: None,
            patience: Duration::from_secs(5),
            patience_bounds: (Duration::ZERO, Duration::from_secs(60)),
            news_after: Duration::from_secs(5),
            max_head_start: Duration::from_secs(5),
            rematch_avoid: Duration::from_secs(300),
            recent_partners: 32,
            rematch_patience: Duration::from_secs(5),
            block_for: Duration::from_secs(30 * 24 * 3600),
            max_blocks: 1_000_000,
            quarantine: QuarantineConfig::default(),
            shares_pools: false,
            link_queue: QUEUE_LIMITS,
            event_backlog: 4_096,
            report_window: Duration::from_secs(60),
            link_grace: Duration::from_secs(3),
            recovery: Duration::from_secs(5),
        }
    }
}
