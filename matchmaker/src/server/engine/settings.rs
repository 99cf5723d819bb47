//! Which engine, and how it is reached.

use std::fmt;
use std::time::Duration;

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::keys::Namespace;

/// How a replica reaches its engine.
#[derive(Clone, Debug)]
pub struct EngineSettings {
    /// Where it is.
    pub url: EngineUrl,
    /// The first part of all keys.
    pub namespace: Namespace,
    /// How long it may take to answer, or to take a connection.
    pub timeout: Duration,
    /// Certificates, in PEM, by one of which a TLS engine's is signed; else the system's count.
    pub ca: Option<Vec<u8>>,
    /// Requests that may wait while the engine is away. Past that they are dropped, and replicas begin anew once it is back.
    pub queue: usize,
}

impl EngineSettings {
    /// An engine with what is usual for the rest.
    pub fn new(url: EngineUrl) -> Self {
        EngineSettings { url, namespace: Namespace::default(), timeout: TIMEOUT, ca: None, queue: QUEUE }
    }

    /// What is wrong with the certificates to trust, if anything.
    pub fn problem_of_ca(&self) -> Option<&'static str> {
        let ca = self.ca.as_ref()?;
        if !self.url.is_tls() {
            return Some("certificates to trust have no use, as the engine's URL is not one of TLS");
        }
        let mut certificates = CertificateDer::pem_slice_iter(ca);
        let are_read =
            certificates.next().is_some_and(|first| first.is_ok()) && certificates.all(|other| other.is_ok());
        (!are_read).then_some("has no certificates, or bad ones")
    }
}

/// Where an engine is: `redis://`, `rediss://`, `unix://`, or `redis+sentinel://` and `rediss+sentinel://` with several sentinels and the
/// name that they know the primary by.
///
/// Neither its `Debug` nor its `Display` shows user, password or parameters.
#[derive(Clone)]
pub struct EngineUrl {
    pub(super) place: Place,
    shown: Box<str>,
}

impl EngineUrl {
    /// Whether it is spoken to by TLS.
    pub fn is_tls(&self) -> bool {
        let (Place::Server(info) | Place::Sentinels { as_if: info, .. }) = &self.place;
        matches!(info.addr(), ConnectionAddr::TcpTls { .. })
    }
}

/// Whom to ask.
#[derive(Clone)]
pub(super) enum Place {
    /// The engine itself.
    Server(Box<ConnectionInfo>),
    /// Those who know where it is.
    Sentinels {
        /// Each with what the primary is to be told, too.
        sentinels: Vec<ConnectionInfo>,
        /// What they call the primary.
        primary: String,
        /// How it is spoken to once its address is known.
        as_if: Box<ConnectionInfo>,
    },
}

/// Why text is no engine's URL. Shows nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadUrl(&'static str);

impl fmt::Display for BadUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for BadUrl {}

impl fmt::Display for EngineUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for EngineUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EngineUrl").field(&self.shown).finish()
    }
}

impl std::str::FromStr for EngineUrl {
    type Err = BadUrl;

    fn from_str(text: &str) -> Result<Self, BadUrl> {
        if text.contains('#') {
            // redis-rs would take `#insecure` for leave not to look at certificates.
            return Err(BadUrl("must have no fragment"));
        }
        let (scheme, rest) = text.split_once("://").ok_or(BadUrl(SHAPE))?;
        match scheme {
            "redis" | "rediss" | "unix" => {
                let info = text.into_connection_info().map_err(|_| BadUrl(SHAPE))?;
                let shown = format!("{scheme}://{}", info.addr()).into();
                Ok(EngineUrl { place: Place::Server(Box::new(info)), shown })
            }
            "redis+sentinel" | "rediss+sentinel" => sentinels(scheme, rest),
            _ => Err(BadUrl(SHAPE)),
        }
    }
}

