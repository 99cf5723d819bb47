//! A matchmaker with many who wait, and two who meet again and again.

use std::time::Duration;

use duet_matchmaker::{Config, LinkKey, Matchmaker};
use duet_proto::frame::{Attach, Avoided, Doing, Identity, Join, PoolName, Preferences, Tag, Up, UpFrame, Wishes};
use duet_proto::ids::{BootId, ClientId, SessionNumber};
use duet_proto::link::GatewayHello;
use duet_proto::time::Time;

/// What the two ask for who meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meeting {
    /// Nothing.
    Anybody,
    /// Not to meet those who are first in the queue.
    PastOthers,
    /// Ten tags, of which others have nine, who are not to be met.
    ByTags,
}

/// The matchmaker and its one link.
pub struct Crowd {
    pub(crate) machine: Matchmaker,
    pub(crate) link: LinkKey,
    wishes: Wishes,
    sessions: u64,
    attempt: u32,
    pub(crate) now: Time,
}

impl Crowd {
    /// With so many waiters in the same pool, who are all one user and insist on tags of their own, so that they meet nobody.
    pub fn new(waiters: u64, meeting: Meeting) -> Self {
        // The two are to meet again and again.
        let config = Config { recent_partners: 0, max_waiting_per_pool: 0, ..Config::default() };
        let mut machine = Matchmaker::new(config, [7; 32]);
        let now = Time::ZERO + Duration::from_secs(60);
        let boot = BootId::from_random([1; 16]);
        let link = machine.link_up(GatewayHello { gateway: "bench".to_owned(), boot, worker: 0 }, now);
        let wishes = meeting.wishes();
        let mut crowd = Crowd { machine, link, wishes, sessions: 0, attempt: 0, now };
        // The first two are those who meet.
        crowd.attach(None);
        crowd.attach(None);
        let identity = Identity { verified: true, ..Identity::unverified(ONE_USER.to_owned()) };
        for _ in 0..meeting.in_the_way() {
            let number = crowd.attach(Some(identity.clone()));
            crowd.join(number, 1, Wishes::default());
        }
        for waiter in 0..waiters {
            let number = crowd.attach(Some(identity.clone()));
            let preferences = Preferences { tags: vec![tag(waiter)], ..Preferences::default() };
            crowd.join(number, 1, Wishes::new(PoolName::default(), preferences));
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
        self.join(1, self.attempt, self.wishes.clone());
        self.join(2, self.attempt, self.wishes.clone());
        self.drain();
    }

    fn attach(&mut self, identity: Option<Identity>) -> u64 {
        self.sessions += 1;
        let mut id = [0; 16];
        // Spread as random ids are.
        id[..8].copy_from_slice(&self.sessions.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        let client = ClientId::from_random(id);
        let attach = Attach { client, identity, attempt: 0, doing: Doing::Idle, resumable: None };
        self.push(self.sessions, Up::Attach(Box::new(attach)));
        self.sessions
    }

    fn join(&mut self, number: u64, attempt: u32, wishes: Wishes) {
        self.push(number, Up::Join(Join { attempt, wishes, waited: Duration::ZERO }));
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

impl Meeting {
    fn wishes(self) -> Wishes {
        let avoid = vec![Avoided::new(ONE_USER).expect("the name is printable")];
        let tags = || (0..9).map(tag).chain([Tag::new("shared").expect("the tag is printable")]).collect();
        let preferences = match self {
            Meeting::Anybody => Preferences::default(),
            Meeting::PastOthers => Preferences { avoid, ..Preferences::default() },
            Meeting::ByTags => Preferences { avoid, tags: tags(), ..Preferences::default() },
        };
        Wishes::new(PoolName::default(), preferences)
    }

    /// How many stand before the one who is met.
    fn in_the_way(self) -> u64 {
        if self == Meeting::PastOthers { 32 } else { 0 }
    }
}

fn tag(number: u64) -> Tag {
    Tag::new(&format!("tag {number}")).expect("the tag is printable")
}

const ONE_USER: &str = "crowd";
