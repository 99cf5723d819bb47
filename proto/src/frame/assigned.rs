//! What the operator has set of a session's wishes, by the token of its user.

use std::time::Duration;

use super::{PoolName, Preferences, Tag, Wishes};
use crate::bounds;

/// What a token says of the wishes of its user's sessions, whatever their clients ask for.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Assigned {
    /// Where they meet others, whichever pool is asked for; `None`: as is asked for.
    pub pool: Option<PoolName>,
    /// Beside the tags that are asked for. Up to [`bounds::ASSIGNED_TAGS`], no two alike.
    pub tags: Vec<Tag>,
    /// By how much they go before others. Whole milliseconds.
    pub head_start: Duration,
}

impl Assigned {
    /// What a client gets that asks for this.
    pub fn added_to(&self, asked: &Wishes) -> Wishes {
        let own = asked.tags().iter().filter(|tag| !self.tags.contains(tag));
        let own = own.take(bounds::WISH_TAGS.saturating_sub(self.tags.len()));
        let tags = own.chain(&self.tags).cloned().collect();
        let preferences = Preferences { tags, head_start: self.head_start, ..asked.preferences() };
        Wishes::new(self.pool.as_ref().unwrap_or(&asked.pool).clone(), preferences)
    }

    /// What is left of wishes that it was added to. That another pool was asked for is not known any more.
    pub fn taken_from(&self, wishes: &Wishes) -> Wishes {
        let tags = wishes.tags().iter().filter(|tag| !self.tags.contains(tag)).cloned().collect();
        let preferences = Preferences { tags, head_start: Duration::ZERO, ..wishes.preferences() };
        Wishes::new(wishes.pool.clone(), preferences)
    }
}

impl Wishes {
    fn preferences(&self) -> Preferences {
        self.preferences.as_deref().cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(names: impl IntoIterator<Item = impl AsRef<str>>) -> Vec<Tag> {
        names.into_iter().map(|name| Tag::new(name.as_ref()).unwrap()).collect()
    }

    fn wishes(pool: &str, names: &[&str]) -> Wishes {
        let patience = Some(Duration::from_secs(3));
        let preferences = Preferences { tags: tags(names), patience, ..Preferences::default() };
        Wishes::new(PoolName::new(pool).unwrap(), preferences)
    }

    #[test]
    fn what_is_assigned_is_added_and_the_rest_is_as_asked() {
        let pool = PoolName::new("adults");
        let assigned = Assigned { pool, tags: tags(["gold", "go"]), head_start: Duration::from_secs(2) };
        let added = assigned.added_to(&wishes("chess", &["go", "shogi"]));
        assert_eq!(added.pool.as_str(), "adults");
        assert_eq!(added.tags(), tags(["shogi", "gold", "go"]), "none twice");
        assert_eq!((added.head_start(), added.patience()), (assigned.head_start, Some(Duration::from_secs(3))));
        assert_eq!(assigned.added_to(&added), added, "adding it again changes nothing");
        assert_eq!(assigned.taken_from(&added), wishes("adults", &["shogi"]));
    }

    #[test]
    fn nothing_assigned_changes_nothing() {
        for asked in [Wishes::default(), wishes("chess", &["go"])] {
            assert_eq!(Assigned::default().added_to(&asked), asked);
        }
    }

    #[test]
    fn a_wish_has_so_many_tags_and_those_that_are_assigned_come_first() {
        let own = tags((0..bounds::WISH_TAGS).map(|number| number.to_string()));
        let asked = Wishes::new(PoolName::default(), Preferences { tags: own, ..Preferences::default() });
        let assigned = Assigned { tags: tags(["gold"]), ..Assigned::default() };
        let added = assigned.added_to(&asked);
        assert_eq!(added.tags().len(), bounds::WISH_TAGS);
        assert_eq!(added.tags().last(), assigned.tags.last());
    }
}
