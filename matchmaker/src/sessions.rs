//! What is known of each session. Nothing is decided here.

use std::collections::BTreeMap;
use std::ops::{Bound, Index, IndexMut};
use std::sync::Arc;
use std::time::Duration;

use duet_proto::frame::{Identity, PartnerLeftReason, Wishes};
use duet_proto::ids::{ClientId, RoomId, SessionNumber, TicketNumber};
use duet_proto::time::Time;
use duet_proto::token::TokenHash;
use slab::Slab;

use crate::frames::PoolLimit;
use crate::pool::Turn;
use crate::resumable::Resumable;
use crate::rooms::RoomKey;
use crate::sharing::Asked;
use crate::suitability::Lately;
use crate::{LinkKey, Party};

/// A session inside the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SessionKey(pub(crate) usize);

/// One session.
#[derive(Debug)]
pub(crate) struct Session {
    /// The last; it may have ended.
    pub(crate) link: LinkKey,
    pub(crate) number: SessionNumber,
    pub(crate) client: ClientId,
    pub(crate) identity: Option<Box<Known>>,
    pub(crate) attached: Time,
    /// The latest; its attempt is the highest that the gateway has used.
    pub(crate) ticket: TicketNumber,
    /// The last; kept in a room, where it tells the place to go back to.
    pub(crate) wish: Option<Wish>,
    pub(crate) state: State,
    /// While it waits.
    pub(crate) standing: Option<Box<Standing>>,
    pub(crate) last_partner: Option<LastPartner>,
    /// Whom it left by `next`, and until when the two are kept apart.
    pub(crate) apart: Vec<(ClientId, Time)>,
    /// Whom it met last, and when they parted; the latest last.
    pub(crate) recent: Vec<(ClientId, Time)>,
    /// Whom it is never matched with again, as one of them reported the other.
    pub(crate) blocked: Vec<ClientId>,
    /// If it outlives its socket.
    pub(crate) resumable: Option<Box<Resumable>>,
}

/// Who its client says it is, and until when that is proved.
#[derive(Debug)]
pub(crate) struct Known {
    identity: Identity,
    /// Who it is, if that is proved.
    user: Option<Arc<str>>,
    expires: Option<Time>,
}

impl Known {
    pub(crate) fn new(identity: Identity, now: Time) -> Box<Self> {
        let user = identity.verified.then(|| identity.user.as_str().into());
        Box::new(Known { expires: identity.expires_in.map(|left| now + left), identity, user })
    }

    /// As it was told.
    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// What another gateway is to be told.
    pub(crate) fn at(&self, now: Time) -> Identity {
        Identity { expires_in: self.expires.map(|expires| expires.since(now)), ..self.identity.clone() }
    }
}

/// What a session asked for, and its turn.
#[derive(Debug)]
pub(crate) struct Wish {
    pub(crate) wishes: Wishes,
    /// Without its head start.
    pub(crate) turn: Turn,
    /// When it began to insist on what it wishes for.
    pub(crate) asked: Time,
    /// Whether a full pool may still refuse it.
    pub(crate) limit: PoolLimit,
}

/// How a session stands in its queue.
#[derive(Debug)]
pub(crate) struct Standing {
    /// If only others in quarantine meet it: until when.
    pub(crate) released_at: Option<Time>,
    /// When it is served.
    pub(crate) turn: Turn,
    /// Whether anybody will do.
    pub(crate) is_wide: bool,
    /// Whether it is found by those who seek. Who is absent may still be.
    pub(crate) is_shown: bool,
    /// When anybody will do.
    pub(crate) widens_at: Option<Time>,
    /// When even those will do whom it has met lately.
    pub(crate) past_caring_at: Option<Time>,
    /// When it goes on looking through a lane that was too long to be looked through at once.
    pub(crate) search_at: Option<Time>,
    /// How far it has come in that.
    pub(crate) come_to: Option<Turn>,
    /// When it may be told how it stands, and how long after that again.
    pub(crate) tell_at: Option<Time>,
    pub(crate) told_every: Duration,
    /// The position and the estimate that it was told last.
    pub(crate) told: (u64, Option<Duration>),
    /// If the pool is shared: how it stands with the engine.
    pub(crate) asked: Option<Box<Asked>>,
    /// The first of all these moments, for which there is a timer.
    pub(crate) due: Option<Time>,
}

/// What a session does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum State {
    Idle,
    Waiting,
    InRoom(RoomKey),
    /// The other side has not announced the room yet.
    InHalfRoom(RoomId),
}

/// Whom a report may still name, and what an announcement of that room is answered with.
#[derive(Clone, Debug)]
pub(crate) struct LastPartner {
    pub(crate) partner: Party,
    pub(crate) room: RoomId,
    pub(crate) lasted: Duration,
    pub(crate) parted: Time,
    /// Why the other left; `None` if this one did.
    pub(crate) reason: Option<PartnerLeftReason>,
}

impl Session {
    /// One that has just come, and does nothing.
    pub(crate) fn new(link: LinkKey, number: SessionNumber, client: ClientId, now: Time) -> Self {
        Session {
            link,
            number,
            client,
            identity: None,
            attached: now,
            ticket: TicketNumber::default(),
            wish: None,
            state: State::Idle,
            standing: None,
            last_partner: None,
            apart: Vec::new(),
            recent: Vec::new(),
            blocked: Vec::new(),
            resumable: None,
        }
    }

    /// The wish of a session that waits or is in a room.
    pub(crate) fn wish(&self) -> &Wish {
        self.wish.as_ref().expect("nobody waits or meets without having asked")
    }

