//! Connections before they are HTTP/2: accepting them whatever happens, and closing those that say nothing. They come as a stream
//! of whatever carries bytes: TCP in a running matchmaker, a simulated network in tests.
//!
//! tonic waits for ever for a connection's preface, and can't end a connection that is up. The wrapper here can do both.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use duet_proto::unix::UnixLink;
use futures_util::{Stream, StreamExt, stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep_until, timeout_at};
use tonic::transport::server::Connected;

use super::access::Peer;

/// The connections of a TCP listener, without end.
pub(crate) fn tcp(listener: TcpListener) -> impl Stream<Item = io::Result<TcpStream>> + Send {
    stream::unfold(listener, |listener| async {
        let accepted = listener.accept().await.map(|(io, _)| {
            if let Err(error) = io.set_nodelay(true) {
                tracing::debug!(%error, "a connection is gone already");
            }
            io
        });
        Some((accepted, listener))
    })
}

/// The connections of a Unix socket, without end.
pub(crate) fn unix(listener: UnixListener) -> impl Stream<Item = io::Result<UnixLink>> + Send {
    stream::unfold(listener, |listener| async {
        let accepted = listener.accept().await.and_then(|(io, _)| UnixLink::accepted(io));
        Some((accepted, listener))
    })
}

/// A connection that has come, and from whom.
pub(crate) struct Incoming<S> {
    pub(crate) io: S,
    pub(crate) peer: Peer,
}

/// Takes connections for as long as the stream is polled, so many at a time. `cut` ends them all.
pub(crate) fn connections<S>(
    incoming: impl Stream<Item = io::Result<Incoming<S>>> + Send,
    most: usize,
    preface_within: Duration,
    cut: watch::Receiver<bool>,
) -> impl Stream<Item = Result<Connection<S>, Infallible>> {
    let free = Arc::new(Semaphore::new(most));
    stream::unfold((Box::pin(incoming), free, cut), move |(mut incoming, free, cut)| async move {
        let permit = free.clone().acquire_owned().await.expect("this semaphore is never closed");
        let accepted = accept(&mut incoming).await?;
        let connection = Connection::new(accepted, permit, Instant::now() + preface_within, cut.clone());
        Some((Ok(connection), (incoming, free, cut)))
    })
}

/// Errors are of one connection that is gone already, or of a lack of descriptors or memory that passes.
async fn accept<S>(incoming: &mut (impl Stream<Item = io::Result<S>> + Unpin)) -> Option<S> {
    loop {
        match incoming.next().await? {
            Ok(io) => return Some(io),
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                tracing::warn!(%error, "can't accept connections");
                sleep_until(Instant::now() + ACCEPT_BACKOFF).await;
            }
        }
    }
}

/// A connection with an end.
pub(crate) struct Connection<S> {
    io: S,
    peer: Peer,
    /// Bytes of the preface still to come.
    preface: usize,
    /// Resolves when the connection is to be closed from this side.
    doom: Pin<Box<dyn Future<Output = io::Error> + Send>>,
    cut: watch::Receiver<bool>,
    _permit: OwnedSemaphorePermit,
}

impl<S> Connection<S> {
    fn new(
        incoming: Incoming<S>,
        permit: OwnedSemaphorePermit,
        preface_by: Instant,
        cut: watch::Receiver<bool>,
    ) -> Self {
        let until_cut = cut_off(cut.clone());
        let doom = Box::pin(async move {
            let silent = |_| io::Error::new(io::ErrorKind::TimedOut, "no HTTP/2 preface came in time");
            timeout_at(preface_by, until_cut).await.unwrap_or_else(silent)
        });
        let Incoming { io, peer } = incoming;
        Connection { io, peer, preface: PREFACE_BYTES, doom, cut, _permit: permit }
    }
}

/// Resolves when all connections are to be cut; never if that can't happen any more.
async fn cut_off(mut cut: watch::Receiver<bool>) -> io::Error {
    if cut.wait_for(|cut| *cut).await.is_err() {
        std::future::pending::<()>().await;
    }
    io::Error::new(io::ErrorKind::ConnectionAborted, "the server has stopped")
}

impl<S> Connection<S> {
    /// An error once the connection is to be closed.
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match self.doom.as_mut().poll(cx) {
            Poll::Ready(end) => Err(end),
            Poll::Pending => Ok(()),
        }
    }

    /// The same while there is no preface: until then a write can wait for a TLS handshake that never ends.
    fn check_write(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.preface > 0 { self.check(cx) } else { Ok(()) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Connection<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        let before = buf.filled().len();
        let read = Pin::new(&mut self.io).poll_read(cx, buf);
        if self.preface > 0 && read.is_ready() {
            self.preface = self.preface.saturating_sub(buf.filled().len() - before);
            if self.preface == 0 {
                self.doom = Box::pin(cut_off(self.cut.clone()));
                // Nothing has polled the new future yet: it must know whom to wake.
                cx.waker().wake_by_ref();
            }
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Connection<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.check_write(cx)?;
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check_write(cx)?;
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

impl<S> Connected for Connection<S> {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

/// RFC 9113 section 3.4.
const PREFACE_BYTES: usize = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len();
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);
