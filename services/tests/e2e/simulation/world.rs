//! What lies between the machines: sockets and links as queues that lose what is in them when they break, processes that die, and one
//! clock for all.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use duet_gateway::keepalive::KeepaliveConfig;
use duet_gateway::limits::LimitsConfig;
use duet_gateway::session::{Output, ResumeTokens, Session, SessionConfig};
use duet_matchmaker::{Config, LinkKey, Matchmaker, Output as Decision};
use duet_proto::close::CloseCode;
use duet_proto::frame::{DownFrame, UpFrame};
use duet_proto::ids::{BootId, ClientId, SessionNumber};
use duet_proto::link::GatewayHello;
use duet_proto::time::Time;
use duet_proto::token::ResumeToken;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::client::{Client, Layer, Stage};
use super::judge::Tally;

pub(super) struct World {
    dice: StdRng,
    pub(super) now: Time,
    pub(super) matchmaker: Matchmaker,
    /// The matchmaker's clock begins here.
    started: Time,
    pub(super) gateways: Vec<Gateway>,
    pub(super) clients: Vec<Client>,
    /// Each client's, as it sees it.
    sockets: Vec<Option<Socket>>,
    /// When each client lost its last.
    away_since: Vec<Time>,
    sockets_ever: u64,
    /// Links whose end the matchmaker has not noticed, and since when.
    unnoticed: Vec<(LinkKey, Time)>,
    deaths: u64,
    is_traced: bool,
}

struct Socket {
    id: u64,
    gateway: usize,
    number: SessionNumber,
    down: VecDeque<Heard>,
}

enum Heard {
    Text(Bytes),
    Close(CloseCode),
}

#[derive(Default)]
pub(super) struct Gateway {
    boot: u8,
    /// Whether it is dead, and since when.
    dead_since: Option<Time>,
    link: Option<Link>,
    unlinked_since: Time,
    pub(super) sessions: BTreeMap<SessionNumber, Held>,
    numbers: u64,
}

pub(super) struct Held {
    pub(super) session: Session,
    /// Its socket, and since when its client has let go of it without the gateway's knowing.
    socket: Option<(usize, u64)>,
    half_open_since: Option<Time>,
}

struct Link {
    key: LinkKey,
    up: VecDeque<UpFrame>,
    down: VecDeque<DownFrame>,
}

impl World {
    pub(super) fn new(layers: &[Layer], gateways: usize, seed: u64) -> Self {
        let mut world = World {
            dice: StdRng::seed_from_u64(seed),
            now: Time::ZERO,
            matchmaker: Matchmaker::new(Config::default(), [0; 32]),
            started: Time::ZERO,
            gateways: (0..gateways).map(|_| Gateway::default()).collect(),
            clients: layers.iter().map(|layer| Client::new(*layer)).collect(),
            sockets: layers.iter().map(|_| None).collect(),
            away_since: vec![Time::ZERO; layers.len()],
            sockets_ever: 0,
            unnoticed: Vec::new(),
            deaths: 0,
            is_traced: std::env::var_os("SEED").is_some(),
        };
        world.matchmaker = world.new_matchmaker();
        for gateway in 0..gateways {
            world.link(gateway);
        }
        world
    }

    pub(super) fn tally(&self) -> Tally {
        Tally {
            runs: 1,
            heard: self.clients.iter().map(|client| client.heard).sum(),
            resumes: self.clients.iter().map(|client| client.resumes).sum(),
            deaths: self.deaths,
        }
    }

    fn new_matchmaker(&mut self) -> Matchmaker {
        let seed = self.dice.random();
        Matchmaker::new(Config::default(), seed)
    }

    /// Tells what happens, when somebody looks at a single run.
    fn trace(&self, what: impl FnOnce() -> String) {
        if self.is_traced {
            println!("{:?} {}", self.now.since_origin(), what());
        }
    }

    fn matchmaker_now(&self) -> Time {
        Time::ZERO + self.now.since(self.started)
    }

    // Clients and their sockets.

    /// A client without a socket connects to a gateway that lives.
    pub(super) fn connect(&mut self, client: usize, gateway: usize) {
        if self.sockets[client].is_some() || self.gateways[gateway].dead_since.is_some() {
            return;
        }
        let bytes = |dice: &mut StdRng| dice.random::<[u8; 32]>();
        let tokens = (self.clients[client].layer == Layer::V1).then(|| ResumeTokens {
            first: ResumeToken::from_random(bytes(&mut self.dice)),
            next: ResumeToken::from_random(bytes(&mut self.dice)),
        });
        let id = ClientId::from_random(self.dice.random());
        let place = &mut self.gateways[gateway];
        let mut session = Session::new(config(), id, place.unlinked_since, Duration::ZERO, tokens, self.now);
        if place.link.is_some() {
            session.handle_link_up(self.now);
        }
        place.numbers += 1;
        let number = SessionNumber(place.numbers);
        self.sockets_ever += 1;
        let socket = Some((client, self.sockets_ever));
        place.sessions.insert(number, Held { session, socket, half_open_since: None });
        self.sockets[client] = Some(Socket { id: self.sockets_ever, gateway, number, down: VecDeque::new() });
        self.clients[client].stage = Stage::Greeting;
        self.drain(gateway, number);
    }

