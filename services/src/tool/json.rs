//! Answers as JSON, in the names that the JSON of protobuf has for their fields. What is absent or empty is left out.

use duet_proto::v1;
use duet_proto::v1::event::Kind as Happened;
use duet_proto::v1::watch_events_response::Kind;
use prost_types::{Duration, Timestamp};
use serde_json::{Map, Value, json};

pub(super) fn stats(stats: &v1::Stats) -> Value {
    object([
        ("sessions", stats.sessions.into()),
        ("waiting", stats.waiting.into()),
        ("rooms", stats.rooms.into()),
        ("links", stats.links.into()),
        ("oldestWait", duration(stats.oldest_wait.as_ref())),
        ("matchesTotal", stats.matches_total.into()),
        ("forwardedTotal", stats.forwarded_total.into()),
        ("startTime", time(stats.start_time.as_ref())),
        ("timeToMatch", waits(stats.time_to_match.as_ref())),
        ("pools", stats.pools.iter().map(pool_stats).collect()),
        ("replicas", several(stats.replicas.iter().map(replica_stats))),
        ("partial", yes(stats.partial)),
        ("engine", stats.engine.as_ref().map_or(Value::Null, engine)),
    ])
}

fn replica_stats(replica: &v1::ReplicaStats) -> Value {
    object([
        ("replicaId", text(&replica.replica_id)),
        ("age", duration(replica.age.as_ref())),
        ("sessions", replica.sessions.into()),
        ("waiting", replica.waiting.into()),
        ("rooms", replica.rooms.into()),
        ("links", replica.links.into()),
    ])
}

fn engine(state: &v1::EngineState) -> Value {
    object([
        ("up", state.up.into()),
        ("away", duration(state.away.as_ref())),
        ("reason", text(&state.reason)),
        ("queued", state.queued.into()),
    ])
}

fn pool_stats(pool: &v1::PoolStats) -> Value {
    object([
        ("pool", text(&pool.pool)),
        ("waiting", pool.waiting.into()),
        ("oldestWait", duration(pool.oldest_wait.as_ref())),
        ("timeToMatch", waits(pool.time_to_match.as_ref())),
        ("quarantined", pool.quarantined.into()),
        ("talking", pool.talking.into()),
    ])
}

pub(super) fn pool(pool: &v1::Pool) -> Value {
    object([
        ("name", text(&pool.name)),
        ("waiting", pool.waiting.into()),
        ("waitingQuarantined", pool.waiting_quarantined.into()),
        ("talking", pool.talking.into()),
        ("oldestWait", duration(pool.oldest_wait.as_ref())),
        ("timeToMatch", waits(pool.time_to_match.as_ref())),
        ("paused", pool.paused.into()),
        ("age", duration(pool.age.as_ref())),
        ("partial", yes(pool.partial)),
    ])
}

pub(super) fn session(session: &v1::Session) -> Value {
    object([
        ("name", text(&session.name)),
        ("state", session.state().as_str_name().into()),
        ("pool", text(&session.pool)),
        ("userId", text(&session.user_id)),
        ("userVerified", session.user_verified.into()),
        ("gatewayId", text(&session.gateway_id)),
        ("attachTime", time(session.attach_time.as_ref())),
        ("queueTime", time(session.queue_time.as_ref())),
        ("room", text(&session.room)),
        ("detached", session.detached.into()),
        ("replicaId", text(&session.replica_id)),
        ("age", duration(session.age.as_ref())),
    ])
}

pub(super) fn room(room: &v1::Room) -> Value {
    let member = |member: &v1::Member| {
        json!({
            "session": member.session,
            "initiator": member.initiator,
            "sent": member.sent,
            "sentAcknowledged": member.sent_acknowledged,
        })
    };
    object([
        ("name", text(&room.name)),
        ("pool", text(&room.pool)),
        ("createTime", time(room.create_time.as_ref())),
        ("members", room.members.iter().map(member).collect()),
        ("replicaId", text(&room.replica_id)),
        ("age", duration(room.age.as_ref())),
    ])
}

pub(super) fn blocked(blocked: &v1::BlockedUser) -> Value {
    object([
        ("userId", text(&blocked.user_id)),
        ("expireTime", time(blocked.expire_time.as_ref())),
        ("reason", text(&blocked.reason)),
        ("sessionsEnded", blocked.sessions_ended.into()),
    ])
}

