//! Asking another server by HTTP. Whom to believe are the system's authorities, or those of `SSL_CERT_FILE`. Redirects are not followed, and
//! no proxy is asked that the environment names. How long an answer may take, and how much of it is read, is for whoever asks.

use std::sync::Arc;

use bytes::Bytes;
use http::uri::Scheme;
use http::{Request, Response, Uri};
use hyper::body::{Body, Incoming};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::crypto::{CryptoProvider, ring};
use rustls::{ClientConfig, RootCertStore};

use super::matchmakers::sources;

/// Connections to the server of one URL, which are used again.
#[derive(Clone, Debug)]
pub struct HttpClient<B> {
    client: Client<HttpsConnector<HttpConnector>, B>,
}

impl<B> HttpClient<B>
where
    B: Body<Data = Bytes, Error: std::error::Error + Send + Sync> + Send + Unpin + 'static,
{
    /// For a URL of `https`, or of `http`. The error says what is wrong with the system's certificates.
    pub fn new(url: &Uri) -> Result<Self, String> {
        let tls = HttpsConnectorBuilder::new();
        // A system without certificates can still ask by http.
        let connector = if url.scheme() == Some(&Scheme::HTTP) {
            tls.with_tls_config(trusting_nobody()?).https_or_http()
        } else {
            let tls = tls.with_provider_and_native_roots(ring::default_provider());
            tls.map_err(|error| format!("the system's certificates can't be read: {error}"))?.https_only()
        };
        let connector = connector.enable_http1().build();
        Ok(HttpClient { client: Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector) })
    }

    /// Asks. The error is for people, and names what it was caused by.
    pub async fn request(&self, request: Request<B>) -> Result<Response<Incoming>, String> {
        self.client.request(request).await.map_err(|error| sources(&error))
    }
}

fn trusting_nobody() -> Result<ClientConfig, String> {
    let provider: CryptoProvider = ring::default_provider();
    let config = ClientConfig::builder_with_provider(Arc::new(provider));
    let config = config.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
    Ok(config.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}
