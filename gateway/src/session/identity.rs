//! Who the client is: what it says, what a token proves, until when, and what is refused before that.
//!
//! The machine checks no token and knows no key: it asks its driver, and is told what came of it.

use std::time::Duration;

use bytes::Bytes;
use duet_proto::close::CloseCode;
use duet_proto::frame::{Assigned, Identity, Up, Wishes};
use duet_proto::json::{ClientMessage, ErrorCode, Refusal, ServerMessage, Token};
use duet_proto::time::Time;

use super::{Output, Session};
use crate::limits::Limit;

/// How clients are to say who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdentityConfig {
    /// Whether tokens are checked. If not, a client is who it says, and that is marked as unverified.
    pub verifies: bool,
    /// Whether a client may do nothing before its token was checked.
    pub required: bool,
    /// How long that may take.
    pub timeout: Duration,
}

impl Default for IdentityConfig {
    fn default() -> Self {
        IdentityConfig { verifies: false, required: false, timeout: Duration::from_secs(10) }
    }
}

/// What a token proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Its `sub`.
    pub user: String,
    /// Those of its claims that are shown to partners: the text of a JSON object.
    pub public_claims: Option<Bytes>,
    /// How long that holds.
    pub expires_in: Duration,
    /// What it says of its user's wishes.
    pub assigned: Option<Box<Assigned>>,
}

/// Why a token proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotVerified {
    /// It is no token, or not one for this gateway. Which check failed is nobody's business.
    Bad,
    /// It names a key that is not known, or not yet: keys change.
    UnknownKey,
    /// It was good once.
    Expired,
    /// It is good, but its user has too many connections.
    TooManyConnections,
    /// The keys can't be had just now.
    NoKeys,
}

/// Who the client is.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) identity: Identity,
    /// When the proof ends.
    expires: Option<Time>,
    /// Whether the client was told that it ends soon.
    is_warned: bool,
}

impl Known {
    pub(super) fn new(identity: Identity, now: Time) -> Box<Self> {
        Box::new(Known { expires: identity.expires_in.map(|left| now + left), is_warned: false, identity })
    }

    /// As a matchmaker is told.
    pub(super) fn at(&self, now: Time) -> Identity {
        Identity { expires_in: self.expires.map(|expires| expires.since(now)), ..self.identity.clone() }
    }

    fn deadline(&self) -> Option<Time> {
        self.expires.map(|expires| if self.is_warned { expires } else { expires - WARNING })
    }
}

impl Session {
    /// Who the client is proved to be.
    pub fn verified_user(&self) -> Option<&str> {
        let known = self.identity.as_ref().filter(|known| known.identity.verified);
        known.map(|known| known.identity.user.as_str())
    }

    /// Whether the client has yet to prove who it is before it may do anything.
    pub fn is_stranger(&self) -> bool {
        self.config.identity.required && self.verified_user().is_none()
    }

    pub(super) fn authenticate(&mut self, user: Option<String>, token: Option<Token>, now: Time) {
        match (user, token) {
            (user, Some(token)) if self.config.identity.verifies => {
                if self.verifying.is_some() {
                    return self.refuse_as(ErrorCode::Unauthorized, "another token is being checked");
                }
                self.verifying = Some(Box::new(user));
                self.outputs.push_back(Output::Verify(token));
            }
            (_, None) if self.config.identity.verifies => {
                self.refuse_as(ErrorCode::Unauthorized, "a `token` is needed to say who you are");
            }
            (Some(user), _) => {
                let identity = Identity::unverified(user);
                self.identify(identity, now);
            }
            (None, Some(_)) => {
                let why = "this gateway has no verifier for a `token`; give a `userId`";
                self.refuse_as(ErrorCode::Unauthorized, why);
            }
            (None, None) => self.refuse_bad_message(Refusal::invalid("`userId` is missing".to_owned()), now),
        }
    }

    /// The token of an [`Output::Verify`], or of the request that the connection began with, was checked.
    pub fn handle_verified(&mut self, verified: Result<Verified, NotVerified>, now: Time) {
        let claimed = self.verifying.take().and_then(|user| *user);
        if self.closed {
            return;
        }
        let verified = match verified {
            Ok(verified) => verified,
            Err(why) => return self.refuse_token(why, now),
        };
        if claimed.is_some_and(|claimed| claimed != verified.user) {
            return self.refuse_as(ErrorCode::Unauthorized, "`userId` is not the token's user");
        }
        if self.verified_user().is_some_and(|user| user != verified.user) {
            return self.refuse_as(ErrorCode::Unauthorized, "the token is another user's than this session's");
        }
        let Verified { user, public_claims, expires_in, assigned } = verified;
        self.auth_by = None;
        let expires_in = Some(expires_in);
        self.identify(Identity { user, verified: true, public_claims, expires_in, assigned }, now);
    }

