//! Sessions that begin or are announced again: what the gateway says they do against what is known here.
//!
//! What was under way when a link broke is lost in both directions. The attempt tells which side knows better: an attempt that
//! is new here means that the gateway went on, and what it says counts; an equal one means that the machine may have gone
//! on, and the gateway is told again what it may have missed.

use duet_proto::frame::{self, Attach, Doing, Down, DownFrame, InRoom, Join, PartnerLeftReason, SessionEndedReason};
use duet_proto::ids::{SessionNumber, TicketNumber};
use duet_proto::time::Time;

use crate::frames::PoolLimit;
use crate::machine::Breach;
use crate::resumable::Resumable;
use crate::sessions::{Known, Session, SessionKey, State, Wish};
use crate::{Change, LinkKey, Matchmaker, Output};

impl Matchmaker {
    /// A session begins, or is announced again.
    pub(crate) fn attach(
        &mut self,
        link: LinkKey,
        number: SessionNumber,
        attach: Attach,
        now: Time,
    ) -> Result<(), Breach> {
        self.links.see(link, number);
        if self.shuts_out(attach.identity.as_ref(), now) {
            self.tell_ended(link, number, SessionEndedReason::Closed);
            return Ok(());
        }
        let Some(session) = self.sessions.by_client(attach.client) else {
            if let Some(reason) = self.obituaries.of(attach.client) {
                self.tell_ended(link, number, reason);
                return Ok(());
            }
            return self.attach_new(link, number, attach, now);
        };
        let may_relink = self.may_relink(session, link);
        // Of two that resumed it in the lives of two matchmakers, the client is with the one it has spoken to.
        let claim = |epoch: u32, has_spoken: bool| (epoch, has_spoken && !may_relink);
        let known = self.sessions[session].resumable.as_ref().map(|own| claim(own.epoch, own.earlier_token.is_none()));
        let announced = attach.resumable.as_ref().map(|own| claim(own.epoch, own.earlier_token.is_none()));
        match (known, announced) {
            (Some(known), Some(announced)) if announced > known => {
                // A gateway that had not heard of the resume came first. What it told was old.
                let (old_link, old_number) = (self.sessions[session].link, self.sessions[session].number);
                self.tell_ended(old_link, old_number, SessionEndedReason::ResumedElsewhere);
                self.halve(session, now);
                self.remove_session(session);
                self.attach_new(link, number, attach, now)
            }
            (Some(known), Some(announced)) if announced < known || !may_relink => {
                self.tell_ended(link, number, SessionEndedReason::ResumedElsewhere);
                Ok(())
            }
            (Some(_), Some(_)) => self.attach_again(session, link, number, attach, now),
            (None, None) if may_relink => self.attach_again(session, link, number, attach, now),
            _ => Err(Breach("two sessions have the same client id")),
        }
    }

    /// A session that is not known here: it is new, or another matchmaker knew it.
    fn attach_new(&mut self, link: LinkKey, number: SessionNumber, attach: Attach, now: Time) -> Result<(), Breach> {
        let told = attach.resumable.as_ref().map(|resumable| (resumable.detached, resumable.client_seq));
        let session = self.sessions.insert(Session {
            identity: attach.identity.map(|identity| Known::new(identity, now)),
            resumable: attach.resumable.map(|announced| Box::new(Resumable::announced(*announced))),
            ..Session::new(link, number, attach.client, now)
        });
        self.links.add_session(link, number, session);
        self.note(session, Change::Began);
        if let Some((Some(left), _)) = told {
            self.open_window(session, self.announced_window(left, now));
        }
        let client_seq = told.map_or(0, |(_, client_seq)| client_seq);
        match attach.doing {
            Doing::Idle => self.sessions[session].ticket.attempt = attach.attempt,
            Doing::Waiting(join) => {
                self.take_to(session, client_seq);
                self.join(session, join, PoolLimit::IsPassed, now)?;
            }
            Doing::InRoom(announced) => self.hold(session, announced, now),
        }
        self.take(session, client_seq);
        self.retry_resume(session, now);
        Ok(())
    }

    /// A session that is known here from a link that has ended.
    fn attach_again(
        &mut self,
        session: SessionKey,
        link: LinkKey,
        number: SessionNumber,
        attach: Attach,
        now: Time,
    ) -> Result<(), Breach> {
        self.move_to(session, link, number);
        self.sessions[session].identity = attach.identity.map(|identity| Known::new(identity, now));
        let client_seq = match attach.resumable {
            Some(announced) => self.catch_up_log(session, &announced, now)?,
            None => 0,
        };
        let announced = match &attach.doing {
            Doing::Idle => attach.attempt,
            Doing::Waiting(join) => join.attempt,
            Doing::InRoom(room) => room.ticket.attempt,
        };
        let known = self.sessions[session].ticket.attempt;
        if announced < known {
            return Err(Breach("an announced attempt is below one of the session's earlier ones"));
        }
        if announced > known {
            self.take_to(session, client_seq);
            self.catch_up(session, announced, attach.doing, now);
        } else {
            self.reconcile(session, attach.doing, now);
        }
        self.take(session, client_seq);
        self.retry_resume(session, now);
        Ok(())
    }

