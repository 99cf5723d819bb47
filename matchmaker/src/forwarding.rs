//! What one of a room sends the other, and how the two go on after a link was lost.
//!
//! `Member::sent` is how far a direction has come: what the partner has, or what is under way to it on a link that is up. While
//! one of the two is unlinked nothing moves: the sender's gateway keeps what it sends. When both are linked again, each is
//! told by `Resume` what the other has, and repeats what follows. What comes in between was sent before the gateway heard of
//! that, will be repeated, and is ignored.

use duet_proto::frame::{Down, Forward};
use duet_proto::ids::TicketNumber;

use crate::Matchmaker;
use crate::machine::Breach;
use crate::rooms::RoomKey;
use crate::sessions::{SessionKey, State};

impl Matchmaker {
    /// Passes a message to the partner. One for a room that is over has crossed with `PartnerLeft` and is dropped, as is one
    /// that was sent again and has been passed already.
    pub(crate) fn forward(&mut self, session: SessionKey, forward: Forward) -> Result<(), Breach> {
        let State::InRoom(room) = self.sessions[session].state else { return Ok(()) };
        let partner = self.rooms[room].partner_of(session);
        if forward.ticket != self.sessions[session].ticket || !self.is_linked(partner) {
            return Ok(());
        }
        let (sender, receiver) = self.rooms[room].sides(session);
        if forward.seq <= sender.sent {
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
        Ok(())
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

    /// A session is back in its room, having got that many of its partner's messages: as good as an acknowledgement.
    pub(crate) fn rejoin(&mut self, session: SessionKey, room: RoomKey, received: u64) {
        let (_, partner) = self.rooms[room].sides(session);
        // What was acknowledged is kept nowhere any more, and what was not sent can't have come.
        partner.sent = received.clamp(partner.acknowledged, partner.sent);
        partner.acknowledged = partner.sent;
        self.resume(room);
    }

    /// Lets the two go on, if both are linked. Each is told what the other is known to have, not what is under way to it: that
    /// may still be lost, and a gateway lets go of what the partner has.
    pub(crate) fn resume(&mut self, room: RoomKey) {
        let sides = self.rooms[room].members.each_ref().map(|member| (member.session, member.acknowledged));
        if !sides.iter().all(|(session, _)| self.is_linked(*session)) {
            return;
        }
        for member in &mut self.rooms[room].members {
            member.repeats = true;
        }
        for (session, received) in sides {
            self.tell(session, Down::Resume { ticket: self.sessions[session].ticket, received });
        }
    }
}
