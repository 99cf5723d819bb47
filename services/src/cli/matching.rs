//! The settings of who meets whom.

use std::sync::Arc;

use clap::Args;
use duet_matchmaker::{Config, QuarantineConfig};
use duet_proto::frame::PoolName;

use super::values::{Milliseconds, Seconds, elements};

/// Who meets whom, and who doesn't.
#[derive(Debug, Args)]
#[command(next_help_heading = "Matching")]
pub(crate) struct MatchingArgs {
    /// The only pools there are, by commas [default: whichever clients name]
    #[arg(long, env, value_name = "NAMES")]
    pools: Option<Pools>,
    /// How many pools there may be at a time; 0 is no limit
    #[arg(long, env, default_value = "10000", value_name = "COUNT")]
    max_pools: usize,
    /// How long a client insists on a shared tag and its region if it does not say
    #[arg(long, env, default_value = "5000", value_name = "MS")]
    patience_ms: Milliseconds,
    /// The least that a client may say
    #[arg(long, env, default_value = "0", value_name = "MS")]
    min_patience_ms: Milliseconds,
    /// The most that a client may say
    #[arg(long, env, default_value = "60000", value_name = "MS")]
    max_patience_ms: Milliseconds,
    /// The most by which a priority goes before others
    #[arg(long, env, default_value = "5000", value_name = "MS")]
    max_head_start_ms: Milliseconds,
    /// After how long who waits is told how it stands if that has changed much, then after twice as long, and so on; 0 is never
    #[arg(long, env, default_value = "5000", value_name = "MS")]
    waiting_news_after_ms: Milliseconds,
    /// How long two who have met had better meet others
    #[arg(long, env, default_value = "300000", value_name = "MS")]
    rematch_avoid_ms: Milliseconds,
    /// How many of the last partners that is about
    #[arg(long, env, default_value = "32", value_parser = clap::value_parser!(u16).range(..=256), value_name = "COUNT")]
    recent_partners: u16,
    /// How long both have to have waited until they meet again all the same
    #[arg(long, env, default_value = "5000", value_name = "MS")]
    rematch_patience_ms: Milliseconds,
    /// How long two verified users don't meet after a report
    #[arg(long, env, default_value = "2592000", value_name = "SECONDS")]
    block_seconds: Seconds,
    /// How many pairs of users are kept from meeting; past that the one that would end first is let go
    #[arg(long, env, default_value = "1000000", value_name = "COUNT")]
    max_blocks: usize,
    /// How many different reporters put somebody into quarantine; 0 is none
    #[arg(long, env, default_value = "10", value_name = "COUNT")]
    quarantine_reporters: usize,
    /// How long a report counts
    #[arg(long, env, default_value = "3600", value_name = "SECONDS")]
    quarantine_within_seconds: Seconds,
    /// How long a quarantine lasts
    #[arg(long, env, default_value = "3600", value_name = "SECONDS")]
    quarantine_seconds: Seconds,
    /// How many reports of one reporter count in the time that a report counts; 0 is no limit
    #[arg(long, env, default_value = "20", value_name = "COUNT")]
    max_reports_per_reporter: usize,
}

/// Names of pools.
#[derive(Clone, Debug)]
struct Pools(Arc<[PoolName]>);

impl std::str::FromStr for Pools {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let pools: Option<Vec<_>> = elements(text).map(PoolName::new).collect();
        match pools {
            Some(pools) if !pools.is_empty() => Ok(Pools(pools.into())),
            _ => Err("expected names of pools by commas, each of 1 to 64 characters"),
        }
    }
}

impl MatchingArgs {
    /// What is wrong with the settings together.
    pub(crate) fn problem(&self) -> Option<String> {
        let is_crossed = self.min_patience_ms.0 > self.max_patience_ms.0;
        is_crossed.then(|| "MIN_PATIENCE_MS is above MAX_PATIENCE_MS".to_owned())
    }

    pub(crate) fn apply(&self, config: Config) -> Config {
        Config {
            pools: self.pools.as_ref().map(|pools| pools.0.clone()),
            max_pools: self.max_pools,
            patience: self.patience_ms.0,
            patience_bounds: (self.min_patience_ms.0, self.max_patience_ms.0),
            max_head_start: self.max_head_start_ms.0,
            news_after: self.waiting_news_after_ms.0,
            rematch_avoid: self.rematch_avoid_ms.0,
            recent_partners: self.recent_partners.into(),
            rematch_patience: self.rematch_patience_ms.0,
            block_for: self.block_seconds.0,
            max_blocks: self.max_blocks,
            quarantine: QuarantineConfig {
                reporters: self.quarantine_reporters,
                within: self.quarantine_within_seconds.0,
                lasts: self.quarantine_seconds.0,
                reports_by_one: self.max_reports_per_reporter,
                ..QuarantineConfig::default()
            },
            ..config
        }
    }
}