    /// A resumable session is back: what its gateway has missed is sent again. Tells how far the client's messages have come.
    fn catch_up_log(&mut self, session: SessionKey, announced: &frame::Resumable, now: Time) -> Result<u64, Breach> {
        let Some((_, known)) = self.sessions[session].resumable_mut() else { return Ok(0) };
        if announced.seq > known.log.seq() {
            return Err(Breach("a gateway has frames that were never sent"));
        }
        known.log.acknowledge(announced.seq.saturating_sub(announced.kept.len() as u64));
        known.taken = known.taken.max(announced.taken);
        known.told_taken = announced.taken;
        known.come = known.come.max(announced.client_seq);
        let missed: Vec<_> =
            known.log.above(announced.seq).map(|(seq, kept)| (seq, kept.taken, kept.kind.clone())).collect();
        let is_detached = known.detached_until.is_some();
        self.sessions.set_tokens(session, announced.token, announced.earlier_token);
        let Session { link, number, .. } = self.sessions[session];
        for (seq, taken, kind) in missed {
            let frame = DownFrame { session: number, seq, taken, kind };
            self.outputs.push_back(Output::Frame { link, frame });
        }
        match announced.detached {
            None => {
                self.close_window(session);
                if is_detached {
                    self.note(session, Change::Returned);
                }
                self.tell_presence(session);
            }
            Some(_) if is_detached => {}
            Some(left) => self.open_window(session, self.announced_window(left, now)),
        }
        Ok(announced.client_seq)
    }

    /// What the session did since its known attempt was lost on the way: what it does now counts.
    fn catch_up(&mut self, session: SessionKey, attempt: u32, doing: Doing, now: Time) {
        self.sessions[session].ticket = TicketNumber { attempt, round: 0 };
        match doing {
            Doing::Idle => self.walk_out(session, PartnerLeftReason::Left, now),
            Doing::Waiting(Join { wishes, waited, .. }) => {
                let kept = self.turn_in_queue(session);
                let turn = kept.unwrap_or_else(|| self.turn_since(now - waited));
                let mut seekers = vec![session];
                if let Some(parting) = self.rest(session, PartnerLeftReason::Left, now) {
                    let back = self.fair_return(&parting);
                    seekers.extend(self.dismiss(parting.survivor, PartnerLeftReason::Left, back, now));
                }
                self.sessions[session].wish =
                    Some(Wish { wishes, turn, asked: now - waited, limit: PoolLimit::IsPassed });
                self.place_all(seekers, now);
            }
            // No room can have come of an attempt that never came. Whatever the gateway took for one, it is over.
            Doing::InRoom(announced) => {
                self.walk_out(session, PartnerLeftReason::Left, now);
                self.recall(session, announced, now);
            }
        }
    }

    /// Nothing that the session did was lost: it is told what it may have missed.
    fn reconcile(&mut self, session: SessionKey, doing: Doing, now: Time) {
        match (doing, self.sessions[session].state) {
            (Doing::InRoom(announced), state) => self.reconcile_room(session, &announced, state, now),
            // All that it was not told has just been sent again.
            (_, state) if self.sessions[session].resumable.is_some() => self.go_on_in(session, state, now),
            (Doing::Idle, State::Idle) => {}
            // The gateway was told without requeueing that its room is over, or ended the room itself.
            (Doing::Idle, _) => self.walk_out(session, PartnerLeftReason::Left, now),
            (Doing::Waiting(join), State::Idle) => {
                // It was matched, and that room is over, and it has heard of neither.
                let asked = now - join.waited;
                let turn = self.turn_since(asked);
                let known = &mut self.sessions[session];
                known.ticket.round = known.ticket.round.saturating_add(1);
                known.wish.get_or_insert(Wish { wishes: join.wishes, turn, asked, limit: PoolLimit::IsPassed });
                self.place_all(vec![session], now);
            }
            (Doing::Waiting(_), state) => self.tell_again(session, state, now),
        }
    }

    fn reconcile_room(&mut self, session: SessionKey, announced: &InRoom, state: State, now: Time) {
        let is_same = self.room_id(session) == Some(announced.room);
        match state {
            State::InRoom(room) if is_same && self.sessions[session].ticket == announced.ticket => {
                self.rejoin(session, room, announced.received, announced.sent);
            }
            State::InHalfRoom(room) if is_same => {
                let half = self.halves.get_mut(&room).expect("a session in a half room has one");
                (half.received, half.passed, half.newest) = (announced.received, announced.received, announced.sent);
            }
            _ if self.sessions[session].resumable.is_some() => self.go_on_in(session, state, now),
            _ => {
                let last = self.sessions[session].last_partner.as_ref().filter(|last| last.room == announced.room);
                let reason = last.and_then(|last| last.reason).unwrap_or(PartnerLeftReason::Disconnected);
                let requeued = !matches!(state, State::Idle);
                self.tell(session, Down::PartnerLeft { ticket: announced.ticket, reason, requeued });
                self.tell_again(session, state, now);
            }
        }
    }

    /// A session that has heard everything goes on with what it does here.
    fn go_on_in(&mut self, session: SessionKey, state: State, now: Time) {
        match state {
            State::Idle | State::InHalfRoom(_) => {}
            State::Waiting => self.retry(vec![session], now),
            State::InRoom(room) => self.rejoin(session, room, 0, 0),
        }
    }

    /// Tells a session what it does here. Whoever waits was passed over while it was unlinked, and looks for a partner again.
    fn tell_again(&mut self, session: SessionKey, state: State, now: Time) {
        match state {
            State::Idle => {}
            State::InRoom(room) => {
                self.tell_match(session, room, now);
                self.rejoin(session, room, 0, 0);
            }
            State::Waiting | State::InHalfRoom(_) => {
                self.rest(session, PartnerLeftReason::Left, now);
                self.place_all(vec![session], now);
            }
        }
    }
}
