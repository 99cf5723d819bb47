//! The ICE servers that clients are told: which, and with which credentials for TURN.
//!
//! Credentials are those of coturn's `use-auth-secret` ("TURN REST API", draft-uberti-behave-turn-rest-00): a user name that says until when
//! it is good, and as its password an HMAC by a secret that gateway and TURN server share. So neither keeps anything. Time is given from outside.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::json;
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// Which ICE servers clients are told. The default is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IceServers {
    stun: Vec<IceUrl>,
    turn: Option<Turn>,
}

/// TURN servers that share a secret with the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Where they are; at least one.
    pub urls: Vec<IceUrl>,
    /// What coturn calls `static-auth-secret`.
    pub secret: TurnSecret,
    /// How long a credential is good for new allocations.
    pub credential_ttl: Duration,
}

/// What gateway and TURN server share. Never shown, so that it reaches no log.
#[derive(Clone, PartialEq, Eq)]
pub struct TurnSecret(String);

/// The URL of a STUN or TURN server, as RFC 7064 and RFC 7065 have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IceUrl {
    text: String,
    protocol: IceProtocol,
}

/// What a server's URL says that it speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IceProtocol {
    /// `stun:`, `stuns:`
    Stun,
    /// `turn:`, `turns:`
    Turn,
}

impl IceServers {
    /// Those that tell a client its own address, and those that relay.
    pub fn new(stun: Vec<IceUrl>, turn: Option<Turn>) -> Self {
        IceServers { stun, turn }
    }

    /// Whether there is any that relays.
    pub fn has_turn(&self) -> bool {
        self.turn.is_some()
    }

    /// The value of `iceServers` for this user, as JSON; `None` if there are no servers. `since_epoch` is the time of day.
    pub fn text(&self, user: &str, since_epoch: Duration) -> Option<String> {
        let urls = |urls: &[IceUrl]| urls.iter().map(|url| url.text.clone()).collect::<Vec<_>>();
        let mut servers = Vec::new();
        if !self.stun.is_empty() {
            servers.push(json!({ "urls": urls(&self.stun) }));
        }
        if let Some(turn) = &self.turn {
            let (username, credential) = turn.credential(user, since_epoch);
            servers.push(json!({ "urls": urls(&turn.urls), "username": username, "credential": credential }));
        }
        (!servers.is_empty()).then(|| serde_json::Value::from(servers).to_string())
    }
}

impl Turn {
    fn credential(&self, user: &str, since_epoch: Duration) -> (String, String) {
        let expiry = (since_epoch + self.credential_ttl).as_secs();
        let username = format!("{expiry}:{}", user_part(user));
        let mut mac =
            Hmac::<Sha1>::new_from_slice(self.secret.0.as_bytes()).expect("a key of HMAC may have any length");
        mac.update(username.as_bytes());
        (username, STANDARD.encode(mac.finalize().into_bytes()))
    }
}

/// What the TURN server counts quotas by: always the same for the same user. A name that could mean something to whoever splits it, or is spelt
/// in several ways, is hashed.
fn user_part(user: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'@');
    if !user.is_empty() && user.bytes().all(is_plain) {
        user.to_owned()
    } else {
        URL_SAFE_NO_PAD.encode(&Sha256::digest(user.as_bytes())[..HASH_BYTES])
    }
}

impl TurnSecret {
    /// `None` for an empty one, with which everybody could make credentials.
    pub fn new(secret: &str) -> Option<Self> {
        (!secret.is_empty()).then(|| TurnSecret(secret.to_owned()))
    }
}

impl fmt::Debug for TurnSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TurnSecret(..)")
    }
}

impl IceUrl {
    /// Reads `stun:HOST[:PORT]`, `stuns:…`, `turn:HOST[:PORT][?transport=udp|tcp]` or `turns:…`.
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once(':')?;
        let (protocol, server) = match scheme {
            "stun" | "stuns" => (IceProtocol::Stun, rest),
            "turn" | "turns" => (IceProtocol::Turn, strip_transport(rest)?),
            _ => return None,
        };
        is_server(server).then(|| IceUrl { text: text.to_owned(), protocol })
    }

    /// What the server speaks.
    pub fn protocol(&self) -> IceProtocol {
        self.protocol
    }
}

/// Browsers refuse other transports.
fn strip_transport(rest: &str) -> Option<&str> {
    match rest.split_once('?') {
        Some((server, "transport=udp" | "transport=tcp")) => Some(server),
        Some(_) => None,
        None => Some(rest),
    }
}

fn is_server(server: &str) -> bool {
    let (is_host, after) = match server.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, after)) => (address.parse::<Ipv6Addr>().is_ok(), after),
            None => return false,
        },
        None => {
            let (host, after) = server.split_at(server.find(':').unwrap_or(server.len()));
            (is_host(host), after)
        }
    };
    let is_port =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok_and(|port| port > 0);
    is_host && (after.is_empty() || after.strip_prefix(':').is_some_and(is_port))
}

