//! The settings of ICE: which STUN and TURN servers clients are told, with what credentials, and whether they may connect directly.

use std::time::Duration;

use clap::{Args, ValueEnum};
use duet_gateway::ice_servers::{IceProtocol, IceServers, IceUrl, Turn, TurnSecret};
use duet_gateway::relay_only::IceTransportPolicy;

use super::secret::{SecretText, secret};
use super::values::{Milliseconds, elements, refuse};
use crate::failure::Failure;

/// How clients reach each other.
#[derive(Debug, Args)]
#[command(next_help_heading = "Gateway: ICE servers for calls")]
pub(crate) struct TurnArgs {
    /// STUN servers that clients are told, separated by commas, such as stun:stun.example.com:3478 [default: none]
    #[arg(long, env, default_value = "", hide_default_value = true, value_parser = stun_urls, value_name = "URL[,URL]")]
    stun_urls: IceUrls,
    /// TURN servers that clients are told, separated by commas, such as turn:turn.example.com:3478?transport=udp [default: none]
    #[arg(long, env, default_value = "", hide_default_value = true, value_parser = turn_urls, value_name = "URL[,URL]")]
    turn_urls: IceUrls,
    /// Secret that the TURN servers share, coturn's `static-auth-secret` [default: none]
    #[arg(long, env, default_value = "", hide_default_value = true, hide_env_values = true, value_name = "SECRET")]
    turn_secret: SecretText,
    /// File with that secret, instead of it [default: none]
    #[arg(long, env, default_value = "", hide_default_value = true, value_name = "PATH")]
    turn_secret_file: String,
    /// How long a client can make allocations at the TURN servers with what it was told last
    #[arg(long, env, default_value = "21600000", value_name = "MS", value_parser = credential_ttl)]
    turn_credential_ttl_ms: Milliseconds,
    /// Whether clients may connect directly (`all`), or never see each other's addresses (`relay`)
    #[arg(long, env, default_value = "all", value_name = "POLICY")]
    ice_transport_policy: Policy,
}

/// What the settings say together.
#[derive(Debug)]
pub(crate) struct IceSettings {
    pub(crate) servers: IceServers,
    pub(crate) policy: IceTransportPolicy,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Policy {
    All,
    Relay,
}

/// URLs of one kind of server.
#[derive(Clone, Debug)]
struct IceUrls(Vec<IceUrl>);

impl TurnArgs {
    /// Checks what the settings say together, and reads the secret's file.
    pub(crate) fn settings(&self) -> Result<IceSettings, Failure> {
        let secret = self.secret()?;
        let urls = &self.turn_urls.0;
        let turn = match (urls.is_empty(), secret) {
            (true, None) => None,
            (false, Some(secret)) => {
                Some(Turn { urls: urls.clone(), secret, credential_ttl: self.turn_credential_ttl_ms.0 })
            }
            (false, None) => {
                return refuse("TURN_URLS needs TURN_SECRET or TURN_SECRET_FILE: a TURN server lets nobody in without");
            }
            (true, Some(_)) => {
                return refuse(
                    "TURN_SECRET and TURN_SECRET_FILE need TURN_URLS: nobody would be told where to use them",
                );
            }
        };
        let policy = match self.ice_transport_policy {
            Policy::All => IceTransportPolicy::All,
            Policy::Relay => IceTransportPolicy::Relay,
        };
        if policy == IceTransportPolicy::Relay && turn.is_none() {
            return refuse(
                "ICE_TRANSPORT_POLICY relay needs TURN_URLS: without a TURN server no call would come about",
            );
        }
        Ok(IceSettings { servers: IceServers::new(self.stun_urls.0.clone(), turn), policy })
    }

    fn secret(&self) -> Result<Option<TurnSecret>, Failure> {
        let secret = secret(("TURN_SECRET", &self.turn_secret), ("TURN_SECRET_FILE", &self.turn_secret_file))?;
        Ok(secret.and_then(|SecretText(text)| TurnSecret::new(&text)))
    }
}

fn stun_urls(text: &str) -> Result<IceUrls, String> {
    ice_urls(text, IceProtocol::Stun, "stun:HOST[:PORT] or stuns:HOST[:PORT]")
}

fn turn_urls(text: &str) -> Result<IceUrls, String> {
    ice_urls(text, IceProtocol::Turn, "turn:HOST[:PORT][?transport=udp|tcp] or turns:…")
}

fn ice_urls(text: &str, protocol: IceProtocol, expected: &str) -> Result<IceUrls, String> {
    let read = |url: &str| {
        let url_of_protocol = IceUrl::parse(url).filter(|parsed| parsed.protocol() == protocol);
        url_of_protocol.ok_or_else(|| format!("expected a URL like {expected}, not '{url}'"))
    };
    let texts = elements(text);
    let urls: Vec<IceUrl> = texts.map(read).collect::<Result<_, _>>()?;
    if urls.len() > MAX_URLS {
        return Err(format!("expected at most {MAX_URLS} URLs"));
    }
    Ok(IceUrls(urls))
}

/// So long that a call can begin, and so short that what leaks is soon worth nothing.
fn credential_ttl(text: &str) -> Result<Milliseconds, &'static str> {
    match text.parse() {
        Ok(Milliseconds(ttl)) if ttl >= MIN_CREDENTIAL_TTL => Ok(Milliseconds(ttl)),
        _ => Err("expected whole milliseconds from 60000 to 86400000"),
    }
}

/// Of one kind. Browsers get slow with more than a few.
const MAX_URLS: usize = 8;
const MIN_CREDENTIAL_TTL: Duration = Duration::from_secs(60);
