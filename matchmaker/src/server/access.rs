//! Who may ask what on the gRPC port: client certificates and their names for links, certificates or bearer tokens for queries. Health is
//! told to anyone. Refusals say what is missing and never what was presented.

use std::convert::Infallible;
use std::fmt;
use std::future::{Ready, ready};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use futures_util::future::Either;
use http::{HeaderMap, Request, Response, header};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::watch;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::{Code, Status};
use tower::Service;
use webpki::EndEntityCert;

use super::log_filter::LogFilter;
use super::refusals::refusal;
use super::seldom::Seldom;

/// Which clients a port with TLS serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Clients {
    /// Any: the port is encrypted, and no more.
    Anyone,
    /// Those with a certificate.
    Certified,
    /// Those with a certificate that has at least one of these names, DNS names or URIs such as SPIFFE ids.
    Named(Arc<[String]>),
}

/// The bearer tokens with which queries are answered, as their digests.
#[derive(Clone, Debug, Default)]
pub struct QueryTokens(Vec<[u8; 32]>);

impl QueryTokens {
    /// Each line of the text is a token, save empty lines and those that begin with `#`. The error says which line is wrong, and not what is in it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut digests = Vec::new();
        let lines = text.lines().map(str::trim).enumerate();
        for (index, token) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
            // RFC 6750 section 2.1: what a bearer token is made of.
            let is_token68 = |c: u8| c.is_ascii_alphanumeric() || b"-._~+/=".contains(&c);
            if token.len() < TOKEN_BYTES || token.len() > TOKEN_MOST_BYTES || !token.bytes().all(is_token68) {
                let most = TOKEN_MOST_BYTES;
                return Err(format!(
                    "line {}: a token is {TOKEN_BYTES} to {most} letters, digits and -._~+/=, without spaces",
                    index + 1
                ));
            }
            digests.push(digest(token.as_bytes()));
        }
        if digests.is_empty() {
            return Err("there is no token in it".to_owned());
        }
        Ok(QueryTokens(digests))
    }

    /// Takes the same time whichever of them it is, and however much of one is right.
    fn has(&self, token: &[u8]) -> bool {
        let asked = digest(token);
        self.0.iter().fold(subtle::Choice::from(0), |found, known| found | known.ct_eq(&asked)).into()
    }
}

fn digest(token: &[u8]) -> [u8; 32] {
    Sha256::digest(token).into()
}

/// Who is at the other end of a connection.
#[derive(Clone, Debug)]
pub(crate) enum Peer {
    /// Somebody on this host, whom the file system let in.
    Local,
    /// Anybody.
    Unknown,
    /// Who showed this certificate, or none; empty until the handshake is over.
    Tls(Arc<OnceLock<Option<CertificateDer<'static>>>>),
}

impl Peer {
    pub(crate) fn under_tls() -> Self {
        Peer::Tls(Arc::default())
    }

    /// The handshake is over. Certificates have been checked; the first is the peer's own.
    pub(crate) fn is_known(&self, certificates: Option<&[CertificateDer<'static>]>) {
        if let Peer::Tls(certificate) = self {
            // There is one handshake, so it is empty.
            let _ = certificate.set(certificates.and_then(|chain| chain.first()).cloned());
        }
    }

    /// The names in its certificate, if it has shown one.
    pub(crate) fn names(&self) -> Vec<String> {
        self.certificate().map_or_else(Vec::new, names)
    }

    fn certificate(&self) -> Option<&CertificateDer<'static>> {
        match self {
            Peer::Tls(certificate) => certificate.get()?.as_ref(),
            Peer::Local | Peer::Unknown => None,
        }
    }
}

/// Who may administer. By default nobody.
#[derive(Clone, Default)]
pub struct AdminAccess {
    /// Who asks must bear one of these; the newest value counts.
    pub tokens: Option<watch::Receiver<Arc<QueryTokens>>>,
    /// Who asks must have a certificate with one of these names.
    pub names: Option<Arc<[String]>>,
    /// How the log is set, if a call may do that.
    pub log_filter: Option<LogFilter>,
}

impl AdminAccess {
    /// What it asks of who comes by a port that serves these.
    pub(crate) fn demands(&self, port: Clients) -> Demands {
        let clients = self.names.clone().map_or(port, Clients::Named);
        let is_off = self.tokens.is_none() && self.names.is_none();
        Demands { tokens: self.tokens.clone(), trusts_files: self.names.is_none(), is_off, ..Demands::of(clients) }
    }
}

impl fmt::Debug for AdminAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminAccess").field("tokens", &self.tokens).field("names", &self.names).finish_non_exhaustive()
    }
}

