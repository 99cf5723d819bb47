//! What a session is doing, and how it is announced to a matchmaker that does not know it.

use duet_proto::frame::{self, Doing, Join, Wishes};
use duet_proto::ids::{ClientId, RoomId, TicketNumber};
use duet_proto::json::IceState;
use duet_proto::time::Time;

use super::Session;
use super::sequence::{FromPartner, ToPartner};

/// What a session is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Activity {
    /// Nothing.
    Idle,
    /// It wants a partner.
    Seeking(Seeking),
    /// It has one. Boxed: most sessions that cost memory and nothing else are in no room.
    InRoom(Box<InRoom>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seeking {
    pub(super) wishes: Wishes,
    /// Its place in the queue.
    pub(super) since: Time,
    /// Whether the matchmaker has answered this wish.
    pub(super) answered: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct InRoom {
    pub(super) ticket: TicketNumber,
    pub(super) room: RoomId,
    pub(super) partner: ClientId,
    pub(super) initiator: bool,
    /// What the session was last told of the partner.
    pub(super) partner_away: bool,
    /// What it had asked for, and its place then: for a requeueing that is not its fault.
    pub(super) wishes: Wishes,
    pub(super) since: Time,
    pub(super) to_partner: ToPartner,
    pub(super) from_partner: FromPartner,
    /// When its client was told, until it answers; of a resumed session nobody knows.
    pub(super) unanswered_since: Option<Time>,
    /// What its client has said of the call.
    pub(super) call: [bool; IceState::ALL.len()],
}

/// What a session is doing, as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SessionState {
    /// Nothing.
    Idle,
    /// It wants a partner.
    Waiting,
    /// It has one.
    Matched,
    /// Any of these, without a socket.
    Detached,
}

impl SessionState {
    /// All there are.
    pub const ALL: [SessionState; 4] =
        [SessionState::Idle, SessionState::Waiting, SessionState::Matched, SessionState::Detached];

    /// As metrics name it.
    pub fn name(self) -> &'static str {
        match self {
            SessionState::Idle => "idle",
            SessionState::Waiting => "waiting",
            SessionState::Matched => "matched",
            SessionState::Detached => "detached",
        }
    }
}

impl Session {
    /// What the session is doing.
    pub fn state(&self) -> SessionState {
        match &self.activity {
            _ if self.resumable.as_ref().is_some_and(|resumable| resumable.detached_since.is_some()) => {
                SessionState::Detached
            }
            Activity::Idle => SessionState::Idle,
            Activity::Seeking(_) => SessionState::Waiting,
            Activity::InRoom(_) => SessionState::Matched,
        }
    }

    /// What the session is doing, in the words of an announcement.
    pub(super) fn doing(&self, now: Time) -> Doing {
        let announced = |place: &InRoom| {
            Doing::InRoom(frame::InRoom {
                ticket: place.ticket,
                room: place.room,
                partner: place.partner,
                initiator: place.initiator,
                received: place.from_partner.received(),
                sent: place.to_partner.newest(),
                acknowledged: place.to_partner.acknowledged(),
                partner_away: place.partner_away,
                join: Join { attempt: place.ticket.attempt, ..self.join(&place.wishes, place.since, now) },
            })
        };
        match (&self.departing, &self.activity) {
            (Some(departing), _) => announced(&departing.place),
            (None, Activity::Idle) => Doing::Idle,
            (None, Activity::Seeking(seeking)) => Doing::Waiting(self.join(&seeking.wishes, seeking.since, now)),
            (None, Activity::InRoom(place)) => announced(place),
        }
    }

    pub(super) fn join(&self, wishes: &Wishes, since: Time, now: Time) -> Join {
        Join { attempt: self.attempt, wishes: wishes.clone(), waited: now.since(since) }
    }

    /// The room that the session is in.
    pub(super) fn room(&self) -> Option<RoomId> {
        match &self.activity {
            Activity::InRoom(place) => Some(place.room),
            Activity::Idle | Activity::Seeking(_) => None,
        }
    }

    /// Rests, and whatever the matchmaker still says of the attempt so far is void. The caller tells the matchmaker.
    pub(super) fn end_attempt(&mut self, now: Time) {
        self.rest(now);
        self.attempt += 1;
    }

    /// Parts from the partner, if there is one, and is idle.
    pub(super) fn rest(&mut self, now: Time) {
        if let Activity::InRoom(place) = std::mem::replace(&mut self.activity, Activity::Idle) {
            self.parted = Some((place.room, now));
        }
    }
}
