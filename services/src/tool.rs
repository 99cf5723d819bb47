//! The verbs that ask and tell a running matchmaker, for people (tables) and for programs (JSON). What they mean is the matchmaker's.

use std::io::{self, Write as _};

use duet_proto::v1;
use duet_proto::v1::watch_events_response::Kind;
use serde_json::Value;
use tonic::{Request, Status};

use crate::cli::{Filtered, Listed, ToolVerb, Watch};
use crate::failure::Failure;

mod client;
mod json;
mod tables;

use client::{Client, failed};

/// Asks or tells, and shows what comes of it.
pub(crate) fn run(verb: &ToolVerb) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::environment("the runtime can't be made", &error))?;
    runtime.block_on(async {
        let client = Client::connect(verb.server()).await?;
        let shown = Shown { json: verb.server().json };
        tell(verb, client, &shown).await
    })
}

/// How answers are shown.
struct Shown {
    json: bool,
}

impl Shown {
    /// One thing, or several of one kind.
    fn all<T>(&self, answers: &[T], json: impl Fn(&T) -> Value, table: impl Fn(&[T]) -> String) -> Result<(), Failure> {
        if self.json {
            answers.iter().try_for_each(|answer| say(&json(answer).to_string()))
        } else {
            say(&table(answers))
        }
    }

    /// That it is done.
    fn done(&self, text: &str) -> Result<(), Failure> {
        if self.json { say("{}") } else { say(text) }
    }
}

async fn tell(verb: &ToolVerb, mut client: Client, shown: &Shown) -> Result<(), Failure> {
    match verb {
        ToolVerb::Stats(_) => {
            let stats = client.ask(v1::GetStatsRequest {}, async |c, r| c.get_stats(r).await).await?;
            shown.all(&[stats], json::stats, |stats| tables::stats(&stats[0]))
        }
        ToolVerb::Pools(listed) => {
            let pools = pages(listed, async |page_size, page_token| {
                let request = v1::ListPoolsRequest { page_size, page_token };
                let page = client.ask(request, async |c, r| c.list_pools(r).await).await?;
                Ok((page.pools, page.next_page_token))
            });
            shown.all(&pools.await?, json::pool, tables::pools)
        }
        ToolVerb::Rooms(Filtered { filter, listed }) => {
            let rooms = pages(listed, async |page_size, page_token| {
                let request = v1::ListRoomsRequest { page_size, page_token, filter: filter.clone() };
                let page = client.ask(request, async |c, r| c.list_rooms(r).await).await?;
                Ok((page.rooms, page.next_page_token))
            });
            shown.all(&rooms.await?, json::room, tables::rooms)
        }
        ToolVerb::Sessions(Filtered { filter, listed }) => {
            let sessions = pages(listed, async |page_size, page_token| {
                let request = v1::ListSessionsRequest { page_size, page_token, filter: filter.clone() };
                let page = client.ask(request, async |c, r| c.list_sessions(r).await).await?;
                Ok((page.sessions, page.next_page_token))
            });
            shown.all(&sessions.await?, json::session, tables::sessions)
        }
        ToolVerb::Watch(asked) => watch(asked, client, shown).await,
        _ => administer(verb, client, shown).await,
    }
}

