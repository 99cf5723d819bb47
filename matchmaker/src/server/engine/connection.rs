//! One connection to the engine: how it is made, and why it ends.

use std::fmt;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, Pipeline, RedisError};
use redis::{ServerError, TlsCertificates, Value};
use tokio::time::timeout;

use super::settings::{EngineSettings, Place, moved};

/// What went wrong with an engine, for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It can't be reached.
    Unreachable,
    /// It has not answered in time.
    Late,
    /// The connection has ended.
    Lost,
    /// It lets this replica do nothing, as the password or what the user may do is wrong.
    Forbidden,
    /// It is a copy that can't be written to.
    ReadOnly,
    /// It can't do anything just now: it is loading, out of memory, or out of touch with its own.
    Busy,
    /// A script has failed, or has answered what means nothing. That is a bug.
    Script,
}

impl Fault {
    /// All there are.
    pub const ALL: [Fault; 7] =
        [Fault::Unreachable, Fault::Late, Fault::Lost, Fault::Forbidden, Fault::ReadOnly, Fault::Busy, Fault::Script];

    /// What metrics call it.
    pub fn name(self) -> &'static str {
        match self {
            Fault::Unreachable => "unreachable",
            Fault::Late => "late",
            Fault::Lost => "lost",
            Fault::Forbidden => "forbidden",
            Fault::ReadOnly => "read-only",
            Fault::Busy => "busy",
            Fault::Script => "script",
        }
    }
}

/// Why the engine does not do what it should. Its text has no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Of which kind.
    pub fault: Fault,
    /// In words.
    pub text: Box<str>,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Trouble {
    pub(super) fn new(fault: Fault, text: impl Into<Box<str>>) -> Self {
        Trouble { fault, text: text.into() }
    }

    /// A server's errors are told by their codes alone: some repeat what they were told, and that may have been a password.
    pub(super) fn of_server(error: &ServerError) -> Self {
        Trouble::of_code(error.code())
    }

    fn of_code(code: &str) -> Self {
        let (fault, what) = match code {
            "NOAUTH" | "WRONGPASS" => (Fault::Forbidden, "the user or password is wrong"),
            "NOPERM" => (Fault::Forbidden, "the user may not do what is needed"),
            "READONLY" | "NOREPLICAS" => (Fault::ReadOnly, "the server can't be written to"),
            "LOADING" | "MASTERDOWN" | "CLUSTERDOWN" | "TRYAGAIN" | "BUSY" | "MISCONF" | "OOM" | "UNKILLABLE" => {
                (Fault::Busy, "the server can't do it just now")
            }
            _ => (Fault::Script, "a script failed"),
        };
        Trouble::new(fault, format!("{what} ({code})"))
    }

    fn of_connection(error: &RedisError, otherwise: Fault) -> Self {
        if error.is_timeout() {
            return Trouble::new(Fault::Late, "no answer in time");
        }
        if let Some(code) = error.code().filter(|_| !error.is_io_error()) {
            let trouble = Trouble::of_code(code);
            // Nothing but the connection's own commands has been asked so far.
            return if trouble.fault == Fault::Script { Trouble::new(otherwise, error.category()) } else { trouble };
        }
        match error.kind() {
            ErrorKind::AuthenticationFailed => Trouble::new(Fault::Forbidden, "the user or password is wrong"),
            ErrorKind::Io => Trouble::new(otherwise, error.to_string()),
            _ => Trouble::new(otherwise, error.category()),
        }
    }
}

/// A connection to an engine that takes commands.
#[derive(Debug)]
pub(super) struct Connection {
    inner: MultiplexedConnection,
    answers_within: Duration,
}

