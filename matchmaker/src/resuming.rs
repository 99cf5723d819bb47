//! Sessions that go on over another connection: who may have which, and what is handed over.
//!
//! A client comes back as a new session and shows the token of an earlier one. That one then goes on under the new one's number,
//! and whoever had it before is told that it has lost it. Some resumes wait: for a session that a matchmaker just started has
//! not heard of yet, and for messages that the old gateway still has to repeat, which would be lost with it.

use std::collections::BTreeMap;

use duet_proto::frame::{Doing, Down, DownFrame, InRoom, Join, LastRoom, SessionEndedReason, SessionResumed};
use duet_proto::ids::{ClientId, SessionNumber};
use duet_proto::time::Time;
use duet_proto::token::TokenHash;

use crate::deadlines::Timer;
use crate::machine::Breach;
use crate::sessions::{SessionKey, State};
use crate::{Change, LinkKey, Matchmaker, Output};

/// What a new session's client has shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) token: TokenHash,
    pub(crate) next_token: TokenHash,
    pub(crate) ack: u64,
    pub(crate) attempt: u32,
}

/// Resumes that wait, by their tokens.
#[derive(Debug, Default)]
pub(crate) struct Held(BTreeMap<TokenHash, HeldResume>);

#[derive(Debug)]
struct HeldResume {
    heir: ClientId,
    wanted: Wanted,
    until: Time,
}

impl Held {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Matchmaker {
    /// A new session wants to be an earlier one.
    pub(crate) fn resume_session(&mut self, heir: SessionKey, wanted: Wanted, now: Time) -> Result<(), Breach> {
        let asks = &self.sessions[heir];
        let is_new = asks.resumable.as_ref().is_some_and(|own| own.epoch == 0);
        if !is_new || asks.ticket.attempt > 0 || !matches!(asks.state, State::Idle) {
            return Err(Breach("a session that has done something wants to be another"));
        }
        match self.sessions.by_token(wanted.token) {
            Some(session) if session == heir => self.tell(heir, Down::ResumeFailed),
            Some(session) if self.has_more_to_say(session) => self.hold_resume(heir, wanted, now),
            Some(session) => self.hand_over(heir, session, wanted, now),
            // Of several replicas another may have it, which its gateway asks before it asks here again.
            None if now < Time::ZERO + self.config.recovery && !self.config.shares_pools => {
                self.hold_resume(heir, wanted, now);
            }
            None => self.tell(heir, Down::ResumeFailed),
        }
        Ok(())
    }

    /// Looks again at a resume that may have waited for this session.
    pub(crate) fn retry_resume(&mut self, session: SessionKey, now: Time) {
        if self.held.is_empty() || self.has_more_to_say(session) {
            return;
        }
        let Some(resumable) = &self.sessions[session].resumable else { return };
        for token in [Some(resumable.token), resumable.earlier_token].into_iter().flatten() {
            if let Some((heir, wanted)) = self.take_held(token) {
                return self.hand_over(heir, session, wanted, now);
            }
        }
    }

    /// Whether a resume waits for this session; it need not wait any longer.
    pub(crate) fn resume_at_last(&mut self, session: SessionKey, now: Time) -> bool {
        let tokens = self.sessions[session].resumable.as_ref().map(|own| [Some(own.token), own.earlier_token]);
        let waited_for = tokens.into_iter().flatten().flatten().find(|token| self.held.0.contains_key(token));
        if let Some(token) = waited_for {
            self.end_wait(token, now);
        }
        // It may have been refused after all, or asked for by somebody who is gone.
        waited_for.is_some() && !self.sessions[session].is_detached()
    }

    /// Looks again at the resumes that wait for sessions of rooms that have ended.
    pub(crate) fn retry_loosened(&mut self, now: Time) {
        for client in std::mem::take(&mut self.loosened) {
            if let Some(session) = self.sessions.by_client(client) {
                self.retry_resume(session, now);
            }
        }
    }

