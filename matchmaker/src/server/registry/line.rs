//! A connection to the engine: opened when wanted, dropped when it fails, and never waited for for long.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Pipeline, Value};
use tokio::sync::Mutex;
use tokio::time::timeout;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::RegistrySettings;
use crate::server::engine::{self, EngineSettings};
use crate::server::refusals;

/// The engine is away, or answers nonsense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Away;

/// What somebody is told who needs it.
pub(crate) fn engine_away(text: &str) -> Status {
    let mut details = refusals::info("ENGINE_AWAY", &[]);
    details.set_retry_info(Some(RETRY_AFTER));
    Status::with_error_details(Code::Unavailable, text, details)
}

impl From<Away> for Status {
    fn from(_: Away) -> Self {
        engine_away("the engine that replicas share is away")
    }
}

/// One connection.
pub(super) struct Line {
    engine: EngineSettings,
    answer_within: Duration,
    open: Mutex<Option<MultiplexedConnection>>,
}

impl Line {
    pub(super) fn new(settings: &RegistrySettings) -> Self {
        Line { engine: settings.engine.clone(), answer_within: settings.answer_within, open: Mutex::new(None) }
    }

    /// Asks, and gets one answer for each command.
    pub(super) async fn run(&self, asked: &Pipeline) -> Result<Vec<Value>, Away> {
        self.run_within(asked, Duration::ZERO).await
    }

    /// The same of what nobody waits for.
    pub(super) async fn write(&self, written: &Pipeline) -> Result<Vec<Value>, Away> {
        self.run_within(written, WRITES_LONGER).await
    }

    /// The same of what may take so much longer.
    pub(super) async fn run_within(&self, asked: &Pipeline, longer: Duration) -> Result<Vec<Value>, Away> {
        let answered = timeout(self.answer_within + longer, async {
            let mut connection = self.connection().await?;
            let answers = asked.query_async::<Vec<Value>>(&mut connection).await;
            answers.map_err(|error| Box::<str>::from(error.category()))
        });
        let why: Box<str> = match answered.await {
            Ok(Ok(answers)) => return Ok(answers),
            Ok(Err(why)) => why,
            Err(_) => "no answer in time".into(),
        };
        tracing::debug!(%why, "what replicas tell each other is held up");
        self.give_up().await;
        Err(Away)
    }

    async fn connection(&self) -> Result<MultiplexedConnection, Box<str>> {
        let mut open = self.open.lock().await;
        if let Some(connection) = &*open {
            return Ok(connection.clone());
        }
        Ok(open.insert(engine::connect(&self.engine).await.map_err(|trouble| trouble.text)?).clone())
    }

    /// The next one opens a new connection: on this one an answer may still come that nobody waits for.
    async fn give_up(&self) {
        *self.open.lock().await = None;
    }
}

/// To be late is better here than to begin anew.
const WRITES_LONGER: Duration = Duration::from_secs(2);
/// When one who needs the engine may ask again.
const RETRY_AFTER: Duration = Duration::from_secs(1);
