//! Watching what happens at all replicas: a snapshot, what was missed, and what happens.

use std::collections::VecDeque;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use duet_proto::v1;
use duet_proto::v1::watch_events_response::Kind;
use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Instant, sleep_until};
use tonic::{Code, Request, Status};

use super::stream::{Position, Told};
use super::{Registry, engine_away};
use crate::server::paging::{Listing, Page};
use crate::server::patience::asked_timeout;
use crate::server::refusals::{exhausted, invalid, refusal};
use crate::server::replica::Replica;
use crate::server::watching::Watching;
use crate::server::whole;

impl Registry {
    /// Watches, if what is asked for is still known.
    pub(crate) async fn watch(
        &self,
        replica: &Replica,
        request: &Request<v1::WatchEventsRequest>,
        place: OwnedSemaphorePermit,
        heartbeat: Duration,
    ) -> Result<Watching, Status> {
        let now = Instant::now();
        let until = asked_timeout(request.metadata().as_ref()).map(|timeout| now + timeout);
        let asked = request.get_ref();
        let resumed = if asked.resume_token.is_empty() { None } else { Some(read(&asked.resume_token)?) };
        let extent = self.extent().await?;
        let (at, next) = match resumed {
            None => (extent.last, vec![Step::Sessions, Step::Rooms, Step::SnapshotEnd, Step::Missed]),
            Some(Token { identity, .. }) if identity != Some(extent.identity) => {
                let text = "the engine was emptied or is another: watch without resume_token, with a new snapshot";
                return Err(refusal(Code::FailedPrecondition, "RESUME_TOKEN_OF_ANOTHER_BOOT", text));
            }
            Some(Token { at, .. }) if at < extent.first || at > extent.last => return Err(too_old()),
            Some(Token { at, .. }) => (at, vec![Step::Missed]),
        };
        let is_wanted = |step: &Step| match step {
            Step::Sessions => asked.snapshot_sessions,
            Step::Rooms => asked.snapshot_rooms,
            Step::SnapshotEnd | Step::Missed => true,
        };
        let watcher = Watcher {
            news: self.hear(extent.last),
            registry: self.clone(),
            leaving: replica.leaving(),
            replica: replica.clone(),
            identity: extent.identity,
            at,
            steps: next.into_iter().filter(is_wanted).collect(),
            page_token: String::new(),
            ready: VecDeque::new(),
            heartbeat,
            silent_since: now,
            until,
            is_over: false,
            _place: place,
        };
        Ok(stream::unfold(watcher, Watcher::next).boxed())
    }
}

/// What goes before the news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Sessions,
    Rooms,
    SnapshotEnd,
    Missed,
}

