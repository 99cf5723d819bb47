//! A storm of connections: each is greeted and goes, and the next comes.

use std::io;
use std::time::{Duration, Instant};

use crate::bench::Bench;
use crate::figures::Figures;
use crate::rooms::TURN;
use crate::swarm::{Swarm, Work};

/// Runs it with so many connections being made at any time.
pub(crate) fn run(bench: &Bench, at_once: usize) -> io::Result<Figures> {
    let mut swarm = bench.swarm()?;
    let mut storm = Storm { bench, greeted: 0, opened: 0 };
    let go_on = |how_long: Duration, swarm: &mut Swarm, storm: &mut Storm<'_>| {
        bench.go_on("connecting", how_long, swarm, storm, |swarm, storm| {
            while swarm.len() < at_once {
                swarm.open(&bench.dialect.path(&bench.path, storm.opened))?;
                storm.opened += 1;
            }
            Ok(TURN)
        })
    };
    go_on(bench.warm_up, &mut swarm, &mut storm)?;
    storm.greeted = 0;
    let (started, before) = (Instant::now(), bench.processes.usage()?);
    go_on(bench.measured, &mut swarm, &mut storm)?;
    let used = bench.processes.usage()? - before;
    Ok(Figures::new("connection", storm.greeted, started.elapsed(), used))
}

struct Storm<'a> {
    bench: &'a Bench,
    greeted: u64,
    opened: usize,
}

impl Work for Storm<'_> {
    fn heard(&mut self, swarm: &mut Swarm, client: usize, text: &[u8]) -> io::Result<()> {
        if self.bench.dialect.id_in_greeting(text, client).is_some() {
            self.greeted += 1;
            swarm.close(client);
        }
        Ok(())
    }
}
