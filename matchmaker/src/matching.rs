//! Who meets whom, and what becomes of who is left over.
//!
//! Oldest first: whoever looks for a partner gets the oldest waiter that suits. When several are put back at once, all have
//! heard of the end before any is placed, and they are placed in the order of their turns, so that the older chooses first.

use std::time::Duration;

use duet_proto::frame::{Down, Identity, Matched, PartnerLeftReason};
use duet_proto::ids::{ClientId, RoomId};
use duet_proto::time::Time;
use duet_proto::trace::MatchTraces;
use rand::Rng;

use crate::deadlines::Timer;
use crate::rooms::{Member, Room, RoomKey};
use crate::seeking::Sought;
use crate::sessions::{LastPartner, SessionKey, State};
use crate::{Config, Event, Matchmaker, Output, RoomEnded, RoomMade};

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
        if !matches!(self.sessions[session].state, State::Idle) {
            self.rested.push(self.sessions[session].client);
        }
        match self.sessions[session].state {
            State::Idle => None,
            State::Waiting => {
                self.count_wait(session, reason, now);
                self.unqueue(session);
                None
            }
            State::InRoom(room) => Some(self.part(session, room, reason, now)),
            State::InHalfRoom(room) => {
                self.remove_half(room, now);
                self.sessions[session].state = State::Idle;
                self.loosen(session);
                None
            }
        }
    }

    /// Ends a room, and remembers who met.
    fn part(&mut self, session: SessionKey, room: RoomKey, reason: PartnerLeftReason, now: Time) -> Parting {
        let room = self.close_room(room);
        let survivor = room.partner_of(session);
        self.rested.push(self.sessions[survivor].client);
        let lasted = now.since(room.created);
        self.loosen(session);
        self.loosen(survivor);
        let Config { rematch_avoid, recent_partners, .. } = self.config;
        for (one, other) in [(session, survivor), (survivor, session)] {
            let partner = self.sessions[other].party();
            let known = &mut self.sessions[one];
            known.state = State::Idle;
            known.remember_meeting(partner.client, rematch_avoid, recent_partners, now);
            known.last_partner = Some(LastPartner { partner, room: room.id, lasted, parted: now, reason: None });
        }
        self.tally.room_ended(reason, lasted);
        let members = [session, survivor].map(|member| self.sessions[member].party());
        let ended = RoomEnded { room: room.id, pool: room.pool.name, members, reason, lasted };
        self.outputs.push_back(Output::Event(Box::new(Event::RoomEnded(ended))));
        Parting { survivor, lasted }
    }

    /// Two talk.
    pub(crate) fn open_room(&mut self, room: Room, now: Time) -> RoomKey {
        self.pools.begin_talk(&room.pool, now);
        self.rooms.insert(room)
    }

    /// Two talk no longer.
    pub(crate) fn close_room(&mut self, room: RoomKey) -> Room {
        let room = self.rooms.remove(room);
        self.pools.end_talk(&room.pool);
        room
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
            let wish = session.wish.as_mut().expect("whoever was in a room has asked");
            (wish.turn, wish.asked) = (end, now);
        }
        Some(survivor)
    }

    /// Finds each a partner, or a place in the queue. Those with the older turns choose first; who is absent does not choose.
    pub(crate) fn place_all(&mut self, mut seekers: Vec<SessionKey>, now: Time) {
        seekers.sort_unstable_by_key(|seeker| self.served(self.sessions[*seeker].wish()));
        for seeker in seekers {
            if self.config.shares_pools {
                self.queue_shared(seeker, now);
                continue;
            }
            match self.seek(seeker, now) {
                Sought::Found(waiter) => self.pair(seeker, waiter, now),
                Sought::Nobody(come_to) => {
                    self.queue(seeker, now);
                    self.come_to(seeker, come_to, now);
                }
            }
        }
    }

    /// Looks again for those who were kept apart from somebody, or were absent, or have become less choosy. Who finds nobody keeps its
    /// place and hears nothing.
    pub(crate) fn retry(&mut self, mut due: Vec<SessionKey>, now: Time) {
        due.retain(|session| self.is_present(*session) && matches!(self.sessions[*session].state, State::Waiting));
        due.sort_unstable_by_key(|session| self.served(self.sessions[*session].wish()));
        due.dedup();
        for session in &due {
            self.show(*session);
        }
        for seeker in due {
            if !matches!(self.sessions[seeker].state, State::Waiting) {
                continue;
            }
            if self.config.shares_pools {
                self.ask_engine(seeker, now);
                self.arm(seeker);
                continue;
            }
            match self.seek(seeker, now) {
                Sought::Found(waiter) => self.pair(seeker, waiter, now),
                Sought::Nobody(come_to) => self.come_to(seeker, come_to, now),
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

    /// Makes a room of a seeker and a waiter. The seeker makes the offer: it has just been heard of, while the waiter may be gone
    /// without anybody having noticed yet, so the seeker's offer is the quicker one to come.
    pub(crate) fn pair(&mut self, seeker: SessionKey, waiter: SessionKey, now: Time) {
        let id = self.new_room_id();
        let pool = self.pool_key(seeker, now);
        let both = [seeker, waiter];
        let members = both.map(Member::new);
        let room = self.open_room(Room { id, pool: pool.clone(), created: now, members }, now);
        if self.config.shares_pools {
            self.settle_with_engine(seeker, waiter, now);
        }
        for session in both {
            if matches!(self.sessions[session].state, State::Waiting) {
                self.unqueue(session);
                if !self.config.shares_pools {
                    self.pools.count_taken(&pool, now);
                }
            }
            self.sessions[session].state = State::InRoom(room);
        }
        let made = RoomMade {
            room: id,
            pool: pool.name,
            members: both.map(|session| self.sessions[session].party()),
            waited: both.map(|session| now.since(self.sessions[session].wish().turn.queued)),
            tags: self.shared_tags(seeker, waiter),
        };
        self.count_match(&made, both, now);
        self.matches += 1;
        self.outputs.push_back(Output::Event(Box::new(Event::Matched(made))));
        for session in [waiter, seeker] {
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
            tags: self.shared_tags(session, room.partner_of(session)),
            traces: self.traces(session, room.partner_of(session)),
        };
        self.tell(session, Down::Matched(matched));
    }

    fn traces(&self, session: SessionKey, partner: SessionKey) -> Option<Box<MatchTraces>> {
        let trace = |session: SessionKey| self.sessions[session].wish.as_ref()?.wishes.trace.as_deref();
        MatchTraces::of(trace(session), trace(partner))
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

/// What a partner gets to know. Until when it holds, and what the operator makes of it, is none of its business.
fn shown(identity: &Identity) -> Box<Identity> {
    Box::new(Identity { expires_in: None, assigned: None, ..identity.clone() })
}

/// How many a session is kept apart from at a time. The oldest is let go first: it would be soonest anyway. Entries that have
/// run out stay until they are pushed out; they keep nobody apart.
const APART_AT_MOST: usize = 8;
