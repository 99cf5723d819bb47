use jsonwebtoken::{EncodingKey, Header};
use serde_json::json;

use super::*;

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn rules() -> TokenRules {
    TokenRules {
        issuers: vec!["https://login.example".to_owned()],
        audiences: vec!["duet".to_owned()],
        leeway: Duration::from_secs(30),
        public_claims: vec!["name".to_owned(), "country".to_owned()],
        wishes: WishClaims::default(),
    }
}

fn claims() -> Value {
    json!({ "sub": "ann", "iss": "https://login.example", "aud": "duet", "exp": now() + 300, "name": "Ann", "email": "a@b.example" })
}

/// The claims, with some of them changed; `null` takes one away.
fn with(changes: Value) -> Value {
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

fn signed(claims: &Value) -> String {
    jsonwebtoken::encode(&Header::default(), claims, &EncodingKey::from_secret(SECRET)).unwrap()
}

/// A token with a header of any kind, and a signature by HMAC with any key.
fn forged(header: &Value, key: &[u8]) -> String {
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(header), part(&claims()));
    let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &EncodingKey::from_secret(key), Algorithm::HS256);
    format!("{signed}.{}", signature.unwrap())
}

fn checked(verifier: &Verifier, token: &str) -> Result<Verified, NotVerified> {
    match verifier.check(token) {
        Checked::Done(done) => done,
        Checked::UnknownKey => panic!("a fixed key is always known"),
    }
}

fn by_secret() -> Verifier {
    Verifier::with_secret(SECRET, rules()).unwrap()
}

