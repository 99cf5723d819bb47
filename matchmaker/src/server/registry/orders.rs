//! What holds at all replicas, whichever was told: blocks, pauses, and ends of rooms and sessions.
//!
//! Orders go into a log, and those that last into a list by what they are about, too. All replicas apply the log in its order, so that all
//! come to the same; one that has just begun reads the list first.

use std::time::Duration;

use duet_proto::frame::PoolName;
use duet_proto::ids::{ClientId, RoomId};
use duet_proto::time::Time;
use duet_proto::v1;
pub(crate) use duet_proto::v1::cluster_order::Kind;
use prost::Message;
use redis::{Pipeline, Value};

use super::reading::{bytes, items, milliseconds, number};
use super::stream::{Position, position};
use super::{Away, Registry};
use crate::server::replica::Replica;
use crate::{Event, Matchmaker, TooMany};

/// What this replica has read.
#[derive(Default)]
pub(super) struct Known {
    log: Option<Position>,
}

/// What came of an order here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// There was nothing to do.
    Nothing,
    /// What it is about was there.
    Done,
    /// So many sessions have ended.
    Ended(usize),
    TooMany,
}

/// What came of an order here, and whether another of the same kind was known to all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ordered {
    pub(crate) outcome: Outcome,
    pub(crate) was_kept: bool,
}

impl Ordered {
    /// Whether there was what was taken back.
    pub(crate) fn was_known(self) -> bool {
        self.was_kept || self.outcome == Outcome::Done
    }
}

impl Registry {
    /// Orders, here and everywhere.
    pub(crate) async fn order(&self, replica: &Replica, kind: Kind, lasts: Option<Duration>) -> Result<Ordered, Away> {
        // Nobody else reads the log meanwhile, so it is this call that learns what came of the order.
        let mut known = self.inner.orders.lock().await;
        self.catch_up(replica, &mut known).await?;
        let mut time = Pipeline::new();
        time.cmd("TIME");
        let now = self.inner.line.run(&time).await?;
        let now = now.first().and_then(milliseconds).ok_or(Away)?;
        let order = v1::ClusterOrder {
            given_ms: now,
            duration: lasts.and_then(|lasts| lasts.try_into().ok()),
            kind: Some(kind),
        };
        let mut write = Pipeline::new();
        let keeps = self.add(&mut write, &order);
        let answers = self.inner.line.run(&write).await?;
        let was_kept = keeps && answers.first().and_then(number).is_some_and(|count| count > 0);
        let at = answers.last().and_then(bytes).and_then(|at| std::str::from_utf8(at).ok()?.parse().ok());
        let at: Position = at.ok_or(Away)?;
        let outcomes = self.catch_up(replica, &mut known).await?;
        let outcome = outcomes.into_iter().find(|(applied, _)| *applied == at);
        let outcome = outcome.map_or(Outcome::Nothing, |(_, outcome)| outcome);
        if outcome == Outcome::TooMany {
            let mut undo = Pipeline::new();
            undo.cmd("HDEL").arg(self.inner.keys.orders()).arg(subject(&order).unwrap_or_default());
            self.inner.line.run(&undo).await?;
        }
        Ok(Ordered { outcome, was_kept })
    }

    /// Tells others what has come about here.
    pub(super) async fn pass_on(&self, orders: &[(Kind, Duration)]) -> Result<(), Away> {
        if orders.is_empty() {
            return Ok(());
        }
        let mut time = Pipeline::new();
        time.cmd("TIME");
        let now = self.inner.line.run(&time).await?;
        let given_ms = now.first().and_then(milliseconds).ok_or(Away)?;
        let mut write = Pipeline::new();
        for (kind, lasts) in orders {
            let duration = (*lasts).try_into().ok();
            self.add(&mut write, &v1::ClusterOrder { given_ms, duration, kind: Some(kind.clone()) });
        }
        self.inner.line.run(&write).await.map(drop)
    }

    /// Does what others have ordered.
    pub(super) async fn heed_orders(&self, replica: &Replica) -> Result<(), Away> {
        let mut known = self.inner.orders.lock().await;
        self.catch_up(replica, &mut known).await.map(drop)
    }

