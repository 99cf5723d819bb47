//! Who meets whom, and what becomes of who is left over.
//!
//! Oldest first: whoever looks for a partner gets the oldest waiter that suits. When several are put back at once, all have
//! heard of the end before any is placed, and they are placed in the order of their turns, so that the older chooses first.

use std::time::Duration;

use duet_proto::frame::{Down, Identity, Matched, PartnerLeftReason, Waiting};
use duet_proto::ids::{ClientId, RoomId};
use duet_proto::time::Time;
use rand::Rng;

use crate::deadlines::Timer;
use crate::rooms::{Member, Room, RoomKey};
use crate::sessions::{LastPartner, SessionKey, State};
use crate::suitability::suit;
use crate::{Event, Matchmaker, Output, RoomEnded, RoomMade};

/// A room's end, as seen by the one who ended it.
#[derive(Debug)]
pub(crate) struct Parting {
    pub(crate) survivor: SessionKey,
    pub(crate) lasted: Duration,
}

/// Where somebody goes back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Return {
    /// To the turn it had before it was matched.
    ToItsPlace,
    /// Behind all who wait now.
    ToTheEnd,
}

impl Matchmaker {
    /// Ends whatever the session does, without a word to anybody but those who watch. Tells of the partner, if it was in a room; the
    /// reason is why that ends.
    pub(crate) fn rest(&mut self, session: SessionKey, reason: PartnerLeftReason, now: Time) -> Option<Parting> {
        match self.sessions[session].state {
            State::Idle => None,
            State::Waiting(_) => {
                self.unqueue(session);
                None
            }
            State::InRoom(room) => {
                let room = self.rooms.remove(room);
                let survivor = room.partner_of(session);
                let lasted = now.since(room.created);
                self.loosen(session);
                self.loosen(survivor);
                for (one, other) in [(session, survivor), (survivor, session)] {
                    self.sessions[one].state = State::Idle;
                    let partner = self.sessions[other].party();
                    self.sessions[one].last_partner =
                        Some(LastPartner { partner, room: room.id, lasted, parted: now, reason: None });
                }
                let members = [session, survivor].map(|member| self.sessions[member].party());
                let ended = RoomEnded { room: room.id, pool: room.pool, members, reason, lasted };
                self.outputs.push_back(Output::Event(Box::new(Event::RoomEnded(ended))));
                Some(Parting { survivor, lasted })
            }
            State::InHalfRoom(room) => {
                self.remove_half(room, now);
                self.sessions[session].state = State::Idle;
                self.loosen(session);
                None
            }
        }
    }

    /// Takes a session that waits out of its queue.
    fn unqueue(&mut self, session: SessionKey) {
        if let State::Waiting(place) = std::mem::replace(&mut self.sessions[session].state, State::Idle) {
            self.pools.remove(&self.sessions[session].wish().wishes.pool, place);
        }
    }

    /// Nothing of the session's is on its way to a partner any more.
    fn loosen(&mut self, session: SessionKey) {
        if !self.held.is_empty() {
            self.loosened.push(self.sessions[session].client);
        }
    }

    /// Ends whatever the session does; a partner is told why, and put back.
    pub(crate) fn walk_out(&mut self, session: SessionKey, reason: PartnerLeftReason, now: Time) {
        if let Some(parting) = self.rest(session, reason, now) {
            let seeker = self.dismiss(parting.survivor, reason, self.fair_return(&parting), now);
            self.place_all(seeker.into_iter().collect(), now);
        }
    }

    /// Puts back those whose partners were lost with a process, through no fault of anybody.
    pub(crate) fn requeue_after_loss(&mut self, survivors: Vec<SessionKey>, now: Time) {
        let dismiss = |survivor| self.dismiss(survivor, PartnerLeftReason::Disconnected, Return::ToItsPlace, now);
        let seekers = survivors.into_iter().filter_map(dismiss).collect();
        self.place_all(seekers, now);
    }

    /// Where who is left over from a room belongs: a room too short to be a meeting costs nobody the place.
    pub(crate) fn fair_return(&self, parting: &Parting) -> Return {
        if parting.lasted < self.config.short_room { Return::ToItsPlace } else { Return::ToTheEnd }
    }

    /// Tells a session that its partner has left. If it goes on looking, begins its next round and returns it: to be placed.
    pub(crate) fn dismiss(
        &mut self,
        survivor: SessionKey,
        reason: PartnerLeftReason,
        back: Return,
        now: Time,
    ) -> Option<SessionKey> {
        let requeued = self.config.requeue_on_partner_leave;
        if let Some(last) = &mut self.sessions[survivor].last_partner {
            last.reason = Some(reason);
        }
        self.tell(survivor, Down::PartnerLeft { ticket: self.sessions[survivor].ticket, reason, requeued });
        if !requeued {
            return None;
        }
        let end = self.turn_since(now);
        let session = &mut self.sessions[survivor];
        // An announced round may be the last there is.
        session.ticket.round = session.ticket.round.saturating_add(1);
        if back == Return::ToTheEnd {
            session.wish.as_mut().expect("whoever was in a room has asked").turn = end;
        }
        Some(survivor)
    }

