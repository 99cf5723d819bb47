//! How many messages have arrived in each of many rooms that talk, and waiting until there are more.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// The counts of the rooms.
pub(crate) struct Heard {
    rooms: Vec<AtomicUsize>,
    more: Notify,
}

impl Heard {
    /// Of so many rooms that have heard nothing.
    pub(crate) fn new(rooms: usize) -> Self {
        Heard { rooms: (0..rooms).map(|_| AtomicUsize::new(0)).collect(), more: Notify::new() }
    }

    pub(crate) fn rooms(&self) -> usize {
        self.rooms.len()
    }

    /// Another has arrived in a room.
    pub(crate) fn hear(&self, room: usize) {
        self.rooms[room].fetch_add(1, Ordering::Relaxed);
        self.more.notify_one();
    }

    /// Waits until so many have arrived in all.
    pub(crate) async fn reach(&self, count: usize) {
        while self.counts().iter().sum::<usize>() < count {
            self.more.notified().await;
        }
    }

    /// Waits until every room has heard so many more than now, or all that it ever will.
    pub(crate) async fn go_on(&self, more: usize, total: usize) {
        let before = self.counts();
        let lags = |(now, before): (&usize, &usize)| *now < (before + more).min(total);
        while self.counts().iter().zip(&before).any(lags) {
            self.more.notified().await;
        }
    }

    fn counts(&self) -> Vec<usize> {
        self.rooms.iter().map(|room| room.load(Ordering::Relaxed)).collect()
    }
}
