//! A report ends the room, keeps the two apart, counts against the reported, and is an event for others.

use std::time::Duration;

use duet_proto::ids::RoomId;
use duet_proto::time::Time;

use crate::machine::Breach;
use crate::reports::{Filed, Subject};
use crate::sessions::{SessionKey, State};
use crate::{Event, Matchmaker, Output, Party, Quarantined, Report};

/// What a report says.
pub(crate) struct ReportOn {
    pub(crate) room: RoomId,
    pub(crate) reason: String,
    pub(crate) details: String,
}

impl Matchmaker {
    /// Names the partner of a room that lasts or was the session's last not long ago. A raised attempt leaves as `Leave` does,
    /// whichever room is named: the gateway meant the room it was in, and that may have ended, and another begun, on the way.
    pub(crate) fn file_report(
        &mut self,
        session: SessionKey,
        attempt: u32,
        on: ReportOn,
        now: Time,
    ) -> Result<(), Breach> {
        let names_current = self.room_id(session) == Some(on.room);
        if names_current || attempt != self.sessions[session].ticket.attempt {
            self.leave(session, attempt, now)?;
        }
        let reporter = &self.sessions[session];
        // Leaving a room has just made its partner the last one.
        let last = reporter.last_partner.as_ref().filter(|last| last.room == on.room);
        let Some(last) = last.filter(|last| now.since(last.parted) <= self.config.report_window) else { return Ok(()) };
        let ReportOn { room, reason, details } = on;
        let (reporter, reported) = (reporter.party(), last.partner.clone());
        let (talked, ago) = (last.lasted, now.since(last.parted));
        self.sessions[session].block(reported.client);
        if let (Some(one), Some(other)) = (&reporter.user, &reported.user) {
            self.blocks.add(one, other, self.config.block_for, now);
        }
        if self.config.shares_pools && matches!(self.sessions[session].state, State::Waiting) {
            // What is kept of its ticket elsewhere does not know of it.
            self.ask_engine(session, now);
        }
        let filed = self.reports.file(Subject::from(&reporter), Subject::from(&reported), now);
        if filed == Filed::Ignored {
            self.ignored_reports += 1;
            return Ok(());
        }
        self.reports_counted += 1;
        let report = Report { reporter, reported: reported.clone(), room, reason, details, talked, ago };
        self.outputs.push_back(Output::Event(Box::new(Event::Reported(report))));
        if let Filed::Quarantined { until, reporters } = filed {
            self.quarantine(reported, until, reporters, now);
        }
        Ok(())
    }

    /// Another replica has put a user into quarantine: it is there here, too, which is no event.
    pub fn quarantine_user(&mut self, user: &str, lasts: Duration, now: Time) {
        self.reports.quarantine(Subject::User(user.into()), now + lasts, now);
        let theirs = self.sessions.after(None).filter(|session| session.user().is_some_and(|known| **known == *user));
        let clients: Vec<_> = theirs.map(|session| session.client).collect();
        let waiters = clients.into_iter().filter_map(|client| self.sessions.by_client(client)).collect();
        self.wake(waiters, now);
        self.settle_up(now);
    }

    /// From now on somebody meets only others of its kind; the room that it is in by now goes on.
    fn quarantine(&mut self, party: Party, until: Time, reporters: usize, now: Time) {
        self.quarantines += 1;
        let waiter = self.sessions.by_client(party.client);
        let quarantined = Quarantined { party, reporters, lasts: until.since(now) };
        self.outputs.push_back(Output::Event(Box::new(Event::Quarantined(quarantined))));
        self.wake(waiter.into_iter().collect(), now);
    }
}
