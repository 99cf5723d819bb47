//! Writes down what has changed: some times a second, in commands of a bounded size, and nothing when nothing has.
//!
//! State goes before the events that tell of it, so that whoever has heard of an event finds what it left.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, Hash};
use std::mem;
use std::sync::{Arc, Weak};

use duet_proto::ids::{ClientId, RoomId};
use duet_proto::v1;
use prost::Message;
use redis::Pipeline;
use rustc_hash::{FxBuildHasher, FxHashMap};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::keys::Listed;
use super::reading::{Id, number};
use super::{Away, Registry, orders, stream};
use crate::server::clock::Clock;
use crate::server::events::Happening;
use crate::server::replica::{Replica, Shared};
use crate::server::{answers, pools};
use crate::{Event, Matchmaker};

/// Runs until the replica goes away or is dropped.
pub(super) fn run(replica: &Replica, registry: Registry) -> impl Future<Output = ()> + use<> {
    let (weak, leaving) = (replica.downgrade(), replica.leaving());
    let told = replica.look(|desk, _, _| desk.events.sequence());
    async move {
        let mut flush = interval(registry.inner.settings.flush_every);
        flush.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut publisher = Publisher::new(registry, told);
        loop {
            flush.tick().await;
            let is_leaving = *leaving.borrow();
            if !publisher.tick(&weak, is_leaving).await {
                return;
            }
        }
    }
}

struct Publisher {
    registry: Registry,
    /// The last event that was told.
    told: u64,
    /// What is written down, by a digest.
    sessions: FxHashMap<ClientId, u64>,
    rooms: FxHashMap<RoomId, u64>,
    /// Whether what is written down is not known.
    is_unsure: bool,
    beat: Option<Instant>,
    /// How far those have been looked at of whom no event tells.
    looked: (Option<ClientId>, Option<RoomId>),
}

/// What has changed.
#[derive(Default)]
struct News {
    sessions: BTreeSet<ClientId>,
    rooms: BTreeSet<RoomId>,
    events: Vec<Arc<Happening>>,
    /// Some events are lost.
    has_gap: bool,
    until: u64,
}

impl Publisher {
    fn new(registry: Registry, told: u64) -> Self {
        let (sessions, rooms) = (HashMap::default(), HashMap::default());
        Publisher { registry, told, sessions, rooms, is_unsure: true, beat: None, looked: (None, None) }
    }

    /// Writes down what is due. Tells whether to go on.
    async fn tick(&mut self, replica: &Weak<Shared>, is_leaving: bool) -> bool {
        let Some(replica) = replica.upgrade().map(Replica::from) else { return false };
        let beat_every = self.registry.inner.settings.heartbeat;
        let is_due = self.is_unsure || self.beat.is_none_or(|beat| beat.elapsed() >= beat_every);
        // Looked at first, so that who is counted is found, too.
        let beat = is_due.then(|| pools::registered(&replica).encode_to_vec());
        let news = self.news(&replica);
        if news.until == self.told && beat.is_none() && !is_leaving {
            return true;
        }
        let written =
            if is_leaving { self.leave(&replica, news).await } else { self.write(&replica, news, beat).await };
        if written.is_err() {
            // The next attempt writes everything; the events are the replica's to keep.
            self.is_unsure = true;
            (self.sessions, self.rooms) = (HashMap::default(), HashMap::default());
        }
        !is_leaving
    }

    fn news(&self, replica: &Replica) -> News {
        let (until, events) = replica.look(|desk, _, _| {
            let until = desk.events.sequence();
            (until, if until == self.told { Ok(Vec::new()) } else { desk.events.since(self.told) })
        });
        let mut news = News { until, has_gap: events.is_err(), ..News::default() };
        news.events = events.unwrap_or_default();
        for happening in &news.events {
            match &happening.event {
                Event::Matched(made) => {
                    news.rooms.insert(made.room);
                    news.sessions.extend(made.members.iter().map(|member| member.client));
                }
                Event::RoomEnded(ended) => {
                    news.rooms.insert(ended.room);
                    news.sessions.extend(ended.members.iter().map(|member| member.client));
                }
                Event::SessionChanged(changed) => drop(news.sessions.insert(changed.party.client)),
                Event::Reported(_) | Event::Quarantined(_) => {}
            }
        }
        news
    }

    async fn write(&mut self, replica: &Replica, mut news: News, beat: Option<Vec<u8>>) -> Result<(), Away> {
        if beat.is_some() {
            // However much there is to write, orders need not wait for it.
            self.registry.heed_orders(replica).await?;
        }
        let was_unsure = mem::take(&mut self.is_unsure);
        if was_unsure {
            self.forget().await?;
            self.write_all(replica).await?;
        } else if news.has_gap {
            self.write_all(replica).await?;
        } else if beat.is_some() {
            self.look_on(replica, &mut news);
        }
        self.write_sessions(replica, &Vec::from_iter(mem::take(&mut news.sessions))).await?;
        self.write_rooms(replica, &Vec::from_iter(mem::take(&mut news.rooms))).await?;
        self.tell(replica, &news).await?;
        self.told = news.until;
        if let Some(about) = beat {
            // An engine that was emptied does not know us.
            self.is_unsure = !self.say_we_are_there(about, was_unsure).await?;
            self.beat = Some(Instant::now());
        }
        Ok(())
    }

