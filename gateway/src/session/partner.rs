//! What the matchmaker's frames do: being queued, meeting a partner, hearing from it, losing it.
//!
//! A frame for a ticket that is over crossed with a message of the client's; it is ignored, and the matchmaker learns of
//! that message in its turn.

use std::time::Duration;

use bytes::Bytes;
use duet_proto::frame::{Down, DownFrame, Forward, Matched, PoolRefusal, Up, Waiting};
use duet_proto::ids::TicketNumber;
use duet_proto::json::{ErrorCode, Partner, Refusal, ServerMessage};
use duet_proto::time::Time;

use super::activity::{Activity, InRoom, Seeking};
use super::sequence::{Arrival, FromPartner, Hole, Kept, ToPartner};
use super::{Link, Session};
use crate::limits::Limit;

impl Session {
    /// A frame came from the matchmaker.
    pub fn handle_frame(&mut self, frame: DownFrame, now: Time) {
        let DownFrame { seq, taken, kind: frame, .. } = frame;
        if self.is_over || !self.admit(seq, taken, &frame) {
            return;
        }
        let text = frame.is_numbered().then(|| fate_text(&frame));
        let has_ice = matches!(frame, Down::Matched(_));
        let is_news = self.apply(frame, now);
        match text {
            Some(text) if is_news => self.send_fate(seq, &text, has_ice),
            // One of the client's own messages came first. Its number must not be missing.
            Some(_) if seq > 0 => self.send_fate(seq, &ServerMessage::Void.text(), false),
            _ => {}
        }
        self.acknowledge_due(now);
    }

    /// Does what a frame says. Tells whether it means something to the client.
    fn apply(&mut self, frame: Down, now: Time) -> bool {
        if self.is_departing(&frame) {
            self.hear_departing(&frame, now);
            return false;
        }
        match frame {
            Down::Waiting(Waiting { ticket, waited, .. }) => return self.waiting(ticket, now - waited),
            Down::Matched(matched) => return self.matched(&matched, now),
            Down::Forward(forward) => return self.hear(&forward, now),
            Down::PartnerLeft { ticket, requeued, .. } => return self.partner_left(ticket, requeued, now),
            Down::PartnerAway { ticket } => return self.partner_is(ticket, true),
            Down::PartnerBack { ticket } => return self.partner_is(ticket, false),
            Down::Resume { ticket, received, passed } => self.resume(ticket, received, passed),
            Down::Ack { ticket, seq } => {
                if let Some(place) = self.in_room(ticket) {
                    place.to_partner.acknowledge(seq);
                }
            }
            Down::SessionResumed(resumed) => self.resumed(*resumed, now),
            Down::ResumeFailed => self.resume_failed(),
            Down::SessionEnded { reason } => self.ended(reason),
            Down::PoolFull { ticket, reason } => self.pool_refused(ticket, reason, now),
            // Its worker answers these.
            Down::Summon { .. } => {}
            Down::Settled { taken } => {
                if let Some(resumable) = &mut self.resumable {
                    resumable.note_taken(taken);
                }
            }
        }
        false
    }

    fn waiting(&mut self, ticket: TicketNumber, since: Time) -> bool {
        let Some(seeking) = self.seeking(ticket) else { return false };
        seeking.answered = true;
        seeking.since = since;
        true
    }

    fn matched(&mut self, matched: &Matched, now: Time) -> bool {
        if let Activity::InRoom(place) = &self.activity {
            // At most one match for an attempt; that of an earlier attempt is declined by the attempt that followed.
            if matched.ticket.attempt == self.attempt && place.room != matched.room {
                self.push_frame(Up::Decline { ticket: matched.ticket });
            }
        }
        let Some(seeking) = self.seeking(matched.ticket) else { return false };
        let place = InRoom {
            ticket: matched.ticket,
            room: matched.room,
            partner: matched.partner,
            initiator: matched.initiator,
            partner_away: false,
            wishes: seeking.wishes.clone(),
            since: now - matched.waited,
            to_partner: ToPartner::new(),
            from_partner: FromPartner::new(),
            unanswered_since: Some(now),
            call: Default::default(),
        };
        self.activity = Activity::InRoom(Box::new(place));
        true
    }

