//! What each frame of a gateway does: who leaves what, who goes back where. Finding a partner is left to `matching.rs`.

use duet_proto::frame::{Attach, Doing, Down, Forward, Join, PartnerLeftReason, Up, Wishes};
use duet_proto::ids::{RoomId, SessionNumber, TicketNumber};
use duet_proto::time::Time;

use crate::machine::Breach;
use crate::matching::Return;
use crate::output::Report;
use crate::pool::Turn;
use crate::sessions::{SessionKey, State, Wish};
use crate::{LinkKey, Matchmaker, Output};

/// What a report says.
struct ReportOn {
    room: RoomId,
    reason: String,
    details: String,
}

impl Matchmaker {
    /// A session begins, or is announced again.
    pub(crate) fn attach(
        &mut self,
        link: LinkKey,
        number: SessionNumber,
        mut attach: Attach,
        now: Time,
    ) -> Result<(), Breach> {
        let doing = std::mem::replace(&mut attach.doing, Doing::Idle);
        let session = self.add_session(link, number, attach, now)?;
        match doing {
            Doing::Idle => Ok(()),
            Doing::Waiting(join) => self.join(session, join, now),
            Doing::InRoom { ticket, join, .. } => {
                self.recall(session, ticket, join, now);
                Ok(())
            }
        }
    }

    /// A frame of an attached session.
    pub(crate) fn handle(&mut self, session: SessionKey, kind: Up, now: Time) -> Result<(), Breach> {
        match kind {
            Up::Attach(_) => Err(Breach("a session attached twice")),
            Up::Identify(identity) => {
                self.sessions[session].identity = Some(identity);
                Ok(())
            }
            Up::Join(join) => self.join(session, join, now),
            Up::Next { attempt, wishes } => self.next(session, attempt, wishes, now),
            Up::Leave { attempt } => self.leave(session, attempt, now),
            Up::Forward(forward) => self.forward(session, forward),
            Up::Ack { ticket, seq } => {
                self.acknowledge(session, ticket, seq);
                Ok(())
            }
            Up::Report { attempt, room, reason, details } => {
                self.file_report(session, attempt, ReportOn { room, reason, details }, now)
            }
            Up::Detach => {
                self.detach(session, now);
                Ok(())
            }
        }
    }

    /// Asks for a partner. Whoever waits keeps its turn; whoever is in a room declines it, and both go back to their turns.
    fn join(&mut self, session: SessionKey, join: Join, now: Time) -> Result<(), Breach> {
        self.raise(session, join.attempt)?;
        let turn = match self.sessions[session].state {
            State::Idle => self.turn_since(now - join.waited),
            State::Waiting(_) | State::InRoom(_) => self.sessions[session].wish().turn,
        };
        let mut seekers = vec![session];
        if let Some(parting) = self.rest(session, now) {
            seekers.extend(self.dismiss(parting.survivor, PartnerLeftReason::Left, Return::ToItsPlace, now));
        }
        self.sessions[session].wish = Some(Wish { wishes: join.wishes, turn });
        self.place_all(seekers, now);
        Ok(())
    }

    /// Leaves the partner for another. The one left over is put back first, as its turn is never later.
    fn next(&mut self, session: SessionKey, attempt: u32, wishes: Wishes, now: Time) -> Result<(), Breach> {
        self.raise(session, attempt)?;
        let kept = match self.sessions[session].state {
            State::Waiting(_) => Some(self.sessions[session].wish().turn),
            State::Idle | State::InRoom(_) => None,
        };
        let mut seekers = vec![session];
        if let Some(parting) = self.rest(session, now) {
            self.keep_apart(session, parting.survivor, now);
            seekers.extend(self.dismiss(parting.survivor, PartnerLeftReason::Next, self.fair_return(&parting), now));
        }
        let turn = kept.unwrap_or_else(|| self.turn_since(now));
        self.sessions[session].wish = Some(Wish { wishes, turn });
        self.place_all(seekers, now);
        Ok(())
    }

