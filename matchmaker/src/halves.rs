//! Rooms of a matchmaker that has died, while only one side has announced them.
//!
//! Such a half room is no room: nothing passes through it, and whatever its session does ends it. It becomes a room when the
//! other side announces it, too; if that does not come, its session goes back to the place it had.

use std::collections::BTreeMap;
use std::time::Duration;

use duet_proto::frame::{InRoom, PartnerLeftReason};
use duet_proto::ids::{ClientId, RoomId};
use duet_proto::time::Time;

use crate::deadlines::Timer;
use crate::frames::PoolLimit;
use crate::matching::Return;
use crate::rooms::{Member, Room};
use crate::sessions::{LastPartner, SessionKey, State, Wish};
use crate::{Matchmaker, Party};

/// One side of a room.
#[derive(Debug)]
pub(crate) struct HalfRoom {
    pub(crate) session: SessionKey,
    pub(crate) partner: ClientId,
    pub(crate) initiator: bool,
    /// The highest `seq` that it has of its partner's, and the highest that is on its way to it.
    pub(crate) received: u64,
    pub(crate) passed: u64,
    /// The highest `seq` of its own.
    pub(crate) newest: u64,
    /// The highest of those that its partner's gateway is known to have.
    pub(crate) acknowledged: u64,
    /// Whether it was last told that its partner is away.
    pub(crate) partner_away: bool,
    until: Time,
}

/// All half rooms.
pub(crate) type Halves = BTreeMap<RoomId, HalfRoom>;

impl Matchmaker {
    /// A session announces a room that is not known here: it waits for the other side, or meets it. Two announcements that
    /// contradict each other make no room: whoever comes second is told that it is over, or who is behind what the other knows.
    pub(crate) fn hold(&mut self, session: SessionKey, announced: InRoom, now: Time) {
        let client = self.sessions[session].client;
        let InRoom { room, partner, initiator, received, sent: newest, acknowledged, partner_away, .. } = announced;
        // Of a side that has gone on elsewhere an old announcement may come first.
        let old = self.halves.get(&room).filter(|half| half.received < acknowledged).map(|half| half.session);
        if let Some(old) = old {
            self.rest(old, PartnerLeftReason::Disconnected, now);
            self.requeue_after_loss(vec![old], now);
        }
        let other = self.halves.get(&room).map(|half| {
            let fits = half.partner == client && self.sessions[half.session].client == partner;
            fits && half.initiator != initiator && half.acknowledged <= received
        });
        if other == Some(false) || self.rooms.by_id(room).is_some() {
            return self.recall(session, announced, now);
        }
        self.take_word(session, announced, now);
        if other == Some(true) {
            let second = Side { session, initiator, received, passed: received, newest, partner_away };
            return self.restore(room, &second, now);
        }
        let until = self.back_by(now);
        let passed = received;
        let half =
            HalfRoom { session, partner, initiator, received, passed, newest, acknowledged, partner_away, until };
        self.halves.insert(room, half);
        self.sessions[session].state = State::InHalfRoom(room);
        self.deadlines.add(until, Timer::HalfRoom(room));
    }

    /// Takes a session out of what it does without a word, as it will be announced again: a room is left half.
    pub(crate) fn halve(&mut self, session: SessionKey, now: Time) {
        let State::InRoom(key) = self.sessions[session].state else {
            self.rest(session, PartnerLeftReason::Disconnected, now);
            return;
        };
        let room = self.close_room(key);
        let (own, other) = (room.member(session), room.member(room.partner_of(session)));
        self.sessions[session].state = State::Idle;
        self.sessions[other.session].state = State::InHalfRoom(room.id);
        let until = self.back_by(now);
        let half = HalfRoom {
            session: other.session,
            partner: self.sessions[session].client,
            initiator: room.members[0].session == other.session,
            received: own.acknowledged,
            passed: own.sent,
            newest: other.newest,
            acknowledged: other.acknowledged,
            partner_away: other.partner_away,
            until,
        };
        self.halves.insert(room.id, half);
        self.deadlines.add(until, Timer::HalfRoom(room.id));
    }

    /// Ends a half room without a word to anybody.
    pub(crate) fn remove_half(&mut self, room: RoomId, now: Time) {
        let half = self.halves.remove(&room).expect("a session in a half room has one");
        self.deadlines.cancel(half.until, Timer::HalfRoom(room));
        let partner = Party { client: half.partner, user: None };
        let last = LastPartner { partner, room, lasted: Duration::ZERO, parted: now, reason: None };
        self.sessions[half.session].last_partner = Some(last);
    }

    /// The other sides have not come: who is left goes back to the place it had.
    pub(crate) fn give_up_halves(&mut self, rooms: Vec<RoomId>, now: Time) {
        let left: Vec<_> = rooms.iter().filter_map(|room| self.halves.get(room)).map(|half| half.session).collect();
        for session in &left {
            self.rest(*session, PartnerLeftReason::Disconnected, now);
        }
        self.requeue_after_loss(left, now);
    }

    /// Tells a session that the room it has announced is over, and puts it back to the place it had.
    pub(crate) fn recall(&mut self, session: SessionKey, announced: InRoom, now: Time) {
        let partner = Party { client: announced.partner, user: None };
        let last = LastPartner { partner, room: announced.room, lasted: Duration::ZERO, parted: now, reason: None };
        self.sessions[session].last_partner = Some(last);
        self.take_word(session, announced, now);
        let seeker = self.dismiss(session, PartnerLeftReason::Disconnected, Return::ToItsPlace, now);
        self.place_all(seeker.into_iter().collect(), now);
    }

    /// The ticket and the place of a session are what it has announced.
    fn take_word(&mut self, session: SessionKey, announced: InRoom, now: Time) {
        let InRoom { ticket, join, .. } = announced;
        let asked = now - join.waited;
        let turn = self.turn_since(asked);
        self.sessions[session].ticket = ticket;
        self.sessions[session].wish = Some(Wish { wishes: join.wishes, turn, asked, limit: PoolLimit::IsPassed });
    }

    /// Makes the room again of its two sides. It counts as begun now: whoever is left over soon keeps the place it has
    /// announced, as after any death of a process.
    fn restore(&mut self, id: RoomId, second: &Side, now: Time) {
        let half = self.halves.remove(&id).expect("the caller has found it");
        self.deadlines.cancel(half.until, Timer::HalfRoom(id));
        let HalfRoom { session, initiator, received, passed, newest, partner_away, .. } = half;
        let first = Side { session, initiator, received, passed, newest, partner_away };
        let members = if first.initiator {
            [first.member(second), second.member(&first)]
        } else {
            [second.member(&first), first.member(second)]
        };
        let pool = self.pool_key(members[0].session, now);
        let sessions = [second.session, first.session];
        let room = self.open_room(Room { id, pool, created: now, members }, now);
        for session in sessions {
            self.sessions[session].state = State::InRoom(room);
        }
        self.resume(room);
        for session in sessions {
            self.tell_presence(session);
            self.retry_resume(session, now);
        }
    }
}

/// What one of the two has announced.
struct Side {
    session: SessionKey,
    initiator: bool,
    received: u64,
    passed: u64,
    newest: u64,
    partner_away: bool,
}

impl Side {
    fn member(&self, other: &Side) -> Member {
        let mut member = Member::new(self.session);
        (member.sent, member.acknowledged) = (other.passed, other.received);
        (member.newest, member.announced) = (self.newest, self.newest);
        member.partner_away = self.partner_away;
        member
    }
}
