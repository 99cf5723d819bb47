//! Many WebSocket clients on one thread and one epoll. An idle one costs a descriptor and a few dozen bytes; all read into one
//! buffer. What clients say and hear is a [`Work`]'s.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use slab::Slab;
use socket2::{Domain, Socket, Type};

use duet_bench::wire;

/// What clients do when something happens to them.
pub(crate) trait Work {
    /// A client's upgrade was accepted.
    fn opened(&mut self, _swarm: &mut Swarm, _client: usize) -> io::Result<()> {
        Ok(())
    }
    /// A client was sent a text.
    fn heard(&mut self, swarm: &mut Swarm, client: usize, text: &[u8]) -> io::Result<()>;
}

/// The clients, by number.
pub(crate) struct Swarm {
    poll: Poll,
    events: Events,
    clients: Slab<Client>,
    /// Read into by one client at a time.
    inbox: Vec<u8>,
    /// Written from.
    frames: Vec<u8>,
    host: SocketAddr,
    opened: u32,
}

struct Client {
    stream: TcpStream,
    stage: Stage,
    /// The beginning of a frame whose rest has not come.
    partial: Vec<u8>,
    /// What the socket has not taken.
    backlog: Vec<u8>,
}

enum Stage {
    /// The request to send once the connection stands.
    Connecting(Vec<u8>),
    Upgrading,
    Open,
}

impl Swarm {
    /// Clients of the server there.
    pub(crate) fn new(host: SocketAddr) -> io::Result<Self> {
        Ok(Swarm {
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            clients: Slab::new(),
            inbox: vec![0; INBOX],
            frames: Vec::new(),
            host,
            opened: 0,
        })
    }

    /// Begins to connect one more client; its number.
    pub(crate) fn open(&mut self, path: &str) -> io::Result<usize> {
        let socket = Socket::new(Domain::for_address(self.host), Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        if self.host.ip().is_loopback() && self.host.is_ipv4() {
            socket.bind(&SocketAddr::from((source(self.opened), 0)).into())?;
        }
        self.opened += 1;
        match socket.connect(&self.host.into()) {
            Err(error) if error.raw_os_error() != Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {
                return Err(error);
            }
            _ => {}
        }
        let mut stream = TcpStream::from_std(socket.into());
        let entry = self.clients.vacant_entry();
        self.poll.registry().register(&mut stream, Token(entry.key()), Interest::READABLE | Interest::WRITABLE)?;
        let stage = Stage::Connecting(wire::upgrade_request(&self.host.to_string(), path));
        let key = entry.key();
        entry.insert(Client { stream, stage, partial: Vec::new(), backlog: Vec::new() });
        Ok(key)
    }

    /// Drops a client's connection. Its number may be given to the next.
    pub(crate) fn close(&mut self, client: usize) {
        self.clients.remove(client);
    }

    pub(crate) fn len(&self) -> usize {
        self.clients.len()
    }

    /// Sends texts in one write.
    pub(crate) fn send<'a>(&mut self, client: usize, texts: impl IntoIterator<Item = &'a [u8]>) -> io::Result<()> {
        self.frames.clear();
        for text in texts {
            wire::put_text(text, &mut self.frames);
        }
        self.clients[client].write(&self.frames)
    }

    /// Waits for something to happen, and does what comes of it.
    pub(crate) fn turn(&mut self, timeout: Duration, work: &mut impl Work) -> io::Result<()> {
        let mut events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        let polled = self.poll.poll(&mut events, Some(timeout));
        for event in &events {
            let client = event.token().0;
            if event.is_writable() && self.clients.contains(client) {
                self.clients[client].writable()?;
            }
            if event.is_readable() {
                self.read(client, work)?;
            }
        }
        self.events = events;
        match polled {
            Err(error) if error.kind() != ErrorKind::Interrupted => Err(error),
            _ => Ok(()),
        }
    }

    fn read(&mut self, client: usize, work: &mut impl Work) -> io::Result<()> {
        let mut inbox = std::mem::take(&mut self.inbox);
        let result = self.read_into(&mut inbox, client, work);
        self.inbox = inbox;
        result
    }

    fn read_into(&mut self, inbox: &mut [u8], client: usize, work: &mut impl Work) -> io::Result<()> {
        // The work may close a client when it hears something.
        while let Some(state) = self.clients.get_mut(client) {
            let kept = state.partial.len();
            inbox[..kept].copy_from_slice(&state.partial);
            state.partial = Vec::new();
            let count = match state.stream.read(&mut inbox[kept..]) {
                Ok(0) => return Err(io::Error::other("the server closed a connection")),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    state.partial = inbox[..kept].to_vec();
                    return Ok(());
                }
                Err(error) => return Err(error),
            };
            let is_drained = count < inbox.len() - kept;
            let used = self.take(&inbox[..kept + count], client, work)?;
            if let Some(state) = self.clients.get_mut(client)
                && used < kept + count
            {
                state.partial = inbox[used..kept + count].to_vec();
            }
            if is_drained {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Takes what is complete; how many bytes that were.
    fn take(&mut self, bytes: &[u8], client: usize, work: &mut impl Work) -> io::Result<usize> {
        let mut used = 0;
        if !matches!(self.clients[client].stage, Stage::Open) {
            let Some(answer) = wire::upgrade_answer(bytes)? else { return Ok(0) };
            used = answer;
            self.clients[client].stage = Stage::Open;
            work.opened(self, client)?;
        }
        while let Some(frame) = wire::frame(&bytes[used..]) {
            used += frame.bytes;
            match frame.opcode {
                0x1 => work.heard(self, client, frame.payload)?,
                0x9 => {
                    self.frames.clear();
                    wire::put_pong(frame.payload, &mut self.frames);
                    self.clients[client].write(&self.frames)?;
                }
                0x8 => {
                    return Err(io::Error::other(format!(
                        "the server closed a connection: {}",
                        close_code(frame.payload)
                    )));
                }
                _ => {}
            }
            if !self.clients.contains(client) {
                break;
            }
        }
        Ok(used)
    }
}

impl Client {
    fn writable(&mut self) -> io::Result<()> {
        if let Some(error) = self.stream.take_error()? {
            return Err(error);
        }
        if let Stage::Connecting(request) = &mut self.stage {
            self.backlog = std::mem::take(request);
            self.stage = Stage::Upgrading;
        }
        if self.backlog.is_empty() {
            return Ok(());
        }
        let backlog = std::mem::take(&mut self.backlog);
        self.write(&backlog)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        if !self.backlog.is_empty() {
            self.backlog.extend_from_slice(bytes);
            return Ok(());
        }
        match self.stream.write(bytes) {
            Ok(count) => self.backlog = bytes[count..].to_vec(),
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.backlog = bytes.to_vec(),
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

fn close_code(payload: &[u8]) -> u16 {
    payload.first_chunk().copied().map_or(1005, u16::from_be_bytes)
}

/// Spread over the loopback network, so that neither ports nor limits for an address run out.
fn source(opened: u32) -> Ipv4Addr {
    let number = opened / CLIENTS_AT_AN_ADDRESS;
    Ipv4Addr::new(127, 1 + (number / 62_500 % 250) as u8, (number / 250 % 250) as u8, 1 + (number % 250) as u8)
}

/// Clients in a row that share a source address.
const CLIENTS_AT_AN_ADDRESS: u32 = 8;
const INBOX: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_loopback_addresses_none_of_them_the_network_s_own() {
        for opened in (0..200_000_000).step_by(999_983) {
            let source = source(opened);
            assert!(source.is_loopback() && (1..=250).contains(&source.octets()[3]), "{source}");
        }
    }
}
