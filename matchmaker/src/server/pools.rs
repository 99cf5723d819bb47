//! Pools as other services see them: those with somebody in them, those in which somebody was matched lately, and paused ones.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use duet_proto::frame::{PoolName, Preferences, Tag, Wishes};
use duet_proto::v1;

use super::replica::Replica;
use super::{answers, names};

/// All that is known of a pool, which may be nothing.
pub(crate) fn look_at(replica: &Replica, name: &PoolName) -> v1::Pool {
    let (mut pool, now) = replica.ask(|machine, _, now| {
        let mut told = v1::Pool { name: names::of_pool(name), paused: machine.is_paused(name), ..v1::Pool::default() };
        let mut oldest_wait = None;
        // Those in quarantine are apart, in a part of the same name.
        for part in machine.pools(now).filter(|pool| pool.name == name) {
            let waiting = part.waiting as u64;
            told.waiting += waiting;
            told.talking += part.talking as u64;
            told.waiting_quarantined += if part.quarantined { waiting } else { 0 };
            oldest_wait = oldest_wait.max((waiting > 0).then_some(part.oldest_wait));
        }
        told.oldest_wait = oldest_wait.and_then(|wait| wait.try_into().ok());
        (told, now)
    });
    pool.time_to_match = Some(answers::time_to_match(replica.waits().of(name, now)));
    pool
}

/// The replica as others are told, in one look.
pub(crate) fn registered(replica: &Replica) -> v1::RegisteredReplica {
    let (stats, pools, now) = replica.ask(|machine, clock, now| {
        let mut pools: BTreeMap<PoolName, v1::RegisteredPool> = BTreeMap::new();
        for part in answers::told_of(machine, now) {
            let told = pools.entry(part.name.clone()).or_default();
            let pool = told.pool.get_or_insert_default();
            let waiting = part.waiting as u64;
            pool.waiting += waiting;
            pool.talking += part.talking as u64;
            if part.quarantined {
                pool.waiting_quarantined += waiting;
            } else {
                told.estimate = part.estimate.and_then(|estimate| estimate.try_into().ok());
            }
            if waiting > 0 {
                let longest = pool.oldest_wait.and_then(|wait| wait.try_into().ok()).max(Some(part.oldest_wait));
                pool.oldest_wait = longest.and_then(|wait| wait.try_into().ok());
            }
        }
        for pool in machine.paused_pools() {
            pools.entry(pool.clone()).or_default().pool.get_or_insert_default().paused = true;
        }
        (answers::stats(machine, clock, now), pools, now)
    });
    let mut pools = pools;
    for pool in replica.waits().pools(now) {
        pools.entry(pool).or_default();
    }
    for (name, told) in &mut pools {
        told.pool.get_or_insert_default().name = names::of_pool(name);
    }
    let replica_id = replica.hello().replica.clone();
    v1::RegisteredReplica { replica_id, stats: Some(stats), pools: pools.into_values().collect() }
}

/// Whether there is anything to tell of it.
pub(crate) fn is_known(pool: &v1::Pool) -> bool {
    let met = pool.time_to_match.as_ref().is_some_and(|waits| waits.samples > 0);
    met || pool.paused || pool.waiting > 0 || pool.talking > 0
}

/// The names after one, in their order.
pub(crate) fn after(replica: &Replica, after: Option<&str>) -> BTreeSet<PoolName> {
    let (mut names, now) = replica.ask(|machine, _, now| {
        let names = machine.pools(now).map(|pool| pool.name).chain(machine.paused_pools());
        (names.cloned().collect::<BTreeSet<_>>(), now)
    });
    names.extend(replica.waits().pools(now));
    names.retain(|name| after.is_none_or(|after| name.as_str() > after));
    names
}

/// How long a newcomer would wait, if that is known.
pub(crate) fn estimate(replica: &Replica, pool: &PoolName, tags: Vec<Tag>) -> Option<Duration> {
    let wishes = Wishes::new(pool.clone(), Preferences { tags, ..Preferences::default() });
    replica.ask(|machine, _, now| machine.estimate(&wishes, now))
}
