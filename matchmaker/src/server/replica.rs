//! One matchmaker of a deployment: the machine, its links, and the lock around both.
//!
//! The machine has one owner at a time: whoever brings an input takes the lock, hands the input over and drains all outputs into
//! the links' queues before letting go. Nothing waits inside. A task that owned the machine would order inputs just as well and
//! cost every frame a hop more.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use duet_proto::frame::DownFrame;
use duet_proto::ids::BootId;
use duet_proto::link::{self, GatewayEnd, GatewayHello, MatchmakerHello};
use duet_proto::queue::{Limits, Sender};
use duet_proto::spans::Spans;
use duet_proto::time::Time;
use futures_util::StreamExt;
use rand::TryRng;
use rand::rngs::SysRng;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};

use super::clock::Clock;
use super::desk::Desk;
use super::events::Subscription;
use super::figures::Figures;
use super::gateways::GatewayFigures;
use super::link::{LinkEnd, OpenLink};
use super::timer;
use super::waits::Waits;
use crate::{Config, LinkKey, Matchmaker};

/// A running matchmaker. Clones are handles to the same one; it lives as long as any of them, or any of its links.
#[derive(Clone, Debug)]
pub struct Replica {
    shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    hello: MatchmakerHello,
    pub(crate) link_queue: Limits,
    clock: Clock,
    desk: Mutex<Desk>,
    /// The desk's own, which can be looked at without its lock.
    waits: Arc<Waits>,
    /// Whether watchers are to end.
    leaving: watch::Sender<bool>,
    /// Whether an operator has asked for the process's end.
    drain: watch::Sender<bool>,
    /// What makes spans.
    spans: Option<Spans>,
    /// Tells the timer that its deadline has moved up, or that there is nothing left to time.
    rearm: Arc<Notify>,
}

impl Replica {
    /// Starts a matchmaker that keeps its pools to itself. Its timer runs on the current tokio runtime.
    ///
    /// The name is 1 to 128 characters, none a control character.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime, or when the operating system gives no random bytes.
    pub fn start(name: impl Into<String>, config: Config) -> Self {
        Replica::start_traced(name, config, None)
    }

    /// The same, and whatever wish says to be recorded is, as far as its match.
    ///
    /// # Panics
    ///
    /// Likewise.
    pub fn start_traced(name: impl Into<String>, config: Config, spans: Option<Spans>) -> Self {
        let hello = MatchmakerHello { replica: name.into(), boot: BootId::from_random(random()), engine: None };
        let link_queue = config.link_queue;
        let desk =
            Desk::new(Matchmaker::new(config.clone(), random()), link_queue, config.event_backlog, spans.clone(), None);
        let (waits, desk) = (desk.waits.clone(), Mutex::new(desk));
        let (leaving, drain) = (watch::Sender::new(false), watch::Sender::new(false));
        let rearm = Arc::new(Notify::new());
        let (clock, again) = (Clock::start(), rearm.clone());
        let shared = Arc::new(Shared { hello, link_queue, clock, desk, waits, leaving, drain, spans, rearm: again });
        tokio::spawn(timer::run(Arc::downgrade(&shared), rearm));
        Replica { shared }
    }

    /// Who this is, as gateways are told.
    pub fn hello(&self) -> &MatchmakerHello {
        &self.shared.hello
    }

    /// What makes spans, if anything does.
    pub(crate) fn spans(&self) -> Option<Spans> {
        self.shared.spans.clone()
    }

    /// What may wait for a link's gateway.
    pub(crate) fn link_queue(&self) -> Limits {
        self.shared.link_queue
    }

