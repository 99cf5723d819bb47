//! One matchmaker of a deployment: the machine, its links, and the lock around both.
//!
//! The machine has one owner at a time: whoever brings an input takes the lock, hands the input over and drains all outputs into
//! the links' queues before letting go. Nothing waits inside. A task that owned the machine would order inputs just as well and
//! cost every frame a hop more.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use duet_proto::frame::{Down, DownFrame};
use duet_proto::ids::BootId;
use duet_proto::link::{self, GatewayEnd, GatewayHello, MatchmakerHello};
use duet_proto::queue::{Refused, Sender};
use duet_proto::time::Time;
use futures_util::StreamExt;
use rand::TryRng;
use rand::rngs::SysRng;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::clock::Clock;
use super::link::{LinkEnd, OpenLink};
use super::timer;
use crate::{Config, LinkKey, Matchmaker, Output};

/// A running matchmaker. Clones are handles to the same one; it lives as long as any of them.
#[derive(Clone, Debug)]
pub struct Replica {
    shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    hello: MatchmakerHello,
    clock: Clock,
    desk: Mutex<Desk>,
    /// Tells the timer that its deadline has moved up, or that there is nothing left to time.
    pub(crate) rearm: Arc<Notify>,
}

/// What the lock guards.
#[derive(Debug)]
struct Desk {
    machine: Matchmaker,
    links: BTreeMap<LinkKey, Outlet>,
    /// When the timer will wake.
    armed: Option<Time>,
    going_away: bool,
}

/// Where a link's frames and its end go.
#[derive(Debug)]
struct Outlet {
    gateway: String,
    worker: u32,
    down: Sender<DownFrame>,
    end: oneshot::Sender<LinkEnd>,
}

impl Replica {
    /// Starts a matchmaker that keeps its pools to itself. Its timer runs on the current tokio runtime.
    ///
    /// The name is up to 128 characters without control characters.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime, or when the operating system gives no random bytes.
    pub fn start(name: impl Into<String>, config: Config) -> Self {
        let hello = MatchmakerHello { replica: name.into(), boot: BootId::from_random(random()), engine: None };
        let machine = Matchmaker::new(config, random());
        let desk = Desk { machine, links: BTreeMap::new(), armed: None, going_away: false };
        let rearm = Arc::new(Notify::new());
        let shared = Arc::new(Shared { hello, clock: Clock::start(), desk: Mutex::new(desk), rearm: rearm.clone() });
        tokio::spawn(timer::run(Arc::downgrade(&shared), rearm));
        Replica { shared }
    }

    /// Who this is, as gateways are told.
    pub fn hello(&self) -> &MatchmakerHello {
        &self.shared.hello
    }

