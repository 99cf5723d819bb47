//! The hosts: a matchmaker, two gateways, and the clients, two for each room. And what must be true of all clients.

use std::cell::{Ref, RefCell};
use std::future;
use std::rc::Rc;
use std::time::Duration;

use duet_gateway::server::{Accepted, Matchmakers, Settings, serve_worker};
use duet_matchmaker::Config;
use duet_matchmaker::server::{PortConfig, Replica};
use futures_util::TryStreamExt;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::sync::{Notify, watch};
use tonic::transport::Endpoint;
use turmoil::{Builder, Sim};

use super::client;
use super::network::{connector, incoming};
use super::talk::Talk;

pub(super) struct World {
    pub(super) sim: Sim<'static>,
    /// Two neighbours are a pair.
    pub(super) clients: Vec<Client>,
    /// Break the gateways' links.
    pub(super) link_resets: Vec<watch::Sender<()>>,
}

pub(super) struct Client {
    pub(super) talk: Rc<RefCell<Talk>>,
    /// Breaks its connection.
    pub(super) reset: Rc<Notify>,
}

impl World {
    pub(super) fn new(pairs: usize, seed: u64) -> Self {
        let mut sim = Builder::new()
            .rng_seed(seed)
            .enable_random_order()
            .tick_duration(TICK)
            .simulation_duration(Duration::MAX)
            .min_message_latency(Duration::from_millis(1))
            .max_message_latency(LATENCY)
            .tcp_capacity(1024)
            .build();
        sim.host(MATCHMAKER, matchmaker);
        let link_resets = (0..GATEWAYS).map(|index| {
            let (reset, resets) = watch::channel(());
            sim.host(gateway_name(index), move || gateway(index, resets.clone()));
            reset
        });
        let link_resets = link_resets.collect();
        let mut world = World { sim, clients: Vec::new(), link_resets };
        for index in 0..2 * pairs {
            world.add_client(index, seed);
        }
        world
    }

    fn add_client(&mut self, index: usize, seed: u64) {
        let talk = Rc::new(RefCell::new(Talk::new(format!("pool {}", index / 2))));
        let reset = Rc::new(Notify::new());
        let dice = StdRng::seed_from_u64(seed.wrapping_add(index as u64));
        let name = client_name(index);
        self.sim.client(name.clone(), client::live(name, talk.clone(), reset.clone(), dice));
        self.clients.push(Client { talk, reset });
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.sim.elapsed()
    }

    /// One tick.
    pub(super) fn step(&mut self) {
        if let Err(error) = self.sim.step() {
            panic!("at {:?}: {error}", self.elapsed());
        }
    }

    /// Lets time pass until all clients are so far.
    pub(super) fn until(&mut self, what: &str, within: Duration, is_so: impl Fn(&Talk) -> bool) {
        let deadline = self.elapsed() + within;
        while let Some(late) = self.clients.iter().find(|client| !is_so(&client.talk.borrow())) {
            let late = late.talk.clone();
            assert!(self.elapsed() < deadline, "at {:?}: not in time: {what}: {:#?}", self.elapsed(), late.borrow());
            self.step();
        }
    }

    /// All that was said until now arrives, and more.
    pub(super) fn talks_on(&mut self, within: Duration) {
        for index in 0..self.clients.len() {
            self.clients[index].talk.borrow_mut().goal = self.partner_of(index).sent() + 5;
        }
        self.until("all pairs talk on", within, |talk| talk.heard >= talk.goal);
    }

    /// Nobody says anything new. All that was said arrives, and both sides of every room agree.
    pub(super) fn falls_silent(&mut self, within: Duration) {
        for client in &self.clients {
            client.talk.borrow_mut().is_silent = true;
        }
        self.until("all is taken", within, Talk::has_nothing_left_to_say);
        for index in 0..self.clients.len() {
            let mut talk = self.clients[index].talk.borrow_mut();
            let partner = self.partner_of(index);
            talk.goal = partner.sent();
            talk.agrees_with(&partner);
        }
        self.until("all has arrived", within, |talk| talk.heard == talk.goal && !talk.is_alone());
    }

    fn partner_of(&self, index: usize) -> Ref<'_, Talk> {
        self.clients[index ^ 1].talk.borrow()
    }

    pub(super) fn sum(&self, count: impl Fn(&Talk) -> u64) -> u64 {
        self.clients.iter().map(|client| count(&client.talk.borrow())).sum()
    }
}

async fn matchmaker() -> turmoil::Result {
    let incoming = incoming(GRPC_PORT).await?;
    let replica = Replica::start(MATCHMAKER, Config::default());
    replica.serve_incoming(incoming, PortConfig::default(), future::pending()).await;
    Err("the matchmaker ended by itself".into())
}

async fn gateway(index: usize, resets: watch::Receiver<()>) -> turmoil::Result {
    let incoming = incoming(client::PORT).await?.map_ok(|io| Accepted { io, from: None });
    let endpoint = Endpoint::from_shared(format!("http://{MATCHMAKER}:{GRPC_PORT}"))?;
    let settings = Settings { name: gateway_name(index), ..Settings::default() };
    let end = serve_worker(settings, incoming, Matchmakers::GrpcOver(connector(resets), vec![endpoint])).await;
    Err(format!("a gateway ended by itself: {end:?}").into())
}

pub(super) fn gateway_name(index: usize) -> String {
    format!("gateway-{index}")
}

pub(super) fn client_name(index: usize) -> String {
    format!("client-{index}")
}

pub(super) const MATCHMAKER: &str = "matchmaker";
pub(super) const GATEWAYS: usize = 2;
const GRPC_PORT: u16 = 50_051;

/// How finely time passes.
const TICK: Duration = Duration::from_millis(10);
/// Of a packet, at most; most take a fifth of it.
pub(super) const LATENCY: Duration = Duration::from_millis(100);
