//! The settings of watching events and of administration.

use std::path::PathBuf;

use clap::Args;

use super::values::{Milliseconds, positive_milliseconds};

/// Who may do more than ask.
#[derive(Debug, Args)]
#[command(next_help_heading = "Matchmaker: who may ask")]
pub(crate) struct AdminArgs {
    /// Bearer tokens of whoever administers, one a line, each of at least 32 characters [default: none]
    #[arg(long, env, value_name = "PATH")]
    pub(super) admin_token_file: Option<PathBuf>,
    /// Names of which the certificate of whoever administers must have one: DNS names, or URIs as SPIFFE ids [default: none]
    #[arg(long, env, value_name = "NAME[,NAME]", value_delimiter = ',')]
    pub(super) admin_client_names: Vec<String>,
    /// How many may watch events at a time
    #[arg(long, env, default_value = "16", value_name = "COUNT")]
    pub(crate) max_watchers: u16,
    /// After how long a silence watchers are told that the matchmaker is there
    #[arg(long, env, default_value = "10000", value_name = "MS", value_parser = positive_milliseconds)]
    pub(crate) watch_heartbeat_ms: Milliseconds,
}
