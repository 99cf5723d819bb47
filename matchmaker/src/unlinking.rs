//! What a link's end does to its sessions: they are kept for a grace, moved to the next link, or gone. Resumable ones outlive the
//! grace without a socket, for what is left of their windows.

use duet_proto::frame::PartnerLeftReason;
use duet_proto::ids::SessionNumber;
use duet_proto::link::GatewayHello;
use duet_proto::time::Time;

use crate::deadlines::Timer;
use crate::links::LinkState;
use crate::sessions::SessionKey;
use crate::{LinkKey, Matchmaker, Output};

impl Matchmaker {
    /// A link is down, and its sessions are kept for the grace.
    pub(crate) fn unlink(&mut self, link: LinkKey, now: Time) {
        let until = now + self.config.link_grace;
        let Some(down) = self.links.get_mut(link) else { return };
        if down.sessions.is_empty() {
            self.links.remove(link);
            return;
        }
        down.state = LinkState::Down { since: now, until };
        let sessions: Vec<_> = self.links.sessions(link).collect();
        for session in sessions {
            self.withdraw(session);
        }
        self.deadlines.add(until, Timer::Grace(link));
        self.stop_waiting_for(link, now);
    }

    /// Links' sessions are gone: the grace is over, or there is none because a process has died or broken a rule. Their partners
    /// go back to the places they had, however long the rooms were. Resumable sessions only lose their sockets.
    pub(crate) fn end_links(&mut self, links: &[LinkKey], now: Time) {
        let (mut gone, mut orphans) = (Vec::new(), Vec::new());
        for key in links {
            let Some(link) = self.links.get_mut(*key) else { continue };
            let since = match std::mem::replace(&mut link.state, LinkState::Dead) {
                LinkState::Up => now,
                LinkState::Down { since, until } => {
                    self.deadlines.cancel(until, Timer::Grace(*key));
                    since
                }
                LinkState::Dead => continue,
            };
            let mut sessions: Vec<_> = link.sessions.iter().map(|(number, session)| (*number, *session)).collect();
            sessions.sort_unstable();
            for (_, session) in sessions {
                match &self.sessions[session].resumable {
                    Some(resumable) => orphans.push((session, since + resumable.window)),
                    None => gone.push(session),
                }
            }
        }
        // First all of them go, so that none meets a survivor; then the survivors are put back.
        let mut survivors = Vec::new();
        for session in &gone {
            survivors.extend(self.rest(*session, PartnerLeftReason::Disconnected, now).map(|parting| parting.survivor));
        }
        let is_gone = |survivor: &SessionKey| {
            let survivor = &self.sessions[*survivor];
            survivor.resumable.is_none() && links.contains(&survivor.link)
        };
        survivors.retain(|survivor| !is_gone(survivor));
        for session in gone {
            self.remove_session(session);
        }
        for (session, until) in orphans {
            self.orphan(session, until, now);
        }
        self.requeue_after_loss(survivors, now);
        for link in links {
            self.forget_if_empty(*link);
        }
    }

    /// The session's gateway has died, and its socket with it. The window may have begun before.
    fn orphan(&mut self, session: SessionKey, until: Time, now: Time) {
        if !self.sessions[session].is_detached() {
            self.open_window(session, until.max(now));
        }
        self.retry_resume(session, now);
    }

    /// A gateway has lost its link: what it has not said yet is not waited for.
    fn stop_waiting_for(&mut self, link: LinkKey, now: Time) {
        if self.held.is_empty() {
            return;
        }
        let mut sessions: Vec<_> = self.links.sessions(link).collect();
        sessions.sort_unstable();
        for session in sessions {
            self.retry_resume(session, now);
        }
    }

    /// A worker begins in a new process: its earlier ones have died, and their sessions with them.
    pub(crate) fn end_earlier_boots(&mut self, hello: &GatewayHello, now: Time) {
        let links = self.links.of_other_boots(hello);
        for link in &links {
            if self.links.is_up(*link) {
                self.outputs.push_back(Output::LinkReplaced { link: *link });
            }
        }
        self.end_links(&links, now);
    }

    /// Whether a session whose link has ended may go on over this one: it is the same worker of the same process.
    pub(crate) fn may_relink(&self, session: SessionKey, link: LinkKey) -> bool {
        let old = self.sessions[session].link;
        !self.links.is_up(old) && self.links.hello(old) == self.links.hello(link)
    }

    /// The session goes on over this link under this number.
    pub(crate) fn move_to(&mut self, session: SessionKey, link: LinkKey, number: SessionNumber) {
        let (old_link, old_number) = (self.sessions[session].link, self.sessions[session].number);
        self.links.add_session(link, number, session);
        (self.sessions[session].link, self.sessions[session].number) = (link, number);
        self.leave_link(old_link, old_number);
    }

    /// A session is not on its link any more.
    pub(crate) fn leave_link(&mut self, link: LinkKey, number: SessionNumber) {
        self.links.remove_session(link, number);
        self.forget_if_empty(link);
    }

    /// Drops a link that has ended once all its sessions have gone or moved on.
    fn forget_if_empty(&mut self, link: LinkKey) {
        let Some(empty) = self.links.get_mut(link).filter(|link| link.sessions.is_empty()) else { return };
        match empty.state {
            LinkState::Up => return,
            LinkState::Down { until, .. } => self.deadlines.cancel(until, Timer::Grace(link)),
            LinkState::Dead => {}
        }
        self.links.remove(link);
    }
}
