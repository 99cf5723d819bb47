//! What other replicas have written down.

use std::time::Duration;

use duet_proto::v1;
use prost::Message;
use redis::{Pipeline, Value};

use super::keys::Listed;
use super::{Away, Registry};

/// A replica that was heard of lately.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Other {
    pub(super) boot: String,
    /// How long ago that was.
    pub(super) age: Duration,
}

/// What is kept under 16 bytes.
pub(super) type Id = [u8; 16];

impl Registry {
    /// The other replicas that there are, at most [`OTHERS_MOST`].
    pub(crate) async fn others(&self) -> Result<Vec<Other>, Away> {
        let mut ask = Pipeline::new();
        ask.cmd("TIME");
        ask.cmd("ZRANGE").arg(self.inner.keys.replicas()).arg(0).arg(OTHERS_MOST).arg("WITHSCORES");
        let answers = self.inner.line.run(&ask).await?;
        let [time, replicas] = &answers[..] else { return Err(Away) };
        let now = milliseconds(time).ok_or(Away)?;
        let replicas = items(replicas).chunks_exact(2).filter_map(|pair| Some((text(&pair[0])?, number(&pair[1])?)));
        let others = replicas.filter(|(boot, _)| *boot != self.inner.boot).filter_map(|(boot, heard)| {
            let age = Duration::from_millis(now.saturating_sub(heard));
            (age <= self.inner.settings.lease).then_some(Other { boot, age })
        });
        Ok(others.collect())
    }

    /// What each of them is as a whole, in the order of the names.
    pub(crate) async fn wholes(&self) -> Result<Vec<(v1::RegisteredReplica, Duration)>, Away> {
        let others = self.others().await?;
        let mut ask = Pipeline::new();
        for other in &others {
            ask.cmd("GET").arg(self.inner.keys.about(&other.boot));
        }
        let answers = self.run(&ask, others.len()).await?;
        let wholes = others.iter().zip(&answers).filter_map(|(other, about)| Some((decoded(about)?, other.age)));
        let mut wholes: Vec<(v1::RegisteredReplica, Duration)> = wholes.collect();
        wholes.sort_by(|(one, _), (other, _)| one.replica_id.cmp(&other.replica_id));
        Ok(wholes)
    }

    /// Sessions by their ids, from wherever they are known.
    pub(crate) async fn sessions(&self, ids: &[&Id]) -> Result<Vec<Option<v1::Session>>, Away> {
        self.find(ids).await
    }

    /// A room by its id.
    pub(crate) async fn room(&self, id: &Id) -> Result<Option<v1::RegisteredRoom>, Away> {
        Ok(self.find(&[id]).await?.pop().flatten())
    }

    async fn find<T: Kept>(&self, ids: &[&Id]) -> Result<Vec<Option<T>>, Away> {
        let others = self.others().await?;
        let asked: Vec<&[u8]> = ids.iter().map(|id| &id[..]).collect();
        let mut ask = Pipeline::new();
        for other in &others {
            ask.cmd("HMGET").arg(self.inner.keys.values(&other.boot, T::LISTED)).arg(&asked);
        }
        let answers = self.run(&ask, others.len()).await?;
        let mut found: Vec<Option<T>> = ids.iter().map(|_| None).collect();
        for (other, values) in others.iter().zip(&answers) {
            for (found, value) in found.iter_mut().zip(items(values)) {
                let Some(kept) = T::read(value, other.age) else { continue };
                if found.as_ref().is_none_or(|known| kept.is_newer_than(known)) {
                    *found = Some(kept);
                }
            }
        }
        Ok(found)
    }

