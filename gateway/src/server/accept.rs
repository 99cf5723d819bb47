//! Accepting TCP connections and speaking HTTP/1.1 on them until they upgrade or end.
//!
//! Not `axum::serve`: that sets no timer, so that hyper's header timeout never fires, and detects HTTP/2 by waiting for bytes that
//! may never come.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep_until, timeout};
use tower::ServiceExt;

use super::{Ended, SocketSettings};

/// Accepts for ever.
pub(super) async fn serve(listener: TcpListener, router: Router, settings: SocketSettings) -> Ended {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                spawn_local(speak_http(stream, router.clone(), settings));
            }
            Err(error) => {
                // Mostly no more file descriptors; those that are accepted go on, and some will end.
                tracing::warn!(%error, "a connection can't be accepted");
                sleep_until(Instant::now() + ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn speak_http(stream: TcpStream, router: Router, settings: SocketSettings) {
    // Fails only on a socket that is dead already.
    let _ = stream.set_nodelay(true);
    let service = router.map_request(|request: http::Request<hyper::body::Incoming>| request.map(Body::new));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(settings.header_timeout)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
        .with_upgrades();
    // An error is the client's, and a connection that upgrades resolves at once.
    let _ = timeout(MAX_HTTP_TIME, connection).await;
}

/// After a failed accept, before the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// The head of a request.
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// hyper answers 431 to more.
const MAX_HEADERS: usize = 64;
/// How long a connection that has not upgraded may last, so that nobody who reads nothing holds it for ever.
const MAX_HTTP_TIME: Duration = Duration::from_secs(60);
