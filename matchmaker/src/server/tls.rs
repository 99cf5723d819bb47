//! TLS on the gRPC port: the handshake as the first part of a connection's reading and writing. So it happens in the connection's own task,
//! within the deadline that the connection has for its HTTP/2 preface, and delays nobody else.

use std::fmt;
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{Accept, TlsAcceptor};

use super::access::{Clients, Peer};
use super::seldom::Seldom;

/// How a port of the matchmaker is encrypted, and whom it serves.
#[derive(Clone)]
pub struct PortTls {
    configs: watch::Receiver<Arc<ServerConfig>>,
    pub(crate) clients: Clients,
    complaints: Arc<Seldom>,
}

impl PortTls {
    /// Each handshake uses the newest of the configurations; connections that are up keep theirs.
    ///
    /// A configuration must check the certificates that clients present, and let those in that present none: whether one is needed depends
    /// on what is asked, and is said by `clients`. Health is told to anyone.
    pub fn new(configs: watch::Receiver<Arc<ServerConfig>>, clients: Clients) -> Self {
        PortTls { configs, clients, complaints: Arc::default() }
    }

    /// The connection under TLS, and who will turn out to be at its other end.
    pub(crate) fn over<S: AsyncRead + AsyncWrite + Unpin>(&self, io: S) -> (Secured<S>, Peer) {
        let peer = Peer::under_tls();
        let config = self.configs.borrow().clone();
        let handshake = Box::new(TlsAcceptor::from(config).accept(io));
        let state = State::Handshake(handshake);
        (Secured { state, peer: peer.clone(), complaints: self.complaints.clone() }, peer)
    }
}

impl fmt::Debug for PortTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PortTls").field("clients", &self.clients).finish_non_exhaustive()
    }
}

/// A connection under TLS, from its first byte.
pub(crate) struct Secured<S> {
    state: State<S>,
    peer: Peer,
    complaints: Arc<Seldom>,
}

enum State<S> {
    Handshake(Box<Accept<S>>),
    Open(Box<TlsStream<S>>),
    Failed,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Secured<S> {
    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Pin<&mut TlsStream<S>>>> {
        if let State::Handshake(handshake) = &mut self.state {
            self.state = match ready!(Pin::new(handshake).poll(cx)) {
                Ok(stream) => {
                    self.peer.is_known(stream.get_ref().1.peer_certificates());
                    State::Open(Box::new(stream))
                }
                Err(error) => {
                    // Who hangs up in the middle, or looks whether the port is open, is no news.
                    if error.kind() == ErrorKind::InvalidData {
                        self.complaints.say(|unsaid| {
                            tracing::warn!(%error, unsaid, "a TLS handshake failed on the gRPC port");
                        });
                    } else {
                        tracing::debug!(%error, "a TLS handshake broke off on the gRPC port");
                    }
                    self.state = State::Failed;
                    return Poll::Ready(Err(error));
                }
            };
        }
        Poll::Ready(match &mut self.state {
            State::Open(stream) => Ok(Pin::new(stream)),
            State::Handshake(_) | State::Failed => Err(io::Error::new(ErrorKind::NotConnected, "no TLS handshake")),
        })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Secured<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_open(cx))?.poll_read(cx, buf)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Secured<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_open(cx))?.poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_open(cx))?.poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.state {
            State::Open(stream) => Pin::new(stream).poll_flush(cx),
            // Nothing has been written yet.
            State::Handshake(_) | State::Failed => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.state {
            State::Open(stream) => Pin::new(stream).poll_shutdown(cx),
            State::Handshake(_) | State::Failed => Poll::Ready(Ok(())),
        }
    }
}
