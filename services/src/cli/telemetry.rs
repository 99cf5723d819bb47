//! The settings of what a process tells of itself.

use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};

use super::traces::TraceArgs;

/// What a process tells of itself.
#[derive(Debug, Args)]
pub(crate) struct TelemetryArgs {
    #[command(flatten)]
    pub(crate) logs: LogArgs,
    #[command(flatten)]
    pub(crate) traces: TraceArgs,
}

/// What is logged, and how. Which lines: RUST_LOG.
#[derive(Debug, Args)]
#[command(next_help_heading = "Operations")]
pub(crate) struct LogArgs {
    /// How lines of the log look; `auto`: pretty on a terminal, and JSON otherwise
    #[arg(long, env, default_value = "auto", value_name = "FORMAT")]
    pub(crate) log_format: LogFormat,
    /// Lines that may wait to be written; more are lost and counted
    #[arg(long, env, default_value = "8192", value_name = "COUNT", value_parser = clap::value_parser!(u32).range(64..=1_048_576))]
    pub(crate) log_queue_lines: u32,
}

/// How lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// As suits whoever reads.
    Auto,
    /// For people.
    Pretty,
    /// One object a line.
    Json,
}

/// What of clients is logged.
#[derive(Debug, Args)]
#[command(next_help_heading = "Operations")]
pub(crate) struct ClientLogArgs {
    /// Whether the log's debug lines tell clients' addresses
    #[arg(long, env, default_value = "false", value_name = "BOOL", value_parser = BoolishValueParser::new(), action = clap::ArgAction::Set,
        num_args = 0..=1, default_missing_value = "true")]
    pub(crate) log_addresses: bool,
}
