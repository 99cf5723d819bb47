//! The servers' seams on the simulated network: where a gateway's and a matchmaker's connections come from, and how a gateway dials.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use duet_gateway::server::Connector;
use futures_util::{Stream, stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;
use turmoil::net::{TcpListener, TcpStream};

/// All connections to a port of this host.
pub(super) async fn incoming(port: u16) -> io::Result<impl Stream<Item = io::Result<TcpStream>> + Send> {
    let listener = TcpListener::bind(("0.0.0.0", port)).await?;
    Ok(stream::unfold(listener, |listener| async {
        Some((listener.accept().await.map(|(stream, _)| stream), listener))
    }))
}

/// Dials over connections that break, as far as the dialing side can see, whenever something is sent to `resets`.
pub(super) fn connector(resets: watch::Receiver<()>) -> Connector {
    Connector::new(move |uri| {
        let mut resets = resets.clone();
        resets.mark_unchanged();
        async move {
            let authority = uri.authority().expect("an endpoint has a host").as_str();
            let stream = TcpStream::connect(authority).await?;
            let reset = Box::pin(async move { drop(resets.changed().await) });
            Ok(Resettable { stream, reset: Some(reset) })
        }
    })
}

/// A connection that can be reset from outside.
struct Resettable {
    stream: TcpStream,
    /// `None` once it has happened.
    reset: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Resettable {
    fn poll_reset(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.reset.as_mut().is_some_and(|reset| reset.as_mut().poll(cx).is_ready()) {
            self.reset = None;
        }
        if self.reset.is_some() { Ok(()) } else { Err(io::ErrorKind::ConnectionReset.into()) }
    }
}

impl AsyncRead for Resettable {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.poll_reset(cx)?;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Resettable {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
