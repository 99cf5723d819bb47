//! Answers as tables and lines, for people. What clients have written is shown with its control characters escaped.

use std::fmt::Write as _;
use std::time::SystemTime;

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use duet_proto::v1;
use duet_proto::v1::event::Kind as Happened;
use duet_proto::v1::watch_events_response::Kind;
use prost_types::{Duration, Timestamp};

pub(super) fn stats(stats: &v1::Stats) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &dyn std::fmt::Display| {
        // Writing to a String can't fail.
        let _ = writeln!(text, "{name:<20} {value}");
    };
    line("Sessions", &stats.sessions);
    line("Waiting", &stats.waiting);
    line("Longest wait", &wait(stats.oldest_wait.as_ref()));
    line("Rooms", &stats.rooms);
    line("Links", &stats.links);
    line("Rooms ever", &stats.matches_total);
    line("Messages ever", &stats.forwarded_total);
    line("Started", &stats.start_time.as_ref().map_or_else(String::new, ToString::to_string));
    let [p50, p90, p99] = percentiles(stats.time_to_match.as_ref());
    line("Waited (5 min)", &format!("p50 {p50}, p90 {p90}, p99 {p99}"));
    if let Some(engine) = &stats.engine {
        line("Engine", &engine_state(engine));
    }
    if stats.partial {
        line("Partial", &"the engine is away: other replicas are missing");
    }
    if stats.replicas.len() > 1 {
        let _ = write!(text, "\n{}\n", replicas(&stats.replicas));
    }
    if stats.pools.is_empty() {
        return text.trim_end().to_owned();
    }
    let rows = stats.pools.iter().map(|pool| {
        let [p50, p90, p99] = percentiles(pool.time_to_match.as_ref());
        let name = if pool.quarantined { format!("{} (quarantine)", pool.pool) } else { pool.pool.clone() };
        [
            shown(&name),
            pool.waiting.to_string(),
            wait(pool.oldest_wait.as_ref()),
            pool.talking.to_string(),
            p50,
            p90,
            p99,
        ]
    });
    format!("{text}\n{}", table(["POOL", "WAITING", "LONGEST", "TALKING", "P50", "P90", "P99"], rows))
}

fn replicas(replicas: &[v1::ReplicaStats]) -> String {
    let rows = replicas.iter().map(|replica| {
        let count = |count: u64| count.to_string();
        let (sessions, waiting) = (count(replica.sessions), count(replica.waiting));
        let name = shown(&replica.replica_id);
        [name, wait(replica.age.as_ref()), sessions, waiting, count(replica.rooms), count(replica.links)]
    });
    table(["REPLICA", "AGE", "SESSIONS", "WAITING", "ROOMS", "LINKS"], rows)
}

fn engine_state(engine: &v1::EngineState) -> String {
    let queued = engine.queued;
    if engine.up {
        return format!("up, {queued} requests wait");
    }
    format!("away for {}, {queued} requests wait: {}", wait(engine.away.as_ref()), shown(&engine.reason))
}

pub(super) fn pools(pools: &[v1::Pool]) -> String {
    let rows = pools.iter().map(|pool| {
        let [p50, p90, p99] = percentiles(pool.time_to_match.as_ref());
        let state = if pool.paused { "paused" } else { "open" };
        let (waiting, talking) = (pool.waiting.to_string(), pool.talking.to_string());
        [id(&pool.name), state.to_owned(), waiting, wait(pool.oldest_wait.as_ref()), talking, p50, p90, p99]
    });
    table(["POOL", "STATE", "WAITING", "LONGEST", "TALKING", "P50", "P90", "P99"], rows)
}

pub(super) fn sessions(sessions: &[v1::Session]) -> String {
    let rows = sessions.iter().map(|session| {
        let user = if session.user_verified { session.user_id.clone() } else { format!("({})", session.user_id) };
        let user = if session.user_id.is_empty() { String::new() } else { user };
        let state = session.state().as_str_name().to_lowercase();
        let state = if session.detached { format!("{state}, detached") } else { state };
        let since = session.queue_time.as_ref().or(session.attach_time.as_ref());
        let row = [
            id(&session.name),
            state,
            shown(&session.pool),
            shown(&user),
            age(since),
            id(&session.room),
            shown(&session.gateway_id),
        ];
        (row, &session.replica_id, session.age.as_ref())
    });
    with_replicas(["SESSION", "STATE", "POOL", "USER", "SINCE", "ROOM", "GATEWAY"], rows)
}

