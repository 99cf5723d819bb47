//! Accepting connections and speaking HTTP/1.1 on them until they upgrade or end.
//!
//! Connections come as a stream of whatever carries bytes: TCP in a running gateway, a simulated network in tests.
//!
//! Not `axum::serve`: that sets no timer, so that hyper's header timeout never fires, and detects HTTP/2 by waiting for bytes that
//! may never come.

use std::future::{Future, Ready, ready};
use std::io;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use futures_util::{Stream, StreamExt, stream};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep_until, timeout};
use tower::ServiceExt;

use super::{Ended, SocketSettings};

/// The connections of a TCP listener, without end.
pub(super) fn tcp(listener: TcpListener) -> impl Stream<Item = io::Result<TcpStream>> {
    stream::unfold(listener, |listener| async {
        let accepted = listener.accept().await.map(|(stream, _)| {
            // Fails only on a socket that is dead already.
            let _ = stream.set_nodelay(true);
            stream
        });
        Some((accepted, listener))
    })
}

/// HTTP is spoken on a connection as it comes.
pub(super) fn as_it_comes<S>(stream: S) -> Ready<Option<S>> {
    ready(Some(stream))
}

/// Accepts for as long as there is something that connections come from. `open` makes of each, in its own task, what HTTP is spoken on,
/// or ends it.
pub(super) async fn serve<R, S, F>(
    incoming: impl Stream<Item = io::Result<R>>,
    open: impl Fn(R) -> F,
    router: Router,
    settings: SocketSettings,
) -> Ended
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Future<Output = Option<S>> + 'static,
{
    let mut incoming = pin!(incoming);
    while let Some(accepted) = incoming.next().await {
        match accepted {
            Ok(stream) => {
                spawn_local(speak_http(open(stream), router.clone(), settings));
            }
            Err(error) => {
                // Mostly no more file descriptors; those that are accepted go on, and some will end.
                tracing::warn!(%error, "a connection can't be accepted");
                sleep_until(Instant::now() + ACCEPT_PAUSE).await;
            }
        }
    }
    Ended::Failed("no more connections can come".to_owned())
}

async fn speak_http<S>(opening: impl Future<Output = Option<S>>, router: Router, settings: SocketSettings)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Some(stream) = opening.await else { return };
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
