//! Watching events over gRPC: a snapshot, what was missed, and what happens, until the watcher goes, is too slow, or the matchmaker goes.

use std::sync::Arc;
use std::time::Duration;
use std::vec;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use duet_proto::ids::BootId;
use duet_proto::v1;
use duet_proto::v1::watch_events_response::Kind;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep_until};
use tonic::{Code, Request, Status};

use super::answers;
use super::events::{Happening, Subscription};
use super::patience::asked_timeout;
use super::refusals::{exhausted, invalid, refusal};
use super::replica::Replica;

/// What a watcher reads.
pub(crate) type Watching = BoxStream<'static, Result<v1::WatchEventsResponse, Status>>;

/// Room for so many watchers.
#[derive(Clone, Debug)]
pub(crate) struct Watchers {
    places: Arc<Semaphore>,
    heartbeat: Duration,
}

impl Watchers {
    pub(crate) fn new(most: usize, heartbeat: Duration) -> Self {
        Watchers { places: Arc::new(Semaphore::new(most)), heartbeat }
    }

    pub(crate) async fn watch(
        &self,
        replica: &Replica,
        request: &Request<v1::WatchEventsRequest>,
    ) -> Result<Watching, Status> {
        if let Some(registry) = replica.registry() {
            return registry.watch(replica, request, self.place()?, self.heartbeat).await;
        }
        let boot = replica.hello().boot;
        let token = request.get_ref().resume_token.as_str();
        let after = if token.is_empty() { None } else { Some(resumed(token, boot)?) };
        let place = self.place()?;
        let (first, news) = match after {
            Some(sequence) => missed(replica, sequence)?,
            None => snapshot(replica, request.get_ref()),
        };
        let now = Instant::now();
        let until = asked_timeout(request.metadata().as_ref()).map(|timeout| now + timeout);
        let watcher = Watcher {
            boot,
            sequence: 0,
            first: first.into_iter(),
            news,
            leaving: replica.leaving(),
            heartbeat: self.heartbeat,
            silent_since: now,
            until,
            is_over: false,
            _place: place,
        };
        Ok(stream::unfold(watcher, Watcher::next).boxed())
    }

    fn place(&self) -> Result<OwnedSemaphorePermit, Status> {
        let place = self.places.clone().try_acquire_owned();
        place.map_err(|_| exhausted("TOO_MANY_WATCHERS", "as many watch as may", Some(RETRY_AFTER)))
    }
}

/// One watcher.
struct Watcher {
    boot: BootId,
    /// Of what was told last.
    sequence: u64,
    /// What comes before the news.
    first: vec::IntoIter<(u64, Kind)>,
    news: Subscription,
    leaving: watch::Receiver<bool>,
    heartbeat: Duration,
    silent_since: Instant,
    /// When the caller has no patience any more.
    until: Option<Instant>,
    is_over: bool,
    _place: OwnedSemaphorePermit,
}

impl Watcher {
    async fn next(mut self) -> Option<(Result<v1::WatchEventsResponse, Status>, Self)> {
        if self.is_over {
            return None;
        }
        let told = match self.first.next() {
            Some((sequence, kind)) => {
                self.sequence = sequence;
                Ok(kind)
            }
            None => self.wait().await,
        };
        self.is_over = told.is_err();
        self.silent_since = Instant::now();
        let resume_token = match &told {
            Ok(Kind::Session(_) | Kind::Room(_)) | Err(_) => String::new(),
            Ok(_) => token(self.boot, self.sequence),
        };
        Some((told.map(|kind| v1::WatchEventsResponse { resume_token, kind: Some(kind) }), self))
    }

    async fn wait(&mut self) -> Result<Kind, Status> {
        let beat = self.silent_since + self.heartbeat;
        let until = self.until.filter(|until| *until < beat);
        tokio::select! {
            biased;
            _ = self.leaving.wait_for(|is_leaving| *is_leaving) => {
                Err(refusal(Code::Unavailable, "GOING_AWAY", "the matchmaker is going away"))
            }
            heard = self.news.recv() => match heard {
                Ok(happening) => {
                    self.sequence = happening.sequence;
                    Ok(Kind::Event(answers::event(&happening)))
                }
                Err(RecvError::Lagged(_)) => {
                    let text = "more has happened than is kept for who reads slowly: resume from the last token";
                    Err(exhausted("WATCHER_TOO_SLOW", text, None))
                }
                Err(RecvError::Closed) => Err(refusal(Code::Unavailable, "GOING_AWAY", "the matchmaker is gone")),
            },
            () = sleep_until(until.unwrap_or(beat)) => match until {
                Some(_) => Err(Status::deadline_exceeded("the time that the request gave has passed")),
                None => Ok(Kind::Heartbeat(v1::Heartbeat {})),
            },
        }
    }
}

type First = Vec<(u64, Kind)>;

/// Everything at one moment, and all that follows it.
fn snapshot(replica: &Replica, asked: &v1::WatchEventsRequest) -> (First, Subscription) {
    replica.look(|desk, clock, _| {
        let sequence = desk.events.sequence();
        let mut first = Vec::new();
        if asked.snapshot_sessions {
            let sessions = desk.machine.sessions_after(None);
            first.extend(sessions.map(|session| (sequence, Kind::Session(answers::session(session, clock)))));
        }
        if asked.snapshot_rooms {
            let rooms = desk.machine.rooms_after(None);
            first.extend(rooms.map(|room| (sequence, Kind::Room(answers::room(room, clock)))));
        }
        first.push((sequence, Kind::SnapshotEnd(v1::SnapshotEnd {})));
        (first, desk.events.subscribe())
    })
}

/// What somebody has missed, and all that follows.
fn missed(replica: &Replica, sequence: u64) -> Result<(First, Subscription), Status> {
    let (missed, news) = replica.look(|desk, _, _| (desk.events.since(sequence), desk.events.subscribe()));
    let missed = missed.map_err(|_| {
        let text = "more has happened since than is kept: watch without resume_token, with a new snapshot";
        refusal(Code::OutOfRange, "RESUME_TOKEN_TOO_OLD", text)
    })?;
    let event = |happening: &Arc<Happening>| (happening.sequence, Kind::Event(answers::event(happening)));
    Ok((missed.iter().map(event).collect(), news))
}

fn token(boot: BootId, sequence: u64) -> String {
    URL_SAFE_NO_PAD.encode([&boot.as_bytes()[..], &sequence.to_be_bytes()].concat())
}

/// The event that a token stands for.
fn resumed(token: &str, boot: BootId) -> Result<u64, Status> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| <[u8; 24]>::try_from(bytes).ok());
    let bytes = bytes.ok_or_else(|| invalid("resume_token", "was not given by this method"))?;
    let (of, sequence) = bytes.split_at(16);
    if of != boot.as_bytes() {
        let text = "the matchmaker was restarted since: watch without resume_token, with a new snapshot";
        return Err(refusal(Code::FailedPrecondition, "RESUME_TOKEN_OF_ANOTHER_BOOT", text));
    }
    Ok(u64::from_be_bytes(sequence.try_into().expect("8 of 24 are left")))
}

/// When one who found no place may ask again.
const RETRY_AFTER: Duration = Duration::from_secs(5);