    /// The next of those of whom no event may have told what is new: somebody who says who it is, messages that were forwarded.
    fn look_on(&mut self, replica: &Replica, news: &mut News) {
        let (sessions, rooms) = replica.ask(|machine, _, _| {
            let sessions = machine.sessions_after(self.looked.0).map(|session| session.client);
            let rooms = machine.rooms_after(self.looked.1).map(|room| room.id);
            (Vec::from_iter(sessions.take(LOOKED_AT)), Vec::from_iter(rooms.take(LOOKED_AT)))
        });
        let more = |looked_at| looked_at == LOOKED_AT;
        self.looked.0 = sessions.last().copied().filter(|_| more(sessions.len()));
        self.looked.1 = rooms.last().copied().filter(|_| more(rooms.len()));
        news.sessions.extend(sessions);
        news.rooms.extend(rooms);
    }

    /// Nothing is known of what is there under our keys. Until it is right nobody looks at it.
    async fn forget(&mut self) -> Result<(), Away> {
        (self.sessions, self.rooms) = (HashMap::default(), HashMap::default());
        let (keys, boot) = (&self.registry.inner.keys, &self.registry.inner.boot);
        let mut forget = Pipeline::new();
        forget.cmd("ZREM").arg(keys.replicas()).arg(boot);
        for listed in Listed::ALL {
            forget.cmd("DEL").arg(keys.values(boot, listed)).arg(keys.ids(boot, listed));
        }
        self.registry.inner.line.write(&forget).await.map(drop)
    }

    /// Everything, as far as it is not there yet.
    async fn write_all(&mut self, replica: &Replica) -> Result<(), Away> {
        let mut after = None;
        loop {
            let next = replica.ask(|machine, _, _| {
                let sessions = machine.sessions_after(after).map(|session| session.client);
                Vec::from_iter(sessions.take(AT_ONCE))
            });
            self.write_sessions(replica, &next).await?;
            after = next.last().copied();
            if after.is_none() {
                break;
            }
        }
        let mut after = None;
        loop {
            let next = replica.ask(|machine, _, _| {
                let rooms = machine.rooms_after(after).map(|room| room.id);
                Vec::from_iter(rooms.take(AT_ONCE))
            });
            self.write_rooms(replica, &next).await?;
            after = next.last().copied();
            if after.is_none() {
                break;
            }
        }
        // And what is not there any more.
        let sessions = Vec::from_iter(self.sessions.keys().copied());
        self.write_sessions(replica, &sessions).await?;
        let rooms = Vec::from_iter(self.rooms.keys().copied());
        self.write_rooms(replica, &rooms).await
    }

    async fn write_sessions(&mut self, replica: &Replica, ids: &[ClientId]) -> Result<(), Away> {
        for ids in ids.chunks(AT_ONCE) {
            let name = self.registry.name();
            let of = |machine: &Matchmaker, clock: &Clock, id: ClientId| {
                let session = answers::session(machine.session(id)?, clock);
                Some(v1::Session { replica_id: name.to_owned(), ..session }.encode_to_vec())
            };
            let changes = differences(replica, ids, &mut self.sessions, of);
            self.registry.write_down(Listed::Sessions, &changes, |id| *id.as_bytes()).await?;
        }
        Ok(())
    }

    async fn write_rooms(&mut self, replica: &Replica, ids: &[RoomId]) -> Result<(), Away> {
        for ids in ids.chunks(AT_ONCE) {
            let name = self.registry.name();
            let of = |machine: &Matchmaker, clock: &Clock, id: RoomId| {
                Some(answers::registered_room(machine.room(id)?, machine, clock, name).encode_to_vec())
            };
            let changes = differences(replica, ids, &mut self.rooms, of);
            self.registry.write_down(Listed::Rooms, &changes, |id| *id.as_bytes()).await?;
        }
        Ok(())
    }

    /// What has happened, and what follows from it for other replicas.
    async fn tell(&self, replica: &Replica, news: &News) -> Result<(), Away> {
        let name = self.registry.name();
        let event = |happening: &Arc<Happening>| {
            let event = v1::Event { replica_id: name.to_owned(), ..answers::event(happening) };
            stream::Entry::Event(Box::new(event))
        };
        let gap = news.has_gap.then_some(stream::Entry::Gap);
        let entries: Vec<_> = gap.into_iter().chain(news.events.iter().map(event)).collect();
        for entries in entries.chunks(AT_ONCE) {
            self.registry.append(entries).await?;
        }
        let lasts = replica.ask(|machine, _, _| machine.config.block_for);
        let orders: Vec<_> =
            news.events.iter().filter_map(|happening| orders::from_event(&happening.event, lasts)).collect();
        for orders in orders.chunks(AT_ONCE) {
            self.registry.pass_on(orders).await?;
        }
        Ok(())
    }

