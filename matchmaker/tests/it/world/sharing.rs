//! What an engine is asked and says, and how sessions come from and go to other replicas.

use std::time::Duration;

use duet_matchmaker::engine::{Reply, Request, Ticket, Whereabouts};
use duet_matchmaker::{Config, PoolKey};
use duet_proto::frame::{PoolName, Up, UpFrame, Wishes};
use duet_proto::ids::{SessionNumber, TicketNumber};
use duet_proto::time::Time;

use super::{World, boot_of, client_id, letter, number, seconds};

/// What the engine says, by names.
#[derive(Clone, Debug)]
pub(crate) enum Says {
    Waits(char, TicketNumber, u64),
    /// Who has found whom, by the ticket of that one, and on which link it is.
    Found(char, TicketNumber, char, TicketNumber, u32),
    Claimed(char, TicketNumber),
    Full(char, TicketNumber),
    /// It has forgotten everything.
    Nothing,
}

/// What happens to sessions of several replicas.
#[derive(Clone, Debug)]
pub(crate) enum Roaming {
    /// A session is at another replica, and its gateway has a link here.
    Elsewhere(char, u32),
    Departed(char, u32),
    Stays(char, u32, TicketNumber),
}

impl World {
    pub(super) fn hear(&mut self, says: Says, now: Time) {
        let reply = match says {
            Says::Waits(client, number, position) => {
                Reply::Waits { client: client_id(client), number, position, found: 0, come_to: None }
            }
            Says::Found(client, number, waiter, of, link) => {
                let waiter = Box::new(self.ticket_elsewhere(waiter, of, link));
                Reply::Found { client: client_id(client), number, waiter }
            }
            Says::Claimed(client, number) => Reply::Claimed { client: client_id(client), number },
            Says::Full(client, number) => Reply::Full { client: client_id(client), number },
            Says::Nothing => return self.machine.resync_engine(now),
        };
        self.machine.handle_engine(reply, now);
    }

    pub(super) fn roam(&mut self, roaming: &Roaming, now: Time) {
        let (client, link, kind) = match *roaming {
            Roaming::Elsewhere(client, link) => return self.begin(client, link),
            Roaming::Departed(client, link) => (client, link, Up::Departed { client: client_id(client) }),
            Roaming::Stays(client, link, ticket) => (client, link, Up::Stays { client: client_id(client), ticket }),
        };
        let session = self.sessions.get(&client).map_or(SessionNumber(99), |(_, session)| *session);
        self.machine.handle_frame(self.links[&link], UpFrame { session, client_seq: 0, kind }, now);
    }

    fn ticket_elsewhere(&self, client: char, number: TicketNumber, link: u32) -> Ticket {
        Ticket {
            client: client_id(client),
            number,
            pool: PoolKey { name: PoolName::default(), quarantined: false },
            wishes: Wishes::anybody(PoolName::default()),
            is_wide: true,
            user: None,
            blocked: vec![client_id('x')],
            apart: Vec::new(),
            blocked_users: Vec::new(),
            recent: vec![(client_id('y'), Duration::from_secs(1))],
            cares_for: Duration::from_secs(5),
            waited: Duration::ZERO,
            head_start: Duration::ZERO,
            at: Whereabouts {
                gateway: format!("g{link}").into(),
                boot: boot_of(self.boots.get(&link)),
                worker: 0,
                session: self.sessions.get(&client).map_or(SessionNumber(99), |(_, session)| *session),
            },
        }
    }
}

/// What the engine is asked, in words.
pub(super) fn engine_line(request: Request) -> String {
    match request {
        Request::Seek(ref seek) | Request::Update(ref seek) => {
            let Ticket { client, number: of, pool, apart, blocked, recent, waited, is_wide, .. } = seek.ticket.clone();
            let verb = if let Request::Seek(_) = &request { "seek" } else { "update" };
            let mut line = format!("engine: {verb} {} {}", letter(client), number(of));
            line += &format!(" {} {}", pool.name.as_str(), seconds(waited));
            let named = |word: &str, clients: Vec<_>| {
                let clients: String = clients.into_iter().map(letter).collect();
                if clients.is_empty() { clients } else { format!(" {word} {clients}") }
            };
            line += &named("apart", apart);
            line += &named("blocked", blocked);
            line += &named("recent", recent.into_iter().map(|(client, _)| client).collect());
            // As many as may by default wait without being named.
            if ![0, Config::default().max_waiting_per_pool].contains(&seek.limit) {
                line += &format!(" if fewer than {} wait", seek.limit);
            }
            if is_wide { line } else { line + " choosy" }
        }
        Request::Withdraw { client, number: of, .. } => format!("engine: withdraw {} {}", letter(client), number(of)),
        Request::Settle { seeker, waiter, .. } => format!("engine: settle {} {}", letter(seeker), letter(waiter)),
        Request::Release { seeker, waiter, .. } => format!("engine: release {} {}", letter(seeker), letter(waiter)),
        Request::Discard { seeker, waiter, number: of, .. } => {
            format!("engine: discard {} {} {}", letter(seeker), letter(waiter), number(of))
        }
    }
}
