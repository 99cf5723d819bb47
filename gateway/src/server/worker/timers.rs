//! A worker's one timer, for all its sessions: each stands in it once, at its next deadline.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use duet_proto::close::CloseCode;
use duet_proto::ids::SessionNumber;
use duet_proto::time::Time;
use tokio::sync::Notify;
use tokio::time::sleep_until;

use super::Worker;
use crate::server::connection::{Connection, SocketEnd};
use crate::server::{Ended, Refused};
use crate::session::Session;

/// Who is to be given its time, and when.
#[derive(Default)]
pub(super) struct Timers {
    due: RefCell<BTreeSet<(Time, SessionNumber)>>,
    /// Tells the timer that somebody comes first now.
    moved_up: Notify,
}

impl Timers {
    fn first(&self) -> Option<Time> {
        self.due.borrow().first().map(|(time, _)| *time)
    }

    /// Takes out those whose time has come.
    fn take_due(&self, now: Time) -> Vec<SessionNumber> {
        let mut due = self.due.borrow_mut();
        let later = due.split_off(&(now + Duration::from_nanos(1), SessionNumber(0)));
        std::mem::replace(&mut *due, later).into_iter().map(|(_, number)| number).collect()
    }
}

impl Worker {
    /// Sees to it that the session gets its time. To be called whenever its deadline may have moved up; one that has moved away
    /// costs a look for nothing.
    pub(super) fn arm(&self, connection: &Connection) {
        let stall = connection.stalled.get().map(|since| since + self.shared.settings.socket.write_timeout);
        let begun = connection.begun.get().map(|since| since + self.shared.settings.socket.message_timeout);
        let deadline = connection.session.borrow().poll_timeout();
        let Some(deadline) = [stall, begun, deadline].into_iter().flatten().min() else { return };
        let armed = connection.armed.get();
        if armed.is_some_and(|armed| armed <= deadline) {
            return;
        }
        self.disarm(connection);
        connection.armed.set(Some(deadline));
        let is_first = self.timers.first().is_none_or(|first| deadline < first);
        self.timers.due.borrow_mut().insert((deadline, connection.number));
        if is_first {
            self.timers.moved_up.notify_one();
        }
    }

    pub(super) fn disarm(&self, connection: &Connection) {
        if let Some(armed) = connection.armed.take() {
            self.timers.due.borrow_mut().remove(&(armed, connection.number));
        }
    }

    /// A client takes nothing of what waits for it.
    pub(in crate::server) fn stalled(&self, connection: &Connection) {
        if connection.stalled.get().is_none() {
            connection.stalled.set(Some(self.clock.now()));
            self.arm(connection);
        }
    }

    /// Gives sessions their time, for ever.
    pub(super) async fn keep_time(self: Rc<Self>) -> Ended {
        let mut earliest = Time::ZERO;
        loop {
            let next = self.timers.first().map(|first| self.clock.instant(first.max(earliest)));
            let due = async {
                match next {
                    Some(next) => sleep_until(next).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = due => {
                    let now = self.clock.now();
                    earliest = now + SLACK;
                    self.time_out(now);
                }
                () = self.timers.moved_up.notified() => {}
            }
        }
    }

    fn time_out(&self, now: Time) {
        for number in self.timers.take_due(now) {
            let connection = self.connections.borrow().get(&number).cloned();
            let Some(connection) = connection else { continue };
            connection.armed.set(None);
            let settings = &self.shared.settings.socket;
            if connection.stalled.get().is_some_and(|since| since + settings.write_timeout <= now) {
                connection.stalled.set(None);
                connection.outbox.borrow_mut().abort();
                connection.wake();
                self.shared.counts.refused(Refused::WriteTime);
            }
            if connection.begun.get().is_some_and(|since| since + settings.message_timeout <= now) {
                connection.begun.set(None);
                connection.outbox.borrow_mut().end(SocketEnd::Close(CloseCode::Policy));
                connection.wake();
                self.shared.counts.refused(Refused::MessageTime);
            }
            self.feed(&connection, Session::handle_timeout);
        }
    }
}

/// How long after one deadline the next ones may have to wait, so that many share a wake-up.
const SLACK: Duration = Duration::from_millis(10);
