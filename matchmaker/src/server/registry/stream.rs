//! What happens at all replicas, in one stream of the engine, and how it gets from there to all who watch here.

use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use duet_proto::v1;
use prost::Message;
use redis::{Pipeline, Value};
use tokio::sync::broadcast;

use super::line::Line;
use super::reading::{bytes, items, text};
use super::{Away, Registry, RegistrySettings};
use crate::server::replica::random;

/// What is written into the stream.
pub(super) enum Entry {
    Event(Box<v1::Event>),
    /// A replica could not keep all that has happened.
    Gap,
}

/// Where an entry is in the stream: by when it was appended, in milliseconds by the engine's clock, and its number in that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position(pub(super) u64, pub(super) u64);

/// What is read from it.
#[derive(Clone, Debug)]
pub(super) enum Told {
    /// An event, or nothing that is told.
    Entry(Position, Option<Arc<v1::Event>>),
    /// A replica has lost events.
    Gap(Position),
    Away,
    /// More has happened than was kept until it was read.
    Missed,
}

/// How far the stream reaches.
pub(super) struct Extent {
    pub(super) identity: [u8; 16],
    pub(super) first: Position,
    pub(super) last: Position,
}

/// All who watch here. One task reads for them, and only while there are any.
pub(super) struct Fan {
    line: Line,
    told: broadcast::Sender<Told>,
    is_reading: Mutex<bool>,
}

impl Fan {
    pub(super) fn new(settings: &RegistrySettings) -> Self {
        let told = broadcast::Sender::new(settings.event_backlog.max(1));
        Fan { line: Line::new(settings), told, is_reading: Mutex::new(false) }
    }
}

impl Registry {
    /// Appends to the stream, which begins with that if it has to.
    pub(super) async fn append(&self, entries: &[Entry]) -> Result<(), Away> {
        if entries.is_empty() {
            return Ok(());
        }
        let mut append = Pipeline::new();
        self.add_beginning(&mut append);
        let key = self.inner.keys.events();
        for entry in entries {
            let add = append.cmd("XADD").arg(&key).arg("MAXLEN").arg("~").arg(self.inner.settings.event_backlog.max(1));
            match entry {
                Entry::Event(event) => add.arg("*").arg("e").arg(event.encode_to_vec()),
                Entry::Gap => add.arg("*").arg("gap").arg(&self.inner.boot),
            };
        }
        self.inner.line.write(&append).await.map(drop)
    }

    /// How far the stream reaches now.
    pub(super) async fn extent(&self) -> Result<Extent, Away> {
        let (key, mut ask) = (self.inner.keys.events(), Pipeline::new());
        self.add_beginning(&mut ask);
        ask.cmd("GET").arg(self.inner.keys.events_identity());
        ask.cmd("XRANGE").arg(&key).arg("-").arg("+").arg("COUNT").arg(1);
        ask.cmd("XREVRANGE").arg(&key).arg("+").arg("-").arg("COUNT").arg(1);
        let answers = self.inner.line.run(&ask).await?;
        let [_, identity, first, last] = &answers[..] else { return Err(Away) };
        let identity = bytes(identity).and_then(|identity| identity.try_into().ok()).ok_or(Away)?;
        let end = |entries| items(entries).first().and_then(position).ok_or(Away);
        Ok(Extent { identity, first: end(first)?, last: end(last)? })
    }

    /// What follows a position, so many entries at most; `None` if not all of it is kept.
    pub(super) async fn following(&self, after: Position, most: usize) -> Result<Option<Vec<Told>>, Away> {
        let (key, mut ask) = (self.inner.keys.events(), Pipeline::new());
        ask.cmd("XRANGE").arg(&key).arg(format!("({after}")).arg("+").arg("COUNT").arg(most);
        ask.cmd("XRANGE").arg(&key).arg("-").arg("+").arg("COUNT").arg(1);
        let answers = self.inner.line.run(&ask).await?;
        let [entries, first] = &answers[..] else { return Err(Away) };
        let is_kept = items(first).first().and_then(position).is_some_and(|first| first <= after);
        Ok(is_kept.then(|| items(entries).iter().filter_map(entry).collect()))
    }

