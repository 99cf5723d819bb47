//! Spans as both shells make them: of what is recorded, and of nothing else.

use std::fmt;
use std::sync::Arc;

use http::HeaderMap;
use opentelemetry::Context;
use opentelemetry::global::{BoxedSpan, BoxedTracer};
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{
    Link, Span as _, SpanBuilder, SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState,
    Tracer as _,
};
use opentelemetry_http::HeaderExtractor;

use crate::trace::TraceContext;

/// What makes spans. Clones make them for the same exporter.
#[derive(Clone)]
pub struct Spans {
    tracer: Arc<BoxedTracer>,
    propagator: Arc<dyn TextMapPropagator + Send + Sync>,
}

impl Spans {
    /// With a tracer whose sampler heeds its parents, and what reads `traceparent`.
    pub fn new(tracer: BoxedTracer, propagator: impl TextMapPropagator + Send + Sync + 'static) -> Self {
        Spans { tracer: Arc::new(tracer), propagator: Arc::new(propagator) }
    }

    /// The span that a request says it belongs to.
    pub fn asked(&self, headers: &HeaderMap) -> Option<SpanContext> {
        let context = self.propagator.extract_with_context(&Context::new(), &HeaderExtractor(headers));
        let span = context.span().span_context().clone();
        span.is_valid().then_some(span)
    }

    /// Begins a span, if it is to be recorded. Without a parent it is the first of a trace.
    pub fn begin(&self, span: SpanBuilder, parent: Option<&SpanContext>) -> Option<BoxedSpan> {
        let root = Context::new();
        let parent = parent.map_or_else(|| root.clone(), |parent| root.with_remote_span_context(parent.clone()));
        let span = self.tracer.build_with_context(span, &parent);
        (span.is_recording() && span.span_context().is_sampled()).then_some(span)
    }
}

impl fmt::Debug for Spans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Spans(..)")
    }
}

impl From<&SpanContext> for TraceContext {
    fn from(span: &SpanContext) -> Self {
        TraceContext {
            trace: span.trace_id().to_bytes(),
            span: span.span_id().to_bytes(),
            flags: span.trace_flags().to_u8(),
        }
    }
}

impl From<TraceContext> for SpanContext {
    fn from(context: TraceContext) -> Self {
        let (trace, span) = (TraceId::from_bytes(context.trace), SpanId::from_bytes(context.span));
        SpanContext::new(trace, span, TraceFlags::new(context.flags), true, TraceState::default())
    }
}

/// A link to a span of another trace.
pub fn link_to(context: TraceContext) -> Link {
    Link::with_context(context.into())
}
