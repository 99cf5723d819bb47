//! What one of a room sends the other, and how the two go on after a link was lost.
//!
//! `Member::sent` is how far a direction has come: what the partner has, what is under way to it on a link that is up, or what is
//! kept in its log. Towards a base session without a link nothing moves: the sender's gateway keeps what it sends. Who can be sent
//! to again has its partner told by `Resume` what is there, and that repeats what follows. What comes in between was sent
//! before the gateway heard of that, will be repeated, and is ignored.

use duet_proto::frame::{Down, Forward};
use duet_proto::ids::TicketNumber;
use duet_proto::time::Time;

use crate::Matchmaker;
use crate::machine::Breach;
use crate::rooms::RoomKey;
use crate::sessions::{SessionKey, State};

impl Matchmaker {
    /// Passes a message to the partner. One for a room that is over has crossed with `PartnerLeft` and is dropped, as is one
    /// that was sent again and has been passed already.
    pub(crate) fn forward(&mut self, session: SessionKey, forward: Forward, now: Time) -> Result<(), Breach> {
        let State::InRoom(room) = self.sessions[session].state else { return Ok(()) };
        if forward.ticket != self.sessions[session].ticket {
            return Ok(());
        }
        let goes_through = self.can_be_sent_to(self.rooms[room].partner_of(session));
        let (sender, receiver) = self.rooms[room].sides(session);
        sender.newest = sender.newest.max(forward.seq);
        if !goes_through || forward.seq <= sender.sent {
            return Ok(());
        }
        if forward.seq != sender.sent + 1 {
            return if sender.repeats { Ok(()) } else { Err(Breach("forwarded messages have a gap")) };
        }
        sender.sent = forward.seq;
        sender.repeats = false;
        let receiver = receiver.session;
        self.forwarded += 1;
        self.tell(receiver, Down::Forward(Forward { ticket: self.sessions[receiver].ticket, ..forward }));
        self.retry_resume(session, now);
        Ok(())
    }

    /// Whether a frame for the session arrives: now, or out of its log.
    fn can_be_sent_to(&self, session: SessionKey) -> bool {
        self.is_linked(session) || self.sessions[session].resumable.is_some()
    }

    /// Remembers how far the session's client has read, and tells the partner if that is news.
    pub(crate) fn acknowledge(&mut self, session: SessionKey, ticket: TicketNumber, seq: u64) {
        let State::InRoom(room) = self.sessions[session].state else { return };
        if ticket != self.sessions[session].ticket {
            return;
        }
        let (_, partner) = self.rooms[room].sides(session);
        let seq = seq.min(partner.sent);
        if seq > partner.acknowledged {
            partner.acknowledged = seq;
            let partner = partner.session;
            self.tell(partner, Down::Ack { ticket: self.sessions[partner].ticket, seq });
        }
    }

    /// A session is back in its room: its gateway has got that many of its partner's messages, which is as good as an
    /// acknowledgement, and has that many of its own.
    pub(crate) fn rejoin(&mut self, session: SessionKey, room: RoomKey, received: u64, newest: u64) {
        let has_log = self.sessions[session].resumable.is_some();
        let (own, partner) = self.rooms[room].sides(session);
        own.newest = own.newest.max(newest);
        // What was acknowledged is kept nowhere any more, and what was not sent can't have come.
        partner.acknowledged = received.clamp(partner.acknowledged, partner.sent);
        if !has_log {
            partner.sent = partner.acknowledged;
        }
        self.resume(room);
    }

    /// Lets each of the two go on whose partner can be sent to. It is told what the partner is known to have, which its gateway may
    /// let go of, and what is on the way and needs no repeating.
    pub(crate) fn resume(&mut self, room: RoomKey) {
        for (own, other) in [(0, 1), (1, 0)] {
            let [session, partner] = [own, other].map(|side| self.rooms[room].members[side].session);
            if !self.is_linked(session) || !self.can_be_sent_to(partner) {
                continue;
            }
            let member = &mut self.rooms[room].members[own];
            member.repeats = true;
            let (received, passed) = (member.acknowledged, member.sent);
            self.tell(session, Down::Resume { ticket: self.sessions[session].ticket, received, passed });
        }
    }
}
