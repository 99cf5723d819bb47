//! How far the messages of a resumable session's client are taken. What is taken needs not be sent again, whichever process dies: it
//! has had its effect here, and what it says to the partner is with the partner's gateway, in the partner's log, or under way.

use duet_proto::frame::Down;

use crate::Matchmaker;
use crate::machine::Breach;
use crate::sessions::{SessionKey, State};

impl Matchmaker {
    /// Everything of the client's up to this number has come; 0 says nothing new. While messages for the partner are still to be
    /// repeated, that is only remembered.
    pub(crate) fn take(&mut self, session: SessionKey, client_seq: u64) {
        let is_behind = self.is_behind(session);
        if let Some((_, resumable)) = self.sessions[session].resumable_mut() {
            resumable.come = resumable.come.max(client_seq);
            if !is_behind {
                resumable.taken = resumable.taken.max(resumable.come);
            }
        }
    }

    /// Everything of the client's up to this number is taken, whatever waits to be repeated: that comes after, or is for a room that
    /// this message ends.
    pub(crate) fn take_to(&mut self, session: SessionKey, client_seq: u64) {
        if let Some((_, resumable)) = self.sessions[session].resumable_mut() {
            resumable.come = resumable.come.max(client_seq);
            resumable.taken = resumable.taken.max(client_seq);
        }
    }

    /// The client has spoken, and says what it has. Its gateway is told what is taken, if that is news.
    pub(crate) fn settle(&mut self, session: SessionKey, ack: u64) -> Result<(), Breach> {
        let Some((_, resumable)) = self.sessions[session].resumable_mut() else {
            return Err(Breach("a session that is not resumable was settled"));
        };
        if ack > resumable.log.seq() {
            return Err(Breach("a client is said to have what was never sent"));
        }
        resumable.log.acknowledge(ack);
        let taken = resumable.taken;
        let is_news = taken > resumable.told_taken;
        resumable.told_taken = taken;
        resumable.resume_attempt = 0;
        self.sessions.settle_tokens(session);
        if is_news {
            self.tell(session, Down::Settled { taken });
        }
        Ok(())
    }

    /// Whether the session's gateway has messages for the partner that could not be passed on yet, and will be repeated.
    pub(crate) fn is_behind(&self, session: SessionKey) -> bool {
        match self.sessions[session].state {
            State::Idle | State::Waiting => false,
            State::InRoom(room) => {
                let sender = self.rooms[room].member(session);
                sender.newest > sender.sent
            }
            State::InHalfRoom(_) => true,
        }
    }
}
