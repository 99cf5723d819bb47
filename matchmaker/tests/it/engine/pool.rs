//! A pool in an engine, asked over a connection that waits, at a time that the test tells.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use duet_matchmaker::PoolKey;
use duet_matchmaker::engine::{Mark, Reply, Request, Seek, Ticket, Whereabouts};
use duet_matchmaker::server::engine::Namespace;
use duet_matchmaker::server::engine::scripts::{Answer, Home, Scripts, Term, answer, term};
use duet_proto::frame::{Avoided, PoolName, Preferences, Region, Tag, Wishes};
use duet_proto::ids::{BootId, ClientId, SessionNumber, TicketNumber};
use duet_testing::RedisServer;
use redis::{Cmd, Connection, Value};

/// An engine of this test alone.
pub(crate) struct Engine {
    pub(super) scripts: Scripts,
    connection: RefCell<Connection>,
    /// Ends with the test.
    _server: RedisServer,
    now: Cell<Duration>,
}

/// What became of a search, without what the test knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sought {
    /// At this position.
    Waits(u64),
    Found(char),
    Claimed,
    Full,
}

impl Engine {
    pub(crate) fn start() -> Self {
        let server = RedisServer::start();
        let connection = redis::Client::open(server.url()).unwrap().get_connection().unwrap();
        let scripts = Scripts::new(Namespace::default());
        let engine = Engine {
            scripts,
            connection: RefCell::new(connection),
            _server: server,
            now: Cell::new(Duration::from_secs(1_000)),
        };
        engine.load();
        engine
    }

    pub(super) fn load(&self) {
        self.scripts.load().for_each(|command| drop(self.run(&command)));
    }

    pub(crate) fn set_clock(&self, clock: Duration) {
        self.now.set(clock);
    }

    pub(crate) fn forget_everything(&self) {
        self.run(&redis::cmd("FLUSHALL"));
    }

    pub(crate) fn renew_pool(&self, pool: &PoolKey, at: char, talking: usize) -> Term {
        term(&self.run(&self.scripts.renew(pool, &home(at), talking, self.clock()))).unwrap()
    }

    pub(super) fn pass(&self, milliseconds: u64) {
        self.now.set(self.now.get() + Duration::from_millis(milliseconds));
    }

    pub(super) fn run(&self, command: &Cmd) -> Value {
        self.try_run(command).unwrap()
    }

    pub(super) fn try_run(&self, command: &Cmd) -> redis::RedisResult<Value> {
        command.query(&mut *self.connection.borrow_mut())
    }

    pub(super) fn clock(&self) -> Option<Duration> {
        Some(self.now.get())
    }

    /// Each is asked twice, as after a lost connection, and must be answered as if it had been once.
    pub(crate) fn ask_at(&self, home: &Home, request: &Request) -> Answer {
        let command = self.scripts.command(request, home, self.clock());
        let first = answer(request, &self.run(&command)).unwrap();
        let again = answer(request, &self.run(&command)).unwrap();
        assert_eq!(settled(again), settled(first.clone()), "{request:?} asked twice");
        first
    }

    pub(super) fn ask(&self, request: &Request) -> Option<Reply> {
        self.ask_at(&home('A'), request).reply
    }

    pub(super) fn seek(&self, ticket: Ticket) -> Sought {
        self.seek_by(seek(ticket))
    }

    pub(super) fn seek_by(&self, seek: Seek) -> Sought {
        self.seek_at('A', seek)
    }

    pub(super) fn seek_at(&self, at: char, seek: Seek) -> Sought {
        sought(self.ask_at(&home(at), &Request::Seek(Box::new(seek))).reply.unwrap())
    }

    pub(super) fn come_to(&self, seek: Seek) -> (Sought, Option<Mark>) {
        let reply = self.ask(&Request::Seek(Box::new(seek))).unwrap();
        let mark = if let Reply::Waits { come_to, .. } = &reply { come_to.clone() } else { None };
        (sought(reply), mark)
    }

    pub(super) fn renew(&self, at: char, talking: usize) -> Term {
        self.renew_pool(&pool(), at, talking)
    }

    pub(super) fn withdraw(&self, name: char) {
        self.ask(&Request::Withdraw { pool: pool(), client: client(name), number: number(1) });
    }

    pub(super) fn settle(&self, seeker: char, waiter: char) {
        self.ask(&Request::Settle { pool: pool(), seeker: client(seeker), waiter: client(waiter) });
    }