    /// Whether the first command's answer tells if there was such an order.
    fn add(&self, write: &mut Pipeline, order: &v1::ClusterOrder) -> bool {
        let keys = &self.inner.keys;
        let encoded = order.encode_to_vec();
        let subject = subject(order);
        let is_taken_back =
            matches!(order.kind, Some(Kind::UnblockUser(_) | Kind::UnblockPair(_) | Kind::ResumePool(_)));
        match &subject {
            Some(subject) if is_taken_back => drop(write.cmd("HDEL").arg(keys.orders()).arg(subject)),
            Some(subject) => drop(write.cmd("HSET").arg(keys.orders()).arg(subject).arg(&encoded)),
            None => {}
        }
        write.cmd("XADD").arg(keys.order_log()).arg("MAXLEN").arg("~").arg(LOGGED_MOST).arg("*").arg("o").arg(encoded);
        is_taken_back
    }

    async fn catch_up(&self, replica: &Replica, known: &mut Known) -> Result<Vec<(Position, Outcome)>, Away> {
        let mut outcomes = Vec::new();
        loop {
            let Some(after) = known.log else {
                known.log = Some(self.read_list(replica).await?);
                continue;
            };
            let (log, mut ask) = (self.inner.keys.order_log(), Pipeline::new());
            ask.cmd("TIME");
            ask.cmd("XRANGE").arg(&log).arg(format!("({after}")).arg("+").arg("COUNT").arg(AT_ONCE);
            ask.cmd("XRANGE").arg(&log).arg("-").arg("+").arg("COUNT").arg(1);
            ask.cmd("XREVRANGE").arg(&log).arg("+").arg("-").arg("COUNT").arg(1);
            let answers = self.inner.line.run(&ask).await?;
            let [time, entries, first, last] = &answers[..] else { return Err(Away) };
            let now = milliseconds(time).ok_or(Away)?;
            let end = |entries| items(entries).first().and_then(position).unwrap_or_default();
            if after != Position::default() && (end(first) > after || end(last) < after) {
                // Trimmed past us, or of another engine.
                known.log = None;
                continue;
            }
            let entries = items(entries);
            let orders = entries.iter().filter_map(|entry| {
                let [_, order, ..] = items(items(entry).get(1)?) else { return None };
                Some((position(entry)?, v1::ClusterOrder::decode(bytes(order)?).ok()?))
            });
            let orders = Vec::from_iter(orders);
            if let Some(last) = entries.last().and_then(position) {
                known.log = Some(last);
            }
            replica.apply(|machine, at| {
                outcomes.extend(orders.iter().map(|(position, order)| (*position, apply(machine, order, now, at))));
            });
            if entries.len() < AT_ONCE {
                return Ok(outcomes);
            }
        }
    }

    /// Applies the whole list. Tells from where in the log to go on.
    async fn read_list(&self, replica: &Replica) -> Result<Position, Away> {
        let (keys, mut ask) = (&self.inner.keys, Pipeline::new());
        ask.cmd("XREVRANGE").arg(keys.order_log()).arg("+").arg("-").arg("COUNT").arg(1);
        let answers = self.inner.line.run(&ask).await?;
        let last = answers.first().and_then(|entries| items(entries).first()).and_then(position);
        let mut cursor = 0;
        loop {
            let mut ask = Pipeline::new();
            ask.cmd("TIME");
            ask.cmd("HSCAN").arg(keys.orders()).arg(cursor).arg("COUNT").arg(AT_ONCE);
            let answers = self.inner.line.run(&ask).await?;
            let [time, scanned] = &answers[..] else { return Err(Away) };
            let [next, found] = items(scanned) else { return Err(Away) };
            let now = milliseconds(time).ok_or(Away)?;
            let order = |pair: &[Value]| v1::ClusterOrder::decode(bytes(&pair[1])?).ok();
            let (mut orders, mut over) = (Vec::new(), Vec::new());
            for pair in items(found).chunks_exact(2) {
                match order(pair) {
                    Some(order) if left(&order, now) == Some(Duration::ZERO) => over.extend(bytes(&pair[0])),
                    Some(order) => orders.push(order),
                    None => {}
                }
            }
            replica.apply(|machine, at| {
                for order in &orders {
                    apply(machine, order, now, at);
                }
            });
            if !over.is_empty() {
                let mut forget = Pipeline::new();
                forget.cmd("HDEL").arg(keys.orders()).arg(over);
                self.inner.line.run(&forget).await?;
            }
            cursor = number(next).ok_or(Away)?;
            if cursor == 0 {
                return Ok(last.unwrap_or_default());
            }
        }
    }
}

