//! Random runs in which links break with frames under way, gateways die, and the matchmaker dies. Gateways are models that
//! keep to `signaling.proto`; what they hear they judge. In the end all links come back and time passes: then every gateway
//! must believe what the machine knows, everything sent in a room that lasts has arrived, and nobody is left waiting for nothing.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use duet_matchmaker::{Config, LinkKey, Matchmaker, Output};
use duet_proto::frame::{DownFrame, Up, UpFrame};
use duet_proto::ids::{BootId, ClientId, RoomId, SessionNumber};
use duet_proto::link::GatewayHello;
use duet_proto::time::Time;
use proptest::prelude::*;

use super::model::Model;
use crate::world::wishes;

mod judge;

/// One step of a run; sessions by a number that is taken modulo those there are.
#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    /// Up to that many frames arrive over a gateway's link.
    Up(usize, usize),
    Down(usize, usize),
    Open(usize),
    Close(usize),
    Join(usize, bool),
    Next(usize, bool),
    Leave(usize),
    Send(usize),
    Ack(usize),
    /// A link breaks, and the matchmaker may not notice.
    Break(usize, bool),
    Link(usize),
    /// A gateway dies and comes back.
    Boot(usize),
    /// The matchmaker dies and comes back.
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (gateway, session) = (0..GATEWAYS, any::<prop::sample::Index>());
    let session = move || session.clone().prop_map(|index| index.index(1 << 16));
    let gateway = move || gateway.clone();
    let chess = || prop::bool::weighted(0.15);
    let step = prop_oneof![
        20 => prop_oneof![12 => 0..400u64, 1 => 400..12_000u64].prop_map(Step::Wait),
        40 => (gateway(), 1..8usize).prop_map(|(g, most)| Step::Up(g, most)),
        40 => (gateway(), 1..8usize).prop_map(|(g, most)| Step::Down(g, most)),
        4 => gateway().prop_map(Step::Open),
        1 => session().prop_map(Step::Close),
        20 => (session(), chess()).prop_map(|(s, chess)| Step::Join(s, chess)),
        2 => (session(), chess()).prop_map(|(s, chess)| Step::Next(s, chess)),
        1 => session().prop_map(Step::Leave),
        40 => session().prop_map(Step::Send),
        8 => session().prop_map(Step::Ack),
        6 => (gateway(), any::<bool>()).prop_map(|(g, noticed)| Step::Break(g, noticed)),
        30 => gateway().prop_map(Step::Link),
        2 => Just(Step::Restart),
        1 => gateway().prop_map(Step::Boot),
    ];
    prop::collection::vec(step, 1..400)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_lost_with_a_link_or_a_process_that_its_gateway_still_has(
        steps in steps(), requeue in prop::bool::weighted(0.8)
    ) {
        let mut run = Run::new(Config { requeue_on_partner_leave: requeue, ..crate::world::config() });
        for step in steps {
            run.step(step);
            run.nobody_is_in_two_rooms();
        }
        run.settle();
        run.all_agree();
    }
}

struct Run {
    config: Config,
    machine: Matchmaker,
    /// When the machine started: its time counts from there.
    started: Time,
    now: Time,
    gateways: Vec<Gateway>,
    clients: u64,
    restarts: u8,
    /// Who waited after the last input, and since when.
    places: BTreeMap<ClientId, Time>,
    /// Rooms that a gateway has announced, or will, later than it must.
    late: BTreeSet<RoomId>,
}

#[derive(Default)]
struct Gateway {
    boots: u8,
    link: Option<Link>,
    sessions: BTreeMap<SessionNumber, Model>,
    /// Since when not all of its sessions are announced.
    away: Option<Time>,
}

/// A link as its gateway has it, and what is under way.
struct Link {
    key: LinkKey,
    up: VecDeque<UpFrame>,
    down: VecDeque<(Time, DownFrame)>,
    /// How many of the first frames announce sessions.
    announcing: usize,
}

impl Gateway {
    fn lose_link(&mut self, now: Time) -> Option<Link> {
        let link = self.link.take()?;
        self.away.get_or_insert(now);
        Some(link)
    }
}

