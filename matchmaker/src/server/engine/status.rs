//! How it stands with the engine, for readiness and metrics.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use duet_proto::figures::{Count, Histogram};
use tokio::sync::watch;
use tokio::time::Instant;

use super::connection::{Fault, Trouble};

/// Whether the engine can be asked.
#[derive(Clone, Debug)]
pub enum EngineState {
    /// It can.
    Up,
    /// Requests wait until it is back.
    Away {
        /// Since then; from the start, if it has not been there yet.
        since: Instant,
        /// What is wrong, without secrets; `None` before the first attempt has come to something.
        why: Option<Trouble>,
    },
}

impl EngineState {
    /// Whether the engine can be asked.
    pub fn is_up(&self) -> bool {
        matches!(self, EngineState::Up)
    }

    /// For how long it can't be asked, and why, if it can't.
    pub fn away(&self) -> Option<(Duration, &str)> {
        match self {
            EngineState::Up => None,
            EngineState::Away { since, why } => {
                Some((since.elapsed(), why.as_ref().map_or(NOT_YET, |trouble| &trouble.text)))
            }
        }
    }
}

/// How it stands, and what has been. Shared by whoever talks to the engine and whoever reads of it.
#[derive(Debug)]
pub struct EngineStatus {
    state: watch::Sender<EngineState>,
    queued: AtomicUsize,
    queue: usize,
    /// Commands that were answered.
    pub commands: Count,
    /// Connections made after the first.
    pub reconnects: Count,
    /// Times that this replica has begun anew.
    pub resyncs: Count,
    /// How long batches of commands took to be answered.
    pub round_trips: Histogram,
    faults: [Count; Fault::ALL.len()],
}

impl EngineStatus {
    pub(super) fn new(queue: usize) -> Self {
        EngineStatus {
            state: watch::Sender::new(EngineState::Away { since: Instant::now(), why: None }),
            queued: AtomicUsize::new(0),
            queue,
            commands: Count::default(),
            reconnects: Count::default(),
            resyncs: Count::default(),
            round_trips: Histogram::new(ROUND_TRIPS),
            faults: Default::default(),
        }
    }

    /// How it stands, now and as that changes.
    pub fn state(&self) -> watch::Receiver<EngineState> {
        self.state.subscribe()
    }

    /// How it stands just now.
    pub fn now(&self) -> EngineState {
        self.state.borrow().clone()
    }

    /// Requests that may wait.
    pub fn queue(&self) -> usize {
        self.queue
    }

    /// Requests that wait to be sent.
    pub fn queued(&self) -> usize {
        self.queued.load(Ordering::Relaxed)
    }

    /// How often what went wrong.
    pub fn faults(&self) -> impl Iterator<Item = (Fault, u64)> + '_ {
        Fault::ALL.into_iter().zip(self.faults.iter().map(Count::get))
    }

    pub(super) fn set_queued(&self, queued: usize) {
        self.queued.store(queued, Ordering::Relaxed);
    }

    pub(super) fn count(&self, fault: Fault) {
        self.faults[fault as usize].add(1);
    }

    pub(super) fn up(&self) {
        self.state.send_replace(EngineState::Up);
    }

    pub(super) fn away(&self, trouble: Trouble) {
        self.count(trouble.fault);
        self.state.send_modify(|state| {
            let since = match state {
                EngineState::Up => Instant::now(),
                EngineState::Away { since, .. } => *since,
            };
            *state = EngineState::Away { since, why: Some(trouble) };
        });
    }
}

/// Before the first attempt has come to something.
const NOT_YET: &str = "it has not answered yet";
const ROUND_TRIPS: &[Duration] = &[
    Duration::from_micros(250),
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_micros(2_500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(300),
];
