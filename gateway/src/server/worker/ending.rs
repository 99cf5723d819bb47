//! How a worker ends: clients are told to go, each at its time, and the links end once the last socket is gone.

use std::time::Duration;

use tokio::time::timeout;

use super::Worker;
use super::slots::LinkSlot;

impl Worker {
    /// Counts a socket until the guard is dropped.
    pub(in crate::server) fn count_socket(&self) -> SocketCount<'_> {
        self.sockets.set(self.sockets.get() + 1);
        SocketCount { worker: self }
    }

    /// Tells all clients to go, spread over time, and waits until they are gone.
    pub(super) async fn drain(&self, longest: Duration) {
        let all = self.all();
        let count = u32::try_from(all.len()).unwrap_or(u32::MAX).max(1);
        let spread = longest.min(DRAIN_PACE * count);
        for (place, connection) in (1..).zip(&all) {
            self.feed(connection, |session, now| session.handle_drain(spread * place / count, now));
        }
        drop(all);
        while self.sockets.get() > 0 {
            self.closed.notified().await;
        }
        self.end_links().await;
    }

    /// Ends the links in order: what is queued still reaches the matchmaker, which would else wait for sessions to come back that
    /// have ended.
    async fn end_links(&self) {
        self.is_ending.set(true);
        for slot in &self.links {
            slot.close();
        }
        let ended = async {
            while self.links.iter().any(LinkSlot::is_up) {
                self.closed.notified().await;
            }
        };
        // A matchmaker that doesn't answer finds out by itself.
        let _ = timeout(LINK_END_TIMEOUT, ended).await;
    }
}

/// One socket that a drain waits for.
pub(in crate::server) struct SocketCount<'a> {
    worker: &'a Worker,
}

impl Drop for SocketCount<'_> {
    fn drop(&mut self) {
        self.worker.sockets.set(self.worker.sockets.get() - 1);
        self.worker.closed.notify_one();
    }
}

/// For a matchmaker to take the last frames of a drained worker.
const LINK_END_TIMEOUT: Duration = Duration::from_secs(1);
/// How far apart a drain's closes are, unless there are so many that they must be closer.
pub(super) const DRAIN_PACE: Duration = Duration::from_millis(5);
