//! The keys that a URL names (RFC 7517): fetched at the start, now and then, and when a token names one that is not known; kept while
//! the URL can't be reached.

use std::sync::{Arc, RwLock};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::Key;
use crate::server::http_client::HttpClient;

/// The keys of one URL.
pub(super) struct Jwks {
    url: Uri,
    client: HttpClient<Empty<Bytes>>,
    keys: RwLock<Arc<[NamedKey]>>,
    wanted: Notify,
    /// When they may be fetched again; changes with each fetch, be it that it failed.
    next_fetch: watch::Sender<Instant>,
    cooldown: Duration,
}

struct NamedKey {
    name: Option<String>,
    key: Key,
}

impl Jwks {
    pub(super) fn new(url: Uri, cooldown: Duration) -> Result<Self, String> {
        let client = HttpClient::new(&url)?;
        Ok(Jwks {
            url,
            client,
            keys: RwLock::new(Arc::new([])),
            wanted: Notify::new(),
            next_fetch: watch::Sender::new(Instant::now()),
            cooldown,
        })
    }

    pub(super) fn has_keys(&self) -> bool {
        !self.all().is_empty()
    }

    /// The key of that name; of a token that names none, the only one there is.
    pub(super) fn key(&self, name: Option<&str>) -> Option<Key> {
        let keys = self.all();
        let found = match (name, &*keys) {
            (Some(_), keys) => keys.iter().find(|key| key.name.as_deref() == name),
            (None, [only]) => Some(only),
            (None, _) => None,
        };
        found.map(|found| found.key.clone())
    }

    fn all(&self) -> Arc<[NamedKey]> {
        self.keys.read().expect("no code that holds this lock panics").clone()
    }

    /// Resolves when the keys were fetched again, or could not be, or may not be for now.
    pub(super) async fn fetched_again(&self) {
        let mut fetches = self.next_fetch.subscribe();
        let next = *fetches.borrow_and_update();
        let deadline = Instant::now() + PATIENCE;
        self.wanted.notify_one();
        if next < deadline {
            let _ = timeout_at(deadline, fetches.changed()).await;
        }
    }

    pub(super) async fn keep(&self) {
        let mut failures: u32 = 0;
        loop {
            let started = Instant::now();
            match timeout(FETCH_TIMEOUT, self.fetch()).await.unwrap_or_else(|_| Err("it takes too long".to_owned())) {
                Ok(keys) => {
                    tracing::debug!(keys = keys.len(), "keys fetched");
                    if keys.is_empty() {
                        tracing::warn!("JWKS_URL names no key that tokens can be checked with");
                    } else {
                        *self.keys.write().expect("no code that holds this lock panics") = keys.into();
                    }
                    failures = 0;
                }
                Err(why) => {
                    if failures.is_power_of_two() || failures == 0 {
                        tracing::warn!(failures, %why, has_keys = self.has_keys(), "the keys of JWKS_URL can't be fetched");
                    }
                    failures = failures.saturating_add(1);
                }
            }
            // At the start nobody can be let in, so that is tried more often.
            let pause = if self.has_keys() { self.cooldown } else { self.cooldown.min(RETRY) };
            self.next_fetch.send_replace(started + pause);
            sleep_until(started + pause).await;
            let next = started + if failures == 0 { REFRESH } else { pause };
            let _ = timeout_at(next, self.wanted.notified()).await;
        }
    }

    async fn fetch(&self) -> Result<Vec<NamedKey>, String> {
        let request = Request::get(&self.url).body(Empty::new()).map_err(|error| error.to_string())?;
        let response = self.client.request(request).await?;
        if response.status() != StatusCode::OK {
            return Err(format!("it answers {}", response.status()));
        }
        let body = Limited::new(response.into_body(), MAX_BYTES).collect().await.map_err(|error| error.to_string())?;
        let set: JwkSet = serde_json::from_slice(&body.to_bytes()).map_err(|error| format!("no key set: {error}"))?;
        Ok(set.keys.iter().take(MAX_KEYS).filter_map(named_key).collect())
    }
}

/// A public key that is for signatures, with the one algorithm that fits its kind.
fn named_key(jwk: &Jwk) -> Option<NamedKey> {
    let is_for_signatures = jwk.common.public_key_use.as_ref().is_none_or(|meant| *meant == PublicKeyUse::Signature);
    let may_verify = jwk.common.key_operations.as_ref().is_none_or(|all| all.contains(&KeyOperations::Verify));
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => Algorithm::RS256,
        AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P256 => Algorithm::ES256,
        AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
        // A secret that is published is none.
        _ => return None,
    };
    let says_so = jwk.common.key_algorithm.is_none_or(|said| said.to_string() == format!("{algorithm:?}"));
    if !(is_for_signatures && may_verify && says_so) {
        return None;
    }
    let key = DecodingKey::from_jwk(jwk).ok()?;
    Some(NamedKey { name: jwk.common.key_id.clone(), key: Key { algorithm, key } })
}

/// How long a token waits for its key.
const PATIENCE: Duration = Duration::from_secs(5);
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// Until there are keys.
const RETRY: Duration = Duration::from_secs(2);
/// New keys are learned of before the first token that names one.
const REFRESH: Duration = Duration::from_secs(15 * 60);
/// Of the answer.
const MAX_BYTES: usize = 256 * 1024;
const MAX_KEYS: usize = 64;
