//! The matchmaker's ports: bound, and joined with how they are protected.

use std::net::SocketAddr;

use duet_matchmaker::server::{AdminAccess, Door, LogFilter, PortTls, Ports};
use tokio::net::{TcpListener, UnixListener};

use crate::cli::{PortAccess, PortArgs};
use crate::failure::Failure;

/// Where the matchmaker listens.
pub(super) struct BoundPorts {
    ports: Ports,
    pub(super) links: Option<Bound>,
    pub(super) queries: Option<Bound>,
}

/// One address.
#[derive(Clone, Copy)]
pub(super) struct Bound {
    pub(super) address: SocketAddr,
    pub(super) is_encrypted: bool,
}

impl BoundPorts {
    /// Listens where links come in, if anywhere, and where queries have a port of their own.
    pub(super) async fn bind(grpc: Option<SocketAddr>, args: &PortArgs, access: PortAccess) -> Result<Self, Failure> {
        let (links, links_at) = bind(grpc, "GRPC_LISTEN", access.links).await?.unzip();
        let (queries, queries_at) = bind(args.query_listen, "QUERY_LISTEN", access.queries).await?.unzip();
        let ports = Ports { links, queries, tokens: access.tokens, admin: access.admin, unix: None };
        Ok(BoundPorts { ports, links: links_at, queries: queries_at })
    }

    /// Whether there is anything to serve on.
    pub(super) fn is_any(&self) -> bool {
        self.links.is_some() || self.queries.is_some()
    }

    pub(super) fn with_unix(self, unix: Option<UnixListener>, log_filter: LogFilter) -> Ports {
        let admin = AdminAccess { log_filter: Some(log_filter), ..self.ports.admin };
        Ports { unix, admin, ..self.ports }
    }
}

async fn bind(
    address: Option<SocketAddr>,
    setting: &str,
    tls: Option<PortTls>,
) -> Result<Option<(Door, Bound)>, Failure> {
    let Some(address) = address else { return Ok(None) };
    let failed = |error| Failure::environment(format!("can't listen on {address} ({setting})"), &error);
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    let bound = Bound { address, is_encrypted: tls.is_some() };
    Ok(Some((Door { listener, tls }, bound)))
}