    /// Leaves the room or the queue, or nothing.
    fn leave(&mut self, session: SessionKey, attempt: u32, now: Time) -> Result<(), Breach> {
        self.raise(session, attempt)?;
        self.walk_out(session, PartnerLeftReason::Left, now);
        Ok(())
    }

    /// Names the partner of a room that lasts or was the session's last not long ago. A raised attempt leaves as `Leave` does,
    /// whichever room is named: the gateway meant the room it was in, and that may have ended, and another begun, on the way.
    fn file_report(&mut self, session: SessionKey, attempt: u32, on: ReportOn, now: Time) -> Result<(), Breach> {
        let names_current = match self.sessions[session].state {
            State::InRoom(room) => self.rooms[room].id == on.room,
            State::Idle | State::Waiting(_) => false,
        };
        if names_current || attempt != self.sessions[session].ticket.attempt {
            self.leave(session, attempt, now)?;
        }
        let reporter = &self.sessions[session];
        // Leaving a room has just made its partner the last one.
        let last = reporter.last_partner.filter(|last| last.room == on.room);
        if let Some(last) = last.filter(|last| now.since(last.parted) <= self.config.report_window) {
            let ReportOn { room, reason, details } = on;
            let report = Report { reporter: reporter.client, reported: last.client, room, reason, details };
            self.outputs.push_back(Output::Reported(report));
        }
        Ok(())
    }

    fn detach(&mut self, session: SessionKey, now: Time) {
        self.walk_out(session, PartnerLeftReason::Disconnected, now);
        self.remove_session(session);
    }

    /// Passes a message to the partner. One for a room that is over has crossed with `PartnerLeft` and is dropped, as is one
    /// that was sent again and has been passed already.
    fn forward(&mut self, session: SessionKey, forward: Forward) -> Result<(), Breach> {
        let State::InRoom(room) = self.sessions[session].state else { return Ok(()) };
        if forward.ticket != self.sessions[session].ticket {
            return Ok(());
        }
        let (sender, receiver) = self.rooms[room].sides(session);
        if forward.seq <= sender.sent {
            return Ok(());
        }
        if forward.seq != sender.sent + 1 {
            return Err(Breach("forwarded messages have a gap"));
        }
        sender.sent = forward.seq;
        let receiver = receiver.session;
        self.forwarded += 1;
        self.tell(receiver, Down::Forward(Forward { ticket: self.sessions[receiver].ticket, ..forward }));
        Ok(())
    }

    /// Remembers how far the session's client has read.
    fn acknowledge(&mut self, session: SessionKey, ticket: TicketNumber, seq: u64) {
        let State::InRoom(room) = self.sessions[session].state else { return };
        if ticket == self.sessions[session].ticket {
            let (_, partner) = self.rooms[room].sides(session);
            partner.acknowledged = partner.acknowledged.max(seq.min(partner.sent));
        }
    }

    /// Tells an announced session that its room is unknown here, and puts it back to the place it had.
    fn recall(&mut self, session: SessionKey, ticket: TicketNumber, join: Join, now: Time) {
        let turn = self.turn_since(now - join.waited);
        self.sessions[session].ticket = ticket;
        self.sessions[session].wish = Some(Wish { wishes: join.wishes, turn });
        let seeker = self.dismiss(session, PartnerLeftReason::Disconnected, Return::ToItsPlace, now);
        self.place_all(seeker.into_iter().collect(), now);
    }

    /// Begins a new attempt.
    fn raise(&mut self, session: SessionKey, attempt: u32) -> Result<(), Breach> {
        let ticket = &mut self.sessions[session].ticket;
        if attempt <= ticket.attempt {
            return Err(Breach("an attempt is not above the session's earlier ones"));
        }
        *ticket = TicketNumber { attempt, round: 0 };
        Ok(())
    }

    /// A new turn of a ticket that waits since then.
    pub(crate) fn turn_since(&mut self, queued: Time) -> Turn {
        self.arrivals += 1;
        Turn { queued, arrival: self.arrivals }
    }
}
