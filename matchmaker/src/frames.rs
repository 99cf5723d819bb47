//! What each frame of a gateway does: who leaves what, who goes back where. `Attach` is in `announcements.rs`, messages to
//! the partner are in `forwarding.rs`, and finding a partner is left to `matching.rs`.

use duet_proto::frame::{Down, Join, PartnerLeftReason, PoolRefusal, Up, Wishes};
use duet_proto::ids::{ClientId, RoomId, TicketNumber};
use duet_proto::time::Time;

use crate::machine::Breach;
use crate::matching::Return;
use crate::pool::Turn;
use crate::resuming::Wanted;
use crate::sessions::{Known, SessionKey, State, Wish};
use crate::{Event, Matchmaker, Output, Report};

/// What a report says.
struct ReportOn {
    room: RoomId,
    reason: String,
    details: String,
}

impl Matchmaker {
    /// A frame of an attached session. `client_seq` says how far its client's messages have come with it.
    pub(crate) fn handle(&mut self, session: SessionKey, client_seq: u64, kind: Up, now: Time) -> Result<(), Breach> {
        match kind {
            Up::End => self.end(session, now),
            Up::ResumeSession { token, next_token, ack, attempt } => {
                self.resume_session(session, Wanted { token, next_token, ack, attempt }, now)?;
            }
            Up::Adopted => self.tell_former(session, 0),
            Up::Settle { ack } => {
                self.take(session, client_seq);
                self.settle(session, ack)?;
            }
            Up::Forward(forward) => self.forward(session, forward, client_seq, now)?,
            kind => {
                if let Up::Join(_) | Up::Next { .. } | Up::Leave { .. } = kind {
                    self.take_to(session, client_seq);
                }
                self.act(session, kind, now)?;
                self.take(session, client_seq);
            }
        }
        Ok(())
    }

    /// A frame after which the session is still there.
    fn act(&mut self, session: SessionKey, kind: Up, now: Time) -> Result<(), Breach> {
        match kind {
            Up::End | Up::ResumeSession { .. } | Up::Adopted | Up::Settle { .. } | Up::Forward(_) => Ok(()),
            Up::Attach(_) => Err(Breach("a session attached twice")),
            Up::Identify(identity) => {
                self.sessions[session].identity = Some(Known::new(identity, now));
                Ok(())
            }
            Up::Join(join) => self.ask(session, join, now),
            Up::Next { attempt, wishes } => self.next(session, attempt, wishes, now),
            Up::Leave { attempt } => self.leave(session, attempt, now),
            Up::Ack { ticket, seq } => {
                self.acknowledge(session, ticket, seq);
                Ok(())
            }
            Up::Report { attempt, room, reason, details } => {
                self.file_report(session, attempt, ReportOn { room, reason, details }, now)
            }
            Up::Detach => self.detach(session, now),
            Up::Decline { ticket } => {
                self.decline(session, ticket, now);
                Ok(())
            }
            Up::Broken { ticket } => {
                self.break_room(session, ticket, now);
                Ok(())
            }
        }
    }

    /// Asks for a partner by itself. Where too many wait already, there has to be somebody at once.
    fn ask(&mut self, session: SessionKey, join: Join, now: Time) -> Result<(), Breach> {
        let limit = self.config.max_waiting_per_pool;
        // Mostly there are fewer waiters in all, and no pool has to be looked for.
        let is_full = limit > 0 && self.pools.waiting() >= limit && self.pools.len(&join.wishes.pool) >= limit;
        if !is_full || !matches!(self.sessions[session].state, State::Idle) {
            return self.join(session, join, now);
        }
        self.raise(session, join.attempt)?;
        let turn = self.turn_since(now);
        self.sessions[session].wish = Some(Wish { wishes: join.wishes, turn });
        match self.seek(session, now) {
            Some(waiter) => self.pair(session, waiter, now),
            None => {
                self.tell(session, Down::PoolFull { ticket: self.sessions[session].ticket, reason: PoolRefusal::Full });
            }
        }
        Ok(())
    }

    /// Asks for a partner. Whoever waits keeps its turn; whoever is in a room declines it, and both go back to their turns.
    pub(crate) fn join(&mut self, session: SessionKey, join: Join, now: Time) -> Result<(), Breach> {
        self.raise(session, join.attempt)?;
        let turn = match self.sessions[session].state {
            State::Idle => self.turn_since(now - join.waited),
            State::Waiting(_) | State::InRoom(_) | State::InHalfRoom(_) => self.sessions[session].wish().turn,
        };
        let mut seekers = vec![session];
        if let Some(parting) = self.rest(session, PartnerLeftReason::Left, now) {
            seekers.extend(self.dismiss(parting.survivor, PartnerLeftReason::Left, Return::ToItsPlace, now));
        }
        self.sessions[session].wish = Some(Wish { wishes: join.wishes, turn });
        self.place_all(seekers, now);
        Ok(())
    }

