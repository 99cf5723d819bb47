//! What carries requests to the engine and replies back, in their order, for as long as the replica lives.
//!
//! One connection, one batch on its way at a time. Whatever goes wrong with it ends the connection; the batch is asked again over the
//! next one, as scripts answer twice as they would once. Where tickets may have been lost, the replica begins anew: with a home that the
//! engine does not know yet, and everybody who waits sought for again.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use duet_proto::ids::BootId;
use redis::{Cmd, Value};
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until};

use super::super::replica::random;
use super::connection::{Connection, Fault, Trouble};
use super::said::Said;
use super::scripts::{self, Home, Scripts, Term};
use super::settings::EngineSettings;
use super::status::EngineStatus;
use crate::PoolKey;
use crate::engine::{Reply, Request};

/// The machine, as the driver needs it. Nothing here may wait.
pub trait Machine: Send + Sync {
    /// Takes a reply, in the order of requests.
    fn reply(&self, reply: Reply);
    /// Asks anew for all who wait, as the engine may have lost their tickets.
    fn resync(&self);
    /// Pools in which sessions of this replica wait or talk, and how many talk.
    fn pools(&self) -> Vec<(PoolKey, usize)>;
}

/// Where requests are put. Clones are handles to the same queue.
#[derive(Clone, Debug)]
pub struct Requests {
    queue: mpsc::Sender<Asked>,
    has_overflowed: Arc<AtomicBool>,
    status: Arc<EngineStatus>,
}

#[derive(Debug)]
struct Asked {
    request: Request,
    at: Instant,
}

impl Requests {
    /// Has the engine asked, as soon as it can be. When too many wait, all are dropped, and the replica begins anew later.
    pub fn push(&self, request: Request) {
        if self.queue.try_send(Asked { request, at: Instant::now() }).is_err() {
            self.has_overflowed.store(true, Ordering::Relaxed);
        }
        self.status.set_queued(self.queue.max_capacity() - self.queue.capacity());
    }
}

/// Talks to the engine.
#[derive(Debug)]
pub struct Driver {
    settings: EngineSettings,
    scripts: Scripts,
    requests: mpsc::Receiver<Asked>,
    has_overflowed: Arc<AtomicBool>,
    status: Arc<EngineStatus>,
    boot: BootId,
    generation: u64,
    /// Asked before the connection was lost, and not answered.
    unanswered: VecDeque<Asked>,
    /// Which engine it was.
    engine: Option<Identity>,
    /// The leases of this home. A pool without one is not renewed yet.
    terms: BTreeMap<PoolKey, Term>,
    said: Said,
}

/// Which data, and which run of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Identity {
    engine: Vec<u8>,
    run: Option<Box<str>>,
}

/// A queue for requests to an engine, what takes them there, and how it stands with it.
pub fn engine(settings: EngineSettings, boot: BootId) -> (Requests, Driver, Arc<EngineStatus>) {
    let (sender, requests) = mpsc::channel(settings.queue.max(1));
    let (has_overflowed, status) =
        (Arc::new(AtomicBool::new(false)), Arc::new(EngineStatus::new(settings.queue.max(1))));
    let queue = Requests { queue: sender, has_overflowed: has_overflowed.clone(), status: status.clone() };
    let driver = Driver {
        scripts: Scripts::new(settings.namespace.clone()),
        settings,
        requests,
        has_overflowed,
        status: status.clone(),
        boot,
        generation: 1,
        unanswered: VecDeque::new(),
        engine: None,
        terms: BTreeMap::new(),
        said: Said::default(),
    };
    (queue, driver, status)
}

impl Driver {
    /// Works until nobody is left who might ask.
    pub async fn run(mut self, machine: impl Machine) {
        let (mut delay, mut has_connected) = (SHORTEST_DELAY, false);
        while !self.requests.is_closed() {
            let trouble = match Connection::open(&self.settings).await {
                Ok(connection) => {
                    let up_since = Instant::now();
                    if std::mem::replace(&mut has_connected, true) {
                        self.status.reconnects.add(1);
                    }
                    let Err(trouble) = self.serve(connection, &machine).await else { return };
                    if up_since.elapsed() >= LONGEST_DELAY {
                        delay = SHORTEST_DELAY;
                    }
                    trouble
                }
                Err(trouble) => trouble,
            };
            self.said.away(&self.settings.url, &trouble);
            self.status.away(trouble);
            let jittered = delay.mul_f64(0.5 + f64::from(random::<1>()[0]) / 510.0);
            delay = (delay * 2).min(LONGEST_DELAY);
            sleep_until(Instant::now() + jittered).await;
        }
    }

