//! What other services may ask: the service `duet.v1.Matchmaker`. Each answer is of one moment; what happens after it is for `watching.rs`.

use std::collections::BTreeSet;

use duet_proto::frame::{PoolName, Tag};
use duet_proto::v1;
use duet_proto::v1::matchmaker_server::Matchmaker;
use tonic::{Request, Response, Status};

use super::answers::{self, ROOM_FIELDS, SESSION_FIELDS};
use super::filter::Filter;
use super::paging::{Listing, Page};
use super::refusals::{invalid, not_found};
use super::registry::{Away, Parts};
use super::replica::Replica;
use super::watching::{Watchers, Watching};
use super::{names, pools, whole};

/// The service.
pub(crate) struct MatchmakerService {
    pub(crate) replica: Replica,
    pub(crate) watchers: Watchers,
}

#[tonic::async_trait]
impl Matchmaker for MatchmakerService {
    async fn get_stats(&self, _: Request<v1::GetStatsRequest>) -> Result<Response<v1::Stats>, Status> {
        let (mut stats, pools, now) = self.replica.ask(|machine, clock, now| {
            let pools: Vec<PoolName> = answers::told_of(machine, now).map(|pool| pool.name.clone()).collect();
            (answers::stats(machine, clock, now), pools, now)
        });
        stats.engine = self.replica.engine().map(|status| answers::engine(status));
        let waits = self.replica.waits();
        stats.time_to_match = Some(answers::time_to_match(waits.all(now)));
        for (stats, pool) in stats.pools.iter_mut().zip(&pools) {
            stats.time_to_match = Some(answers::time_to_match(waits.of(pool, now)));
        }
        if let Some(registry) = self.replica.registry() {
            whole::add_stats(registry, &mut stats).await;
        }
        Ok(Response::new(stats))
    }

    async fn get_session(&self, request: Request<v1::GetSessionRequest>) -> Result<Response<v1::Session>, Status> {
        let name = &request.get_ref().name;
        let client = names::session("name", name)?;
        if let Some(registry) = self.replica.registry() {
            let (mut found, partial) = whole::find_sessions(&self.replica, registry, &[client]).await;
            let found = found.pop().flatten().map(Response::new);
            return found.ok_or_else(|| if partial { Away.into() } else { no_session(name) });
        }
        let found = self
            .replica
            .ask(|machine, clock, _| machine.session(client).map(|session| answers::session(session, clock)));
        found.map(Response::new).ok_or_else(|| no_session(name))
    }

    async fn batch_get_sessions(
        &self,
        request: Request<v1::BatchGetSessionsRequest>,
    ) -> Result<Response<v1::BatchGetSessionsResponse>, Status> {
        let names = request.into_inner().names;
        if names.is_empty() || names.len() > BATCH_MOST {
            return Err(invalid("names", format!("has not 1 to {BATCH_MOST} elements")));
        }
        let clients: Vec<_> = names.iter().map(|name| names::session("names", name)).collect::<Result<_, _>>()?;
        let (found, partial): (Vec<_>, bool) = if let Some(registry) = self.replica.registry() {
            whole::find_sessions(&self.replica, registry, &clients).await
        } else {
            let found = self.replica.ask(|machine, clock, _| {
                let find = |client| machine.session(client).map(|session| answers::session(session, clock));
                clients.into_iter().map(find).collect()
            });
            (found, false)
        };
        let missing = found.iter().zip(names).filter(|(found, _)| found.is_none());
        let not_found = missing.map(|(_, name)| name).collect();
        let sessions = found.into_iter().flatten().collect();
        Ok(Response::new(v1::BatchGetSessionsResponse { sessions, not_found, partial }))
    }

    async fn list_sessions(
        &self,
        request: Request<v1::ListSessionsRequest>,
    ) -> Result<Response<v1::ListSessionsResponse>, Status> {
        let v1::ListSessionsRequest { page_size, page_token, filter } = request.get_ref();
        let page = Page::asked(Listing::Sessions, *page_size, page_token, filter)?;
        if let Some(registry) = self.replica.registry() {
            let Parts { items: sessions, next_page_token, partial } =
                whole::sessions(&self.replica, registry, &page, filter).await?;
            return Ok(Response::new(v1::ListSessionsResponse { sessions, next_page_token, partial }));
        }
        let (after, filter) = (page.after()?, Filter::parse(filter, SESSION_FIELDS)?);
        let (sessions, next_page_token) = self.replica.ask(|machine, clock, _| {
            let is_wanted = |session: &_| answers::has_session(&filter, session);
            let answer = |session| answers::session(session, clock);
            page.take(machine.sessions_after(after), |session| *session.client.as_bytes(), is_wanted, answer)
        });
        Ok(Response::new(v1::ListSessionsResponse { sessions, next_page_token, partial: false }))
    }

