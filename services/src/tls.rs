//! Certificates, keys and authorities: from PEM files to what rustls works with. One cryptographic provider, TLS 1.2 and 1.3.

use std::sync::Arc;

use rustls::client::WantsClientCert;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{ClientConfig, ConfigBuilder, Error, RootCertStore, ServerConfig, WantsVerifier};

use crate::files::SettingFile;

mod verifiers;

use verifiers::Verifier;

/// A certificate with what leads to its authority, and its key.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) cert: SettingFile,
    pub(crate) key: SettingFile,
}

/// What the gateway's port shows browsers.
pub(crate) fn for_browsers(identity: &Identity) -> Result<ServerConfig, String> {
    let (chain, key) = identity.read()?;
    let builder = ServerConfig::builder_with_provider(provider()).with_protocol_versions(VERSIONS);
    let builder = builder.expect("the provider speaks both").with_no_client_auth();
    let mut config = builder.with_single_cert(chain, key).map_err(|error| identity.problem(&error))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // Clients that come back, as after a drain, need not prove everything anew. The keys are this process's and last hours.
    config.ticketer = ring::Ticketer::new().map_err(|error| format!("{}: {error}", identity.cert.setting()))?;
    Ok(config)
}

/// What a gRPC port shows, and whose client certificates it believes. Clients without one get as far as the services, which know what they may ask.
pub(crate) fn for_grpc(identity: &Identity, clients: Option<&SettingFile>) -> Result<ServerConfig, String> {
    let (chain, key) = identity.read()?;
    let builder = ServerConfig::builder_with_provider(provider()).with_protocol_versions(VERSIONS);
    let builder = builder.expect("the provider speaks both");
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(file) => {
            let roots = Arc::new(authorities(file)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider()).allow_unauthenticated();
            builder.with_client_cert_verifier(verifier.build().map_err(|error| file.problem(error))?)
        }
    };
    let mut config = builder.with_single_cert(chain, key).map_err(|error| identity.problem(&error))?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    // Links are few, and each is to prove who it is: a session that was begun under an authority that is trusted no more must not be taken up.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

/// Whom a gRPC client trusts, and what it shows. With a URI, such as a SPIFFE id, the server's certificate must be for that, whatever its address.
pub(crate) fn for_grpc_client(
    ca: &SettingFile,
    identity: Option<&Identity>,
    uri: Option<&str>,
) -> Result<ClientConfig, String> {
    let builder = match uri {
        None => trusting(ca)?,
        Some(uri) => {
            let verifier = Verifier::uri(authorities(ca)?, uri, provider());
            client().dangerous().with_custom_certificate_verifier(Arc::new(verifier))
        }
    };
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let (chain, key) = identity.read()?;
            builder.with_client_auth_cert(chain, key).map_err(|error| identity.problem(&error))?
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

/// A client that trusts these authorities and nobody else.
pub(crate) fn trusting(ca: &SettingFile) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, String> {
    Ok(client().with_root_certificates(authorities(ca)?))
}

/// A client that believes whoever answers; for a process that asks its own host, where no other can.
pub(crate) fn trusting_anyone() -> ClientConfig {
    let verifier = Arc::new(Verifier::anyone(provider()));
    client().dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()
}

fn client() -> ConfigBuilder<ClientConfig, WantsVerifier> {
    let builder = ClientConfig::builder_with_provider(provider()).with_protocol_versions(VERSIONS);
    builder.expect("the provider speaks both")
}

/// The one provider of the executable.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

const VERSIONS: &[&rustls::SupportedProtocolVersion] = &[&rustls::version::TLS13, &rustls::version::TLS12];

impl Identity {
    fn read(&self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), String> {
        let key = PrivateKeyDer::from_pem_file(self.key.path());
        Ok((certificates(&self.cert)?, key.map_err(|error| self.key.problem(reason(&error, "private key")))?))
    }

    fn problem(&self, error: &Error) -> String {
        match error {
            Error::InconsistentKeys(_) => {
                format!("{}, {}: the key is not the certificate's", self.cert.setting(), self.key.setting())
            }
            _ => format!("{}, {}: {error}", self.cert.setting(), self.key.setting()),
        }
    }
}

fn certificates(file: &SettingFile) -> Result<Vec<CertificateDer<'static>>, String> {
    let chain = CertificateDer::pem_file_iter(file.path()).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = chain.map_err(|error| file.problem(reason(&error, "certificate")))?;
    if chain.is_empty() { Err(file.problem("there is no certificate in it")) } else { Ok(chain) }
}

fn authorities(file: &SettingFile) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(file)? {
        roots.add(certificate).map_err(|error| file.problem(error))?;
    }
    Ok(roots)
}

/// Never what is in the file, which may be a key.
fn reason(error: &pem::Error, what: &str) -> String {
    match error {
        pem::Error::Io(error) => error.to_string(),
        pem::Error::NoItemsFound => format!("there is no {what} in it"),
        _ => "it is no valid PEM".to_owned(),
    }
}
