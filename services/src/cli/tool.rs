//! The verbs by which a matchmaker is asked and told from a shell, and how it is reached.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use super::tls::{CertificateName, certificate_name, identity};
use super::values::{Milliseconds, positive_milliseconds};
use crate::failure::Failure;
use crate::files::SettingFile;
use crate::tls;

/// What to ask or tell a running matchmaker.
#[derive(Debug, Subcommand)]
pub(crate) enum ToolVerb {
    /// Shows who waits, who talks, and how long it takes to be matched.
    Stats(Server),
    /// Lists pools.
    Pools(Listed),
    /// Lists rooms.
    Rooms(Filtered),
    /// Lists sessions.
    Sessions(Filtered),
    /// Shows what happens, as it happens, until Ctrl-C.
    Watch(Watch),
    /// Ends a room: both sides hear `partner-left` with reason `closed`.
    #[command(mut_arg("name", |name| name.value_name("ROOM").help("The room's id")))]
    CloseRoom(Named),
    /// Ends a session: its client's socket is closed with 4410.
    #[command(mut_arg("name", |name| name.value_name("SESSION").help("The session's id: the client's clientId")))]
    Disconnect(Named),
    /// Keeps a verified user out for a time.
    Block(Block),
    /// Lets a user in again.
    #[command(mut_arg("name", |name| name.value_name("USER").help("The user's id, as tokens prove it")))]
    Unblock(Named),
    /// Lists those who are kept out.
    Blocked(Listed),
    /// Matches nobody in a pool, and takes no newcomers into it, until it is resumed.
    #[command(mut_arg("name", |name| name.value_name("POOL").help("The pool's name")))]
    Pause(Named),
    /// Matches in a pool again.
    #[command(mut_arg("name", |name| name.value_name("POOL").help("The pool's name")))]
    Resume(Named),
    /// Shows why a session that waits is not matched.
    #[command(mut_arg("name", |name| name.value_name("SESSION").help("The session's id: the client's clientId")))]
    Explain(Named),
    /// Sets what the matchmaker logs, as RUST_LOG does, until it ends.
    #[command(mut_arg("name", |name| name.value_name("FILTER").help("Directives as those of RUST_LOG")))]
    Log(Named),
    /// Ends the matchmaker's process in order, as SIGTERM does.
    Drain(Server),
}

impl ToolVerb {
    pub(crate) fn server(&self) -> &Server {
        match self {
            ToolVerb::Stats(server) | ToolVerb::Drain(server) => server,
            ToolVerb::Pools(listed) | ToolVerb::Blocked(listed) => &listed.server,
            ToolVerb::Rooms(filtered) | ToolVerb::Sessions(filtered) => &filtered.listed.server,
            ToolVerb::Watch(watch) => &watch.server,
            ToolVerb::Block(block) => &block.server,
            ToolVerb::CloseRoom(named)
            | ToolVerb::Disconnect(named)
            | ToolVerb::Unblock(named)
            | ToolVerb::Pause(named)
            | ToolVerb::Resume(named)
            | ToolVerb::Explain(named)
            | ToolVerb::Log(named) => &named.server,
        }
    }
}

/// Which matchmaker, and how it is reached.
#[derive(Debug, Args)]
pub(crate) struct Server {
    /// The matchmaker's gRPC port: http://HOST:PORT or https://HOST:PORT
    #[arg(long, env = "DUET_SERVER", default_value = "http://127.0.0.1:50051", value_parser = server, value_name = "URL",
        help_heading = "Server")]
    pub(crate) server: http::Uri,
    /// File whose first line is the bearer token to show [default: none]
    #[arg(long, env = "DUET_TOKEN_FILE", value_name = "PATH", help_heading = "Server")]
    pub(crate) token_file: Option<PathBuf>,
    /// Who may have signed the matchmaker's certificate, as PEM; needed for https
    #[arg(long, env = "DUET_CA_FILE", value_name = "PATH", help_heading = "Server")]
    ca_file: Option<PathBuf>,
    /// Certificate chain to show the matchmaker, as PEM [default: none]
    #[arg(long, env = "DUET_CERT_FILE", value_name = "PATH", help_heading = "Server")]
    cert_file: Option<PathBuf>,
    /// The certificate's key, as PEM
    #[arg(long, env = "DUET_KEY_FILE", value_name = "PATH", help_heading = "Server")]
    key_file: Option<PathBuf>,
    /// DNS name, IP address or URI (as a SPIFFE id) that the matchmaker's certificate must be for [default: the host of the URL]
    #[arg(long, env = "DUET_TLS_NAME", value_name = "NAME", value_parser = certificate_name, help_heading = "Server")]
    tls_name: Option<CertificateName>,
    /// How long the matchmaker may take to answer
    #[arg(long, env = "DUET_TIMEOUT_MS", default_value = "5000", value_name = "MS", value_parser = positive_milliseconds,
        help_heading = "Server")]
    pub(crate) timeout_ms: Milliseconds,
    /// Print JSON, for programs: one object, or one a line for lists and for what happens
    #[arg(long)]
    pub(crate) json: bool,
}

