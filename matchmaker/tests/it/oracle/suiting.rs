//! Who suits whom, and who is the best of them.

use duet_proto::time::Time;

use super::{Oracle, Person};

impl Oracle {
    /// Of those who may meet, one not met lately before others; then by the best thing they have in common; then the oldest.
    pub(super) fn oldest_suitable(&self, name: char, now: Time) -> Option<char> {
        let seeker = self.person(name).unwrap();
        let candidates = self.waiting(&seeker.wish.pool).filter(|other| self.may_meet(seeker, other, now));
        let ranked = candidates.filter_map(|other| {
            let lately = self.met_lately(seeker, other, now) || self.met_lately(other, seeker, now);
            let cares = [seeker, other].iter().any(|one| now.since(one.queued) < self.config.rematch_patience);
            let rank = (lately, self.in_common(seeker, other)?, other.served());
            (!lately || !cares).then_some((rank, other.name))
        });
        ranked.min().map(|(_, other)| other)
    }

    fn may_meet(&self, one: &Person, other: &Person, now: Time) -> bool {
        let apart = |one: char, other: char| {
            self.apart.iter().any(|apart| (apart.presser, apart.left) == (one, other) && apart.until > now)
        };
        let rejects = |one: &Person, other: &Person| {
            apart(one.name, other.name) || one.blocked.contains(&other.name) || one.wish.avoid.contains(&other.name)
        };
        one.name != other.name && !rejects(one, other) && !rejects(other, one)
    }

    fn met_lately(&self, one: &Person, other: &Person, now: Time) -> bool {
        let pool = &one.wish.pool;
        let talking = 2 * self.rooms.iter().filter(|room| room.pool == *pool).count();
        let population = self.waiting(pool).count() + talking;
        let most = (population / 2).saturating_sub(1).min(self.config.recent_partners);
        let is_late =
            |(met, parted): &(char, Time)| *met == other.name && now.since(*parted) < self.config.rematch_avoid;
        one.recent.iter().rev().take(most).any(is_late)
    }

    /// The less the better: how rare the rarest tag is that both have, or none if both do without; then whether they are in one
    /// region, or both do without.
    fn in_common(&self, seeker: &Person, other: &Person) -> Option<(bool, usize, bool)> {
        let has = |tag: &String| self.waiting(&seeker.wish.pool).filter(|other| other.wish.tags.contains(tag)).count();
        let in_region = seeker.wish.region.is_some() && seeker.wish.region == other.wish.region;
        if !in_region && (seeker.cares_for_regions() || other.cares_for_regions()) {
            return None;
        }
        let shared = seeker.wish.tags.iter().filter(|tag| other.wish.tags.contains(tag));
        if let Some(count) = shared.map(has).min() {
            return Some((false, count, !in_region));
        }
        let do_without = !seeker.cares_for_tags() && !other.cares_for_tags();
        do_without.then_some((true, 0, !in_region))
    }
}
