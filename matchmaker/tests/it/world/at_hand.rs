//! A real engine for a machine: it answers every request before anything else happens, at the machine's time.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use duet_matchmaker::engine::{Reply, Request};
use duet_matchmaker::{Matchmaker, PoolKey};
use duet_proto::time::Time;

use super::EngineAtHand;
use crate::engine::pool::{Engine, home};

pub(crate) struct AtHand {
    engine: Rc<Engine>,
    replies: VecDeque<Reply>,
    /// How far leases have been kept up.
    now: Time,
}

impl AtHand {
    pub(crate) fn new(engine: Rc<Engine>) -> Self {
        AtHand { engine, replies: VecDeque::new(), now: Time::ZERO }
    }
}

impl EngineAtHand for AtHand {
    fn keep_up(&mut self, machine: &Matchmaker, now: Time) {
        while self.now < now {
            self.now = now.min(self.now + RENEWED_EVERY);
            self.engine.set_clock(EPOCH + self.now.since(Time::ZERO));
            for pool in machine.pools(now) {
                let key = PoolKey { name: pool.name.clone(), quarantined: pool.quarantined };
                self.engine.renew_pool(&key, 'A', pool.talking);
            }
        }
        self.engine.set_clock(EPOCH + now.since(Time::ZERO));
    }

    fn ask(&mut self, request: &Request) {
        self.replies.extend(self.engine.ask_at(&home('A'), request).reply);
    }

    fn reply(&mut self) -> Option<Reply> {
        self.replies.pop_front()
    }
}

/// The engine's clock at the machine's origin.
const EPOCH: Duration = Duration::from_secs(1_000_000);
/// Less than a lease.
const RENEWED_EVERY: Duration = Duration::from_secs(4);
