//! A matchmaker with many who wait, and two who meet again and again.

use std::time::Duration;

use duet_matchmaker::{Config, LinkKey, Matchmaker};
use duet_proto::frame::{Attach, Doing, Join, PoolName, Up, UpFrame, Wishes};
use duet_proto::ids::{BootId, ClientId, SessionNumber};
use duet_proto::link::GatewayHello;
use duet_proto::time::Time;

/// The matchmaker and its one link.
pub struct Crowd {
    pub(crate) machine: Matchmaker,
    pub(crate) link: LinkKey,
    sessions: u64,
    attempt: u32,
    pub(crate) now: Time,
}

impl Crowd {
    /// With so many waiters, each in a pool of its own, as they would meet in one.
    pub fn new(waiters: u64) -> Self {
        let mut machine = Matchmaker::new(Config::default(), [7; 32]);
        let now = Time::ZERO + Duration::from_secs(60);
        let boot = BootId::from_random([1; 16]);
        let link = machine.link_up(GatewayHello { gateway: "bench".to_owned(), boot, worker: 0 }, now);
        let mut crowd = Crowd { machine, link, sessions: 0, attempt: 0, now };
        // The first two are those who meet.
        crowd.attach();
        crowd.attach();
        for waiter in 0..waiters {
            let number = crowd.attach();
            crowd.join(number, 1, &format!("pool {waiter}"));
        }
        crowd.attempt = 1;
        crowd.drain();
        crowd
    }

    /// The two meet, and leave each other.
    pub fn meet(&mut self) {
        self.begin_to_meet();
        let attempt = self.attempt + 1;
        self.push(1, Up::Leave { attempt });
        self.push(2, Up::Leave { attempt });
        self.attempt = attempt + 1;
        self.drain();
    }

    /// The two meet.
    pub(crate) fn begin_to_meet(&mut self) {
        self.join(1, self.attempt, "meeting");
        self.join(2, self.attempt, "meeting");
        self.drain();
    }

    fn attach(&mut self) -> u64 {
        self.sessions += 1;
        let mut id = [0; 16];
        // Spread as random ids are.
        id[..8].copy_from_slice(&self.sessions.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        let client = ClientId::from_random(id);
        let attach = Attach { client, identity: None, attempt: 0, doing: Doing::Idle, resumable: None };
        self.push(self.sessions, Up::Attach(Box::new(attach)));
        self.sessions
    }

    fn join(&mut self, number: u64, attempt: u32, pool: &str) {
        let pool = PoolName::new(pool).expect("the name is printable");
        self.push(number, Up::Join(Join { attempt, wishes: Wishes::anybody(pool), waited: Duration::ZERO }));
    }

    pub(crate) fn push(&mut self, number: u64, kind: Up) {
        let frame = UpFrame { session: SessionNumber(number), client_seq: 0, kind };
        self.machine.handle_frame(self.link, frame, self.now);
    }

    pub(crate) fn drain(&mut self) {
        while let Some(output) = self.machine.poll_output() {
            std::hint::black_box(output);
        }
    }
}