    pub(super) fn release(&self, seeker: char, waiter: char) {
        self.ask(&Request::Release { pool: pool(), seeker: client(seeker), waiter: client(waiter) });
    }

    pub(super) fn discard(&self, seeker: char, waiter: char, attempt: u32) {
        let (seeker, waiter) = (client(seeker), client(waiter));
        self.ask(&Request::Discard { pool: pool(), seeker, waiter, number: number(attempt) });
    }

    /// What is left in a key of the pool, apart from homes and counters.
    pub(super) fn left(&self) -> Vec<String> {
        let fields: Vec<Vec<u8>> = self.connection_query(redis::cmd("HKEYS").arg("duet:1:{default}:tickets"));
        let members: Vec<Vec<u8>> =
            self.connection_query(redis::cmd("ZRANGE").arg("duet:1:{default}:lanes").arg(0).arg(-1));
        let left = fields.into_iter().chain(members).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let mut left: Vec<_> = left.filter(|name| !name.starts_with(['h', 'e', '#'])).collect();
        left.sort_unstable();
        left
    }

    pub(super) fn connection_query<T: redis::FromRedisValue>(&self, command: &Cmd) -> T {
        command.query(&mut *self.connection.borrow_mut()).unwrap()
    }
}

/// How far it has come is nothing to go by: by the second time it stands in the lane itself.
fn settled(answer: Answer) -> Answer {
    let reply = answer.reply.map(|reply| match reply {
        Reply::Waits { client, number, position, found, .. } => {
            Reply::Waits { client, number, position, found, come_to: None }
        }
        other => other,
    });
    Answer { reply, ..answer }
}

fn sought(reply: Reply) -> Sought {
    match reply {
        Reply::Waits { position, .. } => Sought::Waits(position),
        Reply::Found { waiter, .. } => Sought::Found(name(waiter.client)),
        Reply::Claimed { .. } => Sought::Claimed,
        Reply::Full { .. } => Sought::Full,
    }
}

pub(super) fn pool() -> PoolKey {
    PoolKey { name: PoolName::default(), quarantined: false }
}

pub(crate) fn home(name: char) -> Home {
    Home(name.to_string().into())
}

pub(super) fn client(name: char) -> ClientId {
    ClientId::from_random([name as u8; 16])
}

fn name(client: ClientId) -> char {
    char::from(client.as_bytes()[0])
}

pub(super) fn number(attempt: u32) -> TicketNumber {
    TicketNumber { attempt, round: 0 }
}

pub(super) fn seek(ticket: Ticket) -> Seek {
    let rematch_avoid = Duration::from_secs(300);
    Seek { ticket, limit: 0, talking: 0, recent_partners: 32, rematch_avoid, come_to: None }
}

/// A ticket of somebody who asks for nothing and waits since now.
pub(super) fn ticket(name: char) -> Ticket {
    Ticket {
        client: client(name),
        number: number(1),
        pool: pool(),
        wishes: Wishes::anybody(PoolName::default()),
        is_wide: true,
        user: None,
        blocked: Vec::new(),
        apart: Vec::new(),
        blocked_users: Vec::new(),
        recent: Vec::new(),
        is_past_caring: false,
        waited: Duration::ZERO,
        head_start: Duration::ZERO,
        at: Whereabouts {
            gateway: "gateway".into(),
            boot: BootId::from_random([1; 16]),
            worker: 3,
            session: SessionNumber(u64::from(u32::from(name))),
        },
    }
}

/// One who meets nobody but waits, so that several can be kept.
pub(super) fn shy(name: char, others: &str) -> Ticket {
    Ticket { blocked: others.chars().map(client).collect(), ..ticket(name) }
}

pub(super) fn waited(ticket: Ticket, milliseconds: u64) -> Ticket {
    Ticket { waited: Duration::from_millis(milliseconds), ..ticket }
}

/// Somebody with wishes who insists on them.
pub(super) fn wishing(name: char, tags: &[&str], region: Option<&str>) -> Ticket {
    let tags = tags.iter().map(|tag| Tag::new(tag).unwrap()).collect();
    let region = region.map(|region| Region::new(region).unwrap());
    let wishes = Wishes::new(PoolName::default(), Preferences { tags, region, ..Preferences::default() });
    Ticket { wishes, is_wide: false, ..ticket(name) }
}

pub(super) fn avoiding(name: char, avoided: &str) -> Ticket {
    let avoid = vec![Avoided::new(avoided).unwrap()];
    Ticket { wishes: Wishes::new(PoolName::default(), Preferences { avoid, ..Preferences::default() }), ..ticket(name) }
}
