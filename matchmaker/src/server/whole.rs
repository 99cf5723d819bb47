//! Answers for all replicas that share an engine: this one's from its memory, the others' from the registry.

use std::collections::BTreeMap;
use std::time::Duration;

use duet_proto::frame::{PoolName, Tag};
use duet_proto::ids::{ClientId, RoomId};
use duet_proto::v1;
use tonic::Status;

use super::answers::{self, ROOM_FIELDS, SESSION_FIELDS};
use super::filter::Filter;
use super::names;
use super::paging::Page;
use super::pools;
use super::registry::{Parts, Registry};
use super::replica::Replica;

/// Sessions by their ids, and whether those that are missing may be elsewhere.
pub(crate) async fn find_sessions(
    replica: &Replica,
    registry: &Registry,
    clients: &[ClientId],
) -> (Vec<Option<v1::Session>>, bool) {
    let mut found: Vec<_> = replica.ask(|machine, clock, _| {
        let find = |client: &ClientId| Some(ours(answers::session(machine.session(*client)?, clock), registry));
        clients.iter().map(find).collect()
    });
    let missing: Vec<usize> = (0..found.len()).filter(|at| found[*at].is_none()).collect();
    if missing.is_empty() {
        return (found, false);
    }
    let ids: Vec<_> = missing.iter().map(|at| clients[*at].as_bytes()).collect();
    let Ok(elsewhere) = registry.sessions(&ids).await else { return (found, true) };
    for (at, session) in missing.into_iter().zip(elsewhere) {
        found[at] = session;
    }
    (found, false)
}

/// A room, wherever it is.
pub(crate) async fn find_room(replica: &Replica, registry: &Registry, id: RoomId) -> Result<Option<v1::Room>, Status> {
    let own = replica
        .ask(|machine, clock, _| Some(answers::registered_room(machine.room(id)?, machine, clock, registry.name())));
    let found = if own.is_some() { own } else { registry.room(id.as_bytes()).await? };
    Ok(found.and_then(|found| found.room))
}

/// A page of sessions.
pub(crate) async fn sessions(
    replica: &Replica,
    registry: &Registry,
    page: &Page,
    filter: &str,
) -> Result<Parts<v1::Session>, Status> {
    let (after, filter) = (page.after::<ClientId>()?, Filter::parse(filter, SESSION_FIELDS)?);
    let own = |after: Option<[u8; 16]>, most| {
        let after = after.and_then(|after| ClientId::try_from(&after[..]).ok());
        replica.ask(|machine, clock, _| {
            let sessions = machine.sessions_after(after).take(most);
            sessions
                .map(|session| (*session.client.as_bytes(), ours(answers::session(session, clock), registry)))
                .collect()
        })
    };
    let after = after.map(|after| *after.as_bytes());
    Ok(registry.list(page, after, own, |session| answers::has_told_session(&filter, session)).await)
}

/// A page of rooms.
pub(crate) async fn rooms(
    replica: &Replica,
    registry: &Registry,
    page: &Page,
    filter: &str,
) -> Result<Parts<v1::RegisteredRoom>, Status> {
    let (after, filter) = (page.after::<RoomId>()?, Filter::parse(filter, ROOM_FIELDS)?);
    let own = |after: Option<[u8; 16]>, most| {
        let after = after.and_then(|after| RoomId::try_from(&after[..]).ok());
        replica.ask(|machine, clock, _| {
            let told = |room| answers::registered_room(room, machine, clock, registry.name());
            let rooms = machine.rooms_after(after).take(most);
            rooms.map(|room| (*room.id.as_bytes(), told(room))).collect()
        })
    };
    let after = after.map(|after| *after.as_bytes());
    Ok(registry.list(page, after, own, |room| answers::has_told_room(&filter, room)).await)
}

/// Adds what other replicas count to what this one does.
pub(crate) async fn add_stats(registry: &Registry, stats: &mut v1::Stats) {
    stats.replicas = vec![counts(registry.name(), stats, None)];
    let Ok(wholes) = registry.wholes().await else {
        stats.partial = true;
        return;
    };
    let mut parts: BTreeMap<(String, bool), v1::PoolStats> = BTreeMap::new();
    let mut add = |part: v1::PoolStats| {
        let sum = parts.entry((part.pool.clone(), part.quarantined)).or_default();
        *sum = v1::PoolStats {
            waiting: sum.waiting + part.waiting,
            talking: sum.talking + part.talking,
            oldest_wait: longer(sum.oldest_wait, part.oldest_wait),
            time_to_match: sum.time_to_match.take().or(part.time_to_match),
            pool: part.pool,
            quarantined: part.quarantined,
        };
    };
    stats.pools.drain(..).for_each(&mut add);
    for (whole, age) in wholes {
        let Some(theirs) = whole.stats else { continue };
        stats.replicas.push(counts(&whole.replica_id, &theirs, Some(age)));
        stats.sessions += theirs.sessions;
        stats.waiting += theirs.waiting;
        stats.rooms += theirs.rooms;
        stats.links += theirs.links;
        stats.matches_total += theirs.matches_total;
        stats.forwarded_total += theirs.forwarded_total;
        stats.oldest_wait = longer(stats.oldest_wait, theirs.oldest_wait);
        theirs.pools.into_iter().for_each(&mut add);
    }
    stats.pools = parts.into_values().take(answers::POOLS_MOST).collect();
}

