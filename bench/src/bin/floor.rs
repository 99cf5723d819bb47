//! The floor under every measurement: the least that a server can do that carries WebSocket messages from partner to partner. One
//! thread, one epoll, no JSON, no checks, no timers, no limits. Not a server for anybody: it answers one handshake key only.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;

use duet_gateway::framing::put_text;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use slab::Slab;

fn main() -> io::Result<()> {
    let port = std::env::args().nth(1).and_then(|port| port.parse().ok()).unwrap_or(0);
    let mut listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], port)))?;
    println!("listening on {}", listener.local_addr()?);
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut floor = Floor { clients: Slab::new(), waiting: VecDeque::new(), rooms: 0 };
    let mut events = Events::with_capacity(1024);
    let mut inbox = vec![0; 256 * 1024];
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            match event.token() {
                LISTENER => floor.accept(&listener, &poll)?,
                Token(client) => {
                    if floor.read(client, &mut inbox).is_err() {
                        floor.gone(client);
                    }
                }
            }
        }
    }
}

struct Floor {
    clients: Slab<Client>,
    waiting: VecDeque<usize>,
    rooms: u64,
}

struct Client {
    stream: TcpStream,
    is_open: bool,
    partner: Option<usize>,
    /// A frame's beginning.
    partial: Vec<u8>,
}

impl Floor {
    fn accept(&mut self, listener: &TcpListener, poll: &Poll) -> io::Result<()> {
        loop {
            let mut stream = match listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            stream.set_nodelay(true)?;
            let entry = self.clients.vacant_entry();
            poll.registry().register(&mut stream, Token(entry.key()), Interest::READABLE)?;
            entry.insert(Client { stream, is_open: false, partner: None, partial: Vec::new() });
        }
    }

    fn read(&mut self, number: usize, inbox: &mut [u8]) -> io::Result<()> {
        let Some(client) = self.clients.get_mut(number) else { return Ok(()) };
        let kept = client.partial.len();
        inbox[..kept].copy_from_slice(&client.partial);
        let count = match client.stream.read(&mut inbox[kept..]) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        client.partial = Vec::new();
        let bytes = &mut inbox[..kept + count];
        let used = if client.is_open { self.take(number, bytes)? } else { self.upgrade(number, bytes)? };
        if used < kept + count {
            self.clients[number].partial = inbox[used..kept + count].to_vec();
        }
        Ok(())
    }

    fn upgrade(&mut self, number: usize, bytes: &[u8]) -> io::Result<usize> {
        if !bytes.ends_with(b"\r\n\r\n") {
            return Ok(0);
        }
        let client = &mut self.clients[number];
        client.is_open = true;
        let mut answer = ANSWER.to_vec();
        put_text(format!(r#"{{"type":"ready","clientId":"{number}"}}"#).as_bytes(), &mut answer);
        client.stream.write_all(&answer)?;
        Ok(bytes.len())
    }

    /// Takes complete frames, and writes once for each who is to hear something.
    fn take(&mut self, number: usize, bytes: &mut [u8]) -> io::Result<usize> {
        let mut used = 0;
        let mut for_partner = Vec::new();
        while let Some((start, end)) = unmask(&mut bytes[used..]) {
            let text = &bytes[used + start..used + end];
            used += end;
            if text.starts_with(br#"{"type":"available""#) {
                self.available(number)?;
            } else if text.starts_with(br#"{"type":"next""#) {
                if let Some(left) = self.part(number) {
                    self.tell(left, br#"{"type":"partner-left","reason":"next","requeued":true}"#)?;
                    self.available(left)?;
                }
                self.available(number)?;
            } else if text.starts_with(br#"{"type":"leave""#) {
                self.waiting.retain(|waiting| *waiting != number);
                if let Some(left) = self.part(number) {
                    self.tell(left, br#"{"type":"partner-left","reason":"left","requeued":true}"#)?;
                    self.available(left)?;
                }
            } else if text.starts_with(br#"{"type":"ping""#) {
                self.tell(number, br#"{"type":"pong"}"#)?;
            } else {
                put_text(text, &mut for_partner);
            }
        }
        if let Some(partner) = self.clients[number].partner.filter(|_| !for_partner.is_empty()) {
            self.clients[partner].stream.write_all(&for_partner)?;
        }
        Ok(used)
    }

    fn available(&mut self, number: usize) -> io::Result<()> {
        let Some(partner) = self.waiting.pop_front() else {
            self.waiting.push_back(number);
            return self.tell(number, br#"{"type":"waiting","pool":"default"}"#);
        };
        self.rooms += 1;
        for (one, other, initiator) in [(number, partner, true), (partner, number, false)] {
            self.clients[one].partner = Some(other);
            let room = self.rooms;
            let text =
                format!(r#"{{"type":"matched","roomId":"{room}","partnerId":"{other}","initiator":{initiator}}}"#);
            self.tell(one, text.as_bytes())?;
        }
        Ok(())
    }

    fn part(&mut self, number: usize) -> Option<usize> {
        let left = self.clients[number].partner.take()?;
        self.clients[left].partner = None;
        Some(left)
    }

    fn tell(&mut self, number: usize, text: &[u8]) -> io::Result<()> {
        let mut frame = Vec::with_capacity(text.len() + 4);
        put_text(text, &mut frame);
        self.clients[number].stream.write_all(&frame)
    }

    fn gone(&mut self, number: usize) {
        self.part(number);
        self.waiting.retain(|waiting| *waiting != number);
        self.clients.remove(number);
    }
}

/// Unmasks the first frame in place; where its payload is, once it is all there.
fn unmask(bytes: &mut [u8]) -> Option<(usize, usize)> {
    let [_, second, rest @ ..] = &*bytes else { return None };
    let (length, head) = match second & 0x7f {
        126 => (usize::from(u16::from_be_bytes(*rest.first_chunk()?)), 4),
        127 => (usize::try_from(u64::from_be_bytes(*rest.first_chunk()?)).ok()?, 10),
        short => (usize::from(short), 2),
    };
    let mask: [u8; 4] = *bytes.get(head..)?.first_chunk()?;
    let (start, end) = (head + 4, head + 4 + length);
    for chunk in bytes.get_mut(start..end)?.chunks_mut(4) {
        chunk.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
    }
    Some((start, end))
}

const LISTENER: Token = Token(usize::MAX);
const ANSWER: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
