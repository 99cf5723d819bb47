//! Lines of the log as tracing-subscriber writes them, with the trace that they belong to.

use std::fmt;

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, TraceContextExt as _};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{self, Full, Writer};
use tracing_subscriber::fmt::time::SystemTime;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// How lines look.
pub(super) enum Format {
    /// One JSON object a line.
    Json(format::Format<format::Json, SystemTime>),
    /// For people.
    Text(format::Format<Full, SystemTime>),
}

impl<S, N> FormatEvent<S, N> for Format
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, ctx: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let span = Context::map_current(|current| current.span().span_context().clone());
        let mut line = String::new();
        match self {
            Format::Json(format) => {
                format.format_event(ctx, Writer::new(&mut line), event)?;
                write_json(&mut writer, &line, &span)
            }
            Format::Text(format) => {
                format.format_event(ctx, Writer::new(&mut line), event)?;
                write_text(&mut writer, &line, &span)
            }
        }
    }
}

fn write_text(writer: &mut dyn fmt::Write, line: &str, span: &SpanContext) -> fmt::Result {
    writer.write_str(line.trim_end_matches('\n'))?;
    if span.is_sampled() {
        write!(writer, " trace_id={} span_id={}", span.trace_id(), span.span_id())?;
    }
    writer.write_char('\n')
}

/// `line` is an object.
fn write_json(writer: &mut dyn fmt::Write, line: &str, span: &SpanContext) -> fmt::Result {
    let object = line.trim_end_matches('\n');
    let members = object.strip_suffix('}').unwrap_or(object);
    if members.is_ascii() {
        writer.write_str(members)?;
    } else {
        write_visibly(writer, members)?;
    }
    if span.is_sampled() {
        write!(writer, r#","trace_id":"{}","span_id":"{}""#, span.trace_id(), span.span_id())?;
    }
    writer.write_str("}\n")
}

/// JSON lets through what makes a terminal begin a new line or write backwards; escaped it means the same.
fn write_visibly(writer: &mut dyn fmt::Write, json: &str) -> fmt::Result {
    json.chars().try_for_each(|c| match c {
        '\u{80}'..='\u{9f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            write!(writer, "\\u{:04x}", u32::from(c))
        }
        c => writer.write_char(c),
    })
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::{SpanId, TraceFlags, TraceId, TraceState};

    use super::*;

    fn span(flags: TraceFlags) -> SpanContext {
        SpanContext::new(TraceId::from(0xabc), SpanId::from(0xdef), flags, true, TraceState::default())
    }

    fn written(write: impl FnOnce(&mut String) -> fmt::Result) -> String {
        let mut text = String::new();
        write(&mut text).unwrap();
        text
    }

    #[test]
    fn a_line_of_a_sampled_span_names_it() {
        let sampled = span(TraceFlags::SAMPLED);
        let json = written(|text| write_json(text, "{\"a\":1}\n", &sampled));
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(read["trace_id"], "00000000000000000000000000000abc");
        assert_eq!((read["span_id"].as_str(), read["a"].as_u64()), (Some("0000000000000def"), Some(1)));
        let text = written(|text| write_text(text, "INFO x\n", &sampled));
        assert_eq!(text, "INFO x trace_id=00000000000000000000000000000abc span_id=0000000000000def\n");
    }

    #[test]
    fn other_lines_stay_as_they_are() {
        for other in [SpanContext::NONE, span(TraceFlags::NOT_SAMPLED)] {
            assert_eq!(written(|text| write_json(text, "{\"a\":\"é\"}\n", &other)), "{\"a\":\"é\"}\n");
            assert_eq!(written(|text| write_text(text, "INFO x\n", &other)), "INFO x\n");
        }
    }

    #[test]
    fn nothing_in_a_line_looks_like_two() {
        let json = written(|text| write_json(text, "{\"a\":\"x\u{2028}y\u{85}z\u{202e}\"}\n", &SpanContext::NONE));
        assert_eq!(json, "{\"a\":\"x\\u2028y\\u0085z\\u202e\"}\n");
    }
}
