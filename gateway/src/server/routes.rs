//! What is served over HTTP: the upgrade, the health of the process, the demo page and the SDK.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::{AppendHeaders, IntoResponse, Response};
use axum::routing::{any, get};
use axum::{Json, Router};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use hyper::upgrade::OnUpgrade;
use tokio::sync::mpsc;

use super::admission::{self, Refusal};
use super::places::{Place, UserPlace};
use super::socket::Upgrade;
use super::traces::ClientTrace;
use super::{Refused, Shared, assets, proxies};
use crate::session::{NotVerified, Verified};

/// The routes of one worker. Sockets that upgrade are handed to `upgrades`.
pub(super) fn router(worker: usize, shared: Arc<Shared>, upgrades: mpsc::Sender<Upgrade>) -> Router {
    Router::new()
        .route("/ws", any(upgrade))
        .route("/ws/check", get(check))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .merge(assets::router())
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(WorkerRoutes { worker, shared, upgrades })
}

#[derive(Clone)]
struct WorkerRoutes {
    worker: usize,
    shared: Arc<Shared>,
    upgrades: mpsc::Sender<Upgrade>,
}

async fn upgrade(State(routes): State<WorkerRoutes>, request: Request) -> Result<Response, Refusal> {
    let (mut request, _) = request.into_parts();
    let on_upgrade = request.extensions.remove::<OnUpgrade>();
    let key = admission::check_handshake(&request.method, &request.headers)?;
    let on_upgrade = on_upgrade.ok_or_else(Refusal::not_upgradable)?;
    let from = proxies::client_address(&routes.shared, &request);
    let shared = &routes.shared;
    let admitted = async {
        admission::check_client(shared, routes.worker, &request.headers)?;
        let place = Place::take(shared, from)?;
        let verified = verified(shared, from, &request.headers).await?;
        let user_place = verified.as_ref().map(|verified| take_user_place(shared, &verified.user)).transpose()?;
        let slot = routes.upgrades.try_reserve().map_err(|_| Refusal::busy())?;
        Ok((place, verified.zip(user_place), slot))
    };
    let (place, verified, slot) = admitted.await.map_err(|refused| counted(shared, refused))?;
    let is_v1 = admission::offers_duet_v1(&request.headers);
    let trace = ClientTrace::new(shared.asked_trace(&request.headers));
    slot.send(Upgrade { on_upgrade, is_v1, place, verified: verified.map(Box::new), trace });

    let accept = admission::accept(key);
    let headers = [
        (header::CONNECTION, HeaderValue::from_static("upgrade")),
        (header::UPGRADE, HeaderValue::from_static("websocket")),
        (header::SEC_WEBSOCKET_ACCEPT, accept),
    ];
    let protocol = [(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(admission::DUET_V1))];
    let protocol = is_v1.then_some(protocol).into_iter().flatten();
    Ok((StatusCode::SWITCHING_PROTOCOLS, headers, AppendHeaders(protocol)).into_response())
}

/// What the request's token proves, if it has one and tokens are checked.
async fn verified(
    shared: &Shared,
    from: Option<IpAddr>,
    headers: &HeaderMap,
) -> Result<Option<Verified>, (Refused, Refusal)> {
    let Some(verifier) = &shared.settings.verifier else { return Ok(None) };
    let checked = match admission::bearer(headers) {
        Ok(None) => return Ok(None),
        Ok(Some(token)) => verifier.check_fetching(token).await,
        Err(why) => Err(why),
    };
    if let (Err(NotVerified::Bad), Some(from)) = (&checked, from) {
        shared.places.bad_token(from.into(), shared.clock.now());
    }
    Ok(Some(checked?))
}

fn take_user_place(shared: &Arc<Shared>, user: &str) -> Result<UserPlace, (Refused, Refusal)> {
    Ok(UserPlace::take(shared, user).ok_or(NotVerified::TooManyConnections)?)
}

fn counted(shared: &Shared, (refused, refusal): (Refused, Refusal)) -> Refusal {
    shared.counts.refused(refused);
    refusal
}

/// Says what `/ws` would, where a browser can see it.
async fn check(State(routes): State<WorkerRoutes>, request: Request) -> Response {
    let (request, _) = request.into_parts();
    let from = proxies::client_address(&routes.shared, &request);
    let shared = &routes.shared;
    let checked = async {
        admission::check_client(shared, routes.worker, &request.headers)?;
        Place::check(shared, from)?;
        verified(shared, from, &request.headers).await
    };
    let mut response = match checked.await.map(drop) {
        Ok(()) => Json(serde_json::json!({ "code": "ok", "message": "a WebSocket would be accepted" })).into_response(),
        Err((_, refusal)) => refusal.into_response(),
    };
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

async fn healthz() -> impl IntoResponse {
    Json(serde_json::json!({ "status": "alive" }))
}

async fn readyz(State(routes): State<WorkerRoutes>) -> impl IntoResponse {
    let has_keys = routes.shared.settings.verifier.as_ref().is_none_or(|verifier| verifier.has_keys());
    match routes.shared.readiness.problem().or((!has_keys).then_some("no keys to check tokens with")) {
        None => (StatusCode::OK, Json(serde_json::json!({ "status": "ready" }))),
        Some(why) => {
            (StatusCode::SERVICE_UNAVAILABLE, Json(serde_json::json!({ "status": "not ready", "reason": why })))
        }
    }
}

async fn method_not_allowed() -> Refusal {
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "only GET is served here")
}

async fn not_found() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "not-found", "there is nothing here; the WebSocket is at /ws")
}
