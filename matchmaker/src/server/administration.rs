//! What operators may do: the service `duet.v1.Admin`. Each call is logged with who made it.

use std::time::Duration;

use duet_proto::bounds::USER_ID;
use duet_proto::frame::PoolName;
use duet_proto::v1;
use duet_proto::v1::admin_server::Admin;
use duet_proto::v1::cluster_order::BlockUser;
use tonic::{Code, Extensions, Request, Response, Status};

use super::access::Peer;
use super::log_filter::LogFilter;
use super::paging::{Listing, Page};
use super::queries::{no_room, no_session};
use super::refusals::{exhausted, invalid, not_found, refusal};
use super::registry::engine_away;
use super::registry::orders::{self, Kind as OrderKind, Ordered, Outcome};
use super::replica::Replica;
use super::{answers, names, pools, whole};
use crate::{Explanation, Obstacle};

/// The service.
pub(crate) struct AdminService {
    pub(crate) replica: Replica,
    pub(crate) log_filter: Option<LogFilter>,
}

impl AdminService {
    /// Orders here, and at all replicas that share an engine with this one.
    async fn order(&self, kind: OrderKind, lasts: Option<Duration>) -> Result<Ordered, Status> {
        let here =
            || self.replica.apply(|machine, now| orders::apply_to(machine, &kind, lasts.unwrap_or_default(), now));
        let Some(registry) = self.replica.registry() else {
            return Ok(Ordered { outcome: here(), was_kept: false });
        };
        registry.order(&self.replica, kind.clone(), lasts).await.map_err(|_| {
            here();
            engine_away("the engine is away: this holds at this replica alone, ask for it again")
        })
    }

    async fn pool(&self, name: &PoolName) -> v1::Pool {
        let mut pool = pools::look_at(&self.replica, name);
        if let Some(registry) = self.replica.registry() {
            whole::add_pool(registry, &mut pool).await;
        }
        pool
    }
}

#[tonic::async_trait]
impl Admin for AdminService {
    async fn close_room(
        &self,
        request: Request<v1::CloseRoomRequest>,
    ) -> Result<Response<v1::CloseRoomResponse>, Status> {
        let (caller, request) = opened(request);
        let room = names::room("name", &request.name)?;
        let mut is_closed = self.replica.apply(|machine, now| machine.end_room(room, now));
        if let (false, Some(registry)) = (is_closed, self.replica.registry()) {
            is_closed = registry.room(room.as_bytes()).await?.is_some();
            if is_closed {
                self.order(OrderKind::CloseRoom(room.as_bytes().to_vec().into()), None).await?;
            }
        }
        tracing::info!(?caller, %room, is_closed, "admin: close room");
        if is_closed { Ok(Response::new(v1::CloseRoomResponse {})) } else { Err(no_room(&request.name)) }
    }

    async fn disconnect_session(
        &self,
        request: Request<v1::DisconnectSessionRequest>,
    ) -> Result<Response<v1::DisconnectSessionResponse>, Status> {
        let (caller, request) = opened(request);
        let client = names::session("name", &request.name)?;
        let mut is_ended = self.replica.apply(|machine, now| machine.disconnect(client, now));
        if let (false, Some(registry)) = (is_ended, self.replica.registry()) {
            is_ended = registry.sessions(&[client.as_bytes()]).await?.iter().any(Option::is_some);
            if is_ended {
                self.order(OrderKind::Disconnect(client.as_bytes().to_vec().into()), None).await?;
            }
        }
        tracing::info!(?caller, %client, is_ended, "admin: disconnect session");
        if is_ended { Ok(Response::new(v1::DisconnectSessionResponse {})) } else { Err(no_session(&request.name)) }
    }

    async fn block_user(&self, request: Request<v1::BlockUserRequest>) -> Result<Response<v1::BlockedUser>, Status> {
        let (caller, v1::BlockUserRequest { user_id, duration, reason }) = opened(request);
        check_user(&user_id)?;
        let lasts = lasting(duration)?;
        if reason.chars().count() > REASON_CHARACTERS {
            return Err(invalid("reason", format!("has more than {REASON_CHARACTERS} characters")));
        }
        let block = BlockUser { user_id: user_id.clone(), reason: reason.clone() };
        let ended = match self.order(OrderKind::BlockUser(block), Some(lasts)).await?.outcome {
            Outcome::TooMany => return Err(exhausted("TOO_MANY_BLOCKED", "as many are blocked as may be", None)),
            Outcome::Ended(ended) => ended,
            Outcome::Done | Outcome::Nothing => 0,
        };
        tracing::info!(?caller, ended, ?lasts, "admin: block user");
        tracing::debug!(user = user_id, "admin: who is blocked");
        let expire_time = self.replica.ask(|machine, clock, now| {
            // Another may have let the user in again by now.
            let until = machine.blocked_until(&user_id, now);
            answers::timestamp(clock, until.unwrap_or(now))
        });
        let sessions_ended = u32::try_from(ended).unwrap_or(u32::MAX);
        Ok(Response::new(v1::BlockedUser { user_id, expire_time: Some(expire_time), reason, sessions_ended }))
    }

