//! One worker: its connections by number, its links, and the passing of what the machines put out to where it goes.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::net::TcpListener;
use std::ops::Deref;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use duet_proto::close::CloseCode;
use duet_proto::frame::{Down, DownFrame, UpFrame};
use duet_proto::ids::{ClientId, SessionNumber};
use duet_proto::time::Time;
use duet_proto::token::ResumeToken;
use futures_util::Stream;
use rustc_hash::FxHashMap;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;

use super::clock::Clock;
use super::connection::{Connection, Outgoing, SocketEnd};
use super::places::{Place, UserPlace};
use super::traces::ClientTrace;
use super::{Accepted, Ended, Refused, Shared, Stage, accept, discovery, links, routes, socket};
use crate::limits::Traffic;
use crate::session::{Output, ResumeTokens, Session, Verified};

mod coalescing;
mod departed;
mod ending;
mod measuring;
mod moving;
mod resuming;
mod slots;
#[cfg(test)]
mod tests;
mod timers;
mod tokens;

use ending::DRAIN_PACE;
use measuring::{IsTimed, Timings};
use resuming::Searches;
use slots::{LinkSlot, LinkState};
use timers::Timers;

/// Runs a worker on this thread until it has drained, is stopped or fails.
pub(super) fn run(index: usize, listener: TcpListener, shared: Arc<Shared>, stages: watch::Receiver<Stage>) -> Ended {
    let mut builder = Builder::new_current_thread();
    coalescing::coalesce(&mut builder, shared.settings.coalesce);
    let runtime = match builder.enable_all().build_local(LocalOptions::default()) {
        Ok(runtime) => runtime,
        Err(error) => return Ended::Failed(format!("a worker's runtime can't be made: {error}")),
    };
    // Its thread is the only one to set it.
    let _ = shared.tallies[index].runtime.set(runtime.handle().metrics());
    let serve = async {
        match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => {
                let incoming = accept::tcp(listener);
                match shared.settings.tls.clone() {
                    None => serve(index, incoming, accept::as_it_comes, shared, stages).await,
                    Some(tls) => {
                        let within = shared.settings.socket.header_timeout;
                        let open = move |stream| tls.clone().accept(stream, within);
                        Box::pin(serve(index, incoming, open, shared, stages)).await
                    }
                }
            }
            Err(error) => Ended::Failed(format!("a listener can't be used: {error}")),
        }
    };
    runtime.block_on(serve)
}

/// The same on the current thread's `LocalRuntime` or `LocalSet`, with connections from anywhere, each of which `open` makes ready.
pub(super) async fn serve<R, S, F>(
    index: usize,
    incoming: impl Stream<Item = io::Result<Accepted<R>>> + 'static,
    open: impl Fn(R) -> F + Clone + 'static,
    shared: Arc<Shared>,
    mut stages: watch::Receiver<Stage>,
) -> Ended
where
    R: AsyncRead + Unpin + 'static,
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Future<Output = Option<S>> + 'static,
{
    let (upgraded, upgrades) = mpsc::channel(PENDING_UPGRADES);
    let worker = Rc::new_cyclic(|this| Worker::new(this.clone(), index, shared.clone()));
    // None of these ends by itself, so the end of one is the worker's.
    let mut essential = JoinSet::new();
    essential.spawn_local(links::keep_all(worker.clone()));
    if index == 0 && !shared.roster.names.is_empty() {
        essential.spawn_local(discovery::discover(shared.clone()));
    }
    essential.spawn_local(worker.clone().keep_time());
    let router = routes::router(index, shared.clone(), upgraded);
    essential.spawn_local(accept::serve(incoming, open, router, shared.clone()));
    essential.spawn_local(socket::take_upgrades::<S>(upgrades, worker.clone()));

    let draining = async {
        // An error means that the gateway was dropped, which stops it as well.
        if stages.wait_for(|stage| *stage >= Stage::Draining).await.is_err() {
            return;
        }
        shared.readiness.drain();
        tokio::select! {
            () = worker.drain(shared.settings.drain_spread) => {}
            _ = stages.wait_for(|stage| *stage == Stage::Stopped) => {}
        }
    };
    tokio::select! {
        () = draining => Ended::Drained,
        Some(end) = essential.join_next() => end.unwrap_or_else(|panic| Ended::Failed(panic.to_string())),
    }
}

/// What a connection begins with.
pub(super) struct Opening {
    pub(super) is_v1: bool,
    pub(super) place: Place,
    pub(super) verified: Option<Box<(Verified, UserPlace)>>,
    pub(super) trace: ClientTrace,
}

/// Sessions that a worker keeps without their sockets. With more, those whose connections break end at once.
const MAX_DETACHED: usize = 16_384;
/// What a socket reads at most before it is written to.
const READ_AT_ONCE: usize = 32 * 1024;
/// Upgrades answered with 101 whose sockets hyper has not handed over yet.
const PENDING_UPGRADES: usize = 1024;