pub(super) fn rooms(rooms: &[v1::Room]) -> String {
    let rows = rooms.iter().map(|room| {
        let member = |at: usize| room.members.get(at).map_or_else(String::new, |member| id(&member.session));
        let sent = room.members.iter().map(|member| member.sent.to_string()).collect::<Vec<_>>().join("+");
        let row = [id(&room.name), shown(&room.pool), age(room.create_time.as_ref()), member(0), member(1), sent];
        (row, &room.replica_id, room.age.as_ref())
    });
    with_replicas(["ROOM", "POOL", "LASTS", "OFFERS", "ANSWERS", "MESSAGES"], rows)
}

/// A table that tells where, and how old that is, if there are several replicas.
fn with_replicas<'a, const N: usize>(
    head: [&str; N],
    rows: impl Iterator<Item = ([String; N], &'a String, Option<&'a Duration>)> + Clone,
) -> String {
    if rows.clone().all(|(_, replica, _)| replica.is_empty()) {
        return table(head, rows.map(|(row, ..)| row));
    }
    let rows = rows.map(|(row, replica, age)| row.into_iter().chain([shown(replica), wait(age)]));
    table(head.into_iter().chain(["REPLICA", "AGE"]), rows)
}

pub(super) fn blocked(users: &[v1::BlockedUser]) -> String {
    let rows = users.iter().map(|user| {
        let until = user.expire_time.as_ref().map_or_else(String::new, ToString::to_string);
        [shown(&user.user_id), until, shown(&user.reason), user.sessions_ended.to_string()]
    });
    table(["USER", "UNTIL", "REASON", "ENDED"], rows)
}

pub(super) fn explanation(explained: &v1::ExplainTicketResponse) -> String {
    let pool = id(&explained.pool);
    let waited = wait(explained.waited.as_ref());
    let mut text = format!("Number {} in pool {pool}, for {waited}.\n", explained.position);
    for own in explained.own_obstacles() {
        let _ = writeln!(text, "Whoever else waits: {}.", rule(own));
    }
    if explained.candidates == 0 {
        return text + "Nobody else waits in this pool.";
    }
    let more = if explained.truncated { ", and there are more" } else { "" };
    let _ = writeln!(text, "Of the others {} were looked at{more}:\n", explained.candidates);
    let rows = explained.obstacles.iter().map(|count| [count.count.to_string(), rule(count.obstacle()).to_owned()]);
    text + &table(["COUNT", "WHAT STANDS IN THE WAY"], rows)
}

fn rule(obstacle: v1::Obstacle) -> &'static str {
    match obstacle {
        v1::Obstacle::Unspecified => "a rule that this version does not know",
        v1::Obstacle::PoolPaused => "the pool is paused",
        v1::Obstacle::Unlinked => "the link to its gateway is down",
        v1::Obstacle::Detached => "it has no socket just now",
        v1::Obstacle::SameUser => "it is the same user",
        v1::Obstacle::PartedRecently => "they parted a moment ago",
        v1::Obstacle::Avoided => "one avoids the other",
        v1::Obstacle::Blocked => "one has reported the other",
        v1::Obstacle::Quarantined => "one of them is in quarantine",
        v1::Obstacle::Tags => "they share no tag, and one insists",
        v1::Obstacle::Region => "their regions differ, and one insists",
        v1::Obstacle::MetLately => "they have met not long ago",
        v1::Obstacle::None => "nothing: they meet when either is tried again",
    }
}

