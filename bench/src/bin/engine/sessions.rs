//! Sessions that ask for partners, as many as are wanted.

use std::sync::Arc;
use std::time::Duration;

use duet_matchmaker::PoolKey;
use duet_matchmaker::engine::{Mark, Request, Seek, Ticket, Whereabouts};
use duet_proto::frame::{PoolName, Preferences, Tag, Wishes};
use duet_proto::ids::{BootId, ClientId, SessionNumber, TicketNumber};

/// What sessions ask for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wanted {
    /// Anybody.
    Anybody,
    /// So many tags of so many that there are.
    Tags(usize, usize),
    /// So many tags that nobody else asks for.
    TagsOfItsOwn(usize),
}

/// Makes tickets, each of another session.
pub(crate) struct Sessions {
    wanted: Wanted,
    /// Last partners of each.
    recent: usize,
    state: u64,
    replica: u8,
}

impl Sessions {
    pub(crate) fn new(wanted: Wanted, recent: usize, replica: u8, seed: u64) -> Self {
        Sessions { wanted, recent, state: seed << 32 | u64::from(replica) << 24, replica }
    }

    /// The search of a session that has just come to a pool.
    pub(crate) fn seek(&mut self, pool: &PoolKey) -> Seek {
        let tags = self.tags();
        let is_wide = tags.is_empty();
        let preferences = Preferences { tags, ..Preferences::default() };
        let recent = (1..=self.recent).map(|at| (self.client(), Duration::from_secs(200) / at as u32)).collect();
        let ticket = Ticket {
            client: self.client(),
            number: NUMBER,
            pool: pool.clone(),
            wishes: Wishes::new(pool.name.clone(), preferences),
            is_wide,
            user: None,
            blocked: Vec::new(),
            apart: Vec::new(),
            blocked_users: Vec::new(),
            recent,
            cares_for: Duration::from_secs(5),
            waited: Duration::ZERO,
            head_start: Duration::ZERO,
            at: Whereabouts {
                gateway: Arc::from("gateway-1"),
                boot: BootId::from_random([1; 16]),
                worker: 0,
                session: SessionNumber(self.state & 0xff_ffff),
            },
        };
        // The limit is one that is set and not reached.
        let (limit, rematch_avoid) = (10_000_000, Duration::from_secs(300));
        Seek { ticket, arrival: self.state, limit, talking: 0, recent_partners: 32, rematch_avoid, come_to: None }
    }

    /// One that is kept without a search: it begins behind everybody.
    pub(crate) fn kept(&mut self, pool: &PoolKey) -> Request {
        let come_to = Some(Mark("ffffffffffffffffffffffffff".into()));
        Request::Seek(Box::new(Seek { come_to, ..self.seek(pool) }))
    }

    fn tags(&mut self) -> Vec<Tag> {
        let name = |number: u64| Tag::new(&format!("tag {number}")).expect("the tag is printable");
        match self.wanted {
            Wanted::Anybody => Vec::new(),
            Wanted::Tags(count, of) => {
                let mut numbers = Vec::with_capacity(count);
                while numbers.len() < count.min(of) {
                    let number = self.next() % of as u64;
                    if !numbers.contains(&number) {
                        numbers.push(number);
                    }
                }
                numbers.into_iter().map(name).collect()
            }
            Wanted::TagsOfItsOwn(count) => (0..count).map(|_| name(self.next())).collect(),
        }
    }

    fn client(&mut self) -> ClientId {
        let mut id = [self.replica; 16];
        id[..8].copy_from_slice(&self.next().to_be_bytes());
        ClientId::from_random(id)
    }

    /// Numbers that are spread as random ones are, and the same in each run.
    fn next(&mut self) -> u64 {
        self.state += 1;
        let mixed = (self.state ^ self.state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }
}

/// A pool by its number.
pub(crate) fn pool(number: usize) -> PoolKey {
    PoolKey { name: PoolName::new(&format!("pool-{number}")).expect("the name is printable"), quarantined: false }
}

/// Which ticket of a session it is: the first.
pub(crate) const NUMBER: TicketNumber = TicketNumber { attempt: 1, round: 0 };