    /// Links a gateway's worker of this process by memory. The link is served on the current tokio runtime until either side ends
    /// it; when this side does, the gateway's end is closed after what is still queued.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn connect(&self, hello: GatewayHello) -> GatewayEnd {
        let (gateway, matchmaker) = link::memory(hello, self.shared.hello.clone());
        match self.link_up(matchmaker.hello, matchmaker.down.clone()) {
            Ok(link) => drop(tokio::spawn(link.carry(matchmaker.up.map(Ok)))),
            Err(_going_away) => matchmaker.down.close(),
        }
        gateway
    }

    /// Ends all links and takes no new ones: gateways announce their sessions elsewhere.
    pub fn go_away(&self) {
        self.locked(|desk, now| {
            desk.going_away = true;
            let links: Vec<_> = desk.links.keys().copied().collect();
            for link in &links {
                desk.end(*link, LinkEnd::GoingAway);
            }
            for link in links {
                desk.machine.link_down(link, now);
            }
        });
    }

    /// A link begins. The error is always [`LinkEnd::GoingAway`].
    pub(crate) fn link_up(&self, hello: GatewayHello, down: Sender<DownFrame>) -> Result<OpenLink, LinkEnd> {
        let (end, ended) = oneshot::channel();
        let key = self.locked(|desk, now| {
            if desk.going_away {
                return Err(LinkEnd::GoingAway);
            }
            tracing::info!(gateway = %hello.gateway, worker = hello.worker, "link up");
            let outlet = Outlet { gateway: hello.gateway.clone(), worker: hello.worker, down, end };
            let key = desk.machine.link_up(hello, now);
            desk.links.insert(key, outlet);
            Ok(key)
        })?;
        Ok(OpenLink::new(self.clone(), key, ended))
    }

    /// A link has ended by itself.
    pub(crate) fn link_down(&self, link: LinkKey, why: LinkEnd) {
        self.locked(|desk, now| {
            desk.end(link, why);
            desk.machine.link_down(link, now);
        });
    }

    /// Hands the machine its input and does what it says.
    pub(crate) fn apply(&self, input: impl FnOnce(&mut Matchmaker, Time)) {
        self.locked(|desk, now| input(&mut desk.machine, now));
    }

    /// Looks at the machine.
    pub(crate) fn ask<T>(&self, question: impl FnOnce(&Matchmaker, &Clock, Time) -> T) -> T {
        let desk = self.shared.lock();
        question(&desk.machine, &self.shared.clock, self.shared.clock.now())
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

impl Desk {
    /// Does all that the machine says. A link that has no room for its frames is ended at once, before anything more goes into it,
    /// and taken down after.
    fn drain(&mut self, now: Time) {
        loop {
            let mut too_slow = Vec::new();
            while let Some(output) = self.machine.poll_output() {
                match output {
                    Output::Frame { link, frame } => {
                        log_decision(&frame);
                        let pushed = self.links.get(&link).map(|outlet| outlet.down.push(frame));
                        if pushed == Some(Err(Refused::Full)) {
                            self.end(link, LinkEnd::TooSlow);
                            too_slow.push(link);
                        }
                    }
                    Output::LinkRefused { link, reason } => self.end(link, LinkEnd::Refused(reason.into())),
                    Output::LinkReplaced { link } => self.end(link, LinkEnd::Replaced),
                    Output::Reported(report) => tracing::info!(room = %report.room, "a client was reported"),
                }
            }
            if too_slow.is_empty() {
                return;
            }
            for link in too_slow {
                self.machine.link_down(link, now);
            }
        }
    }

    /// Lets go of a link, if that has not happened yet: what is queued is still taken, then its stream ends.
    fn end(&mut self, link: LinkKey, why: LinkEnd) {
        let Some(Outlet { gateway, worker, down, end }) = self.links.remove(&link) else { return };
        match why {
            LinkEnd::Refused(_) | LinkEnd::TooSlow => tracing::warn!(%gateway, worker, %why, "link down"),
            _ => tracing::info!(%gateway, worker, %why, "link down"),
        }
        down.close();
        // Nobody listens when the link ended by itself.
        let _ = end.send(why);
    }

    fn deadline_moved_up(&mut self) -> bool {
        let next = self.machine.poll_timeout();
        let moved_up = next.is_some_and(|next| self.armed.is_none_or(|armed| next < armed));
        if moved_up {
            self.armed = next;
        }
        moved_up
    }
}

/// What is decided about one session. Forwarded messages are none of it, and their text is nobody's business.
fn log_decision(frame: &DownFrame) {
    let session = frame.session.0;
    match &frame.kind {
        Down::Waiting { .. } => tracing::debug!(session, "waits"),
        Down::Matched(matched) => tracing::debug!(session, room = %matched.room, "matched"),
        Down::PartnerLeft { reason, requeued, .. } => tracing::debug!(session, ?reason, requeued, "partner left"),
        Down::Forward(_) => tracing::trace!(session, "forward"),
    }
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SysRng.try_fill_bytes(&mut bytes).expect("the operating system gives random bytes");
    bytes
}
