//! What a process tells of itself while it runs, save its metrics: its log.

use duet_matchmaker::server::LogFilter;

use crate::cli::TelemetryArgs;
use crate::failure::Failure;

mod lines;
mod logs;

use logs::Logs;
pub(crate) use logs::LostLines;

/// A process's log. What waits to be written when this is dropped is waited for, but not for long.
pub(crate) struct Telemetry {
    logs: Logs,
}

impl Telemetry {
    /// Starts what the settings ask for.
    pub(crate) fn start(args: &TelemetryArgs) -> Result<Self, Failure> {
        Ok(Telemetry { logs: Logs::start(&args.logs)? })
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
