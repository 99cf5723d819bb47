//! What of a client's matches is traced: a span from its wish to its end, and one for each match that is told. The machines only pass on which
//! trace a wish belongs to; where nothing is recorded, nothing is carried.

use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use duet_proto::frame::{Doing, Down, DownFrame, Matched, Up, Wishes};
use duet_proto::spans::{Spans, link_to};
use duet_proto::time::Time;
use duet_proto::trace::{MatchTraces, TraceContext};
use http::HeaderMap;
use opentelemetry::global::BoxedSpan;
use opentelemetry::trace::{Span as _, SpanBuilder, SpanContext, SpanKind, TraceContextExt as _};
use opentelemetry::{Context, KeyValue};

use super::Shared;
use super::connection::Connection;
use super::worker::Worker;
use crate::limits::Bucket;

/// What is traced.
#[derive(Clone, Debug)]
pub struct TraceSettings {
    /// What makes spans.
    pub spans: Spans,
    /// Whether a request may say to which trace its client's wishes belong.
    pub upgrades: bool,
    /// How many requests a second may ask for their trace to be recorded; 0 is no limit.
    pub upgrade_rate: u32,
}

impl TraceSettings {
    /// The trace that a request asks for. Anybody can ask, so it is heeded only so often.
    pub(super) fn asked(&self, headers: &HeaderMap, asked: &Mutex<UpgradeRate>, now: Time) -> Option<Box<SpanContext>> {
        let span = self.spans.asked(headers).filter(|_| self.upgrades)?;
        let is_within = !span.is_sampled() || asked.lock().is_ok_and(|mut rate| rate.take(self.upgrade_rate, now));
        is_within.then(|| Box::new(span))
    }
}

impl Shared {
    /// The trace that a request asks for, where requests may.
    pub(super) fn asked_trace(&self, headers: &HeaderMap) -> Option<Box<SpanContext>> {
        self.settings.traces.as_ref()?.asked(headers, &self.asked_traces, self.clock.now())
    }
}

/// How often requests have asked for their trace to be recorded.
#[derive(Debug)]
pub(super) struct UpgradeRate {
    bucket: Bucket,
    counted: Time,
}

impl UpgradeRate {
    pub(super) fn new(rate: u32, now: Time) -> Self {
        UpgradeRate { bucket: Bucket::full(rate), counted: now }
    }

    fn take(&mut self, rate: u32, now: Time) -> bool {
        self.bucket.fill(now.since(self.counted), rate, rate);
        self.counted = now;
        self.bucket.take(1, rate)
    }
}

/// What of one client is traced.
#[derive(Debug, Default)]
pub(super) struct ClientTrace {
    /// What its request said.
    asked: Option<Box<SpanContext>>,
    /// While its newest wish is recorded and not over.
    wish: Option<Box<Wish>>,
}

impl ClientTrace {
    pub(super) fn new(asked: Option<Box<SpanContext>>) -> Self {
        ClientTrace { asked, wish: None }
    }

    fn end_wish(&mut self, outcome: &'static str) {
        if let Some(mut wish) = self.wish.take() {
            wish.span.set_attribute(KeyValue::new(OUTCOME, outcome));
        }
    }
}

/// Ends when it is dropped.
#[derive(Debug)]
struct Wish {
    attempt: u32,
    span: BoxedSpan,
}

impl Wish {
    fn context(&self) -> TraceContext {
        self.span.span_context().into()
    }
}

impl Worker {
    /// A session's frame is about to go to its matchmaker.
    pub(super) fn trace_up(&self, connection: &Connection, kind: &mut Up) {
        let Some(settings) = &self.shared.settings.traces else { return };
        let end = |outcome| connection.trace.borrow_mut().end_wish(outcome);
        match kind {
            Up::Join(join) => {
                begin_wish(&settings.spans, connection, join.attempt, &mut join.wishes, join.waited);
            }
            Up::Next { attempt, wishes } => {
                begin_wish(&settings.spans, connection, *attempt, wishes, Duration::ZERO);
            }
            Up::Attach(attach) => match &mut attach.doing {
                // It is told to another matchmaker, or to the same one again.
                Doing::Waiting(join) if has_begun(connection, join.attempt) => {
                    let context = connection.trace.borrow().wish.as_ref().map(|wish| wish.context());
                    join.wishes.trace = context.map(Into::into);
                }
                Doing::Waiting(join) if join.wishes.trace.is_none() => {
                    begin_wish(&settings.spans, connection, join.attempt, &mut join.wishes, join.waited);
                }
                Doing::Waiting(_) | Doing::InRoom(_) => {}
                Doing::Idle => end("refused"),
            },
            Up::Leave { .. } => end("left"),
            Up::End => end("ended"),
            _ => {}
        }
    }

