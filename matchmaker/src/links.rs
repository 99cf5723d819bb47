//! The links, and which sessions are on them. Nothing is decided here.
//!
//! A link that has ended stays listed while sessions of it are unlinked: it tells who may attach them anew.

use std::collections::{BTreeMap, HashMap};

use duet_proto::ids::SessionNumber;
use duet_proto::link::GatewayHello;
use duet_proto::time::Time;

use crate::sessions::SessionKey;

/// A link inside one machine. Never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkKey(u64);

/// One link and the sessions on it.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) hello: GatewayHello,
    pub(crate) sessions: HashMap<SessionNumber, SessionKey>,
    /// Once it has ended: how long its sessions are kept.
    pub(crate) kept_until: Option<Time>,
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
        self.by_key.insert(key, Link { hello, sessions: HashMap::new(), kept_until: None });
        key
    }

    pub(crate) fn remove(&mut self, link: LinkKey) -> Option<Link> {
        self.by_key.remove(&link)
    }

    pub(crate) fn get_mut(&mut self, link: LinkKey) -> Option<&mut Link> {
        self.by_key.get_mut(&link)
    }

    pub(crate) fn is_up(&self, link: LinkKey) -> bool {
        self.by_key.get(&link).is_some_and(|link| link.kept_until.is_none())
    }

    /// Links that are up. Links are few: as many as workers.
    pub(crate) fn up(&self) -> usize {
        self.by_key.values().filter(|link| link.kept_until.is_none()).count()
    }

    /// The link that a worker has now.
    pub(crate) fn up_by(&self, hello: &GatewayHello) -> Option<LinkKey> {
        let mut links = self.by_key.iter().filter(|(_, link)| link.kept_until.is_none());
        links.find(|(_, link)| link.hello == *hello).map(|(key, _)| *key)
    }

    /// Links, up or not, of the same worker of other processes.
    pub(crate) fn of_other_boots(&self, hello: &GatewayHello) -> Vec<LinkKey> {
        let same_worker = |link: &Link| link.hello.gateway == hello.gateway && link.hello.worker == hello.worker;
        let others = self.by_key.iter().filter(|(_, link)| same_worker(link) && link.hello.boot != hello.boot);
        others.map(|(key, _)| *key).collect()
    }

    pub(crate) fn hello(&self, link: LinkKey) -> &GatewayHello {
        &self.by_key[&link].hello
    }

    pub(crate) fn session(&self, link: LinkKey, number: SessionNumber) -> Option<SessionKey> {
        self.by_key.get(&link)?.sessions.get(&number).copied()
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