/// What is asked of who wants a service.
#[derive(Clone)]
pub(crate) struct Demands {
    pub(crate) clients: Clients,
    pub(crate) tokens: Option<watch::Receiver<Arc<QueryTokens>>>,
    pub(crate) complaints: Arc<Seldom>,
    /// Whether who came by the file system needs no certificate.
    pub(crate) trusts_files: bool,
    pub(crate) is_off: bool,
}

impl Demands {
    pub(crate) fn of(clients: Clients) -> Self {
        Demands { clients, tokens: None, complaints: Arc::default(), trusts_files: true, is_off: false }
    }

    fn check(&self, peer: &Peer, headers: &HeaderMap) -> Result<(), Refusal> {
        if self.is_off {
            return Err(Refusal::Off);
        }
        self.check_certificate(peer)?;
        match &self.tokens {
            Some(tokens) => {
                let token = bearer(headers).ok_or(Refusal::NoToken)?;
                if tokens.borrow().has(token) { Ok(()) } else { Err(Refusal::WrongToken) }
            }
            None => Ok(()),
        }
    }

    fn check_certificate(&self, peer: &Peer) -> Result<(), Refusal> {
        if self.clients == Clients::Anyone || (self.trusts_files && matches!(peer, Peer::Local)) {
            return Ok(());
        }
        let certificate = peer.certificate().ok_or(Refusal::NoCertificate)?;
        let Clients::Named(accepted) = &self.clients else { return Ok(()) };
        let names = names(certificate);
        if names.iter().any(|name| accepted.iter().any(|accepted| is_same_name(accepted, name))) {
            Ok(())
        } else {
            Err(Refusal::OtherName(names))
        }
    }
}

/// DNS names are the same whatever the case of their letters; of URIs only a trust domain is, which SPIFFE wants in lower case anyway.
fn is_same_name(accepted: &str, name: &str) -> bool {
    if accepted.contains("://") { accepted == name } else { accepted.eq_ignore_ascii_case(name) }
}

fn names(certificate: &CertificateDer<'_>) -> Vec<String> {
    // It was parsed in the handshake.
    let Ok(certificate) = EndEntityCert::try_from(certificate) else { return Vec::new() };
    certificate.valid_dns_names().chain(certificate.valid_uri_names()).map(str::to_owned).collect()
}

/// The token of RFC 6750 section 2.1; `None` without exactly one `authorization`.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next().filter(|_| values.next().is_none())?.as_bytes();
    let (scheme, token) = value.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token)
}

/// Why a call is refused.
#[derive(Debug, PartialEq, Eq)]
enum Refusal {
    Off,
    NoCertificate,
    OtherName(Vec<String>),
    NoToken,
    WrongToken,
}

impl Refusal {
    fn status(&self) -> Status {
        let (code, reason) = match self {
            Refusal::Off => (Code::Unimplemented, "ADMIN_OFF"),
            Refusal::NoCertificate => (Code::Unauthenticated, "CLIENT_CERTIFICATE_MISSING"),
            Refusal::OtherName(_) => (Code::PermissionDenied, "CLIENT_NAME_REFUSED"),
            Refusal::NoToken => (Code::Unauthenticated, "TOKEN_MISSING"),
            Refusal::WrongToken => (Code::Unauthenticated, "TOKEN_INVALID"),
        };
        refusal(code, reason, self.to_string())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refusal::Off => {
                "nobody may administer this matchmaker: neither ADMIN_TOKEN_FILE nor ADMIN_CLIENT_NAMES is set"
            }
            Refusal::NoCertificate => "a client certificate is needed here, and none was shown",
            Refusal::OtherName(_) => "the client certificate has none of the names that are served here",
            Refusal::NoToken => "a token is needed here, as in `authorization: Bearer TOKEN`",
            Refusal::WrongToken => "the token is not one that is known here",
        })
    }
}

/// A service that answers only those who may ask.
#[derive(Clone)]
pub(crate) struct Guarded<S> {
    pub(crate) inner: S,
    pub(crate) demands: Demands,
}