    /// A frame has come for a session and is about to be handled. What is told of it lasts until what is given is dropped.
    pub(super) fn trace_down(&self, connection: &Connection, frame: &DownFrame) -> Option<Delivery> {
        let settings = self.shared.settings.traces.as_ref()?;
        let mut trace = connection.trace.borrow_mut();
        let is_its = |wish: &Wish| frame.kind.ticket().is_some_and(|ticket| ticket.attempt == wish.attempt);
        match &frame.kind {
            Down::Waiting(waiting) => {
                let wish = trace.wish.as_mut().filter(|wish| is_its(wish))?;
                let position = i64::try_from(waiting.position).unwrap_or(i64::MAX);
                let event = if waiting.widened { "widened" } else { "waiting" };
                wish.span.add_event(event, vec![KeyValue::new("duet.position", position)]);
                None
            }
            Down::Matched(matched) => {
                if let Some(wish) = trace.wish.as_mut().filter(|wish| is_its(wish)) {
                    wish.span.set_attribute(KeyValue::new(ROOM, matched.room.to_string()));
                    trace.end_wish("matched");
                }
                Delivery::begin(&settings.spans, matched)
            }
            Down::PoolFull { .. } if trace.wish.as_ref().is_some_and(|wish| is_its(wish)) => {
                trace.end_wish("refused");
                None
            }
            _ => None,
        }
    }
}

fn has_begun(connection: &Connection, attempt: u32) -> bool {
    connection.trace.borrow().wish.as_ref().is_some_and(|wish| wish.attempt == attempt)
}

/// Begins the span of a wish, which began some time ago, and ends that of the one before.
fn begin_wish(spans: &Spans, connection: &Connection, attempt: u32, wishes: &mut Wishes, waited: Duration) {
    let mut trace = connection.trace.borrow_mut();
    trace.end_wish("replaced");
    let client = connection.session.borrow().client();
    let session = i64::try_from(connection.number.0).unwrap_or(i64::MAX);
    let span = SpanBuilder::from_name("wish")
        .with_kind(SpanKind::Server)
        .with_start_time(SystemTime::now() - waited)
        .with_attributes([
            KeyValue::new("duet.client.id", client.to_string()),
            KeyValue::new("duet.session", session),
            KeyValue::new("duet.attempt", i64::from(attempt)),
        ]);
    let span = spans.begin(span, trace.asked.as_deref());
    trace.wish = span.map(|span| Box::new(Wish { attempt, span }));
    let context = trace.wish.as_ref().map(|wish| wish.context());
    wishes.trace = context.map(Into::into);
    let in_span = context.map(|context| Context::new().with_remote_span_context(context.into()).attach());
    tracing::debug!(%client, session, attempt, "asks for a partner");
    drop(in_span);
}

/// The spans of one match that is told to a client: in its own trace, and in its partner's. They end when they are dropped.
pub(super) struct Delivery {
    spans: [Option<BoxedSpan>; 2],
}

impl Delivery {
    fn begin(spans: &Spans, matched: &Matched) -> Option<Self> {
        let MatchTraces { own, partner } = **matched.traces.as_ref()?;
        let span = |context: Option<TraceContext>, other: Option<TraceContext>, is_own: bool| {
            let span = SpanBuilder::from_name("deliver matched")
                .with_kind(SpanKind::Consumer)
                .with_links(other.map(link_to).into_iter().collect())
                .with_attributes([
                    KeyValue::new(ROOM, matched.room.to_string()),
                    KeyValue::new("duet.initiator", matched.initiator),
                    KeyValue::new("duet.to", if is_own { "self" } else { "partner" }),
                ]);
            spans.begin(span, Some(&context?.into()))
        };
        Some(Delivery { spans: [span(own, partner, true), span(partner, own, false)] })
    }

    /// Where lines of the log belong that are about it.
    pub(super) fn context(&self) -> Context {
        let context = self.spans.iter().flatten().next().map(|span| span.span_context().clone());
        context.map_or_else(Context::new, |span| Context::new().with_remote_span_context(span))
    }
}

const OUTCOME: &str = "duet.outcome";
const ROOM: &str = "duet.room.id";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_requests_a_second_have_their_trace_recorded() {
        let start = Time::ZERO;
        let mut rate = UpgradeRate::new(2, start);
        let taken = |rate: &mut UpgradeRate, now| (0..5).filter(|_| rate.take(2, now)).count();
        assert_eq!(taken(&mut rate, start), 2);
        assert_eq!(taken(&mut rate, start + Duration::from_millis(500)), 1);
        assert_eq!(taken(&mut rate, start + Duration::from_secs(60)), 2);
        let mut without = UpgradeRate::new(0, start);
        assert!((0..1000).all(|_| without.take(0, start)), "0 is no limit");
    }
}
