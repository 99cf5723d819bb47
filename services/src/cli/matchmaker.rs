//! The matchmaker's settings.

use clap::Args;
use clap::builder::BoolishValueParser;
use duet_matchmaker::Config;
use duet_proto::queue::Limits;

use super::matching::MatchingArgs;
use super::values::{Milliseconds, host_name, process_name};

/// How the matchmaker pairs.
#[derive(Debug, Args)]
#[command(next_help_heading = "Matchmaker")]
pub(crate) struct MatchmakerArgs {
    /// Whether a client whose partner has gone is put in the queue again
    #[arg(long, env, default_value = "true", value_parser = BoolishValueParser::new(), action = clap::ArgAction::Set, value_name = "BOOL")]
    requeue_on_partner_leave: bool,
    /// How long two are kept apart after `next`, if nobody else comes
    #[arg(long, env, default_value = "3000", value_name = "MS")]
    rematch_after_ms: Milliseconds,
    /// A room that lasted less gives the one who is left its old place in the queue
    #[arg(long, env, default_value = "10000", value_name = "MS")]
    short_room_ms: Milliseconds,
    /// How many may wait in one pool for somebody who suits; 0 is no limit
    #[arg(long, env, default_value = "100000", value_name = "COUNT")]
    max_waiting_per_pool: usize,
    /// How long the sessions of a broken link keep their places and rooms until its gateway is taken for dead
    #[arg(long, env, default_value = "3000", value_name = "MS")]
    link_grace_ms: Milliseconds,
    /// How long after its start the matchmaker waits for both sides of a room to be announced
    #[arg(long, env, default_value = "5000", value_name = "MS")]
    recovery_ms: Milliseconds,
    /// Events that somebody who hears of them may be behind by, and that are kept for watchers who come back
    #[arg(long, env, default_value = "4096", value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    event_backlog: u32,
    /// What gateways and their logs call this matchmaker [default: the host's name]
    #[arg(long, env, value_parser = process_name, value_name = "NAME")]
    matchmaker_name: Option<String>,
    #[command(flatten)]
    matching: MatchingArgs,
}

impl MatchmakerArgs {
    pub(crate) fn name(&self) -> String {
        self.matchmaker_name.clone().unwrap_or_else(host_name)
    }

    /// What is wrong with the settings together.
    pub(crate) fn problem(&self) -> Option<String> {
        self.matching.problem()
    }

    pub(crate) fn config(&self, link_queue: Limits) -> Config {
        self.matching.apply(Config {
            link_queue,
            event_backlog: self.event_backlog as usize,
            requeue_on_partner_leave: self.requeue_on_partner_leave,
            rematch_after: self.rematch_after_ms.0,
            short_room: self.short_room_ms.0,
            link_grace: self.link_grace_ms.0,
            recovery: self.recovery_ms.0,
            max_waiting_per_pool: self.max_waiting_per_pool,
            ..Config::default()
        })
    }
}
