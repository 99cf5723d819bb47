//! What a client's messages do.

use std::time::Duration;

use duet_proto::close::CloseCode;
use duet_proto::frame::{Forward, Up, Wishes};
use duet_proto::ids::RoomId;
use duet_proto::json::{CandidateType, ClientMessage, ErrorCode, IceState, Refusal, ServerMessage, Signal, SignalKind};
use duet_proto::time::Time;

use super::activity::{Activity, Seeking};
use super::sequence::Full;
use super::{Counted, Link, Output, Session};
use crate::limits::{Limit, Verdict};
use crate::relay_only::{self, IceTransportPolicy, Judgement};

impl Session {
    /// A text message came.
    pub fn handle_text(&mut self, text: &str, now: Time) {
        if self.closed {
            return;
        }
        if self.resumable.is_some() {
            return self.handle_numbered(text, now);
        }
        match self.limits.message(&self.config.limits, now) {
            Verdict::Fine => match ClientMessage::parse(text) {
                Ok(message) => self.handle_message(message, now),
                Err(refusal) => self.refuse_bad_message(refusal, now),
            },
            over => self.refuse_over_rate(Limit::MessageRate, over),
        }
    }

    /// Drops a message that is over a rate. A numbered message must not be dropped in silence.
    pub(super) fn refuse_over_rate(&mut self, limit: Limit, verdict: Verdict) {
        self.limited(limit);
        let retry_after = match verdict {
            Verdict::Fine => return,
            Verdict::Close => return self.close(CloseCode::Policy),
            Verdict::Drop { .. } if self.handling.is_none() => return,
            Verdict::Drop { retry_after } | Verdict::Refuse { retry_after } => retry_after,
        };
        let why = match limit {
            Limit::WishRate => "too many wishes; those over the rate are dropped",
            Limit::ReportRate => "too many reports; those over the rate are dropped",
            _ => "too many messages; those over the rate are dropped",
        };
        self.refuse(Refusal::new(ErrorCode::RateLimited, why.to_owned()).retry_after(retry_after));
    }

    pub(super) fn handle_message(&mut self, message: ClientMessage, now: Time) {
        let waits = self.resumable.as_ref().is_some_and(|resumable| resumable.wanted.is_some());
        if waits && !matches!(message, ClientMessage::Ping { .. }) {
            // Whose message it is will be known when the resume is answered.
            return self.refuse_unavailable();
        }
        if self.refuse_stranger(&message) {
            return;
        }
        let limits = &self.config.limits;
        let (limit, verdict) = match message {
            ClientMessage::Available(_) | ClientMessage::Next { .. } => {
                (Limit::WishRate, self.limits.wish(limits, now))
            }
            ClientMessage::Report { .. } => (Limit::ReportRate, self.limits.report(limits, now)),
            _ => (Limit::MessageRate, Verdict::Fine),
        };
        if verdict != Verdict::Fine {
            return self.refuse_over_rate(limit, verdict);
        }
        match message {
            ClientMessage::Auth { user, token } => self.authenticate(user, token, now),
            ClientMessage::Available(wishes) => self.available(wishes, now),
            ClientMessage::Signal { room, signal } => self.signal(room.as_deref(), signal, now),
            ClientMessage::Next { room } => self.next(room.as_deref(), now),
            ClientMessage::Leave { room } => self.leave(room.as_deref(), now),
            ClientMessage::Ping { id } => self.tell(&ServerMessage::Pong { id, ack: self.taken() }),
            ClientMessage::State { ice, setup, candidate } => self.call_is(ice, setup, candidate),
            ClientMessage::Report { room, reason, details } => self.report(room.as_deref(), reason, details, now),
            ClientMessage::Resume { .. } => self.refuse(Refusal::unknown_type()),
        }
    }

    pub(super) fn refuse_bad_message(&mut self, refusal: Refusal, now: Time) {
        self.refuse(refusal);
        if self.limits.bad_message(&self.config.limits, now) {
            self.limited(Limit::BadMessages);
            self.close(CloseCode::Policy);
        }
    }

    fn available(&mut self, asked: Wishes, now: Time) {
        let (since, answered) = match &self.activity {
            Activity::InRoom(_) => return self.refuse_as(ErrorCode::AlreadyMatched, "you are in a room"),
            Activity::Seeking(seeking) => (seeking.since, seeking.answered),
            Activity::Idle => (now, false),
        };
        if self.is_unavailable(now) {
            return self.refuse_unavailable();
        }
        let wishes = self.wishes_of(&asked);
        self.asked = Some(asked);
        // Who was told to wait already goes on waiting, whatever becomes of the link.
        self.seek(Seeking { wishes: wishes.clone(), since, answered });
        if self.departing.is_none() {
            let join = self.join(&wishes, since, now);
            self.push_frame(Up::Join(join));
        }
    }

    fn next(&mut self, room: Option<&str>, now: Time) {
        if self.is_stale(room) {
            return self.refuse_stale();
        }
        match &self.activity {
            Activity::Seeking(_) => {}
            Activity::Idle => self.available(self.asked.clone().unwrap_or_default(), now),
            Activity::InRoom(place) => {
                // Not held for the link to come back: were it refused after all, the room would be gone all the same.
                if self.link != Link::Up || place.to_partner.has_unsent() {
                    return self.refuse_unavailable();
                }
                let wishes = self.asked.as_ref().map_or_else(|| place.wishes.clone(), |asked| self.wishes_of(asked));
                self.rest(now);
                self.seek(Seeking { wishes: wishes.clone(), since: now, answered: false });
                self.push_frame(Up::Next { attempt: self.attempt, wishes });
            }
        }
    }

