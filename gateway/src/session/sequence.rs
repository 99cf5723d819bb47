//! The two directions of a room: what is kept until the partner has it, and what has come.
//!
//! Every message has a number in its direction. The sender keeps it until it is acknowledged and sends it again after a link broke;
//! the receiver drops what it has. So a message arrives once, in order, or the hole is seen.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use duet_proto::time::Time;

/// What goes to the partner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ToPartner {
    /// The number of the newest message.
    newest: u64,
    /// Those that the partner is not known to have, oldest first, without gaps up to the newest.
    kept: VecDeque<Kept>,
    kept_bytes: usize,
    /// Whether the matchmaker takes messages for this room. Not after a link broke, until it has said where to go on.
    pub(super) open: bool,
}

/// A message that the partner is not known to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) text: Bytes,
    /// The client's own number for it; 0 if it gave none.
    pub(super) client_seq: u64,
}

/// What the partner lacks is not kept any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hole;

/// More is kept than fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

impl ToPartner {
    /// A room that has just begun.
    pub(super) fn new() -> Self {
        ToPartner { newest: 0, kept: VecDeque::new(), kept_bytes: 0, open: true }
    }

    /// A room that goes on after that many messages, of which the last are to be kept.
    pub(super) fn after(newest: u64, last: Vec<Bytes>) -> Self {
        let kept_bytes = last.iter().map(Bytes::len).sum();
        // The matchmaker has taken them, under whichever number of the client's.
        let kept = last.into_iter().map(|text| Kept { text, client_seq: 0 }).collect();
        ToPartner { newest, kept, kept_bytes, open: false }
    }

    /// Bytes of what is kept.
    pub(super) fn kept_bytes(&self) -> usize {
        self.kept_bytes
    }

    pub(super) fn newest(&self) -> u64 {
        self.newest
    }

    /// Whether messages wait for the matchmaker to say where to go on.
    pub(super) fn has_unsent(&self) -> bool {
        !self.open && !self.kept.is_empty()
    }

    /// The partner has everything up to `received`, and what follows up to `passed` is on its way to it. Tells what is to be sent
    /// again, with the numbers.
    pub(super) fn resume(&mut self, received: u64, passed: u64) -> Result<Vec<(u64, Kept)>, Hole> {
        self.acknowledge(received);
        if self.oldest_kept() > passed + 1 {
            return Err(Hole);
        }
        self.open = true;
        Ok(self.kept().filter(|(seq, _)| *seq > passed).collect())
    }

    /// Numbers a message and keeps it.
    pub(super) fn push(&mut self, text: Bytes, client_seq: u64) -> Result<u64, Full> {
        let bytes = self.kept_bytes + text.len();
        if self.kept.len() == KEPT_MESSAGES || (bytes > KEPT_BYTES && !self.kept.is_empty()) {
            return Err(Full);
        }
        self.kept_bytes = bytes;
        self.kept.push_back(Kept { text, client_seq });
        self.newest += 1;
        Ok(self.newest)
    }

    /// The partner has everything up to this number.
    pub(super) fn acknowledge(&mut self, seq: u64) {
        while self.oldest_kept() <= seq {
            let Some(kept) = self.kept.pop_front() else { break };
            self.kept_bytes -= kept.text.len();
        }
        if self.kept.is_empty() {
            // Most rooms are silent most of the time; they keep no buffer.
            self.kept = VecDeque::new();
        }
    }

    /// What is kept, with the numbers.
    fn kept(&self) -> impl Iterator<Item = (u64, Kept)> {
        (self.oldest_kept()..).zip(self.kept.iter().cloned())
    }

    fn oldest_kept(&self) -> u64 {
        self.acknowledged() + 1
    }

    /// The highest that is not kept any more.
    pub(super) fn acknowledged(&self) -> u64 {
        self.newest - self.kept.len() as u64
    }
}

/// What comes from the partner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FromPartner {
    /// The highest number that has come.
    received: u64,
    /// What came since the last acknowledgement.
    unacknowledged: usize,
    unacknowledged_bytes: usize,
    /// When it is to be acknowledged at the latest.
    due: Option<Time>,
    /// Whether one was missing. Nothing more is taken, unless a new link brings all of it again.
    is_broken: bool,
}