#[test]
fn a_token_proves_its_user_and_shows_what_it_may() {
    let verified = checked(&by_secret(), &signed(&claims())).unwrap();
    assert_eq!(verified.user, "ann");
    assert_eq!(verified.public_claims.as_deref(), Some(&br#"{"name":"Ann"}"#[..]));
    assert!((Duration::from_secs(325)..=Duration::from_secs(330)).contains(&verified.expires_in));
}

#[test]
fn claims_of_the_wrong_kind_time_issuer_or_audience_are_refused() {
    let verifier = by_secret();
    for changes in [
        json!({ "exp": null }),
        json!({ "exp": "4000000000" }),
        json!({ "exp": 4_000_000_000.5 }),
        json!({ "exp": -1 }),
        json!({ "exp": 9_223_372_036_854_775_808_u64 }),
        json!({ "nbf": now() + 120 }),
        json!({ "nbf": "soon" }),
        json!({ "iat": now() + 120 }),
        json!({ "iss": "https://evil.example" }),
        json!({ "iss": null }),
        json!({ "aud": "others" }),
        json!({ "aud": null }),
        json!({ "aud": ["others", "more"] }),
        json!({ "sub": null }),
        json!({ "sub": "" }),
        json!({ "sub": 7 }),
        json!({ "sub": "a\nb" }),
        json!({ "sub": "u".repeat(129) }),
        json!({ "name": "n".repeat(2000) }),
    ] {
        let refused = checked(&verifier, &signed(&with(changes.clone()))).unwrap_err();
        assert_eq!(refused, NotVerified::Bad, "{changes}");
    }
    assert_eq!(checked(&verifier, &signed(&with(json!({ "exp": now() - 60 })))), Err(NotVerified::Expired));
    for fine in [json!({ "exp": now() - 10 }), json!({ "nbf": now() + 10 }), json!({ "aud": ["others", "duet"] })] {
        assert!(checked(&verifier, &signed(&with(fine.clone()))).is_ok(), "{fine}");
    }
}

#[test]
fn without_rules_issuer_and_audience_don_t_matter() {
    let verifier = Verifier::with_secret(SECRET, TokenRules::default()).unwrap();
    for changes in [json!({}), json!({ "iss": null }), json!({ "aud": null }), json!({ "aud": "others" })] {
        let verified = checked(&verifier, &signed(&with(changes))).unwrap();
        assert_eq!(verified.public_claims, None);
    }
}

#[test]
fn the_algorithm_is_the_key_s() {
    let public = PUBLIC_KEY.as_bytes();
    let by_public = Verifier::with_public_key(public, rules()).unwrap();
    for verifier in [by_secret(), by_public] {
        for algorithm in ["none", "None", "NONE", "HS384", "RS256", "ES256"] {
            let header = json!({ "alg": algorithm, "typ": "JWT" });
            let unsigned = forged(&header, SECRET);
            let unsigned = &unsigned[..=unsigned.rfind('.').unwrap()];
            assert_eq!(checked(&verifier, unsigned), Err(NotVerified::Bad), "{algorithm}");
            assert_eq!(checked(&verifier, &forged(&header, SECRET)), Err(NotVerified::Bad), "{algorithm}");
        }
    }
    // The public key as if it were a secret.
    let by_public = Verifier::with_public_key(public, rules()).unwrap();
    assert_eq!(checked(&by_public, &forged(&json!({ "alg": "HS256" }), public)), Err(NotVerified::Bad));
    assert_eq!(checked(&by_public, &signed(&claims())), Err(NotVerified::Bad));
}

#[test]
fn a_token_may_bring_no_key_and_no_extension() {
    let verifier = by_secret();
    assert!(checked(&verifier, &forged(&json!({ "alg": "HS256" }), SECRET)).is_ok());
    for header in [
        json!({ "alg": "HS256", "jwk": { "kty": "oct", "k": "AAAA" } }),
        json!({ "alg": "HS256", "jku": "https://evil.example/keys" }),
        json!({ "alg": "HS256", "x5u": "https://evil.example/cert" }),
        json!({ "alg": "HS256", "x5c": ["AAAA"] }),
        json!({ "alg": "HS256", "crit": ["b64"], "b64": false }),
        json!({ "alg": "HS256", "kid": "k".repeat(10_240) }),
        json!({ "alg": "HS256", "kid": 7 }),
    ] {
        assert_eq!(checked(&verifier, &forged(&header, SECRET)), Err(NotVerified::Bad), "{header}");
    }
    assert!(checked(&verifier, &forged(&json!({ "alg": "HS256", "kid": "../../dev/null" }), SECRET)).is_ok());
}

#[test]
fn what_is_no_token_is_refused() {
    let verifier = by_secret();
    let signed = signed(&claims());
    let (head, signature) = signed.rsplit_once('.').unwrap();
    let flipped: String = signature.chars().rev().collect();
    for text in ["", "a", "..", "a.b.c", &".".repeat(1000), &"x".repeat(1_000_000), head, &format!("{head}.{flipped}")]
    {
        assert_eq!(checked(&verifier, text), Err(NotVerified::Bad));
    }
}

#[test]
fn keys_are_checked_before_anything_starts() {
    assert!(Verifier::with_secret(b"too short", rules()).unwrap_err().contains("32 bytes"));
    for pem in ["", "no key", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"] {
        assert!(Verifier::with_public_key(pem.as_bytes(), rules()).is_err(), "{pem}");
    }
}

#[test]
fn nothing_of_a_key_is_shown() {
    assert_eq!(format!("{:?}", by_secret()), "Verifier(..)");
}

#[test]
fn a_key_of_each_kind_checks_what_its_owner_signed() {
    for (algorithm, private, public) in [
        (Algorithm::ES256, EncodingKey::from_ec_pem(EC_PRIVATE_KEY.as_bytes()), EC_PUBLIC_KEY),
        (Algorithm::EdDSA, EncodingKey::from_ed_pem(ED_PRIVATE_KEY.as_bytes()), ED_PUBLIC_KEY),
        (Algorithm::RS256, EncodingKey::from_rsa_pem(PRIVATE_KEY.as_bytes()), PUBLIC_KEY),
    ] {
        let token = jsonwebtoken::encode(&Header::new(algorithm), &claims(), &private.unwrap()).unwrap();
        let verifier = Verifier::with_public_key(public.as_bytes(), rules()).unwrap();
        assert_eq!(checked(&verifier, &token).unwrap().user, "ann", "{algorithm:?}");
        assert_eq!(checked(&by_secret(), &token), Err(NotVerified::Bad));
    }
}

// Made for these tests and used for nothing else.
const PRIVATE_KEY: &str = include_str!("keys/rsa-private.pem");
const PUBLIC_KEY: &str = include_str!("keys/rsa-public.pem");
const EC_PRIVATE_KEY: &str = include_str!("keys/ec-private.pem");
const EC_PUBLIC_KEY: &str = include_str!("keys/ec-public.pem");
const ED_PRIVATE_KEY: &str = include_str!("keys/ed-private.pem");
const ED_PUBLIC_KEY: &str = include_str!("keys/ed-public.pem");
