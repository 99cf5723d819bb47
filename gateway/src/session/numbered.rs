//! The layer `duet.v1`: numbers on both sides, acknowledgements, and what the client's own numbers mean for a message.

use duet_proto::frame::{Down, Up};
use duet_proto::json::{ClientMessage, ErrorCode, Numbered, Refusal, numbered};
use duet_proto::time::Time;

use super::activity::Activity;
use super::{Link, Session};
use crate::limits::{Limit, Verdict};

impl Session {
    /// A text message of a resumable session's client.
    pub(super) fn handle_numbered(&mut self, text: &str, now: Time) {
        let over_rate = match self.limits.message(&self.config.limits, now) {
            Verdict::Fine => None,
            over @ Verdict::Close => return self.refuse_over_rate(Limit::MessageRate, over),
            over => Some(over),
        };
        let message = match Numbered::parse(text) {
            Ok(message) => message,
            Err(refusal) if over_rate.is_none() => return self.refuse_bad_message(refusal, now),
            Err(_) => return,
        };
        let Some(resumable) = &mut self.resumable else { return };
        resumable.note_spoken(now);
        // While the client waits for an earlier session, its `ack` is of that one.
        if let (Some(ack), None, false) = (message.ack, resumable.wanted, is_resume(&message)) {
            if ack > resumable.seq {
                let why = "`ack` is above what was sent".to_owned();
                return self.refuse_bad_message(Refusal::invalid(why), now);
            }
            resumable.acknowledge(ack, now);
        }
        if let Some(seq) = message.seq {
            let expected = resumable.client_seq + 1;
            if seq < expected {
                // Sent again, and taken already.
                return self.settle_due(now);
            }
            if seq > expected {
                let refusal = Refusal::invalid(format!("`seq` is {seq}, and {expected} comes next"));
                return self.refuse(Refusal { expected: Some(expected), ..refusal });
            }
            resumable.client_seq = seq;
        }
        self.handling = message.seq;
        match (over_rate, message.message) {
            (None, Ok(ClientMessage::Resume { token, attempt })) => {
                self.want_resume(token, message.ack.unwrap_or(0), attempt, now);
            }
            (None, Ok(kind)) => self.handle_message(kind, now),
            (None, Err(refusal)) => self.refuse_bad_message(refusal, now),
            (Some(over), _) => self.refuse_over_rate(Limit::MessageRate, over),
        }
        if self.handling.take().is_some()
            && let Some(resumable) = &mut self.resumable
        {
            resumable.count_message(text.len(), now);
        }
        self.settle_due(now);
    }

    /// Names the message that is being handled, if it has a number. A message that is not taken is expected again.
    pub(super) fn name_refused(&mut self, refusal: Refusal) -> Refusal {
        let Some(seq) = self.handling else { return refusal };
        if refusal.code == ErrorCode::Unavailable
            && let Some(resumable) = &mut self.resumable
        {
            resumable.client_seq = seq - 1;
        }
        Refusal { refused: Some(seq), ..refusal }
    }

    /// Whether a frame is the next of those that a resumable session must not miss, or needs no number.
    pub(super) fn admit(&mut self, seq: u64, taken: u64, frame: &Down) -> bool {
        let Some(resumable) = &mut self.resumable else { return true };
        resumable.note_taken(taken);
        if seq == 0 || seq == resumable.seq + 1 {
            if seq > 0 {
                resumable.keep(frame);
            }
            return true;
        }
        if seq > resumable.seq {
            self.end_faulty("a numbered frame is missing");
        }
        false
    }

    /// Sends what tells of the session's fate, under its number if it has one.
    pub(super) fn send_fate(&mut self, seq: u64, text: &bytes::Bytes) {
        match &mut self.resumable {
            Some(resumable) if seq > 0 && !self.closed => {
                let ack = resumable.news_of_taken();
                self.send(numbered(text, seq, ack));
            }
            _ => self.send(text.clone()),
        }
    }

    /// When the matchmaker is to be told how far both sides are.
    pub(super) fn settle_deadline(&self) -> Option<Time> {
        match (&self.resumable, self.link) {
            (Some(resumable), Link::Up) if resumable.wanted.is_none() => resumable.settle_due(),
            _ => None,
        }
    }

    /// Tells it, if it is time.
    pub(super) fn settle_due(&mut self, now: Time) {
        if self.settle_deadline().is_none_or(|due| due > now) {
            return;
        }
        if let Some(resumable) = &mut self.resumable {
            resumable.settle(now);
            let ack = resumable.acknowledged();
            self.push_frame(Up::Settle { ack });
        }
    }

    /// How far the client's messages are in the frames pushed so far. 0 while some wait for the partner to be reached again.
    pub(super) fn client_seq(&self) -> u64 {
        let waits = self.departing.is_some()
            || matches!(&self.activity, Activity::InRoom(place) if place.to_partner.has_unsent());
        self.resumable.as_ref().filter(|_| !waits).map_or(0, |resumable| resumable.client_seq)
    }

    /// What the matchmaker is known to have taken of a resumable session's client.
    pub(super) fn taken(&self) -> Option<u64> {
        self.resumable.as_ref().map(|resumable| resumable.taken())
    }
}

fn is_resume(message: &Numbered) -> bool {
    matches!(message.message, Ok(ClientMessage::Resume { .. }))
}
