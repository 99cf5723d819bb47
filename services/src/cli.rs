//! The command line: verbs, and every setting as a flag and an environment variable, checked before anything starts.

use std::ffi::{OsStr, OsString};
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{Args, Parser, Subcommand};
use duet_proto::link::{LinkPings, QUEUE_LIMITS};
use duet_proto::queue::Limits;

mod engine;
mod gateway;
mod identity;
mod limits;
mod matching;
mod matchmaker;
mod otlp;
mod proxies;
mod secret;
mod simulate;
mod telemetry;
#[cfg(test)]
mod tests;
mod tls;
mod tool;
mod traces;
mod turn;
mod values;
mod watching;
mod webhooks;

pub(crate) use engine::EngineArgs;
pub(crate) use gateway::GatewayArgs;
pub(crate) use matchmaker::MatchmakerArgs;
use otlp::OtlpArgs;
pub(crate) use simulate::Simulate;
pub(crate) use telemetry::{LogArgs, LogFormat, TelemetryArgs};
pub(crate) use tls::{LinkTlsArgs, PortAccess, PortArgs, TlsArgs};
pub(crate) use tool::{Filtered, Listed, Server, ToolVerb, Trust, Watch};
pub(crate) use values::{MatchmakerUrl, MatchmakerUrls, is_of_this_host};
use values::{Milliseconds, Seconds, positive_milliseconds, positive_seconds, socket_address};
pub(crate) use webhooks::WebhookArgs;

/// Reads the command line. Without a verb it is `standalone`.
pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Verb, clap::Error> {
    let mut args: Vec<OsString> = args.into_iter().collect();
    let first = args.get(1).map_or("", |first| first.to_str().unwrap_or_default());
    let asks_about_all = ["-h", "--help", "-V", "--version"].contains(&first);
    if first.is_empty() || (first.starts_with('-') && !asks_about_all) {
        args.insert(args.len().min(1), OsStr::new("standalone").to_owned());
    }
    Cli::try_parse_from(args).map(|cli| cli.verb)
}

/// WebRTC signaling and matchmaking for random one-to-one video chat.
///
/// Without a verb, `duet` is `duet standalone`. Every setting is a flag and an environment variable; the flag wins.
#[derive(Debug, Parser)]
#[command(name = "duet", version, max_term_width = 120)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

/// What to be.
#[expect(clippy::large_enum_variant, reason = "a process has one")]
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Gateway and matchmaker in one process: nothing else is needed.
    Standalone(Standalone),
    /// Terminates clients' WebSockets and links to a matchmaker.
    Gateway(Gateway),
    /// Pairs clients and forwards their messages; answers other services over gRPC.
    Matchmaker(Matchmaker),
    /// Asks a running process whether it is well, and ends with 0 if so: for containers.
    Healthcheck(Healthcheck),
    #[command(flatten)]
    Tool(ToolVerb),
    /// Tells how long people would wait and whom they would meet: the matchmaker in simulated time, without a network.
    Simulate(Simulate),
}