    /// Leaves the partner for another. The one left over is put back first, as its turn is never later.
    fn next(&mut self, session: SessionKey, attempt: u32, wishes: Wishes, now: Time) -> Result<(), Breach> {
        self.raise(session, attempt)?;
        let kept = self.turn_in_queue(session);
        if let Some(left) = self.partner(session) {
            self.keep_apart(session, left, now);
        }
        let mut seekers = vec![session];
        if let Some(parting) = self.rest(session, PartnerLeftReason::Next, now) {
            seekers.extend(self.dismiss(parting.survivor, PartnerLeftReason::Next, self.fair_return(&parting), now));
        }
        let turn = kept.unwrap_or_else(|| self.turn_since(now));
        self.sessions[session].wish = Some(Wish { wishes, turn });
        self.place_all(seekers, now);
        Ok(())
    }

    /// Leaves the room or the queue, or nothing.
    fn leave(&mut self, session: SessionKey, attempt: u32, now: Time) -> Result<(), Breach> {
        self.raise(session, attempt)?;
        self.walk_out(session, PartnerLeftReason::Left, now);
        Ok(())
    }

    /// Names the partner of a room that lasts or was the session's last not long ago. A raised attempt leaves as `Leave` does,
    /// whichever room is named: the gateway meant the room it was in, and that may have ended, and another begun, on the way.
    fn file_report(&mut self, session: SessionKey, attempt: u32, on: ReportOn, now: Time) -> Result<(), Breach> {
        let names_current = self.room_id(session) == Some(on.room);
        if names_current || attempt != self.sessions[session].ticket.attempt {
            self.leave(session, attempt, now)?;
        }
        let reporter = &self.sessions[session];
        // Leaving a room has just made its partner the last one.
        let last = reporter.last_partner.as_ref().filter(|last| last.room == on.room);
        if let Some(last) = last.filter(|last| now.since(last.parted) <= self.config.report_window) {
            let ReportOn { room, reason, details } = on;
            let (reporter, reported) = (reporter.party(), last.partner.clone());
            let (talked, ago) = (last.lasted, now.since(last.parted));
            let report = Report { reporter, reported, room, reason, details, talked, ago };
            self.outputs.push_back(Output::Event(Box::new(Event::Reported(report))));
        }
        Ok(())
    }

    fn end(&mut self, session: SessionKey, now: Time) {
        self.walk_out(session, PartnerLeftReason::Disconnected, now);
        self.remove_session(session);
    }

    /// The session has taken another match for the same attempt. The partner goes back to its place, however long that took.
    fn decline(&mut self, session: SessionKey, ticket: TicketNumber, now: Time) {
        if self.room_id(session).is_none() || ticket != self.sessions[session].ticket {
            return;
        }
        if let Some(parting) = self.rest(session, PartnerLeftReason::Left, now) {
            let seeker = self.dismiss(parting.survivor, PartnerLeftReason::Left, Return::ToItsPlace, now);
            self.place_all(seeker.into_iter().collect(), now);
        }
    }

    /// A message in the room is lost, and neither of the two is to blame: both go back to their places.
    fn break_room(&mut self, session: SessionKey, ticket: TicketNumber, now: Time) {
        if self.room_id(session).is_none() || ticket != self.sessions[session].ticket {
            return;
        }
        let survivor = self.rest(session, PartnerLeftReason::Disconnected, now).map(|parting| parting.survivor);
        self.requeue_after_loss(survivor.into_iter().chain([session]).collect(), now);
    }

    /// The turn of a session that waits.
    pub(crate) fn turn_in_queue(&self, session: SessionKey) -> Option<Turn> {
        let session = &self.sessions[session];
        matches!(session.state, State::Waiting(_)).then(|| session.wish().turn)
    }

    /// The room that a session is in, be it half.
    pub(crate) fn room_id(&self, session: SessionKey) -> Option<RoomId> {
        match self.sessions[session].state {
            State::Idle | State::Waiting(_) => None,
            State::InRoom(room) => Some(self.rooms[room].id),
            State::InHalfRoom(room) => Some(room),
        }
    }

    /// Whom a session is in a room with, be it half.
    fn partner(&self, session: SessionKey) -> Option<ClientId> {
        match self.sessions[session].state {
            State::Idle | State::Waiting(_) => None,
            State::InRoom(room) => Some(self.sessions[self.rooms[room].partner_of(session)].client),
            State::InHalfRoom(room) => Some(self.halves[&room].partner),
        }
    }

    /// Begins a new attempt.
    fn raise(&mut self, session: SessionKey, attempt: u32) -> Result<(), Breach> {
        let ticket = &mut self.sessions[session].ticket;
        if attempt <= ticket.attempt {
            return Err(Breach("an attempt is not above the session's earlier ones"));
        }
        *ticket = TicketNumber { attempt, round: 0 };
        Ok(())
    }

    /// A new turn of a ticket that waits since then.
    pub(crate) fn turn_since(&mut self, queued: Time) -> Turn {
        self.arrivals += 1;
        Turn { queued, arrival: self.arrivals }
    }
}