pub(super) fn explanation(explained: &v1::ExplainTicketResponse) -> Value {
    let count = |count: &v1::ObstacleCount| json!({"obstacle": count.obstacle().as_str_name(), "count": count.count});
    object([
        ("pool", text(&explained.pool)),
        ("position", explained.position.into()),
        ("waited", duration(explained.waited.as_ref())),
        ("ownObstacles", explained.own_obstacles().map(|own| own.as_str_name()).collect()),
        ("candidates", explained.candidates.into()),
        ("truncated", explained.truncated.into()),
        ("obstacles", explained.obstacles.iter().map(count).collect()),
    ])
}

pub(super) fn watched(response: &v1::WatchEventsResponse) -> Value {
    let (kind, value) = match &response.kind {
        Some(Kind::Session(of)) => ("session", session(of)),
        Some(Kind::Room(of)) => ("room", room(of)),
        Some(Kind::SnapshotEnd(_)) => ("snapshotEnd", json!({})),
        Some(Kind::Event(of)) => ("event", event(of)),
        Some(Kind::Heartbeat(_)) => ("heartbeat", json!({})),
        None => ("unknown", json!({})),
    };
    object([("resumeToken", text(&response.resume_token)), (kind, value)])
}

fn event(event: &v1::Event) -> Value {
    let parties = |parties: &[v1::Party]| parties.iter().map(|one| party(Some(one))).collect::<Value>();
    let (kind, value) = match &event.kind {
        Some(Happened::RoomMade(made)) => {
            let waits = made.waits.iter().map(|wait| duration(Some(wait))).collect();
            let tags = json!(made.tags);
            let members = parties(&made.members);
            let pool = text(&made.pool);
            (
                "roomMade",
                object([
                    ("room", text(&made.room)),
                    ("pool", pool),
                    ("members", members),
                    ("waits", waits),
                    ("tags", tags),
                ]),
            )
        }
        Some(Happened::RoomEnded(ended)) => {
            let (pool, members) = (text(&ended.pool), parties(&ended.members));
            let reason = ended.reason().as_str_name().into();
            let lasted = duration(ended.duration.as_ref());
            let room = text(&ended.room);
            (
                "roomEnded",
                object([
                    ("room", room),
                    ("pool", pool),
                    ("members", members),
                    ("reason", reason),
                    ("duration", lasted),
                ]),
            )
        }
        Some(Happened::Reported(report)) => (
            "reported",
            object([
                ("reporter", party(report.reporter.as_ref())),
                ("reported", party(report.reported.as_ref())),
                ("room", text(&report.room)),
                ("reason", text(&report.reason)),
                ("details", text(&report.details)),
                ("roomDuration", duration(report.room_duration.as_ref())),
                ("sinceRoomEnd", duration(report.since_room_end.as_ref())),
            ]),
        ),
        Some(Happened::SessionChanged(changed)) => {
            let change = changed.change().as_str_name().into();
            let session = party(changed.session.as_ref());
            ("sessionChanged", object([("session", session), ("change", change), ("pool", text(&changed.pool))]))
        }
        Some(Happened::Quarantined(quarantined)) => {
            let (whom, lasts) = (party(quarantined.party.as_ref()), duration(quarantined.duration.as_ref()));
            ("quarantined", object([("party", whom), ("reporters", quarantined.reporters.into()), ("duration", lasts)]))
        }
        None => ("unknown", json!({})),
    };
    object([
        ("sequence", event.sequence.into()),
        ("replicaId", text(&event.replica_id)),
        ("eventTime", time(event.event_time.as_ref())),
        (kind, value),
    ])
}

fn party(party: Option<&v1::Party>) -> Value {
    party.map_or(Value::Null, |party| object([("session", text(&party.session)), ("userId", text(&party.user_id))]))
}

fn waits(waits: Option<&v1::TimeToMatch>) -> Value {
    waits.map_or(Value::Null, |waits| {
        object([
            ("window", duration(waits.window.as_ref())),
            ("samples", waits.samples.into()),
            ("p50", duration(waits.p50.as_ref())),
            ("p90", duration(waits.p90.as_ref())),
            ("p99", duration(waits.p99.as_ref())),
        ])
    })
}

/// Said only where it is so.
fn yes(is_so: bool) -> Value {
    if is_so { true.into() } else { Value::Null }
}

/// Left out where there are none.
fn several(values: impl Iterator<Item = Value>) -> Value {
    let values = values.collect::<Vec<_>>();
    if values.is_empty() { Value::Null } else { values.into() }
}

fn text(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { text.into() }
}

fn duration(duration: Option<&Duration>) -> Value {
    duration.map_or(Value::Null, |duration| duration.to_string().into())
}

fn time(time: Option<&Timestamp>) -> Value {
    time.map_or(Value::Null, |time| time.to_string().into())
}

fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    let members = members.into_iter().filter(|(_, value)| !value.is_null());
    Value::Object(members.map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>())
}
