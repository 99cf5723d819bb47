//! What the log is told of an engine: what has changed, seldom, however often it comes and goes; and nothing secret.

use tracing::{error, info, warn};

use super::super::seldom::Seldom;
use super::connection::Trouble;
use super::settings::EngineUrl;

/// What has been said of one engine.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// As what it is known to whoever reads the log; `None` before anything was said.
    last: Option<Last>,
    aways: Seldom,
    resyncs: Seldom,
    failures: Seldom,
}

#[derive(Debug, PartialEq, Eq)]
enum Last {
    There,
    Away(Trouble),
}

impl Said {
    /// It can't be asked. What can't be said now is said when it is still so later.
    pub(super) fn away(&mut self, engine: &EngineUrl, trouble: &Trouble) {
        let last = Last::Away(trouble.clone());
        if self.last.as_ref() != Some(&last) {
            self.aways.say(|unsaid| {
                warn!(%engine, %trouble, unsaid, "the engine is away");
                self.last = Some(last);
            });
        }
    }

    /// It can be asked.
    pub(super) fn there(&mut self, engine: &EngineUrl) {
        // It may have been away unsaid; then there is nothing to take back.
        if self.last != Some(Last::There) {
            info!(%engine, "the engine is there");
            self.last = Some(Last::There);
        }
    }

    /// It is asked anew for all who wait.
    pub(super) fn anew(&self, why: &str) {
        self.resyncs.say(|unsaid| warn!(why, unsaid, "the engine is told anew of all who wait"));
    }

    /// It has failed at something.
    pub(super) fn failed(&self, trouble: &Trouble) {
        self.failures.say(|unsaid| error!(%trouble, unsaid, "the engine can't do what it was asked"));
    }
}
