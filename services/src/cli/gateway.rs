//! The gateway's settings.

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use clap::Args;
use duet_gateway::origins::AllowedOrigins;
use duet_gateway::server::{Settings, TraceSettings, Verifier};
use duet_gateway::session::SessionConfig;
use duet_proto::spans::Spans;

use super::LinkArgs;
use super::identity::IdentityArgs;
use super::limits::LimitArgs;
use super::proxies::ProxyArgs;
use super::telemetry::ClientLogArgs;
use super::traces::{ClientTraceArgs, TraceUpgrades};
use super::turn::{IceSettings, TurnArgs};
use super::values::{Milliseconds, host_name, process_name, resume_window};

/// How the gateway faces clients.
#[derive(Debug, Args)]
#[command(next_help_heading = "Gateway")]
pub(crate) struct GatewayArgs {
    /// Port for HTTP and WebSockets; 0 takes any that is free
    #[arg(long, env, default_value = "8080")]
    pub(crate) port: u16,
    /// Address to listen on; `::` is every one, IPv4 included
    #[arg(long, env, default_value = "::", value_name = "ADDRESS")]
    pub(crate) listen_address: IpAddr,
    /// Origins whose pages may connect, separated by commas [default: any]
    #[arg(long, env, default_value = "", hide_default_value = true, value_parser = AllowedOrigins::parse, value_name = "ORIGIN[,ORIGIN]")]
    allowed_origin: AllowedOrigins,
    /// Threads, each with its own listener and link [default: one for each core]
    #[arg(long, env, value_name = "COUNT")]
    workers: Option<NonZeroUsize>,
    /// What matchmakers call this gateway; each needs a name of its own [default: the host's name and the port]
    #[arg(long, env, value_parser = process_name, value_name = "NAME")]
    gateway_name: Option<String>,
    /// How long the matchmaker may be away before new connections get 503
    #[arg(long, env, default_value = "10000", value_name = "MS")]
    matchmaker_grace_ms: Milliseconds,
    /// How long a wish waits for the matchmaker before it is refused as `unavailable`
    #[arg(long, env, default_value = "3000", value_name = "MS")]
    unavailable_after_ms: Milliseconds,
    /// How long a session of the layer `duet.v1` outlives its connection, so that its client can come back; 0 is not at all
    #[arg(long, env, default_value = "15000", value_name = "MS", value_parser = resume_window)]
    resume_window_ms: Milliseconds,
    /// Over how long a drain spreads the ends of connections at most
    #[arg(long, env, default_value = "10000", value_name = "MS")]
    drain_spread_ms: Milliseconds,
    /// How long a worker that is woken often lets messages gather before it wakes again; 0 is never
    #[arg(long, env, default_value = "250", value_name = "MICROSECONDS", value_parser = clap::value_parser!(u64).range(..=10_000))]
    coalesce_us: u64,
    #[command(flatten)]
    identity: IdentityArgs,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    proxies: ProxyArgs,
    #[command(flatten)]
    pub(crate) turn: TurnArgs,
    #[command(flatten)]
    logs: ClientLogArgs,
    #[command(flatten)]
    traces: ClientTraceArgs,
}

impl GatewayArgs {
    /// What is wrong with the settings together.
    pub(crate) fn problem(&self) -> Option<String> {
        self.proxies.problem().map(str::to_owned)
    }

    /// Who checks tokens, or what is wrong with those settings.
    pub(crate) fn verifier(&self) -> Result<Option<Arc<Verifier>>, String> {
        self.identity.verifier()
    }

    pub(crate) fn workers(&self) -> usize {
        self.workers.or_else(|| available_parallelism().ok()).map_or(1, NonZeroUsize::get)
    }

    /// What is traced, where spans are made.
    pub(crate) fn traces(&self, spans: Option<Spans>) -> Option<TraceSettings> {
        spans.map(|spans| TraceSettings {
            spans,
            upgrades: self.traces.trace_upgrades == TraceUpgrades::Honour,
            upgrade_rate: self.traces.trace_upgrade_rate,
        })
    }

    /// `port` is the one that was bound.
    pub(crate) fn settings(
        &self,
        port: u16,
        verifier: Option<Arc<Verifier>>,
        link: &LinkArgs,
        ice: IceSettings,
    ) -> Settings {
        let limits = &self.limits;
        Settings {
            name: self.gateway_name.clone().unwrap_or_else(|| format!("{}:{port}", host_name())),
            allowed_origins: self.allowed_origin.clone(),
            session: SessionConfig {
                limits: limits.messages(),
                identity: self.identity.config(),
                keepalive: limits.keepalive(),
                unavailable_after: self.unavailable_after_ms.0,
                resume_window: self.resume_window_ms.0,
                ice_transport_policy: ice.policy,
                ..SessionConfig::default()
            },
            verifier,
            socket: limits.socket(),
            census: limits.census(),
            max_sockets: limits.max_sockets(),
            proxies: self.proxies.settings(),
            matchmaker_grace: self.matchmaker_grace_ms.0,
            matchmaker_dns: Settings::default().matchmaker_dns,
            link_pings: link.pings(),
            link_queue: link.queue(),
            drain_spread: self.drain_spread_ms.0,
            coalesce: Duration::from_micros(self.coalesce_us),
            ice_servers: ice.servers,
            log_addresses: self.logs.log_addresses,
            tls: None,
            traces: None,
        }
    }
}
