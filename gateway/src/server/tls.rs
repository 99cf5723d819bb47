//! TLS on the gateway's own port and on its links. Which certificate is shown, whom it trusts, and when other files take their place, is the
//! process's to decide.
//!
//! On the port, the handshake of a connection is in that connection's own task. Without TLS nothing of this is on the way of a byte.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::server::Acceptor;
use tokio_rustls::rustls::{ClientConfig, ServerConfig};
use tokio_rustls::{LazyConfigAcceptor, TlsConnector, client, server};
use tonic::transport::Endpoint;

/// What the gateway shows its clients, and the bound of how many may shake hands at a time. Clones share both.
#[derive(Clone)]
pub struct Tls {
    configs: watch::Receiver<Arc<ServerConfig>>,
    places: Arc<Semaphore>,
}

impl Tls {
    /// Each handshake uses the newest of the configurations; connections that are up keep theirs.
    pub fn new(configs: watch::Receiver<Arc<ServerConfig>>) -> Self {
        Tls::with_places(configs, HANDSHAKES)
    }

    fn with_places(configs: watch::Receiver<Arc<ServerConfig>>, places: usize) -> Self {
        Tls { configs, places: Arc::new(Semaphore::new(places)) }
    }

    /// Shakes hands. `None` if the client can't, or takes too long: then there is nobody to tell, and who connects to every port there is
    /// should not fill the log.
    pub(super) async fn accept<S>(self, stream: S, within: Duration) -> Option<server::TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let handshake = async {
            // Until the hello is whole there is nothing to compute, and who never sends one takes no place.
            let hello = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
            let _place = self.places.acquire().await.expect("this semaphore is never closed");
            let config = self.configs.borrow().clone();
            hello.into_stream_with(config, |tls| tls.set_buffer_limit(Some(BUFFER_BYTES))).await
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

/// Where a matchmaker is, by which name it must be known, and how to prove it.
#[derive(Clone)]
pub struct TlsAddress {
    host: String,
    port: u16,
    name: ServerName<'static>,
    configs: watch::Receiver<Arc<ClientConfig>>,
    endpoint: Box<Endpoint>,
}

impl TlsAddress {
    /// Each link uses the newest of the configurations. The certificate must be for `name`, or for the address's host if there is none.
    ///
    /// The error says what is wrong with the address or the name.
    pub fn new(
        address: &Uri,
        name: Option<ServerName<'static>>,
        configs: watch::Receiver<Arc<ClientConfig>>,
    ) -> Result<Self, String> {
        let authority = address.authority().ok_or("it has no host")?;
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        let name = match name {
            Some(name) => name,
            None => ServerName::try_from(host.clone()).map_err(|_| "no certificate can be for its host")?,
        };
        let origin = |scheme| Uri::builder().scheme(scheme).authority(authority.as_str()).path_and_query("/").build();
        let invalid = |_| "it is no address".to_owned();
        // What HTTP/2 is told is https. What is dialed only looks like http: this encrypts it, not tonic.
        let endpoint = Endpoint::from(origin("http").map_err(invalid)?).origin(origin("https").map_err(invalid)?);
        Ok(TlsAddress { host, port: address.port_u16().unwrap_or(443), name, configs, endpoint: Box::new(endpoint) })
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// The same, by the same name, at one of its addresses.
    pub(super) fn at(&self, address: SocketAddr) -> Self {
        TlsAddress { host: address.ip().to_string(), port: address.port(), ..self.clone() }
    }

    /// The caller bounds the time.
    pub(super) async fn connect(self) -> io::Result<client::TlsStream<TcpStream>> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        let config = self.configs.borrow().clone();
        TlsConnector::from(config).connect(self.name, stream).await
    }
}

impl fmt::Debug for TlsAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsAddress").field("host", &self.host).field("port", &self.port).finish_non_exhaustive()
    }
}

/// Handshakes of a gateway whose hello has come and which are not over; more wait, within their deadline.
const HANDSHAKES: usize = 1_024;
/// What TLS may hold of what a client has not taken. The time in which it must take something begins when this is full.
const BUFFER_BYTES: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt;
    use tokio_rustls::rustls::crypto::ring::default_provider;
    use tokio_rustls::rustls::pki_types::PrivateKeyDer;
    use tokio_rustls::rustls::{ClientConnection, RootCertStore};

    use super::*;

    /// A server and a client that knows it.
    fn configs() -> (Arc<ServerConfig>, Arc<ClientConfig>) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(default_provider());
        let server =
            ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
        let server = server.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).unwrap();
        let client = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        (Arc::new(server), Arc::new(client.with_root_certificates(roots).with_no_client_auth()))
    }

    #[tokio::test]
    async fn handshakes_past_the_bound_wait_and_those_without_a_hello_take_no_place() {
        let (server, client) = configs();
        let (_keep, configs) = watch::channel(server);
        let tls = Tls::with_places(configs, 1);
        let name = ServerName::try_from("localhost").unwrap();
        let patience = Duration::from_secs(30);

        let (_silent, end) = tokio::io::duplex(64 * 1024);
        let silent = tokio::spawn(tls.clone().accept(end, patience));
        let (mut stalled, end) = tokio::io::duplex(64 * 1024);
        let mut hello = Vec::new();
        ClientConnection::new(client.clone(), name.clone()).unwrap().write_tls(&mut hello).unwrap();
        stalled.write_all(&hello).await.unwrap();
        let stalled_end = tokio::spawn(tls.clone().accept(end, Duration::from_millis(300)));
        while tls.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }

        let (good, end) = tokio::io::duplex(64 * 1024);
        let accepted = tokio::spawn(tls.clone().accept(end, patience));
        let _connected = TlsConnector::from(client).connect(name, good).await.unwrap();
        assert!(accepted.await.unwrap().is_some());
        assert!(stalled_end.is_finished(), "two were under way at a time");
        assert!(stalled_end.await.unwrap().is_none());
        assert!(!silent.is_finished());
    }
}