/// Adds what other replicas know of a pool.
pub(crate) async fn add_pool(registry: &Registry, pool: &mut v1::Pool) -> bool {
    let Ok(mut theirs) = their_pools(registry).await else {
        pool.partial = true;
        return false;
    };
    let Some((other, _)) = theirs.remove(&pool.name) else { return false };
    add(pool, &other);
    true
}

/// The names of pools after one, and the pools that others know.
pub(crate) async fn pools_after(
    replica: &Replica,
    registry: &Registry,
    page: &Page,
) -> Result<(Vec<v1::Pool>, String, bool), Status> {
    let after = page.after_text()?;
    let theirs = their_pools(registry).await;
    let partial = theirs.is_err();
    let theirs = theirs.unwrap_or_default();
    let mut names = pools::after(replica, after);
    let known = theirs.keys().filter_map(|name| names::pool("name", name).ok());
    names.extend(known.filter(|name| after.is_none_or(|after| name.as_str() > after)));
    let look_at = |name: PoolName| {
        let mut pool = pools::look_at(replica, &name);
        if let Some((other, _)) = theirs.get(&pool.name) {
            add(&mut pool, other);
        }
        pool.partial = partial;
        pool
    };
    let (pools, token) = page.take(names.into_iter(), |pool| pool.as_str().as_bytes().to_vec(), |_| true, look_at);
    Ok((pools, token, partial))
}

/// How long a newcomer would wait behind all who do, and whether others were not counted.
pub(crate) async fn estimate(
    replica: &Replica,
    registry: &Registry,
    pool: &PoolName,
    tags: Vec<Tag>,
) -> (Option<Duration>, bool) {
    let own = pools::estimate(replica, pool, tags);
    let told = pools::look_at(replica, pool);
    if own == Some(Duration::ZERO) || told.paused {
        return (own, false);
    }
    let Ok(mut theirs) = their_pools(registry).await else { return (own, true) };
    let Some((other, estimate)) = theirs.remove(&told.name) else { return (own, false) };
    // Replicas count each other's matches, so that each knows the pace of the whole pool, and only its own part of the queue.
    let before = |pool: &v1::Pool| (pool.waiting - pool.waiting_quarantined.min(pool.waiting) + 1) as f64;
    let all = before(&told) + before(&other) - 1.0;
    let longest = |known: Duration, part: &v1::Pool| known.mul_f64((all / before(part)).max(1.0));
    let own = own.map(|own| longest(own, &told));
    (own.or_else(|| estimate.map(|(estimate, waiting)| estimate.mul_f64((all / waiting).max(1.0)))), false)
}

/// What the others know of pools, by name: their sum, and an estimate with how many it is about.
type TheirPools = BTreeMap<String, (v1::Pool, Option<(Duration, f64)>)>;

async fn their_pools(registry: &Registry) -> Result<TheirPools, super::registry::Away> {
    let mut sums = TheirPools::new();
    for (whole, age) in registry.wholes().await? {
        for told in whole.pools {
            let Some(mut pool) = told.pool else { continue };
            pool.age = age.try_into().ok();
            let estimate = told.estimate.and_then(|estimate| Duration::try_from(estimate).ok());
            let waiting = (pool.waiting - pool.waiting_quarantined.min(pool.waiting) + 1) as f64;
            let (sum, known) = sums.entry(pool.name.clone()).or_default();
            add(sum, &pool);
            sum.name = pool.name;
            *known = known.or(estimate.map(|estimate| (estimate, waiting)));
        }
    }
    Ok(sums)
}

fn add(sum: &mut v1::Pool, part: &v1::Pool) {
    sum.waiting += part.waiting;
    sum.talking += part.talking;
    sum.waiting_quarantined += part.waiting_quarantined;
    sum.paused |= part.paused;
    sum.oldest_wait = longer(sum.oldest_wait, part.oldest_wait);
    sum.age = longer(sum.age, part.age);
}

fn counts(name: &str, stats: &v1::Stats, age: Option<Duration>) -> v1::ReplicaStats {
    v1::ReplicaStats {
        replica_id: name.to_owned(),
        age: age.and_then(|age| age.try_into().ok()),
        sessions: stats.sessions,
        waiting: stats.waiting,
        rooms: stats.rooms,
        links: stats.links,
    }
}

fn longer(one: Option<prost_types::Duration>, other: Option<prost_types::Duration>) -> Option<prost_types::Duration> {
    let length = |of: &Option<prost_types::Duration>| of.map(|of| (of.seconds, of.nanos));
    if length(&one) >= length(&other) { one } else { other }
}

fn ours(session: v1::Session, registry: &Registry) -> v1::Session {
    v1::Session { replica_id: registry.name().to_owned(), ..session }
}
