//! Tokens that clients show in messages: checked at once where the key is known, and else once the keys have been fetched.

use duet_proto::ids::SessionNumber;
use duet_proto::json::Token;
use tokio::task::spawn_local;

use super::Worker;
use crate::server::Refused;
use crate::server::connection::Connection;
use crate::server::places::UserPlace;
use crate::server::verifier::Checked;
use crate::session::{NotVerified, Verified};

impl Worker {
    pub(super) fn verify(&self, connection: &Connection, token: Token) {
        let Some(verifier) = &self.shared.settings.verifier else {
            return self.verified(connection, Err(NotVerified::NoKeys));
        };
        match verifier.check(&token.0) {
            Checked::Done(verified) => self.verified(connection, verified),
            Checked::UnknownKey => {
                let (this, verifier, number) = (self.this.clone(), verifier.clone(), connection.number);
                spawn_local(async move {
                    let verified = verifier.check_fetching(&token.0).await;
                    if let Some(worker) = this.upgrade() {
                        worker.verified_later(number, verified);
                    }
                });
            }
        }
    }

    fn verified_later(&self, number: SessionNumber, verified: Result<Verified, NotVerified>) {
        let connection = self.connections.borrow().get(&number).cloned();
        if let Some(connection) = connection {
            self.verified(&connection, verified);
        }
    }

    fn verified(&self, connection: &Connection, verified: Result<Verified, NotVerified>) {
        let verified = verified.and_then(|verified| self.place_user(connection, verified));
        match &verified {
            Err(NotVerified::TooManyConnections) => self.shared.counts.refused(Refused::UserConnections),
            Err(NotVerified::Bad) => {
                self.shared.counts.refused(Refused::Unauthorized);
                if let Some(from) = connection.from() {
                    self.shared.places.bad_token(from, self.clock.now());
                }
            }
            Err(NotVerified::UnknownKey | NotVerified::Expired) => {
                self.shared.counts.refused(Refused::Unauthorized);
            }
            Err(NotVerified::NoKeys) => self.shared.counts.refused(Refused::Unavailable),
            Ok(_) => {}
        }
        self.feed(connection, |session, now| session.handle_verified(verified, now));
    }

    /// A connection takes one place of its user's, however often the user shows a token.
    fn place_user(&self, connection: &Connection, verified: Verified) -> Result<Verified, NotVerified> {
        let held = connection.user_place.take().filter(|held| held.user() == verified.user);
        let place = match held {
            Some(held) => Some(held),
            None => UserPlace::take(&self.shared, &verified.user).map(Box::new),
        };
        let has_place = place.is_some();
        connection.user_place.set(place);
        if has_place { Ok(verified) } else { Err(NotVerified::TooManyConnections) }
    }
}
