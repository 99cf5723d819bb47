//! What goes wrong, and when: faults drawn one after the other, each for a while.
//!
//! Everything that a pair has to survive is drawn, and nothing else. A session is kept for 15 s without a connection, and a dead link is
//! found by its silence after as long. So a gateway is troubled only while the other one is well, deaths are of one kind in a
//! run and far apart, and a new matchmaker is given the time to hear of everybody.

use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

use super::trace;
use super::trouble::{Fault, Pair, Trouble};
use super::world::{GATEWAYS, MATCHMAKER, World, client_name, gateway_name};

/// What may die in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deaths {
    None,
    Gateways,
    Matchmaker,
}

impl Deaths {
    pub(super) fn draw(dice: &mut StdRng) -> Self {
        *[Deaths::None, Deaths::Gateways, Deaths::Matchmaker].choose(dice).unwrap()
    }
}

pub(super) struct Faults {
    deaths: Deaths,
    /// Until when.
    under_way: Vec<(Duration, Fault)>,
    /// Until when all processes must be left alone.
    next_death: Duration,
    /// The gateway that was troubled last, and until when it may not do its work.
    troubled: (usize, Duration),
    pub(super) count: u64,
}

impl Faults {
    pub(super) fn new(deaths: Deaths) -> Self {
        Faults { deaths, under_way: Vec::new(), next_death: Duration::ZERO, troubled: (0, Duration::ZERO), count: 0 }
    }

    /// Something goes wrong from now on, if what is drawn may.
    pub(super) fn draw(&mut self, world: &mut World, dice: &mut StdRng) {
        let client = dice.random_range(0..world.clients.len());
        let gateway = dice.random_range(0..GATEWAYS);
        match dice.random_range(0..100) {
            0..10 => {
                trace(world.elapsed(), || format!("client {client} loses its connection"));
                self.count += 1;
                world.clients[client].reset.notify_one();
            }
            10..45 => self.trouble_client(client, gateway, world, dice),
            45..80 => self.trouble_link(gateway, world, dice),
            _ if world.elapsed() < self.next_death => {}
            _ => match self.deaths {
                Deaths::None => {}
                Deaths::Gateways => self.kill_gateway(gateway, world, dice),
                Deaths::Matchmaker => self.kill_matchmaker(world, dice),
            },
        }
    }

    fn trouble_client(&mut self, client: usize, gateway: usize, world: &mut World, dice: &mut StdRng) {
        let from_both = dice.random_bool(0.3);
        let gateways = (0..GATEWAYS).filter(|other| from_both || *other == gateway);
        let pairs: Vec<Pair> = gateways.map(|gateway| (client_name(client), gateway_name(gateway))).collect();
        self.trouble(pairs, world, dice);
    }

    fn trouble_link(&mut self, gateway: usize, world: &mut World, dice: &mut StdRng) {
        let is_recovering = self.deaths == Deaths::Matchmaker && world.elapsed() < self.next_death;
        let link = link(gateway);
        if is_recovering || self.is_busy(&link) || !self.may_trouble(gateway, world, LONGEST) {
            return;
        }
        if dice.random() {
            return self.trouble(vec![link], world, dice);
        }
        // The gateway notices at once, the matchmaker only if that gets through.
        if dice.random() {
            world.link_resets[gateway].send_replace(());
            self.pass(world, world.elapsed() + Duration::from_millis(200));
        }
        self.begin(Fault::Network(Trouble::Partition, vec![link]), world, dice);
        world.link_resets[gateway].send_replace(());
    }

    fn trouble(&mut self, mut pairs: Vec<Pair>, world: &mut World, dice: &mut StdRng) {
        let trouble = *[Trouble::Partition, Trouble::OneWay, Trouble::Hold, Trouble::Slow].choose(dice).unwrap();
        if dice.random() {
            pairs.iter_mut().for_each(|(from, to)| std::mem::swap(from, to));
        }
        if !pairs.iter().any(|pair| self.is_busy(pair)) {
            self.begin(Fault::Network(trouble, pairs), world, dice);
        }
    }

    fn kill_gateway(&mut self, gateway: usize, world: &mut World, dice: &mut StdRng) {
        if !self.is_busy(&link(gateway)) && self.may_trouble(gateway, world, LONGEST) {
            self.kill(gateway_name(gateway), dice.random(), world, dice);
        }
    }

    fn kill_matchmaker(&mut self, world: &mut World, dice: &mut StdRng) {
        if (0..GATEWAYS).all(|gateway| !self.is_busy(&link(gateway))) {
            self.kill(MATCHMAKER.to_owned(), self.under_way.is_empty() && dice.random(), world, dice);
        }
    }

    fn kill(&mut self, host: String, is_silent: bool, world: &mut World, dice: &mut StdRng) {
        let mut cut_off = Vec::new();
        if is_silent {
            let gateways = (0..GATEWAYS).map(gateway_name);
            let all = gateways.chain((0..world.clients.len()).map(client_name)).chain([MATCHMAKER.to_owned()]);
            cut_off = all.filter(|other| *other != host).map(|other| (host.clone(), other)).collect();
            if cut_off.iter().any(|pair| self.is_busy(pair)) {
                return;
            }
        }
        self.next_death = world.elapsed() + BETWEEN_DEATHS;
        self.begin(Fault::Death { host, cut_off }, world, dice);
    }

    /// Whether the other gateway does its work. If so, this one need not for so long.
    fn may_trouble(&mut self, gateway: usize, world: &World, time: Duration) -> bool {
        let (troubled, until) = self.troubled;
        let may = troubled == gateway || until <= world.elapsed();
        if may {
            self.troubled = (gateway, world.elapsed() + time + DEAD_LINK);
        }
        may
    }

    /// Lets time pass, and what is over end.
    pub(super) fn pass(&mut self, world: &mut World, until: Duration) {
        while world.elapsed() < until {
            let now = world.elapsed();
            for (_, fault) in self.under_way.extract_if(.., |(end, _)| *end <= now) {
                trace(now, || format!("the end of {fault:?}"));
                fault.end(world);
            }
            world.step();
        }
    }

    /// Waits until everything is repaired.
    pub(super) fn end(&mut self, world: &mut World) {
        while let Some(last) = self.under_way.iter().map(|(end, _)| *end).max() {
            self.pass(world, last + Duration::from_millis(20));
        }
    }

    fn is_busy(&self, (a, b): &Pair) -> bool {
        let same = |(x, y): &Pair| (x, y) == (a, b) || (y, x) == (a, b);
        self.under_way.iter().any(|(_, fault)| fault.pairs().iter().any(same))
    }

    fn begin(&mut self, fault: Fault, world: &mut World, dice: &mut StdRng) {
        let longest = if matches!(fault, Fault::Death { .. }) { LONGEST / 2 } else { LONGEST };
        let time = longest.mul_f64(dice.random_range(0.01..1.0));
        trace(world.elapsed(), || format!("{fault:?} for {time:?}"));
        fault.begin(world);
        self.count += 1;
        self.under_way.push((world.elapsed() + time, fault));
    }
}

fn link(gateway: usize) -> Pair {
    (gateway_name(gateway), MATCHMAKER.to_owned())
}

/// Of a fault.
const LONGEST: Duration = Duration::from_secs(8);
/// Until a link's ends have both found out that it is dead, and there is another.
const DEAD_LINK: Duration = Duration::from_secs(9);
const BETWEEN_DEATHS: Duration = Duration::from_secs(12);