/// What to do with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// Take it.
    Next,
    /// It came before, or comes too late.
    Repeated,
    /// One before it is missing.
    Gap,
}

impl FromPartner {
    /// A room that has just begun.
    pub(super) fn new() -> Self {
        FromPartner { received: 0, unacknowledged: 0, unacknowledged_bytes: 0, due: None, is_broken: false }
    }

    /// A room in which that many messages have come.
    pub(super) fn after(received: u64) -> Self {
        FromPartner { received, ..FromPartner::new() }
    }

    pub(super) fn received(&self) -> u64 {
        self.received
    }

    /// A message with that number has come.
    pub(super) fn arrive(&mut self, seq: u64, bytes: usize, now: Time) -> Arrival {
        if seq <= self.received || self.is_broken {
            return Arrival::Repeated;
        }
        if seq > self.received + 1 {
            self.is_broken = true;
            return Arrival::Gap;
        }
        self.received = seq;
        self.unacknowledged += 1;
        self.unacknowledged_bytes += bytes;
        self.due.get_or_insert(now + ACK_AFTER);
        if self.unacknowledged >= ACK_MESSAGES || self.unacknowledged_bytes >= ACK_BYTES {
            self.due = Some(now);
        }
        Arrival::Next
    }

    /// When to acknowledge, if there is anything to.
    pub(super) fn due(&self) -> Option<Time> {
        self.due
    }

    /// The number to acknowledge, if it is time.
    pub(super) fn take_due(&mut self, now: Time) -> Option<u64> {
        self.due.filter(|due| *due <= now).map(|_| {
            self.settle();
            self.received
        })
    }

    /// What has come is announced on a new link, and what follows will come over that.
    pub(super) fn start_over(&mut self) {
        self.settle();
        self.is_broken = false;
    }

    /// What has come is known.
    fn settle(&mut self) {
        self.unacknowledged = 0;
        self.unacknowledged_bytes = 0;
        self.due = None;
    }
}

/// Messages that may wait for the partner to have them: more than a burst of a well-behaved client.
const KEPT_MESSAGES: usize = 1024;
/// Bytes of them, unless a single one is larger.
const KEPT_BYTES: usize = 1024 * 1024;
/// How many messages may go unacknowledged.
const ACK_MESSAGES: usize = 32;
/// How many bytes of messages may go unacknowledged.
const ACK_BYTES: usize = 64 * 1024;
/// How long a message may go unacknowledged.
const ACK_AFTER: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(text: &'static str, client_seq: u64) -> Kept {
        Kept { text: text.into(), client_seq }
    }

    #[test]
    fn what_is_not_acknowledged_is_kept_with_its_number() {
        let mut to = ToPartner::new();
        for (seq, text) in (1..).zip(["a", "b", "c"]) {
            assert_eq!(to.push(text.into(), 0), Ok(seq));
        }
        to.acknowledge(1);
        to.acknowledge(0);
        assert_eq!(to.kept().collect::<Vec<_>>(), [(2, kept("b", 0)), (3, kept("c", 0))]);
        to.acknowledge(99);
        assert_eq!(to.kept().count(), 0);
        assert_eq!(to.push("d".into(), 4), Ok(4));
        assert_eq!(to.kept().next(), Some((4, kept("d", 4))));
    }

    #[test]
    fn both_bounds_refuse_and_an_acknowledgement_makes_room() {
        let mut to = ToPartner::new();
        for _ in 0..KEPT_MESSAGES {
            to.push("m".into(), 0).unwrap();
        }
        assert_eq!(to.push("m".into(), 0), Err(Full));
        to.acknowledge(1);
        assert_eq!(to.push("m".into(), 0), Ok(KEPT_MESSAGES as u64 + 1));

        let mut to = ToPartner::new();
        to.push("m".repeat(KEPT_BYTES + 1).into(), 0).unwrap();
        assert_eq!(to.push("m".into(), 0), Err(Full));
    }
}
