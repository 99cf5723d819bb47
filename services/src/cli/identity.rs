//! The settings of who clients are: how their tokens are checked.

use std::fs;
use std::sync::Arc;

use clap::Args;
use clap::builder::BoolishValueParser;
use duet_gateway::server::{TokenRules, Verifier, WishClaims};
use duet_gateway::session::IdentityConfig;
use http::Uri;

use super::secret::SecretText;
use super::values::{Milliseconds, elements, positive_milliseconds};

/// How clients say who they are.
#[derive(Debug, Args)]
#[command(next_help_heading = "Gateway: identity")]
pub(crate) struct IdentityArgs {
    /// Secret by which tokens are signed (JWT, HS256), at least 32 bytes [default: tokens are not checked]
    #[arg(long, env, default_value = "", hide_default_value = true, hide_env_values = true, value_name = "SECRET")]
    jwt_secret: SecretText,
    /// File with that secret; a newline at its end does not count
    #[arg(long, env, default_value = "", hide_default_value = true, value_name = "PATH")]
    jwt_secret_file: String,
    /// File with the public key by which tokens are checked, in PEM: RSA (RS256), P-256 (ES256) or Ed25519 (EdDSA)
    #[arg(long, env, default_value = "", hide_default_value = true, value_name = "PATH")]
    jwt_public_key_file: String,
    /// Where the public keys are, as a JSON Web Key Set
    #[arg(long, env, default_value = "", hide_default_value = true, value_name = "URL")]
    jwks_url: String,
    /// How far apart fetches of the keys are at least, whatever tokens name
    #[arg(long, env, default_value = "30000", value_name = "MS", value_parser = positive_milliseconds)]
    jwks_cooldown_ms: Milliseconds,
    /// Who may have issued tokens (`iss`) [default: anybody with the key]
    #[arg(long, env, default_value = "", hide_default_value = true, value_name = "NAME[,NAME]")]
    jwt_issuer: String,
    /// For whom tokens may be (`aud`) [default: anybody]
    #[arg(long, env, default_value = "", hide_default_value = true, value_name = "NAME[,NAME]")]
    jwt_audience: String,
    /// How far clocks may differ
    #[arg(long, env, default_value = "30000", value_name = "MS")]
    jwt_leeway_ms: Milliseconds,
    /// Claims of tokens that partners get to see [default: none]
    #[arg(long, env, default_value = "", hide_default_value = true, value_name = "CLAIM[,CLAIM]")]
    public_claims: String,
    /// Claim that says in which pool its user meets others, whichever the client asks for [default: none]
    #[arg(long, env, default_value = "", hide_default_value = true, value_name = "CLAIM")]
    jwt_pool_claim: String,
    /// Claim whose array of strings is added to the client's tags, up to 10 [default: none]
    #[arg(long, env, default_value = "", hide_default_value = true, value_name = "CLAIM")]
    jwt_tags_claim: String,
    /// Claim that says by how many milliseconds its user goes before others in the queue, up to the matchmaker's MAX_HEAD_START_MS [default: none]
    #[arg(long, env, default_value = "", hide_default_value = true, value_name = "CLAIM")]
    jwt_priority_claim: String,
    /// Whether a client may do nothing before its token was checked
    #[arg(long, env, default_value = "false", value_name = "BOOL", value_parser = BoolishValueParser::new(), action = clap::ArgAction::Set,
        num_args = 0..=1, default_missing_value = "true")]
    auth_required: bool,
    /// How long that may take; then the connection is closed with 4401
    #[arg(long, env, default_value = "10000", value_name = "MS", value_parser = positive_milliseconds)]
    auth_timeout_ms: Milliseconds,
}

impl IdentityArgs {
    pub(super) fn config(&self) -> IdentityConfig {
        IdentityConfig {
            verifies: self.sources().next().is_some(),
            required: self.auth_required,
            timeout: self.auth_timeout_ms.0,
        }
    }