/// A worker's state. Everything in it is borrowed only between two awaits.
pub(super) struct Worker {
    /// Itself, for what goes on by itself.
    this: Weak<Worker>,
    pub(super) index: usize,
    pub(super) shared: Arc<Shared>,
    pub(super) clock: Clock,
    /// Their numbers are this worker's own, so nobody can choose ones that collide.
    connections: RefCell<FxHashMap<SessionNumber, Rc<Connection>>>,
    timers: Timers,
    timings: Timings,
    /// What sockets read into, one at a time.
    pub(super) inbox: RefCell<Box<[u8]>>,
    /// What sockets write from, one at a time.
    pub(super) outgoing: RefCell<Vec<u8>>,
    /// By slot of the roster.
    links: Vec<LinkSlot>,
    /// When one of them came up or broke last.
    links_changed: Cell<Option<Time>>,
    searches: Searches,
    /// Whether the links are being ended.
    is_ending: Cell<bool>,
    opened: Cell<u64>,
    /// Sockets that are open, those included whose session has ended and which only close.
    sockets: Cell<usize>,
    /// Sessions without a socket.
    detached: Cell<usize>,
    /// Tells the drain that a socket or a link ended.
    closed: Notify,
}

impl Worker {
    fn new(this: Weak<Worker>, index: usize, shared: Arc<Shared>) -> Self {
        let clock = shared.clock;
        Worker {
            this,
            index,
            clock,
            connections: RefCell::default(),
            timers: Timers::default(),
            timings: Timings::default(),
            inbox: RefCell::new(vec![0; READ_AT_ONCE].into()),
            outgoing: RefCell::new(Vec::new()),
            links: (0..shared.roster.capacity()).map(|_| LinkSlot::down_since(clock.now())).collect(),
            links_changed: Cell::new(None),
            searches: Searches::default(),
            is_ending: Cell::new(false),
            opened: Cell::new(0),
            sockets: Cell::new(0),
            detached: Cell::new(0),
            closed: Notify::new(),
            shared,
        }
    }