#[derive(Debug, Args)]
pub(crate) struct Standalone {
    #[command(flatten)]
    pub(crate) gateway: GatewayArgs,
    #[command(flatten)]
    pub(crate) operations: OperationsArgs,
    #[command(flatten)]
    pub(crate) matchmaker: MatchmakerArgs,
    #[command(flatten)]
    pub(crate) webhooks: WebhookArgs,
    /// Where other services can query the matchmaker over gRPC [default: nowhere]
    #[arg(long, env, value_parser = socket_address, value_name = "ADDRESS:PORT", help_heading = "Matchmaker")]
    pub(crate) grpc_listen: Option<SocketAddr>,
    #[command(flatten)]
    pub(crate) tls: TlsArgs,
    #[command(flatten)]
    pub(crate) ports: PortArgs,
    #[command(flatten)]
    pub(crate) link: LinkArgs,
    #[command(flatten)]
    pub(crate) drain: DrainArgs,
    #[command(flatten)]
    pub(crate) telemetry: TelemetryArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Gateway {
    #[command(flatten)]
    pub(crate) gateway: GatewayArgs,
    #[command(flatten)]
    pub(crate) operations: OperationsArgs,
    /// Where the matchmaker is: http://HOST:PORT, https://HOST:PORT, or unix:PATH on the same host; dns+http://NAME:PORT or dns+https://NAME:PORT is one at each address of the name. Several, separated by commas, must share an engine
    #[arg(long, env, default_value = "http://127.0.0.1:50051", value_name = "URL[,URL]", help_heading = "Gateway")]
    pub(crate) matchmaker_url: MatchmakerUrls,
    /// How often the name of a MATCHMAKER_URL of dns+http or dns+https is looked up
    #[arg(long, env, default_value = "5", value_parser = positive_seconds, value_name = "SECONDS", help_heading = "Gateway")]
    pub(crate) matchmaker_dns_seconds: Seconds,
    #[command(flatten)]
    pub(crate) link_tls: LinkTlsArgs,
    #[command(flatten)]
    pub(crate) tls: TlsArgs,
    #[command(flatten)]
    pub(crate) link: LinkArgs,
    #[command(flatten)]
    pub(crate) drain: DrainArgs,
    #[command(flatten)]
    pub(crate) telemetry: TelemetryArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Matchmaker {
    #[command(flatten)]
    pub(crate) matchmaker: MatchmakerArgs,
    #[command(flatten)]
    pub(crate) engine: EngineArgs,
    #[command(flatten)]
    pub(crate) webhooks: WebhookArgs,
    /// Where gateways link and other services query
    #[arg(long, env, default_value = "127.0.0.1:50051", value_parser = socket_address, value_name = "ADDRESS:PORT",
        help_heading = "Matchmaker")]
    pub(crate) grpc_listen: SocketAddr,
    #[command(flatten)]
    pub(crate) operations: OperationsArgs,
    /// Unix socket to listen on as well, for gateways on the same host: they link to it by MATCHMAKER_URL=unix:PATH [default: none]
    #[arg(long, env, value_name = "PATH", help_heading = "Matchmaker")]
    pub(crate) grpc_socket: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) ports: PortArgs,
    #[command(flatten)]
    pub(crate) link: LinkArgs,
    #[command(flatten)]
    pub(crate) drain: DrainArgs,
    #[command(flatten)]
    pub(crate) telemetry: TelemetryArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Healthcheck {
    /// What to ask: http:// or https://… for a gateway, grpc:// or grpcs://ADDRESS:PORT for a matchmaker [default: /healthz on PORT]
    #[arg(long, env = "HEALTHCHECK_URL")]
    url: Option<http::Uri>,
    /// Who must have signed the certificate of what is asked, as PEM
    #[arg(long, env, value_name = "PATH")]
    pub(crate) healthcheck_ca_file: Option<PathBuf>,
    /// Whether any certificate will do; on this host only, where a name that others know it by is in none
    #[arg(long, env, default_value = "false", value_parser = BoolishValueParser::new(), action = clap::ArgAction::Set, value_name = "BOOL")]
    pub(crate) healthcheck_insecure: bool,
    /// The gateway's own: if it is set and no URL is, the gateway is asked by https, whatever its certificate
    #[arg(long, env, value_name = "PATH")]
    tls_cert_file: Option<PathBuf>,
    /// The gateway's port on this host, if no URL is given
    #[arg(long, env, default_value = "8080")]
    port: u16,
}

impl Healthcheck {
    pub(crate) fn url(&self) -> http::Uri {
        let scheme = if self.tls_cert_file.is_some() { "https" } else { "http" };
        let here = || format!("{scheme}://127.0.0.1:{}/healthz", self.port).parse().expect("a port fits in a URL");
        self.url.clone().unwrap_or_else(here)
    }

    /// Whether what is asked need not prove who it is.
    pub(crate) fn is_insecure(&self) -> bool {
        self.healthcheck_insecure || (self.url.is_none() && self.healthcheck_ca_file.is_none())
    }
}

/// How each side of a gRPC connection finds that the other is gone.
#[derive(Debug, Args)]
#[command(next_help_heading = "Link")]
pub(crate) struct LinkArgs {
    /// How often gateway and matchmaker ask whether the other is there
    #[arg(long, env, default_value = "2000", value_name = "MS", value_parser = positive_milliseconds)]
    link_ping_interval_ms: Milliseconds,
    /// How long they wait for the answer before they give the link up
    #[arg(long, env, default_value = "5000", value_name = "MS", value_parser = positive_milliseconds)]
    link_ping_timeout_ms: Milliseconds,
    /// Frames that may wait for the other side, before the link is given up
    #[arg(long, env, default_value = "65536", value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1024..))]
    link_queue_frames: u32,
    /// Their bytes
    #[arg(long, env, default_value = "16777216", value_name = "BYTES", value_parser = clap::value_parser!(u32).range(1_048_576..))]
    link_queue_bytes: u32,
}

impl LinkArgs {
    pub(crate) fn queue(&self) -> Limits {
        Limits { items: self.link_queue_frames as usize, bytes: self.link_queue_bytes as usize, ..QUEUE_LIMITS }
    }

    pub(crate) fn pings(&self) -> LinkPings {
        LinkPings { interval: self.link_ping_interval_ms.0, timeout: self.link_ping_timeout_ms.0 }
    }
}

/// What operators look at.
#[derive(Debug, Args)]
#[command(next_help_heading = "Operations")]
pub(crate) struct OperationsArgs {
    /// Where `/metrics` is served, and a matchmaker's live page; no client should reach it [default: nowhere]
    #[arg(long, env, value_parser = socket_address, value_name = "ADDRESS:PORT")]
    pub(crate) metrics_listen: Option<SocketAddr>,
    #[command(flatten)]
    pub(crate) otlp: OtlpArgs,
}

/// How the process ends.
#[derive(Debug, Args)]
#[command(next_help_heading = "Ending")]
pub(crate) struct DrainArgs {
    /// How long an orderly end may take after SIGTERM or SIGINT
    #[arg(long, env, default_value = "25000", value_name = "MS")]
    pub(crate) drain_limit_ms: Milliseconds,
}