/// What a watcher is told, if it is for people.
pub(super) fn line(kind: &Kind) -> Option<String> {
    match kind {
        Kind::Session(session) => {
            let state = session.state().as_str_name().to_lowercase();
            Some(format!("session {} is {state} {}", id(&session.name), shown(&session.pool)).trim_end().to_owned())
        }
        Kind::Room(room) => {
            let members: Vec<_> = room.members.iter().map(|member| id(&member.session)).collect();
            Some(format!("room {} in {}: {}", id(&room.name), shown(&room.pool), members.join(", ")))
        }
        Kind::SnapshotEnd(_) => Some("-- from now on --".to_owned()),
        Kind::Heartbeat(_) => None,
        Kind::Event(event) => {
            let time = event.event_time.as_ref().map_or_else(String::new, ToString::to_string);
            let at = if event.replica_id.is_empty() { String::new() } else { format!("{} ", shown(&event.replica_id)) };
            Some(format!("{time} {at}#{} {}", event.sequence, happened(event.kind.as_ref())))
        }
    }
}

fn happened(kind: Option<&Happened>) -> String {
    match kind {
        Some(Happened::RoomMade(made)) => {
            let waits: Vec<_> = made.waits.iter().map(|waited| wait(Some(waited))).collect();
            let (room, pool) = (id(&made.room), shown(&made.pool));
            format!("room {room} made in {pool}: {} (waited {})", parties(&made.members), waits.join(", "))
        }
        Some(Happened::RoomEnded(ended)) => {
            let (room, reason) = (id(&ended.room), ended.reason().as_str_name().to_lowercase());
            let lasted = wait(ended.duration.as_ref());
            format!("room {room} ended after {lasted}, {reason} by {}", parties(&ended.members))
        }
        Some(Happened::Reported(report)) => {
            let (by, whom) = (party(report.reporter.as_ref()), party(report.reported.as_ref()));
            format!(
                "{by} reported {whom} of room {}: {} {}",
                id(&report.room),
                shown(&report.reason),
                shown(&report.details)
            )
        }
        Some(Happened::SessionChanged(changed)) => {
            let change = changed.change().as_str_name().to_lowercase();
            let line = format!("session {} {change} {}", party(changed.session.as_ref()), shown(&changed.pool));
            line.trim_end().to_owned()
        }
        Some(Happened::Quarantined(quarantined)) => {
            let (whom, lasts) = (party(quarantined.party.as_ref()), wait(quarantined.duration.as_ref()));
            format!("{whom} quarantined for {lasts}, reported by {}", quarantined.reporters)
        }
        None => "something that this version does not know".to_owned(),
    }
}

fn parties(parties: &[v1::Party]) -> String {
    parties.iter().map(|one| party(Some(one))).collect::<Vec<_>>().join(", ")
}

fn party(party: Option<&v1::Party>) -> String {
    party.map_or_else(String::new, |party| {
        let user = if party.user_id.is_empty() { String::new() } else { format!(" ({})", shown(&party.user_id)) };
        id(&party.session) + &user
    })
}

fn table<'a>(
    head: impl IntoIterator<Item = &'a str>,
    rows: impl Iterator<Item = impl IntoIterator<Item = String>>,
) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(head);
    for row in rows {
        table.add_row(row);
    }
    table.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>().join("\n")
}

fn percentiles(waits: Option<&v1::TimeToMatch>) -> [String; 3] {
    let waits = waits.cloned().unwrap_or_default();
    [waits.p50, waits.p90, waits.p99].map(|waited| wait(waited.as_ref()))
}

fn wait(duration: Option<&Duration>) -> String {
    duration.map_or_else(|| "-".to_owned(), |wait| seconds(wait.seconds as f64 + f64::from(wait.nanos) / 1e9))
}

fn age(time: Option<&Timestamp>) -> String {
    let since = time.and_then(|time| SystemTime::try_from(*time).ok());
    let age = since.and_then(|since| SystemTime::now().duration_since(since).ok());
    age.map_or_else(|| "-".to_owned(), |age| seconds(age.as_secs_f64()))
}

fn seconds(seconds: f64) -> String {
    match seconds {
        s if s < 100.0 => format!("{s:.1} s"),
        s if s < 6_000.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3_600.0),
    }
}

/// The last part of a name.
fn id(name: &str) -> String {
    shown(name.split_once('/').map_or(name, |(_, id)| id))
}

fn shown(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] }).collect()
}