/// A name of the DNS or an IPv4 address. What looks like an address must be one.
fn is_host(host: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = host.rsplit('.').next().unwrap_or_default();
    let is_name = host.len() <= 253 && host.split('.').all(is_label);
    is_name && (!last.bytes().all(|byte| byte.is_ascii_digit()) || host.parse::<IpAddr>().is_ok())
}

/// Enough that no two users share one by chance.
const HASH_BYTES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1_700_000_000);

    fn urls(texts: &[&str]) -> Vec<IceUrl> {
        texts.iter().map(|text| IceUrl::parse(text).unwrap()).collect()
    }

    fn turn() -> Turn {
        Turn {
            urls: urls(&["turn:turn.example:3478?transport=udp", "turns:turn.example"]),
            secret: TurnSecret::new("north").unwrap(),
            credential_ttl: Duration::from_secs(3600),
        }
    }

    #[test]
    fn without_servers_there_is_nothing_to_tell() {
        assert_eq!(IceServers::default().text("ann", NOW), None);
    }

    #[test]
    fn the_credential_is_the_one_that_coturn_computes() {
        // printf 1700003600:ann | openssl dgst -sha1 -hmac north -binary | base64
        let expected = json!([
            { "urls": ["stun:stun.example"] },
            {
                "urls": ["turn:turn.example:3478?transport=udp", "turns:turn.example"],
                "username": "1700003600:ann",
                "credential": "TwqKCcbzejRFa1sgGqGS7SEzCGg=",
            },
        ]);
        let servers = IceServers::new(urls(&["stun:stun.example"]), Some(turn()));
        let text = servers.text("ann", NOW).unwrap();
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), expected);
    }

    #[test]
    fn stun_alone_needs_no_credential() {
        let servers = IceServers::new(urls(&["stun:a", "stun:b:1"]), None);
        assert_eq!(servers.text("ann", NOW).unwrap(), r#"[{"urls":["stun:a","stun:b:1"]}]"#);
    }

    #[test]
    fn a_user_that_could_be_split_or_spelt_otherwise_is_hashed_and_always_to_the_same() {
        for plain in ["714b5d76-821b-4160-ba04-e398f81357ee", "ann@example.com", "a_b.c"] {
            assert_eq!(user_part(plain), plain);
        }
        let strange = ["", "9999999999:ann", "ann ", "ånn", "a\"b", "a/b"];
        for one in strange {
            let hashed = user_part(one);
            assert_eq!(hashed, user_part(one));
            assert_eq!(hashed.len(), 22);
            assert!(!hashed.contains([':', '"', ' ']), "{hashed}");
        }
        let different: std::collections::BTreeSet<_> = strange.iter().map(|one| user_part(one)).collect();
        assert_eq!(different.len(), strange.len());
    }

    #[test]
    fn the_secret_is_not_shown() {
        let servers = IceServers::new(Vec::new(), Some(turn()));
        assert!(!format!("{servers:?}").contains("north"));
        assert_eq!(TurnSecret::new(""), None);
    }

    #[test]
    fn urls_are_those_that_browsers_take() {
        for (text, protocol) in [
            ("stun:stun.example", IceProtocol::Stun),
            ("stun:stun.example:19302", IceProtocol::Stun),
            ("stuns:192.0.2.1:5349", IceProtocol::Stun),
            ("turn:[2001:db8::1]:3478", IceProtocol::Turn),
            ("turn:[::1]", IceProtocol::Turn),
            ("turn:coturn", IceProtocol::Turn),
            ("turn:turn.example?transport=tcp", IceProtocol::Turn),
            ("turns:turn.example:443?transport=udp", IceProtocol::Turn),
        ] {
            assert_eq!(IceUrl::parse(text).map(|url| url.protocol()), Some(protocol), "{text}");
        }
        for text in [
            "",
            "stun",
            "stun:",
            "stun://stun.example",
            "stun:stun.example:",
            "stun:stun.example:0",
            "stun:stun.example:65536",
            "stun:stun.example:+1",
            "stun:stun.example?transport=udp",
            "stun:a b",
            "stun:a\"b",
            "stun:a..b",
            "stun:-a",
            "stun:1.2.3",
            "stun:1.2.3.400",
            "turn:user@turn.example",
            "turn:turn.example?transport=sctp",
            "turn:turn.example?transport=udp&x=y",
            "turn:2001:db8::1",
            "turn:[2001:db8::1",
            "turn:[turn.example]",
            "turn:[::1]3478",
            "http://turn.example",
            "TURN:turn.example",
        ] {
            assert_eq!(IceUrl::parse(text), None, "{text}");
        }
    }
}
