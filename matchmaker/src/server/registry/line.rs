//! A connection to the engine: opened when wanted, dropped when it fails, and never waited for for long.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, IntoConnectionInfo, Pipeline, RedisError, Value};
use tokio::sync::Mutex;
use tokio::time::timeout;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::RegistrySettings;
use crate::server::refusals;

/// Opens connections to an engine.
#[derive(Clone)]
pub struct Connect(Arc<dyn Fn() -> BoxFuture<'static, Result<MultiplexedConnection, RedisError>> + Send + Sync>);

impl Connect {
    /// As this does.
    pub fn by<Connecting>(open: impl Fn() -> Connecting + Send + Sync + 'static) -> Self
    where
        Connecting: Future<Output = Result<MultiplexedConnection, RedisError>> + Send + 'static,
    {
        Connect(Arc::new(move || Box::pin(open())))
    }

    /// To one server.
    ///
    /// # Errors
    ///
    /// For what is no address.
    pub fn to(address: impl IntoConnectionInfo) -> Result<Self, RedisError> {
        let client = Client::open(address)?;
        Ok(Connect::by(move || {
            let client = client.clone();
            async move {
                // How long an answer may take is each question's own.
                let config = AsyncConnectionConfig::new().set_response_timeout(None);
                client.get_multiplexed_async_connection_with_config(&config).await
            }
        }))
    }
}

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
    connect: Connect,
    answer_within: Duration,
    open: Mutex<Option<MultiplexedConnection>>,
}

impl Line {
    pub(super) fn new(settings: &RegistrySettings) -> Self {
        Line { connect: settings.connect.clone(), answer_within: settings.answer_within, open: Mutex::new(None) }
    }

    /// Asks, and gets one answer for each command.
    pub(super) async fn run(&self, asked: &Pipeline) -> Result<Vec<Value>, Away> {
        self.run_within(asked, Duration::ZERO).await
    }

    /// The same of what may take so much longer.
    pub(super) async fn run_within(&self, asked: &Pipeline, longer: Duration) -> Result<Vec<Value>, Away> {
        let answered = timeout(self.answer_within + longer, async {
            let mut connection = self.connection().await?;
            asked.query_async::<Vec<Value>>(&mut connection).await
        });
        match answered.await {
            Ok(Ok(answers)) => Ok(answers),
            Ok(Err(error)) => {
                tracing::debug!(kind = ?error.kind(), "the registry's engine fails");
                self.give_up().await;
                Err(Away)
            }
            Err(_) => {
                tracing::debug!("the registry's engine is silent");
                self.give_up().await;
                Err(Away)
            }
        }
    }

    async fn connection(&self) -> Result<MultiplexedConnection, RedisError> {
        let mut open = self.open.lock().await;
        if let Some(connection) = &*open {
            return Ok(connection.clone());
        }
        Ok(open.insert((self.connect.0)().await?).clone())
    }

    /// The next one opens a new connection: on this one an answer may still come that nobody waits for.
    async fn give_up(&self) {
        *self.open.lock().await = None;
    }
}

/// When one who needs the engine may ask again.
const RETRY_AFTER: Duration = Duration::from_secs(1);
