//! Churn: whoever makes the offer of a room asks for the next partner at once.

use std::io;
use std::time::Instant;

use crate::bench::Bench;
use crate::figures::Figures;
use crate::rooms::{Rooms, TURN, refuse_error};
use crate::swarm::{Swarm, Work};
use crate::work::matching::MATCHED;

/// Runs it with so many pairs.
pub(crate) fn run(bench: &Bench, pairs: usize) -> io::Result<Figures> {
    let mut swarm = bench.swarm()?;
    let mut rooms = Rooms::greet(bench, &mut swarm, 2 * pairs)?;
    rooms.pair(bench, &mut swarm)?;
    let mut churn = Churn { asked: 0 };
    for (client, partner) in rooms.partners().iter().enumerate() {
        if client < *partner {
            churn.ask(&mut swarm, client)?;
        }
    }
    bench.go_on("next", bench.warm_up, &mut swarm, &mut churn, |_, _| Ok(TURN))?;
    churn.asked = 0;
    let (started, before) = (Instant::now(), bench.processes.usage()?);
    bench.go_on("next", bench.measured, &mut swarm, &mut churn, |_, _| Ok(TURN))?;
    let used = bench.processes.usage()? - before;
    if churn.asked == 0 {
        return Err(io::Error::other("nobody was matched any more"));
    }
    Ok(Figures::new("next", churn.asked, started.elapsed(), used))
}

struct Churn {
    asked: u64,
}

impl Churn {
    fn ask(&mut self, swarm: &mut Swarm, client: usize) -> io::Result<()> {
        self.asked += 1;
        swarm.send(client, [NEXT])
    }
}

impl Work for Churn {
    fn heard(&mut self, swarm: &mut Swarm, client: usize, text: &[u8]) -> io::Result<()> {
        if text.starts_with(MATCHED) && memchr::memmem::find(text, INITIATOR).is_some() {
            return self.ask(swarm, client);
        }
        refuse_error(text)
    }
}

const NEXT: &[u8] = br#"{"type":"next"}"#;
const INITIATOR: &[u8] = br#""initiator":true"#;
