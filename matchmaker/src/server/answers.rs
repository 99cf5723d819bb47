//! The machine's views as messages of `matchmaker.proto`.

use duet_proto::frame::PartnerLeftReason;
use duet_proto::time::Time;
use duet_proto::v1;
use duet_proto::v1::event::Kind;
use duet_proto::v1::room_ended::EndReason;
use duet_proto::v1::session_changed::Change as Told;
use prost_types::Timestamp;

use super::clock::Clock;
use super::engine::EngineStatus;
use super::events::Happening;
use super::filter::{Field, Filter};
use super::names;
use super::waits::{self, Percentiles};
use crate::{
    BlockedUser, Change, Event, Matchmaker, MemberView, Party, PoolView, Quarantined, Report, RoomEnded, RoomMade,
    RoomView, SessionChanged, SessionState, SessionView,
};

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
        pools: told_of(machine, now).map(pool).collect(),
        time_to_match: None,
        replicas: Vec::new(),
        partial: false,
        engine: None,
    }
}

/// The pools that are told of.
pub(crate) fn told_of(machine: &Matchmaker, now: Time) -> impl Iterator<Item = PoolView<'_>> {
    machine.pools(now).take(POOLS_MOST)
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
        replica_id: String::new(),
        age: None,
    }
}

pub(crate) fn room(room: RoomView<'_>, clock: &Clock) -> v1::Room {
    v1::Room {
        name: names::of_room(room.id),
        pool: room.pool.as_str().to_owned(),
        create_time: Some(timestamp(clock, room.created)),
        members: room.members.map(member).into(),
        replica_id: String::new(),
        age: None,
    }
}

/// A room as other replicas know it.
pub(crate) fn registered_room(
    of: RoomView<'_>,
    machine: &Matchmaker,
    clock: &Clock,
    replica: &str,
) -> v1::RegisteredRoom {
    let members = of.members.map(|member| machine.session(member.client));
    let user = |member: &SessionView<'_>| Some(member.identity?.user.clone());
    v1::RegisteredRoom {
        user_ids: members.iter().flatten().filter_map(user).collect(),
        gateway_ids: members.iter().flatten().map(|member| member.gateway.to_owned()).collect(),
        room: Some(v1::Room { replica_id: replica.to_owned(), ..room(of, clock) }),
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
        oldest_wait: if pool.waiting > 0 { pool.oldest_wait.try_into().ok() } else { None },
        time_to_match: None,
        talking: pool.talking as u64,
        quarantined: pool.quarantined,
    }
}

/// By which fields sessions are picked.
pub(crate) const SESSION_FIELDS: &[Field] = &[
    Field::text("pool"),
    Field::one_of("state", &["IDLE", "WAITING", "MATCHED"]),
    Field::text("user_id"),
    Field::text("gateway_id"),
    Field::truth("user_verified"),
    Field::truth("detached"),
];

/// Whether a filter picks a session.
pub(crate) fn has_session(filter: &Filter, session: &SessionView<'_>) -> bool {
    let truth = |is_true| if is_true { "true" } else { "false" };
    filter.matches(|field| {
        Some(match field {
            "pool" => session.pool.map_or("", |pool| pool.as_str()),
            "state" => match session.state {
                SessionState::Idle => "IDLE",
                SessionState::Waiting { .. } => "WAITING",
                SessionState::Matched { .. } => "MATCHED",
            },
            "user_id" => session.identity.map_or("", |identity| &identity.user),
            "gateway_id" => session.gateway,
            "user_verified" => truth(session.identity.is_some_and(|identity| identity.verified)),
            _ => truth(session.detached),
        })
    })
}

/// The same of one of which another replica has told.
pub(crate) fn has_told_session(filter: &Filter, session: &v1::Session) -> bool {
    let truth = |is_true| if is_true { "true" } else { "false" };
    filter.matches(|field| {
        Some(match field {
            "pool" => session.pool.as_str(),
            "state" => session.state().as_str_name(),
            "user_id" => &session.user_id,
            "gateway_id" => &session.gateway_id,
            "user_verified" => truth(session.user_verified),
            _ => truth(session.detached),
        })
    })
}

/// By which fields rooms are picked.
pub(crate) const ROOM_FIELDS: &[Field] =
    &[Field::text("pool"), Field::text("user_id"), Field::text("session"), Field::text("gateway_id")];

/// Whether a filter picks a room.
pub(crate) fn has_room(filter: &Filter, room: &RoomView<'_>, machine: &Matchmaker) -> bool {
    let names = room.members.map(|member| names::of_session(member.client));
    let members = room.members.map(|member| machine.session(member.client));
    filter.matches(|field| match field {
        "pool" => vec![room.pool.as_str()],
        "session" => names.iter().map(String::as_str).collect(),
        "gateway_id" => members.iter().flatten().map(|member| member.gateway).collect(),
        _ => members.iter().flatten().filter_map(|member| Some(member.identity?.user.as_str())).collect(),
    })
}

