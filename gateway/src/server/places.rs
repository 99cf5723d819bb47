//! The places that clients take: the census that all workers share, and what gives a place back.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use duet_proto::time::Time;

use super::Shared;
use crate::addresses::AddressBlock;
use crate::census::{Census, CensusConfig, NoPlace};

/// Shared by the workers.
#[derive(Debug)]
pub(super) struct Places(Mutex<Census>);

impl Places {
    pub(super) fn new(config: CensusConfig) -> Self {
        Places(Mutex::new(Census::new(config)))
    }

    fn census(&self) -> MutexGuard<'_, Census> {
        self.0.lock().expect("no code that holds this lock panics")
    }

    /// A token that was never good came from there.
    pub(super) fn bad_token(&self, from: AddressBlock, now: Time) {
        self.census().bad_token(from, now);
    }

    pub(super) fn connections(&self) -> usize {
        self.census().connections()
    }
}

/// A place that is taken. Dropping it gives it back.
pub(super) struct Place {
    shared: Arc<Shared>,
    from: Option<AddressBlock>,
}

impl Place {
    /// Whether there is one, without taking it.
    pub(super) fn check(shared: &Shared, from: Option<IpAddr>) -> Result<(), NoPlace> {
        shared.places.census().check(from.map(Into::into), shared.clock.now())
    }

    pub(super) fn take(shared: &Arc<Shared>, from: Option<IpAddr>) -> Result<Self, NoPlace> {
        let from = from.map(Into::into);
        shared.places.census().connect(from, shared.clock.now())?;
        Ok(Place { shared: shared.clone(), from })
    }
}

impl Place {
    /// Whose it is.
    pub(super) fn from(&self) -> Option<AddressBlock> {
        self.from
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.places.census().disconnect(self.from, self.shared.clock.now());
    }
}

/// One of a verified user's connections. Dropping it gives it back.
pub(super) struct UserPlace {
    shared: Arc<Shared>,
    user: Box<str>,
}

impl UserPlace {
    /// `None` if the user has too many.
    pub(super) fn take(shared: &Arc<Shared>, user: &str) -> Option<Self> {
        let has_place = shared.places.census().add_user(user);
        has_place.then(|| UserPlace { shared: shared.clone(), user: user.into() })
    }

    pub(super) fn user(&self) -> &str {
        &self.user
    }
}

impl Drop for UserPlace {
    fn drop(&mut self) {
        self.shared.places.census().remove_user(&self.user);
    }
}
