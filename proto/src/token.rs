//! What resumes a session: a token that the client holds, and the hash of it that frames carry. Neither reaches a log.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// Good for one resume. 32 bytes that nobody can guess, which the client gets as text; nothing can be read from it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ResumeToken([u8; 32]);

impl ResumeToken {
    /// The bytes must come from a cryptographic generator.
    pub fn from_random(bytes: [u8; 32]) -> Self {
        ResumeToken(bytes)
    }

    /// As a client has written it; `None` for what can't be a token.
    pub fn parse(text: &str) -> Option<Self> {
        BASE64_URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(ResumeToken)
    }

    /// For the client alone: 43 characters that need no escaping.
    pub fn secret_text(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.0)
    }

    /// What the token is known by between processes.
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.0).into())
    }
}

impl fmt::Debug for ResumeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResumeToken(..)")
    }
}

/// SHA-256 of a token. It can be looked up by an ordinary map: whoever times that learns something of hashes, and nothing of
/// tokens.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// The 32 bytes that travel in frames.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<[u8; 32]> for TokenHash {
    fn from(bytes: [u8; 32]) -> Self {
        TokenHash(bytes)
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_back_from_its_text_and_from_no_other() {
        let token = ResumeToken::from_random([0xfb; 32]);
        let text = token.secret_text();
        assert_eq!((text.len(), ResumeToken::parse(&text)), (43, Some(token)));
        for wrong in ["", "abc", &text[1..], &format!("{text}="), &format!("{text}AA"), &text.replace('-', "+")] {
            assert_eq!(ResumeToken::parse(wrong), None, "{wrong}");
        }
        assert_ne!(ResumeToken::parse(&text.replacen('-', "A", 1)).unwrap().hash(), token.hash());
    }

    #[test]
    fn neither_a_token_nor_its_hash_is_shown() {
        let token = ResumeToken::from_random([1; 32]);
        assert_eq!(format!("{token:?} {:?}", token.hash()), "ResumeToken(..) TokenHash(..)");
    }
}
