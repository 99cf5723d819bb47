//! Whether two sessions of one pool may meet, beside what they wish for.
//!
//! Nobody meets themselves: not the same client, and not the same user on two devices, as far as that is proved. Whoever asked for the
//! next one keeps apart for a while from the one it left. Whom somebody reported or avoids is never met. And who has met not long ago
//! had better meet others first.

use duet_proto::time::Time;

use crate::blocks::Blocks;
use crate::sessions::Session;

/// How well two suit each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    /// They may meet.
    Suits,
    /// They have met not long ago: rather somebody else.
    MetLately,
    /// They must not meet.
    Never,
}

/// What counts as not long ago.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lately {
    /// So many of the last partners.
    pub(crate) most: usize,
    /// If they parted after that.
    pub(crate) since: Time,
}

/// How two suit each other now.
pub(crate) fn fit(one: &Session, other: &Session, blocks: &Blocks, lately: Lately, now: Time) -> Fit {
    if !may_meet(one, other, blocks, now) {
        Fit::Never
    } else if one.met_lately(other.client, lately) || other.met_lately(one.client, lately) {
        Fit::MetLately
    } else {
        Fit::Suits
    }
}

fn may_meet(one: &Session, other: &Session, blocks: &Blocks, now: Time) -> bool {
    one.client != other.client
        && !are_one_user(one, other)
        && !one.keeps_apart_from(other.client, now)
        && !other.keeps_apart_from(one.client, now)
        && !one.has_blocked(other.client)
        && !other.has_blocked(one.client)
        && !avoids(one, other)
        && !avoids(other, one)
        && !blocks.holds_between(one.user(), other.user(), now)
}

fn are_one_user(one: &Session, other: &Session) -> bool {
    matches!((one.user(), other.user()), (Some(one), Some(other)) if one == other)
}

/// Whether one wishes not to meet another.
pub(crate) fn avoids(one: &Session, other: &Session) -> bool {
    let avoided = one.wish.as_ref().map_or(&[][..], |wish| wish.wishes.avoid());
    avoided.iter().any(|avoided| avoided.means(other.client, other.user().map(|user| &**user)))
}
