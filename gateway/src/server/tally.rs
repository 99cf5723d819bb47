//! What one worker counts: written by it alone, without locks, and read by whoever asks for [`Figures`](super::Figures).
//!
//! A forwarded message is two additions on each of its two ways through a gateway. How long it takes is looked at for one in
//! [`SAMPLED`] only, and how long a link takes where a wish is answered, which is seldom.

use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use duet_proto::close::CloseCode;
use duet_proto::figures::{CALL_BOUNDS, Count, Histogram};
use duet_proto::json::{CandidateType, ErrorCode, IceState};
use duet_proto::queue::{Fill, Gauge};
use tokio::runtime::RuntimeMetrics;

use super::connection::SocketEnd;
use crate::session::{Counted, SessionState};

/// One message in so many is timed.
pub(super) const SAMPLED: u64 = 64;

/// One worker's counts.
#[derive(Debug)]
pub(super) struct Tally {
    /// Sessions that there are now, by what they do.
    pub(super) sessions: [Count; SessionState::ALL.len()],
    /// What clients said to their partners.
    pub(super) from_clients: Traffic,
    /// What partners said to clients.
    pub(super) to_clients: Traffic,
    pub(super) errors: [Count; ErrorCode::ALL.len()],
    pub(super) closes: Closes,
    pub(super) resumed: Count,
    pub(super) resume_failed: Count,
    /// From `matched` to the first `answer`.
    pub(super) answered: Histogram,
    /// By what they came to, and the kind of candidate, the last for those that don't say.
    pub(super) calls: [[Count; CandidateType::ALL.len() + 1]; IceState::ALL.len()],
    /// Until media flowed, as clients say.
    pub(super) setup: Histogram,
    /// From a link to a client's socket.
    pub(super) delivery: Histogram,
    /// Bytes that clients have not taken.
    pub(super) unwritten: Count,
    /// Clients that have not taken something.
    pub(super) blocked: Count,
    /// Sessions that went on over another link, by why.
    pub(super) moved: [Count; Moved::ALL.len()],
    /// Once the worker's thread runs.
    pub(super) runtime: OnceLock<RuntimeMetrics>,
}

/// Messages that passed.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    pub(super) messages: Count,
    pub(super) bytes: Count,
}

/// Connections that ended, by who ended them.
#[derive(Debug, Default)]
pub(super) struct Closes {
    /// By the server, with one of its codes.
    pub(super) server: [Count; CloseCode::ALL.len()],
    pub(super) client: [Count; ClientClose::ALL.len()],
    /// Cut without a word.
    pub(super) cut: Count,
}

/// With what a client closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClientClose {
    /// 1000.
    Normal,
    /// 1001: the page was left.
    GoingAway,
    /// No code.
    None,
    /// Any other.
    Other,
}

impl ClientClose {
    /// All there are.
    pub const ALL: [ClientClose; 4] =
        [ClientClose::Normal, ClientClose::GoingAway, ClientClose::None, ClientClose::Other];

    /// As metrics name it.
    pub fn name(self) -> &'static str {
        match self {
            ClientClose::Normal => "1000",
            ClientClose::GoingAway => "1001",
            ClientClose::None => "none",
            ClientClose::Other => "other",
        }
    }

    fn of(code: Option<u16>) -> Self {
        match code {
            Some(1000) => ClientClose::Normal,
            Some(1001) => ClientClose::GoingAway,
            None => ClientClose::None,
            Some(_) => ClientClose::Other,
        }
    }
}

/// Why a session went on at another matchmaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Moved {
    /// There was a partner for it.
    Summoned,
    /// The link to the one before was lost.
    Lost,
    /// Its client's earlier session was looked for there.
    Resuming,
}

impl Moved {
    /// All there are.
    pub const ALL: [Moved; 3] = [Moved::Summoned, Moved::Lost, Moved::Resuming];

    /// As metrics name it.
    pub fn name(self) -> &'static str {
        match self {
            Moved::Summoned => "summoned",
            Moved::Lost => "lost",
            Moved::Resuming => "resuming",
        }
    }
}

/// One of the worker's links.
#[derive(Debug)]
pub(super) struct LinkTally {
    /// 1 while it is up.
    pub(super) up: Count,
    pub(super) broken: Count,
    /// From a wish to its answer: over the link, through the matchmaker, and back.
    pub(super) round_trip: Histogram,
    queue: Mutex<Option<Gauge>>,
}