impl<S: NamedService> NamedService for Guarded<S> {
    const NAME: &'static str = S::NAME;
}

impl<S, B> Service<Request<B>> for Guarded<S>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible> + NamedService,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<S::Future, Ready<Result<Response<Body>, Infallible>>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let peer = request.extensions().get::<Peer>().unwrap_or(&Peer::Unknown);
        match self.demands.check(peer, request.headers()) {
            Ok(()) => Either::Left(self.inner.call(request)),
            Err(refusal) => {
                self.demands.complaints.say(|unsaid| {
                    let names = if let Refusal::OtherName(names) = &refusal { names.as_slice() } else { &[] };
                    tracing::warn!(service = S::NAME, why = %refusal, ?names, unsaid, "a call was refused");
                });
                Either::Right(ready(Ok(refusal.status().into_http())))
            }
        }
    }
}

/// Shorter ones might be guessed.
const TOKEN_BYTES: usize = 32;
const TOKEN_MOST_BYTES: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn tokens_are_lines_long_enough_to_be_secrets() {
        let tokens = QueryTokens::parse(&format!("# old\n{TOKEN}\n\n  {TOKEN}+new==\r\n")).unwrap();
        assert!(tokens.has(TOKEN.as_bytes()) && tokens.has(format!("{TOKEN}+new==").as_bytes()));
        for wrong in ["", "# old", &TOKEN[1..], &format!("{TOKEN}x"), &format!("{TOKEN} ")] {
            assert!(!tokens.has(wrong.as_bytes()), "{wrong}");
        }
        for (text, told) in [
            (String::new(), "no token"),
            ("# only this".to_owned(), "no token"),
            (format!("{TOKEN}\n{}", &TOKEN[1..]), "line 2"),
            (format!("{TOKEN} {TOKEN}"), "line 1"),
            ("x".repeat(1_025), "line 1"),
        ] {
            let error = QueryTokens::parse(&text).unwrap_err();
            assert!(error.contains(told) && !error.contains(&TOKEN[1..]), "{error}");
        }
        assert!(!format!("{tokens:?}").contains(TOKEN));
    }

    #[test]
    fn a_token_comes_in_one_header_of_its_scheme() {
        let headers = |values: &[&str]| {
            let value = |value: &&str| (header::AUTHORIZATION, value.parse().unwrap());
            values.iter().map(value).collect::<HeaderMap>()
        };
        let wanted = format!("Bearer {TOKEN}");
        let (_keep, tokens) = watch::channel(Arc::new(QueryTokens::parse(TOKEN).unwrap()));
        let demands = Demands { tokens: Some(tokens), ..Demands::of(Clients::Anyone) };
        let check = |values: &[&str]| demands.check(&Peer::Unknown, &headers(values));
        assert_eq!(check(&[&wanted]), Ok(()));
        assert_eq!(check(&[&format!("bearer {TOKEN}")]), Ok(()));
        assert_eq!(check(&[]), Err(Refusal::NoToken));
        assert_eq!(check(&[&wanted, &wanted]), Err(Refusal::NoToken));
        assert_eq!(check(&[&format!("Basic {TOKEN}")]), Err(Refusal::NoToken));
        assert_eq!(check(&["Bearer"]), Err(Refusal::NoToken));
        assert_eq!(check(&["Bearer "]), Err(Refusal::WrongToken));
        assert_eq!(check(&[&format!("Bearer {TOKEN} ")]), Err(Refusal::WrongToken));
    }

    #[test]
    fn who_came_by_the_file_system_needs_no_certificate() {
        let demands = Demands::of(Clients::Certified);
        assert_eq!(demands.check(&Peer::Local, &HeaderMap::new()), Ok(()));
        for peer in [Peer::Unknown, Peer::under_tls()] {
            assert_eq!(demands.check(&peer, &HeaderMap::new()), Err(Refusal::NoCertificate));
        }
    }

    #[test]
    fn names_are_compared_whole() {
        assert!(is_same_name("Gateway.duet.test", "gateway.duet.test"));
        assert!(!is_same_name("gateway.duet.test", "evil.gateway.duet.test"));
        assert!(is_same_name("spiffe://duet.test/gateway", "spiffe://duet.test/gateway"));
        assert!(!is_same_name("spiffe://duet.test/gateway", "spiffe://duet.test/Gateway"));
    }
}
