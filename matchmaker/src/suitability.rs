//! Whether two sessions of one pool may meet. Nobody meets themselves: not the same client, and not the same user on two devices, as
//! far as that is proved. And whoever asked for the next one keeps apart for a while from the one it left, so that others get their
//! chance, and no longer, so that two lone sessions are not stuck.

use duet_proto::time::Time;

use crate::sessions::Session;

/// Whether the two suit each other now.
pub(crate) fn suit(one: &Session, other: &Session, now: Time) -> bool {
    one.client != other.client
        && !are_one_user(one, other)
        && !one.keeps_apart_from(other.client, now)
        && !other.keeps_apart_from(one.client, now)
}

fn are_one_user(one: &Session, other: &Session) -> bool {
    matches!((one.proved(), other.proved()), (Some(one), Some(other)) if one.user == other.user)
}
