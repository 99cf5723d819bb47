//! Sessions without a socket: they keep place and room for their window, and the partner hears that they are away. Only who has a
//! socket is matched. When the window passes, or more piles up than may be kept, the session ends.

use std::time::Duration;

use duet_proto::frame::{Down, PartnerLeftReason, SessionEndedReason};
use duet_proto::ids::ClientId;
use duet_proto::time::Time;

use crate::deadlines::Timer;
use crate::machine::Breach;
use crate::matching::Return;
use crate::sessions::{SessionKey, State};
use crate::{Change, LinkKey, Matchmaker};

impl Matchmaker {
    /// The client's connection broke.
    pub(crate) fn detach(&mut self, session: SessionKey, now: Time) -> Result<(), Breach> {
        let Some(resumable) = &self.sessions[session].resumable else {
            return Err(Breach("a session that is not resumable was detached"));
        };
        if resumable.detached_until.is_none() {
            let window = resumable.window;
            self.open_window(session, now + window);
        }
        Ok(())
    }

    /// Begins a session's window, whose end is later than that of one that has begun already.
    pub(crate) fn open_window(&mut self, session: SessionKey, until: Time) {
        self.close_window(session);
        let Some((client, resumable)) = self.sessions[session].resumable_mut() else { return };
        resumable.detached_until = Some(until);
        self.deadlines.add(until, Timer::Window(client));
        self.withdraw(session);
        self.tell_presence(session);
        self.note(session, Change::Detached);
    }

    /// The session has a socket, or needs none any more.
    pub(crate) fn close_window(&mut self, session: SessionKey) {
        let Some((client, resumable)) = self.sessions[session].resumable_mut() else { return };
        if let Some(until) = resumable.detached_until.take() {
            self.deadlines.cancel(until, Timer::Window(client));
        }
    }

    /// What is left of a window that was announced. After a start it counts from when everybody had the time to come back.
    pub(crate) fn announced_window(&self, left: Duration, now: Time) -> Time {
        now.max(Time::ZERO + self.config.recovery) + left
    }

    /// By when a gateway that is not linked will have come back, if it does: after its grace, and not before a start is over.
    pub(crate) fn back_by(&self, now: Time) -> Time {
        (Time::ZERO + self.config.recovery).max(now + self.config.link_grace)
    }

    /// Whether the session can be matched: its gateway can be reached, and it has a socket.
    pub(crate) fn is_present(&self, session: SessionKey) -> bool {
        self.is_linked(session) && !self.sessions[session].is_detached()
    }

    /// Tells the partner whether the session is away, if that is news to it. A base client is told nothing of it.
    pub(crate) fn tell_presence(&mut self, session: SessionKey) {
        let State::InRoom(room) = self.sessions[session].state else { return };
        let is_away = self.sessions[session].is_detached();
        let (_, partner) = self.rooms[room].sides(session);
        let listener = partner.session;
        if partner.partner_away == is_away || self.sessions[listener].resumable.is_none() {
            return;
        }
        partner.partner_away = is_away;
        let ticket = self.sessions[listener].ticket;
        self.tell(listener, if is_away { Down::PartnerAway { ticket } } else { Down::PartnerBack { ticket } });
    }

    /// Windows have passed.
    pub(crate) fn expire(&mut self, mut clients: Vec<ClientId>, now: Time) {
        // Whose client is back in time is not to blame for having to wait.
        clients.retain(|client| {
            let session = self.sessions.by_client(*client);
            session.is_some_and(|session| !self.resume_at_last(session, now))
        });
        self.end_sessions(clients, SessionEndedReason::Expired, now);
    }

    /// Ends those for whom more would have to be kept than may be. Their partners hear of it, which may be too much in turn.
    pub(crate) fn end_overflowed(&mut self, now: Time) {
        while !self.overflowed.is_empty() {
            let clients = std::mem::take(&mut self.overflowed);
            self.end_sessions(clients, SessionEndedReason::Overflow, now);
        }
    }

    /// Ends the sessions of a link for whom most is kept, until what is kept for the others fits.
    pub(crate) fn shed(&mut self, link: LinkKey, fits: usize, now: Time) {
        let kept = |session: &SessionKey| {
            let session = &self.sessions[*session];
            (session.resumable.as_ref().map_or(0, |resumable| resumable.log.bytes()), session.client)
        };
        let mut heaviest: Vec<_> = self.links.sessions(link).map(|session| kept(&session)).collect();
        heaviest.sort_unstable_by(|one, other| other.cmp(one));
        let mut total: usize = heaviest.iter().map(|(bytes, _)| bytes).sum();
        let mut ended = Vec::new();
        for (bytes, client) in heaviest {
            if total <= fits {
                break;
            }
            total -= bytes;
            ended.push(client);
        }
        self.end_sessions(ended, SessionEndedReason::Overflow, now);
    }

    /// Sessions end, and their gateways are told why. First all of them go, so that none meets a survivor; then the survivors
    /// are put back.
    pub(crate) fn end_sessions(&mut self, clients: Vec<ClientId>, reason: SessionEndedReason, now: Time) {
        let mut sessions: Vec<_> = clients.into_iter().filter_map(|client| self.sessions.by_client(client)).collect();
        sessions.sort_unstable();
        sessions.dedup();
        let mut survivors = Vec::new();
        for session in &sessions {
            self.tell(*session, Down::SessionEnded { reason });
            let Some(parting) = self.rest(*session, PartnerLeftReason::Disconnected, now) else { continue };
            // Without a link its gateway has died, which is nobody's fault.
            let lost = !self.is_linked(*session);
            survivors.push((parting.survivor, if lost { Return::ToItsPlace } else { self.fair_return(&parting) }));
        }
        survivors.retain(|(survivor, _)| sessions.binary_search(survivor).is_err());
        for session in sessions {
            self.obituaries.add(self.sessions[session].client, reason, now + self.config.recovery);
            self.remove_session(session);
        }
        let dismiss = |(survivor, back)| self.dismiss(survivor, PartnerLeftReason::Disconnected, back, now);
        let seekers = survivors.into_iter().filter_map(dismiss).collect();
        self.place_all(seekers, now);
    }
}