    /// Who checks tokens, or what is wrong with the settings.
    pub(super) fn verifier(&self) -> Result<Option<Arc<Verifier>>, String> {
        let sources: Vec<_> = self.sources().collect();
        if sources.len() > 1 {
            return Err(format!("{} are set: tokens are checked by one of them", sources.join(" and ")));
        }
        if let Some(problem) = self.claims_problem(!sources.is_empty()) {
            return Err(problem);
        }
        let made = |name: &str, made: Result<Verifier, String>| {
            made.map(|verifier| Some(Arc::new(verifier))).map_err(|why| format!("{name}: {why}"))
        };
        let SecretText(secret) = &self.jwt_secret;
        if !secret.is_empty() {
            return made("JWT_SECRET", Verifier::with_secret(secret.as_bytes(), self.rules()));
        }
        if !self.jwt_secret_file.is_empty() {
            let secret = read("JWT_SECRET_FILE", &self.jwt_secret_file)?;
            let secret = secret.strip_suffix(b"\n").unwrap_or(&secret);
            return made("JWT_SECRET_FILE", Verifier::with_secret(secret, self.rules()));
        }
        if !self.jwt_public_key_file.is_empty() {
            let pem = read("JWT_PUBLIC_KEY_FILE", &self.jwt_public_key_file)?;
            return made("JWT_PUBLIC_KEY_FILE", Verifier::with_public_key(&pem, self.rules()));
        }
        if !self.jwks_url.is_empty() {
            let url = self.jwks_url.parse::<Uri>().ok().filter(|url| {
                matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some_and(|host| !host.is_empty())
            });
            let Some(url) = url else {
                return Err(
                    "JWKS_URL: expected https://HOST/… or, inside a mesh that encrypts, http://HOST/…".to_owned()
                );
            };
            return made("JWKS_URL", Verifier::with_jwks(url, self.jwks_cooldown_ms.0, self.rules()));
        }
        if self.auth_required {
            return Err("AUTH_REQUIRED needs JWT_SECRET, JWT_PUBLIC_KEY_FILE or JWKS_URL: nobody could prove anything"
                .to_owned());
        }
        Ok(None)
    }

    /// What is wrong with the claims that say something of wishes.
    fn claims_problem(&self, verifies: bool) -> Option<String> {
        let all = [
            (&self.jwt_pool_claim, "JWT_POOL_CLAIM"),
            (&self.jwt_tags_claim, "JWT_TAGS_CLAIM"),
            (&self.jwt_priority_claim, "JWT_PRIORITY_CLAIM"),
        ];
        let mut set = all.into_iter().filter(|(claim, _)| !claim.is_empty());
        while let Some((claim, name)) = set.next() {
            if !verifies {
                return Some(format!("{name} needs JWT_SECRET, JWT_PUBLIC_KEY_FILE or JWKS_URL: no token is read"));
            }
            if let Some((_, other)) = set.clone().find(|(other, _)| *other == claim) {
                return Some(format!("{other} names the same claim as {name}: no claim is good for both"));
            }
        }
        None
    }

    fn sources(&self) -> impl Iterator<Item = &'static str> {
        let all = [
            (&self.jwt_secret.0, "JWT_SECRET"),
            (&self.jwt_secret_file, "JWT_SECRET_FILE"),
            (&self.jwt_public_key_file, "JWT_PUBLIC_KEY_FILE"),
            (&self.jwks_url, "JWKS_URL"),
        ];
        // A variable that is set to nothing is not set: compose files have no other way to leave one out.
        all.into_iter().filter(|(text, _)| !text.is_empty()).map(|(_, name)| name)
    }

    fn rules(&self) -> TokenRules {
        TokenRules {
            issuers: list(&self.jwt_issuer),
            audiences: list(&self.jwt_audience),
            leeway: self.jwt_leeway_ms.0,
            public_claims: list(&self.public_claims),
            wishes: WishClaims {
                pool: claim(&self.jwt_pool_claim),
                tags: claim(&self.jwt_tags_claim),
                priority: claim(&self.jwt_priority_claim),
            },
        }
    }
}

fn list(text: &str) -> Vec<String> {
    elements(text).map(str::to_owned).collect()
}

fn claim(name: &str) -> Option<String> {
    (!name.is_empty()).then(|| name.to_owned())
}

fn read(name: &str, path: &str) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("{name}: {path} can't be read: {error}"))
}
