//! Sessions that go on at another replica: because a partner waits for them there, because the link to theirs is lost, or because what their
//! clients look for may be there. A session is announced on one link at a time; whom it leaves is told.

use duet_proto::frame::{Up, UpFrame};
use duet_proto::ids::{ClientId, SessionNumber, TicketNumber};
use duet_proto::time::Time;

use super::Worker;
use crate::rendezvous;
use crate::server::connection::Connection;
use crate::server::tally::Moved;
use crate::session::Session;

impl Worker {
    /// A session goes on over another link, which is up.
    pub(super) fn move_to(&self, connection: &Connection, link: usize, why: Moved) {
        let (client, is_over) = {
            let session = connection.session.borrow();
            (session.client(), session.is_over())
        };
        let from = connection.link.get();
        if is_over || from == link {
            return;
        }
        tracing::debug!(%client, session = connection.number.0, from, link, why = why.name(), "goes on at another matchmaker");
        let now = self.clock.now();
        if self.links[from].is_up() {
            self.push(from, UpFrame { session: connection.number, client_seq: 0, kind: Up::Departed { client } });
            self.feed_at(now, connection, Session::handle_link_down);
        }
        // Even if that was sent: the link may break before it has arrived.
        self.links[from].departed.borrow_mut().add(connection.number, client, now);
        self.measure_move(connection, why);
        connection.link.set(link);
        self.feed_at(now, connection, Session::handle_link_up);
    }

    /// A replica has a partner for a session that waits at another one.
    pub(super) fn summoned(
        &self,
        link: usize,
        session: SessionNumber,
        connection: Option<&Connection>,
        client: ClientId,
        ticket: TicketNumber,
    ) {
        let follows = |connection: &&Connection| {
            let session = connection.session.borrow();
            connection.link.get() != link && session.client() == client && session.waits_with(ticket)
        };
        match connection.filter(follows) {
            Some(connection) => self.move_to(connection, link, Moved::Summoned),
            None => self.push(link, UpFrame { session, client_seq: 0, kind: Up::Stays { client, ticket } }),
        }
    }

    /// A link is not waited for any longer.
    pub(in crate::server) fn lost(&self, link: usize) {
        if !self.links[link].is_lost.replace(true) {
            self.go_on_elsewhere();
        }
    }

    /// Sessions of links that are lost go on over those that are up, if there are any: those in a room where their partners go too.
    pub(super) fn go_on_elsewhere(&self) {
        let up = self.links_up();
        let replicas: Vec<_> = up.iter().filter_map(|link| self.links[*link].replica.borrow().clone()).collect();
        let is_lost = |link: usize| self.links[link].is_lost.get();
        if self.is_ending.get() || up.is_empty() || !(0..self.links.len()).any(is_lost) {
            return;
        }
        for connection in self.all().into_iter().filter(|connection| is_lost(connection.link.get())) {
            let key = {
                let session = connection.session.borrow();
                session.announced_room().map_or_else(|| *session.client().as_bytes(), |room| *room.as_bytes())
            };
            let place = rendezvous::choose(&key, replicas.iter().map(|(name, boot)| (&**name, *boot)));
            self.move_to(&connection, up[place.unwrap_or_default()], Moved::Lost);
        }
    }

    /// A replica that is reached again hears who has gone on elsewhere, those left out who are back.
    pub(super) fn tell_departed(&self, link: usize, now: Time) {
        let departed = self.links[link].departed.borrow_mut().take(now);
        for (session, client) in departed {
            // Who still is at a link that is lost comes back, as there was no other that is up.
            let comes_back = |home: usize| home == link || self.links[home].is_lost.get();
            let is_back = self.connections.borrow().get(&session).is_some_and(|there| comes_back(there.link.get()));
            if !is_back {
                self.push(link, UpFrame { session, client_seq: 0, kind: Up::Departed { client } });
            }
        }
    }
}
