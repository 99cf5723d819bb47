//! A worker's links as its sessions use them: which link a session is on, what is pushed into it, what its coming and going does.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use duet_proto::frame::UpFrame;
use duet_proto::ids::BootId;
use duet_proto::link::MatchmakerHello;
use duet_proto::queue::{Refused, Sender};
use duet_proto::time::Time;
use tokio::sync::Notify;
use tokio::time::sleep_until;

use super::Worker;
use super::departed::Departed;
use crate::server::connection::Connection;
use crate::server::roster::Matchmaker;
use crate::server::tally::LinkTally;
use crate::session::Session;

/// One of the worker's links.
pub(super) struct LinkSlot {
    pub(super) state: RefCell<LinkState>,
    /// To whom; nobody while nobody has the slot.
    matchmaker: RefCell<Option<Arc<Matchmaker>>>,
    /// What the replica called itself on the newest link, and its process.
    pub(super) replica: RefCell<Option<(String, BootId)>>,
    /// Whether it is down for so long, or so certainly, that its sessions are to go on elsewhere.
    pub(super) is_lost: Cell<bool>,
    /// What the replica may not know yet.
    pub(super) departed: RefCell<Departed>,
    /// Tells the link's task that its queue overflowed.
    overflowed: Notify,
}

pub(super) enum LinkState {
    Up(Sender<UpFrame>),
    DownSince(Time),
}

impl LinkSlot {
    pub(super) fn down_since(now: Time) -> Self {
        LinkSlot {
            state: RefCell::new(LinkState::DownSince(now)),
            matchmaker: RefCell::default(),
            replica: RefCell::default(),
            // Until it is somebody's.
            is_lost: Cell::new(true),
            departed: RefCell::default(),
            overflowed: Notify::new(),
        }
    }

    pub(super) fn is_up(&self) -> bool {
        matches!(*self.state.borrow(), LinkState::Up(_))
    }

    fn is_taken(&self) -> bool {
        self.matchmaker.borrow().is_some()
    }

    /// Lets what is queued still be taken, and nothing more in.
    pub(super) fn close(&self) {
        if let LinkState::Up(sender) = &*self.state.borrow() {
            sender.close();
        }
    }

    /// Counts something of the link.
    pub(super) fn tally(&self, worker: usize, count: impl FnOnce(&LinkTally)) {
        if let Some(matchmaker) = &*self.matchmaker.borrow() {
            count(&matchmaker.tallies[worker]);
        }
    }
}

impl Worker {
    /// Spreads sessions over the links that are up; if none is, over all.
    pub(super) fn link_for(&self, number: u64) -> usize {
        let count = self.links.len();
        let start = usize::try_from(number).unwrap_or_default() % count;
        let around = || (0..count).map(|step| (start + step) % count);
        let up = around().find(|link| self.links[*link].is_up());
        up.or_else(|| around().find(|link| self.links[*link].is_taken())).unwrap_or(start)
    }

    /// Those that are up.
    pub(super) fn links_up(&self) -> Vec<usize> {
        (0..self.links.len()).filter(|link| self.links[*link].is_up()).collect()
    }

    /// To what else there is a link if it is the same process under another address.
    pub(in crate::server) fn twin(&self, link: usize, hello: &MatchmakerHello) -> Option<String> {
        let is_same = |replica: &(String, BootId)| replica.1 == hello.boot;
        let is_twin = |slot: &LinkSlot| slot.is_up() && slot.replica.borrow().as_ref().is_some_and(is_same);
        let others = self.links.iter().enumerate().filter(|(other, _)| *other != link);
        let twin = others.map(|(_, slot)| slot).find(|slot| is_twin(slot))?;
        twin.matchmaker.borrow().as_ref().map(|matchmaker| matchmaker.name.clone())
    }

    /// A slot is a matchmaker's from now on, to which a link is about to be made.
    pub(in crate::server) fn occupy(&self, link: usize, matchmaker: Arc<Matchmaker>) {
        let slot = &self.links[link];
        *slot.matchmaker.borrow_mut() = Some(matchmaker);
        *slot.state.borrow_mut() = LinkState::DownSince(self.clock.now());
        slot.is_lost.set(false);
    }

    /// The matchmaker of a slot, to which there is no link, will not come back.
    pub(in crate::server) fn vacate(&self, link: usize) {
        self.links[link].matchmaker.take();
        self.links[link].departed.take();
        self.lost(link);
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
    pub(in crate::server) fn link_up(&self, link: usize, hello: &MatchmakerHello, sender: Sender<UpFrame>) {
        let slot = &self.links[link];
        slot.tally(self.index, |tally| tally.is_up(sender.gauge()));
        *slot.state.borrow_mut() = LinkState::Up(sender);
        *slot.replica.borrow_mut() = Some((hello.replica.clone(), hello.boot));
        slot.is_lost.set(false);
        let now = self.clock.now();
        self.links_changed.set(Some(now));
        self.shared.readiness.link_up(self.index);
        self.tell_departed(link, now);
        self.feed_all(link, Session::handle_link_up);
        self.go_on_elsewhere();
    }

    /// A link broke.
    pub(in crate::server) fn link_down(&self, link: usize) {
        self.measure_link_end(link);
        let now = self.clock.now();
        *self.links[link].state.borrow_mut() = LinkState::DownSince(now);
        self.links_changed.set(Some(now));
        self.shared.readiness.link_down(self.index);
        self.closed.notify_one();
        self.feed_all(link, Session::handle_link_down);
    }

    /// Resolves when a link that is down has been waited for long enough.
    pub(in crate::server) async fn waited_for(&self, link: usize) {
        let since = match *self.links[link].state.borrow() {
            LinkState::DownSince(since) if !self.links[link].is_lost.get() => Some(since),
            _ => None,
        };
        match since {
            Some(since) => sleep_until(self.clock.instant(since + LOST_AFTER)).await,
            None => std::future::pending().await,
        }
    }

    /// A link's matchmaker does not take what it is sent. If it is what is kept that does not fit, those sessions end for which it is
    /// most: on the next link all of it would be sent again.
    pub(in crate::server) fn shed(&self, link: usize) {
        let on_link = self.all().into_iter().filter(|connection| connection.link.get() == link);
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

/// For so long sessions wait for their link to come back: matchmakers keep them for as long.
const LOST_AFTER: Duration = Duration::from_secs(3);
