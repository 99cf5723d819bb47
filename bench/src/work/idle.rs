//! What connections cost that do nothing: memory, and the CPU time of the time they are there.

use std::io;
use std::time::Instant;

use crate::bench::Bench;
use crate::figures::Figures;
use crate::rooms::{Rooms, TURN};

/// Opens so many connections, optionally pairs them, and looks.
pub(crate) fn run(bench: &Bench, connections: usize, in_rooms: bool) -> io::Result<Figures> {
    // The first ones pay for what the server needs once.
    let mut first = bench.swarm()?;
    Rooms::greet(bench, &mut first, FIRST)?;
    let before = bench.processes.memory()?;
    let mut swarm = bench.swarm()?;
    let mut rooms = Rooms::greet_from(FIRST, bench, &mut swarm, connections)?;
    if in_rooms {
        rooms.pair(bench, &mut swarm)?;
    }
    bench.go_on("settling", bench.warm_up, &mut swarm, &mut rooms, |_, _| Ok(TURN))?;
    let (started, used) = (Instant::now(), bench.processes.usage()?);
    bench.go_on("idling", bench.measured, &mut swarm, &mut rooms, |_, _| Ok(TURN))?;
    let used = bench.processes.usage()? - used;
    let mut figures = Figures::new("connection", connections as u64, started.elapsed(), used);
    figures.bytes = Some((bench.processes.memory()? - before) as f64 / connections as f64);
    Ok(figures)
}

const FIRST: usize = 100;
