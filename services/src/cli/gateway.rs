//! The gateway's settings.

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::thread::available_parallelism;
use std::time::Duration;

use clap::Args;
use duet_gateway::keepalive::KeepaliveConfig;
use duet_gateway::limits::LimitsConfig;
use duet_gateway::origins::AllowedOrigins;
use duet_gateway::server::{Settings, SocketSettings};
use duet_gateway::session::SessionConfig;
use duet_proto::link::LinkPings;

use super::values::{Milliseconds, host_name, positive_milliseconds, process_name, resume_window};

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
    limits: LimitArgs,
}

/// What one client may do.
#[derive(Debug, Args)]
#[command(next_help_heading = "Gateway: limits of one connection")]
struct LimitArgs {
    /// Messages a second in the long run; 0 is no limit
    #[arg(long, env, default_value = "100", value_name = "COUNT")]
    message_rate: u32,
    /// Messages at once
    #[arg(long, env, default_value = "300", value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    message_burst: u32,
    /// Malformed messages within 10 s before the connection is closed; 0 is no limit
    #[arg(long, env, default_value = "32", value_name = "COUNT")]
    max_bad_messages: u32,
    /// Size of a message from a client, its fragments together
    #[arg(long, env, default_value = "65536", value_name = "BYTES", value_parser = clap::value_parser!(u32).range(1024..=131_072))]
    max_message_bytes: u32,
    /// What may wait for a client that reads too slowly
    #[arg(long, env, default_value = "262144", value_name = "BYTES", value_parser = clap::value_parser!(u32).range(65_536..))]
    max_outbound_bytes: u32,
    /// How long a client may take nothing of what waits for it
    #[arg(long, env, default_value = "5000", value_name = "MS", value_parser = positive_milliseconds)]
    write_timeout_ms: Milliseconds,
    /// How long the head of an HTTP request may take
    #[arg(long, env, default_value = "5000", value_name = "MS", value_parser = positive_milliseconds)]
    header_timeout_ms: Milliseconds,
    /// Silence after which a client is pinged; 0 is never
    #[arg(long, env, default_value = "25000", value_name = "MS")]
    ping_interval_ms: Milliseconds,
    /// Silence after a ping after which the client is taken for dead
    #[arg(long, env, default_value = "10000", value_name = "MS", value_parser = positive_milliseconds)]
    pong_timeout_ms: Milliseconds,
}

impl GatewayArgs {
    pub(crate) fn workers(&self) -> usize {
        self.workers.or_else(|| available_parallelism().ok()).map_or(1, NonZeroUsize::get)
    }

    /// `port` is the one that was bound.
    pub(crate) fn settings(&self, port: u16, link_pings: LinkPings) -> Settings {
        let limits = &self.limits;
        Settings {
            name: self.gateway_name.clone().unwrap_or_else(|| format!("{}:{port}", host_name())),
            allowed_origins: self.allowed_origin.clone(),
            session: SessionConfig {
                limits: LimitsConfig {
                    message_rate: limits.message_rate,
                    message_burst: limits.message_burst,
                    bad_messages: limits.max_bad_messages,
                },
                keepalive: KeepaliveConfig { interval: limits.ping_interval_ms.0, timeout: limits.pong_timeout_ms.0 },
                unavailable_after: self.unavailable_after_ms.0,
                resume_window: self.resume_window_ms.0,
                ..SessionConfig::default()
            },
            socket: SocketSettings {
                header_timeout: limits.header_timeout_ms.0,
                max_message_bytes: limits.max_message_bytes as usize,
                max_outbound_bytes: limits.max_outbound_bytes as usize,
                write_timeout: limits.write_timeout_ms.0,
            },
            matchmaker_grace: self.matchmaker_grace_ms.0,
            link_pings,
            drain_spread: self.drain_spread_ms.0,
            coalesce: Duration::from_micros(self.coalesce_us),
            ..Settings::default()
        }
    }
}
