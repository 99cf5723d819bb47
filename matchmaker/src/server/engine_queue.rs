//! What the machine asks of the engine, on its way to whoever talks with that.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc;

use crate::engine::Request;

/// The end that the machine's outputs go into. What does not fit is lost, which is noted: the engine is then to be told everything anew.
#[derive(Clone, Debug)]
pub(crate) struct EngineQueue {
    requests: mpsc::Sender<Request>,
    overflowed: Arc<AtomicBool>,
}

/// The other end.
#[derive(Debug)]
pub(crate) struct EngineRequests {
    requests: mpsc::Receiver<Request>,
    overflowed: Arc<AtomicBool>,
}

/// A queue that holds so many requests.
pub(crate) fn bounded(most: usize) -> (EngineQueue, EngineRequests) {
    let (sender, receiver) = mpsc::channel(most);
    let overflowed = Arc::new(AtomicBool::new(false));
    (
        EngineQueue { requests: sender, overflowed: overflowed.clone() },
        EngineRequests { requests: receiver, overflowed },
    )
}

impl EngineQueue {
    /// Queues a request.
    pub(crate) fn ask(&self, request: Request) {
        if self.requests.try_send(request).is_err() {
            self.overflowed.store(true, Ordering::Release);
        }
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.requests.max_capacity() - self.requests.capacity()
    }
}

impl EngineRequests {
    /// Up to so many requests, oldest first, as soon as there is one; none when nobody asks any more.
    pub(crate) async fn next(&mut self, most: usize) -> Vec<Request> {
        let mut requests = Vec::new();
        self.requests.recv_many(&mut requests, most).await;
        requests
    }

    /// Whether some were lost since this was asked last; if so, all that still wait are dropped, too.
    pub(crate) fn take_overflow(&mut self) -> bool {
        let overflowed = self.overflowed.swap(false, Ordering::AcqRel);
        if overflowed {
            self.drop_all();
        }
        overflowed
    }

    /// Drops all that waits.
    pub(crate) fn drop_all(&mut self) {
        while self.requests.try_recv().is_ok() {}
    }
}
