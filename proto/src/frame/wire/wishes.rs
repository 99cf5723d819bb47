//! Wishes, and what is in them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::{InvalidFrame, milliseconds};
use crate::bounds;
use crate::frame::{Assigned, Avoided, PoolName, Preferences, Region, Tag, Wishes};
use crate::trace::TraceContext;
use crate::v1;

impl From<Wishes> for v1::Wishes {
    fn from(wishes: Wishes) -> Self {
        let pool = wishes.pool.as_str().to_owned();
        let trace_context = context_bytes(wishes.trace.as_deref());
        let Some(preferences) = wishes.preferences else {
            return v1::Wishes { pool, trace_context, ..v1::Wishes::default() };
        };
        v1::Wishes {
            pool,
            tags: preferences.tags.iter().map(|tag| tag.as_str().to_owned()).collect(),
            avoid: preferences.avoid.iter().map(|avoided| avoided.as_str().to_owned()).collect(),
            region: preferences.region.as_ref().map(|region| region.as_str().to_owned()).unwrap_or_default(),
            patience_ms: preferences.patience.map(short_milliseconds),
            head_start_ms: short_milliseconds(preferences.head_start),
            trace_context,
        }
    }
}

impl TryFrom<v1::Wishes> for Wishes {
    type Error = InvalidFrame;

    fn try_from(wishes: v1::Wishes) -> Result<Self, InvalidFrame> {
        if wishes.avoid.len() > bounds::AVOID {
            return Err(InvalidFrame("wishes.avoid are too many"));
        }
        let avoided = |text: &String| Avoided::new(text).ok_or(InvalidFrame("wishes.avoid has what is no id"));
        let region = (!wishes.region.is_empty()).then_some(&wishes.region);
        let preferences = Preferences {
            tags: tags(&wishes.tags)?,
            avoid: wishes.avoid.iter().map(avoided).collect::<Result<_, _>>()?,
            region: region
                .map(|region| Region::new(region).ok_or(InvalidFrame("wishes.region is no region")))
                .transpose()?,
            patience: wishes.patience_ms.map(|patience| Duration::from_millis(patience.into())),
            head_start: Duration::from_millis(wishes.head_start_ms.into()),
        };
        let trace = TraceContext::from_bytes(&wishes.trace_context).map(Arc::new);
        Ok(Wishes { trace, ..Wishes::new(pool(&wishes.pool)?, preferences) })
    }
}

impl From<Assigned> for v1::Assigned {
    fn from(assigned: Assigned) -> Self {
        v1::Assigned {
            pool: assigned.pool.map(|pool| pool.as_str().to_owned()).unwrap_or_default(),
            tags: assigned.tags.iter().map(|tag| tag.as_str().to_owned()).collect(),
            head_start_ms: short_milliseconds(assigned.head_start),
        }
    }
}

impl TryFrom<v1::Assigned> for Assigned {
    type Error = InvalidFrame;

    fn try_from(assigned: v1::Assigned) -> Result<Self, InvalidFrame> {
        if assigned.tags.len() > bounds::ASSIGNED_TAGS {
            return Err(InvalidFrame("assigned.tags are too many"));
        }
        Ok(Assigned {
            pool: (!assigned.pool.is_empty()).then(|| pool(&assigned.pool)).transpose()?,
            tags: tags(&assigned.tags)?,
            head_start: Duration::from_millis(assigned.head_start_ms.into()),
        })
    }
}

pub(super) fn required(wishes: Option<v1::Wishes>) -> Result<Wishes, InvalidFrame> {
    wishes.ok_or(InvalidFrame("wishes are missing"))?.try_into()
}

pub(super) fn pool(name: &str) -> Result<PoolName, InvalidFrame> {
    PoolName::new(name).ok_or(InvalidFrame("pool is no pool's name"))
}

pub(super) fn tags(tags: &[String]) -> Result<Vec<Tag>, InvalidFrame> {
    if tags.len() > bounds::WISH_TAGS {
        return Err(InvalidFrame("tags are too many"));
    }
    tags.iter().map(|tag| Tag::new(tag).ok_or(InvalidFrame("tags have what is no tag"))).collect()
}

/// Empty where nothing is recorded.
pub(super) fn context_bytes(context: Option<&TraceContext>) -> Bytes {
    context.map_or_else(Bytes::new, |context| context.to_bytes().into())
}

fn short_milliseconds(duration: Duration) -> u32 {
    u32::try_from(milliseconds(duration)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Identity;

    #[test]
    fn what_a_token_assigns_is_the_same_on_the_other_side() {
        let tags = vec![Tag::new("gold").unwrap(), Tag::new("go").unwrap()];
        let whole = Assigned { pool: PoolName::new("adults"), tags, head_start: Duration::from_secs(2) };
        for assigned in [None, Some(whole.clone()), Some(Assigned { pool: None, ..whole })] {
            let identity = Identity { assigned: assigned.map(Box::new), ..Identity::unverified("ann".to_owned()) };
            assert_eq!(Identity::try_from(v1::Identify::from(identity.clone())), Ok(identity));
        }
    }

    #[test]
    fn what_no_token_assigns_is_no_frame() {
        let tags = vec!["t".to_owned(); bounds::ASSIGNED_TAGS + 1];
        for assigned in [
            v1::Assigned { tags, ..v1::Assigned::default() },
            v1::Assigned { tags: vec![String::new()], ..v1::Assigned::default() },
            v1::Assigned { pool: "p".repeat(bounds::POOL + 1), ..v1::Assigned::default() },
        ] {
            assert!(Assigned::try_from(assigned).is_err());
        }
    }
}
