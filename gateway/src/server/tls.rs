//! TLS on the gateway's own port: the handshake of one connection, in that connection's own task. Which certificate is shown, and when another
//! one takes its place, is the process's to decide. Without TLS nothing of this is on the way of a byte.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;

/// What the gateway shows its clients, and the bound of how many may shake hands at a time. Clones share both.
#[derive(Clone)]
pub struct Tls {
    configs: watch::Receiver<Arc<ServerConfig>>,
    places: Arc<Semaphore>,
}

impl Tls {
    /// Each handshake uses the newest of the configurations; connections that are up keep theirs.
    pub fn new(configs: watch::Receiver<Arc<ServerConfig>>) -> Self {
        Tls { configs, places: Arc::new(Semaphore::new(HANDSHAKES)) }
    }

    /// Shakes hands. `None` if the client can't, or takes too long: then there is nobody to tell, and who connects to every port there is
    /// should not fill the log.
    pub(super) async fn accept(self, stream: TcpStream, within: Duration) -> Option<TlsStream<TcpStream>> {
        let handshake = async {
            // Who says nothing takes no place, and no memory but a socket's.
            stream.readable().await?;
            let _place = self.places.acquire().await.expect("this semaphore is never closed");
            let config = self.configs.borrow().clone();
            TlsAcceptor::from(config).accept_with(stream, |tls| tls.set_buffer_limit(Some(BUFFER_BYTES))).await
        };
        match timeout(within, handshake).await {
            Ok(Ok(stream)) => Some(stream),
            Ok(Err(error)) => {
                tracing::debug!(%error, "a TLS handshake failed");
                None
            }
            Err(_) => {
                tracing::debug!("a TLS handshake took too long");
                None
            }
        }
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

/// Handshakes of a gateway that have begun and are not over. Each may hold some tens of kilobytes; more wait, within their deadline.
const HANDSHAKES: usize = 1_024;
/// What TLS may hold of what a client has not taken. The time in which it must take something begins when this is full.
const BUFFER_BYTES: usize = 16 * 1024;
