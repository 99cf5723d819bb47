//! What can be asked about the machine: of one moment, in stable order, without changing it.

use std::time::Duration;

use duet_proto::frame::{Identity, PoolName};
use duet_proto::ids::{ClientId, RoomId};
use duet_proto::link::GatewayHello;
use duet_proto::time::Time;

use crate::Matchmaker;
use crate::rooms::{Member, Room};
use crate::sessions::{Known, Session, State};

/// The machine at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Sessions attached, unlinked and detached ones included.
    pub sessions: usize,
    /// Sessions in a queue.
    pub waiting: usize,
    /// Rooms of two.
    pub rooms: usize,
    /// Links that are up.
    pub links: usize,
    /// How long the longest waiter has waited.
    pub oldest_wait: Option<Duration>,
    /// Rooms made ever.
    pub matches: u64,
    /// Messages forwarded ever, repeated ones each time.
    pub forwarded: u64,
    /// Pairs of users that are not matched with each other.
    pub blocks: usize,
    /// Reports ever that were events.
    pub reports: u64,
    /// Quarantines ever.
    pub quarantines: u64,
    /// Reports ever that were no events, as their reporters had filed too many.
    pub ignored_reports: u64,
}

/// One pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolView<'a> {
    /// Its name.
    pub name: &'a PoolName,
    /// Whether it is for those who were reported too often.
    pub quarantined: bool,
    /// Sessions in its queue.
    pub waiting: usize,
    /// Sessions in rooms that came of it.
    pub talking: usize,
    /// How long the one who is served next has waited, its head start included; zero when nobody waits.
    pub oldest_wait: Duration,
    /// For how much longer somebody who comes now would wait, as far as the pool's last minute tells.
    pub estimate: Option<Duration>,
}

/// One session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionView<'a> {
    /// Its name.
    pub client: ClientId,
    /// What it does.
    pub state: SessionState,
    /// The pool of its last wish.
    pub pool: Option<&'a PoolName>,
    /// Who the client says it is.
    pub identity: Option<&'a Identity>,
    /// Whether it has no socket just now, and is kept for its window.
    pub detached: bool,
    /// The gateway that holds its socket, or held it last.
    pub gateway: &'a str,
    /// Since when it is known here.
    pub attached: Time,
}

/// What a session does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionState {
    /// Neither waits nor talks.
    Idle,
    /// Is in the queue.
    Waiting {
        /// Its queue time; may lie before the process began.
        since: Time,
    },
    /// Is in a room, or in one of a former matchmaker that its partner has not announced yet.
    Matched {
        /// Which.
        room: RoomId,
    },
}

/// One room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RoomView<'a> {
    /// Its name.
    pub id: RoomId,
    /// The pool that the two met in.
    pub pool: &'a PoolName,
    /// Since when.
    pub created: Time,
    /// The initiator first.
    pub members: [MemberView; 2],
}

/// One of the two in a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemberView {
    /// Its session.
    pub client: ClientId,
    /// Whether it makes the offer.
    pub initiator: bool,
    /// Messages forwarded from it; after a link was lost, counted again from what the other's gateway has.
    pub sent: u64,
    /// The highest of those that the other's gateway has acknowledged, or announced that it has.
    pub acknowledged: u64,
}

impl Matchmaker {
    /// Counts and waits. Looks at the head of every pool.
    pub fn stats(&self, now: Time) -> Stats {
        Stats {
            sessions: self.sessions.len(),
            waiting: self.pools.waiting(),
            rooms: self.rooms.len(),
            links: self.links.up(),
            oldest_wait: self.pools(now).filter(|pool| pool.waiting > 0).map(|pool| pool.oldest_wait).max(),
            matches: self.matches,
            forwarded: self.forwarded,
            blocks: self.blocks.len(),
            reports: self.reports_counted,
            quarantines: self.quarantines,
            ignored_reports: self.ignored_reports,
        }
    }

    /// Whether there are sessions that nobody else knows of just now: their links are down, or their gateways have died, and they
    /// are kept in case that they, or their clients, come back; and there is a gateway by which they could.
    pub fn has_orphans(&self) -> bool {
        self.links.has_orphans()
    }

    /// Links that are up: whose, and how many sessions are on each.
    pub fn links(&self) -> impl Iterator<Item = (&GatewayHello, usize)> {
        self.links.loads()
    }

    /// Pools with somebody waiting or talking, in the order of their names.
    pub fn pools(&self, now: Time) -> impl Iterator<Item = PoolView<'_>> {
        self.pools.iter().map(move |(key, pool)| PoolView {
            name: &key.name,
            quarantined: key.quarantined,
            waiting: pool.waiting(),
            talking: pool.talking(),
            oldest_wait: pool.first().map_or(Duration::ZERO, |oldest| now.since(oldest.queued)),
            estimate: pool.estimate(pool.waiting() as u64 + 1, now),
        })
    }

    /// One session.
    pub fn session(&self, client: ClientId) -> Option<SessionView<'_>> {
        self.sessions.by_client(client).map(|key| self.session_view(&self.sessions[key]))
    }

    /// The sessions after one in the order of client ids, or all; taking some is as cheap as their number.
    pub fn sessions_after(&self, client: Option<ClientId>) -> impl Iterator<Item = SessionView<'_>> {
        self.sessions.after(client).map(|session| self.session_view(session))
    }

    /// One room. One that only one side has announced is none yet.
    pub fn room(&self, id: RoomId) -> Option<RoomView<'_>> {
        self.rooms.by_id(id).map(|room| self.room_view(room))
    }

    /// The rooms after one in the order of ids, or all; taking some is as cheap as their number.
    pub fn rooms_after(&self, id: Option<RoomId>) -> impl Iterator<Item = RoomView<'_>> {
        self.rooms.after(id).map(|room| self.room_view(room))
    }

    fn session_view<'a>(&'a self, session: &'a Session) -> SessionView<'a> {
        SessionView {
            client: session.client,
            state: match session.state {
                State::Idle => SessionState::Idle,
                State::Waiting => SessionState::Waiting { since: session.wish().turn.queued },
                State::InRoom(room) => SessionState::Matched { room: self.rooms[room].id },
                State::InHalfRoom(room) => SessionState::Matched { room },
            },
            pool: session.wish.as_ref().map(|wish| &wish.wishes.pool),
            identity: session.identity.as_deref().map(Known::identity),
            detached: session.is_detached(),
            gateway: &self.links.hello(session.link).gateway,
            attached: session.attached,
        }
    }

    fn room_view<'a>(&'a self, room: &'a Room) -> RoomView<'a> {
        let member = |member: &Member, initiator| MemberView {
            client: self.sessions[member.session].client,
            initiator,
            sent: member.sent,
            acknowledged: member.acknowledged,
        };
        let [first, second] = &room.members;
        RoomView {
            id: room.id,
            pool: &room.pool.name,
            created: room.created,
            members: [member(first, true), member(second, false)],
        }
    }
}