/// The same of one of which another replica has told.
pub(crate) fn has_told_room(filter: &Filter, told: &v1::RegisteredRoom) -> bool {
    let Some(room) = &told.room else { return false };
    filter.matches(|field| match field {
        "pool" => vec![room.pool.as_str()],
        "session" => room.members.iter().map(|member| member.session.as_str()).collect(),
        "gateway_id" => told.gateway_ids.iter().map(String::as_str).collect(),
        _ => told.user_ids.iter().map(String::as_str).collect(),
    })
}

pub(crate) fn time_to_match(percentiles: Percentiles) -> v1::TimeToMatch {
    let told = |wait: std::time::Duration| if percentiles.samples > 0 { wait.try_into().ok() } else { None };
    v1::TimeToMatch {
        window: waits::WINDOW.try_into().ok(),
        samples: u32::try_from(percentiles.samples).unwrap_or(u32::MAX),
        p50: told(percentiles.p50),
        p90: told(percentiles.p90),
        p99: told(percentiles.p99),
    }
}

pub(crate) fn blocked_user(blocked: BlockedUser<'_>, clock: &Clock) -> v1::BlockedUser {
    v1::BlockedUser {
        user_id: blocked.user.to_owned(),
        expire_time: Some(timestamp(clock, blocked.until)),
        reason: blocked.reason.to_owned(),
        sessions_ended: 0,
    }
}

pub(crate) fn event(happening: &Happening) -> v1::Event {
    let kind = match &happening.event {
        Event::Matched(made) => Kind::RoomMade(room_made(made)),
        Event::RoomEnded(ended) => Kind::RoomEnded(room_ended(ended)),
        Event::Reported(report) => Kind::Reported(reported(report)),
        Event::SessionChanged(changed) => Kind::SessionChanged(session_changed(changed)),
        Event::Quarantined(Quarantined { party: whom, reporters, lasts }) => Kind::Quarantined(v1::Quarantined {
            party: Some(party(whom)),
            reporters: u32::try_from(*reporters).unwrap_or(u32::MAX),
            duration: (*lasts).try_into().ok(),
        }),
    };
    let replica_id = String::new();
    v1::Event { sequence: happening.sequence, event_time: Some(happening.at.into()), kind: Some(kind), replica_id }
}

fn room_made(made: &RoomMade) -> v1::RoomMade {
    v1::RoomMade {
        room: names::of_room(made.room),
        pool: made.pool.as_str().to_owned(),
        members: made.members.iter().map(party).collect(),
        waits: made.waited.iter().filter_map(|wait| (*wait).try_into().ok()).collect(),
        tags: made.tags.iter().map(|tag| tag.as_str().to_owned()).collect(),
    }
}

fn room_ended(ended: &RoomEnded) -> v1::RoomEnded {
    let reason = match ended.reason {
        PartnerLeftReason::Left => EndReason::Left,
        PartnerLeftReason::Next => EndReason::Next,
        PartnerLeftReason::Disconnected => EndReason::Disconnected,
        PartnerLeftReason::Closed => EndReason::Closed,
    };
    v1::RoomEnded {
        room: names::of_room(ended.room),
        pool: ended.pool.as_str().to_owned(),
        members: ended.members.iter().map(party).collect(),
        reason: reason.into(),
        duration: ended.lasted.try_into().ok(),
    }
}

fn reported(report: &Report) -> v1::Reported {
    v1::Reported {
        reporter: Some(party(&report.reporter)),
        reported: Some(party(&report.reported)),
        room: names::of_room(report.room),
        reason: report.reason.clone(),
        details: report.details.clone(),
        room_duration: report.talked.try_into().ok(),
        since_room_end: report.ago.try_into().ok(),
    }
}

fn session_changed(changed: &SessionChanged) -> v1::SessionChanged {
    let (change, pool) = match &changed.change {
        Change::Began => (Told::Began, ""),
        Change::Waits(pool) => (Told::Waits, pool.as_str()),
        Change::Idle => (Told::Idle, ""),
        Change::Detached => (Told::Detached, ""),
        Change::Returned => (Told::Returned, ""),
        Change::Ended => (Told::Ended, ""),
    };
    v1::SessionChanged { session: Some(party(&changed.party)), change: change.into(), pool: pool.to_owned() }
}

fn party(party: &Party) -> v1::Party {
    let user_id = party.user.as_deref().unwrap_or_default().to_owned();
    v1::Party { session: names::of_session(party.client), user_id }
}

/// How it stands with an engine.
pub(crate) fn engine(status: &EngineStatus) -> v1::EngineState {
    let state = status.now();
    let away = state.away();
    v1::EngineState {
        up: state.is_up(),
        away: away.and_then(|(lasts, _)| lasts.try_into().ok()),
        reason: away.map_or_else(String::new, |(_, why)| why.to_owned()),
        queued: status.queued() as u64,
    }
}

pub(crate) fn timestamp(clock: &Clock, time: Time) -> Timestamp {
    clock.wall(time).into()
}

/// Pools that `GetStats` tells of.
pub(crate) const POOLS_MOST: usize = 1_000;