    fn identify(&mut self, identity: Identity, now: Time) {
        let (user_id, verified) = (identity.user.clone(), identity.verified);
        self.identity = Some(Known::new(identity.clone(), now));
        self.push_frame(Up::Identify(identity));
        self.tell(&ServerMessage::Authenticated { user_id, verified });
    }

    fn refuse_token(&mut self, why: NotVerified, now: Time) {
        match why {
            NotVerified::Bad => {
                let refusal = Refusal::new(ErrorCode::Unauthorized, "the token is not accepted".to_owned());
                self.refuse_bad_message(refusal, now);
            }
            NotVerified::UnknownKey => self.refuse_as(ErrorCode::Unauthorized, "the token is not accepted"),
            NotVerified::Expired => self.refuse_as(ErrorCode::Unauthorized, "the token has expired"),
            NotVerified::TooManyConnections => {
                let why = "this user has too many connections".to_owned();
                self.refuse(Refusal::new(ErrorCode::RateLimited, why).retry_after(USER_RETRY));
            }
            NotVerified::NoKeys => self.refuse(
                Refusal::new(ErrorCode::Unavailable, "tokens can't be checked just now".to_owned())
                    .retry_after(KEYS_RETRY),
            ),
        }
    }

    /// Whether a message has to wait until the client has shown a token; then it is refused.
    pub(super) fn refuse_stranger(&mut self, message: &ClientMessage) -> bool {
        if !self.is_stranger() || matches!(message, ClientMessage::Auth { .. } | ClientMessage::Ping { .. }) {
            return false;
        }
        self.refuse_as(ErrorCode::Unauthorized, "say who you are first: `auth` with a `token`");
        true
    }

    /// When the client is to be told, or sent away.
    pub(super) fn identity_deadline(&self) -> Option<Time> {
        let proof = self.identity.as_ref().and_then(|known| known.deadline());
        [self.auth_by, proof].into_iter().flatten().min()
    }

    pub(super) fn check_identity(&mut self, now: Time) {
        if self.auth_by.is_some_and(|deadline| deadline <= now) {
            self.auth_by = None;
            return self.send_stranger_away();
        }
        let Some(known) = &mut self.identity else { return };
        let Some(expires) = known.expires else { return };
        if expires <= now {
            known.expires = None;
            self.send_stranger_away();
        } else if !known.is_warned && expires - WARNING <= now {
            known.is_warned = true;
            self.tell(&ServerMessage::TokenExpiring { remaining: expires.since(now) });
        }
    }

    /// A resumed session brings its identity with it, and whether that still holds.
    pub(super) fn take_over_identity(&mut self, identity: Option<Identity>, now: Time) {
        self.identity = identity.map(|identity| Known::new(identity, now));
        if self.verified_user().is_some() {
            self.auth_by = None;
        }
        self.check_identity(now);
    }

    /// What a partner must be like, if the client asks for this.
    pub(super) fn wishes_of(&self, asked: &Wishes) -> Wishes {
        self.assigned().map_or_else(|| asked.clone(), |assigned| assigned.added_to(asked))
    }

    /// What the client asked for, as far as its wishes tell.
    pub(super) fn asked_in(&self, wishes: &Wishes) -> Wishes {
        self.assigned().map_or_else(|| wishes.clone(), |assigned| assigned.taken_from(wishes))
    }

    fn assigned(&self) -> Option<&Assigned> {
        self.identity.as_ref()?.identity.assigned.as_deref()
    }

    fn send_stranger_away(&mut self) {
        self.limited(Limit::AuthTime);
        self.close(CloseCode::Unauthorized);
    }
}

/// How long before a proof ends its client is told.
const WARNING: Duration = Duration::from_secs(60);
/// One of the user's connections has to end first; nobody knows when.
const USER_RETRY: Duration = Duration::from_secs(10);
/// Between two attempts to get keys.
const KEYS_RETRY: Duration = Duration::from_secs(5);