    /// Links a gateway's worker of this process by memory. The link is served on the current tokio runtime until either side ends
    /// it: the gateway by closing `up`, this side by closing `down` after what is still queued. From a matchmaker that is going
    /// away the end comes closed.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn connect(&self, hello: GatewayHello) -> GatewayEnd {
        let (gateway, matchmaker) = link::memory(hello, self.shared.hello.clone(), self.shared.link_queue);
        match self.link_up(matchmaker.hello, matchmaker.down.clone()) {
            Ok(link) => drop(tokio::spawn(link.carry(matchmaker.up.map(Ok)))),
            Err(_going_away) => matchmaker.down.close(),
        }
        gateway
    }

    /// Hears of everything from now on.
    pub fn events(&self) -> Subscription {
        self.shared.lock().events.subscribe()
    }

    /// What there is to measure just now.
    pub fn figures(&self) -> Figures {
        let desk = self.shared.lock();
        desk.figures(self.shared.clock.now())
    }

    /// The gateways that are linked, or were within the last hour; up to so many, and how many more there are.
    pub fn gateways(&self, most: usize) -> (Vec<GatewayFigures>, usize) {
        let desk = self.shared.lock();
        desk.gateways.figures(desk.machine.links(), most, self.shared.clock.now())
    }

    /// Ends all links and takes no new ones: gateways announce their sessions elsewhere.
    pub fn go_away(&self) {
        self.shared.leaving.send_replace(true);
        self.locked(Desk::go_away);
    }

    /// Resolves when an operator asks for the process's end by a call, which is refused while nobody waits for it.
    pub fn drain_asked(&self) -> impl Future<Output = ()> + use<> {
        let mut asked = self.shared.drain.subscribe();
        async move {
            if asked.wait_for(|asked| *asked).await.is_err() {
                // The replica is gone.
                std::future::pending::<()>().await;
            }
        }
    }

    /// Tells whoever ends the process; whether there is anybody.
    pub(crate) fn ask_for_drain(&self) -> bool {
        self.shared.drain.send(true).is_ok()
    }

    /// Becomes true when this matchmaker goes away.
    pub(crate) fn leaving(&self) -> watch::Receiver<bool> {
        self.shared.leaving.subscribe()
    }

    /// How long those who were matched lately had waited.
    pub(crate) fn waits(&self) -> &Waits {
        &self.shared.waits
    }

    /// Waits until gateways, together, know all sessions again.
    pub(crate) async fn orphans_gone(&self) {
        while self.ask(|machine, _, _| machine.has_orphans()) {
            sleep_until(Instant::now() + ORPHANS_ASKED_FOR_EVERY).await;
        }
    }

    /// A link begins. The error is always [`LinkEnd::GoingAway`].
    pub(crate) fn link_up(&self, hello: GatewayHello, down: Sender<DownFrame>) -> Result<OpenLink, LinkEnd> {
        let (key, ended) = self.locked(|desk, now| desk.link_up(hello, down, now))?;
        Ok(OpenLink::new(self.clone(), key, ended))
    }

    /// A link has ended by itself.
    pub(crate) fn link_down(&self, link: LinkKey, why: LinkEnd) {
        self.locked(|desk, now| desk.link_down(link, why, now));
    }

    /// Hands the machine its input and does what it says.
    pub(crate) fn apply<T>(&self, input: impl FnOnce(&mut Matchmaker, Time) -> T) -> T {
        self.locked(|desk, now| input(&mut desk.machine, now))
    }

    /// Looks at the machine.
    pub(crate) fn ask<T>(&self, question: impl FnOnce(&Matchmaker, &Clock, Time) -> T) -> T {
        self.look(|desk, clock, now| question(&desk.machine, clock, now))
    }

    /// Looks at the machine and at what has come of it, at one moment.
    pub(crate) fn look<T>(&self, question: impl FnOnce(&Desk, &Clock, Time) -> T) -> T {
        let desk = self.shared.lock();
        question(&desk, &self.shared.clock, self.shared.clock.now())
    }

    fn locked<T>(&self, input: impl FnOnce(&mut Desk, Time) -> T) -> T {
        let mut desk = self.shared.lock();
        // Read under the lock, so that the machine never sees time go back.
        let now = self.shared.clock.now();
        let result = input(&mut desk, now);
        desk.drain(now);
        if desk.deadline_moved_up() {
            self.shared.rearm.notify_one();
        }
        result
    }
}

impl Shared {
    /// When to wake next. The timer asks this before it sleeps.
    pub(crate) fn arm(&self) -> Option<Instant> {
        let mut desk = self.lock();
        desk.armed = desk.machine.poll_timeout();
        desk.armed.map(|at| self.clock.instant(at))
    }

    /// The deadline has come.
    pub(crate) fn time_out(self: Arc<Self>) {
        Replica { shared: self }.apply(Matchmaker::handle_timeout);
    }

    fn lock(&self) -> MutexGuard<'_, Desk> {
        // A panic inside is a bug of ours; links that still work are better than none.
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.rearm.notify_one();
    }
}

/// Only while the process ends.
const ORPHANS_ASKED_FOR_EVERY: Duration = Duration::from_millis(50);

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SysRng.try_fill_bytes(&mut bytes).expect("the operating system gives random bytes");
    bytes
}