struct Watcher {
    registry: Registry,
    replica: Replica,
    news: Receiver<Told>,
    identity: [u8; 16],
    /// Of what was told last.
    at: Position,
    steps: VecDeque<Step>,
    page_token: String,
    ready: VecDeque<(Position, Kind)>,
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
        let told = self.wait().await;
        self.is_over = told.is_err();
        self.silent_since = Instant::now();
        let resume_token = match &told {
            Ok(Kind::Session(_) | Kind::Room(_)) | Err(_) => String::new(),
            Ok(_) => self.token(),
        };
        Some((told.map(|kind| v1::WatchEventsResponse { resume_token, kind: Some(kind) }), self))
    }

    async fn wait(&mut self) -> Result<Kind, Status> {
        loop {
            if let Some((at, kind)) = self.ready.pop_front() {
                self.at = at;
                return Ok(kind);
            }
            if let Some(step) = self.steps.front().copied() {
                if *self.leaving.borrow() {
                    return Err(going_away());
                }
                self.take(step).await?;
                continue;
            }
            let beat = self.silent_since + self.heartbeat;
            let until = self.until.filter(|until| *until < beat);
            let told = tokio::select! {
                biased;
                _ = self.leaving.wait_for(|is_leaving| *is_leaving) => return Err(going_away()),
                told = self.news.recv() => told,
                () = sleep_until(until.unwrap_or(beat)) => return match until {
                    Some(_) => Err(Status::deadline_exceeded("the time that the request gave has passed")),
                    None => Ok(Kind::Heartbeat(v1::Heartbeat {})),
                },
            };
            match told {
                Ok(told) => self.hear(told)?,
                // The engine may have kept it.
                Err(RecvError::Lagged(_)) => self.steps.push_back(Step::Missed),
                Err(RecvError::Closed) => return Err(going_away()),
            }
        }
    }

    /// Takes a step, or a part of it.
    async fn take(&mut self, step: Step) -> Result<(), Status> {
        match step {
            Step::Sessions => {
                let page = Page::asked(Listing::Sessions, SNAPSHOT_PAGE, &self.page_token, "")?;
                let parts = whole::sessions(&self.replica, &self.registry, &page, "").await?;
                let sessions = parts.items.into_iter().map(Kind::Session);
                self.show(sessions.collect(), parts.next_page_token, parts.partial)
            }
            Step::Rooms => {
                let page = Page::asked(Listing::Rooms, SNAPSHOT_PAGE, &self.page_token, "")?;
                let parts = whole::rooms(&self.replica, &self.registry, &page, "").await?;
                let rooms = parts.items.into_iter().filter_map(|room| room.room).map(Kind::Room);
                self.show(rooms.collect(), parts.next_page_token, parts.partial)
            }
            Step::SnapshotEnd => {
                self.ready.push_back((self.at, Kind::SnapshotEnd(v1::SnapshotEnd {})));
                self.steps.pop_front();
                Ok(())
            }
            Step::Missed => {
                let following = self.registry.following(self.at, MISSED_AT_ONCE).await?.ok_or_else(too_slow)?;
                if following.len() < MISSED_AT_ONCE {
                    self.steps.pop_front();
                }
                following.into_iter().try_for_each(|told| self.hear(told))
            }
        }
    }

    /// A page of the snapshot.
    fn show(&mut self, kinds: Vec<Kind>, next_page_token: String, partial: bool) -> Result<(), Status> {
        if partial {
            return Err(away());
        }
        self.ready.extend(kinds.into_iter().map(|kind| (self.at, kind)));
        self.page_token = next_page_token;
        if self.page_token.is_empty() {
            self.steps.pop_front();
        }
        Ok(())
    }

    fn hear(&mut self, told: Told) -> Result<(), Status> {
        let last = self.ready.back().map_or(self.at, |(at, _)| *at);
        match told {
            Told::Entry(at, _) | Told::Gap(at) if at <= last => Ok(()),
            Told::Entry(at, Some(event)) => {
                self.ready.push_back((at, Kind::Event((*event).clone())));
                Ok(())
            }
            Told::Entry(at, None) => {
                if self.ready.is_empty() {
                    self.at = at;
                }
                Ok(())
            }
            Told::Gap(_) => Err(too_old()),
            Told::Missed => Err(too_slow()),
            Told::Away => Err(away()),
        }
    }

    fn token(&self) -> String {
        let Position(time, number) = self.at;
        URL_SAFE_NO_PAD.encode([&self.identity[..], &time.to_be_bytes(), &number.to_be_bytes()].concat())
    }
}

/// What a token says. One of a replica that kept its events to itself is of no stream.
struct Token {
    identity: Option<[u8; 16]>,
    at: Position,
}

fn read(token: &str) -> Result<Token, Status> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok().filter(|bytes| [24, 32].contains(&bytes.len()));
    let bytes = bytes.ok_or_else(|| invalid("resume_token", "was not given by this method"))?;
    let number = |at: usize| bytes.get(at..at + 8).and_then(|part| part.try_into().ok()).map_or(0, u64::from_be_bytes);
    let identity = bytes[..16].try_into().ok().filter(|_| bytes.len() == 32);
    Ok(Token { identity, at: Position(number(16), number(24)) })
}

fn too_old() -> Status {
    let text = "more has happened since than is kept: watch without resume_token, with a new snapshot";
    refusal(Code::OutOfRange, "RESUME_TOKEN_TOO_OLD", text)
}

fn too_slow() -> Status {
    exhausted("WATCHER_TOO_SLOW", "more has happened than is kept for who reads slowly: take a new snapshot", None)
}

fn away() -> Status {
    engine_away("the engine is away by which other replicas are heard: resume from the last token")
}

fn going_away() -> Status {
    refusal(Code::Unavailable, "GOING_AWAY", "the matchmaker is going away")
}

const SNAPSHOT_PAGE: i32 = 500;
const MISSED_AT_ONCE: usize = 500;