    async fn unblock_user(
        &self,
        request: Request<v1::UnblockUserRequest>,
    ) -> Result<Response<v1::UnblockUserResponse>, Status> {
        let (caller, v1::UnblockUserRequest { user_id }) = opened(request);
        check_user(&user_id)?;
        let was_blocked = self.order(OrderKind::UnblockUser(user_id.clone()), None).await?.was_known();
        tracing::info!(?caller, was_blocked, "admin: unblock user");
        tracing::debug!(user = user_id, "admin: who is not blocked any more");
        let unknown = || not_found("USER_NOT_BLOCKED", &user_id, "this user is not blocked");
        was_blocked.then(|| Response::new(v1::UnblockUserResponse {})).ok_or_else(unknown)
    }

    async fn block_pair(
        &self,
        request: Request<v1::BlockPairRequest>,
    ) -> Result<Response<v1::BlockPairResponse>, Status> {
        let (caller, v1::BlockPairRequest { user_ids, duration }) = opened(request);
        let [one, other] = pair(user_ids)?;
        let lasts = lasting(duration)?;
        self.order(OrderKind::BlockPair(orders::pair(&one, &other)), Some(lasts)).await?;
        tracing::info!(?caller, ?lasts, "admin: block pair");
        tracing::debug!(one, other, "admin: which pair is blocked");
        Ok(Response::new(v1::BlockPairResponse {}))
    }

    async fn unblock_pair(
        &self,
        request: Request<v1::UnblockPairRequest>,
    ) -> Result<Response<v1::UnblockPairResponse>, Status> {
        let (caller, v1::UnblockPairRequest { user_ids }) = opened(request);
        let [one, other] = pair(user_ids)?;
        let was_blocked = self.order(OrderKind::UnblockPair(orders::pair(&one, &other)), None).await?.was_known();
        tracing::info!(?caller, was_blocked, "admin: unblock pair");
        let no_block = || not_found("PAIR_NOT_BLOCKED", &format!("{one}, {other}"), "the two are not blocked");
        if was_blocked { Ok(Response::new(v1::UnblockPairResponse {})) } else { Err(no_block()) }
    }

    async fn list_blocked_users(
        &self,
        request: Request<v1::ListBlockedUsersRequest>,
    ) -> Result<Response<v1::ListBlockedUsersResponse>, Status> {
        let (caller, v1::ListBlockedUsersRequest { page_size, page_token }) = opened(request);
        tracing::info!(?caller, "admin: list blocked users");
        let page = Page::asked(Listing::BlockedUsers, page_size, &page_token, "")?;
        let after = page.after_text()?;
        let (users, next_page_token) = self.replica.ask(|machine, clock, now| {
            let answer = |user| answers::blocked_user(user, clock);
            page.take(machine.blocked_users(after, now), |user| user.user.as_bytes().to_vec(), |_| true, answer)
        });
        Ok(Response::new(v1::ListBlockedUsersResponse { users, next_page_token }))
    }

    async fn pause_pool(&self, request: Request<v1::PausePoolRequest>) -> Result<Response<v1::Pool>, Status> {
        let (caller, request) = opened(request);
        let pool = names::pool("name", &request.name)?;
        let paused = self.order(OrderKind::PausePool(pool.as_str().to_owned()), None).await?;
        if paused.outcome == Outcome::TooMany {
            return Err(exhausted("TOO_MANY_PAUSED", "as many pools are paused as may be", None));
        }
        tracing::info!(?caller, pool = pool.as_str(), "admin: pause pool");
        Ok(Response::new(self.pool(&pool).await))
    }

    async fn resume_pool(&self, request: Request<v1::ResumePoolRequest>) -> Result<Response<v1::Pool>, Status> {
        let (caller, request) = opened(request);
        let pool = names::pool("name", &request.name)?;
        self.order(OrderKind::ResumePool(pool.as_str().to_owned()), None).await?;
        tracing::info!(?caller, pool = pool.as_str(), "admin: resume pool");
        // Others may not have heard of it yet.
        Ok(Response::new(v1::Pool { paused: false, ..self.pool(&pool).await }))
    }

    async fn drain_replica(
        &self,
        request: Request<v1::DrainReplicaRequest>,
    ) -> Result<Response<v1::DrainReplicaResponse>, Status> {
        let (caller, _) = opened(request);
        if !self.replica.ask_for_drain() {
            return Err(not_offered("DRAIN_NOT_OFFERED", "this process can't be drained by a call"));
        }
        tracing::info!(?caller, "admin: drain");
        Ok(Response::new(v1::DrainReplicaResponse {}))
    }

