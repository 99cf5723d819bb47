//! Whether two sessions of one pool may meet, beside what they wish for.
//!
//! Nobody meets themselves: not the same client, and not the same user on two devices, as far as that is proved. Whoever asked for the
//! next one keeps apart for a while from the one it left. Whom somebody reported or avoids is never met. And who has met not long ago
//! had better meet others first.

use duet_proto::time::Time;

use crate::Obstacle;
use crate::blocks::Blocks;
use crate::sessions::Session;

/// What counts as not long ago.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lately {
    /// So many of the last partners.
    pub(crate) most: usize,
    /// If they parted after that.
    pub(crate) since: Time,
}

/// What stands between two now; `None`: they may meet. Who has met lately may if there is nobody else.
pub(crate) fn between(one: &Session, other: &Session, blocks: &Blocks, lately: Lately, now: Time) -> Option<Obstacle> {
    let either = |holds: fn(&Session, &Session, Time) -> bool| holds(one, other, now) || holds(other, one, now);
    if one.client == other.client || are_one_user(one, other) {
        Some(Obstacle::SameUser)
    } else if either(|one, other, now| one.keeps_apart_from(other.client, now)) {
        Some(Obstacle::PartedRecently)
    } else if either(|one, other, _| avoids(one, other)) {
        Some(Obstacle::Avoided)
    } else if either(|one, other, _| one.has_blocked(other.client))
        || blocks.holds_between(one.user(), other.user(), now)
    {
        Some(Obstacle::Blocked)
    } else {
        let met_lately = one.met_lately(other.client, lately) || other.met_lately(one.client, lately);
        met_lately.then_some(Obstacle::MetLately)
    }
}

fn are_one_user(one: &Session, other: &Session) -> bool {
    matches!((one.user(), other.user()), (Some(one), Some(other)) if one == other)
}

fn avoids(one: &Session, other: &Session) -> bool {
    let avoided = one.wish.as_ref().map_or(&[][..], |wish| wish.wishes.avoid());
    avoided.iter().any(|avoided| avoided.means(other.client, other.user().map(|user| &**user)))
}
