//! What a session asks for.

use std::sync::Arc;
use std::time::Duration;

use unicode_normalization::UnicodeNormalization;

use crate::bounds;
use crate::ids::ClientId;
use crate::trace::TraceContext;

/// What a partner must be like. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Wishes {
    /// Only sessions of the same pool meet.
    pub pool: PoolName,
    /// What else is asked for; most ask for nothing else.
    pub preferences: Option<Arc<Preferences>>,
    /// The span that wishes, if it is recorded. It goes wherever the wish goes.
    pub trace: Option<Arc<TraceContext>>,
}

/// What a partner had better be like, and who it must not be.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Preferences {
    /// Who shares one of these will do sooner than others. Up to [`bounds::WISH_TAGS`], no two alike; none: anybody will do.
    pub tags: Vec<Tag>,
    /// Who must not be met. Up to [`bounds::AVOID`].
    pub avoid: Vec<Avoided>,
    /// Who is there, too, will do sooner than others; `None`: anywhere.
    pub region: Option<Region>,
    /// How long to insist on a shared tag and the region; `None`: as long as the operator has set. Whole milliseconds.
    pub patience: Option<Duration>,
    /// By how much it goes before others. Whole milliseconds.
    pub head_start: Duration,
}

impl Wishes {
    /// Anybody of a pool.
    pub fn anybody(pool: PoolName) -> Self {
        Wishes { pool, preferences: None, trace: None }
    }

    /// Somebody of a pool.
    pub fn new(pool: PoolName, preferences: Preferences) -> Self {
        let is_any = preferences == Preferences::default();
        Wishes { pool, preferences: (!is_any).then(|| Arc::new(preferences)), trace: None }
    }

    /// Whether both ask for the same, whatever traces they belong to.
    pub fn asks_as(&self, other: &Self) -> bool {
        self.pool == other.pool && self.preferences == other.preferences
    }

    /// Who will do sooner than others.
    pub fn tags(&self) -> &[Tag] {
        self.preferences.as_ref().map_or(&[], |preferences| &preferences.tags)
    }

    /// Who must not be met.
    pub fn avoid(&self) -> &[Avoided] {
        self.preferences.as_ref().map_or(&[], |preferences| &preferences.avoid)
    }

    /// Where somebody will do sooner than elsewhere.
    pub fn region(&self) -> Option<&Region> {
        self.preferences.as_ref()?.region.as_ref()
    }

    /// How long to insist on tags and region, if the session says.
    pub fn patience(&self) -> Option<Duration> {
        self.preferences.as_ref()?.patience
    }

    /// By how much the session goes before others.
    pub fn head_start(&self) -> Duration {
        self.preferences.as_ref().map_or(Duration::ZERO, |preferences| preferences.head_start)
    }
}

/// A pool's name: 1 to [`bounds::POOL`] characters, none a control character. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PoolName(Arc<str>);

impl PoolName {
    /// The name, unless it breaks a rule of the type.
    pub fn new(name: &str) -> Option<Self> {
        is_printable(name, bounds::POOL).then(|| PoolName(name.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for PoolName {
    fn default() -> Self {
        PoolName("default".into())
    }
}

/// What two may have in common: 1 to [`bounds::TAG`] characters, none a control character. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(Arc<str>);

impl Tag {
    /// The tag, unless it breaks a rule of the type. It is taken as it is.
    pub fn new(tag: &str) -> Option<Self> {
        is_printable(tag, bounds::TAG).then(|| Tag(tag.into()))
    }

    /// What people write for one tag in different ways is one tag.
    pub fn normalized(tag: &str) -> Option<Self> {
        Self::new(&normalized(tag))
    }

    /// The tag.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where somebody is: 1 to [`bounds::REGION`] characters, none a control character. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region(Arc<str>);

impl Region {
    /// The region, unless it breaks a rule of the type. It is taken as it is.
    pub fn new(region: &str) -> Option<Self> {
        is_printable(region, bounds::REGION).then(|| Region(region.into()))
    }

    /// What people write for one region in different ways is one region.
    pub fn normalized(region: &str) -> Option<Self> {
        Self::new(&normalized(region))
    }

    /// The region.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Who must not be met: 1 to [`bounds::USER_ID`] characters, none a control character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Avoided {
    text: Box<str>,
    client: Option<ClientId>,
}

impl Avoided {
    /// A `partnerId`, or the id of a user; unless it breaks a rule of the type.
    pub fn new(text: &str) -> Option<Self> {
        is_printable(text, bounds::USER_ID).then(|| Avoided { text: text.into(), client: text.parse().ok() })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it means that one: the client, or the user if it is proved who that is.
    pub fn means(&self, client: ClientId, user: Option<&str>) -> bool {
        self.client == Some(client) || user == Some(&*self.text)
    }
}

fn is_printable(text: &str, characters: usize) -> bool {
    !text.is_empty() && text.chars().count() <= characters && !text.chars().any(char::is_control)
}

/// NFKC, trimmed, lower case. Letters that lower case takes apart are put together again.
fn normalized(text: &str) -> String {
    text.trim().nfkc().collect::<String>().trim().to_lowercase().nfkc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_tag_in_different_writings_is_one_tag() {
        let written = ["Jazz", " jazz\u{a0}", "\u{ff2a}azz", "JAZZ"];
        let tags: Vec<_> = written.iter().map(|written| Tag::normalized(written).unwrap()).collect();
        assert!(tags.iter().all(|tag| tag.as_str() == "jazz"), "{tags:?}");
    }

    #[test]
    fn what_is_normalized_stays_as_it_is() {
        for written in ["\u{130}stanbul", "\u{3d2}\u{301}", "\u{1e9e}", "\u{fb03}", "Ǆ", "\u{212b}"] {
            let tag = Tag::normalized(written).unwrap();
            assert_eq!(Tag::normalized(tag.as_str()).as_ref(), Some(&tag), "{written:?}");
        }
    }

    #[test]
    fn a_tag_is_bounded_as_it_is_kept() {
        assert_eq!(Tag::normalized(" \t "), None, "nothing is left");
        assert_eq!(Tag::normalized("a\u{7}b"), None, "a control character");
        assert!(Tag::normalized(&format!("  {}  ", "x".repeat(bounds::TAG))).is_some());
        assert_eq!(Tag::normalized(&"\u{fdfa}".repeat(bounds::TAG)), None, "one character becomes eighteen");
    }

    #[test]
    fn whom_to_avoid_is_a_client_or_a_user() {
        let client = ClientId::from_random([7; 16]);
        let by_id = Avoided::new(&client.to_string()).unwrap();
        assert!(by_id.means(client, None) && !by_id.means(ClientId::from_random([8; 16]), Some("ada")));
        let by_name = Avoided::new("ada").unwrap();
        assert!(by_name.means(client, Some("ada")) && !by_name.means(client, None));
    }
}
