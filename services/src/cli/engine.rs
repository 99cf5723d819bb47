//! The settings of the engine by which matchmakers share their pools.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use duet_matchmaker::server::engine::{EngineSettings, EngineUrl, Namespace};

use super::secret::{SecretText, secret};
use super::values::{Milliseconds, positive_milliseconds};
use crate::failure::Failure;

/// How a matchmaker reaches the engine.
#[derive(Debug, Args)]
#[command(next_help_heading = "Matchmaker: engine")]
pub(crate) struct EngineArgs {
    /// The Redis or Valkey by which several matchmakers share their pools: redis://HOST:PORT, rediss://HOST:PORT, unix:///PATH, or
    /// redis+sentinel://HOST:PORT,HOST:PORT/NAME, each with USER:PASSWORD@ where that is needed [default: none, pools are this matchmaker's own]
    #[arg(long, env, default_value = "", hide_default_value = true, hide_env_values = true, value_name = "URL")]
    engine_url: SecretText,
    /// A file with ENGINE_URL
    #[arg(long, env, default_value = "", hide_default_value = true, value_name = "PATH")]
    engine_url_file: String,
    /// The first part of all keys; deployments with the same one share their pools
    #[arg(long, env, default_value = "duet", value_name = "NAME")]
    engine_namespace: Namespace,
    /// How long the engine may take to answer, until it is asked over another connection
    #[arg(long, env, default_value = "300", value_name = "MS", value_parser = positive_milliseconds)]
    engine_timeout_ms: Milliseconds,
    /// Who may have signed the certificate of an engine of rediss, as PEM [default: whom the system trusts]
    #[arg(long, env, value_name = "PATH")]
    engine_ca_file: Option<PathBuf>,
    /// Requests that may wait while the engine is away; past that they are dropped, and all who wait are sought for anew once it is back
    #[arg(long, env, default_value = "65536", value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    engine_queue: u32,
}

impl EngineArgs {
    /// The engine's settings, if there is one.
    pub(crate) fn read(&self) -> Result<Option<EngineSettings>, Failure> {
        let text = secret(("ENGINE_URL", &self.engine_url), ("ENGINE_URL_FILE", &self.engine_url_file))?;
        let Some(SecretText(text)) = text else { return Ok(None) };
        let url: EngineUrl = text.parse().map_err(|error| Failure::Setting(format!("ENGINE_URL {error}")))?;
        let ca = self.engine_ca_file.as_ref().map(|path| {
            let unread = |error| Failure::Setting(format!("ENGINE_CA_FILE: {}: {error}", path.display()));
            fs::read(path).map_err(unread)
        });
        let settings = EngineSettings {
            namespace: self.engine_namespace.clone(),
            timeout: self.engine_timeout_ms.0,
            ca: ca.transpose()?,
            queue: self.engine_queue as usize,
            ..EngineSettings::new(url)
        };
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
        Alone::try_parse_from(args).map_err(|error| Failure::Usage(Box::new(error)))?.engine.read()
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
        assert!(refused.starts_with("ENGINE_URL must be redis://") && !refused.contains("secret"), "{refused}");
        let useless = problem(&["--engine-url", "redis://host", "--engine-ca-file", "/dev/null"]);
        assert!(useless.starts_with("ENGINE_CA_FILE: "), "{useless}");
        let empty = problem(&["--engine-url", "rediss://host", "--engine-ca-file", "/dev/null"]);
        assert!(empty.starts_with("ENGINE_CA_FILE: has no certificates"), "{empty}");
        let missing = problem(&["--engine-url", "rediss://host", "--engine-ca-file", "/nowhere"]);
        assert!(missing.starts_with("ENGINE_CA_FILE: /nowhere: "), "{missing}");
        assert!(matches!(read(&["--engine-namespace", "a:b"]), Err(Failure::Usage(_))));
    }
}
