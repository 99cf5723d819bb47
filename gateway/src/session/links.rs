//! What links do to a session: it is announced when one comes up, and its wishes wait while there is none.

use duet_proto::close::CloseCode;
use duet_proto::frame::Up;
use duet_proto::ids::{RoomId, TicketNumber};
use duet_proto::time::Time;

use super::activity::{Activity, SessionState};
use super::{Link, Output, Session};
use crate::limits::Limit;

impl Session {
    /// A link came up: the session is announced on it, with what it is doing. What it keeps for its partner is sent again once the
    /// matchmaker says where to go on.
    pub fn handle_link_up(&mut self, now: Time) {
        self.link = Link::Up;
        let leaving = self.departing.as_deref_mut().map(|departing| &mut departing.place);
        let current = if let Activity::InRoom(place) = &mut self.activity { Some(&mut **place) } else { None };
        for place in leaving.into_iter().chain(current) {
            place.to_partner.open = false;
            place.from_partner.start_over();
        }
        let kind = self.announcement(now);
        self.outputs.push_back(Output::Frame { kind, client_seq: 0 });
        self.push_wanted();
        self.end_at_last();
    }

    /// The link broke. What was sent on it may or may not have arrived.
    pub fn handle_link_down(&mut self, now: Time) {
        self.link = Link::DownSince(now);
    }

    /// Whether it waits with that ticket and could be matched at once, wherever it is announced.
    pub fn waits_with(&self, ticket: TicketNumber) -> bool {
        let is_here = !self.closed && !self.is_over && self.state() == SessionState::Waiting;
        is_here && ticket.attempt == self.attempt && self.departing.is_none() && !self.wants_resume()
    }

    /// The room that it is announced in: it belongs where its partner is announced.
    pub fn announced_room(&self) -> Option<RoomId> {
        self.departing.as_ref().map(|departing| departing.place.room).or_else(|| self.room())
    }

    /// How many bytes a new link would be burdened with for this session.
    pub fn backlog(&self) -> usize {
        let for_partner = match &self.activity {
            Activity::InRoom(place) => place.to_partner.kept_bytes(),
            Activity::Idle | Activity::Seeking(_) => 0,
        };
        for_partner + self.resumable.as_ref().map_or(0, |resumable| resumable.kept_bytes())
    }

    /// What is kept for this session and others is more than the link takes, and for this one it is most.
    pub fn handle_overflow(&mut self) {
        self.push_frame(Up::End);
        self.is_over = true;
        self.limited(Limit::Unacknowledged);
        self.close(CloseCode::Policy);
    }

    /// When a wish that waits for a link is refused. A session that was told `waiting` keeps waiting in silence, as does one whose
    /// wish has a number: later messages may have been taken since.
    pub(super) fn wish_deadline(&self) -> Option<Time> {
        if self.resumable.is_some() {
            return None;
        }
        match (&self.activity, self.link) {
            (Activity::Seeking(seeking), Link::DownSince(since)) if !seeking.answered => {
                Some(since + self.config.unavailable_after)
            }
            _ => None,
        }
    }

    pub(super) fn refuse_overdue_wish(&mut self, now: Time) {
        if self.wish_deadline().is_some_and(|deadline| deadline <= now) {
            self.end_attempt(now);
            self.refuse_unavailable();
        }
    }
}