impl Tally {
    pub(super) fn new() -> Self {
        Tally {
            sessions: Default::default(),
            from_clients: Traffic::default(),
            to_clients: Traffic::default(),
            errors: Default::default(),
            closes: Closes::default(),
            resumed: Count::default(),
            resume_failed: Count::default(),
            answered: Histogram::new(&CALL_BOUNDS),
            calls: Default::default(),
            setup: Histogram::new(&CALL_BOUNDS),
            delivery: Histogram::new(&LATENCY_BOUNDS),
            unwritten: Count::default(),
            blocked: Count::default(),
            moved: Default::default(),
            runtime: OnceLock::new(),
        }
    }

    /// A session does something else now; `None` before its begin and after its end.
    pub(super) fn session_is(&self, before: Option<SessionState>, now: Option<SessionState>) {
        if before == now {
            return;
        }
        if let Some(before) = before {
            self.sessions[before as usize].subtract(1);
        }
        if let Some(now) = now {
            self.sessions[now as usize].add(1);
        }
    }

    pub(super) fn counted(&self, counted: Counted) {
        match counted {
            // Codes that are not in the table are a fault of the table's, and none of the client's.
            Counted::Refused(code) => self.errors.get(code.place()).into_iter().for_each(|count| count.add(1)),
            Counted::Answered(after) => self.answered.observe(after),
            Counted::Call { ice, setup, candidate } => {
                let candidate = candidate.map_or(CandidateType::ALL.len(), CandidateType::place);
                self.calls[ice.place()][candidate].add(1);
                if let Some(setup) = setup {
                    self.setup.observe(setup);
                }
            }
        }
    }

    pub(super) fn closed(&self, end: SocketEnd) {
        match end {
            SocketEnd::Abort => self.closes.cut.add(1),
            SocketEnd::Answer(code) => self.closes.client[ClientClose::of(code) as usize].add(1),
            SocketEnd::Close(code) => {
                self.closes.server.get(code.place()).into_iter().for_each(|count| count.add(1));
            }
        }
    }

    /// So many bytes wait for a client now, and waited for it before.
    pub(super) fn waits(&self, before: u32, now: u32) {
        if before == now {
            return;
        }
        self.unwritten.add(now.into());
        self.unwritten.subtract(before.into());
        match (before, now) {
            (0, _) => self.blocked.add(1),
            (_, 0) => self.blocked.subtract(1),
            _ => {}
        }
    }
}

impl Traffic {
    /// One more passed.
    pub(super) fn passed(&self, bytes: usize) {
        self.messages.add(1);
        self.bytes.add(bytes as u64);
    }
}

impl LinkTally {
    pub(super) fn new() -> Self {
        let (up, broken) = (Count::default(), Count::default());
        LinkTally { up, broken, round_trip: Histogram::new(&LATENCY_BOUNDS), queue: Mutex::new(None) }
    }

    pub(super) fn is_up(&self, queue: Gauge) {
        self.up.add(1);
        *self.queue.lock().expect("no code that holds this lock panics") = Some(queue);
    }

    pub(super) fn is_down(&self) {
        self.up.subtract(1);
        self.broken.add(1);
        *self.queue.lock().expect("no code that holds this lock panics") = None;
    }

    /// What waits for the matchmaker.
    pub(super) fn queued(&self) -> Fill {
        let queue = self.queue.lock().expect("no code that holds this lock panics");
        queue.as_ref().map_or_else(Fill::default, Gauge::fill)
    }
}

/// Of what happens inside the service.
const LATENCY_BOUNDS: [Duration; 14] = [
    Duration::from_micros(50),
    Duration::from_micros(100),
    Duration::from_micros(250),
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_micros(2500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(5),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_count() {
        let tally = Tally::new();
        for (place, code) in ErrorCode::ALL.into_iter().enumerate() {
            tally.counted(Counted::Refused(code));
            assert_eq!((code.place(), tally.errors[place].get()), (place, 1), "{code:?}");
        }
        for (place, code) in CloseCode::ALL.into_iter().enumerate() {
            tally.closed(SocketEnd::Close(code));
            assert_eq!((code.place(), tally.closes.server[place].get()), (place, 1), "{code:?}");
        }
        for code in [Some(1000), Some(1001), None, Some(4000)] {
            tally.closed(SocketEnd::Answer(code));
        }
        assert!(tally.closes.client.iter().all(|count| count.get() == 1));
    }

    #[test]
    fn what_waits_is_counted_until_it_is_taken() {
        let tally = Tally::new();
        tally.waits(0, 300);
        tally.waits(0, 50);
        tally.waits(300, 100);
        assert_eq!((tally.unwritten.get(), tally.blocked.get()), (150, 2));
        tally.waits(100, 0);
        tally.waits(50, 0);
        assert_eq!((tally.unwritten.get(), tally.blocked.get()), (0, 0));
    }
}