    /// A resume has waited long enough.
    pub(crate) fn end_wait(&mut self, token: TokenHash, now: Time) {
        let Some((heir, wanted)) = self.take_held(token) else { return };
        match self.sessions.by_token(token) {
            Some(session) => self.hand_over(heir, session, wanted, now),
            None => self.tell(heir, Down::ResumeFailed),
        }
    }

    /// Whether the session's gateway is there and has messages of its client's that could not be passed on yet.
    fn has_more_to_say(&self, session: SessionKey) -> bool {
        self.is_linked(session) && self.is_behind(session)
    }

    /// Two that show the same token at once are the same client, and the later attempt is the one that counts.
    fn hold_resume(&mut self, heir: SessionKey, wanted: Wanted, now: Time) {
        let held = self.take_held(wanted.token);
        // Else its gateway asks again after its link was lost.
        let (heir, wanted) = match held.filter(|(other, _)| *other != heir) {
            Some((other, later)) if later.attempt > wanted.attempt => {
                self.tell(heir, Down::ResumeFailed);
                (other, later)
            }
            Some((other, _)) => {
                self.tell(other, Down::ResumeFailed);
                (heir, wanted)
            }
            None => (heir, wanted),
        };
        let until = self.back_by(now);
        let heir = self.sessions[heir].client;
        self.held.0.insert(wanted.token, HeldResume { heir, wanted, until });
        self.deadlines.add(until, Timer::HeldResume(wanted.token));
    }

    /// A resume that has waited, unless the session that asked for it is gone or has gone on.
    fn take_held(&mut self, token: TokenHash) -> Option<(SessionKey, Wanted)> {
        let held = self.held.0.remove(&token)?;
        self.deadlines.cancel(held.until, Timer::HeldResume(token));
        let heir = self.sessions.by_client(held.heir)?;
        let asks = &self.sessions[heir];
        let still = asks.ticket.attempt == 0 && matches!(asks.state, State::Idle) && self.is_present(heir);
        still.then_some((heir, held.wanted))
    }

    /// The session goes on where the new one is, which is forgotten.
    fn hand_over(&mut self, heir: SessionKey, session: SessionKey, wanted: Wanted, now: Time) {
        let own = self.sessions[session].resumable.as_ref().expect("only these have tokens");
        let log = &own.log;
        // By an attempt that its client made later. The same one may come again: its gateway has lost its link.
        let is_repeat = own.earlier_token == Some(wanted.token);
        let is_overtaken = is_repeat && wanted.attempt > 0 && wanted.attempt < own.resume_attempt;
        if is_overtaken || !(log.acknowledged()..=log.seq()).contains(&wanted.ack) {
            return self.tell(heir, Down::ResumeFailed);
        }
        self.leave_behind(session);
        let (link, number) = (self.sessions[heir].link, self.sessions[heir].number);
        self.remove_session(heir);
        let former = (self.sessions[session].link, self.sessions[session].number);
        self.move_to(session, link, number);
        if self.sessions[session].is_detached() {
            self.note(session, Change::Returned);
        }
        self.close_window(session);
        self.sessions.rotate_tokens(session, wanted.token, wanted.next_token);
        let (_, resumable) = self.sessions[session].resumable_mut().expect("only these have tokens");
        resumable.former.push_back(former);
        resumable.resume_attempt = wanted.attempt;
        resumable.epoch = resumable.epoch.saturating_add(1);
        resumable.log.acknowledge(wanted.ack);
        resumable.told_taken = resumable.taken;
        let resumed = self.resumed(session, now);
        self.tell(session, Down::SessionResumed(Box::new(resumed)));
        self.tell_former(session, FORMER_AT_MOST);
        self.go_on(session, now);
    }

    /// Tells those who had the session before that they have lost it, but for so many of the last.
    pub(crate) fn tell_former(&mut self, session: SessionKey, but_for: usize) {
        let Some((_, resumable)) = self.sessions[session].resumable_mut() else { return };
        let told = resumable.former.len().saturating_sub(but_for);
        let former: Vec<_> = resumable.former.drain(..told).collect();
        for (link, number) in former {
            self.tell_ended(link, number, SessionEndedReason::ResumedElsewhere);
        }
    }

