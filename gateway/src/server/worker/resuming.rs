//! Looking for a session that a client wants back: whoever has it may be any of the replicas, so they are asked one after the other. A
//! session that is on its way from one to another is at none for a moment, so then all are asked again.

use std::cell::RefCell;
use std::time::Duration;

use duet_proto::frame::Down;
use duet_proto::ids::SessionNumber;
use duet_proto::time::Time;
use rustc_hash::FxHashMap;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep_until};

use super::Worker;
use crate::server::connection::Connection;
use crate::server::tally::Moved;
use crate::session::Session;

/// Those that are under way; no more than there are connections.
#[derive(Default)]
pub(super) struct Searches(RefCell<FxHashMap<SessionNumber, Search>>);

impl Searches {
    /// A replica is being asked, for whatever reason.
    pub(super) fn asked(&self, session: SessionNumber) {
        let Searches(all) = self;
        if let Some(search) = all.borrow_mut().get_mut(&session) {
            search.is_asking = true;
        }
    }

    /// It has come to an end, if there was one.
    pub(super) fn end(&self, session: SessionNumber) {
        let Searches(all) = self;
        let mut all = all.borrow_mut();
        all.remove(&session);
        if all.is_empty() {
            // They come in crowds, when a gateway has died.
            *all = FxHashMap::default();
        }
    }
}

/// One of them.
#[derive(Debug)]
struct Search {
    began: Time,
    /// Links whose replicas have nothing, in this round.
    failed: Vec<usize>,
    /// Whether a replica is to answer.
    is_asking: bool,
}

/// How it goes on.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// Over this link.
    Ask(usize),
    /// By another round, in a moment.
    Wait,
    /// There is no such session.
    GiveUp,
}

impl Search {
    fn begin(now: Time) -> Self {
        Search { began: now, failed: Vec::new(), is_asking: true }
    }

    /// The replica at a link has no such session. `up` are the links that are up, and one changed at that time last.
    fn failed(&mut self, link: usize, up: &[usize], changed: Option<Time>, now: Time) -> Step {
        self.failed.push(link);
        self.is_asking = false;
        if let Some(next) = up.iter().find(|link| !self.failed.contains(link)) {
            return Step::Ask(*next);
        }
        let is_settled = changed.is_none_or(|changed| changed + SETTLED_AFTER <= now);
        if is_settled || self.began + LONGEST_SEARCH <= now { Step::GiveUp } else { Step::Wait }
    }

    /// A round begins: another link than the one that was asked last comes first.
    fn again(&mut self, link: usize, up: &[usize]) -> Option<usize> {
        self.failed.clear();
        up.iter().copied().find(|other| *other != link)
    }
}

impl Worker {
    /// A frame has come for a session whose client may want another one. Tells whether that is looked for elsewhere now, so that the
    /// frame is not for the session.
    pub(super) fn searches_on(&self, connection: &Connection, frame: &Down, now: Time) -> bool {
        if !matches!(frame, Down::ResumeFailed | Down::SessionResumed(_)) {
            return false;
        }
        let up = self.links_up();
        let has_others = up.len().max(self.shared.roster.count()) > 1;
        let is_for_others = *frame == Down::ResumeFailed && has_others && connection.session.borrow().wants_resume();
        if !is_for_others {
            self.searches.end(connection.number);
            return false;
        }
        let Searches(all) = &self.searches;
        let link = connection.link.get();
        let step = {
            let mut all = all.borrow_mut();
            let search = all.entry(connection.number).or_insert_with(|| Search::begin(now));
            search.failed(link, &up, self.links_changed.get(), now)
        };
        match step {
            Step::Ask(next) => self.move_to(connection, next, Moved::Resuming),
            Step::Wait => self.search_again_soon(connection.number),
            Step::GiveUp => {
                self.searches.end(connection.number);
                return false;
            }
        }
        true
    }

    fn search_again_soon(&self, number: SessionNumber) {
        let this = self.this.clone();
        spawn_local(async move {
            sleep_until(Instant::now() + ROUND).await;
            if let Some(worker) = this.upgrade() {
                worker.search_again(number);
            }
        });
    }

    pub(super) fn search_again(&self, number: SessionNumber) {
        let connection = self.connections.borrow().get(&number).cloned();
        let Some(connection) = connection.filter(|connection| connection.session.borrow().wants_resume()) else {
            return self.searches.end(number);
        };
        let Searches(all) = &self.searches;
        let (link, up) = (connection.link.get(), self.links_up());
        let next = match all.borrow_mut().get_mut(&number) {
            Some(search) if !search.is_asking => search.again(link, &up),
            // Its link has broken meanwhile, and what it wants was asked for anew.
            _ => return,
        };
        match next {
            Some(next) => self.move_to(&connection, next, Moved::Resuming),
            None => self.feed(&connection, |session: &mut Session, _| session.handle_resume_again()),
        }
    }
}

/// How far apart rounds are.
const ROUND: Duration = Duration::from_millis(250);
/// So long after a link has come up or broken, sessions may still be on their way.
const SETTLED_AFTER: Duration = Duration::from_secs(5);
/// However often links come and go.
const LONGEST_SEARCH: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn each_link_that_is_up_is_asked_once_while_nothing_has_changed_for_long() {
        let mut search = Search::begin(at(10));
        assert_eq!(search.failed(1, &[0, 1, 3], Some(at(5)), at(10)), Step::Ask(0));
        assert_eq!(search.failed(0, &[0, 1, 3], Some(at(5)), at(10)), Step::Ask(3));
        assert_eq!(search.failed(3, &[0, 1, 3], Some(at(5)), at(10)), Step::GiveUp);
    }

    #[test]
    fn rounds_are_repeated_while_sessions_may_be_on_their_way() {
        let mut search = Search::begin(at(10));
        assert_eq!(search.failed(0, &[0, 1], Some(at(8)), at(10)), Step::Ask(1));
        assert_eq!(search.failed(1, &[0, 1], Some(at(8)), at(10)), Step::Wait);
        assert_eq!(search.again(1, &[0, 1]), Some(0));
        assert_eq!(search.failed(0, &[0, 1], Some(at(8)), at(12)), Step::Ask(1));
        assert_eq!(search.failed(1, &[0, 1], Some(at(8)), at(13)), Step::GiveUp);
        assert_eq!(search.again(1, &[1]), None, "there is only this one to ask");
    }

    #[test]
    fn a_link_that_comes_and_goes_does_not_make_it_last_for_ever() {
        let mut search = Search::begin(at(10));
        assert_eq!(search.failed(0, &[0], Some(at(19)), at(19)), Step::Wait);
        search.again(0, &[0]);
        assert_eq!(search.failed(0, &[0], Some(at(20)), at(20)), Step::GiveUp);
    }
}
