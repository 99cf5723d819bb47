//! Where a client is, as far as its proxies say: headers of its request, or what stands before its first byte.

use std::net::IpAddr;

use http::HeaderValue;
use http::request::Parts;
use ppp::v2::{Addresses, Command, Header};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::accept::{Accepted, Peer};
use super::{Refused, Shared};
use crate::addresses;

/// The address that counts for a request. A header from somebody who is not trusted is counted, and warned of once.
pub(super) fn client_address(shared: &Shared, request: &Parts) -> Option<IpAddr> {
    let Peer(peer) = *request.extensions.get()?;
    let (peer, proxies) = (peer?, &shared.settings.proxies);
    if proxies.protocol {
        return Some(peer);
    }
    let lines = request.headers.get_all(proxies.header.name());
    if !proxies.trusted.contains(peer) {
        if lines.iter().next().is_some() {
            distrust(shared, proxies.header.name());
        }
        return Some(peer.to_canonical());
    }
    // What is not ASCII is no address.
    let lines: Vec<&str> = lines.iter().map(HeaderValue::to_str).map(Result::unwrap_or_default).collect();
    Some(addresses::client_address(peer, &proxies.trusted, proxies.header, lines.into_iter()))
}

fn distrust(shared: &Shared, what: &str) {
    if shared.counts.is_first(Refused::UntrustedProxy) {
        tracing::warn!(
            "a {what} header came from an address that is not in TRUSTED_PROXIES, and is ignored: if it is your proxy's, all its clients \
             count as one address"
        );
    }
}

/// The connection with the address that its proxy tells by PROXY protocol, where that is enabled. `None`: it tells none that can be
/// understood, or nobody may tell.
pub(super) async fn told<S>(mut accepted: Accepted<S>, shared: &Shared) -> Option<Accepted<S>>
where
    S: AsyncRead + Unpin,
{
    let proxies = &shared.settings.proxies;
    if !proxies.protocol {
        return Some(accepted);
    }
    if !accepted.from.is_some_and(|from| proxies.trusted.contains(from)) {
        if shared.counts.is_first(Refused::UntrustedProxy) {
            tracing::warn!(
                "a connection came from an address that is not in TRUSTED_PROXIES; with PROXY_PROTOCOL it is closed"
            );
        }
        return None;
    }
    let mut head = vec![0; FIXED_BYTES];
    accepted.io.read_exact(&mut head).await.ok()?;
    let length = usize::from(u16::from_be_bytes([head[14], head[15]]));
    if length > MAX_BYTES {
        return None;
    }
    head.resize(FIXED_BYTES + length, 0);
    accepted.io.read_exact(&mut head[FIXED_BYTES..]).await.ok()?;
    let header = Header::try_from(head.as_slice()).ok()?;
    accepted.from = match (header.command, header.addresses) {
        // The proxy's own, for its health checks.
        (Command::Local, _) => accepted.from,
        (Command::Proxy, Addresses::IPv4(addresses)) => Some(addresses.source_address.into()),
        (Command::Proxy, Addresses::IPv6(addresses)) => Some(IpAddr::from(addresses.source_address).to_canonical()),
        (Command::Proxy, Addresses::Unix(_) | Addresses::Unspecified) => accepted.from,
    };
    Some(accepted)
}

/// Signature, version, family and length.
const FIXED_BYTES: usize = 16;
/// Of addresses and whatever follows them.
const MAX_BYTES: usize = 2048;
