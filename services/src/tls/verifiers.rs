//! Two ways to judge a server's certificate that rustls has none for: by a URI instead of a DNS name, and not at all.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme};
use webpki::EndEntityCert;

/// Judges certificates in one of these ways. That the peer has the certificate's key is rustls's own check.
#[derive(Debug)]
pub(super) struct Verifier {
    belief: Belief,
    provider: Arc<CryptoProvider>,
}

#[derive(Debug)]
enum Belief {
    /// In a certificate that one of the authorities has signed for a URI, as meshes name their workloads by SPIFFE ids.
    Uri { roots: RootCertStore, uri: String },
    /// In any.
    Anyone,
}

impl Verifier {
    pub(super) fn uri(roots: RootCertStore, uri: &str, provider: Arc<CryptoProvider>) -> Self {
        Verifier { belief: Belief::Uri { roots, uri: uri.to_owned() }, provider }
    }

    pub(super) fn anyone(provider: Arc<CryptoProvider>) -> Self {
        Verifier { belief: Belief::Anyone, provider }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Belief::Uri { roots, uri: expected } = &self.belief else { return Ok(ServerCertVerified::assertion()) };
        let parsed = ParsedCertificate::try_from(end_entity)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&parsed, roots, intermediates, now, algorithms)?;
        let certificate = EndEntityCert::try_from(end_entity).map_err(|_| CertificateError::BadEncoding)?;
        if certificate.valid_uri_names().any(|uri| uri == expected) {
            Ok(ServerCertVerified::assertion())
        } else {
            let presented = certificate.valid_uri_names().map(str::to_owned).collect();
            let error = NotForUri { expected: expected.clone(), presented };
            Err(CertificateError::Other(OtherError(Arc::new(error))).into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// The certificate is somebody else's. rustls shows it by its `Debug`.
#[derive(Debug)]
struct NotForUri {
    expected: String,
    presented: Vec<String>,
}

impl fmt::Display for NotForUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NotForUri { expected, presented } = self;
        write!(f, "certificate not valid for name {expected:?}; it is only valid for the URIs {presented:?}")
    }
}

impl std::error::Error for NotForUri {}