    /// Up to that many messages arrive in either direction.
    pub(super) fn carry_socket(&mut self, client: usize, most: usize) {
        for _ in 0..most {
            self.carry_up(client);
            self.carry_down(client);
        }
    }

    fn carry_up(&mut self, client: usize) {
        let Some(Socket { gateway, number, .. }) = self.sockets[client] else { return };
        if let Some(text) = self.clients[client].outbox.pop_front() {
            let now = self.now;
            self.trace(|| format!("c{client} > g{gateway}/{} {text}", number.0));
            self.feed(gateway, number, |session| session.handle_text(&text, now));
        }
    }

    fn carry_down(&mut self, client: usize) {
        let Some(heard) = self.sockets[client].as_mut().and_then(|socket| socket.down.pop_front()) else { return };
        match heard {
            Heard::Text(text) => {
                let text = str::from_utf8(&text).unwrap();
                self.trace(|| format!("c{client} < {text}"));
                self.clients[client].hear(text);
            }
            Heard::Close(code) => {
                assert!(code != CloseCode::ResumedElsewhere, "the client is here and nowhere else");
                assert!(matches!(code, CloseCode::TryAgainLater), "closed with {code:?}");
                self.let_go(client);
            }
        }
    }

    /// A base client has no way to tell what crossed with its wishes, so it says them when nothing is under way.
    pub(super) fn say(&mut self, client: usize, dice: &mut StdRng) {
        let is_base = self.clients[client].layer == Layer::Base;
        if is_base {
            self.carry_socket(client, 1_000);
        }
        self.clients[client].say(dice);
        if is_base {
            self.carry_socket(client, 1_000);
        }
    }

    /// A socket breaks. If only the client notices, the gateway does so some seconds later.
    pub(super) fn break_socket(&mut self, client: usize, both_notice: bool) {
        let Some(Socket { gateway, number, .. }) = self.sockets[client] else { return };
        self.let_go(client);
        self.trace(|| format!("c{client} loses g{gateway}/{}, noticed: {both_notice}", number.0));
        if both_notice {
            self.socket_ended(gateway, number, false);
        } else if let Some(held) = self.gateways[gateway].sessions.get_mut(&number) {
            held.half_open_since = Some(self.now);
        }
    }

    /// The client closes with 1000.
    pub(super) fn leave_for_good(&mut self, client: usize) {
        let Some(Socket { gateway, number, .. }) = self.sockets[client] else { return };
        if self.clients[client].stage == Stage::Ready {
            self.let_go(client);
            self.clients[client].forget();
            self.socket_ended(gateway, number, true);
        }
    }

    fn let_go(&mut self, client: usize) {
        self.sockets[client] = None;
        self.away_since[client] = self.now;
        self.clients[client].disconnected();
    }

    fn socket_ended(&mut self, gateway: usize, number: SessionNumber, is_final: bool) {
        let now = self.now;
        if let Some(held) = self.gateways[gateway].sessions.get_mut(&number) {
            (held.socket, held.half_open_since) = (None, None);
            self.feed(gateway, number, |session| session.handle_socket_end(is_final, now));
        }
    }

    // Sessions.

    fn feed(&mut self, gateway: usize, number: SessionNumber, input: impl FnOnce(&mut Session)) {
        if let Some(held) = self.gateways[gateway].sessions.get_mut(&number) {
            input(&mut held.session);
            self.drain(gateway, number);
        }
    }

    fn drain(&mut self, gateway: usize, number: SessionNumber) {
        let mut closed = None;
        let place = &mut self.gateways[gateway];
        let Some(held) = place.sessions.get_mut(&number) else { return };
        while let Some(output) = held.session.poll_output() {
            let socket = held.socket.and_then(|(client, id)| self.sockets[client].as_mut().filter(|own| own.id == id));
            match output {
                Output::Text(text) | Output::TextWithIce(text) => {
                    socket.into_iter().for_each(|socket| socket.down.push_back(Heard::Text(text.clone())));
                }
                Output::Close(code) => {
                    socket.into_iter().for_each(|socket| socket.down.push_back(Heard::Close(code)));
                    closed = Some(code);
                }
                Output::Frame { kind, client_seq } => {
                    let link = place.link.as_mut().expect("frames come only while there is a link");
                    link.up.push_back(UpFrame { session: number, client_seq, kind });
                }
                Output::Ping
                | Output::Abort
                | Output::Limited(_)
                | Output::Counted(_)
                | Output::Verify(_)
                | Output::Dropped(_) => {}
                Output::Fault { what, .. } => panic!("a fault: {what}"),
            }
        }
        let (is_over, has_socket) = (held.session.is_over(), held.socket.is_some());
        if let Some(code) = closed.filter(|_| has_socket) {
            self.socket_ended(gateway, number, !code.keeps_session());
        } else if is_over && !has_socket {
            self.gateways[gateway].sessions.remove(&number);
        }
    }