/// How the matchmaker must prove who it is, and what is shown to it.
pub(crate) struct Trust {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) name: Option<ServerName<'static>>,
}

impl Server {
    /// The token, if one is to be shown.
    pub(crate) fn token(&self) -> Result<Option<String>, Failure> {
        let Some(path) = &self.token_file else { return Ok(None) };
        let file = SettingFile::new("DUET_TOKEN_FILE", path);
        let text = std::fs::read_to_string(path).map_err(|error| Failure::Setting(file.problem(error)))?;
        let token = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
        let token = token.ok_or_else(|| Failure::Setting(file.problem("there is no token in it")))?;
        Ok(Some(token.to_owned()))
    }

    /// `None` without TLS.
    pub(crate) fn trust(&self) -> Result<Option<Trust>, Failure> {
        let (cert, key) = (self.cert_file.as_ref(), self.key_file.as_ref());
        let identity = identity(("DUET_CERT_FILE", cert), ("DUET_KEY_FILE", key))?;
        let is_tls = self.server.scheme_str() == Some("https");
        let Some(ca) = self.ca_file.as_ref().filter(|_| is_tls) else {
            if is_tls {
                let why = "DUET_SERVER begins with https, so DUET_CA_FILE must say whose certificates to trust";
                return Err(Failure::Setting(why.to_owned()));
            }
            return Ok(None);
        };
        let ca = SettingFile::new("DUET_CA_FILE", ca);
        let (uri, name) = match &self.tls_name {
            Some(CertificateName::Uri(uri)) => (Some(uri.as_str()), None),
            Some(CertificateName::Server(name)) => (None, Some(name.clone())),
            None => (None, None),
        };
        let config = tls::for_grpc_client(&ca, identity.as_ref(), uri).map_err(Failure::Setting)?;
        Ok(Some(Trust { config: Arc::new(config), name }))
    }
}

#[derive(Debug, Args)]
pub(crate) struct Listed {
    /// How many at most; 0 is all
    #[arg(long, default_value = "100", value_name = "COUNT")]
    pub(crate) limit: usize,
    #[command(flatten)]
    pub(crate) server: Server,
}

#[derive(Debug, Args)]
pub(crate) struct Filtered {
    /// Which, as in: state = WAITING AND pool = "chess". Fields of sessions: pool, state, user_id, gateway_id, user_verified, detached; of rooms: pool, user_id, session, gateway_id [default: all]
    #[arg(long, default_value = "", hide_default_value = true, value_name = "FILTER")]
    pub(crate) filter: String,
    #[command(flatten)]
    pub(crate) listed: Listed,
}

#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// Begin with all rooms
    #[arg(long)]
    pub(crate) rooms: bool,
    /// Begin with all sessions
    #[arg(long)]
    pub(crate) sessions: bool,
    /// Begin after what this token, from an earlier watch with --json, stands for
    #[arg(long, default_value = "", hide_default_value = true, value_name = "TOKEN", conflicts_with_all = ["rooms", "sessions"])]
    pub(crate) resume: String,
    /// End after so many lines; 0 is never
    #[arg(long, default_value = "0", value_name = "COUNT")]
    pub(crate) limit: usize,
    #[command(flatten)]
    pub(crate) server: Server,
}

#[derive(Debug, Args)]
pub(crate) struct Named {
    /// What the verb is about
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) server: Server,
}

#[derive(Debug, Args)]
pub(crate) struct Block {
    /// The user's id, as tokens prove it
    pub(crate) user: String,
    /// For how long
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) seconds: u32,
    /// Why, for other operators
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) server: Server,
}

fn server(text: &str) -> Result<http::Uri, &'static str> {
    let expected = "expected a URL like http://127.0.0.1:50051 or https://matchmaker:50051";
    let uri: http::Uri = text.parse().map_err(|_| expected)?;
    let is_server = matches!(uri.scheme_str(), Some("http" | "https")) && matches!(uri.path(), "" | "/");
    if is_server && uri.query().is_none() { Ok(uri) } else { Err(expected) }
}