impl Run {
    fn new(config: Config) -> Self {
        let gateways = (0..GATEWAYS).map(|_| Gateway::default()).collect();
        let machine = Matchmaker::new(config.clone(), [0; 32]);
        let (started, now, places) = (Time::ZERO, Time::ZERO, BTreeMap::new());
        let mut run =
            Run { config, machine, started, now, gateways, clients: 0, restarts: 0, places, late: BTreeSet::new() };
        (0..GATEWAYS).for_each(|gateway| run.link(gateway));
        run
    }

    fn step(&mut self, step: Step) {
        let now = self.now;
        match step {
            Step::Wait(millis) => self.wait(Duration::from_millis(millis)),
            Step::Up(gateway, most) => self.carry_up(gateway, most),
            Step::Down(gateway, most) => self.carry_down(gateway, most),
            Step::Open(gateway) => self.open(gateway),
            Step::Close(session) => self.close(session),
            // Mostly of those who are in no room: others decline it.
            Step::Join(session, chess) => self.with(session, |model| {
                if chess || model.room().is_none() {
                    model.join(wishes(pool(chess)), now);
                }
            }),
            Step::Next(session, chess) => self.with(session, |model| model.next(wishes(pool(chess)), now)),
            Step::Leave(session) => self.with(session, Model::leave),
            Step::Send(session) => self.with(session, Model::send),
            Step::Ack(session) => self.with(session, Model::acknowledge),
            Step::Break(gateway, noticed) => {
                let Some(link) = self.gateways[gateway].lose_link(now) else { return };
                if noticed {
                    self.machine.link_down(link.key, self.machine_now());
                    self.drain();
                }
            }
            Step::Link(gateway) if self.gateways[gateway].link.is_none() => self.link(gateway),
            Step::Link(_) => {}
            Step::Boot(gateway) => {
                let boots = self.gateways[gateway].boots + 1;
                self.gateways[gateway] = Gateway { boots, ..Gateway::default() };
                self.link(gateway);
            }
            Step::Restart => self.restart(),
        }
    }

    fn machine_now(&self) -> Time {
        Time::ZERO + self.now.since(self.started)
    }

