//! Leaving while the matchmaker can't be reached, or has not yet said where the room goes on: what was said before must still arrive
//! first, and the partner must hear that it was left. So the room is announced once more, and left as soon as it goes on.

use std::time::Duration;

use duet_proto::frame::{Down, Up};
use duet_proto::time::Time;

use super::activity::{Activity, InRoom};
use super::{Link, Session};

/// A room that the client has left, and the matchmaker does not know it yet.
#[derive(Debug)]
pub(super) struct Departing {
    pub(super) place: InRoom,
    /// Of the leaving; none if its connection's end is what ends the room.
    attempt: Option<u32>,
    /// Number of the client's last message before it left: what was said after that is not known to the matchmaker yet.
    pub(super) client_seq: u64,
}

impl Session {
    /// Ends what the session does, and tells the matchmaker as soon as that can be.
    pub(super) fn depart(&mut self, now: Time) {
        let place = self.place_that_waits();
        self.end_attempt(now);
        let attempt = self.attempt;
        let client_seq = self.handling.map_or_else(|| self.last_client_seq(), |seq| seq.saturating_sub(1));
        match place {
            Some(place) => self.departing = Some(Box::new(Departing { place, attempt: Some(attempt), client_seq })),
            None if self.departing.is_some() => {}
            None => self.push_frame(Up::Leave { attempt }),
        }
    }

    /// The client has gone for good. The matchmaker is told at once, or within some seconds.
    pub(super) fn end(&mut self, now: Time) {
        self.ends_by = Some(now + ENDING);
        if let Some(place) = self.place_that_waits() {
            let client_seq = self.last_client_seq();
            self.departing = Some(Box::new(Departing { place, attempt: None, client_seq }));
        }
        self.end_at_last();
    }

    /// There is no room to keep the session any longer; its link's end tells the matchmaker, sooner or later.
    pub fn give_up(&mut self) {
        self.is_over = true;
    }

    fn last_client_seq(&self) -> u64 {
        self.resumable.as_ref().map_or(0, |resumable| resumable.client_seq)
    }

    /// The room, if nothing can be said of it just now.
    fn place_that_waits(&self) -> Option<InRoom> {
        match &self.activity {
            Activity::InRoom(place) if self.link != Link::Up || !place.to_partner.open => Some(InRoom::clone(place)),
            _ => None,
        }
    }

    /// A frame for the room that is being left. Nothing of it means anything to the client.
    pub(super) fn hear_departing(&mut self, frame: &Down, now: Time) {
        let Some(Departing { place, attempt, .. }) = self.departing.as_deref_mut() else { return };
        let (ticket, attempt) = (place.ticket, *attempt);
        match frame {
            Down::Resume { received, passed, .. } => {
                // Should something be missing, it ends all the same.
                let again = place.to_partner.resume(*received, *passed).unwrap_or_default();
                self.forward_again(ticket, again);
            }
            Down::PartnerLeft { .. } => {}
            _ => return,
        }
        self.departing = None;
        if let Some(attempt) = attempt {
            self.push_frame(Up::Leave { attempt });
        }
        if let Activity::Seeking(seeking) = &self.activity {
            let join = self.join(&seeking.wishes, seeking.since, now);
            self.push_frame(Up::Join(join));
        }
        self.end_at_last();
    }

    /// Whether frames of this ticket are for the room that is being left.
    pub(super) fn is_departing(&self, frame: &Down) -> bool {
        self.departing.as_ref().is_some_and(|departing| frame.ticket() == Some(departing.place.ticket))
    }

    /// The client has gone for good, and all that it said before has been told.
    pub(super) fn end_at_last(&mut self) {
        if self.ends_by.is_some() && self.link == Link::Up && self.departing.is_none() {
            self.push_frame(Up::End);
            self.is_over = true;
        }
    }
}

/// How long a session whose client has gone for good waits for a link to say so.
const ENDING: Duration = Duration::from_secs(15);
