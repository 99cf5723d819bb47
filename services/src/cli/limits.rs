//! The settings of what clients may do: each limit of the gateway.

use clap::Args;
use duet_gateway::census::CensusConfig;
use duet_gateway::keepalive::KeepaliveConfig;
use duet_gateway::limits::LimitsConfig;
use duet_gateway::server::SocketSettings;
use rustix::process::{Resource, getrlimit};

use super::values::{Milliseconds, positive_milliseconds};

/// What one client may do, and how many there may be. Everywhere 0 is no limit.
#[derive(Debug, Args)]
#[command(next_help_heading = "Gateway: limits")]
pub(crate) struct LimitArgs {
    /// Connections at once; never more than the limit of open files allows, less 512 [default: that]
    #[arg(long, env, value_name = "COUNT")]
    max_connections: Option<usize>,
    /// Connections at once from one address (IPv6: from one /64)
    #[arg(long, env, default_value = "256", value_name = "COUNT")]
    max_connections_per_address: u32,
    /// Connections at once of one user whose token was verified
    #[arg(long, env, default_value = "3", value_name = "COUNT")]
    max_connections_per_user: u32,
    /// Connections a second from one address in the long run
    #[arg(long, env, default_value = "50", value_name = "COUNT")]
    connect_rate_per_address: u32,
    /// Connections from one address at once
    #[arg(long, env, default_value = "100", value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    connect_burst_per_address: u32,
    /// Bad tokens from one address within ten minutes, before it may not connect for the rest of them
    #[arg(long, env, default_value = "30", value_name = "COUNT")]
    max_bad_tokens_per_address: u32,
    /// Messages a second from one connection in the long run; 0 is no limit of bytes, frames, wishes and reports either
    #[arg(long, env, default_value = "100", value_name = "COUNT")]
    message_rate: u32,
    /// Messages at once
    #[arg(long, env, default_value = "300", value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    message_burst: u32,
    /// Messages a second that ask for a partner: `available` and `next`
    #[arg(long, env, default_value = "5", value_name = "COUNT")]
    wish_rate: u32,
    /// How many of them at once
    #[arg(long, env, default_value = "20", value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    wish_burst: u32,
    /// Reports a minute from one connection
    #[arg(long, env, default_value = "6", value_name = "COUNT")]
    report_rate: u32,
    /// How many of them at once
    #[arg(long, env, default_value = "5", value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    report_burst: u32,
    /// Bytes a second from one connection, twice as many at once [default: 10486 for each message of MESSAGE_RATE]
    #[arg(long, env, value_name = "BYTES")]
    byte_rate: Option<u32>,
    /// Frames a second from one connection, fragments included [default: 4 for each message of MESSAGE_RATE]
    #[arg(long, env, value_name = "COUNT")]
    frame_rate: Option<u32>,
    /// Frames at once [default: 100, and 3 for each message of MESSAGE_BURST]
    #[arg(long, env, value_name = "COUNT")]
    frame_burst: Option<u32>,
    /// Pings and pongs a second from one connection
    #[arg(long, env, default_value = "5", value_name = "COUNT")]
    control_frame_rate: u32,
    /// How many of them at once
    #[arg(long, env, default_value = "20", value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    control_frame_burst: u32,
    /// Malformed messages within 10 s before the connection is closed; 0 is no limit
    #[arg(long, env, default_value = "32", value_name = "COUNT")]
    max_bad_messages: u32,
    /// Size of a message from a client, its fragments together
    #[arg(long, env, default_value = "65536", value_name = "BYTES", value_parser = clap::value_parser!(u32).range(1024..=131_072))]
    max_message_bytes: u32,
    /// How long the rest of a message may take that has begun
    #[arg(long, env, default_value = "10000", value_name = "MS", value_parser = positive_milliseconds)]
    message_timeout_ms: Milliseconds,
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

impl LimitArgs {
    pub(super) fn messages(&self) -> LimitsConfig {
        LimitsConfig {
            message_rate: self.message_rate,
            message_burst: self.message_burst,
            wish_rate: self.wish_rate,
            wish_burst: self.wish_burst,
            report_rate: self.report_rate,
            report_burst: self.report_burst,
            bad_messages: self.max_bad_messages,
            byte_rate: self.byte_rate.unwrap_or_else(|| self.message_rate.saturating_mul(10_486)),
            frame_rate: self.frame_rate.unwrap_or_else(|| self.message_rate.saturating_mul(4)),
            frame_burst: self.frame_burst.unwrap_or_else(|| self.message_burst.saturating_mul(3).saturating_add(100)),
            control_rate: self.control_frame_rate,
            control_burst: self.control_frame_burst,
        }
    }

    pub(super) fn keepalive(&self) -> KeepaliveConfig {
        KeepaliveConfig { interval: self.ping_interval_ms.0, timeout: self.pong_timeout_ms.0 }
    }

    pub(super) fn socket(&self) -> SocketSettings {
        SocketSettings {
            header_timeout: self.header_timeout_ms.0,
            max_message_bytes: self.max_message_bytes as usize,
            max_outbound_bytes: self.max_outbound_bytes as usize,
            write_timeout: self.write_timeout_ms.0,
            message_timeout: self.message_timeout_ms.0,
        }
    }

    pub(super) fn census(&self) -> CensusConfig {
        let most = files(KEPT_FILES);
        CensusConfig {
            connections: match self.max_connections {
                None => most,
                // The descriptors are a limit all the same, but of sockets.
                Some(0) => 0,
                Some(connections) if most > 0 => connections.min(most),
                Some(connections) => connections,
            },
            per_address: self.max_connections_per_address,
            rate_per_address: self.connect_rate_per_address,
            burst_per_address: self.connect_burst_per_address,
            per_user: self.max_connections_per_user,
            bad_tokens: self.max_bad_tokens_per_address,
        }
    }

    /// Half of what is kept of descriptors is for requests that are refused, or are none for a WebSocket.
    pub(super) fn max_sockets(&self) -> usize {
        files(KEPT_FILES / 2)
    }
}

/// Open files that the process may have, less so many; 0 if there is no limit.
fn files(less: usize) -> usize {
    let limit = getrlimit(Resource::Nofile).current.and_then(|limit| usize::try_from(limit).ok());
    limit.map_or(0, |limit| limit.saturating_sub(less).max(limit / 2))
}

/// Descriptors for what is no client: links, logs, metrics, health checks.
const KEPT_FILES: usize = 512;
