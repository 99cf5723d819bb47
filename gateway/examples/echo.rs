//! The gateway, but it says every text back instead of handing it to a session: what a WebSocket conformance suite needs
//! (`tests/autobahn/run`).
//!
//!     cargo run --package duet-gateway --features echo --example echo -- [PORT]
//!
//! Accepting, the handshake, sockets, their limits and their ends are the gateway's own. Only messages may be larger, as the suite's
//! are, and come as often as they like; and there is no matchmaker, nor anything to ask one.

use std::error::Error;
use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use duet_gateway::census::CensusConfig;
use duet_gateway::limits::LimitsConfig;
use duet_gateway::server::{Connector, Gateway, Matchmakers, Settings, SocketSettings, bind};
use duet_gateway::session::SessionConfig;
use tokio::net::TcpStream;
use tonic::transport::Endpoint;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let port: u16 = std::env::args().nth(1).map_or(Ok(0), |port| port.parse())?;
    let listeners = bind((Ipv4Addr::LOCALHOST, port).into(), 1)?;
    println!("listening on {}", listeners[0].local_addr()?);
    let never = Connector::new(|_| std::future::pending::<io::Result<TcpStream>>());
    let matchmakers = Matchmakers::GrpcOver(never, vec![Endpoint::from_static("http://nowhere")]);
    match Gateway::start(settings(), listeners, matchmakers)?.ended().await {
        Some(end) => Err(format!("{end:?}").into()),
        None => Ok(()),
    }
}

fn settings() -> Settings {
    Settings {
        session: SessionConfig {
            limits: LimitsConfig { message_rate: 0, ..LimitsConfig::default() },
            ..SessionConfig::default()
        },
        socket: SocketSettings {
            max_message_bytes: LARGEST_CASE,
            max_outbound_bytes: 4 * LARGEST_CASE,
            ..SocketSettings::default()
        },
        census: CensusConfig { per_address: 0, rate_per_address: 0, ..CensusConfig::default() },
        // It is away all the time.
        matchmaker_grace: Duration::MAX,
        ..Settings::default()
    }
}

/// 9.1.6 has messages of 16 MiB.
const LARGEST_CASE: usize = 16 * 1024 * 1024;
