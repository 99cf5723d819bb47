//! What the matchmaker's frames do: being queued, meeting a partner, hearing from it, losing it.
//!
//! A frame for a ticket that is over crossed with a message of the client's; it is ignored, and the matchmaker learns of
//! that message in its turn.

use duet_proto::frame::{Down, Forward, Matched, PartnerLeftReason, PoolName, Up};
use duet_proto::ids::TicketNumber;
use duet_proto::json::{ErrorCode, Refusal, ServerMessage};
use duet_proto::time::Time;

use super::activity::{Activity, InRoom, Seeking};
use super::{Output, Session};

impl Session {
    /// A frame came from the matchmaker.
    pub fn handle_frame(&mut self, frame: Down, now: Time) {
        match frame {
            Down::Waiting { ticket, pool, position, waited } => self.waiting(ticket, pool, position, now - waited),
            Down::Matched(matched) => self.matched(&matched, now),
            Down::Forward(forward) => self.hear(forward, now),
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
        let Some(seeking) = self.seeking(matched.ticket) else { return };
        let place = InRoom {
            ticket: matched.ticket,
            room: matched.room,
            partner: matched.partner,
            wishes: seeking.wishes.clone(),
            since: now - matched.waited,
            sent: 0,
            received: 0,
            unacknowledged: 0,
            unacknowledged_bytes: 0,
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
        if forward.seq <= place.received {
            return;
        }
        if forward.seq > place.received + 1 {
            return self.end_broken_room(now);
        }
        place.received = forward.seq;
        place.unacknowledged += 1;
        place.unacknowledged_bytes += forward.text.len();
        if place.unacknowledged >= ACK_MESSAGES || place.unacknowledged_bytes >= ACK_BYTES {
            place.unacknowledged = 0;
            place.unacknowledged_bytes = 0;
            self.push_frame(Up::Ack { ticket: forward.ticket, seq: forward.seq });
        }
        self.send(forward.text);
    }

    /// A message of the partner's was lost between the processes. Rather than go on with a hole, the room ends and both
    /// sides hear of it.
    fn end_broken_room(&mut self, now: Time) {
        self.rest(now);
        self.attempt += 1;
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

/// How many messages may go unacknowledged.
const ACK_MESSAGES: u64 = 32;
/// How many bytes of messages may go unacknowledged.
const ACK_BYTES: usize = 64 * 1024;
