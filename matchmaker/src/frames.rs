//! What each frame of a gateway does: who leaves what, who goes back where. `Attach` is in `announcements.rs`, messages to
//! the partner are in `forwarding.rs`, reports in `reporting.rs`, and finding a partner is left to `matching.rs`.

use duet_proto::frame::{Down, Join, PartnerLeftReason, PoolName, PoolRefusal, SessionEndedReason, Up, Wishes};
use duet_proto::ids::{ClientId, RoomId, TicketNumber};
use duet_proto::time::Time;

use crate::machine::Breach;
use crate::matching::Return;
use crate::pool::Turn;
use crate::pools::PoolKey;
use crate::reporting::ReportOn;
use crate::resuming::Wanted;
use crate::seeking::Sought;
use crate::sessions::{Known, SessionKey, State, Wish};
use crate::tally::WaitEnd;
use crate::{Config, Matchmaker};

/// Whether a pool that is full refuses a wish that nobody suits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PoolLimit {
    /// It does: the session comes in by itself.
    Holds,
    /// It does not: the session was in it, or is put back.
    IsPassed,
}

impl Matchmaker {
    /// A frame of an attached session. `client_seq` says how far its client's messages have come with it.
    pub(crate) fn handle(&mut self, session: SessionKey, client_seq: u64, kind: Up, now: Time) -> Result<(), Breach> {
        match kind {
            Up::End => self.end(session, now),
            Up::Identify(identity) if self.shuts_out(Some(&identity), now) => {
                let client = self.sessions[session].client;
                self.end_sessions(vec![client], SessionEndedReason::Closed, now);
            }
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
            // The machine takes these before it looks for a session.
            Up::Departed { .. } | Up::Stays { .. } => Ok(()),
            Up::End | Up::ResumeSession { .. } | Up::Adopted | Up::Settle { .. } | Up::Forward(_) => Ok(()),
            Up::Attach(_) => Err(Breach("a session attached twice")),
            Up::Identify(identity) => {
                self.sessions[session].identity = Some(Known::new(identity, now));
                // It may be one who waits elsewhere.
                self.wake(vec![session], now);
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
            Up::CallState { ticket, outcome, setup } => {
                self.count_call(session, ticket, outcome, setup);
                Ok(())
            }
        }
    }

    /// Asks for a partner by itself. A pool that can't take one more has to have somebody at once.
    fn ask(&mut self, session: SessionKey, join: Join, now: Time) -> Result<(), Breach> {
        let enters = self.enters(session, &join.wishes.pool);
        let reason = if enters { self.refusal(&join.wishes.pool) } else { None };
        let limit = if enters { PoolLimit::Holds } else { PoolLimit::IsPassed };
        // How many wait in a shared pool is for the engine to say.
        let Some(reason) = reason.filter(|reason| !(self.config.shares_pools && *reason == PoolRefusal::Full)) else {
            return self.join(session, join, limit, now);
        };
        self.raise(session, join.attempt)?;
        self.unqueue(session);
        self.rested.push(self.sessions[session].client);
        let turn = self.turn_since(now);
        self.sessions[session].wish = Some(Wish { wishes: join.wishes, turn, asked: now, limit: PoolLimit::IsPassed });
        let may_meet = reason == PoolRefusal::Full;
        match if may_meet { self.seek(session, now) } else { Sought::Nobody(None) } {
            Sought::Found(waiter) => self.pair(session, waiter, now),
            Sought::Nobody(_) => self.refuse(session, reason, now),
        }
        Ok(())
    }

    /// Tells a session that its pool is full, and takes it out of it.
    pub(crate) fn refuse_full(&mut self, session: SessionKey, now: Time) {
        self.rested.push(self.sessions[session].client);
        self.unqueue(session);
        self.refuse(session, PoolRefusal::Full, now);
    }

    fn refuse(&mut self, session: SessionKey, reason: PoolRefusal, now: Time) {
        self.tally.wait_ended(WaitEnd::Refused, now.since(self.sessions[session].wish().turn.queued));
        self.tell(session, Down::PoolFull { ticket: self.sessions[session].ticket, reason });
    }

    /// Whether a session comes into a pool: who is in it stays.
    fn enters(&self, session: SessionKey, name: &PoolName) -> bool {
        let known = &self.sessions[session];
        match known.state {
            State::Idle => true,
            State::Waiting => known.wish().wishes.pool != *name,
            State::InRoom(_) | State::InHalfRoom(_) => false,
        }
    }

    /// Why a pool takes nobody in.
    fn refusal(&self, name: &PoolName) -> Option<PoolRefusal> {
        let Config { pools, max_pools, max_waiting_per_pool: most, .. } = &self.config;
        if pools.as_ref().is_some_and(|listed| !listed.contains(name)) {
            return Some(PoolRefusal::Unlisted);
        }
        if self.orders.is_paused(name) {
            return Some(PoolRefusal::Paused);
        }
        let key = || PoolKey { name: name.clone(), quarantined: false };
        if *max_pools > 0 && self.pools.len() >= *max_pools && self.pools.get(&key()).is_none() {
            return Some(PoolRefusal::TooManyPools);
        }
        // Mostly there are fewer waiters in all, and no pool has to be looked for.
        let is_full = *most > 0 && self.pools.waiting() >= *most && self.pools.waiting_in(&key()) >= *most;
        is_full.then_some(PoolRefusal::Full)
    }

    /// Asks for a partner. Whoever waits keeps its turn; whoever is in a room declines it, and both go back to their turns.
    pub(crate) fn join(&mut self, session: SessionKey, join: Join, limit: PoolLimit, now: Time) -> Result<(), Breach> {
        self.raise(session, join.attempt)?;
        let (turn, asked) = match self.sessions[session].state {
            State::Idle => (self.turn_since(now - join.waited), now - join.waited),
            State::Waiting | State::InRoom(_) | State::InHalfRoom(_) => {
                let wish = self.sessions[session].wish();
                // Whoever asks for the same goes on insisting; whoever asks for something else begins to.
                (wish.turn, if wish.wishes.asks_as(&join.wishes) { wish.asked } else { now })
            }
        };
        let mut seekers = vec![session];
        if let Some(parting) = self.rest(session, PartnerLeftReason::Left, now) {
            seekers.extend(self.dismiss(parting.survivor, PartnerLeftReason::Left, Return::ToItsPlace, now));
        }
        self.sessions[session].wish = Some(Wish { wishes: join.wishes, turn, asked, limit });
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
        self.sessions[session].wish = Some(Wish { wishes, turn, asked: now, limit: PoolLimit::IsPassed });
        self.place_all(seekers, now);
        Ok(())
    }

    /// Leaves the room or the queue, or nothing.
    pub(crate) fn leave(&mut self, session: SessionKey, attempt: u32, now: Time) -> Result<(), Breach> {
        self.raise(session, attempt)?;
        self.walk_out(session, PartnerLeftReason::Left, now);
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
        matches!(session.state, State::Waiting).then(|| session.wish().turn)
    }

    /// The room that a session is in, be it half.
    pub(crate) fn room_id(&self, session: SessionKey) -> Option<RoomId> {
        match self.sessions[session].state {
            State::Idle | State::Waiting => None,
            State::InRoom(room) => Some(self.rooms[room].id),
            State::InHalfRoom(room) => Some(room),
        }
    }

    /// Whom a session is in a room with, be it half.
    fn partner(&self, session: SessionKey) -> Option<ClientId> {
        match self.sessions[session].state {
            State::Idle | State::Waiting => None,
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