    /// The wish is refused. Should the client have gone on to another since, nothing comes of it.
    fn pool_refused(&mut self, ticket: TicketNumber, reason: PoolRefusal, now: Time) {
        if self.seeking(ticket).is_none() {
            return;
        }
        self.end_attempt(now);
        let (limit, why) = match reason {
            PoolRefusal::Full => (Limit::PoolFull, "too many wait in this pool, and nobody of them suits"),
            PoolRefusal::TooManyPools => (Limit::Pools, "there are too many pools already, and this would be another"),
            PoolRefusal::Paused => (Limit::PoolPaused, "this pool is paused"),
            PoolRefusal::Unlisted => {
                return self.refuse(Refusal::invalid("`pool` names no pool of this service".to_owned()));
            }
        };
        self.limited(limit);
        self.refuse(Refusal::new(ErrorCode::Unavailable, why.to_owned()).retry_after(POOL_RETRY));
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

    fn partner_is(&mut self, ticket: TicketNumber, away: bool) -> bool {
        let Some(place) = self.in_room(ticket) else { return false };
        place.partner_away = away;
        true
    }

    fn hear(&mut self, forward: &Forward, now: Time) -> bool {
        let Some(place) = self.in_room(forward.ticket) else { return false };
        match place.from_partner.arrive(forward.seq, forward.text.len(), now) {
            Arrival::Next => true,
            Arrival::Repeated => false,
            Arrival::Gap => {
                self.break_room(forward.ticket);
                false
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
        if self.ack_deadline().is_none_or(|due| due > now) {
            return;
        }
        let Activity::InRoom(place) = &mut self.activity else { return };
        let ticket = place.ticket;
        if let Some(seq) = place.from_partner.take_due(now) {
            self.push_frame(Up::Ack { ticket, seq });
        }
    }

    /// The partner can be reached again: what it lacks is sent once more, and then the room goes on.
    fn resume(&mut self, ticket: TicketNumber, received: u64, passed: u64) {
        let Some(place) = self.in_room(ticket) else { return };
        match place.to_partner.resume(received, passed) {
            Ok(again) => self.forward_again(ticket, again),
            Err(Hole) => self.break_room(ticket),
        }
    }

    /// Sends once more what the partner lacks.
    pub(super) fn forward_again(&mut self, ticket: TicketNumber, again: Vec<(u64, Kept)>) {
        for (seq, Kept { text, client_seq }) in again {
            self.push_frame_as(Up::Forward(Forward { ticket, seq, text }), client_seq);
        }
    }

    /// A message between the two was lost between the processes. Rather than go on with a hole, the room ends and both
    /// sides hear of it.
    fn break_room(&mut self, ticket: TicketNumber) {
        self.push_frame(Up::Broken { ticket });
        self.tell_fault("a message between you and your partner was lost");
    }

    fn partner_left(&mut self, ticket: TicketNumber, requeued: bool, now: Time) -> bool {
        let Some(place) = self.in_room(ticket) else { return false };
        let seeking = Seeking { wishes: place.wishes.clone(), since: place.since, answered: true };
        self.rest(now);
        if requeued {
            self.activity = Activity::Seeking(seeking);
        }
        true
    }
}

/// What a client is told by a frame that means something to it.
pub(super) fn fate_text(frame: &Down) -> Bytes {
    match frame {
        Down::Waiting(Waiting { pool, position, estimate, widened, .. }) => {
            let position = Some(*position).filter(|position| *position > 0);
            let (pool, estimate, widened) = (pool.clone(), *estimate, *widened);
            ServerMessage::Waiting { pool, position, estimate, widened }.text()
        }
        Down::Matched(Matched { room, partner, initiator, shown, tags, .. }) => {
            let shown = shown.as_deref().and_then(Partner::of);
            let (room_id, partner_id, initiator) = (*room, *partner, *initiator);
            ServerMessage::Matched { room_id, partner_id, initiator, partner: shown, tags: tags.clone() }.text()
        }
        Down::Forward(forward) => forward.text.clone(),
        Down::PartnerLeft { reason, requeued, .. } => {
            ServerMessage::PartnerLeft { reason: *reason, requeued: *requeued }.text()
        }
        Down::PartnerAway { .. } => ServerMessage::PartnerAway.text(),
        Down::PartnerBack { .. } => ServerMessage::PartnerBack.text(),
        Down::Resume { .. }
        | Down::Ack { .. }
        | Down::SessionResumed(_)
        | Down::ResumeFailed
        | Down::SessionEnded { .. }
        | Down::Settled { .. }
        | Down::PoolFull { .. }
        | Down::Summon { .. } => ServerMessage::Void.text(),
    }
}

/// Until somebody has left a pool that is full; nobody knows when.
const POOL_RETRY: Duration = Duration::from_secs(5);
