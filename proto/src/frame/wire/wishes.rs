//! Wishes, and what is in them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::{InvalidFrame, milliseconds};
use crate::bounds;
use crate::frame::{Avoided, PoolName, Preferences, Region, Tag, Wishes};
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
