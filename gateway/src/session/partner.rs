//! What the matchmaker's frames do: being queued, meeting a partner, hearing from it, losing it.
//!
//! A frame for a ticket that is over crossed with a message of the client's; it is ignored, and the matchmaker learns of
//! that message in its turn.

use duet_proto::frame::{Down, Forward, Matched, PartnerLeftReason, PoolName, Up};
use duet_proto::ids::TicketNumber;
use duet_proto::json::{ErrorCode, Refusal, ServerMessage};
use duet_proto::time::Time;

use super::activity::{Activity, InRoom, Seeking};
use super::sequence::{Arrival, FromPartner, ToPartner};
use super::{Link, Output, Session};

impl Session {
    /// A frame came from the matchmaker.
    pub fn handle_frame(&mut self, frame: Down, now: Time) {
        match frame {
            Down::Waiting { ticket, pool, position, waited } => self.waiting(ticket, pool, position, now - waited),
            Down::Matched(matched) => self.matched(&matched, now),
            Down::Forward(forward) => self.hear(forward, now),
            Down::Resume { ticket, received } => self.resume(ticket, received),
            Down::Ack { ticket, seq } => {
                if let Some(place) = self.in_room(ticket) {
                    place.to_partner.acknowledge(seq);
                }
            }
            Down::PartnerLeft { ticket, reason, requeued } => self.partner_left(ticket, reason, requeued, now),
        }
    }

    fn waiting(&mut self, ticket: TicketNumber, pool: PoolName, position: u64, since: Time) {
        let Some(seeking) = self.seeking(ticket) else { return };
        seeking.answered = true;
        seeking.since = since;
        let position = Some(position).filter(|position| *position > 0);
        self.tell(&ServerMessage::Waiting { pool, position });
    }

    fn matched(&mut self, matched: &Matched, now: Time) {
        if let Activity::InRoom(place) = &self.activity {
            // At most one match for an attempt; that of an earlier attempt is declined by the attempt that followed.
            if matched.ticket.attempt == self.attempt && place.room != matched.room {
                self.push_frame(Up::Decline { ticket: matched.ticket });
            }
        }
        let Some(seeking) = self.seeking(matched.ticket) else { return };
        let place = InRoom {
            ticket: matched.ticket,
            room: matched.room,
            partner: matched.partner,
            initiator: matched.initiator,
            wishes: seeking.wishes.clone(),
            since: now - matched.waited,
            to_partner: ToPartner::new(),
            from_partner: FromPartner::new(),
        };
        self.activity = Activity::InRoom(place);
        self.tell(&ServerMessage::Matched {
            room_id: matched.room,
            partner_id: matched.partner,
            initiator: matched.initiator,
        });
    }

    fn seeking(&mut self, ticket: TicketNumber) -> Option<&mut Seeking> {
        match &mut self.activity {
            Activity::Seeking(seeking) if ticket.attempt == self.attempt => Some(seeking),
            _ => None,
        }
    }

    fn in_room(&mut self, ticket: TicketNumber) -> Option<&mut InRoom> {
        match &mut self.activity {
            Activity::InRoom(place) if place.ticket == ticket => Some(place),
            _ => None,
        }
    }

    fn hear(&mut self, forward: Forward, now: Time) {
        let Some(place) = self.in_room(forward.ticket) else { return };
        match place.from_partner.arrive(forward.seq, forward.text.len(), now) {
            Arrival::Repeated => {}
            Arrival::Gap => self.end_broken_room(now),
            Arrival::Next => {
                self.send(forward.text);
                self.acknowledge_due(now);
            }
        }
    }

    /// When what has come is to be acknowledged.
    pub(super) fn ack_deadline(&self) -> Option<Time> {
        match (&self.activity, self.link) {
            (Activity::InRoom(place), Link::Up) => place.from_partner.due(),
            _ => None,
        }
    }

    pub(super) fn acknowledge_due(&mut self, now: Time) {
        let Activity::InRoom(place) = &mut self.activity else { return };
        let ticket = place.ticket;
        if let Some(seq) = place.from_partner.take_due(now) {
            self.push_frame(Up::Ack { ticket, seq });
        }
    }

    /// Both sides are linked again: what the partner lacks is sent once more, and then the room goes on.
    fn resume(&mut self, ticket: TicketNumber, received: u64) {
        let Some(place) = self.in_room(ticket) else { return };
        place.to_partner.acknowledge(received);
        place.to_partner.open = true;
        let kept: Vec<_> = place.to_partner.kept().collect();
        for (seq, text) in kept {
            self.push_frame(Up::Forward(Forward { ticket, seq, text }));
        }
    }

    /// A message of the partner's was lost between the processes. Rather than go on with a hole, the room ends and both
    /// sides hear of it.
    fn end_broken_room(&mut self, now: Time) {
        self.end_attempt(now);
        self.push_frame(Up::Leave { attempt: self.attempt });
        let id = format!("{}-{}", self.client, self.attempt);
        let refusal = Refusal::new(ErrorCode::Internal, "a message of your partner's was lost".to_owned());
        self.refuse(Refusal { id: Some(id.clone()), ..refusal });
        self.outputs.push_back(Output::Fault { id, what: "a forwarded message is missing" });
        self.tell(&ServerMessage::PartnerLeft { reason: PartnerLeftReason::Disconnected, requeued: false });
    }

    fn partner_left(&mut self, ticket: TicketNumber, reason: PartnerLeftReason, requeued: bool, now: Time) {
        let Some(place) = self.in_room(ticket) else { return };
        let seeking = Seeking { wishes: place.wishes.clone(), since: place.since, answered: true };
        self.rest(now);
        if requeued {
            self.activity = Activity::Seeking(seeking);
        }
        self.tell(&ServerMessage::PartnerLeft { reason, requeued });
    }
}
