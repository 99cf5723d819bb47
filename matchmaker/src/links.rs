//! The links, and which sessions are on them. Nothing is decided here.
//!
//! A link that has ended stays listed while it has sessions: it tells who may attach them anew.

use std::collections::BTreeMap;

use duet_proto::ids::SessionNumber;
use duet_proto::link::GatewayHello;
use duet_proto::time::Time;
use rustc_hash::FxHashMap;

use crate::sessions::SessionKey;

/// A link inside one machine. Never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkKey(u64);

/// One link and the sessions on it.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) hello: GatewayHello,
    /// Their numbers are counted by the gateway, so nobody can choose ones that collide.
    pub(crate) sessions: FxHashMap<SessionNumber, SessionKey>,
    pub(crate) state: LinkState,
    /// The highest number that a session has been attached by.
    seen: SessionNumber,
}

/// How a link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkState {
    Up,
    /// It has ended, and its sessions are kept for its gateway.
    Down {
        since: Time,
        until: Time,
    },
    /// Its gateway has died. Left are sessions in their windows.
    Dead,
}

/// All links.
#[derive(Debug, Default)]
pub(crate) struct Links {
    by_key: BTreeMap<LinkKey, Link>,
    ever: u64,
}

impl Links {
    pub(crate) fn insert(&mut self, hello: GatewayHello) -> LinkKey {
        let key = LinkKey(self.ever);
        self.ever += 1;
        let link = Link { hello, sessions: FxHashMap::default(), state: LinkState::Up, seen: SessionNumber(0) };
        self.by_key.insert(key, link);
        key
    }

    pub(crate) fn remove(&mut self, link: LinkKey) -> Option<Link> {
        self.by_key.remove(&link)
    }

    pub(crate) fn get_mut(&mut self, link: LinkKey) -> Option<&mut Link> {
        self.by_key.get_mut(&link)
    }

    pub(crate) fn is_up(&self, link: LinkKey) -> bool {
        self.by_key.get(&link).is_some_and(|link| link.state == LinkState::Up)
    }

    /// Links that are up. Links are few: as many as workers.
    pub(crate) fn up(&self) -> usize {
        self.by_key.values().filter(|link| link.state == LinkState::Up).count()
    }

    /// Links that are up, with how many sessions are on each.
    pub(crate) fn loads(&self) -> impl Iterator<Item = (&GatewayHello, usize)> {
        let up = self.by_key.values().filter(|link| link.state == LinkState::Up);
        up.map(|link| (&link.hello, link.sessions.len()))
    }

    /// The link that a worker has now.
    pub(crate) fn up_by(&self, hello: &GatewayHello) -> Option<LinkKey> {
        let mut links = self.by_key.iter().filter(|(_, link)| link.state == LinkState::Up);
        links.find(|(_, link)| link.hello == *hello).map(|(key, _)| *key)
    }

    /// Links, up or down, of the same worker of other processes that are not known to have died.
    pub(crate) fn of_other_boots(&self, hello: &GatewayHello) -> Vec<LinkKey> {
        let same_worker = |link: &Link| link.hello.gateway == hello.gateway && link.hello.worker == hello.worker;
        let is_other = |link: &Link| link.hello.boot != hello.boot && link.state != LinkState::Dead;
        let others = self.by_key.iter().filter(|(_, link)| same_worker(link) && is_other(link));
        others.map(|(key, _)| *key).collect()
    }

    pub(crate) fn hello(&self, link: LinkKey) -> &GatewayHello {
        &self.by_key[&link].hello
    }

    pub(crate) fn session(&self, link: LinkKey, number: SessionNumber) -> Option<SessionKey> {
        self.by_key.get(&link)?.sessions.get(&number).copied()
    }

    /// Whether sessions are kept that no gateway has, and there is one that they could come back by.
    pub(crate) fn has_orphans(&self) -> bool {
        self.up() > 0 && self.by_key.values().any(|link| link.state != LinkState::Up && !link.sessions.is_empty())
    }

    /// Those on a link, in no order.
    pub(crate) fn sessions(&self, link: LinkKey) -> impl Iterator<Item = SessionKey> {
        self.by_key.get(&link).into_iter().flat_map(|link| link.sessions.values().copied())
    }

    /// Whether that number has been used on the link. Sessions are attached in the order of their numbers.
    pub(crate) fn has_seen(&self, link: LinkKey, number: SessionNumber) -> bool {
        self.by_key.get(&link).is_some_and(|link| number <= link.seen)
    }

    /// That number is used on the link.
    pub(crate) fn see(&mut self, link: LinkKey, number: SessionNumber) {
        if let Some(link) = self.by_key.get_mut(&link) {
            link.seen = link.seen.max(number);
        }
    }

    pub(crate) fn add_session(&mut self, link: LinkKey, number: SessionNumber, session: SessionKey) {
        let link = self.by_key.get_mut(&link).expect("frames are taken only from links that are up");
        link.sessions.insert(number, session);
    }

    pub(crate) fn remove_session(&mut self, link: LinkKey, number: SessionNumber) {
        if let Some(link) = self.by_key.get_mut(&link) {
            link.sessions.remove(&number);
        }
    }
}
