//! Authorities, certificates and keys, made for one test in a directory of its own; and clients that use them.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType, date_time_ymd};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::transport::{Channel, Endpoint};

/// A number for nothing else in this process.
fn next() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Files that go with this.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        let number = next();
        let path = std::env::temp_dir().join(format!("duet-test-{}-files-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Directory(path)
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// Writes a file at once, as who replaces one that is in use should; its path.
    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let new = self.path(&format!("{name}.new"));
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, self.path(name)).unwrap();
        self.path(name)
    }

    /// Writes a certificate and its key; their paths.
    pub(crate) fn write_identity(&self, name: &str, identity: &Identity) -> [String; 2] {
        [self.write(&format!("{name}.pem"), &identity.certificate), self.write(&format!("{name}.key"), &identity.key)]
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Who signs.
pub(crate) struct Authority {
    pub(crate) certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

/// As PEM.
pub(crate) struct Identity {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        // Two of the same name would be one that signs badly.
        params.distinguished_name.push(DnType::CommonName, format!("authority {}", next()));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap().pem();
        Authority { certificate, issuer: Issuer::new(params, key) }
    }

    /// A certificate for DNS names, addresses and URIs.
    pub(crate) fn sign(&self, names: &[&str]) -> Identity {
        self.sign_until(names, 4000)
    }

    /// One that was good until years ago.
    pub(crate) fn sign_expired(&self, names: &[&str]) -> Identity {
        self.sign_until(names, 2001)
    }

    fn sign_until(&self, names: &[&str], year: i32) -> Identity {
        let (uris, others): (Vec<_>, Vec<_>) =
            names.iter().map(|name| (*name).to_owned()).partition(|name| name.contains("://"));
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(others).unwrap();
        params.subject_alt_names.extend(uris.into_iter().map(|uri| SanType::URI(uri.try_into().unwrap())));
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(year, 1, 1);
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        Identity { certificate, key: key.serialize_pem() }
    }

    /// A client that trusts this authority.
    pub(crate) fn client(&self) -> ClientConfig {
        self.builder(&[&rustls::version::TLS13, &rustls::version::TLS12]).with_no_client_auth()
    }

    pub(crate) fn old_client(&self) -> ClientConfig {
        self.builder(&[&rustls::version::TLS12]).with_no_client_auth()
    }

    /// A client that trusts this authority, and shows a certificate.
    pub(crate) fn client_with(&self, identity: &Identity) -> ClientConfig {
        let chain = vec![CertificateDer::from_pem_slice(identity.certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
        let builder = self.builder(&[&rustls::version::TLS13, &rustls::version::TLS12]);
        builder.with_client_auth_cert(chain, key).unwrap()
    }

    fn builder(
        &self,
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
        builder.with_root_certificates(roots)
    }
}

/// Connects by TLS to a server that has a certificate for `localhost`.
pub(crate) async fn connect(address: &str, config: &ClientConfig, protocol: &str) -> io::Result<TlsStream<TcpStream>> {
    let mut config = config.clone();
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// The same for gRPC.
pub(crate) async fn channel(address: &str, config: &ClientConfig) -> Result<Channel, tonic::transport::Error> {
    let (to, config) = (address.to_owned(), config.clone());
    let connector = tower::service_fn(move |_| {
        let (to, config) = (to.clone(), config.clone());
        async move { connect(&to, &config, "h2").await.map(TokioIo::new) }
    });
    Endpoint::from_static("http://localhost").connect_with_connector(connector).await
}