    /// The heartbeat: without it others leave us out. Tells whether we are known, as we should be unless we are new.
    async fn say_we_are_there(&self, about: Vec<u8>, is_new: bool) -> Result<bool, Away> {
        let inner = &self.registry.inner;
        let (keys, boot) = (&inner.keys, &inner.boot);
        let mut beat = Pipeline::new();
        beat.cmd("SET").arg(keys.about(boot)).arg(about).arg("EX").arg(KEPT_SECONDS);
        for listed in Listed::ALL {
            beat.cmd("EXPIRE").arg(keys.values(boot, listed)).arg(KEPT_SECONDS);
            beat.cmd("EXPIRE").arg(keys.ids(boot, listed)).arg(KEPT_SECONDS);
        }
        for key in [keys.events(), keys.events_identity(), keys.order_log()] {
            beat.cmd("EXPIRE").arg(key).arg(STREAM_KEPT_SECONDS);
        }
        beat.cmd("EVAL").arg(BEAT).arg(1).arg(keys.replicas()).arg(boot).arg(KEPT_SECONDS);
        beat.arg(u8::from(is_new));
        let answers = inner.line.write(&beat).await?;
        Ok(answers.last().and_then(number).ok_or(Away)? == 1)
    }

    /// The last words. Others need not wait for the lease's end.
    async fn leave(&mut self, replica: &Replica, news: News) -> Result<(), Away> {
        self.tell(replica, &news).await?;
        self.forget().await
    }
}

/// What of some is not as it is written down: anew, or gone. Notes that it will be.
fn differences<T: Copy + Eq + Hash>(
    replica: &Replica,
    ids: &[T],
    written: &mut FxHashMap<T, u64>,
    of: impl Fn(&Matchmaker, &Clock, T) -> Option<Vec<u8>>,
) -> Vec<(T, Option<Vec<u8>>)> {
    let now: Vec<_> = replica.ask(|machine, clock, _| ids.iter().map(|id| (*id, of(machine, clock, *id))).collect());
    let mut is_new = |(id, value): &(T, Option<Vec<u8>>)| match value {
        None => written.remove(id).is_some(),
        Some(value) => {
            let digest = FxBuildHasher.hash_one(value);
            written.insert(*id, digest) != Some(digest)
        }
    };
    now.into_iter().filter(|change| is_new(change)).collect()
}

impl Registry {
    async fn write_down<T>(
        &self,
        listed: Listed,
        changes: &[(T, Option<Vec<u8>>)],
        id: impl Fn(&T) -> Id,
    ) -> Result<(), Away> {
        if changes.is_empty() {
            return Ok(());
        }
        let keys = [self.inner.keys.values(&self.inner.boot, listed), self.inner.keys.ids(&self.inner.boot, listed)];
        let mut write = Pipeline::new();
        let kept: Vec<_> = changes.iter().filter_map(|(of, value)| Some((id(of), value.as_ref()?))).collect();
        let gone: Vec<_> = changes.iter().filter(|(_, value)| value.is_none()).map(|(of, _)| id(of)).collect();
        if !kept.is_empty() {
            let set = write.cmd("HSET").arg(&keys[0]);
            for (id, value) in &kept {
                set.arg(&id[..]).arg(value.as_slice());
            }
            let add = write.cmd("ZADD").arg(&keys[1]);
            for (id, _) in &kept {
                add.arg(0).arg(&id[..]);
            }
            // Should we die before the next heartbeat.
            for key in &keys {
                write.cmd("EXPIRE").arg(key).arg(KEPT_SECONDS);
            }
        }
        if !gone.is_empty() {
            let gone: Vec<&[u8]> = gone.iter().map(|id| &id[..]).collect();
            write.cmd("ZREM").arg(&keys[1]).arg(&gone);
            write.cmd("HDEL").arg(&keys[0]).arg(&gone);
        }
        self.inner.line.write(&write).await.map(drop)
    }
}

/// Notes by the engine's clock when a replica was heard of, and forgets those of whom that is long ago. One that is not known and not new is
/// told so: what it has written down is gone.
const BEAT: &str = "
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[3] == '0' and not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return 0 end
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2] * 1000)
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1";

/// In one command, and looked at under the replica's lock.
const AT_ONCE: usize = 250;
/// Looked at each heartbeat, whether anything was told of them or not.
const LOOKED_AT: usize = 500;
/// What nobody renews is forgotten after this.
const KEPT_SECONDS: u64 = 30;
/// And events, for watchers who come back.
const STREAM_KEPT_SECONDS: u64 = 24 * 3600;
