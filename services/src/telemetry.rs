//! What a process tells of itself while it runs, save its metrics: its log, and spans where a collector takes them.

use duet_matchmaker::server::LogFilter;
use duet_proto::spans::Spans;
use tokio::time::Instant;

use crate::cli::TelemetryArgs;
use crate::failure::Failure;

mod collector;
mod lines;
mod logs;
mod traces;

use logs::Logs;
pub(crate) use logs::LostLines;
use traces::Traces;
pub(crate) use traces::{Protocol, TraceExport};

/// A process's log and traces. What waits to be written when this is dropped is waited for, but not for long.
pub(crate) struct Telemetry {
    traces: Option<Traces>,
    logs: Logs,
}

impl Telemetry {
    /// Starts what the settings ask for. `process` is what it is called in traces, unless they say.
    pub(crate) fn start(args: &TelemetryArgs, process: &str) -> Result<Self, Failure> {
        let export = args.traces.export(process).map_err(Failure::Setting)?;
        Ok(Telemetry { logs: Logs::start(&args.logs)?, traces: export.map(Traces::start).transpose()? })
    }

    /// What makes spans, where they are exported.
    pub(crate) fn spans(&self) -> Option<Spans> {
        self.traces.as_ref().map(Traces::spans)
    }

    /// Exports what is left, as far as that can be done in time. Spans that end later are lost.
    pub(crate) async fn end(&self, deadline: Instant) {
        if let Some(traces) = &self.traces {
            traces.end(deadline).await;
        }
    }

    /// What changes the log's filter while the process runs.
    pub(crate) fn log_filter(&self) -> LogFilter {
        self.logs.filter()
    }

    /// The lines of the log that were lost because nobody read it.
    pub(crate) fn lost_lines(&self) -> LostLines {
        self.logs.lost()
    }
}
