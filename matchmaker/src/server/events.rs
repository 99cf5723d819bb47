//! Who hears of events: whoever has subscribed. The machine waits for nobody; a subscriber that falls behind by more than the backlog
//! is told how much it has missed, and what it does then is its own affair.

use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::broadcast;

use crate::Event;

/// An event and when it came about.
#[derive(Clone, Debug)]
pub struct Happening {
    /// By the clock of the matchmaker's machine.
    pub at: SystemTime,
    /// What.
    pub event: Event,
}

/// Tells of everything since it was made. See [`broadcast::Receiver::recv`] for what a slow subscriber gets.
pub type Subscription = broadcast::Receiver<Arc<Happening>>;

/// All subscribers.
#[derive(Debug)]
pub(crate) struct Events {
    subscribers: broadcast::Sender<Arc<Happening>>,
}

impl Events {
    pub(crate) fn new(backlog: usize) -> Self {
        Events { subscribers: broadcast::Sender::new(backlog.max(1)) }
    }

    pub(crate) fn subscribe(&self) -> Subscription {
        self.subscribers.subscribe()
    }

    pub(crate) fn tell(&self, event: Event) {
        if self.subscribers.receiver_count() > 0 {
            // Whoever has unsubscribed since misses nothing.
            let _ = self.subscribers.send(Arc::new(Happening { at: SystemTime::now(), event }));
        }
    }
}