    /// Begins a new attempt. The caller tells the matchmaker.
    fn seek(&mut self, seeking: Seeking) {
        self.attempt += 1;
        self.activity = Activity::Seeking(seeking);
    }

    fn leave(&mut self, room: Option<&str>, now: Time) {
        if self.is_stale(room) {
            return self.refuse_stale();
        }
        if self.activity != Activity::Idle {
            self.depart(now);
        }
    }

    /// While there is no link, messages are kept and sent once there is one again; but not for long, and not too many.
    fn signal(&mut self, room: Option<&str>, signal: Signal, now: Time) {
        if self.is_stale(room) {
            return self.refuse_stale();
        }
        let is_unavailable = self.is_unavailable(now);
        if !matches!(self.activity, Activity::InRoom(_)) {
            return self.refuse_not_in_room();
        }
        if is_unavailable {
            return self.refuse_unavailable();
        }
        let signal = match self.config.ice_transport_policy {
            IceTransportPolicy::All => signal,
            IceTransportPolicy::Relay => match self.relay_only(signal, now) {
                Some(signal) => signal,
                None => return,
            },
        };
        let Activity::InRoom(place) = &mut self.activity else { return };
        let is_answer = signal.kind == SignalKind::Answer;
        if let Some(since) = place.unanswered_since.take_if(|_| is_answer) {
            self.outputs.push_back(Output::Counted(Counted::Answered(now.since(since))));
        }
        let text = signal.into_text(self.client);
        let (ticket, open) = (place.ticket, place.to_partner.open);
        match place.to_partner.push(text.clone(), self.handling.unwrap_or(0)) {
            Ok(seq) if open => self.push_frame(Up::Forward(Forward { ticket, seq, text })),
            Ok(_) => {}
            Err(Full) => self.refuse_unavailable(),
        }
    }

    /// How the call goes is counted once for each room: a client's word alone must not make the figures.
    fn call_is(&mut self, ice: IceState, setup: Option<Duration>, candidate: Option<CandidateType>) {
        let Activity::InRoom(place) = &mut self.activity else { return };
        if !std::mem::replace(&mut place.call[ice.place()], true) {
            self.outputs.push_back(Output::Counted(Counted::Call { ice, setup, candidate }));
        }
    }

    /// What of a message may reach the partner under the policy.
    fn relay_only(&mut self, signal: Signal, now: Time) -> Option<Signal> {
        let (judgement, dropped) = relay_only::judge(&signal);
        if !dropped.is_empty() {
            self.outputs.push_back(Output::Dropped(dropped));
        }
        match judgement {
            Judgement::Pass => Some(signal),
            Judgement::Replace(other) => Some(other),
            Judgement::Drop => None,
            Judgement::Refuse(why) => {
                self.refuse_bad_message(Refusal::invalid(why.to_owned()), now);
                None
            }
        }
    }

    fn report(&mut self, room: Option<&str>, reason: String, details: String, now: Time) {
        let window = self.config.report_window;
        let parted = self.parted.filter(|(_, at)| now.since(*at) <= window).map(|(room, _)| room);
        let is_meant = |candidate: &RoomId| room.is_none_or(|room| candidate.is_written(room));
        let current = self.room().filter(is_meant);
        let Some(reported) = current.or(parted.filter(is_meant)) else {
            return if room.is_some() { self.refuse_stale() } else { self.refuse_not_in_room() };
        };
        let has_unsent = matches!(&self.activity, Activity::InRoom(place) if place.to_partner.has_unsent());
        if self.link != Link::Up || has_unsent || self.departing.is_some() {
            return self.refuse_unavailable();
        }
        if current.is_some() {
            self.end_attempt(now);
        }
        self.push_frame(Up::Report { attempt: self.attempt, room: reported, reason, details });
    }

    /// Whether the client speaks of a room that it is not in.
    fn is_stale(&self, room: Option<&str>) -> bool {
        room.is_some_and(|room| !self.room().is_some_and(|current| current.is_written(room)))
    }

    fn refuse_stale(&mut self) {
        self.refuse_as(ErrorCode::StaleRoom, "`roomId` is not the room you are in");
    }

    fn refuse_not_in_room(&mut self) {
        self.refuse_as(ErrorCode::NotInRoom, "you have no partner");
    }

    pub(super) fn refuse_unavailable(&mut self) {
        let why = "the matchmaker can't be reached just now; the message was not taken";
        self.refuse(Refusal::new(ErrorCode::Unavailable, why.to_owned()).retry_after(RETRY_AFTER));
    }

    /// Whether the link has been down for too long to keep anything for it.
    pub(super) fn is_unavailable(&self, now: Time) -> bool {
        matches!(self.link, Link::DownSince(since) if now.since(since) >= self.config.unavailable_after)
    }
}

/// A link is back within a second of its matchmaker, so there is no use in trying sooner.
const RETRY_AFTER: Duration = Duration::from_secs(1);