    /// Hears of what follows a position that the stream has reached, or some of what goes before, too.
    pub(super) fn hear(&self, from: Position) -> broadcast::Receiver<Told> {
        let fan = &self.inner.fan;
        let mut is_reading = fan.is_reading.lock().unwrap_or_else(PoisonError::into_inner);
        let told = fan.told.subscribe();
        if !*is_reading {
            *is_reading = true;
            tokio::spawn(self.clone().read(from));
        }
        told
    }

    async fn read(self, mut at: Position) {
        let fan = &self.inner.fan;
        loop {
            {
                let mut is_reading = fan.is_reading.lock().unwrap_or_else(PoisonError::into_inner);
                if fan.told.receiver_count() == 0 {
                    *is_reading = false;
                    return;
                }
            }
            let end = match self.read_on(at).await {
                Ok(Some(entries)) => {
                    for told in entries {
                        if let Told::Entry(position, _) | Told::Gap(position) = told {
                            at = position;
                        }
                        // Nobody may watch any more.
                        let _ = fan.told.send(told);
                    }
                    continue;
                }
                Ok(None) => Told::Missed,
                Err(Away) => Told::Away,
            };
            let mut is_reading = fan.is_reading.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = fan.told.send(end);
            *is_reading = false;
            return;
        }
    }

    /// Waits for more, for a while.
    async fn read_on(&self, at: Position) -> Result<Option<Vec<Told>>, Away> {
        let (key, mut ask) = (self.inner.keys.events(), Pipeline::new());
        let block = u64::try_from(BLOCKED.as_millis()).unwrap_or(u64::MAX);
        ask.cmd("XREAD").arg("COUNT").arg(READ_AT_ONCE).arg("BLOCK").arg(block).arg("STREAMS").arg(&key);
        ask.arg(at.to_string());
        ask.cmd("XRANGE").arg(&key).arg("-").arg("+").arg("COUNT").arg(1);
        let answers = self.inner.fan.line.run_within(&ask, BLOCKED).await?;
        let [read, first] = &answers[..] else { return Err(Away) };
        let is_kept = items(first).first().and_then(position).is_some_and(|first| first <= at);
        let entries = items(read).first().map_or(&[][..], |stream| items(stream).get(1).map_or(&[], items));
        Ok(is_kept.then(|| entries.iter().filter_map(entry).collect()))
    }

    /// A stream that is not there is begun, with an identity and an entry that is nothing.
    fn add_beginning(&self, pipeline: &mut Pipeline) {
        let keys = &self.inner.keys;
        pipeline.cmd("EVAL").arg(BEGIN).arg(2).arg(keys.events()).arg(keys.events_identity());
        pipeline.arg(&random::<16>()[..]).arg(STREAM_KEPT_SECONDS);
    }
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.0, self.1)
    }
}

impl FromStr for Position {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (time, number) = text.split_once('-').ok_or(())?;
        Ok(Position(time.parse().map_err(drop)?, number.parse().map_err(drop)?))
    }
}

pub(super) fn position(entry: &Value) -> Option<Position> {
    text(items(entry).first()?)?.parse().ok()
}

fn entry(entry: &Value) -> Option<Told> {
    let at = position(entry)?;
    let [name, value, ..] = items(items(entry).get(1)?) else { return None };
    Some(match bytes(name)? {
        b"e" => Told::Entry(at, v1::Event::decode(bytes(value)?).ok().map(Arc::new)),
        b"gap" => Told::Gap(at),
        _ => Told::Entry(at, None),
    })
}

const BEGIN: &str = "
if redis.call('EXISTS', KEYS[1], KEYS[2]) < 2 then
  redis.call('DEL', KEYS[1])
  redis.call('SET', KEYS[2], ARGV[1], 'EX', ARGV[2])
  redis.call('XADD', KEYS[1], '*', 'begin', '1')
end
return 1";

/// How long a reader waits for the engine to have something.
const BLOCKED: Duration = Duration::from_secs(1);
const READ_AT_ONCE: usize = 500;
const STREAM_KEPT_SECONDS: u64 = 24 * 3600;
