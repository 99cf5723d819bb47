//! Pairing: waves of clients that all ask for a partner. Between two waves all rest, which is not measured.

use std::io;
use std::time::{Duration, Instant};

use crate::bench::Bench;
use crate::figures::Figures;
use crate::rooms::{AVAILABLE, Patience, Rooms, TURN, refuse_error};
use crate::server::Usage;
use crate::swarm::{Swarm, Work};

/// Runs waves of so many pairs.
pub(crate) fn run(bench: &Bench, pairs: usize) -> io::Result<Figures> {
    let mut swarm = bench.swarm()?;
    Rooms::greet(bench, &mut swarm, 2 * pairs)?;
    let mut wave = Wave::default();
    let warm = Instant::now() + bench.warm_up;
    while Instant::now() < warm {
        wave.run(&mut swarm, 2 * pairs)?;
    }
    let mut total = Total::default();
    let progress = bench.progress("matching", bench.measured.as_millis() as u64);
    let started = Instant::now();
    while total.elapsed < bench.measured && started.elapsed() < bench.measured * 4 {
        let (start, before) = (Instant::now(), bench.processes.usage()?);
        wave.ask(&mut swarm, 2 * pairs)?;
        total.add(start.elapsed(), bench.processes.usage()? - before, pairs);
        wave.rest(&mut swarm, 2 * pairs)?;
        progress.set_position(total.elapsed.as_millis() as u64);
    }
    progress.finish_and_clear();
    Ok(Figures::new("pair", total.pairs, total.elapsed, total.used))
}

/// Of all waves.
#[derive(Default)]
struct Total {
    pairs: u64,
    elapsed: Duration,
    used: Usage,
}

impl Total {
    fn add(&mut self, elapsed: Duration, used: Usage, pairs: usize) {
        self.pairs += pairs as u64;
        self.elapsed += elapsed;
        self.used += used;
    }
}

#[derive(Default)]
struct Wave {
    matched: usize,
    pongs: usize,
}

impl Wave {
    fn run(&mut self, swarm: &mut Swarm, clients: usize) -> io::Result<()> {
        self.ask(swarm, clients)?;
        self.rest(swarm, clients)
    }

    fn ask(&mut self, swarm: &mut Swarm, clients: usize) -> io::Result<()> {
        self.matched = 0;
        for client in 0..clients {
            swarm.send(client, [AVAILABLE])?;
            if client % 16 == 0 {
                swarm.turn(Duration::ZERO, self)?;
            }
        }
        let mut patience = Patience::new();
        while self.matched < clients {
            swarm.turn(TURN, self)?;
            patience.check(self.matched, "matched")?;
        }
        Ok(())
    }

    /// Everybody leaves. Who was left first is put in the queue, and leaves that.
    fn rest(&mut self, swarm: &mut Swarm, clients: usize) -> io::Result<()> {
        self.pongs = 0;
        for client in 0..clients {
            swarm.send(client, [LEAVE, PING])?;
            swarm.turn(Duration::ZERO, self)?;
        }
        let mut patience = Patience::new();
        while self.pongs < clients {
            swarm.turn(TURN, self)?;
            patience.check(self.pongs, "heard")?;
        }
        // What the leaving of others has led to may still be on its way.
        let quiet = Instant::now() + Duration::from_millis(50);
        while Instant::now() < quiet {
            swarm.turn(TURN, self)?;
        }
        Ok(())
    }
}

impl Work for Wave {
    fn heard(&mut self, _: &mut Swarm, _: usize, text: &[u8]) -> io::Result<()> {
        if text.starts_with(MATCHED) {
            self.matched += 1;
        } else if text.starts_with(PONG) {
            self.pongs += 1;
        }
        refuse_error(text)
    }
}

pub(crate) const MATCHED: &[u8] = br#"{"type":"matched""#;
const LEAVE: &[u8] = br#"{"type":"leave"}"#;
const PING: &[u8] = br#"{"type":"ping"}"#;
const PONG: &[u8] = br#"{"type":"pong""#;