async fn administer(verb: &ToolVerb, mut client: Client, shown: &Shown) -> Result<(), Failure> {
    match verb {
        ToolVerb::CloseRoom(named) => {
            let request = v1::CloseRoomRequest { name: full("rooms/", &named.name) };
            client.order(request, async |c, r| c.close_room(r).await).await?;
            shown.done("The room is closed.")
        }
        ToolVerb::Disconnect(named) => {
            let request = v1::DisconnectSessionRequest { name: full("sessions/", &named.name) };
            client.order(request, async |c, r| c.disconnect_session(r).await).await?;
            shown.done("The session has ended.")
        }
        ToolVerb::Block(block) => {
            let duration = Some(prost_types::Duration { seconds: block.seconds.into(), nanos: 0 });
            let request = v1::BlockUserRequest { user_id: block.user.clone(), duration, reason: block.reason.clone() };
            let blocked = client.order(request, async |c, r| c.block_user(r).await).await?;
            shown.all(&[blocked], json::blocked, tables::blocked)
        }
        ToolVerb::Unblock(named) => {
            let request = v1::UnblockUserRequest { user_id: named.name.clone() };
            client.order(request, async |c, r| c.unblock_user(r).await).await?;
            shown.done("The user may come in again.")
        }
        ToolVerb::Blocked(listed) => {
            let blocked = pages(listed, async |page_size, page_token| {
                let request = v1::ListBlockedUsersRequest { page_size, page_token };
                let page = client.order(request, async |c, r| c.list_blocked_users(r).await).await?;
                Ok((page.users, page.next_page_token))
            });
            shown.all(&blocked.await?, json::blocked, tables::blocked)
        }
        ToolVerb::Pause(named) => {
            let request = v1::PausePoolRequest { name: full("pools/", &named.name) };
            let pool = client.order(request, async |c, r| c.pause_pool(r).await).await?;
            shown.all(&[pool], json::pool, tables::pools)
        }
        ToolVerb::Resume(named) => {
            let request = v1::ResumePoolRequest { name: full("pools/", &named.name) };
            let pool = client.order(request, async |c, r| c.resume_pool(r).await).await?;
            shown.all(&[pool], json::pool, tables::pools)
        }
        ToolVerb::Explain(named) => {
            let request = v1::ExplainTicketRequest { name: full("sessions/", &named.name) };
            let explained = client.order(request, async |c, r| c.explain_ticket(r).await).await?;
            shown.all(&[explained], json::explanation, |explained| tables::explanation(&explained[0]))
        }
        ToolVerb::Log(named) => {
            let request = v1::SetLogFilterRequest { filter: named.name.clone() };
            client.order(request, async |c, r| c.set_log_filter(r).await).await?;
            shown.done("The log is set.")
        }
        ToolVerb::Drain(_) => {
            client.order(v1::DrainReplicaRequest {}, async |c, r| c.drain_replica(r).await).await?;
            shown.done("The matchmaker drains, and ends.")
        }
        ToolVerb::Stats(_) | ToolVerb::Pools(_) | ToolVerb::Rooms(_) | ToolVerb::Sessions(_) | ToolVerb::Watch(_) => {
            Ok(())
        }
    }
}

async fn watch(asked: &Watch, mut client: Client, shown: &Shown) -> Result<(), Failure> {
    let request = v1::WatchEventsRequest {
        resume_token: asked.resume.clone(),
        snapshot_sessions: asked.sessions,
        snapshot_rooms: asked.rooms,
    };
    let mut stream = client.queries.watch_events(Request::new(request)).await.map_err(|status| failed(&status))?;
    let mut lines = 0;
    loop {
        let next = stream.get_mut().message().await.map_err(|status| failed(&status))?;
        let response = next.ok_or_else(|| failed(&Status::unavailable("the matchmaker has ended the watch")))?;
        if shown.json {
            say(&json::watched(&response).to_string())?;
        } else {
            match response.kind.as_ref().and_then(tables::line) {
                Some(line) => say(&line)?,
                None => continue,
            }
        }
        lines += usize::from(!matches!(response.kind, Some(Kind::SnapshotEnd(_))));
        if asked.limit > 0 && lines >= asked.limit {
            return Ok(());
        }
    }
}

/// Reads pages until there are enough, or no more.
async fn pages<T>(
    listed: &Listed,
    mut page: impl AsyncFnMut(i32, String) -> Result<(Vec<T>, String), Failure>,
) -> Result<Vec<T>, Failure> {
    let most = if listed.limit == 0 { usize::MAX } else { listed.limit };
    let (mut all, mut token) = (Vec::new(), String::new());
    while all.len() < most {
        let size = i32::try_from((most - all.len()).min(PAGE)).expect("a page is small");
        let (items, next) = page(size, token).await?;
        all.extend(items);
        token = next;
        if token.is_empty() {
            break;
        }
    }
    Ok(all)
}

/// A name as the matchmaker has it, from that or from its last part.
fn full(collection: &str, name: &str) -> String {
    if name.starts_with(collection) { name.to_owned() } else { format!("{collection}{name}") }
}

/// Who reads may have had enough.
fn say(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let said = writeln!(out, "{text}").and_then(|()| out.flush());
    said.map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::Unread,
        _ => Failure::environment("standard output", &error),
    })
}

const PAGE: usize = 1_000;