    /// A client has come: begins its session, which ends when the guard is dropped.
    pub(super) fn open(&self, opening: Opening) -> OpenConnection<'_> {
        let Opening { is_v1, place, verified, trace } = opening;
        let number = self.opened.get() + 1;
        self.opened.set(number);
        let link = self.link_for(number);
        let now = self.clock.now();
        let (down_since, up) = match &*self.links[link].state.borrow() {
            LinkState::Up(_) => (now, true),
            LinkState::DownSince(since) => (*since, false),
        };
        let jitter = self.shared.session.keepalive.interval.mul_f64(rand::random());
        let client = ClientId::from_random(rand::random());
        let token = || ResumeToken::from_random(rand::random());
        let tokens = is_v1.then(|| ResumeTokens { first: token(), next: token() });
        let mut session = Session::new(self.shared.session.clone(), client, down_since, jitter, tokens, now);
        if up {
            session.handle_link_up(now);
        }
        let user_place = verified.map(|verified| {
            let (verified, user_place) = *verified;
            session.handle_verified(Ok(verified), now);
            Box::new(user_place)
        });
        if self.shared.readiness.is_draining() {
            // Its upgrade was under way when the drain began.
            session.handle_drain(DRAIN_PACE, now);
        }
        let max_outbound_bytes = self.shared.settings.socket.max_outbound_bytes;
        let connection =
            Rc::new(Connection::new(SessionNumber(number), link, session, place, trace, max_outbound_bytes));
        connection.user_place.set(user_place);
        self.connections.borrow_mut().insert(connection.number, connection.clone());
        self.pass_outputs(&connection);
        OpenConnection { worker: self, connection }
    }

    /// A connection's socket is gone. Its session may be kept.
    pub(super) fn socket_ended(&self, connection: &Connection, end: SocketEnd) {
        match end {
            SocketEnd::Close(CloseCode::TryAgainLater) => self.shared.counts.refused(Refused::OutboundBytes),
            SocketEnd::Close(CloseCode::TooBig) => self.shared.counts.refused(Refused::MessageSize),
            _ => {}
        }
        self.tally().closed(end);
        self.measure_socket_end(connection);
        connection.vacate();
        let is_full = self.detached.get() == MAX_DETACHED;
        self.feed(connection, |session, now| session.handle_socket_end(end.is_final() || is_full, now));
        if is_full {
            connection.session.borrow_mut().give_up();
        }
        if !connection.session.borrow().is_over() {
            connection.is_detached.set(true);
            self.detached.set(self.detached.get() + 1);
        }
    }

    fn close(&self, connection: &Connection) {
        if !connection.session.borrow().is_over() {
            self.feed(connection, |session, now| session.handle_socket_end(true, now));
        }
        if connection.is_detached.get() {
            self.detached.set(self.detached.get() - 1);
        }
        self.measure_end(connection);
        self.searches.end(connection.number);
        self.disarm(connection);
        self.connections.borrow_mut().remove(&connection.number);
    }

    /// Hands the session an input and passes on what comes of it.
    pub(super) fn feed(&self, connection: &Connection, input: impl FnOnce(&mut Session, Time)) {
        self.feed_at(self.clock.now(), connection, input);
    }

    /// The same at a time that the caller has read.
    pub(super) fn feed_at(&self, now: Time, connection: &Connection, input: impl FnOnce(&mut Session, Time)) {
        input(&mut connection.session.borrow_mut(), now);
        self.pass_outputs(connection);
    }

    fn pass_outputs(&self, connection: &Connection) {
        let mut is_news = false;
        loop {
            let Some(output) = connection.session.borrow_mut().poll_output() else { break };
            is_news |=
                !matches!(output, Output::Frame { .. } | Output::Dropped(_) | Output::Limited(_) | Output::Counted(_));
            let mut outbox = connection.outbox.borrow_mut();
            match output {
                Output::Text(_) | Output::TextWithIce(_) if cfg!(feature = "echo") => {}
                Output::Text(text) => outbox.push(Outgoing::Text(text)),
                Output::TextWithIce(text) => {
                    outbox.push(Outgoing::Text(self.shared.ice.add_to(text, &connection.session.borrow())));
                }
                Output::Dropped(candidates) => self.shared.ice.count(&candidates),
                Output::Ping => outbox.push(Outgoing::Ping),
                Output::Close(code) => outbox.end(SocketEnd::Close(code)),
                Output::Abort => outbox.end(SocketEnd::Abort),
                Output::Verify(token) => {
                    drop(outbox);
                    self.verify(connection, token);
                }
                Output::Limited(limit) => self.shared.counts.refused(Refused::Limit(limit)),
                Output::Counted(counted) => self.tally().counted(counted),
                Output::Fault { id, what } => tracing::error!(id, what, "a session met a fault of ours"),
                Output::Frame { mut kind, client_seq } => {
                    self.trace_up(connection, &mut kind);
                    self.measure_up(connection, &kind);
                    self.push(connection.link.get(), UpFrame { session: connection.number, client_seq, kind });
                }
            }
        }
        let (is_over, state) = {
            let session = connection.session.borrow();
            (session.is_over(), Some(session.state()))
        };
        self.tally().session_is(connection.counted_as.replace(state), state);
        // Most of what happens to a session is nothing that its socket would have to do.
        if is_news || is_over {
            connection.wake();
        }
        self.arm(connection);
    }

    /// So much has come over a connection, and its messages were handed over; the rest of one may be awaited.
    pub(super) fn traffic(&self, connection: &Connection, traffic: Traffic, is_open: bool, now: Time) {
        if is_open != connection.begun.get().is_some() {
            connection.begun.set(is_open.then_some(now));
        }
        // Mostly nothing comes of it but a later deadline.
        connection.session.borrow_mut().handle_traffic(traffic, now);
        if is_open || connection.session.borrow().has_output() {
            self.pass_outputs(connection);
        }
    }

    fn feed_all(&self, link: usize, input: impl Fn(&mut Session, Time)) {
        for connection in self.all().into_iter().filter(|connection| connection.link.get() == link) {
            self.feed(&connection, &input);
        }
    }

    /// All connections, oldest first.
    fn all(&self) -> Vec<Rc<Connection>> {
        let mut all: Vec<_> = self.connections.borrow().values().cloned().collect();
        all.sort_unstable_by_key(|connection| connection.number);
        all
    }

    /// Frames came from a matchmaker. Those for a session that has just ended, or gone on elsewhere, are ignored.
    pub(super) fn frames(&self, link: usize, frames: Vec<DownFrame>) {
        let now = self.clock.now();
        for frame in frames {
            let connection = self.connections.borrow().get(&frame.session).cloned();
            if let Down::Summon { client, ticket } = frame.kind {
                self.summoned(link, frame.session, connection.as_deref(), client, ticket);
                continue;
            }
            if let Some(connection) = connection.filter(|connection| connection.link.get() == link) {
                if self.searches_on(&connection, &frame.kind, now) {
                    continue;
                }
                let delivery = self.trace_down(&connection, &frame);
                let in_span = delivery.as_ref().map(|delivery| delivery.context().attach());
                log_match(&connection, &frame);
                let IsTimed(is_timed) = self.measure_down(&connection, &frame.kind, now);
                self.feed_at(now, &connection, |session, now| session.handle_frame(frame, now));
                if is_timed {
                    self.time_delivery(&connection, now);
                }
                drop(in_span);
            }
        }
    }
}

fn log_match(connection: &Connection, frame: &DownFrame) {
    if let Down::Matched(matched) = &frame.kind {
        let client = connection.session.borrow().client();
        tracing::debug!(%client, session = connection.number.0, room = %matched.room, "has a partner");
    }
}

/// A client's connection while its session lasts, with a socket or without. However its task ends, the session ends with it.
pub(super) struct OpenConnection<'a> {
    worker: &'a Worker,
    connection: Rc<Connection>,
}

impl Deref for OpenConnection<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl Drop for OpenConnection<'_> {
    fn drop(&mut self) {
        self.worker.close(&self.connection);
    }
}
