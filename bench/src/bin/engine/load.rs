//! What replicas ask for: their sessions come, are found, and settle.

use std::collections::BTreeMap;
use std::io;
use std::sync::Barrier;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use duet_matchmaker::engine::{Reply, Request};
use duet_matchmaker::server::engine::scripts::answer;
use duet_proto::ids::{ClientId, TicketNumber};

use crate::server::{Engine, Line, other};
use crate::sessions::{Sessions, pool};

/// What came of a run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Joined {
    pub(crate) joins: u64,
    pub(crate) pairs: u64,
    /// Of pairs, those of sessions of different replicas.
    pub(crate) across: u64,
    pub(crate) elapsed: Duration,
}

/// One replica: what it has still to say, and who waits at it.
struct Replica {
    number: usize,
    line: Line,
    sessions: Sessions,
    waiting: BTreeMap<ClientId, TicketNumber>,
    requests: Vec<Request>,
    /// Waiters of this one that have gone to another, as gateways move them.
    gone: Receiver<ClientId>,
    others: Vec<SyncSender<ClientId>>,
    joined: Joined,
}

/// Lets replicas, each with sessions of its own, join so many all together, as fast as the engine answers.
pub(crate) fn join(engine: &Engine, run: u64, replicas: Vec<Sessions>, joins: u64) -> io::Result<Joined> {
    let count = replicas.len();
    let (others, gone): (Vec<_>, Vec<_>) = (0..count).map(|_| sync_channel(GONE_AT_MOST)).unzip();
    let mut all = Vec::with_capacity(count);
    for (number, (sessions, gone)) in replicas.into_iter().zip(gone).enumerate() {
        let line = engine.line(&format!("replica-{number}.{run}"))?;
        let (waiting, requests, joined) = (BTreeMap::new(), Vec::new(), Joined::default());
        all.push(Replica { number, line, sessions, waiting, requests, gone, others: others.clone(), joined });
    }
    drop(others);
    let (begin, end) = (Barrier::new(count), Barrier::new(count));
    let joined = std::thread::scope(|scope| {
        let (begin, end) = (&begin, &end);
        let each = joins / count as u64;
        let threads: Vec<_> =
            all.into_iter().map(|replica| scope.spawn(move || replica.run(each, begin, end))).collect();
        threads.into_iter().map(|thread| thread.join().expect("no replica panics")).collect::<Vec<_>>()
    });
    let mut total = Joined::default();
    for joined in joined {
        let joined = joined?;
        total.joins += joined.joins;
        total.pairs += joined.pairs;
        total.across += joined.across;
        total.elapsed = total.elapsed.max(joined.elapsed);
    }
    Ok(total)
}

impl Replica {
    fn run(mut self, joins: u64, begin: &Barrier, end: &Barrier) -> io::Result<Joined> {
        begin.wait();
        let started = Instant::now();
        let worked = self.work(joins);
        self.joined.elapsed = started.elapsed();
        // Nobody is left alone at a barrier.
        end.wait();
        worked?;
        self.leave()?;
        Ok(self.joined)
    }

    fn work(&mut self, joins: u64) -> io::Result<()> {
        let pool = pool(0);
        while self.joined.joins < joins || !self.requests.is_empty() {
            self.line.keep(&pool)?;
            self.hear_of_gone();
            while self.requests.len() < BATCH && self.joined.joins < joins {
                let seek = self.sessions.seek(&pool);
                self.waiting.insert(seek.ticket.client, seek.ticket.number);
                self.requests.push(Request::Seek(Box::new(seek)));
                self.joined.joins += 1;
            }
            let rest = self.requests.split_off(self.requests.len().min(BATCH));
            let batch = std::mem::replace(&mut self.requests, rest);
            for (request, value) in batch.iter().zip(self.line.ask(&batch)?) {
                if let Some(Reply::Found { client, waiter, .. }) = answer(request, &value).map_err(other)?.reply {
                    self.meet(client, waiter.client);
                }
            }
        }
        Ok(())
    }

    fn meet(&mut self, seeker: ClientId, waiter: ClientId) {
        self.waiting.remove(&seeker);
        self.joined.pairs += 1;
        let home = usize::from(waiter.as_bytes()[15]);
        if home == self.number {
            self.waiting.remove(&waiter);
        } else if let Some(other) = self.others.get(home) {
            self.joined.across += 1;
            // If it has ended, so has the run.
            let _ = other.try_send(waiter);
        }
        self.requests.push(Request::Settle { pool: pool(0), seeker, waiter });
    }

    fn hear_of_gone(&mut self) {
        while let Ok(client) = self.gone.try_recv() {
            if let Some(number) = self.waiting.remove(&client) {
                self.requests.push(Request::Withdraw { pool: pool(0), client, number });
            }
        }
    }

    /// Whoever still waits does so no longer.
    fn leave(&mut self) -> io::Result<()> {
        let left = std::mem::take(&mut self.waiting).into_iter();
        let left: Vec<_> = left.map(|(client, number)| Request::Withdraw { pool: pool(0), client, number }).collect();
        left.chunks(BATCH).try_for_each(|batch| self.line.ask(batch).map(drop))
    }
}

/// As many as replicas send at once.
pub(crate) const BATCH: usize = 256;
/// Waiters that a replica has not heard of yet that they are gone: more than a run has.
const GONE_AT_MOST: usize = 1 << 20;
