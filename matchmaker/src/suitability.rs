//! Whether two sessions of one pool may meet. The one rule so far: whoever asked for the next one keeps apart for a while from
//! the one it left, so that others get their chance, and no longer, so that two lone sessions are not stuck.

use duet_proto::time::Time;

use crate::sessions::Session;

/// Whether the two suit each other now.
pub(crate) fn suit(one: &Session, other: &Session, now: Time) -> bool {
    one.client != other.client && !one.keeps_apart_from(other.client, now) && !other.keeps_apart_from(one.client, now)
}
