//! What is simulated, and where the figures go.

use std::path::PathBuf;

use clap::Args;

/// Tells how long people would wait and whom they would meet: the matchmaker in simulated time, without a network.
///
/// People come, talk and go as a scenario says, and are matched by the matchmaker and, on the same arrivals, by simpler ways to compare it
/// with: the oldest waiter at once, any waiter at once, everybody every second, everybody every 15 seconds. The same seed gives the same
/// figures. Times are those of tickets from joining the queue to the match.
#[derive(Debug, Args)]
pub(crate) struct Simulate {
    /// The scenario, as TOML [default: the standard scenario]
    #[arg(long, value_name = "FILE")]
    pub(crate) scenario: Option<PathBuf>,
    /// What decides who comes when, with which wishes
    #[arg(long, default_value = "1", value_name = "NUMBER")]
    pub(crate) seed: u64,
    /// Draw the figures there, as SVG
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
    /// Print the figures as JSON instead of tables
    #[arg(long)]
    pub(crate) json: bool,
    /// Print the standard scenario with what each setting means, to begin with, and end
    #[arg(long, conflicts_with_all = ["scenario", "svg", "json"])]
    pub(crate) print_scenario: bool,
}
