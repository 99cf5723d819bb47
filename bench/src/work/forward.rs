//! Messages from partner to partner: at a rate, whatever the server makes of it, or as fast as answers come.

use std::io;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::bench::Bench;
use crate::dialect::{Letter, Payload, date};
use crate::figures::{Figures, Latency};
use crate::rooms::{Rooms, TURN, refuse_error};
use crate::swarm::{Swarm, Work};

/// How to forward.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Forward {
    pub(crate) pairs: usize,
    pub(crate) payload: Payload,
    pub(crate) load: Load,
}

/// What makes a client send.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Load {
    /// Its turn: so many messages a second, evenly spaced, over all pairs. A message counts from when it was due.
    Open { rate: f64 },
    /// Having heard as many messages as it now sends in one write.
    Closed { burst: usize },
}

impl Forward {
    /// Runs it.
    pub(crate) fn run(self, bench: &Bench) -> io::Result<Figures> {
        let mut swarm = bench.swarm()?;
        let mut rooms = Rooms::greet(bench, &mut swarm, 2 * self.pairs)?;
        rooms.pair(bench, &mut swarm)?;
        let mut talk = Talk::new(self.load, bench, &rooms, self.payload);
        drop(rooms);

        talk.begin(&mut swarm)?;
        talk.go_on(bench.warm_up, bench, &mut swarm)?;
        talk.heard = 0;
        talk.latency.reset();
        let (started, before) = (Instant::now(), bench.processes.usage()?);
        talk.go_on(bench.measured, bench, &mut swarm)?;
        let used = bench.processes.usage()? - before;
        let mut figures = Figures::new("message", talk.heard, started.elapsed(), used);
        figures.latency = Latency::of(&talk.latency);
        talk.end(&mut swarm)?;
        Ok(figures)
    }
}

struct Talk {
    load: Load,
    epoch: Instant,
    partners: Vec<usize>,
    /// One for each client, or one for all.
    letters: Vec<Letter>,
    /// What each client has heard since it last sent.
    pending: Vec<usize>,
    latency: Histogram<u64>,
    heard: u64,
    /// Sent and not heard yet.
    under_way: u64,
    /// Messages that were due so far.
    due: u64,
    /// No client sends any more.
    is_over: bool,
}

impl Talk {
    fn new(load: Load, bench: &Bench, rooms: &Rooms, payload: Payload) -> Self {
        let partners = rooms.partners().to_vec();
        let letters = if bench.dialect.is_paired_by_server() {
            vec![bench.dialect.letter(payload, "")]
        } else {
            partners.iter().map(|partner| bench.dialect.letter(payload, rooms.id(*partner))).collect()
        };
        Talk {
            load,
            epoch: Instant::now(),
            pending: vec![0; partners.len()],
            partners,
            letters,
            latency: Histogram::new_with_bounds(1_000, 60_000_000_000, 3).expect("the bounds are in order"),
            heard: 0,
            under_way: 0,
            due: 0,
            is_over: false,
        }
    }

    /// Half of the clients speak first.
    fn begin(&mut self, swarm: &mut Swarm) -> io::Result<()> {
        self.epoch = Instant::now();
        let Load::Closed { burst } = self.load else { return Ok(()) };
        for client in 0..self.partners.len() {
            if client <= self.partners[client] {
                self.say(swarm, client, burst, self.now())?;
                swarm.turn(Duration::ZERO, self)?;
            }
        }
        Ok(())
    }

    fn go_on(&mut self, how_long: Duration, bench: &Bench, swarm: &mut Swarm) -> io::Result<()> {
        bench.go_on("forwarding", how_long, swarm, self, |swarm, talk| match talk.load {
            Load::Open { rate } => {
                talk.say_what_is_due(rate, swarm)?;
                // Never asleep, so that no message is late by this side's wake-up.
                Ok(Duration::ZERO)
            }
            Load::Closed { .. } => Ok(TURN),
        })
    }

    fn say_what_is_due(&mut self, rate: f64, swarm: &mut Swarm) -> io::Result<()> {
        loop {
            let at = (self.due as f64 / rate * 1e9) as u64;
            if at > self.now() {
                return Ok(());
            }
            // Every pair in turn, and the two of it in turn.
            let clients = self.partners.len() as u64;
            let turn = (self.due * 2) % clients + (self.due * 2 / clients) % 2;
            self.due += 1;
            self.say(swarm, turn as usize, 1, at)?;
        }
    }

    fn say(&mut self, swarm: &mut Swarm, client: usize, count: usize, at: u64) -> io::Result<()> {
        let index = client % self.letters.len();
        let text = self.letters[index].dated(at);
        self.under_way += count as u64;
        swarm.send(client, std::iter::repeat_n(text, count))
    }

    /// Waits for what is under way: a server that loses messages has not done the work.
    fn end(&mut self, swarm: &mut Swarm) -> io::Result<()> {
        self.is_over = true;
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.under_way > 0 {
            swarm.turn(TURN, self)?;
            if Instant::now() > deadline {
                return Err(io::Error::other(format!("{} messages never arrived", self.under_way)));
            }
        }
        Ok(())
    }

    fn now(&self) -> u64 {
        self.epoch.elapsed().as_nanos() as u64
    }
}

impl Work for Talk {
    fn heard(&mut self, swarm: &mut Swarm, client: usize, text: &[u8]) -> io::Result<()> {
        let Some(at) = date(text) else { return refuse_error(text) };
        let now = self.now();
        self.heard += 1;
        self.under_way -= 1;
        self.latency.saturating_record(now - at);
        let Load::Closed { burst } = self.load else { return Ok(()) };
        self.pending[client] += 1;
        if self.pending[client] == burst && !self.is_over {
            self.pending[client] = 0;
            self.say(swarm, client, burst, now)?;
        }
        Ok(())
    }
}
