//! Checking tokens: JSON Web Tokens by a shared secret, a public key, or the keys that a URL names.
//!
//! The algorithm is the key's, never the token's: a key is good for one, and a token that names another, none, or brings its own key is
//! refused.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use duet_proto::bounds;
use http::Uri;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Map, Value};

use crate::session::{NotVerified, Verified};

mod assigning;
mod jwks;

pub use assigning::WishClaims;
use jwks::Jwks;

/// Checks tokens.
pub struct Verifier {
    keys: Keys,
    rules: TokenRules,
}

/// What a token must say.
#[derive(Clone, Debug, Default)]
pub struct TokenRules {
    /// One of these as `iss`, if there are any.
    pub issuers: Vec<String>,
    /// One of these as `aud`, if there are any.
    pub audiences: Vec<String>,
    /// How far the clocks of whoever made the token and of this host may differ.
    pub leeway: Duration,
    /// The claims that are shown to partners.
    pub public_claims: Vec<String>,
    /// The claims that say something of their user's wishes.
    pub wishes: WishClaims,
}

enum Keys {
    Fixed(Key),
    Remote(Box<Jwks>),
}

/// One key, which is good for one algorithm.
#[derive(Clone)]
struct Key {
    algorithm: Algorithm,
    key: DecodingKey,
}

/// What became of a token.
#[derive(Debug)]
pub(super) enum Checked {
    /// It is decided.
    Done(Result<Verified, NotVerified>),
    /// It names a key that is not known, and the keys may be fetched again.
    UnknownKey,
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier(..)")
    }
}

impl Verifier {
    /// By a secret that whoever makes the tokens knows as well: HS256.
    pub fn with_secret(secret: &[u8], rules: TokenRules) -> Result<Self, String> {
        if secret.len() < MIN_SECRET {
            return Err(format!("a secret of less than {MIN_SECRET} bytes can be guessed"));
        }
        let key = Key { algorithm: Algorithm::HS256, key: DecodingKey::from_secret(secret) };
        Ok(Verifier { keys: Keys::Fixed(key), rules })
    }

    /// By a public key in PEM: RS256 by an RSA key, ES256 by one on P-256, EdDSA by one on Ed25519.
    pub fn with_public_key(pem: &[u8], rules: TokenRules) -> Result<Self, String> {
        let read =
            |algorithm, key: jsonwebtoken::errors::Result<DecodingKey>| key.ok().map(|key| Key { algorithm, key });
        let key = read(Algorithm::RS256, DecodingKey::from_rsa_pem(pem))
            .or_else(|| read(Algorithm::ES256, DecodingKey::from_ec_pem(pem)))
            .or_else(|| read(Algorithm::EdDSA, DecodingKey::from_ed_pem(pem)));
        let key = key.ok_or("it is no public key of RSA, P-256 or Ed25519 in PEM")?;
        Ok(Verifier { keys: Keys::Fixed(key), rules })
    }

    /// By the keys that a URL names as a JSON Web Key Set. They have to be kept by [`keep_keys`](Self::keep_keys). Between two fetches
    /// lies `cooldown` at least, whatever tokens name.
    pub fn with_jwks(url: Uri, cooldown: Duration, rules: TokenRules) -> Result<Self, String> {
        Ok(Verifier { keys: Keys::Remote(Box::new(Jwks::new(url, cooldown)?)), rules })
    }

    /// Fetches keys as they are needed, for ever. Without a URL there is nothing to do.
    pub async fn keep_keys(&self) {
        match &self.keys {
            Keys::Fixed(_) => std::future::pending().await,
            Keys::Remote(jwks) => jwks.keep().await,
        }
    }

    /// Whether there are keys.
    pub(super) fn has_keys(&self) -> bool {
        match &self.keys {
            Keys::Fixed(_) => true,
            Keys::Remote(jwks) => jwks.has_keys(),
        }
    }

    /// Checks a token with the keys at hand.
    pub(super) fn check(&self, token: &str) -> Checked {
        match self.key_for(token) {
            Some(KeyFor::Known(key)) => Checked::Done(self.check_with(token, &key)),
            Some(KeyFor::Unknown) => Checked::UnknownKey,
            None => Checked::Done(Err(NotVerified::Bad)),
        }
    }

    /// Checks a token, for whose key the keys are fetched again if need be and if they may be.
    pub(super) async fn check_fetching(&self, token: &str) -> Result<Verified, NotVerified> {
        match self.check(token) {
            Checked::Done(done) => done,
            Checked::UnknownKey => {
                let Keys::Remote(jwks) = &self.keys else { return Err(NotVerified::Bad) };
                jwks.fetched_again().await;
                match self.check(token) {
                    Checked::Done(done) => done,
                    Checked::UnknownKey if !jwks.has_keys() => Err(NotVerified::NoKeys),
                    Checked::UnknownKey => Err(NotVerified::UnknownKey),
                }
            }
        }
    }

