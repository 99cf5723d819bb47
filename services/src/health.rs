//! `/healthz` and `/readyz` of a matchmaker, on the port of `/metrics`: what health by gRPC says, and why. A gateway has its own where
//! clients are.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use duet_matchmaker::server::Replica;
use serde_json::json;

/// What answers for a matchmaker.
pub(crate) fn health(replica: Replica) -> Router {
    let healthz = || async { Json(json!({ "status": "alive" })) };
    let readyz = move || async move { readiness(replica.problem()) };
    Router::new().route("/healthz", get(healthz)).route("/readyz", get(readyz))
}

fn readiness(problem: Option<String>) -> Response {
    let fresh = [(header::CACHE_CONTROL, "no-store")];
    match problem {
        None => (fresh, Json(json!({ "status": "ready" }))).into_response(),
        Some(why) => {
            let said = Json(json!({ "status": "not ready", "reason": why }));
            (StatusCode::SERVICE_UNAVAILABLE, fresh, said).into_response()
        }
    }
}