/// What an event here means elsewhere. `blocked_for` is how long a report keeps two users apart.
pub(super) fn from_event(event: &Event, blocked_for: Duration) -> Option<(Kind, Duration)> {
    match event {
        Event::Reported(report) => {
            let (one, other) = (report.reporter.user.as_ref()?, report.reported.user.as_ref()?);
            Some((Kind::BlockPair(pair(one, other)), blocked_for))
        }
        Event::Quarantined(quarantined) => {
            let user = quarantined.party.user.as_ref()?;
            Some((Kind::Quarantine(user.to_string()), quarantined.lasts))
        }
        _ => None,
    }
}

/// Two users, the lesser first.
pub(crate) fn pair(one: &str, other: &str) -> v1::cluster_order::UserPair {
    let (one, other) = (one.min(other).to_owned(), one.max(other).to_owned());
    v1::cluster_order::UserPair { one, other }
}

/// Does what is ordered to the machine.
pub(crate) fn apply_to(machine: &mut Matchmaker, kind: &Kind, lasts: Duration, at: Time) -> Outcome {
    let done = |is_done| if is_done { Outcome::Done } else { Outcome::Nothing };
    match kind {
        Kind::BlockUser(block) => match machine.block_user(&block.user_id, lasts, &block.reason, at) {
            Ok(ended) => Outcome::Ended(ended),
            Err(TooMany) => Outcome::TooMany,
        },
        Kind::UnblockUser(user) => done(machine.unblock_user(user, at)),
        Kind::BlockPair(pair) => {
            machine.block_pair(&pair.one, &pair.other, lasts, at);
            Outcome::Done
        }
        Kind::UnblockPair(pair) => done(machine.unblock_pair(&pair.one, &pair.other, at)),
        Kind::PausePool(pool) => match PoolName::new(pool).map(|pool| machine.pause_pool(pool)) {
            Some(Err(TooMany)) => Outcome::TooMany,
            paused => done(paused.is_some()),
        },
        Kind::ResumePool(pool) => {
            PoolName::new(pool).into_iter().for_each(|pool| machine.resume_pool(&pool, at));
            Outcome::Done
        }
        Kind::Disconnect(client) => {
            done(ClientId::try_from(&client[..]).is_ok_and(|client| machine.disconnect(client, at)))
        }
        Kind::CloseRoom(room) => done(RoomId::try_from(&room[..]).is_ok_and(|room| machine.end_room(room, at))),
        Kind::Quarantine(user) => {
            machine.quarantine_user(user, lasts, at);
            Outcome::Done
        }
    }
}

fn apply(machine: &mut Matchmaker, order: &v1::ClusterOrder, now: u64, at: Time) -> Outcome {
    let Some(kind) = &order.kind else { return Outcome::Nothing };
    match left(order, now) {
        Some(Duration::ZERO) => Outcome::Nothing,
        lasts => apply_to(machine, kind, lasts.unwrap_or_default(), at),
    }
}

/// For how long an order holds from now on, if it has an end.
fn left(order: &v1::ClusterOrder, now: u64) -> Option<Duration> {
    let lasts = Duration::try_from(order.duration?).ok()?;
    Some(lasts.saturating_sub(Duration::from_millis(now.saturating_sub(order.given_ms))))
}

/// What an order that lasts is about.
fn subject(order: &v1::ClusterOrder) -> Option<String> {
    match order.kind.as_ref()? {
        Kind::BlockUser(block) => Some(format!("user:{}", block.user_id)),
        Kind::UnblockUser(user) => Some(format!("user:{user}")),
        Kind::BlockPair(pair) | Kind::UnblockPair(pair) => Some(format!("pair:{}\n{}", pair.one, pair.other)),
        Kind::PausePool(pool) | Kind::ResumePool(pool) => Some(format!("pool:{pool}")),
        Kind::Quarantine(user) => Some(format!("quarantine:{user}")),
        Kind::Disconnect(_) | Kind::CloseRoom(_) => None,
    }
}

const AT_ONCE: usize = 250;
/// A replica that has read less than that reads the list.
const LOGGED_MOST: usize = 10_000;