    /// Of each of the others what it has after an id, so many at most, and whether that may not be all.
    pub(super) async fn after<T: Kept>(
        &self,
        others: &[Other],
        after: Option<Id>,
        most: usize,
    ) -> Result<Vec<(Vec<(Id, T)>, Option<Id>)>, Away> {
        let start = after.map_or_else(|| b"-".to_vec(), |id| [b"(", &id[..]].concat());
        let mut ask = Pipeline::new();
        for other in others {
            let ids = self.inner.keys.ids(&other.boot, T::LISTED);
            ask.cmd("ZRANGEBYLEX").arg(ids).arg(&start).arg("+").arg("LIMIT").arg(0).arg(most);
        }
        let listed = self.run(&ask, others.len()).await?;
        let listed: Vec<Vec<Id>> = listed.iter().map(|ids| items(ids).iter().filter_map(id).collect()).collect();
        let mut ask = Pipeline::new();
        let asked = || others.iter().zip(&listed).filter(|(_, ids)| !ids.is_empty());
        for (other, ids) in asked() {
            let ids: Vec<&[u8]> = ids.iter().map(|id| &id[..]).collect();
            ask.cmd("HMGET").arg(self.inner.keys.values(&other.boot, T::LISTED)).arg(ids);
        }
        let values = self.run(&ask, asked().count()).await?;
        let read = |((other, ids), values): ((&Other, &Vec<Id>), &Value)| {
            // One may have gone between the two questions.
            let values = ids.iter().zip(items(values));
            let kept = values.filter_map(|(id, value)| Some((*id, T::read(value, other.age)?))).collect();
            (kept, ids.last().filter(|_| ids.len() >= most).copied())
        };
        Ok(asked().zip(&values).map(read).collect())
    }

    /// Nothing is asked when there is nothing to ask.
    async fn run(&self, ask: &Pipeline, commands: usize) -> Result<Vec<Value>, Away> {
        if commands == 0 {
            return Ok(Vec::new());
        }
        let answers = self.inner.line.run(ask).await?;
        if answers.len() == commands { Ok(answers) } else { Err(Away) }
    }
}

/// What is kept of each session or room.
pub(super) trait Kept: Message + Default {
    const LISTED: Listed;

    /// Of another replica, so old.
    fn aged(self, age: Duration) -> Self;

    /// Whether of two that are told of by different replicas this is the one that counts.
    fn is_newer_than(&self, other: &Self) -> bool;

    fn read(value: &Value, age: Duration) -> Option<Self> {
        decoded::<Self>(value).map(|kept| kept.aged(age))
    }
}

impl Kept for v1::Session {
    const LISTED: Listed = Listed::Sessions;

    fn aged(self, age: Duration) -> Self {
        v1::Session { age: age.try_into().ok(), ..self }
    }

    fn is_newer_than(&self, other: &Self) -> bool {
        let attached = |session: &Self| session.attach_time.map(|time| (time.seconds, time.nanos));
        attached(self) > attached(other)
    }
}

impl Kept for v1::RegisteredRoom {
    const LISTED: Listed = Listed::Rooms;

    fn aged(mut self, age: Duration) -> Self {
        if let Some(room) = &mut self.room {
            room.age = age.try_into().ok();
        }
        self
    }

    fn is_newer_than(&self, other: &Self) -> bool {
        let made = |room: &Self| room.room.as_ref()?.create_time.map(|time| (time.seconds, time.nanos));
        made(self) > made(other)
    }
}

fn decoded<T: Message + Default>(value: &Value) -> Option<T> {
    T::decode(bytes(value)?).ok()
}

pub(super) fn bytes(value: &Value) -> Option<&[u8]> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) => Some(text.as_bytes()),
        _ => None,
    }
}

pub(super) fn text(value: &Value) -> Option<String> {
    String::from_utf8(bytes(value)?.to_vec()).ok()
}

pub(super) fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Int(number) => u64::try_from(*number).ok(),
        _ => text(value)?.parse().ok(),
    }
}

pub(super) fn items(value: &Value) -> &[Value] {
    if let Value::Array(items) = value { items } else { &[] }
}

/// What `TIME` says.
pub(super) fn milliseconds(time: &Value) -> Option<u64> {
    let [seconds, micros] = items(time) else { return None };
    Some(number(seconds)? * 1_000 + number(micros)? / 1_000)
}

fn id(value: &Value) -> Option<Id> {
    bytes(value)?.try_into().ok()
}

/// Replicas that are asked of at most.
const OTHERS_MOST: usize = 64;
