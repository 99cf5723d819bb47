//! What a session of the layer `duet.v1` knows beside the rest: its tokens, the numbers of both directions, and what its client has
//! not acknowledged, which it announces to a matchmaker that doesn't know it.

use std::collections::VecDeque;
use std::time::Duration;

use duet_proto::frame::{self, Down, SessionResumed};
use duet_proto::queue::Weigh;
use duet_proto::time::Time;
use duet_proto::token::{ResumeToken, TokenHash};

/// What a client of the layer `duet.v1` is given on one connection.
#[derive(Clone, Copy, Debug)]
pub struct ResumeTokens {
    /// With `ready`, for the session that begins.
    pub first: ResumeToken,
    /// With `resumed`, for the session that the client wants back, if it does.
    pub next: ResumeToken,
}

/// The part of a session that only a resumable one has.
#[derive(Debug)]
pub(super) struct Resumable {
    epoch: u32,
    token: TokenHash,
    /// The one before, until the client has spoken after its resume.
    pub(super) earlier_token: Option<TokenHash>,
    next_token: ResumeToken,
    /// The resume that the matchmaker has not answered yet.
    pub(super) wanted: Option<Wanted>,
    /// The token that was shown last, answered or not.
    pub(super) shown: Option<TokenHash>,
    /// Since when there is no socket.
    pub(super) detached_since: Option<Time>,
    /// Of the newest numbered frame.
    pub(super) seq: u64,
    /// Those that the client has not acknowledged, without gaps up to the newest.
    kept: VecDeque<Down>,
    /// The highest number of the client's that is handled.
    pub(super) client_seq: u64,
    /// The highest of those that the matchmaker is known to have taken.
    taken: u64,
    /// What the client was told of that.
    told_taken: u64,
    settling: Settling,
}

/// What the client has shown.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) token: TokenHash,
    pub(super) ack: u64,
    pub(super) attempt: u32,
}

/// What the matchmaker has not been told of both sides' numbers.
#[derive(Clone, Copy, Debug, Default)]
struct Settling {
    messages: usize,
    bytes: usize,
    due: Option<Time>,
}

impl Resumable {
    pub(super) fn new(tokens: &ResumeTokens) -> Self {
        Resumable {
            epoch: 0,
            token: tokens.first.hash(),
            earlier_token: None,
            next_token: tokens.next,
            wanted: None,
            shown: None,
            detached_since: None,
            seq: 0,
            kept: VecDeque::new(),
            client_seq: 0,
            taken: 0,
            told_taken: 0,
            settling: Settling::default(),
        }
    }

    /// Whether this connection's session is one that was resumed.
    pub(super) fn was_resumed(&self) -> bool {
        self.epoch > 0
    }

    pub(super) fn next_token(&self) -> ResumeToken {
        self.next_token
    }

    /// It is another session from now on, the one that the client wanted. The token that was shown stays good for a while.
    pub(super) fn become_resumed(&mut self, resumed: &SessionResumed) {
        let shown = self.shown.take();
        *self = Resumable {
            epoch: resumed.epoch,
            token: self.next_token.hash(),
            earlier_token: shown,
            next_token: self.next_token,
            wanted: None,
            shown: None,
            detached_since: self.detached_since,
            seq: resumed.seq,
            kept: resumed.kept.iter().map(|(_, kind)| kind.compact()).collect(),
            client_seq: resumed.taken,
            taken: resumed.taken,
            told_taken: resumed.taken,
            settling: Settling::default(),
        };
    }

    /// What the matchmaker is told of it on a new link. `claim` is the last of the client's numbers that what is announced goes up to;
    /// all of them, if there is none.
    pub(super) fn announcement(&self, window: Duration, claim: Option<u64>, now: Time) -> frame::Resumable {
        let acknowledged = self.acknowledged();
        frame::Resumable {
            epoch: self.epoch,
            token: self.token,
            earlier_token: self.earlier_token,
            window,
            detached: self.detached_since.map(|since| window.saturating_sub(now.since(since))),
            seq: self.seq,
            kept: (acknowledged + 1..).zip(self.kept.iter().cloned()).collect(),
            client_seq: claim.unwrap_or(self.client_seq).max(self.taken),
            taken: self.taken,
        }
    }

    /// A frame has come with the next number.
    pub(super) fn keep(&mut self, kind: &Down) {
        self.seq += 1;
        self.kept.push_back(kind.compact());
    }

    /// Bytes of what is kept.
    pub(super) fn kept_bytes(&self) -> usize {
        self.kept.iter().map(Weigh::weight).sum()
    }

    /// The highest number that the client has acknowledged.
    pub(super) fn acknowledged(&self) -> u64 {
        self.seq - self.kept.len() as u64
    }

    /// The client has handled everything up to this number.
    pub(super) fn acknowledge(&mut self, seq: u64, now: Time) {
        while self.acknowledged() < seq {
            let Some(kind) = self.kept.pop_front() else { break };
            self.count(kind.weight(), now);
        }
        if self.kept.is_empty() {
            // Most sessions are idle most of the time; they keep no buffer.
            self.kept = VecDeque::new();
        }
    }

    /// A numbered message of the client's was handled.
    pub(super) fn count_message(&mut self, bytes: usize, now: Time) {
        if self.client_seq > self.taken {
            self.count(bytes, now);
        }
    }

    /// The client has spoken for the first time after its resume: an earlier token is to be forgotten at once.
    pub(super) fn note_spoken(&mut self, now: Time) {
        if self.earlier_token.take().is_some() {
            self.settling.due = Some(now);
        }
    }

    /// The matchmaker has taken the client's messages up to this number.
    pub(super) fn note_taken(&mut self, taken: u64) {
        self.taken = self.taken.max(taken);
    }

    /// What the client may let go of.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    /// The same, if it was not told so far.
    pub(super) fn news_of_taken(&mut self) -> Option<u64> {
        let is_news = self.taken > self.told_taken;
        self.told_taken = self.taken;
        is_news.then_some(self.taken)
    }

    /// When the matchmaker is to be told how far both sides are.
    pub(super) fn settle_due(&self) -> Option<Time> {
        self.settling.due
    }

    /// It is told now. While it has not taken all that the client said, it is asked again.
    pub(super) fn settle(&mut self, now: Time) {
        let due = (self.client_seq > self.taken).then(|| now + SETTLE_AFTER);
        self.settling = Settling { due, ..Settling::default() };
    }

    fn count(&mut self, bytes: usize, now: Time) {
        let settling = &mut self.settling;
        settling.messages += 1;
        settling.bytes += bytes;
        settling.due.get_or_insert(now + SETTLE_AFTER);
        if settling.messages >= SETTLE_MESSAGES || settling.bytes >= SETTLE_BYTES {
            settling.due = Some(now);
        }
    }
}

/// How many messages, both sides' together, the matchmaker may be behind.
const SETTLE_MESSAGES: usize = 32;
/// How many bytes of them.
const SETTLE_BYTES: usize = 64 * 1024;
/// How long it may be behind.
const SETTLE_AFTER: Duration = Duration::from_secs(1);
