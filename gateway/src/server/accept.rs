//! Accepting connections and speaking HTTP/1.1 on them until they upgrade or end.
//!
//! Connections come as a stream of whatever carries bytes: TCP in a running gateway, a simulated network in tests.
//!
//! Not `axum::serve`: that sets no timer, so that hyper's header timeout never fires, and detects HTTP/2 by waiting for bytes that
//! may never come.

use std::future::{Future, Ready, ready};
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
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

use super::{Ended, Refused, Shared, proxies};

/// A connection that has just come.
#[derive(Debug)]
pub struct Accepted<S> {
    /// What carries its bytes.
    pub io: S,
    /// The address at its other end, if there are addresses where it comes from.
    pub from: Option<IpAddr>,
}

/// The connections of a TCP listener, without end.
pub(super) fn tcp(listener: TcpListener) -> impl Stream<Item = io::Result<Accepted<TcpStream>>> {
    stream::unfold(listener, |listener| async {
        let accepted = listener.accept().await.map(|(io, from)| {
            // Fails only on a socket that is dead already.
            let _ = io.set_nodelay(true);
            Accepted { io, from: Some(from.ip()) }
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
    incoming: impl Stream<Item = io::Result<Accepted<R>>>,
    open: impl Fn(R) -> F + Clone + 'static,
    router: Router,
    shared: Arc<Shared>,
) -> Ended
where
    R: AsyncRead + Unpin + 'static,
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Future<Output = Option<S>> + 'static,
{
    let mut incoming = pin!(incoming);
    while let Some(accepted) = incoming.next().await {
        match accepted {
            // More would take the descriptors that links and metrics need.
            Ok(_) if HttpCount::is_full(&shared) => shared.counts.refused(Refused::Sockets),
            Ok(accepted) => {
                let count = HttpCount::new(shared.clone());
                spawn_local(speak_http(accepted, open.clone(), router.clone(), count));
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

async fn speak_http<R, S, F>(accepted: Accepted<R>, open: impl Fn(R) -> F, router: Router, count: HttpCount)
where
    R: AsyncRead + Unpin,
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Future<Output = Option<S>>,
{
    let settings = &count.shared.settings.socket;
    let Accepted { io, from } = match timeout(settings.header_timeout, proxies::told(accepted, &count.shared)).await {
        Ok(Some(accepted)) => accepted,
        Ok(None) | Err(_) => return,
    };
    let Some(stream) = open(io).await else { return };
    let service = router.map_request(move |mut request: http::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(Peer(from));
        request.map(Body::new)
    });
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

/// Where a request's connection comes from: what is in each request's extensions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) Option<IpAddr>);

/// A connection that has not upgraded, while it is open.
struct HttpCount {
    shared: Arc<Shared>,
}

impl HttpCount {
    fn new(shared: Arc<Shared>) -> Self {
        shared.http_connections.fetch_add(1, Ordering::Relaxed);
        HttpCount { shared }
    }

    fn is_full(shared: &Shared) -> bool {
        let most = shared.settings.max_sockets;
        most > 0 && shared.http_connections.load(Ordering::Relaxed) + shared.places.connections() >= most
    }
}

impl Drop for HttpCount {
    fn drop(&mut self) {
        self.shared.http_connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// After a failed accept, before the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// The head of a request.
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// hyper answers 431 to more.
const MAX_HEADERS: usize = 64;
/// How long a connection that has not upgraded may last, so that nobody who reads nothing holds it for ever.
const MAX_HTTP_TIME: Duration = Duration::from_secs(60);