    /// The key that the token's header names. `None`: the header can't be accepted, whatever the key.
    fn key_for(&self, token: &str) -> Option<KeyFor> {
        if token.len() > bounds::TOKEN {
            return None;
        }
        let header = token.split('.').next()?;
        let header: Map<String, Value> = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
        // A key or the place of one in the token proves only that its maker has a key; extensions would have to be understood.
        if FORBIDDEN_HEADERS.iter().any(|name| header.contains_key(*name)) {
            return None;
        }
        let kid = match header.get("kid") {
            None => None,
            Some(Value::String(kid)) if kid.len() <= MAX_KID => Some(kid.as_str()),
            Some(_) => return None,
        };
        match &self.keys {
            Keys::Fixed(key) => Some(KeyFor::Known(key.clone())),
            Keys::Remote(jwks) => Some(jwks.key(kid).map_or(KeyFor::Unknown, KeyFor::Known)),
        }
    }

    fn check_with(&self, token: &str, key: &Key) -> Result<Verified, NotVerified> {
        let mut validation = Validation::new(key.algorithm);
        validation.leeway = self.rules.leeway.as_secs();
        validation.validate_nbf = true;
        validation.set_required_spec_claims(&["exp", "sub"]);
        if self.rules.issuers.is_empty() {
            validation.iss = None;
        } else {
            validation.required_spec_claims.insert("iss".to_owned());
            validation.set_issuer(&self.rules.issuers);
        }
        if self.rules.audiences.is_empty() {
            validation.validate_aud = false;
        } else {
            validation.required_spec_claims.insert("aud".to_owned());
            validation.set_audience(&self.rules.audiences);
        }
        let decoded = jsonwebtoken::decode::<Map<String, Value>>(token, &key.key, &validation);
        let claims = match decoded {
            Ok(decoded) => decoded.claims,
            Err(error) if *error.kind() == ErrorKind::ExpiredSignature => return Err(NotVerified::Expired),
            Err(error) => {
                tracing::debug!(%error, "a token is not accepted");
                return Err(NotVerified::Bad);
            }
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.read(&claims, now).ok_or(NotVerified::Bad)
    }

    /// What the claims of a token say whose signature is right, if they are of the right kinds.
    fn read(&self, claims: &Map<String, Value>, now: Duration) -> Option<Verified> {
        let seconds = |name: &str| match claims.get(name) {
            None => Some(None),
            Some(value) => value.as_u64().filter(|seconds| *seconds < MAX_SECONDS).map(Some),
        };
        let expires = Duration::from_secs(seconds("exp")??);
        let latest = (now + self.rules.leeway).as_secs();
        let is_ahead = |time: Option<u64>| time.is_some_and(|time| time > latest);
        if is_ahead(seconds("iat")?) || is_ahead(seconds("nbf")?) {
            return None;
        }
        let user = claims.get("sub")?.as_str()?;
        let is_name =
            !user.is_empty() && user.chars().count() <= bounds::USER_ID && !user.chars().any(char::is_control);
        let shown = |name: &String| Some((name.clone(), claims.get(name)?.clone()));
        let public: Map<String, Value> = self.rules.public_claims.iter().filter_map(shown).collect();
        let public_claims = (!public.is_empty()).then(|| Bytes::from(Value::Object(public).to_string()));
        if public_claims.as_ref().is_some_and(|claims| claims.len() > bounds::PUBLIC_CLAIMS) {
            tracing::warn!(
                "the public claims of a token are larger than {} bytes: it is not accepted",
                bounds::PUBLIC_CLAIMS
            );
            return None;
        }
        let assigned = match self.rules.wishes.read(claims) {
            Ok(assigned) => assigned.map(Box::new),
            Err((claim, what)) => {
                tracing::warn!(claim, "a claim of a token is not {what}: the token is not accepted");
                return None;
            }
        };
        let expires_in = (expires + self.rules.leeway).saturating_sub(now);
        is_name.then(|| Verified { user: user.to_owned(), public_claims, expires_in, assigned })
    }
}

enum KeyFor {
    Known(Key),
    Unknown,
}

/// Below it HS256 is weaker than its hash.
const MIN_SECRET: usize = 32;
/// Characters of a key's name in a token.
const MAX_KID: usize = 256;
/// A time so late that it is none: year 10000.
const MAX_SECONDS: u64 = 253_402_300_800;
const FORBIDDEN_HEADERS: [&str; 5] = ["jwk", "jku", "x5c", "x5u", "crit"];

#[cfg(test)]
mod tests;
