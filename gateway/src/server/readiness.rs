//! Whether this gateway should get new clients, and if not, why.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// Shared by the workers.
#[derive(Debug)]
pub(super) struct Readiness {
    draining: AtomicBool,
    workers: Vec<WorkerLinks>,
}

/// One worker's links.
#[derive(Debug)]
struct WorkerLinks {
    up: AtomicUsize,
    /// When the last one went down, or the worker started. Right only while none is up.
    down_since: Mutex<Instant>,
}

impl Readiness {
    pub(super) fn new(workers: usize) -> Self {
        let links = || WorkerLinks { up: AtomicUsize::new(0), down_since: Mutex::new(Instant::now()) };
        Readiness { draining: AtomicBool::new(false), workers: (0..workers).map(|_| links()).collect() }
    }

    pub(super) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    pub(super) fn link_up(&self, worker: usize) {
        self.workers[worker].up.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn link_down(&self, worker: usize) {
        *self.workers[worker].down_since.lock().expect("no code that holds this lock panics") = Instant::now();
        self.workers[worker].up.fetch_sub(1, Ordering::Relaxed);
    }

    /// For how long that worker has had no link; zero while it has one.
    pub(super) fn away(&self, worker: usize) -> Duration {
        let links = &self.workers[worker];
        if links.up.load(Ordering::Relaxed) > 0 {
            return Duration::ZERO;
        }
        links.down_since.lock().expect("no code that holds this lock panics").elapsed()
    }

    /// Why no new client should come, if so.
    pub(super) fn problem(&self) -> Option<&'static str> {
        let without = self.workers.iter().filter(|links| links.up.load(Ordering::Relaxed) == 0).count();
        match without {
            _ if self.is_draining() => Some("draining"),
            0 => None,
            _ if without == self.workers.len() => Some("no link to a matchmaker"),
            _ => Some("some workers have no link to a matchmaker"),
        }
    }
}
