//! Logs: standard error, filtered by `RUST_LOG` until somebody asks for another filter. Lines are written by a thread of their own, so that
//! whoever does not read them stops nothing.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use duet_matchmaker::server::LogFilter;
use tracing::{Level, Metadata, Subscriber};
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::{FilterExt as _, filter_fn};
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, fmt, reload};

use super::lines::Format;
use crate::cli::{LogArgs, LogFormat};
use crate::failure::Failure;

/// Logs as long as this lives; what waits to be written then is waited for, but not for long.
pub(super) struct Logs {
    filter: LogFilter,
    lost: ErrorCounter,
    writer: Option<WorkerGuard>,
}

impl Logs {
    /// Starts logging. A bad filter is an error rather than a silent log.
    pub(super) fn start(args: &LogArgs) -> Result<Self, Failure> {
        let filter = match std::env::var("RUST_LOG") {
            Ok(filter) if !filter.is_empty() => {
                parse(&filter).map_err(|why| Failure::Setting(format!("RUST_LOG: {why}")))?
            }
            _ => EnvFilter::new(DEFAULT_FILTER),
        };
        let is_terminal = std::io::stderr().is_terminal();
        let is_json = match args.log_format {
            LogFormat::Auto => !is_terminal,
            LogFormat::Json => true,
            LogFormat::Pretty => false,
        };
        let queue = NonBlockingBuilder::default().lossy(true).buffered_lines_limit(args.log_queue_lines as usize);
        let (writer, guard) = queue.thread_name("log").finish(std::io::stderr());
        let lost = writer.error_counter();
        let (lines, filter) = filtered(formatted(writer, is_json, is_terminal), filter);
        tracing_subscriber::registry().with(lines).init();
        Ok(Logs { filter, lost, writer: Some(guard) })
    }

    /// What changes the filter while the process runs.
    pub(super) fn filter(&self) -> LogFilter {
        self.filter.clone()
    }

    /// How many lines were lost because nobody read them.
    pub(super) fn lost(&self) -> LostLines {
        LostLines(self.lost.clone())
    }
}

impl Drop for Logs {
    fn drop(&mut self) {
        // On a thread of its own: where nobody reads what a process writes, this waits to say so.
        let (written, wait) = sync_channel(1);
        let writer = self.writer.take();
        let write = thread::Builder::new().spawn(move || {
            drop(writer);
            written.send(())
        });
        if write.is_ok() {
            let _ = wait.recv_timeout(END_WITHIN);
        }
    }
}

/// Lines that found no place in the queue.
#[derive(Clone, Debug)]
pub(crate) struct LostLines(ErrorCounter);

impl LostLines {
    pub(crate) fn count(&self) -> u64 {
        self.0.dropped_lines() as u64
    }
}

fn parse(filter: &str) -> Result<EnvFilter, String> {
    EnvFilter::try_new(filter).map_err(|error| format!("'{filter}' is no filter: {error}"))
}

/// Lines that pass a filter, and what changes it.
fn filtered<S>(lines: Lines<S>, filter: EnvFilter) -> (impl Layer<S>, LogFilter)
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let (filter, handle) = reload::Layer::new(filter);
    let set = move |text: &str| {
        handle.reload(parse(text)?).map_err(|error| error.to_string())?;
        tracing::warn!(filter = text, "the log's filter was changed");
        Ok(())
    };
    (lines.with_filter(filter.and(filter_fn(keeps_secrets))), LogFilter::new(Arc::new(set)))
}

type Lines<S> = Box<dyn Layer<S> + Send + Sync>;

fn formatted<S, W>(writer: W, is_json: bool, is_terminal: bool) -> Lines<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> fmt::MakeWriter<'a> + Send + Sync + 'static,
{
    if is_json {
        let format = fmt::format().json().flatten_event(true).with_current_span(false).with_span_list(false);
        let fields = fmt::format::JsonFields::new();
        fmt::layer().with_writer(writer).fmt_fields(fields).event_format(Format::Json(format)).boxed()
    } else {
        let format = fmt::format().with_ansi(is_terminal);
        fmt::layer().with_writer(writer).with_ansi(is_terminal).event_format(Format::Text(format)).boxed()
    }
}

/// What clients say is in no log, whatever the filter asks for: the WebSocket library writes whole messages, tokens and all, at its
/// finer levels.
fn keeps_secrets(event: &Metadata<'_>) -> bool {
    let is_framing = event.target().starts_with("tungstenite") || event.target().starts_with("tokio_tungstenite");
    !is_framing || *event.level() <= Level::INFO
}

/// How long what waits to be written may hold up the end.
const END_WITHIN: Duration = Duration::from_secs(2);
/// hyper warns of every client that never finishes its request, which says nothing about us.
const DEFAULT_FILTER: &str = "info,hyper=error";

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_filter_can_be_changed_while_it_logs_but_not_to_what_tells_secrets() {
        let written = Written::default();
        let writer = written.clone();
        let lines = formatted(move || writer.clone(), true, false);
        let (lines, filter) = filtered(lines, EnvFilter::new(DEFAULT_FILTER));
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), || {
            tracing::debug!("before");
            filter.set("debug").unwrap();
            tracing::debug!("between");
            assert!(filter.set("duet=nonsense").unwrap_err().contains("duet=nonsense"));
            filter.set("warn,tungstenite=trace").unwrap();
            tracing::debug!("after");
            tracing::trace!(target: "tungstenite::protocol", "a message");
        });
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let said = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["message"].clone();
        let changed = "the log's filter was changed";
        assert_eq!(text.lines().map(said).collect::<Vec<_>>(), [changed, "between", changed]);
    }
}