    async fn explain_ticket(
        &self,
        request: Request<v1::ExplainTicketRequest>,
    ) -> Result<Response<v1::ExplainTicketResponse>, Status> {
        let (caller, request) = opened(request);
        let client = names::session("name", &request.name)?;
        tracing::info!(?caller, %client, "admin: explain ticket");
        let explained = self.replica.ask(|machine, _, now| {
            let explained = machine.explain(client, CANDIDATES_MOST, now).map(explanation);
            explained.ok_or(machine.session(client).is_some())
        });
        explained.map(Response::new).map_err(|is_known| {
            let waits_not = || refusal(Code::FailedPrecondition, "SESSION_NOT_WAITING", "the session does not wait");
            if is_known { waits_not() } else { no_session(&request.name) }
        })
    }

    async fn set_log_filter(
        &self,
        request: Request<v1::SetLogFilterRequest>,
    ) -> Result<Response<v1::SetLogFilterResponse>, Status> {
        let (caller, v1::SetLogFilterRequest { filter }) = opened(request);
        let not_offered = || not_offered("LOG_FILTER_NOT_OFFERED", "this process's log can't be set by a call");
        let log_filter = self.log_filter.as_ref().ok_or_else(not_offered)?;
        if filter.is_empty() || filter.len() > FILTER_BYTES {
            return Err(invalid("filter", format!("has not 1 to {FILTER_BYTES} characters")));
        }
        log_filter.set(&filter).map_err(|why| invalid("filter", format!("can't be used: {why}")))?;
        tracing::info!(?caller, filter, "admin: set log filter");
        Ok(Response::new(v1::SetLogFilterResponse {}))
    }
}

/// Who calls, as far as its certificate tells, and what is asked.
fn opened<T>(request: Request<T>) -> (Vec<String>, T) {
    let caller = |extensions: &Extensions| extensions.get::<Peer>().map_or_else(Vec::new, Peer::names);
    (caller(request.extensions()), request.into_inner())
}

/// For how long a block lasts.
fn lasting(duration: Option<prost_types::Duration>) -> Result<Duration, Status> {
    let lasts = duration.and_then(|duration| Duration::try_from(duration).ok());
    let lasts = lasts.filter(|lasts| !lasts.is_zero() && *lasts <= BLOCK_MOST);
    lasts.ok_or_else(|| invalid("duration", "is not above 0 and up to 366 days"))
}

/// Two different users.
fn pair(users: Vec<String>) -> Result<[String; 2], Status> {
    users.iter().try_for_each(|user| check_user(user))?;
    let pair: Option<[String; 2]> = users.try_into().ok();
    pair.filter(|[one, other]| one != other).ok_or_else(|| invalid("user_ids", "are not two different ids"))
}

fn check_user(user: &str) -> Result<(), Status> {
    let is_id = (1..=USER_ID).contains(&user.chars().count()) && !user.contains(char::is_control);
    if is_id { Ok(()) } else { Err(invalid("user_id", "is not 1 to 128 printable characters")) }
}

fn not_offered(reason: &str, text: &str) -> Status {
    refusal(Code::Unimplemented, reason, text)
}

fn explanation(explained: Explanation<'_>) -> v1::ExplainTicketResponse {
    let count = |(obstacle, count): (Obstacle, usize)| v1::ObstacleCount {
        obstacle: told(obstacle).into(),
        count: u32::try_from(count).unwrap_or(u32::MAX),
    };
    v1::ExplainTicketResponse {
        pool: names::of_pool(explained.pool),
        position: explained.position,
        waited: explained.waited.try_into().ok(),
        own_obstacles: explained.own.into_iter().map(|obstacle| told(obstacle).into()).collect(),
        candidates: u32::try_from(explained.candidates).unwrap_or(u32::MAX),
        truncated: explained.truncated,
        obstacles: explained.obstacles.into_iter().map(count).collect(),
    }
}

fn told(obstacle: Obstacle) -> v1::Obstacle {
    match obstacle {
        Obstacle::PoolPaused => v1::Obstacle::PoolPaused,
        Obstacle::Unlinked => v1::Obstacle::Unlinked,
        Obstacle::Detached => v1::Obstacle::Detached,
        Obstacle::SameUser => v1::Obstacle::SameUser,
        Obstacle::PartedRecently => v1::Obstacle::PartedRecently,
        Obstacle::Avoided => v1::Obstacle::Avoided,
        Obstacle::Blocked => v1::Obstacle::Blocked,
        Obstacle::Quarantined => v1::Obstacle::Quarantined,
        Obstacle::Tags => v1::Obstacle::Tags,
        Obstacle::Region => v1::Obstacle::Region,
        Obstacle::MetLately => v1::Obstacle::MetLately,
        Obstacle::Nothing => v1::Obstacle::None,
    }
}

const BLOCK_MOST: Duration = Duration::from_secs(366 * 24 * 3_600);
const REASON_CHARACTERS: usize = 256;
const FILTER_BYTES: usize = 1_024;
const CANDIDATES_MOST: usize = 100;
