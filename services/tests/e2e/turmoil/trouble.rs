//! Single faults: how each begins and ends.

use std::time::Duration;

use super::world::{LATENCY, World};

#[derive(Clone, Debug)]
pub(super) enum Fault {
    Network(Trouble, Vec<Pair>),
    /// A process dies, and another takes its place in the end. If its host vanishes from the network first, nobody is told.
    Death {
        host: String,
        cut_off: Vec<Pair>,
    },
}

/// What the network does between two hosts.
#[derive(Clone, Copy, Debug)]
pub(super) enum Trouble {
    /// All packets are lost.
    Partition,
    /// Those to the second are lost.
    OneWay,
    /// Packets wait for the end of it.
    Hold,
    /// Packets take long, each its own time.
    Slow,
}

pub(super) type Pair = (String, String);

impl Fault {
    /// Between whom nothing is as it should be.
    pub(super) fn pairs(&self) -> &[Pair] {
        match self {
            Fault::Network(_, pairs) | Fault::Death { cut_off: pairs, .. } => pairs,
        }
    }

    pub(super) fn begin(&self, world: &mut World) {
        let sim = &mut world.sim;
        for (a, b) in self.pairs().iter().map(|(a, b)| (&**a, &**b)) {
            match self {
                Fault::Network(Trouble::Partition, _) | Fault::Death { .. } => sim.partition(a, b),
                Fault::Network(Trouble::OneWay, _) => sim.partition_oneway(a, b),
                Fault::Network(Trouble::Hold, _) => sim.hold(a, b),
                Fault::Network(Trouble::Slow, _) => sim.set_link_max_message_latency(a, b, SLOW),
            }
        }
        if let Fault::Death { host, .. } = self {
            sim.crash(&**host);
        }
    }

    pub(super) fn end(&self, world: &mut World) {
        let sim = &mut world.sim;
        for (a, b) in self.pairs().iter().map(|(a, b)| (&**a, &**b)) {
            match self {
                Fault::Network(Trouble::Partition, _) | Fault::Death { .. } => sim.repair(a, b),
                Fault::Network(Trouble::OneWay, _) => sim.repair_oneway(a, b),
                Fault::Network(Trouble::Hold, _) => sim.release(a, b),
                Fault::Network(Trouble::Slow, _) => sim.set_link_max_message_latency(a, b, LATENCY),
            }
        }
        if let Fault::Death { host, .. } = self {
            sim.bounce(&**host);
        }
    }
}

/// Of a packet on a slow way, at most.
const SLOW: Duration = Duration::from_secs(1);
