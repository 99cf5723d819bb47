//! What the keys in the engine are called.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::PoolKey;

/// The first part of all keys, by which deployments that share an engine are told apart: 1 to 64 letters, digits, `-`, `_` or `.`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace(Box<str>);

/// Text that is no namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoNamespace;

impl std::fmt::Display for NoNamespace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("must be 1 to 64 letters, digits, '-', '_' or '.'")
    }
}

impl std::error::Error for NoNamespace {}

impl std::str::FromStr for Namespace {
    type Err = NoNamespace;

    fn from_str(text: &str) -> Result<Self, NoNamespace> {
        let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let fits = !text.is_empty() && text.len() <= LONGEST && text.bytes().all(is_fit);
        fits.then(|| Namespace(text.into())).ok_or(NoNamespace)
    }
}

impl std::fmt::Display for Namespace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Default for Namespace {
    fn default() -> Self {
        Namespace("duet".into())
    }
}

impl Namespace {
    /// What all keys begin with.
    pub(in crate::server) fn prefix(&self) -> String {
        format!("{}:{SCHEMA}:", self.0)
    }

    /// The keys of a pool, which are in one slot of a cluster. Names are percent-encoded, so that none ends the hash tag.
    pub(super) fn pool(&self, pool: &PoolKey) -> [String; 2] {
        let name = utf8_percent_encode(pool.name.as_str(), KEPT);
        let quarantined = if pool.quarantined { "/quarantined" } else { "" };
        ["tickets", "lanes"].map(|what| format!("{}:{SCHEMA}:{{{name}{quarantined}}}:{what}", self.0))
    }

    /// The key under which an engine says which it is.
    pub(super) fn identity(&self) -> String {
        format!("{}:{SCHEMA}:engine", self.0)
    }
}

/// Raised when replicas of before can't read what is kept.
const SCHEMA: u32 = 1;
const LONGEST: usize = 64;
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

#[cfg(test)]
mod tests {
    use duet_proto::frame::PoolName;

    use super::*;

    fn tickets(name: &str, quarantined: bool) -> String {
        let [tickets, _] = Namespace::default().pool(&PoolKey { name: PoolName::new(name).unwrap(), quarantined });
        tickets
    }

    #[test]
    fn no_two_pools_have_the_same_keys() {
        assert_eq!(tickets("a-b.c_1", false), "duet:1:{a-b.c_1}:tickets");
        assert_eq!(tickets("default", true), "duet:1:{default/quarantined}:tickets");
        assert_eq!(tickets("default/quarantined", false), "duet:1:{default%2Fquarantined}:tickets");
        assert_eq!(tickets("}é%", false), "duet:1:{%7D%C3%A9%25}:tickets");
    }

    #[test]
    fn a_namespace_is_short_and_plain() {
        for bad in ["", "a:b", "a{b", "a b", &"x".repeat(65)] {
            assert_eq!(bad.parse::<Namespace>(), Err(NoNamespace), "{bad:?}");
        }
        assert!("eu-1.calls_x".parse::<Namespace>().is_ok());
    }
}
