//! The gateway as a server: workers with sockets on one side and links on the other, driving the session machines.
//!
//! A worker is a thread with a single-threaded runtime, a listener of its own and its own links. Sessions never move between
//! workers, so all of a worker's state is its own and nothing in it is locked. This module starts and ends the workers; it
//! leaves signals, configuration and the choice of addresses to the process.

use std::io;
use std::net::TcpListener;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use duet_proto::ids::BootId;
use duet_proto::link::{LinkPings, QUEUE_LIMITS};
use duet_proto::queue::Limits;
use futures_util::Stream;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, watch};

use crate::addresses::{ForwardingHeader, TrustedProxies};
use crate::census::CensusConfig;
use crate::ice_servers::IceServers;
use crate::origins::AllowedOrigins;
use crate::session::SessionConfig;

mod accept;
mod admission;
mod assets;
mod clock;
mod connection;
mod counts;
mod discovery;
mod figures;
mod http_client;
mod ice;
mod links;
mod listen;
mod matchmakers;
mod places;
mod proxies;
mod readiness;
mod roster;
mod routes;
mod socket;
mod tally;
mod tls;
mod traces;
mod verifier;
mod worker;

pub use accept::Accepted;
use clock::Clock;
use counts::Counts;
pub use counts::Refused;
pub use discovery::DnsAddress;
pub use figures::{Figures, LinkFigures, Passed};
pub use http_client::HttpClient;
use ice::Ice;
pub use listen::bind;
pub use matchmakers::{Address, Carrier, Connector, Matchmakers, MemoryDialer, sources};
use places::Places;
use readiness::Readiness;
pub use roster::MAX_MATCHMAKERS;
use roster::Roster;
use tally::Tally;
pub use tally::{ClientClose, Moved};
pub use tls::{Tls, TlsAddress};
pub use traces::TraceSettings;
use traces::UpgradeRate;
pub use verifier::{TokenRules, Verifier, WishClaims};

/// How a gateway is to behave. The defaults are those of the executable.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What matchmakers know this gateway by: up to 128 characters, the same across restarts.
    pub name: String,
    /// Which web pages may connect.
    pub allowed_origins: AllowedOrigins,
    /// What sessions are bound by.
    pub session: SessionConfig,
    /// Who checks tokens; goes with [`IdentityConfig::verifies`](crate::session::IdentityConfig::verifies).
    pub verifier: Option<Arc<Verifier>>,
    /// What sockets are bound by.
    pub socket: SocketSettings,
    /// How many may connect.
    pub census: CensusConfig,
    /// Sockets at once, whatever they speak: more are closed as they come. 0 is no limit.
    pub max_sockets: usize,
    /// Whose word counts for where a client is.
    pub proxies: ProxySettings,
    /// What is shown to clients; without it they speak HTTP and WebSocket in the clear.
    pub tls: Option<Tls>,
    /// How long the matchmaker may be away before upgrades are refused.
    pub matchmaker_grace: Duration,
    /// How often the names of matchmakers are looked up.
    pub matchmaker_dns: Duration,
    /// How a dead link to a matchmaker is found.
    pub link_pings: LinkPings,
    /// What may wait for a matchmaker that is slow to take it.
    pub link_queue: Limits,
    /// Over how long a drain spreads its closes at most.
    pub drain_spread: Duration,
    /// How far apart the wakes of a busy worker are at least; zero is no matter how close.
    pub coalesce: Duration,
    /// Whether debug lines of the log tell clients' addresses.
    pub log_addresses: bool,
    /// What is traced, if anything is.
    pub traces: Option<TraceSettings>,
    /// The ICE servers that clients are told.
    pub ice_servers: IceServers,
}

/// Whose word counts for where a client is.
#[derive(Clone, Debug, Default)]
pub struct ProxySettings {
    /// Who is believed. Nobody: the address of the socket counts.
    pub trusted: TrustedProxies,
    /// How they tell it.
    pub header: ForwardingHeader,
    /// Whether they begin each connection with PROXY protocol, version 2, instead.
    pub protocol: bool,
}

/// What a socket is bound by.
#[derive(Clone, Copy, Debug)]
pub struct SocketSettings {
    /// How long the head of a request may take, and how long a kept-alive connection may be idle.
    pub header_timeout: Duration,
    /// Bytes of one message from a client, fragments together.
    pub max_message_bytes: usize,
    /// Bytes that may wait for a client that reads too slowly.
    pub max_outbound_bytes: usize,
    /// How long a client may take nothing of what waits for it.
    pub write_timeout: Duration,
    /// How long the rest of a message that has begun may take to come.
    pub message_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            name: "gateway".to_owned(),
            allowed_origins: AllowedOrigins::default(),
            session: SessionConfig::default(),
            verifier: None,
            socket: SocketSettings::default(),
            census: CensusConfig::default(),
            max_sockets: 0,
            proxies: ProxySettings::default(),
            tls: None,
            matchmaker_grace: Duration::from_secs(10),
            matchmaker_dns: Duration::from_secs(5),
            link_pings: LinkPings::default(),
            link_queue: QUEUE_LIMITS,
            drain_spread: Duration::from_secs(10),
            coalesce: Duration::from_micros(250),
            log_addresses: false,
            traces: None,
            ice_servers: IceServers::default(),
        }
    }
}