    // Links.

    /// A gateway without a link makes one.
    pub(super) fn link(&mut self, gateway: usize) {
        let place = &mut self.gateways[gateway];
        if place.link.is_some() || place.dead_since.is_some() {
            return;
        }
        let boot = BootId::from_random([place.boot; 16]);
        let hello = GatewayHello { gateway: format!("g{gateway}"), boot, worker: 0 };
        let key = self.matchmaker.link_up(hello, Time::ZERO + self.now.since(self.started));
        self.gateways[gateway].link = Some(Link { key, up: VecDeque::new(), down: VecDeque::new() });
        self.drain_matchmaker();
        let now = self.now;
        self.trace(|| format!("g{gateway} links"));
        self.feed_all(gateway, |session| session.handle_link_up(now));
    }

    /// A link breaks with all that is under way. The matchmaker may notice it later.
    pub(super) fn break_link(&mut self, gateway: usize, matchmaker_notices: bool) {
        let Some(Link { key, .. }) = self.gateways[gateway].link.take() else { return };
        self.gateways[gateway].unlinked_since = self.now;
        let now = self.now;
        self.trace(|| format!("g{gateway} loses its link, noticed: {matchmaker_notices}"));
        self.feed_all(gateway, |session| session.handle_link_down(now));
        self.matchmaker_loses(key, matchmaker_notices);
    }

    fn matchmaker_loses(&mut self, key: LinkKey, notices: bool) {
        if notices {
            self.matchmaker.link_down(key, self.matchmaker_now());
            self.drain_matchmaker();
        } else {
            self.unnoticed.push((key, self.now));
        }
    }

    /// Up to that many frames arrive in either direction.
    pub(super) fn carry_link(&mut self, gateway: usize, most: usize) {
        for _ in 0..most {
            let Some(link) = &mut self.gateways[gateway].link else { return };
            let (key, up, down) = (link.key, link.up.pop_front(), link.down.pop_front());
            if let Some(frame) = up {
                self.trace(|| format!("g{gateway}/{} > {:?} #{}", frame.session.0, frame.kind, frame.client_seq));
                self.matchmaker.handle_frame(key, frame, self.matchmaker_now());
                self.drain_matchmaker();
            }
            if let Some(frame) = down {
                let now = self.now;
                self.trace(|| {
                    format!("g{gateway}/{} < {:?} #{} ({})", frame.session.0, frame.kind, frame.seq, frame.taken)
                });
                self.feed(gateway, frame.session, |session| session.handle_frame(frame, now));
            }
        }
    }

    fn feed_all(&mut self, gateway: usize, input: impl Fn(&mut Session)) {
        let numbers: Vec<_> = self.gateways[gateway].sessions.keys().copied().collect();
        for number in numbers {
            self.feed(gateway, number, &input);
        }
    }

    fn drain_matchmaker(&mut self) {
        while let Some(decision) = self.matchmaker.poll_output() {
            match decision {
                Decision::Frame { link, frame } => {
                    let mut links = self.gateways.iter_mut().filter_map(|gateway| gateway.link.as_mut());
                    if let Some(link) = links.find(|known| known.key == link) {
                        link.down.push_back(frame);
                    }
                }
                Decision::LinkRefused { reason, .. } => panic!("a gateway broke a rule: {reason}"),
                Decision::LinkReplaced { .. } | Decision::Event(_) | Decision::Engine(_) => {}
            }
        }
    }

    // Deaths.

    /// A gateway dies with all its sessions; another process takes its place some time later.
    pub(super) fn kill_gateway(&mut self, gateway: usize, matchmaker_notices: bool) {
        let living = self.gateways.iter().filter(|gateway| gateway.dead_since.is_none()).count();
        if self.gateways[gateway].dead_since.is_some() || living == 1 {
            return;
        }
        self.deaths += 1;
        self.trace(|| format!("g{gateway} dies, noticed: {matchmaker_notices}"));
        let place = &mut self.gateways[gateway];
        let link = place.link.take();
        *place = Gateway { boot: place.boot + 1, dead_since: Some(self.now), ..Gateway::default() };
        for client in 0..self.clients.len() {
            if self.sockets[client].as_ref().is_some_and(|socket| socket.gateway == gateway) {
                self.let_go(client);
            }
        }
        if let Some(Link { key, .. }) = link {
            self.matchmaker_loses(key, matchmaker_notices);
        }
    }

