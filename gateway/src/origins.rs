//! Which web pages may connect: the `Origin` that a browser sends (RFC 6454) against the operator's list.

use std::fmt;

/// The origins that are allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AllowedOrigins {
    /// Any, and none at all.
    #[default]
    Any,
    /// These; and clients that send none, which are no browsers and could send what they like.
    Only(Vec<Origin>),
}

/// Scheme, host and port, in lower case, without the scheme's default port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

/// What is wrong with an entry of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidOrigin(String);

impl fmt::Display for InvalidOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}' is no origin: write scheme, host and port only, as in https://app.example.com", self.0)
    }
}

impl std::error::Error for InvalidOrigin {}

impl AllowedOrigins {
    /// Reads a list separated by commas. An empty list, and `*` in it, allow any.
    pub fn parse(list: &str) -> Result<Self, InvalidOrigin> {
        let entries: Vec<&str> = list.split(',').map(str::trim).filter(|entry| !entry.is_empty()).collect();
        if entries.is_empty() || entries.contains(&"*") {
            return Ok(AllowedOrigins::Any);
        }
        let origin = |entry: &&str| Origin::parse(entry).ok_or_else(|| InvalidOrigin((*entry).to_owned()));
        entries.iter().map(origin).collect::<Result<_, _>>().map(AllowedOrigins::Only)
    }

    /// Whether a request with these `Origin` headers may connect.
    pub fn allow<'a>(&self, mut headers: impl Iterator<Item = &'a [u8]>) -> bool {
        let AllowedOrigins::Only(allowed) = self else { return true };
        match (headers.next(), headers.next()) {
            (None, _) => true,
            (Some(origin), None) => {
                str::from_utf8(origin).ok().and_then(Origin::parse).is_some_and(|origin| allowed.contains(&origin))
            }
            (Some(_), Some(_)) => false,
        }
    }
}

impl Origin {
    fn parse(text: &str) -> Option<Self> {
        let lower = text.to_ascii_lowercase();
        let (scheme, authority) = lower.split_once("://")?;
        let default_port = match scheme {
            "https" => ":443",
            "http" => ":80",
            _ => return None,
        };
        let authority = authority.strip_suffix(default_port).unwrap_or(authority);
        let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
        if authority.is_empty() || !authority.chars().all(is_host) {
            return None;
        }
        Some(Origin(format!("{scheme}://{authority}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(list: &str, origin: &str) -> bool {
        AllowedOrigins::parse(list).unwrap().allow([origin.as_bytes()].into_iter())
    }

    #[test]
    fn without_a_list_anybody_may_connect() {
        for list in ["", " , ", "*", "https://a.test,*"] {
            assert!(allows(list, "null") && allows(list, "https://b.test"), "{list}");
        }
    }

    #[test]
    fn only_the_exact_origin_matches_with_its_host_in_any_case() {
        let list = "https://app.example.com, http://localhost:3000";
        for origin in [
            "https://app.example.com",
            "https://APP.example.com",
            "https://app.example.com:443",
            "http://localhost:3000",
        ] {
            assert!(allows(list, origin), "{origin}");
        }
        for origin in [
            "null",
            "",
            "https://app.example.com.evil.test",
            "https://evil.test/https://app.example.com",
            "http://app.example.com",
            "https://app.example.com:8443",
            "https://app.example.com/",
            "http://localhost",
            "https://аpp.example.com",
            "https://user@app.example.com",
        ] {
            assert!(!allows(list, origin), "{origin}");
        }
    }

    #[test]
    fn no_origin_is_a_native_client_and_two_are_an_attack() {
        let origins = AllowedOrigins::parse("https://a.test").unwrap();
        assert!(origins.allow(std::iter::empty()));
        let a: &[u8] = b"https://a.test";
        assert!(!origins.allow([a, a].into_iter()));
        assert!(!origins.allow([&b"\xff"[..]].into_iter()));
    }

    #[test]
    fn a_bad_entry_is_named() {
        let error = AllowedOrigins::parse("https://a.test,example.com").unwrap_err();
        assert!(error.to_string().starts_with("'example.com' is no origin"), "{error}");
        for entry in ["https://", "ftp://a.test", "https://a.test/path", "https://*.a.test"] {
            assert!(AllowedOrigins::parse(entry).is_err(), "{entry}");
        }
    }
}