impl Connection {
    /// Connects to the engine; by sentinels, to whom most of them take for the primary now.
    pub(super) async fn open(settings: &EngineSettings) -> Result<Self, Trouble> {
        match &settings.url.place {
            Place::Server(info) => Self::to((**info).clone(), settings).await,
            Place::Sentinels { sentinels, primary, as_if } => {
                let mut trouble = Trouble::new(Fault::Unreachable, "there are no sentinels");
                for sentinel in sentinels {
                    match Self::by(sentinel, primary, as_if, settings).await {
                        Ok(connection) => return Ok(connection),
                        Err(error) => trouble = error,
                    }
                }
                Err(trouble)
            }
        }
    }

    /// Asks one sentinel, and then the primary itself whether it is one.
    async fn by(
        sentinel: &ConnectionInfo,
        name: &str,
        as_if: &ConnectionInfo,
        settings: &EngineSettings,
    ) -> Result<Self, Trouble> {
        let mut asked = Self::to(sentinel.clone(), settings).await?;
        let mut question = redis::cmd("SENTINEL");
        question.arg("GET-MASTER-ADDR-BY-NAME").arg(name);
        let (host, port) = match &asked.run(&[question]).await?[..] {
            [Value::Array(parts)] => match &parts[..] {
                [Value::BulkString(host), Value::BulkString(port)] => {
                    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
                    let port = text(port).and_then(|port| port.parse().ok());
                    text(host).zip(port).ok_or(Trouble::new(Fault::Unreachable, "a sentinel names no address"))?
                }
                _ => return Err(Trouble::new(Fault::Unreachable, "a sentinel names no address")),
            },
            [Value::ServerError(error)] => return Err(Trouble::of_server(error)),
            _ => return Err(Trouble::new(Fault::Unreachable, "a sentinel does not know the primary's name")),
        };
        let mut primary = Self::to(moved(as_if, host, port), settings).await?;
        match &primary.run(&[redis::cmd("ROLE")]).await?[..] {
            [Value::Array(parts)] if parts.first() == Some(&Value::BulkString(b"master".to_vec())) => Ok(primary),
            _ => Err(Trouble::new(Fault::ReadOnly, "whom a sentinel takes for the primary is none")),
        }
    }

    /// What commands are sent by.
    pub(super) fn into_inner(self) -> MultiplexedConnection {
        self.inner
    }

    async fn to(info: ConnectionInfo, settings: &EngineSettings) -> Result<Self, Trouble> {
        let is_tls = matches!(info.addr(), ConnectionAddr::TcpTls { .. });
        let client = match &settings.ca {
            Some(ca) if is_tls => {
                Client::build_with_tls(info, TlsCertificates { client_tls: None, root_cert: Some(ca.clone()) })
            }
            _ => Client::open(info),
        };
        let client = client.map_err(|error| Trouble::new(Fault::Unreachable, error.category()))?;
        // Each batch has one timeout of its own.
        let config =
            AsyncConnectionConfig::new().set_connection_timeout(Some(settings.timeout)).set_response_timeout(None);
        let opened = timeout(settings.timeout, client.get_multiplexed_async_connection_with_config(&config)).await;
        let opened = opened.map_err(|_| Trouble::new(Fault::Unreachable, "no connection in time"))?;
        let inner = opened.map_err(|error| Trouble::of_connection(&error, Fault::Unreachable))?;
        Ok(Connection { inner, answers_within: settings.timeout })
    }

    /// What the engine answers, in order; its errors are among it.
    pub(super) async fn run(&mut self, commands: &[Cmd]) -> Result<Vec<Value>, Trouble> {
        let mut pipeline = Pipeline::with_capacity(commands.len());
        for command in commands {
            pipeline.add_command(command.clone());
        }
        let sent = timeout(self.answers_within, self.inner.send_packed_commands(&pipeline, 0, commands.len()));
        let answered = sent.await.map_err(|_| Trouble::new(Fault::Late, "no answer in time"))?;
        let values = answered.map_err(|error| Trouble::of_connection(&error, Fault::Lost))?;
        if values.len() == commands.len() {
            Ok(values)
        } else {
            Err(Trouble::new(Fault::Lost, "some commands were not answered"))
        }
    }
}