    fn wait(&mut self, duration: Duration) {
        let until = self.now + duration;
        let due = |run: &Run| run.machine.poll_timeout().map(|at| run.started + at.since_origin());
        while let Some(at) = due(self).filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.machine.handle_timeout(self.machine_now());
            self.drain();
        }
        self.now = until;
    }

    fn link(&mut self, index: usize) {
        let gateway = &mut self.gateways[index];
        let boot = BootId::from_random([gateway.boots; 16]);
        let hello = GatewayHello { gateway: format!("g{index}"), boot, worker: 0 };
        let now = Time::ZERO + self.now.since(self.started);
        let key = self.machine.link_up(hello, now);
        let announce = |(number, model): (&SessionNumber, &mut Model)| UpFrame {
            session: *number,
            client_seq: 0,
            kind: Up::Attach(Box::new(model.announce(self.now))),
        };
        let up: VecDeque<_> = gateway.sessions.iter_mut().map(announce).collect();
        let announcing = up.len();
        gateway.link = Some(Link { key, up, down: VecDeque::new(), announcing });
        if announcing == 0 {
            gateway.away = None;
        }
        self.drain();
    }

    fn restart(&mut self) {
        self.restarts += 1;
        self.machine = Matchmaker::new(self.config.clone(), [self.restarts; 32]);
        self.started = self.now;
        self.places.clear();
        for gateway in &mut self.gateways {
            gateway.lose_link(self.now);
            gateway.sessions.values_mut().for_each(Model::matchmaker_restarted);
        }
    }

    fn open(&mut self, index: usize) {
        self.clients += 1;
        let (number, client) =
            (SessionNumber(self.clients), ClientId::from_random(u128::from(self.clients).to_be_bytes()));
        let mut model = Model::new(client, self.now);
        let gateway = &mut self.gateways[index];
        if let Some(link) = &mut gateway.link {
            link.up.push_back(UpFrame {
                session: number,
                client_seq: 0,
                kind: Up::Attach(Box::new(model.announce(self.now))),
            });
        }
        gateway.sessions.insert(number, model);
    }

    fn close(&mut self, session: usize) {
        let Some((gateway, number)) = self.named(session) else { return };
        let gateway = &mut self.gateways[gateway];
        gateway.sessions.remove(&number);
        if let Some(link) = &mut gateway.link {
            link.up.push_back(UpFrame { session: number, client_seq: 0, kind: Up::End });
        }
    }

    fn with(&mut self, session: usize, act: impl FnOnce(&mut Model)) {
        let Some((gateway, number)) = self.named(session) else { return };
        let gateway = &mut self.gateways[gateway];
        let model = gateway.sessions.get_mut(&number).unwrap();
        act(model);
        let said = std::mem::take(&mut model.outbox);
        if let Some(link) = &mut gateway.link {
            link.up.extend(said.into_iter().map(|kind| UpFrame { session: number, client_seq: 0, kind }));
        }
    }

    fn named(&self, session: usize) -> Option<(usize, SessionNumber)> {
        let all = self.gateways.iter().enumerate();
        let all: Vec<_> =
            all.flat_map(|(index, gateway)| gateway.sessions.keys().map(move |number| (index, *number))).collect();
        all.get(session % all.len().max(1)).copied()
    }

    fn carry_up(&mut self, gateway: usize, most: usize) {
        for _ in 0..most {
            let Some(link) = &mut self.gateways[gateway].link else { return };
            let Some(frame) = link.up.pop_front() else { return };
            let key = link.key;
            link.announcing = link.announcing.saturating_sub(1);
            let all_announced = link.announcing == 0;
            self.mark_late();
            if all_announced {
                self.gateways[gateway].away = None;
            }
            self.machine.handle_frame(key, frame, self.machine_now());
            self.drain();
        }
    }

    fn carry_down(&mut self, index: usize, most: usize) {
        for _ in 0..most {
            let Some(link) = &mut self.gateways[index].link else { return };
            let Some((at, frame)) = link.down.pop_front() else { return };
            self.no_room_ends_without_cause(index, &frame);
            let gateway = &mut self.gateways[index];
            // Who has closed hears nothing more.
            let Some(model) = gateway.sessions.get_mut(&frame.session) else { continue };
            model.hear(frame.kind, at);
            let said = std::mem::take(&mut model.outbox);
            let link = gateway.link.as_mut().expect("it was up just now");
            link.up.extend(said.into_iter().map(|kind| UpFrame { session: frame.session, client_seq: 0, kind }));
        }
    }

    /// What is said over a link that its gateway has lost goes nowhere. Called after each single input.
    fn drain(&mut self) {
        self.waiters_keep_their_places();
        while let Some(output) = self.machine.poll_output() {
            match output {
                Output::Frame { link: key, frame } => {
                    let links = self.gateways.iter_mut().filter_map(|gateway| gateway.link.as_mut());
                    if let Some(link) = links.into_iter().find(|link| link.key == key) {
                        link.down.push_back((self.now, frame));
                    }
                }
                Output::LinkReplaced { link: key } => {
                    let mut links = self.gateways.iter().filter_map(|gateway| gateway.link.as_ref());
                    assert!(links.all(|link| link.key != key), "a link that its gateway has not lost");
                }
                Output::LinkRefused { reason, .. } => panic!("these gateways break no rule: {reason}"),
                Output::Event(_) | Output::Engine(_) => {}
            }
        }
    }

    /// All links come back, everything arrives, and time passes until nothing more happens by itself.
    fn settle(&mut self) {
        for gateway in 0..GATEWAYS {
            if self.gateways[gateway].link.is_none() {
                self.link(gateway);
            }
        }
        for _ in 0..SETTLED_WITHIN {
            for gateway in 0..GATEWAYS {
                self.carry_up(gateway, usize::MAX);
                self.carry_down(gateway, usize::MAX);
            }
            let under_way =
                |gateway: &Gateway| gateway.link.as_ref().unwrap().up.len() + gateway.link.as_ref().unwrap().down.len();
            if self.gateways.iter().map(under_way).sum::<usize>() > 0 {
                continue;
            }
            if self.machine.poll_timeout().is_none() {
                return;
            }
            self.wait(Duration::from_millis(500));
        }
        panic!("nothing comes to rest");
    }
}

fn pool(chess: bool) -> &'static str {
    if chess { "chess" } else { "default" }
}

const GATEWAYS: usize = 3;
/// Rounds of carrying and half seconds: more than any deadline takes.
const SETTLED_WITHIN: usize = 1_000;
