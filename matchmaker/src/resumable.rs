//! What is kept of a session that may outlive its socket: by which token it is resumed, how long it is kept without a socket, what
//! its client has not acknowledged, and how far its client's own messages have been taken. Nothing is decided here.

use std::collections::VecDeque;
use std::time::Duration;

use duet_proto::bounds::{RESUME_BYTES, RESUME_MESSAGES};
use duet_proto::frame::{self, Down};
use duet_proto::ids::SessionNumber;
use duet_proto::queue::Weigh;
use duet_proto::time::Time;
use duet_proto::token::TokenHash;

use crate::LinkKey;

/// The part of a session that only a resumable one has.
#[derive(Debug)]
pub(crate) struct Resumable {
    /// How often it was resumed. Of two gateways that both believe to have it, the higher is right.
    pub(crate) epoch: u32,
    pub(crate) token: TokenHash,
    /// The one before, until the client has spoken after its last resume.
    pub(crate) earlier_token: Option<TokenHash>,
    /// Which attempt of its client's the last resume was, until the client has spoken; 0 when it didn't say.
    pub(crate) resume_attempt: u32,
    pub(crate) window: Duration,
    /// Until when it is kept; `None` while it has a socket.
    pub(crate) detached_until: Option<Time>,
    /// Where it was before its last resumes, to be told once its new gateway has it.
    pub(crate) former: VecDeque<(LinkKey, SessionNumber)>,
    pub(crate) log: Log,
    /// The highest number of the client's that is taken: nothing up to there needs to be sent again, whoever dies.
    pub(crate) taken: u64,
    /// The highest that has come: above `taken` while messages for the partner are still to be repeated.
    pub(crate) come: u64,
    /// What its gateway knows to be taken.
    pub(crate) told_taken: u64,
}

impl Resumable {
    /// As it is announced, but without a socket until whoever takes it says otherwise.
    pub(crate) fn announced(announced: frame::Resumable) -> Self {
        Resumable {
            epoch: announced.epoch,
            token: announced.token,
            earlier_token: announced.earlier_token,
            resume_attempt: 0,
            window: announced.window,
            detached_until: None,
            former: VecDeque::new(),
            log: Log::restored(announced.seq, announced.kept),
            taken: announced.taken,
            come: announced.client_seq,
            told_taken: announced.taken,
        }
    }
}

/// The frames that a session must not miss, numbered, until its client has acknowledged them.
#[derive(Debug)]
pub(crate) struct Log {
    /// Of the newest.
    seq: u64,
    /// Without gaps up to the newest.
    kept: VecDeque<Kept>,
    bytes: usize,
}

/// A frame as it was sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) kind: Down,
    pub(crate) taken: u64,
}

impl Log {
    fn restored(seq: u64, kept: Vec<(u64, Down)>) -> Self {
        let kept: VecDeque<_> = kept.into_iter().map(|(_, kind)| Kept { kind: kind.compact(), taken: 0 }).collect();
        let bytes = kept.iter().map(|kept| kept.kind.weight()).sum();
        Log { seq, kept, bytes }
    }

    /// Numbers a frame and keeps it. `full` is set when more is kept than may be.
    pub(crate) fn push(&mut self, kind: &Down, taken: u64, full: &mut bool) -> u64 {
        self.seq += 1;
        self.bytes += kind.weight();
        self.kept.push_back(Kept { kind: kind.compact(), taken });
        *full |= self.kept.len() > RESUME_MESSAGES || (self.bytes > RESUME_BYTES && self.kept.len() > 1);
        self.seq
    }

    /// The client has everything up to this number.
    pub(crate) fn acknowledge(&mut self, seq: u64) {
        while self.acknowledged() < seq {
            let Some(kept) = self.kept.pop_front() else { break };
            self.bytes -= kept.kind.weight();
        }
        if self.kept.is_empty() {
            // Most sessions are idle most of the time; they keep no buffer.
            self.kept = VecDeque::new();
        }
    }

    /// What is kept, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The number of the newest frame.
    pub(crate) fn seq(&self) -> u64 {
        self.seq
    }

    /// The highest number that is not kept any more.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.seq - self.kept.len() as u64
    }

    /// What is kept above a number.
    pub(crate) fn above(&self, seq: u64) -> impl Iterator<Item = (u64, &Kept)> {
        (self.acknowledged() + 1..).zip(&self.kept).filter(move |(number, _)| *number > seq)
    }
}

#[cfg(test)]
mod tests {
    use duet_proto::frame::Forward;
    use duet_proto::ids::TicketNumber;

    use super::*;

    fn forward(bytes: usize) -> Down {
        Down::Forward(Forward { ticket: TicketNumber::default(), seq: 1, text: vec![b'x'; bytes].into() })
    }

    #[test]
    fn a_log_keeps_what_is_not_acknowledged_with_its_numbers() {
        let mut log = Log::restored(7, vec![(6, forward(1)), (7, forward(2))]);
        assert_eq!(log.push(&forward(3), 2, &mut false), 8);
        assert_eq!(log.above(0).map(|(seq, _)| seq).collect::<Vec<_>>(), [6, 7, 8]);
        log.acknowledge(7);
        log.acknowledge(3);
        assert_eq!((log.seq(), log.acknowledged()), (8, 7));
        assert_eq!(log.above(7).collect::<Vec<_>>(), [(8, &Kept { kind: forward(3), taken: 2 })]);
        log.acknowledge(99);
        assert_eq!((log.acknowledged(), log.bytes), (8, 0));
    }

    #[test]
    fn a_log_is_full_past_either_bound_but_takes_a_single_frame_of_any_size() {
        let (mut log, mut full) = (Log::restored(0, Vec::new()), false);
        for _ in 0..RESUME_MESSAGES {
            log.push(&forward(1), 0, &mut full);
        }
        assert!(!full);
        log.push(&forward(1), 0, &mut full);
        assert!(full);

        let (mut log, mut full) = (Log::restored(0, Vec::new()), false);
        log.push(&forward(RESUME_BYTES + 1), 0, &mut full);
        assert!(!full);
        log.push(&forward(1), 0, &mut full);
        assert!(full);
    }
}
