//! What became of webhooks, for `/metrics`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Clones count together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts(Arc<Figures>);

#[derive(Debug, Default)]
struct Figures {
    delivered: AtomicU64,
    retried: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
    queued: AtomicU64,
}

impl Counts {
    pub(super) fn delivered(&self) {
        self.0.delivered.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn retried(&self) {
        self.0.retried.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn failed(&self) {
        self.0.failed.fetch_add(1, Ordering::Relaxed);
    }

    /// How many that makes in all.
    pub(super) fn dropped(&self, count: u64) -> u64 {
        self.0.dropped.fetch_add(count, Ordering::Relaxed) + count
    }

    pub(super) fn set_queued(&self, count: usize) {
        self.0.queued.store(count as u64, Ordering::Relaxed);
    }

    /// Those that wait to be delivered, or are being.
    pub(crate) fn queued(&self) -> u64 {
        self.0.queued.load(Ordering::Relaxed)
    }

    /// What only rises: its name, what it counts, and how far it has come.
    pub(crate) fn totals(&self) -> [(&'static str, &'static str, u64); 4] {
        let Figures { delivered, retried, failed, dropped, queued: _ } = &*self.0;
        [
            ("duet_webhooks_delivered", "Webhooks that the receiver has taken", delivered),
            ("duet_webhooks_retried", "Tries to deliver a webhook after its first", retried),
            (
                "duet_webhooks_failed",
                "Webhooks that the receiver refused, or that were tried as often as may be",
                failed,
            ),
            ("duet_webhooks_dropped", "Webhooks for which the queue had no room, or the end no time", dropped),
        ]
        .map(|(name, what, count)| (name, what, count.load(Ordering::Relaxed)))
    }
}
