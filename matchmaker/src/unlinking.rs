//! What a link's end does to its sessions: they are kept for a grace, moved to the next link, or gone.

use duet_proto::ids::SessionNumber;
use duet_proto::link::GatewayHello;
use duet_proto::time::Time;

use crate::deadlines::Timer;
use crate::links::Link;
use crate::machine::Breach;
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
        down.kept_until = Some(until);
        self.deadlines.add(until, Timer::Grace(link));
    }

    /// Links' sessions are gone: the grace is over, or there is none because a process has died or broken a rule. Their partners
    /// go back to the places they had, however long the rooms were.
    pub(crate) fn end_links(&mut self, links: &[LinkKey], now: Time) {
        let mut gone = Vec::new();
        for link in links {
            let Some(Link { sessions, kept_until, .. }) = self.links.remove(*link) else { continue };
            if let Some(until) = kept_until {
                self.deadlines.cancel(until, Timer::Grace(*link));
            }
            let mut sessions: Vec<_> = sessions.into_iter().collect();
            sessions.sort_unstable();
            gone.extend(sessions.into_iter().map(|(_, session)| session));
        }
        // First all of them go, so that none meets a survivor; then the survivors are put back.
        let mut survivors = Vec::new();
        for session in &gone {
            survivors.extend(self.rest(*session, now).map(|parting| parting.survivor));
        }
        survivors.retain(|survivor| !links.contains(&self.sessions[*survivor].link));
        for session in gone {
            self.remove_session(session);
        }
        self.requeue_after_loss(survivors, now);
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

    /// Moves an unlinked session to its worker's new link.
    pub(crate) fn relink(&mut self, session: SessionKey, link: LinkKey, number: SessionNumber) -> Result<(), Breach> {
        let (old_link, old_number) = (self.sessions[session].link, self.sessions[session].number);
        if self.links.is_up(old_link) || self.links.hello(old_link) != self.links.hello(link) {
            return Err(Breach("two sessions have the same client id"));
        }
        self.links.remove_session(old_link, old_number);
        self.links.add_session(link, number, session);
        (self.sessions[session].link, self.sessions[session].number) = (link, number);
        self.forget_if_empty(old_link);
        Ok(())
    }

    /// Drops a link that is down once all its sessions have moved on.
    fn forget_if_empty(&mut self, link: LinkKey) {
        let kept_until =
            self.links.get_mut(link).filter(|link| link.sessions.is_empty()).and_then(|link| link.kept_until);
        if let Some(until) = kept_until {
            self.deadlines.cancel(until, Timer::Grace(link));
            self.links.remove(link);
        }
    }
}