    fn start_gateway(&mut self, gateway: usize) {
        let place = &mut self.gateways[gateway];
        (place.dead_since, place.unlinked_since) = (None, self.now);
    }

    /// The matchmaker dies, and another process takes its place; not while it is still recovering, when it has not heard of everything.
    pub(super) fn restart_matchmaker(&mut self) {
        if self.now.since(self.started) < Duration::from_secs(6) {
            return;
        }
        self.deaths += 1;
        self.trace(|| "the matchmaker dies".to_owned());
        let gateways: Vec<_> = (0..self.gateways.len()).collect();
        for gateway in gateways {
            self.gateways[gateway].link = None;
            self.gateways[gateway].unlinked_since = self.now;
            let now = self.now;
            self.feed_all(gateway, |session| session.handle_link_down(now));
        }
        self.unnoticed.clear();
        self.matchmaker = self.new_matchmaker();
        self.started = self.now;
    }

    // Time.

    /// Time passes. What must happen within some seconds does.
    pub(super) fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now = end.min(self.now + TICK);
            if self.matchmaker.poll_timeout().is_some_and(|at| at <= self.matchmaker_now()) {
                self.matchmaker.handle_timeout(self.matchmaker_now());
                self.drain_matchmaker();
            }
            self.time_out_sessions();
            self.keep_promises();
        }
    }

    fn time_out_sessions(&mut self) {
        let now = self.now;
        for gateway in 0..self.gateways.len() {
            let is_due = |held: &Held| held.session.poll_timeout().is_some_and(|at| at <= now);
            let sessions = &self.gateways[gateway].sessions;
            let due: Vec<_> = sessions.iter().filter(|(_, held)| is_due(held)).map(|(number, _)| *number).collect();
            for number in due {
                self.feed(gateway, number, |session| session.handle_timeout(now));
            }
        }
    }

    /// Nobody stays away from the others longer than a few seconds.
    fn keep_promises(&mut self) {
        let late = |since: Time, now: Time, seconds: u64| now.since(since) >= Duration::from_secs(seconds);
        let now = self.now;
        for gateway in 0..self.gateways.len() {
            if self.gateways[gateway].dead_since.is_some_and(|since| late(since, now, 4)) {
                self.start_gateway(gateway);
            }
            let place = &self.gateways[gateway];
            if place.link.is_none() && late(place.unlinked_since, now, 2) {
                self.link(gateway);
            }
            let sessions = &self.gateways[gateway].sessions;
            let half_open = |held: &Held| held.half_open_since.is_some_and(|since| late(since, now, 3));
            let noticed: Vec<_> =
                sessions.iter().filter(|(_, held)| half_open(held)).map(|(number, _)| *number).collect();
            for number in noticed {
                self.socket_ended(gateway, number, false);
            }
        }
        for (key, _) in self.unnoticed.extract_if(.., |(_, since)| late(*since, now, 2)).collect::<Vec<_>>() {
            self.matchmaker_loses(key, true);
        }
        for client in 0..self.clients.len() {
            if self.sockets[client].is_none() && late(self.away_since[client], now, 4) {
                let gateway = (0..self.gateways.len()).find(|index| self.gateways[*index].dead_since.is_none());
                self.connect(client, gateway.expect("one always lives"));
            }
            // A socket that carries nothing is none.
            if self.clients[client].stage != Stage::Ready {
                self.carry_socket(client, 1);
            }
        }
        for gateway in 0..self.gateways.len() {
            self.carry_link(gateway, 1);
        }
    }

    /// Everything comes back, and what is under way arrives.
    pub(super) fn settle(&mut self) {
        for _ in 0..400 {
            self.wait(Duration::from_millis(100));
            for client in 0..self.clients.len() {
                self.carry_socket(client, 50);
                self.clients[client].settle();
                self.carry_socket(client, 50);
            }
            for gateway in 0..self.gateways.len() {
                self.carry_link(gateway, 200);
            }
        }
    }
}

fn config() -> Arc<SessionConfig> {
    Arc::new(SessionConfig {
        limits: LimitsConfig { message_rate: 0, bad_messages: 0, ..LimitsConfig::default() },
        keepalive: KeepaliveConfig { interval: Duration::ZERO, ..KeepaliveConfig::default() },
        ..SessionConfig::default()
    })
}

/// How finely time passes.
const TICK: Duration = Duration::from_millis(50);
