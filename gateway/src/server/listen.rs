//! Listeners that share one port, one for each worker: the kernel spreads connections over them.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// Binds `count` listeners to one address; port 0 means any, the same for all.
///
/// A port that somebody else listens on is an error, even when they would share it: `SO_REUSEPORT` is switched on for the
/// first listener only after the kernel has given it the port for itself.
///
/// On a system without IPv6 `[::]` means every IPv4 address.
pub fn bind(address: SocketAddr, count: usize) -> io::Result<Vec<TcpListener>> {
    let (first, address) = match socket(address) {
        Err(_) if address.ip() == Ipv6Addr::UNSPECIFIED => {
            let address = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), address.port());
            (socket(address)?, address)
        }
        made => (made?, address),
    };
    first.bind(&address.into())?;
    first.set_reuse_port(true)?;
    first.listen(BACKLOG)?;
    let first = TcpListener::from(first);
    let address = first.local_addr()?;

    let mut listeners = vec![first];
    for _ in 1..count {
        let next = socket(address)?;
        next.set_reuse_port(true)?;
        next.bind(&address.into())?;
        next.listen(BACKLOG)?;
        listeners.push(next.into());
    }
    Ok(listeners)
}

fn socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restart finds its port although old connections linger.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    if address.is_ipv6() {
        // `[::]` takes IPv4 as well, whatever the system's default.
        socket.set_only_v6(false)?;
    }
    Ok(socket)
}

/// Connections that wait to be accepted. The kernel caps it at `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

    #[test]
    fn listeners_share_one_port_that_nobody_else_can_take() {
        let listeners = bind(ANY, 3).unwrap();
        let address = listeners[0].local_addr().unwrap();
        assert!(listeners.iter().all(|listener| listener.local_addr().unwrap() == address));
        for count in [1, 2] {
            let taken = bind(address, count).unwrap_err();
            assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
        }
        drop(listeners);
        bind(address, 1).unwrap();
    }

    #[test]
    fn a_port_held_without_sharing_is_taken_too() {
        let holder = TcpListener::bind(ANY).unwrap();
        assert_eq!(bind(holder.local_addr().unwrap(), 2).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }
}
