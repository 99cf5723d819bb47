//! The settings of the engine by which matchmakers share their pools.

use std::fs;

use clap::Args;
use duet_matchmaker::server::engine::{EngineSettings, EngineUrl, Namespace};

use super::secret::{SecretText, secret};
use super::values::{Milliseconds, positive_milliseconds};
use crate::failure::Failure;

/// What several matchmakers share.
#[derive(Debug, Args)]
#[command(next_help_heading = "Several matchmakers")]
pub(crate) struct EngineArgs {
    /// The Valkey or Redis by which matchmakers share their pools: redis://, rediss://, unix:// or redis+sentinel://HOST:PORT,HOST:PORT/NAME; may have a user and a password [default: none, and one matchmaker keeps its pools to itself]
    #[arg(long, env, hide_env_values = true, default_value = "", hide_default_value = true, value_name = "URL")]
    engine_url: SecretText,
    /// File with ENGINE_URL in it
    #[arg(long, env, default_value = "", hide_default_value = true, value_name = "PATH")]
    engine_url_file: String,
    /// The first part of all keys there: matchmakers of one name share their pools
    #[arg(long, env, default_value = "duet", value_name = "NAME")]
    engine_namespace: Namespace,
    /// How long the engine may take to answer before it is taken for gone
    #[arg(long, env, default_value = "300", value_name = "MS", value_parser = positive_milliseconds)]
    engine_timeout_ms: Milliseconds,
    /// Requests that may wait while the engine is away; past that they are dropped, and it is told anew of all who wait once it is back
    #[arg(long, env, default_value = "65536", value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1024..=16_777_216))]
    engine_queue: u32,
    /// Who must have signed the certificate of an engine of rediss://, as PEM [default: whom the system trusts]
    #[arg(long, env, default_value = "", hide_default_value = true, value_name = "PATH")]
    engine_ca_file: String,
}

impl EngineArgs {
    /// The engine, if there is one.
    pub(crate) fn settings(&self) -> Result<Option<EngineSettings>, Failure> {
        let url = secret(("ENGINE_URL", &self.engine_url), ("ENGINE_URL_FILE", &self.engine_url_file))?;
        let Some(SecretText(url)) = url else { return Ok(None) };
        let url: EngineUrl = url.parse().map_err(|why| Failure::Setting(format!("ENGINE_URL: {why}")))?;
        let ca =
            (!self.engine_ca_file.is_empty()).then(|| fs::read(&self.engine_ca_file)).transpose().map_err(|error| {
                Failure::Setting(format!("ENGINE_CA_FILE '{}' can't be read: {error}", self.engine_ca_file))
            })?;
        let (namespace, timeout) = (self.engine_namespace.clone(), self.engine_timeout_ms.0);
        let queue = self.engine_queue as usize;
        let settings = EngineSettings { namespace, timeout, ca, queue, ..EngineSettings::new(url) };
        match settings.problem_of_ca() {
            Some(problem) => Err(Failure::Setting(format!("ENGINE_CA_FILE: {problem}"))),
            None => Ok(Some(settings)),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Alone {
        #[command(flatten)]
        engine: EngineArgs,
    }

    fn read(flags: &[&str]) -> Result<Option<EngineSettings>, Failure> {
        let args = ["duet"].iter().chain(flags);
        Alone::try_parse_from(args).map_err(|error| Failure::Usage(Box::new(error)))?.engine.settings()
    }

    fn problem(flags: &[&str]) -> String {
        match read(flags) {
            Err(Failure::Setting(problem)) => problem,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn without_a_url_there_is_no_engine() {
        assert!(read(&[]).unwrap().is_none());
        let settings = read(&["--engine-url", "redis://:pass@127.0.0.1:6400"]).unwrap().unwrap();
        assert_eq!(settings.url.to_string(), "redis://127.0.0.1:6400");
        assert!(!format!("{settings:?}").contains("pass"));
    }

    #[test]
    fn what_is_wrong_is_named_without_the_password() {
        let refused = problem(&["--engine-url", "http://:secret@host"]);
        assert!(refused.starts_with("ENGINE_URL: must be redis://") && !refused.contains("secret"), "{refused}");
        let useless = problem(&["--engine-url", "redis://host", "--engine-ca-file", "/dev/null"]);
        assert!(useless.starts_with("ENGINE_CA_FILE: "), "{useless}");
        let empty = problem(&["--engine-url", "rediss://host", "--engine-ca-file", "/dev/null"]);
        assert!(empty.starts_with("ENGINE_CA_FILE: has no certificates"), "{empty}");
        assert!(problem(&["--engine-url", "rediss://host", "--engine-ca-file", "/nowhere"]).contains("/nowhere"));
        assert!(matches!(read(&["--engine-namespace", "a:b"]), Err(Failure::Usage(_))));
    }
}