fn sentinels(scheme: &str, rest: &str) -> Result<EngineUrl, BadUrl> {
    let server_scheme = if scheme.starts_with("rediss") { "rediss" } else { "redis" };
    let (authority, path) = rest.split_once('/').ok_or(BadUrl(SENTINEL_SHAPE))?;
    let (secret, hosts) = authority.rsplit_once('@').map_or(("", authority), |(secret, hosts)| (secret, hosts));
    let (primary, database) = path.split_once('/').unwrap_or((path, ""));
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if primary.is_empty() || !primary.bytes().all(is_plain) || hosts.split(',').count() > MOST_SENTINELS {
        return Err(BadUrl(SENTINEL_SHAPE));
    }
    let info = |text: String| text.into_connection_info().map_err(|_| BadUrl(SENTINEL_SHAPE));
    let at = if secret.is_empty() { "" } else { "@" };
    let sentinels = hosts.split(',').map(|host| {
        let port = if host.rsplit(']').next().is_some_and(|end| end.contains(':')) { "" } else { ":26379" };
        info(format!("{server_scheme}://{host}{port}/"))
    });
    let sentinels = sentinels.collect::<Result<Vec<_>, _>>()?;
    let as_if = Box::new(info(format!("{server_scheme}://{secret}{at}127.0.0.1/{database}"))?);
    let shown = sentinels.iter().map(|sentinel| sentinel.addr().to_string()).collect::<Vec<_>>().join(",");
    let shown = format!("{scheme}://{shown}/{primary}").into();
    Ok(EngineUrl { place: Place::Sentinels { sentinels, primary: primary.to_owned(), as_if }, shown })
}

/// The same connection to another address.
pub(super) fn moved(as_if: &ConnectionInfo, host: String, port: u16) -> ConnectionInfo {
    let addr = match as_if.addr() {
        ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
            ConnectionAddr::TcpTls { host, port, insecure: *insecure, tls_params: tls_params.clone() }
        }
        _ => ConnectionAddr::Tcp(host, port),
    };
    as_if.clone().set_addr(addr)
}

const SHAPE: &str =
    "must be redis://HOST:PORT, rediss://HOST:PORT, unix:///PATH, or redis+sentinel://HOST:PORT,HOST:PORT/NAME";
const SENTINEL_SHAPE: &str =
    "must be redis+sentinel://[USER:PASSWORD@]HOST[:PORT],.../NAME[/DATABASE] with up to 16 sentinels";
const MOST_SENTINELS: usize = 16;
const TIMEOUT: Duration = Duration::from_millis(300);
const QUEUE: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_its_secrets() {
        for (given, shown) in [
            ("redis://127.0.0.1:6400", "redis://127.0.0.1:6400"),
            ("rediss://ann:pa%40ss@cache.example/3", "rediss://cache.example:6379"),
            ("redis+sentinel://:pass@a:1,b/main/2", "redis+sentinel://a:1,b:26379/main"),
            ("unix:///run/redis.sock?pass=pass", "unix:///run/redis.sock"),
        ] {
            let url: EngineUrl = given.parse().expect("a URL");
            assert_eq!(url.to_string(), shown);
            assert!(!format!("{url:?}").contains("pa"), "{url:?}");
        }
    }

    #[test]
    fn what_is_no_engines_url_is_refused_and_not_repeated() {
        for bad in [
            "",
            "127.0.0.1:6379",
            "http://secret@host",
            "redis://:secret@",
            "redis://host:port",
            "rediss://host/#insecure",
            "redis+sentinel://secret@a:1",
            "redis+sentinel://a:1/",
            "redis+sentinel://a:1/na{me",
            "redis+sentinel://:secret@a:x/main",
        ] {
            let refused = bad.parse::<EngineUrl>().expect_err(bad);
            assert!(!refused.to_string().contains("secret"), "{refused}");
        }
    }

    #[test]
    fn a_primary_is_told_what_the_url_says() {
        let url: EngineUrl = "redis+sentinel://ann:pa%40ss@a:1,b/main/2".parse().expect("a URL");
        let Place::Sentinels { sentinels, primary, as_if } = url.place else { panic!("not sentinels") };
        assert_eq!((sentinels.len(), &*primary), (2, "main"));
        assert!(sentinels.iter().all(|sentinel| sentinel.redis_settings().password().is_none()));
        let primary = moved(&as_if, "10.0.0.1".to_owned(), 7);
        assert_eq!(primary.addr().to_string(), "10.0.0.1:7");
        let told = primary.redis_settings();
        assert_eq!((told.username(), told.password(), told.db()), (Some("ann"), Some("pa@ss"), 2));
    }
}
