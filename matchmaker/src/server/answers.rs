//! The machine's views as messages of `matchmaker.proto`.

use duet_proto::time::Time;
use duet_proto::v1;
use prost_types::Timestamp;

use super::clock::Clock;
use super::names;
use crate::{Matchmaker, MemberView, PoolView, RoomView, SessionState, SessionView};

pub(crate) fn stats(machine: &Matchmaker, clock: &Clock, now: Time) -> v1::Stats {
    let stats = machine.stats(now);
    v1::Stats {
        sessions: stats.sessions as u64,
        waiting: stats.waiting as u64,
        rooms: stats.rooms as u64,
        links: stats.links as u64,
        oldest_wait: stats.oldest_wait.and_then(|wait| wait.try_into().ok()),
        matches_total: stats.matches,
        forwarded_total: stats.forwarded,
        start_time: Some(timestamp(clock, Time::ZERO)),
        pools: machine.pools(now).take(POOLS_MOST).map(pool).collect(),
    }
}

pub(crate) fn session(session: SessionView<'_>, clock: &Clock) -> v1::Session {
    let (state, queued, room) = match session.state {
        SessionState::Idle => (v1::session::State::Idle, None, None),
        SessionState::Waiting { since } => (v1::session::State::Waiting, Some(since), None),
        SessionState::Matched { room } => (v1::session::State::Matched, None, Some(room)),
    };
    v1::Session {
        name: names::of_session(session.client),
        state: state.into(),
        pool: session.pool.map_or_else(String::new, |pool| pool.as_str().to_owned()),
        user_id: session.identity.map_or_else(String::new, |identity| identity.user.clone()),
        user_verified: session.identity.is_some_and(|identity| identity.verified),
        gateway_id: session.gateway.to_owned(),
        detached: session.detached,
        attach_time: Some(timestamp(clock, session.attached)),
        queue_time: queued.map(|queued| timestamp(clock, queued)),
        room: room.map_or_else(String::new, names::of_room),
    }
}

pub(crate) fn room(room: RoomView<'_>, clock: &Clock) -> v1::Room {
    v1::Room {
        name: names::of_room(room.id),
        pool: room.pool.as_str().to_owned(),
        create_time: Some(timestamp(clock, room.created)),
        members: room.members.map(member).into(),
    }
}

fn member(member: MemberView) -> v1::Member {
    v1::Member {
        session: names::of_session(member.client),
        initiator: member.initiator,
        sent: member.sent,
        sent_acknowledged: member.acknowledged,
    }
}

fn pool(pool: PoolView<'_>) -> v1::PoolStats {
    v1::PoolStats {
        pool: pool.name.as_str().to_owned(),
        waiting: pool.waiting as u64,
        oldest_wait: pool.oldest_wait.try_into().ok(),
    }
}

fn timestamp(clock: &Clock, time: Time) -> Timestamp {
    clock.wall(time).into()
}

const POOLS_MOST: usize = 1_000;