    /// Works until the connection is of no use, or nobody is left who might ask.
    async fn serve(&mut self, mut connection: Connection, machine: &impl Machine) -> Result<(), Trouble> {
        // First, as whoever is not let in is told so, but for sending as much as scripts is only cut off.
        self.identify(&mut connection).await?;
        self.load(&mut connection).await?;
        self.keep_up(&mut connection, machine).await?;
        self.status.up();
        self.said.there(&self.settings.url);
        let mut due = renewals();
        loop {
            if self.has_overflowed.swap(false, Ordering::Relaxed) {
                self.forget_requests();
                self.begin_anew(machine, "too many requests waited for the engine");
            }
            if self.unanswered.is_empty() {
                let mut batch = Vec::new();
                tokio::select! {
                    biased;
                    _ = due.tick() => self.keep_up(&mut connection, machine).await?,
                    taken = self.requests.recv_many(&mut batch, BATCH) => {
                        if taken == 0 {
                            return Ok(());
                        }
                        self.unanswered.extend(batch);
                    }
                }
            }
            self.ask(&mut connection, machine).await?;
            self.status.set_queued(self.requests.len() + self.unanswered.len());
        }
    }

    /// Asks what is unanswered, and hands over what is answered.
    async fn ask(&mut self, connection: &mut Connection, machine: &impl Machine) -> Result<(), Trouble> {
        let mut loads = 0;
        while !self.unanswered.is_empty() {
            let (home, now) = (self.home(), Instant::now());
            let commands: Vec<Cmd> = self
                .unanswered
                .iter_mut()
                .take(BATCH)
                .map(|asked| {
                    asked.age(now);
                    self.scripts.command(&asked.request, &home, None)
                })
                .collect();
            let values = connection.run(&commands).await?;
            self.status.round_trips.observe(now.elapsed());
            for value in values {
                let Some(asked) = self.unanswered.front() else { break };
                if let Value::ServerError(error) = &value {
                    if error.code() == "NOSCRIPT" && loads < LOADS {
                        // What came after it is asked again, too, so that nothing overtakes it.
                        loads += 1;
                        self.load(connection).await?;
                        break;
                    }
                    let trouble = Trouble::of_server(error);
                    if trouble.fault != Fault::Script {
                        return Err(trouble);
                    }
                    self.fail(&trouble);
                } else {
                    self.status.commands.add(1);
                    match scripts::answer(&asked.request, &value) {
                        Ok(answer) => {
                            let pool = answer.term.and_then(|term| Some((asked.pool()?.clone(), term)));
                            if let Some(reply) = answer.reply {
                                machine.reply(reply);
                            }
                            if let Some((pool, term)) = pool
                                && !self.is_known(pool, term)
                            {
                                self.begin_anew(machine, "the lease of a pool had run out");
                            }
                        }
                        Err(error) => self.fail(&Trouble::new(Fault::Script, error.to_string())),
                    }
                }
                self.unanswered.pop_front();
            }
        }
        Ok(())
    }

