//! Kinds of values that settings have, read from text. Each error says what was expected.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use duet_gateway::server::{Address, DnsAddress, MAX_MATCHMAKERS};
use duet_proto::bounds::RESUME_WINDOW;
use tonic::transport::Endpoint;

use crate::failure::Failure;

/// A time in whole milliseconds, up to a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Milliseconds(pub(crate) Duration);

impl FromStr for Milliseconds {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse::<u64>() {
            Ok(millis) if millis <= 86_400_000 => Ok(Milliseconds(Duration::from_millis(millis))),
            _ => Err("expected whole milliseconds from 0 to 86400000"),
        }
    }
}

/// A time in whole seconds, up to ten years.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seconds(pub(crate) Duration);

impl FromStr for Seconds {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse::<u64>() {
            Ok(seconds) if seconds <= 315_360_000 => Ok(Seconds(Duration::from_secs(seconds))),
            _ => Err("expected whole seconds from 0 to 315360000"),
        }
    }
}

/// A time that can't be nothing.
pub(super) fn positive_milliseconds(text: &str) -> Result<Milliseconds, &'static str> {
    match text.parse() {
        Ok(Milliseconds(Duration::ZERO)) | Err(_) => Err("expected whole milliseconds from 1 to 86400000"),
        Ok(time) => Ok(time),
    }
}

/// The same in seconds, up to an hour.
pub(super) fn positive_seconds(text: &str) -> Result<Seconds, &'static str> {
    match text.parse() {
        Ok(Seconds(time)) if (Duration::from_secs(1)..=Duration::from_secs(3600)).contains(&time) => Ok(Seconds(time)),
        _ => Err("expected whole seconds from 1 to 3600"),
    }
}

/// A window that matchmakers accept.
pub(super) fn resume_window(text: &str) -> Result<Milliseconds, &'static str> {
    match text.parse() {
        Ok(Milliseconds(window)) if window <= RESUME_WINDOW => Ok(Milliseconds(window)),
        _ => Err("expected whole milliseconds from 0 to 600000"),
    }
}

/// The elements of a list that are separated by commas; empty ones are none.
pub(super) fn elements(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|element| !element.is_empty())
}

/// Where matchmakers are: at least one.
#[derive(Clone, Debug)]
pub(crate) struct MatchmakerUrls(pub(crate) Vec<MatchmakerUrl>);

/// Where one is.
#[derive(Clone, Debug)]
pub(crate) struct MatchmakerUrl {
    /// As it was given.
    pub(crate) url: String,
    pub(crate) place: Place,
}

/// Where that is, and how it is reached.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    Plain(Address),
    /// By TLS, for which there are more settings.
    Tls(http::Uri),
    /// The same, wherever its host's name says.
    TlsByName(http::Uri),
}

impl Place {
    pub(crate) fn is_tls(&self) -> bool {
        !matches!(self, Place::Plain(_))
    }
}

impl FromStr for MatchmakerUrls {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let urls: Vec<&str> = elements(text).collect();
        if urls.is_empty() {
            return Err("expected at least one URL".to_owned());
        }
        if urls.len() > MAX_MATCHMAKERS {
            return Err(format!("expected at most {MAX_MATCHMAKERS} URLs, not {}", urls.len()));
        }
        urls.into_iter().map(matchmaker_url).collect::<Result<_, _>>().map(MatchmakerUrls)
    }
}

fn matchmaker_url(url: &str) -> Result<MatchmakerUrl, String> {
    let place = match url.strip_prefix("unix:") {
        Some(path) => unix(path),
        None => tcp(url),
    };
    let expected = || {
        format!(
            "expected a URL like http://matchmaker:50051, https://matchmaker:50051, dns+http://matchmakers:50051, \
             dns+https://matchmakers:50051 or unix:/run/duet.sock, not '{url}'"
        )
    };
    Ok(MatchmakerUrl { url: url.to_owned(), place: place.ok_or_else(expected)? })
}

fn tcp(url: &str) -> Option<Place> {
    let (url, by_name) = url.strip_prefix("dns+").map_or((url, false), |url| (url, true));
    let uri: http::Uri = url.parse().ok()?;
    let is_place = uri.host().is_some() && matches!(uri.path(), "" | "/");
    match (uri.scheme_str().filter(|_| is_place)?, by_name) {
        ("http", false) => Some(Place::Plain(Address::Tcp(Box::new(Endpoint::from(uri))))),
        ("http", true) => DnsAddress::plain(&uri).map(|address| Place::Plain(Address::Dns(address))),
        ("https", false) => Some(Place::Tls(uri)),
        ("https", true) => Some(Place::TlsByName(uri)),
        _ => None,
    }
}

fn unix(path: &str) -> Option<Place> {
    // Both spellings are common.
    let path = path.strip_prefix("//").unwrap_or(path);
    (!path.is_empty() && !path.ends_with('/')).then(|| Place::Plain(Address::Unix(PathBuf::from(path))))
}

/// `ADDRESS:PORT`, where the address may be a name.
pub(super) fn socket_address(text: &str) -> Result<SocketAddr, String> {
    let mut addresses = text.to_socket_addrs().map_err(|error| format!("expected ADDRESS:PORT: {error}"))?;
    addresses.next().ok_or_else(|| "the name has no address".to_owned())
}

/// Settings that make no sense together.
pub(super) fn refuse<T>(why: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::Setting(why.into()))
}

/// Whether a URL is of the host that asks.
pub(crate) fn is_of_this_host(url: &http::Uri) -> bool {
    let host = url.host().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// A process's name.
pub(super) fn process_name(text: &str) -> Result<String, String> {
    if duet_proto::link::is_process_name(text) {
        Ok(text.to_owned())
    } else {
        Err(format!("expected 1 to {} printable characters", duet_proto::bounds::PROCESS_NAME))
    }
}

/// The host's name, which in a container is the container's.
pub(super) fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    // A host's name has at most 64 characters, which leaves room for a port.
    process_name(name.trim()).unwrap_or_else(|_| "duet".to_owned())
}