    /// Finds each a partner, or a place in the queue. Those with the older turns choose first; who is absent does not choose.
    pub(crate) fn place_all(&mut self, mut seekers: Vec<SessionKey>, now: Time) {
        seekers.sort_unstable_by_key(|seeker| self.sessions[*seeker].wish().turn);
        for seeker in seekers {
            match self.seek(seeker, now) {
                Some(waiter) => self.pair(seeker, waiter, now),
                None => self.queue(seeker, now),
            }
        }
    }

    /// Looks again for those who were kept apart from somebody, or were absent. Who finds nobody keeps its place and hears nothing.
    pub(crate) fn retry(&mut self, mut due: Vec<SessionKey>, now: Time) {
        due.retain(|session| self.is_present(*session) && matches!(self.sessions[*session].state, State::Waiting(_)));
        due.sort_unstable_by_key(|session| self.sessions[*session].wish().turn);
        due.dedup();
        for seeker in due {
            let waits = matches!(self.sessions[seeker].state, State::Waiting(_));
            if let Some(waiter) = waits.then(|| self.seek(seeker, now)).flatten() {
                self.unqueue(seeker);
                self.pair(seeker, waiter, now);
            }
        }
    }

    /// For some seconds the two are not matched again, whoever else waits or doesn't.
    pub(crate) fn keep_apart(&mut self, presser: SessionKey, left: ClientId, now: Time) {
        let until = now + self.config.rematch_after;
        let presser = &mut self.sessions[presser];
        let known = presser.apart.iter().position(|(client, _)| *client == left);
        let full = presser.apart.len() == APART_AT_MOST;
        if let Some(index) = known.or(full.then_some(0)) {
            let (client, until) = presser.apart.remove(index);
            self.deadlines.cancel(until, Timer::Retry { presser: presser.client, left: client });
        }
        presser.apart.push((left, until));
        self.deadlines.add(until, Timer::Retry { presser: presser.client, left });
    }

    /// The oldest waiter that suits. Who is absent is passed over, and finds nobody.
    pub(crate) fn seek(&self, seeker: SessionKey, now: Time) -> Option<SessionKey> {
        if !self.is_present(seeker) {
            return None;
        }
        let seeker = &self.sessions[seeker];
        let mut waiters = self.pools.oldest_first(&seeker.wish().wishes.pool).map(|waiter| waiter.session);
        waiters.find(|waiter| self.is_present(*waiter) && suit(seeker, &self.sessions[*waiter], now))
    }

    fn queue(&mut self, session: SessionKey, now: Time) {
        let ticket = self.sessions[session].ticket;
        let wish = self.sessions[session].wish();
        let waited = now.since(wish.turn.queued);
        let pool = wish.wishes.pool.clone();
        let (place, position) = self.pools.insert(&pool, session, wish.turn);
        self.sessions[session].state = State::Waiting(place);
        self.tell(session, Down::Waiting(Waiting { ticket, pool, position, waited, estimate: None, widened: false }));
    }

    /// Makes a room of a seeker, who is in no queue, and a waiter. The seeker makes the offer: it has just been heard of, while
    /// the waiter may be gone without anybody having noticed yet, so the seeker's offer is the quicker one to come.
    pub(crate) fn pair(&mut self, seeker: SessionKey, waiter: SessionKey, now: Time) {
        self.unqueue(waiter);
        let id = self.new_room_id();
        let pool = self.sessions[seeker].wish().wishes.pool.clone();
        let both = [seeker, waiter];
        let made = RoomMade {
            room: id,
            pool: pool.clone(),
            members: both.map(|session| self.sessions[session].party()),
            waited: both.map(|session| now.since(self.sessions[session].wish().turn.queued)),
            tags: Box::default(),
        };
        let room = self.rooms.insert(Room { id, pool, created: now, members: both.map(Member::new) });
        self.matches += 1;
        self.outputs.push_back(Output::Event(Box::new(Event::Matched(made))));
        for session in [waiter, seeker] {
            self.sessions[session].state = State::InRoom(room);
            self.tell_match(session, room, now);
        }
    }

    /// Tells a session of the room it is in.
    pub(crate) fn tell_match(&mut self, session: SessionKey, room: RoomKey, now: Time) {
        let room = &self.rooms[room];
        let matched = Matched {
            ticket: self.sessions[session].ticket,
            room: room.id,
            partner: self.sessions[room.partner_of(session)].client,
            initiator: room.members[0].session == session,
            waited: now.since(self.sessions[session].wish().turn.queued),
            shown: self.sessions[room.partner_of(session)].proved().map(shown),
            tags: Box::default(),
        };
        self.tell(session, Down::Matched(matched));
    }

    fn new_room_id(&mut self) -> RoomId {
        loop {
            let mut bytes = [0; 16];
            self.rng.fill_bytes(&mut bytes);
            let id = RoomId::from_random(bytes);
            if self.rooms.by_id(id).is_none() && !self.halves.contains_key(&id) {
                return id;
            }
        }
    }
}

/// What a partner gets to know. Until when it holds is none of its business.
fn shown(identity: &Identity) -> Box<Identity> {
    Box::new(Identity { expires_in: None, ..identity.clone() })
}

/// How many a session is kept apart from at a time. The oldest is let go first: it would be soonest anyway. Entries that have
/// run out stay until they are pushed out; they keep nobody apart.
const APART_AT_MOST: usize = 8;
