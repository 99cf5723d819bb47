//! Pools as other services see them: those with somebody in the queue, those in which somebody was matched lately, and paused ones.

use std::collections::BTreeSet;
use std::time::Duration;

use duet_proto::frame::{PoolName, Tag};
use duet_proto::v1;

use super::replica::Replica;
use super::{answers, names};

/// All that is known of a pool, which may be nothing.
pub(crate) fn look_at(replica: &Replica, name: &PoolName) -> v1::Pool {
    let (waiting, oldest_wait, now) = replica.ask(|machine, _, now| {
        let pool = machine.pools(now).find(|pool| pool.name == name);
        (pool.map_or(0, |pool| pool.waiting), pool.map(|pool| pool.oldest_wait), now)
    });
    v1::Pool {
        name: names::of_pool(name),
        waiting: waiting as u64,
        oldest_wait: oldest_wait.and_then(|wait| wait.try_into().ok()),
        time_to_match: Some(answers::time_to_match(replica.waits().of(name, now))),
        paused: false,
    }
}

/// The names after one, in their order.
pub(crate) fn after(replica: &Replica, after: Option<&str>) -> BTreeSet<PoolName> {
    let (mut names, now) =
        replica.ask(|machine, _, now| (machine.pools(now).map(|pool| pool.name.clone()).collect::<BTreeSet<_>>(), now));
    names.extend(replica.waits().pools(now));
    names.retain(|name| after.is_none_or(|after| name.as_str() > after));
    names
}

/// How long a newcomer would wait, if that is known.
pub(crate) fn estimate(replica: &Replica, pool: &PoolName, _tags: Vec<Tag>) -> Option<Duration> {
    let now = replica.ask(|_, _, now| now);
    let waits = replica.waits().of(pool, now);
    (waits.samples > 0).then_some(waits.p50)
}