    async fn get_room(&self, request: Request<v1::GetRoomRequest>) -> Result<Response<v1::Room>, Status> {
        let name = &request.get_ref().name;
        let id = names::room("name", name)?;
        if let Some(registry) = self.replica.registry() {
            let found = whole::find_room(&self.replica, registry, id).await?;
            return found.map(Response::new).ok_or_else(|| no_room(name));
        }
        let found = self.replica.ask(|machine, clock, _| machine.room(id).map(|room| answers::room(room, clock)));
        found.map(Response::new).ok_or_else(|| no_room(name))
    }

    async fn list_rooms(
        &self,
        request: Request<v1::ListRoomsRequest>,
    ) -> Result<Response<v1::ListRoomsResponse>, Status> {
        let v1::ListRoomsRequest { page_size, page_token, filter } = request.get_ref();
        let page = Page::asked(Listing::Rooms, *page_size, page_token, filter)?;
        if let Some(registry) = self.replica.registry() {
            let parts = whole::rooms(&self.replica, registry, &page, filter).await?;
            let Parts { items, next_page_token, partial } = parts;
            let rooms = items.into_iter().filter_map(|found| found.room).collect();
            return Ok(Response::new(v1::ListRoomsResponse { rooms, next_page_token, partial }));
        }
        let (after, filter) = (page.after()?, Filter::parse(filter, ROOM_FIELDS)?);
        let (rooms, next_page_token) = self.replica.ask(|machine, clock, _| {
            let is_wanted = |room: &_| answers::has_room(&filter, room, machine);
            let answer = |room| answers::room(room, clock);
            page.take(machine.rooms_after(after), |room| *room.id.as_bytes(), is_wanted, answer)
        });
        Ok(Response::new(v1::ListRoomsResponse { rooms, next_page_token, partial: false }))
    }

    async fn get_pool(&self, request: Request<v1::GetPoolRequest>) -> Result<Response<v1::Pool>, Status> {
        let name = &request.get_ref().name;
        let mut pool = pools::look_at(&self.replica, &names::pool("name", name)?);
        let is_known_elsewhere = match self.replica.registry() {
            Some(registry) => whole::add_pool(registry, &mut pool).await,
            None => false,
        };
        if pools::is_known(&pool) || is_known_elsewhere {
            Ok(Response::new(pool))
        } else if pool.partial {
            Err(Away.into())
        } else {
            Err(not_found("POOL_NOT_FOUND", name, "nothing is known of a pool of this name"))
        }
    }

    async fn list_pools(
        &self,
        request: Request<v1::ListPoolsRequest>,
    ) -> Result<Response<v1::ListPoolsResponse>, Status> {
        let v1::ListPoolsRequest { page_size, page_token } = request.get_ref();
        let page = Page::asked(Listing::Pools, *page_size, page_token, "")?;
        if let Some(registry) = self.replica.registry() {
            let (pools, next_page_token, partial) = whole::pools_after(&self.replica, registry, &page).await?;
            return Ok(Response::new(v1::ListPoolsResponse { pools, next_page_token, partial }));
        }
        let names = pools::after(&self.replica, page.after_text()?);
        let look_at = |pool| pools::look_at(&self.replica, &pool);
        let (pools, next_page_token) =
            page.take(names.into_iter(), |pool| pool.as_str().as_bytes().to_vec(), |_| true, look_at);
        Ok(Response::new(v1::ListPoolsResponse { pools, next_page_token, partial: false }))
    }

    async fn estimate_wait(
        &self,
        request: Request<v1::EstimateWaitRequest>,
    ) -> Result<Response<v1::EstimateWaitResponse>, Status> {
        let v1::EstimateWaitRequest { pool, tags } = request.get_ref();
        let pool = names::pool("pool", pool)?;
        let tags = tags_of(tags)?;
        let (wait, partial) = match self.replica.registry() {
            Some(registry) => whole::estimate(&self.replica, registry, &pool, tags).await,
            None => (pools::estimate(&self.replica, &pool, tags), false),
        };
        Ok(Response::new(v1::EstimateWaitResponse { wait: wait.and_then(|wait| wait.try_into().ok()), partial }))
    }

    type WatchEventsStream = Watching;

    async fn watch_events(&self, request: Request<v1::WatchEventsRequest>) -> Result<Response<Watching>, Status> {
        self.watchers.watch(&self.replica, &request).await.map(Response::new)
    }
}

pub(crate) fn no_session(name: &str) -> Status {
    not_found("SESSION_NOT_FOUND", name, "no session has this name")
}

pub(crate) fn no_room(name: &str) -> Status {
    not_found("ROOM_NOT_FOUND", name, "no room has this name, or it is over")
}

fn tags_of(tags: &[String]) -> Result<Vec<Tag>, Status> {
    if tags.len() > duet_proto::bounds::WISH_TAGS {
        return Err(invalid("tags", format!("has more than {} elements", duet_proto::bounds::WISH_TAGS)));
    }
    let tag =
        |tag: &String| Tag::new(tag).ok_or_else(|| invalid("tags", "has one that is not 1 to 32 printable characters"));
    let tags: BTreeSet<Tag> = tags.iter().map(tag).collect::<Result<_, _>>()?;
    Ok(tags.into_iter().collect())
}

const BATCH_MOST: usize = 100;