impl Default for SocketSettings {
    fn default() -> Self {
        SocketSettings {
            header_timeout: Duration::from_secs(5),
            max_message_bytes: 64 * 1024,
            max_outbound_bytes: 256 * 1024,
            write_timeout: Duration::from_secs(5),
            message_timeout: Duration::from_secs(10),
        }
    }
}

/// A running gateway.
#[derive(Debug)]
pub struct Gateway {
    stage: watch::Sender<Stage>,
    figures: Figures,
    ended: mpsc::Receiver<Ended>,
    workers: Vec<JoinHandle<()>>,
    running: usize,
}

/// Why a worker ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was told to.
    Drained,
    /// It can't do its work with these settings; the text says why.
    Misconfigured(String),
    /// Something it can't do without is broken; the text says what.
    Failed(String),
}

/// How far a gateway has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Serving,
    /// No new sockets; those there are told to go, each at its time.
    Draining,
    /// Whatever is left is dropped.
    Stopped,
}

/// What the workers of one gateway share.
struct Shared {
    clock: Clock,
    settings: Settings,
    session: Arc<SessionConfig>,
    roster: Roster,
    boot: BootId,
    readiness: Readiness,
    places: Places,
    /// Connections that have not upgraded.
    http_connections: AtomicUsize,
    counts: Counts,
    asked_traces: Mutex<UpgradeRate>,
    /// One for each worker.
    tallies: Box<[Tally]>,
    ice: Ice,
}

impl Gateway {
    /// Starts one worker for each of the listeners, which [`bind`] made.
    ///
    /// Fails when a thread or its runtime can't be made.
    pub fn start(settings: Settings, listeners: Vec<TcpListener>, matchmakers: Matchmakers) -> io::Result<Self> {
        let (stage, stages) = watch::channel(Stage::Serving);
        let (ended, endings) = mpsc::channel(listeners.len().max(1));
        let shared = Arc::new(Shared::new(settings, matchmakers, listeners.len()));
        let figures = Figures(shared.clone());
        let mut workers = Vec::with_capacity(listeners.len());
        for (index, listener) in listeners.into_iter().enumerate() {
            let (shared, stages, ended) = (shared.clone(), stages.clone(), ended.clone());
            let thread = thread::Builder::new().name(format!("worker-{index}"));
            workers.push(thread.spawn(move || {
                let run = AssertUnwindSafe(|| worker::run(index, listener, shared, stages));
                let end = catch_unwind(run).unwrap_or_else(|_| Ended::Failed("it panicked".to_owned()));
                // The receiver is gone only when the process is going, too.
                let _ = ended.blocking_send(end);
            })?);
        }
        Ok(Gateway { stage, figures, ended: endings, running: workers.len(), workers })
    }

    /// What can be read of the gateway while it runs, and after.
    pub fn figures(&self) -> Figures {
        self.figures.clone()
    }

    /// Stops taking sockets and tells clients to go, then waits until the last is gone.
    ///
    /// The caller bounds the wait, and then calls [`stop`](Self::stop).
    pub async fn drain(&mut self) {
        self.stage.send_if_modified(|stage| std::mem::replace(stage, Stage::Draining) == Stage::Serving);
        while self.ended().await.is_some() {}
    }

    /// Waits for a worker to end by itself, which it does only when it can't do its work. `None`: all have ended.
    pub async fn ended(&mut self) -> Option<Ended> {
        if self.running == 0 {
            return None;
        }
        let end = self.ended.recv().await;
        self.running -= 1;
        end
    }

    /// Ends at once; what is left is dropped.
    pub fn stop(self) {
        self.stage.send_replace(Stage::Stopped);
        for worker in self.workers {
            worker.join().expect("a worker's panic is caught in its thread");
        }
    }
}

impl Shared {
    fn new(settings: Settings, matchmakers: Matchmakers, workers: usize) -> Self {
        let clock = Clock::start();
        let upgrade_rate = settings.traces.as_ref().map_or(0, |traces| traces.upgrade_rate);
        Shared {
            asked_traces: Mutex::new(UpgradeRate::new(upgrade_rate, clock.now())),
            session: Arc::new(settings.session.clone()),
            clock,
            readiness: Readiness::new(workers),
            places: Places::new(settings.census),
            http_connections: AtomicUsize::new(0),
            counts: Counts::default(),
            boot: BootId::from_random(rand::random()),
            ice: Ice::new(settings.ice_servers.clone(), settings.session.ice_transport_policy),
            tallies: (0..workers).map(|_| Tally::new()).collect(),
            settings,
            roster: Roster::new(matchmakers, workers),
        }
    }
}

/// Runs a gateway of one worker without a thread, for simulations and for embedding: on the current `LocalSet`, with connections
/// that come from anywhere.
///
/// It ends only when it can't do its work, which includes the end of `incoming`; an error there is of one connection, and it goes
/// on. Dropping the future ends the links; the clients' sockets go with the `LocalSet`.
///
/// # Panics
///
/// Outside a `LocalSet`, or without tokio's timer.
pub async fn serve_worker<S>(
    settings: Settings,
    incoming: impl Stream<Item = io::Result<Accepted<S>>> + 'static,
    matchmakers: Matchmakers,
) -> Ended
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // Kept to the end: a gateway whose stages nobody can change any more stops.
    let (_stage, stages) = watch::channel(Stage::Serving);
    worker::serve(0, incoming, accept::as_it_comes, Arc::new(Shared::new(settings, matchmakers, 1)), stages).await
}
