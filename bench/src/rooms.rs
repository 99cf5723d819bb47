//! Clients that sit in rooms, two and two: how they get there.

use std::collections::HashMap;
use std::io;
use std::time::{Duration, Instant};

use crate::bench::Bench;
use crate::dialect::{Dialect, string_after};
use crate::swarm::{Swarm, Work};

/// Who is with whom.
pub(crate) struct Rooms {
    dialect: Dialect,
    /// What clients are numbered from where they choose their own ids.
    first: usize,
    ids: Vec<Vec<u8>>,
    partners: Vec<usize>,
    greeted: usize,
    paired: usize,
    by_id: HashMap<Vec<u8>, usize>,
}

impl Rooms {
    /// Connects so many clients, and waits until each has been greeted.
    pub(crate) fn greet(bench: &Bench, swarm: &mut Swarm, clients: usize) -> io::Result<Self> {
        Rooms::greet_from(0, bench, swarm, clients)
    }

    /// The same beside another swarm, whose clients have lower numbers.
    pub(crate) fn greet_from(first: usize, bench: &Bench, swarm: &mut Swarm, clients: usize) -> io::Result<Self> {
        let mut rooms = Rooms {
            dialect: bench.dialect,
            first,
            ids: vec![Vec::new(); clients],
            partners: vec![usize::MAX; clients],
            greeted: 0,
            paired: 0,
            by_id: HashMap::with_capacity(clients),
        };
        let progress = bench.progress("connecting", clients as u64);
        let mut patience = Patience::new();
        while rooms.greeted < clients {
            while swarm.len() < clients && swarm.len() - rooms.greeted < AT_ONCE {
                let client = swarm.len();
                swarm.open(&bench.dialect.path(&bench.path, first + client))?;
            }
            swarm.turn(TURN, &mut rooms)?;
            progress.set_position(rooms.greeted as u64);
            patience.check(rooms.greeted, "greeted")?;
        }
        progress.finish_and_clear();
        Ok(rooms)
    }

    /// Gets everybody a partner.
    pub(crate) fn pair(&mut self, bench: &Bench, swarm: &mut Swarm) -> io::Result<()> {
        let clients = self.partners.len();
        if !self.dialect.is_paired_by_server() {
            self.partners = (0..clients).map(|client| self.dialect.partner_of(client)).collect();
            return Ok(());
        }
        let progress = bench.progress("pairing", clients as u64);
        let mut patience = Patience::new();
        for client in 0..clients {
            swarm.send(client, [AVAILABLE])?;
            swarm.turn(Duration::ZERO, self)?;
        }
        while self.paired < clients {
            swarm.turn(TURN, self)?;
            progress.set_position(self.paired as u64);
            patience.check(self.paired, "paired")?;
        }
        progress.finish_and_clear();
        Ok(())
    }

    /// Everybody's partner.
    pub(crate) fn partners(&self) -> &[usize] {
        &self.partners
    }

    /// What a client is known by.
    pub(crate) fn id(&self, client: usize) -> &str {
        std::str::from_utf8(&self.ids[client]).expect("ids are text")
    }
}

impl Work for Rooms {
    fn opened(&mut self, swarm: &mut Swarm, client: usize) -> io::Result<()> {
        if self.dialect.is_greeted() { Ok(()) } else { self.heard(swarm, client, b"") }
    }

    fn heard(&mut self, _: &mut Swarm, client: usize, text: &[u8]) -> io::Result<()> {
        if self.ids[client].is_empty() {
            if let Some(id) = self.dialect.id_in_greeting(text, self.first + client) {
                self.by_id.insert(id.clone(), client);
                self.ids[client] = id;
                self.greeted += 1;
            }
        } else if let Some(partner) = string_after(text, br#""partnerId":""#) {
            let partner = self.by_id.get(partner);
            self.partners[client] = *partner.ok_or_else(|| io::Error::other("matched with somebody else's client"))?;
            self.paired += 1;
        } else {
            refuse_error(text)?;
        }
        Ok(())
    }
}

/// An error that the server tells of is one of the run.
pub(crate) fn refuse_error(text: &[u8]) -> io::Result<()> {
    if text.starts_with(br#"{"type":"error""#) {
        return Err(io::Error::other(format!("the server refuses: {}", String::from_utf8_lossy(text))));
    }
    Ok(())
}

/// Gives up when nothing moves any more.
pub(crate) struct Patience {
    seen: usize,
    since: Instant,
}

impl Patience {
    pub(crate) fn new() -> Self {
        Patience { seen: 0, since: Instant::now() }
    }

    /// So many by now; the word is for the error.
    pub(crate) fn check(&mut self, count: usize, what: &str) -> io::Result<()> {
        if count != self.seen {
            *self = Patience { seen: count, since: Instant::now() };
        }
        if self.since.elapsed() > PATIENCE {
            return Err(io::Error::other(format!("only {count} clients were {what}; then nothing happened any more")));
        }
        Ok(())
    }
}

pub(crate) const AVAILABLE: &[u8] = br#"{"type":"available"}"#;
/// How long to wait for something to happen.
pub(crate) const TURN: Duration = Duration::from_millis(5);
/// Connections that are being made at the same time.
const AT_ONCE: usize = 64;
const PATIENCE: Duration = Duration::from_secs(20);
