//! Connections before they are HTTP/2: accepting them whatever happens, and closing those that say nothing.
//!
//! tonic waits for ever for a connection's preface, and can't end a connection that is up. The wrapper here can do both.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{Stream, stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep_until, timeout_at};
use tonic::transport::server::{Connected, TcpConnectInfo};

/// Accepts connections for as long as the stream is polled. `cut` ends them all.
pub(crate) fn connections(
    listener: TcpListener,
    most: usize,
    preface_within: Duration,
    cut: watch::Receiver<bool>,
) -> impl Stream<Item = Result<Connection, Infallible>> {
    let free = Arc::new(Semaphore::new(most));
    stream::unfold((listener, free, cut), move |(listener, free, cut)| async move {
        let permit = free.clone().acquire_owned().await.expect("this semaphore is never closed");
        let io = accept(&listener).await;
        let connection = Connection::new(io, permit, Instant::now() + preface_within, cut.clone());
        Some((Ok(connection), (listener, free, cut)))
    })
}

/// Errors are of one connection that is gone already, or of a lack of descriptors or memory that passes.
async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((io, _)) => {
                if let Err(error) = io.set_nodelay(true) {
                    tracing::debug!(%error, "a connection is gone already");
                }
                return io;
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                tracing::warn!(%error, "can't accept connections");
                sleep_until(Instant::now() + ACCEPT_BACKOFF).await;
            }
        }
    }
}

/// A TCP connection with an end.
pub(crate) struct Connection {
    io: TcpStream,
    /// Bytes of the preface still to come.
    preface: usize,
    /// Resolves when the connection is to be closed from this side.
    doom: Pin<Box<dyn Future<Output = io::Error> + Send>>,
    cut: watch::Receiver<bool>,
    _permit: OwnedSemaphorePermit,
}

impl Connection {
    fn new(io: TcpStream, permit: OwnedSemaphorePermit, preface_by: Instant, cut: watch::Receiver<bool>) -> Self {
        let until_cut = cut_off(cut.clone());
        let doom = Box::pin(async move {
            let silent = |_| io::Error::new(io::ErrorKind::TimedOut, "no HTTP/2 preface came in time");
            timeout_at(preface_by, until_cut).await.unwrap_or_else(silent)
        });
        Connection { io, preface: PREFACE_BYTES, doom, cut, _permit: permit }
    }
}

/// Resolves when all connections are to be cut; never if that can't happen any more.
async fn cut_off(mut cut: watch::Receiver<bool>) -> io::Error {
    if cut.wait_for(|cut| *cut).await.is_err() {
        std::future::pending::<()>().await;
    }
    io::Error::new(io::ErrorKind::ConnectionAborted, "the server has stopped")
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Poll::Ready(end) = self.doom.as_mut().poll(cx) {
            return Poll::Ready(Err(end));
        }
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

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
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

impl Connected for Connection {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.io.connect_info()
    }
}

/// RFC 9113 section 3.4.
const PREFACE_BYTES: usize = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len();
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);