    /// The resumable part, and whose it is.
    pub(crate) fn resumable_mut(&mut self) -> Option<(ClientId, &mut Resumable)> {
        let client = self.client;
        self.resumable.as_deref_mut().map(|resumable| (client, resumable))
    }

    /// Who it is, if that is proved.
    pub(crate) fn proved(&self) -> Option<&Identity> {
        self.identity.as_deref().map(Known::identity).filter(|identity| identity.verified)
    }

    /// Its user, if that is proved.
    pub(crate) fn user(&self) -> Option<&Arc<str>> {
        self.identity.as_ref()?.user.as_ref()
    }

    /// Who it is to those who hear of events.
    pub(crate) fn party(&self) -> Party {
        Party { client: self.client, user: self.user().cloned() }
    }

    /// Whether it has no socket.
    pub(crate) fn is_detached(&self) -> bool {
        self.resumable.as_ref().is_some_and(|resumable| resumable.detached_until.is_some())
    }

    /// Remembers whom it has just parted from.
    pub(crate) fn remember_meeting(&mut self, other: ClientId, lately: Duration, most: usize, now: Time) {
        self.recent.retain(|(client, parted)| *client != other && now.since(*parted) < lately);
        self.recent.push((other, now));
        if self.recent.len() > most {
            self.recent.remove(0);
        }
    }

    /// Whether it has met another not long ago.
    pub(crate) fn met_lately(&self, other: ClientId, lately: Lately) -> bool {
        let latest = self.recent.iter().rev().take(lately.most);
        latest.take_while(|(_, parted)| *parted > lately.since).any(|(client, _)| *client == other)
    }

    /// Is not matched with another again. Of too many the one blocked longest ago is let go.
    pub(crate) fn block(&mut self, other: ClientId) {
        if !self.has_blocked(other) {
            if self.blocked.len() == BLOCKED_AT_MOST {
                self.blocked.remove(0);
            }
            self.blocked.push(other);
        }
    }

    pub(crate) fn has_blocked(&self, other: ClientId) -> bool {
        self.blocked.contains(&other)
    }

    /// Whether this one keeps apart from another.
    pub(crate) fn keeps_apart_from(&self, other: ClientId, now: Time) -> bool {
        self.apart.iter().any(|(client, until)| *client == other && *until > now)
    }
}

/// All sessions, by key, by token, and by client in the order of ids.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    slab: Slab<Session>,
    by_client: BTreeMap<ClientId, SessionKey>,
    by_token: BTreeMap<TokenHash, SessionKey>,
}

impl Sessions {
    pub(crate) fn insert(&mut self, session: Session) -> SessionKey {
        let client = session.client;
        let key = SessionKey(self.slab.insert(session));
        self.by_client.insert(client, key);
        self.index_tokens(key);
        key
    }

    pub(crate) fn remove(&mut self, key: SessionKey) -> Session {
        self.forget_tokens(key);
        let session = self.slab.remove(key.0);
        self.by_client.remove(&session.client);
        session
    }

    /// Whose token it is: the newest one, or the one before while that is still good.
    pub(crate) fn by_token(&self, token: TokenHash) -> Option<SessionKey> {
        self.by_token.get(&token).copied()
    }

    /// A token was used, and another given out. The used one stays good until the client has spoken.
    pub(crate) fn rotate_tokens(&mut self, key: SessionKey, used: TokenHash, next: TokenHash) {
        self.set_tokens(key, next, Some(used));
    }

    /// The client has spoken: only its newest token is good.
    pub(crate) fn settle_tokens(&mut self, key: SessionKey) {
        let Some(Resumable { token, earlier_token: Some(_), .. }) = self[key].resumable.as_deref() else { return };
        self.set_tokens(key, *token, None);
    }

    /// The tokens are these.
    pub(crate) fn set_tokens(&mut self, key: SessionKey, token: TokenHash, earlier: Option<TokenHash>) {
        self.forget_tokens(key);
        if let Some(resumable) = &mut self.slab[key.0].resumable {
            (resumable.token, resumable.earlier_token) = (token, earlier);
        }
        self.index_tokens(key);
    }

    fn index_tokens(&mut self, key: SessionKey) {
        for token in tokens(&self.slab[key.0]) {
            self.by_token.insert(token, key);
        }
    }

    fn forget_tokens(&mut self, key: SessionKey) {
        for token in tokens(&self.slab[key.0]) {
            if self.by_token.get(&token) == Some(&key) {
                self.by_token.remove(&token);
            }
        }
    }

    pub(crate) fn by_client(&self, client: ClientId) -> Option<SessionKey> {
        self.by_client.get(&client).copied()
    }

    /// In the order of clients' ids.
    pub(crate) fn after(&self, client: Option<ClientId>) -> impl Iterator<Item = &Session> {
        let start = client.map_or(Bound::Unbounded, Bound::Excluded);
        self.by_client.range((start, Bound::Unbounded)).map(|(_, key)| &self[*key])
    }

    pub(crate) fn len(&self) -> usize {
        self.slab.len()
    }
}

fn tokens(session: &Session) -> impl Iterator<Item = TokenHash> + use<> {
    let tokens = session.resumable.as_ref().map(|resumable| [Some(resumable.token), resumable.earlier_token]);
    tokens.into_iter().flatten().flatten()
}

impl Index<SessionKey> for Sessions {
    type Output = Session;

    fn index(&self, key: SessionKey) -> &Session {
        &self.slab[key.0]
    }
}

impl IndexMut<SessionKey> for Sessions {
    fn index_mut(&mut self, key: SessionKey) -> &mut Session {
        &mut self.slab[key.0]
    }
}

/// How many a session may have reported, or been reported by, that it is not matched with again.
const BLOCKED_AT_MOST: usize = 64;
