//! Signatures as the Standard Webhooks specification 1.0.0 has them ("Signature scheme", "Webhook headers"), by which a receiver knows that a
//! webhook is from here, is as it was sent, and is not an old one sent again.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// What webhooks are signed with: one secret, or several while it is being changed. Never shown.
#[derive(Clone)]
pub(crate) struct SigningSecrets(Vec<Vec<u8>>);

impl SigningSecrets {
    /// Secrets that are separated by white space: each is `whsec_` and Base64, or taken as it is written. The error does not quote them.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let secrets = text.split_whitespace().map(secret).collect::<Result<Vec<_>, _>>()?;
        match secrets.len() {
            1..=MAX_SECRETS => Ok(SigningSecrets(secrets)),
            count => Err(format!("expected one secret, or up to {MAX_SECRETS} while it is changed, not {count}")),
        }
    }

    /// The value of `webhook-signature`: one signature by each secret.
    pub(super) fn sign(&self, id: &str, timestamp: u64, body: &[u8]) -> String {
        let signatures = self.0.iter().map(|secret| {
            let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
            mac.update(format!("{id}.{timestamp}.").as_bytes());
            mac.update(body);
            format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
        });
        signatures.collect::<Vec<_>>().join(" ")
    }
}

impl fmt::Debug for SigningSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecrets(..)")
    }
}

fn secret(text: &str) -> Result<Vec<u8>, String> {
    let bytes = match text.strip_prefix(PREFIX) {
        Some(encoded) => BASE64_STANDARD.decode(encoded).map_err(|_| format!("what follows {PREFIX} is no Base64"))?,
        None => text.as_bytes().to_vec(),
    };
    if (MIN_BYTES..=MAX_BYTES).contains(&bytes.len()) {
        Ok(bytes)
    } else {
        Err(format!("expected a secret of {MIN_BYTES} to {MAX_BYTES} bytes, not {}", bytes.len()))
    }
}

const PREFIX: &str = "whsec_";
/// As the specification has them.
const MIN_BYTES: usize = 24;
const MAX_BYTES: usize = 64;
/// Old and new; and a reserve.
const MAX_SECRETS: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"{"type":"matched"}"#;

    /// Computed by Python's `hmac` and by `openssl dgst -sha256 -mac HMAC`.
    #[test]
    fn signatures_are_those_of_other_implementations() {
        let encoded = SigningSecrets::parse("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX").unwrap();
        assert_eq!(encoded.sign("msg_1", 1_700_000_000, BODY), "v1,QGjhLjnkhc1QTsO44nVBORaDVwnMNpFcX5JJKeJtvP8=");
        let plain = "a secret of 24 or more bytes".replace(' ', "-");
        assert_eq!(
            SigningSecrets::parse(&plain).unwrap().sign("msg_1", 1_700_000_000, BODY),
            "v1,9R3sHLpMsxk2b2MhQVR9n3chYmmnDHUWCTCQ9gk4KKw="
        );
        let both = SigningSecrets::parse(&format!("{plain}\nwhsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX\n")).unwrap();
        assert_eq!(
            both.sign("msg_1", 1_700_000_000, BODY),
            "v1,9R3sHLpMsxk2b2MhQVR9n3chYmmnDHUWCTCQ9gk4KKw= v1,QGjhLjnkhc1QTsO44nVBORaDVwnMNpFcX5JJKeJtvP8="
        );
    }

    #[test]
    fn bad_secrets_are_refused_and_not_quoted() {
        let long = "x".repeat(MAX_BYTES + 1);
        let many = format!("{} ", "x".repeat(MIN_BYTES)).repeat(MAX_SECRETS + 1);
        for bad in ["", " ", "guessable", "whsec_AAAA", "whsec_not*base64*not*base64*not*base64", &long, &many] {
            let error = SigningSecrets::parse(bad).unwrap_err();
            assert!(!bad.split_whitespace().any(|secret| error.contains(secret)), "{error}");
        }
        let secrets = SigningSecrets::parse(&"x".repeat(MIN_BYTES)).unwrap();
        assert_eq!(format!("{secrets:?}"), "SigningSecrets(..)");
    }
}
