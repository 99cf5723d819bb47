//! A session over several connections: left by one, wanted back by the next, handed over, or ended by the matchmaker.

use std::time::Duration;

use bytes::Bytes;
use duet_proto::close::CloseCode;
use duet_proto::frame::{Doing, Down, InRoom as AnnouncedRoom, SessionEndedReason, SessionResumed, Up};
use duet_proto::json::{ErrorCode, Refusal, ResumedRoom, ResumedState, ServerMessage};
use duet_proto::time::Time;
use duet_proto::token::ResumeToken;

use super::activity::{Activity, InRoom, Seeking};
use super::partner::fate_text;
use super::resumable::Wanted;
use super::sequence::{FromPartner, ToPartner};
use super::{Link, Session};
use crate::limits::Limit;

impl Session {
    /// The client wants an earlier session back.
    pub(super) fn want_resume(&mut self, token: Option<ResumeToken>, ack: u64, attempt: u32, now: Time) {
        let is_unavailable = self.is_unavailable(now);
        let is_fresh = self.attempt == 0;
        let Some(resumable) = &mut self.resumable else { return };
        if resumable.was_resumed() || resumable.wanted.is_some() || !is_fresh {
            return self.refuse(Refusal::invalid("`resume` comes first on a connection".to_owned()));
        }
        let Some(token) = token else { return self.refuse_resume() };
        if is_unavailable {
            return self.refuse_unavailable();
        }
        resumable.shown = Some(token.hash());
        resumable.wanted = Some(Wanted { token: token.hash(), ack, attempt });
        self.push_wanted();
    }

    /// Whether its client waits to get an earlier session back.
    pub fn wants_resume(&self) -> bool {
        self.resumable.as_ref().is_some_and(|resumable| resumable.wanted.is_some())
    }

    /// The matchmaker had nothing to resume, but might by now.
    pub fn handle_resume_again(&mut self) {
        self.push_wanted();
    }

    /// Asks the matchmaker for the session that the client wants, if it wants one.
    pub(super) fn push_wanted(&mut self) {
        let Some(resumable) = &self.resumable else { return };
        if let Some(Wanted { token, ack, attempt }) = resumable.wanted {
            let next_token = resumable.next_token().hash();
            self.push_frame(Up::ResumeSession { token, next_token, ack, attempt });
        }
    }

    /// When a resume that waits for a link is refused.
    pub(super) fn resume_deadline(&self) -> Option<Time> {
        match (&self.resumable, self.link) {
            (Some(resumable), Link::DownSince(since)) if resumable.wanted.is_some() => {
                Some(since + self.config.unavailable_after)
            }
            _ => None,
        }
    }

    pub(super) fn refuse_overdue_resume(&mut self, now: Time) {
        if self.resume_deadline().is_some_and(|deadline| deadline <= now) {
            self.forget_wanted();
            self.refuse_unavailable();
        }
    }

    /// The matchmaker has nothing to resume.
    pub(super) fn resume_failed(&mut self) {
        if self.forget_wanted() {
            self.refuse_resume();
        }
    }

    fn forget_wanted(&mut self) -> bool {
        self.resumable.as_mut().is_some_and(|resumable| resumable.wanted.take().is_some())
    }

    /// Which check failed is nobody's business.
    fn refuse_resume(&mut self) {
        self.refuse_as(ErrorCode::ResumeFailed, "there is no such session to resume; this one goes on");
    }

    /// This is the session that the client wanted, from now on.
    pub(super) fn resumed(&mut self, resumed: SessionResumed, now: Time) {
        let Some(resumable) = &mut self.resumable else { return };
        resumable.become_resumed(&resumed);
        let (ack, resume_token) = (resumed.taken, resumable.next_token());
        let is_detached = resumable.detached_since.is_some();
        let (state, room) = state(&resumed.doing);
        self.client = resumed.client;
        self.attempt = resumed.ticket.attempt;
        self.parted = resumed.last_room.map(|last| (last.room, now - last.parted));
        self.activity = activity(resumed.doing, resumed.unacknowledged, now);
        self.push_frame(Up::Adopted);
        self.tell(&ServerMessage::Resumed { client_id: resumed.client, state, room, ack, resume_token });
        for (seq, frame) in &resumed.kept {
            let is_void = frame.ticket().is_some_and(|ticket| ticket.attempt < self.attempt);
            let text = if is_void { ServerMessage::Void.text() } else { fate_text(frame) };
            let has_ice = !is_void && matches!(frame, Down::Matched(_));
            self.send_fate(*seq, &text, has_ice);
        }
        self.take_over_identity(resumed.identity, now);
        self.asked = resumed.wishes.map(|wishes| self.asked_in(&wishes));
        if is_detached {
            // The client was gone before it got it back.
            if let Some(resumable) = &mut self.resumable {
                resumable.detached_since = Some(now);
            }
            self.push_frame(Up::Detach);
        }
    }

    /// The matchmaker has no such session for this gateway any more.
    pub(super) fn ended(&mut self, reason: SessionEndedReason) {
        self.is_over = true;
        if reason == SessionEndedReason::Overflow {
            self.limited(Limit::Unacknowledged);
        }
        self.close(match reason {
            SessionEndedReason::ResumedElsewhere => CloseCode::ResumedElsewhere,
            SessionEndedReason::Overflow => CloseCode::Policy,
            SessionEndedReason::Closed => CloseCode::Closed,
            // It was not known to be here: a link was lost for longer than the window.
            SessionEndedReason::Expired => CloseCode::Internal,
        });
    }

    /// The session must end for a fault of ours.
    pub(super) fn end_faulty(&mut self, what: &'static str) {
        self.tell_fault(what);
        self.push_frame(Up::End);
        self.is_over = true;
        self.close(CloseCode::Internal);
    }

    /// When a session without a socket is given up, should the matchmaker not say so before.
    pub(super) fn detached_deadline(&self) -> Option<Time> {
        let since = self.resumable.as_ref()?.detached_since?;
        Some(since + self.config.resume_window + BACKSTOP)
    }
}

fn state(doing: &Doing) -> (ResumedState, Option<ResumedRoom>) {
    match doing {
        Doing::Idle => (ResumedState::Idle, None),
        Doing::Waiting(_) => (ResumedState::Waiting, None),
        Doing::InRoom(AnnouncedRoom { room, partner, initiator, partner_away, .. }) => {
            let (room_id, partner_id) = (*room, *partner);
            let room = ResumedRoom { room_id, partner_id, initiator: *initiator, partner_away: *partner_away };
            (ResumedState::Matched, Some(room))
        }
    }
}

fn activity(doing: Doing, unacknowledged: Vec<Bytes>, now: Time) -> Activity {
    match doing {
        Doing::Idle => Activity::Idle,
        Doing::Waiting(join) => {
            Activity::Seeking(Seeking { wishes: join.wishes, since: now - join.waited, answered: true })
        }
        Doing::InRoom(place) => Activity::InRoom(Box::new(InRoom {
            ticket: place.ticket,
            room: place.room,
            partner: place.partner,
            initiator: place.initiator,
            partner_away: place.partner_away,
            wishes: place.join.wishes,
            since: now - place.join.waited,
            to_partner: ToPartner::after(place.sent, unacknowledged),
            from_partner: FromPartner::after(place.received),
            unanswered_since: None,
            call: Default::default(),
        })),
    }
}

/// A restarted matchmaker lets windows count from some seconds after its start, and a gateway may be away from it for some more.
const BACKSTOP: Duration = Duration::from_secs(15);
