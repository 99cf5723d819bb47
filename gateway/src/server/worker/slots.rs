//! A worker's links as its sessions use them: which link a session is on, what is pushed into it, what its coming and going does.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::rc::Rc;

use duet_proto::frame::UpFrame;
use duet_proto::queue::{Refused, Sender};
use duet_proto::time::Time;
use tokio::sync::Notify;

use super::Worker;
use crate::server::connection::Connection;
use crate::session::Session;

/// One of the worker's links.
pub(super) struct LinkSlot {
    pub(super) state: RefCell<LinkState>,
    /// Tells the link's task that its queue overflowed.
    overflowed: Notify,
}

pub(super) enum LinkState {
    Up(Sender<UpFrame>),
    DownSince(Time),
}

impl LinkSlot {
    pub(super) fn down_since(now: Time) -> Self {
        LinkSlot { state: RefCell::new(LinkState::DownSince(now)), overflowed: Notify::new() }
    }

    pub(super) fn is_up(&self) -> bool {
        matches!(*self.state.borrow(), LinkState::Up(_))
    }

    /// Lets what is queued still be taken, and nothing more in.
    pub(super) fn close(&self) {
        if let LinkState::Up(sender) = &*self.state.borrow() {
            sender.close();
        }
    }
}

impl Worker {
    /// Spreads sessions over the links that are up; if none is, over all.
    pub(super) fn link_for(&self, number: u64) -> usize {
        let count = self.links.len();
        let start = usize::try_from(number).unwrap_or_default() % count;
        let is_up = |link: &usize| self.links[*link].is_up();
        (0..count).map(|step| (start + step) % count).find(is_up).unwrap_or(start)
    }

    pub(super) fn push(&self, link: usize, frame: UpFrame) {
        let slot = &self.links[link];
        let LinkState::Up(sender) = &*slot.state.borrow() else { return };
        // A closed queue means that the link is about to be found broken, and all sessions will be announced anew.
        if sender.push(frame) == Err(Refused::Full) {
            slot.overflowed.notify_one();
        }
    }

    /// A link came up: all its sessions are announced on it.
    pub(in crate::server) fn link_up(&self, link: usize, sender: Sender<UpFrame>) {
        self.tally().links[link].is_up(sender.gauge());
        *self.links[link].state.borrow_mut() = LinkState::Up(sender);
        self.shared.readiness.link_up(self.index);
        self.feed_all(link, Session::handle_link_up);
    }

    /// A link broke.
    pub(in crate::server) fn link_down(&self, link: usize) {
        self.measure_link_end(link);
        *self.links[link].state.borrow_mut() = LinkState::DownSince(self.clock.now());
        self.shared.readiness.link_down(self.index);
        self.closed.notify_one();
        self.feed_all(link, Session::handle_link_down);
    }

    /// A link's matchmaker does not take what it is sent. If it is what is kept that does not fit, those sessions end for which it is
    /// most: on the next link all of it would be sent again.
    pub(in crate::server) fn shed(&self, link: usize) {
        let on_link = self.all().into_iter().filter(|connection| connection.link == link);
        let weighed = |connection: Rc<Connection>| {
            let bytes = connection.session.borrow().backlog();
            (bytes, connection)
        };
        let mut heaviest: Vec<_> = on_link.map(weighed).collect();
        heaviest.sort_by_key(|(bytes, _)| Reverse(*bytes));
        let mut total: usize = heaviest.iter().map(|(bytes, _)| bytes).sum();
        for (bytes, connection) in heaviest {
            if total <= self.shared.settings.link_queue.bytes / 2 {
                return;
            }
            total -= bytes;
            self.feed(&connection, |session, _| session.handle_overflow());
        }
    }

    /// Resolves when a link's queue overflowed: the matchmaker does not take what it is sent.
    pub(in crate::server) async fn overflowed(&self, link: usize) {
        self.links[link].overflowed.notified().await;
    }
}
