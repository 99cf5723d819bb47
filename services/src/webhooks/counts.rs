//! What became of webhooks, for `/metrics`.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// Clones count together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    pub(super) delivered: Counter,
    pub(super) retried: Counter,
    pub(super) failed: Counter,
    pub(super) dropped: Counter,
    pub(super) queued: Gauge,
}

impl Counts {
    /// Shows them.
    pub(crate) fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("webhooks");
        let all = [
            ("delivered", "Webhooks that their receiver has taken", &self.delivered),
            ("retried", "Tries to deliver a webhook after the first", &self.retried),
            (
                "failed",
                "Webhooks that their receiver did not want, or that were tried as often as may be",
                &self.failed,
            ),
            ("dropped", "Webhooks for which the queue had no room, or the process's end no time", &self.dropped),
        ];
        for (name, what, counter) in all {
            registry.register(name, what, counter.clone());
        }
        registry.register("queued", "Webhooks that wait to be delivered, or are being", self.queued.clone());
    }
}
