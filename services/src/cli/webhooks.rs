//! The settings of webhooks.

use clap::Args;
use clap::builder::BoolishValueParser;
use http::Uri;
use http::uri::Scheme;

use super::secret::{SecretText, secret};
use super::values::{Milliseconds, elements, is_of_this_host, positive_milliseconds, refuse};
use crate::failure::Failure;
use crate::webhooks::{EventKind, Receiver, Schedule, Settings, SigningSecrets};

/// Who is told of rooms and reports.
#[derive(Debug, Args)]
#[command(next_help_heading = "Matchmaker: webhooks")]
pub(crate) struct WebhookArgs {
    /// Where events are posted to, by https, or by http on this host [default: nowhere]
    #[arg(long, env, default_value = "", hide_default_value = true, hide_env_values = true, value_name = "URL")]
    webhook_url: SecretText,
    /// Secret that signs them: whsec_ and 24 to 64 bytes in Base64, or 24 to 64 characters; several, separated by spaces, while it is changed
    #[arg(long, env, default_value = "", hide_default_value = true, hide_env_values = true, value_name = "SECRET")]
    webhook_secret: SecretText,
    /// File with that secret, instead of it
    #[arg(long, env, default_value = "", hide_default_value = true, value_name = "PATH")]
    webhook_secret_file: String,
    /// Whether WEBHOOK_URL may be http on another host: because a mesh encrypts, or on a private network
    #[arg(long, env, default_value = "false", value_parser = BoolishValueParser::new(), action = clap::ArgAction::Set, value_name = "BOOL")]
    webhook_plaintext: bool,
    /// Which events: matched, room-ended, reported, quarantined [default: all]
    #[arg(long, env, default_value = "", hide_default_value = true, value_parser = event_kinds, value_name = "EVENT[,EVENT]")]
    webhook_events: EventKinds,
    /// Webhooks that may wait; more are dropped
    #[arg(long, env, default_value = "10000", value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    webhook_queue: u32,
    /// Webhooks that are posted at a time
    #[arg(long, env, default_value = "4", value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=256))]
    webhook_concurrency: u32,
    /// How long the receiver may take for an answer
    #[arg(long, env, default_value = "5000", value_name = "MS", value_parser = positive_milliseconds)]
    webhook_timeout_ms: Milliseconds,
    /// How often a webhook is tried in all
    #[arg(long, env, default_value = "8", value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=100))]
    webhook_attempts: u32,
    /// How long the first wait before another try is at most; it doubles each time, up to five minutes
    #[arg(long, env, default_value = "5000", value_name = "MS", value_parser = positive_milliseconds)]
    webhook_backoff_ms: Milliseconds,
}

#[derive(Clone, Debug)]
struct EventKinds(Vec<EventKind>);

impl WebhookArgs {
    /// Checks what the settings say together, and reads the secret's file.
    pub(crate) fn settings(&self) -> Result<Option<Settings>, Failure> {
        let secret =
            secret(("WEBHOOK_SECRET", &self.webhook_secret), ("WEBHOOK_SECRET_FILE", &self.webhook_secret_file))?;
        let (url, SecretText(secret)) = match (self.webhook_url.0.as_str(), secret) {
            ("", None) => return Ok(None),
            ("", Some(_)) => {
                return refuse("WEBHOOK_SECRET and WEBHOOK_SECRET_FILE need WEBHOOK_URL: nothing would be signed");
            }
            (_, None) => {
                return refuse(
                    "WEBHOOK_URL needs WEBHOOK_SECRET or WEBHOOK_SECRET_FILE: nobody could tell whom a webhook is from",
                );
            }
            (url, Some(secret)) => (self.url(url)?, secret),
        };
        let secrets = SigningSecrets::parse(&secret)
            .or_else(|why| refuse(format!("WEBHOOK_SECRET, WEBHOOK_SECRET_FILE: {why}")))?;
        let receiver = Receiver::new(url, secrets, self.webhook_timeout_ms.0);
        Ok(Some(Settings {
            receiver: receiver.or_else(|why| refuse(format!("WEBHOOK_URL: {why}")))?,
            events: self.webhook_events.0.clone(),
            queue: self.webhook_queue as usize,
            concurrency: self.webhook_concurrency as usize,
            schedule: Schedule { attempts: self.webhook_attempts, backoff: self.webhook_backoff_ms.0 },
        }))
    }

    /// The error does not quote it: there may be a secret in its path.
    fn url(&self, text: &str) -> Result<Uri, Failure> {
        let url = text.parse::<Uri>().ok().filter(|url| {
            let is_plain = url.authority().is_some_and(|authority| !authority.as_str().contains('@'));
            is_plain && url.host().is_some_and(|host| !host.is_empty())
        });
        match url {
            Some(url) if url.scheme() == Some(&Scheme::HTTPS) => Ok(url),
            Some(url) if url.scheme() == Some(&Scheme::HTTP) => {
                if self.webhook_plaintext || is_of_this_host(&url) {
                    return Ok(url);
                }
                refuse(
                    "WEBHOOK_URL is http on another host, and not encrypted. Either make it https, or say WEBHOOK_PLAINTEXT=true if a \
                     mesh encrypts or the network is private.",
                )
            }
            _ => refuse("WEBHOOK_URL: expected a URL like https://HOST/PATH, without a user's name"),
        }
    }
}

fn event_kinds(text: &str) -> Result<EventKinds, String> {
    let unknown = |name: &str| format!("expected {}, not '{name}'", EventKind::ALL.map(EventKind::name).join(", "));
    let kinds: Vec<_> =
        elements(text).map(|name| name.parse().map_err(|()| unknown(name))).collect::<Result<_, _>>()?;
    Ok(EventKinds(if kinds.is_empty() { EventKind::ALL.to_vec() } else { kinds }))
}
