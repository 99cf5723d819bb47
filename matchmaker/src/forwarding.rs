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
    pub(crate) fn forward(
        &mut self,
        session: SessionKey,
        forward: Forward,
        client_seq: u64,
        now: Time,
    ) -> Result<(), Breach> {
        let room = match self.sessions[session].state {
            State::InRoom(room) if forward.ticket == self.sessions[session].ticket => room,
            _ => {
                self.take(session, client_seq);
                return Ok(());
            }
        };
        let partner = self.rooms[room].partner_of(session);
        let goes_through = self.can_be_sent_to(partner);
        let is_kept = self.sessions[session].resumable.is_some();
        let (sender, receiver) = self.rooms[room].sides(session);
        sender.newest = sender.newest.max(forward.seq);
        if forward.seq <= sender.sent {
            self.take_to(session, client_seq);
            return Ok(());
        }
        if !goes_through || forward.seq > sender.sent + 1 {
            if goes_through && !sender.repeats {
                return Err(Breach("forwarded messages have a gap"));
            }
            self.take(session, client_seq);
            return Ok(());
        }
        sender.sent = forward.seq;
        sender.repeats = false;
        if is_kept {
            sender.keep(&forward.text);
        }
        let receiver = receiver.session;
        self.forwarded += 1;
        self.tally.forwarded(forward.text.len());
        self.take_to(session, client_seq);
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
            partner.acknowledge(seq);
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
        partner.acknowledge(received.min(partner.sent));
        if !has_log {
            partner.take_back();
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
