//! What became of webhooks, by name.

use super::families::Families;
use crate::webhooks::Counts;

/// All of it.
pub(super) fn webhooks(counts: &Counts, families: &mut Families) {
    for (name, what, total) in counts.totals() {
        families.counter(name, what, total);
    }
    families.gauge("duet_webhooks_queued", "Webhooks that wait to be delivered, or are being", counts.queued());
}