    /// Looks which engine it is, and renews the leases.
    async fn keep_up(&mut self, connection: &mut Connection, machine: &impl Machine) -> Result<(), Trouble> {
        let identity = self.identify(connection).await?;
        let is_other = self.engine.as_ref().is_some_and(|known| *known != identity);
        self.engine = Some(identity);
        if is_other {
            self.begin_anew(machine, "the engine is another, or was started again");
        }
        let pools = machine.pools();
        let talked: Vec<_> =
            self.terms.keys().filter(|pool| !pools.iter().any(|(of, _)| of == *pool)).cloned().collect();
        // Where nobody is left, nobody talks; that is said once more.
        let pools: Vec<_> = pools.into_iter().chain(talked.iter().cloned().map(|pool| (pool, 0))).collect();
        for pools in pools.chunks(BATCH) {
            let home = self.home();
            let renew = |(pool, talking): &(PoolKey, usize)| self.scripts.renew(pool, &home, *talking, None);
            let values = connection.run(&pools.iter().map(renew).collect::<Vec<_>>()).await?;
            self.status.commands.add(values.len() as u64);
            for ((pool, _), value) in pools.iter().zip(&values) {
                if let Value::ServerError(error) = value {
                    if error.code() == "NOSCRIPT" {
                        // The next time will do.
                        self.load(connection).await?;
                        break;
                    }
                    return Err(Trouble::of_server(error));
                }
                let term = scripts::term(value).map_err(|error| Trouble::new(Fault::Script, error.to_string()))?;
                if !self.is_known(pool.clone(), term) {
                    self.begin_anew(machine, "the lease of a pool had run out");
                    return Ok(());
                }
            }
        }
        talked.iter().for_each(|pool| drop(self.terms.remove(pool)));
        Ok(())
    }

    async fn identify(&self, connection: &mut Connection) -> Result<Identity, Trouble> {
        let [set, get] = self.scripts.identify(&BootId::from_random(random()).to_string());
        let mut server = redis::cmd("INFO");
        server.arg("server");
        let values = connection.run(&[set, get, server]).await?;
        if let [Value::ServerError(error), ..] | [_, Value::ServerError(error), _] = &values[..] {
            return Err(Trouble::of_server(error));
        }
        let [_, Value::BulkString(engine), server] = &values[..] else {
            return Err(Trouble::new(Fault::Lost, "the engine does not say which it is"));
        };
        Ok(Identity { engine: engine.clone(), run: run_of(server) })
    }

    async fn load(&self, connection: &mut Connection) -> Result<(), Trouble> {
        for value in connection.run(&self.scripts.load().collect::<Vec<_>>()).await? {
            if let Value::ServerError(error) = value {
                return Err(Trouble::of_server(&error));
            }
        }
        Ok(())
    }

    /// Whether this home's lease in a pool is the one that it had, if it had any.
    fn is_known(&mut self, pool: PoolKey, term: Term) -> bool {
        *self.terms.entry(pool).or_insert_with(|| term.clone()) == term
    }

    fn begin_anew(&mut self, machine: &impl Machine, why: &str) {
        self.said.anew(why);
        self.generation += 1;
        self.terms.clear();
        self.status.resyncs.add(1);
        machine.resync();
    }

    fn forget_requests(&mut self) {
        self.unanswered.clear();
        while self.requests.try_recv().is_ok() {}
    }

    fn fail(&self, trouble: &Trouble) {
        self.status.count(trouble.fault);
        self.said.failed(trouble);
    }

    fn home(&self) -> Home {
        Home(format!("{}.{}", self.boot, self.generation).into())
    }
}

impl Asked {
    /// It has waited while its request has.
    fn age(&mut self, now: Instant) {
        let by = now.saturating_duration_since(std::mem::replace(&mut self.at, now));
        if let Request::Seek(seek) | Request::Update(seek) = &mut self.request {
            seek.ticket.waited += by;
            seek.ticket.recent.iter_mut().for_each(|(_, ago)| *ago += by);
        }
    }

    fn pool(&self) -> Option<&PoolKey> {
        match &self.request {
            Request::Seek(seek) | Request::Update(seek) => Some(&seek.ticket.pool),
            _ => None,
        }
    }
}

/// The server's own name for this run of it, where it may be asked.
fn run_of(info: &Value) -> Option<Box<str>> {
    let text = match info {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok()?,
        Value::VerbatimString { text, .. } => text,
        _ => return None,
    };
    text.lines().find_map(|line| line.strip_prefix("run_id:")).map(|run| run.trim().into())
}

fn renewals() -> Interval {
    let mut due = interval(RENEWED_EVERY);
    due.set_missed_tick_behavior(MissedTickBehavior::Delay);
    due.reset();
    due
}

/// Requests that are sent at once.
const BATCH: usize = 256;
/// Times that a batch's scripts are loaded, at most.
const LOADS: u32 = 3;
const RENEWED_EVERY: Duration = Duration::from_secs(1);
const SHORTEST_DELAY: Duration = Duration::from_millis(50);
const LONGEST_DELAY: Duration = Duration::from_secs(1);
