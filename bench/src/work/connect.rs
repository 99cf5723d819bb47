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
    let progress = bench.progress("connecting", bench.measured.as_millis() as u64);
    let mut go_on = |how_long: Duration, storm: &mut Storm<'_>| {
        let start = Instant::now();
        while start.elapsed() < how_long {
            while swarm.len() < at_once {
                swarm.open(&bench.dialect.path(&bench.path, storm.opened))?;
                storm.opened += 1;
            }
            swarm.turn(TURN, storm)?;
            progress.set_position(start.elapsed().as_millis() as u64);
        }
        Ok::<_, io::Error>(())
    };
    go_on(bench.warm_up, &mut storm)?;
    storm.greeted = 0;
    let (started, before) = (Instant::now(), bench.processes.usage()?);
    go_on(bench.measured, &mut storm)?;
    let used = bench.processes.usage()? - before;
    progress.finish_and_clear();
    Ok(Figures::new("connection", storm.greeted, started.elapsed(), used))
}

struct Storm<'a> {
    bench: &'a Bench,
    greeted: u64,
    opened: usize,
}

impl Work for Storm<'_> {
    fn opened(&mut self, _: &mut Swarm, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn heard(&mut self, swarm: &mut Swarm, client: usize, text: &[u8]) -> io::Result<()> {
        if self.bench.dialect.id_in_greeting(text, client).is_some() {
            self.greeted += 1;
            swarm.close(client);
        }
        Ok(())
    }
}
