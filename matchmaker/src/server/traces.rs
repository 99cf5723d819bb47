//! The spans of matches: from a wish to the pair, one in the trace of each of the two whose wish is recorded. The machine only passes on which
//! traces those are.

use std::time::{Duration, SystemTime};

use duet_proto::frame::Matched;
use duet_proto::ids::RoomId;
use duet_proto::spans::{Spans, link_to};
use duet_proto::trace::{MatchTraces, TraceContext};
use opentelemetry::trace::{Span as _, SpanBuilder, SpanContext, SpanKind, TraceContextExt as _};
use opentelemetry::{Context, ContextGuard, KeyValue};

use crate::RoomMade;

/// Makes spans of matches, if anything does.
#[derive(Debug, Default)]
pub(crate) struct MatchSpans {
    spans: Option<Spans>,
    /// The room that was made last. Both its members are told at once.
    made: Option<Made>,
}

#[derive(Debug)]
struct Made {
    room: RoomId,
    pool: String,
    tags: usize,
    /// Of the initiator and of the other.
    waited: [Duration; 2],
    /// By the contexts of the wishes, once the first of the two was told.
    matches: Vec<(TraceContext, TraceContext)>,
}

impl MatchSpans {
    pub(crate) fn new(spans: Option<Spans>) -> Self {
        MatchSpans { spans, made: None }
    }

    /// A room was made; its members are told next.
    pub(crate) fn made(&mut self, made: &RoomMade) {
        if self.spans.is_some() {
            let pool = made.pool.as_str().to_owned();
            self.made =
                Some(Made { room: made.room, pool, tags: made.tags.len(), waited: made.waited, matches: Vec::new() });
        }
    }

    /// Somebody is told of a match. Its spans end here; what is told then belongs to them. Lines of the log do as long as what is given lives.
    pub(crate) fn told(&mut self, matched: &mut Matched) -> Option<ContextGuard> {
        let (spans, traces) = (self.spans.as_ref()?, matched.traces.as_deref_mut()?);
        let MatchTraces { own, partner } = *traces;
        // One that is told again after a break of its link was made before.
        let made = self.made.as_mut().filter(|made| made.room == matched.room)?;
        let mut span = |wish: Option<TraceContext>, other: Option<TraceContext>, is_initiator: bool| {
            let wish = wish?;
            if let Some((_, made)) = made.matches.iter().find(|(known, _)| *known == wish) {
                return Some(*made);
            }
            let waited = made.waited[usize::from(!is_initiator)];
            let span = SpanBuilder::from_name("match")
                .with_kind(SpanKind::Server)
                .with_start_time(SystemTime::now() - waited)
                .with_links(other.map(link_to).into_iter().collect())
                .with_attributes([
                    KeyValue::new("duet.room.id", matched.room.to_string()),
                    KeyValue::new("duet.pool", made.pool.clone()),
                    KeyValue::new("duet.waited_ms", i64::try_from(waited.as_millis()).unwrap_or(i64::MAX)),
                    KeyValue::new("duet.tags.shared", i64::try_from(made.tags).unwrap_or(i64::MAX)),
                    KeyValue::new("duet.outcome", "matched"),
                ]);
            let span = spans.begin(span, Some(&wish.into()))?;
            let context = TraceContext::from(span.span_context());
            made.matches.push((wish, context));
            Some(context)
        };
        // Where this process records nothing, what it was told goes on.
        let told = span(own, partner, matched.initiator).or(own);
        *traces = MatchTraces { own: told, partner: span(partner, own, !matched.initiator).or(partner) };
        let context = traces.own.or(traces.partner).map(SpanContext::from)?;
        Some(Context::new().with_remote_span_context(context).attach())
    }
}