    /// A gateway has a session no more.
    pub(crate) fn tell_ended(&mut self, link: LinkKey, number: SessionNumber, reason: SessionEndedReason) {
        if self.links.is_up(link) {
            let kind = Down::SessionEnded { reason };
            self.outputs
                .push_back(Output::Frame { link, frame: DownFrame { session: number, seq: 0, taken: 0, kind } });
        }
    }

    /// What the session's old gateway has still to say is not waited for any longer.
    fn leave_behind(&mut self, session: SessionKey) {
        self.take(session, 0);
        if let State::InRoom(room) = self.sessions[session].state {
            self.rooms[room].member_mut(session).change_gateways();
        }
        if let Some((_, resumable)) = self.sessions[session].resumable_mut() {
            resumable.come = resumable.taken;
        }
    }

    /// Who was away looks for a partner again, or is back in its room.
    fn go_on(&mut self, session: SessionKey, now: Time) {
        match self.sessions[session].state {
            State::Idle | State::InHalfRoom(_) => {}
            State::Waiting => self.retry(vec![session], now),
            State::InRoom(room) => {
                self.tell_presence(session);
                // All that was passed to it is in its log, and now with its gateway.
                let received = self.rooms[room].sides(session).1.sent;
                self.acknowledge(session, self.sessions[session].ticket, received);
                self.resume(room);
            }
        }
    }

    /// All that the new gateway has to know.
    fn resumed(&self, session: SessionKey, now: Time) -> SessionResumed {
        let known = &self.sessions[session];
        let resumable = known.resumable.as_ref().expect("only these have tokens");
        SessionResumed {
            client: known.client,
            identity: known.identity.as_ref().map(|known| known.at(now)),
            ticket: known.ticket,
            doing: self.doing(session, now),
            wishes: known.wish.as_ref().map(|wish| wish.wishes.clone()),
            last_room: known
                .last_partner
                .as_ref()
                .map(|last| LastRoom { room: last.room, parted: now.since(last.parted) }),
            epoch: resumable.epoch,
            seq: resumable.log.seq(),
            kept: resumable.log.above(0).map(|(seq, kept)| (seq, kept.kind.clone())).collect(),
            taken: resumable.taken,
            unacknowledged: match known.state {
                State::InRoom(room) => self.rooms[room].member(session).kept(),
                State::Idle | State::Waiting | State::InHalfRoom(_) => Vec::new(),
            },
        }
    }

    /// What a session is doing, in the words of an announcement.
    fn doing(&self, session: SessionKey, now: Time) -> Doing {
        let known = &self.sessions[session];
        let join = || {
            let wish = known.wish();
            let (attempt, waited) = (known.ticket.attempt, now.since(wish.turn.queued));
            Join { attempt, wishes: wish.wishes.clone(), waited }
        };
        let ticket = known.ticket;
        match known.state {
            State::Idle => Doing::Idle,
            State::Waiting => Doing::Waiting(join()),
            State::InRoom(key) => {
                let room = &self.rooms[key];
                let initiator = room.members[0].session == session;
                let [own, other] = if initiator { [0, 1] } else { [1, 0] }.map(|side| &room.members[side]);
                Doing::InRoom(InRoom {
                    ticket,
                    room: room.id,
                    partner: self.sessions[other.session].client,
                    initiator,
                    received: other.sent,
                    sent: own.newest,
                    acknowledged: own.acknowledged,
                    partner_away: own.partner_away,
                    join: join(),
                })
            }
            State::InHalfRoom(room) => {
                let half = &self.halves[&room];
                let (partner, initiator, received, sent) = (half.partner, half.initiator, half.received, half.newest);
                let partner_away = half.partner_away;
                let (acknowledged, join) = (half.acknowledged, join());
                Doing::InRoom(InRoom {
                    ticket,
                    room,
                    partner,
                    initiator,
                    received,
                    sent,
                    acknowledged,
                    partner_away,
                    join,
                })
            }
        }
    }
}

/// Gateways that are still to be told that they have lost a session. There are more only if a client comes back again and again faster
/// than its gateways answer.
const FORMER_AT_MOST: usize = 8;
