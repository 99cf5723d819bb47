//! Who of a pool's waiters can be met by whom: lanes by tag and region, each oldest first.
//!
//! A waiter stands in the lane of each of its tags, and once anybody will do also in the lane of no tag; and so by its region. So
//! whoever is found in a lane that a seeker may look into suits it as far as tags and regions go.

use std::collections::{BTreeMap, HashMap};

use duet_proto::frame::{Region, Tag, Wishes};

use crate::pool::Turn;
use crate::sessions::SessionKey;

/// Waiters of one lane, oldest first.
pub(crate) type Lane = BTreeMap<Turn, SessionKey>;

/// How good a lane is for a seeker, the less the better: how many wait with its tag, and whether they may be of any region.
pub(crate) type Rank = (usize, bool);

/// What those of a lane have in common; nothing: anybody will do for them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct LaneKey {
    tag: Option<Tag>,
    region: Option<Region>,
}

/// All lanes of a pool. None is empty.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    /// By far the most stand, and look, only here.
    anybody: Lane,
    others: HashMap<LaneKey, Lane>,
    /// How many stand in a tag's lanes.
    tagged: HashMap<Tag, usize>,
}

impl Lanes {
    /// A waiter takes its stand. `is_wide` says that it insists on nothing any more.
    pub(crate) fn insert(&mut self, wishes: &Wishes, is_wide: bool, turn: Turn, session: SessionKey) {
        for key in stands_in(wishes, is_wide) {
            self.lane_mut(key).insert(turn, session);
        }
        for tag in wishes.tags() {
            *self.tagged.entry(tag.clone()).or_default() += 1;
        }
    }

    /// A waiter leaves what it stood in.
    pub(crate) fn remove(&mut self, wishes: &Wishes, is_wide: bool, turn: Turn) {
        for key in stands_in(wishes, is_wide) {
            if is_anybody(&key) {
                self.anybody.remove(&turn);
                continue;
            }
            let Some(lane) = self.others.get_mut(&key) else { continue };
            lane.remove(&turn);
            if lane.is_empty() {
                self.others.remove(&key);
            }
        }
        for tag in wishes.tags() {
            let Some(count) = self.tagged.get_mut(tag) else { continue };
            *count -= 1;
            if *count == 0 {
                self.tagged.remove(tag);
            }
        }
    }

    /// The lanes that a seeker looks into with their ranks, the best first: those of its tags, the rarest first, and at last that of no tag
    /// if anybody will do; of each the part of its own region before the others. Tags that are equally rare are of one rank, so that no
    /// name goes before age.
    pub(crate) fn for_seeker(&self, wishes: &Wishes, is_wide: bool) -> impl Iterator<Item = (Rank, &Lane)> {
        let region = wishes.region();
        let places = [region.is_some().then_some(false), (is_wide || region.is_none()).then_some(true)];
        let places = move || places.into_iter().flatten();
        let counted = wishes.tags().iter().filter_map(|tag| Some((*self.tagged.get(tag)?, tag)));
        let ranked = counted.flat_map(|(count, tag)| places().map(move |place| ((count, place), Some(tag))));
        let mut ranked: Vec<_> = ranked.collect();
        ranked.sort_unstable_by_key(|(rank, _)| *rank);
        let any = is_wide || wishes.tags().is_empty();
        let last = places().filter(move |_| any).map(|place| ((usize::MAX, place), None));
        ranked.into_iter().chain(last).filter_map(move |(rank, tag)| {
            let region = region.filter(|_| !rank.1).cloned();
            Some((rank, self.lane(&LaneKey { tag: tag.cloned(), region })?))
        })
    }

    fn lane(&self, key: &LaneKey) -> Option<&Lane> {
        if is_anybody(key) { Some(&self.anybody) } else { self.others.get(key) }
    }

    fn lane_mut(&mut self, key: LaneKey) -> &mut Lane {
        if is_anybody(&key) { &mut self.anybody } else { self.others.entry(key).or_default() }
    }
}

fn is_anybody(key: &LaneKey) -> bool {
    key.tag.is_none() && key.region.is_none()
}

fn stands_in(wishes: &Wishes, is_wide: bool) -> impl Iterator<Item = LaneKey> {
    let is_any = (is_wide || wishes.tags().is_empty()).then_some(None);
    let tags = wishes.tags().iter().cloned().map(Some).chain(is_any);
    tags.flat_map(move |tag| {
        let region = wishes.region().cloned();
        let anywhere = (is_wide || region.is_none()).then(|| LaneKey { tag: tag.clone(), region: None });
        let there = region.map(|region| LaneKey { tag, region: Some(region) });
        there.into_iter().chain(anywhere)
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use duet_proto::frame::{PoolName, Preferences};
    use duet_proto::time::Time;

    use super::*;

    fn wishes(tags: &[&str], region: Option<&str>) -> Wishes {
        let tags = tags.iter().map(|tag| Tag::new(tag).unwrap()).collect();
        let region = region.map(|region| Region::new(region).unwrap());
        Wishes::new(PoolName::default(), Preferences { tags, region, ..Preferences::default() })
    }

    fn turn(arrival: u64) -> Turn {
        Turn { queued: Time::ZERO + Duration::from_secs(1), arrival }
    }

    fn found(lanes: &Lanes, wishes: &Wishes, is_wide: bool) -> Vec<usize> {
        lanes.for_seeker(wishes, is_wide).flat_map(|(_, lane)| lane.values().map(|session| session.0)).collect()
    }

    #[test]
    fn the_rarest_tag_comes_first_then_the_region_then_the_oldest() {
        let mut lanes = Lanes::default();
        lanes.insert(&wishes(&["common"], None), false, turn(1), SessionKey(1));
        lanes.insert(&wishes(&["common", "rare"], None), false, turn(2), SessionKey(2));
        lanes.insert(&wishes(&["common"], Some("eu")), true, turn(3), SessionKey(3));
        lanes.insert(&wishes(&[], None), true, turn(4), SessionKey(4));
        assert_eq!(found(&lanes, &wishes(&["rare", "common"], None), false), [2, 1, 2, 3]);
        assert_eq!(found(&lanes, &wishes(&["common"], Some("eu")), false), [3], "the others are anywhere");
        assert_eq!(found(&lanes, &wishes(&["common"], Some("eu")), true), [3, 1, 2, 3, 3, 3, 4]);
        assert_eq!(found(&lanes, &wishes(&[], None), false), [3, 4], "who insists is not met by anybody");
    }

    #[test]
    fn nothing_is_left_of_who_has_left() {
        let mut lanes = Lanes::default();
        let all = [wishes(&["a", "b"], Some("eu")), wishes(&[], Some("us")), wishes(&["a"], None), wishes(&[], None)];
        for is_wide in [false, true] {
            for (index, wishes) in all.iter().enumerate() {
                lanes.insert(wishes, is_wide, turn(index as u64), SessionKey(index));
            }
            for (index, wishes) in all.iter().enumerate() {
                lanes.remove(wishes, is_wide, turn(index as u64));
            }
            assert!(lanes.anybody.is_empty() && lanes.others.is_empty() && lanes.tagged.is_empty(), "{lanes:?}");
        }
    }
}
