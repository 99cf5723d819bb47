//! People come, wait, talk and go, in simulated time, under one policy.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::rc::Rc;
use std::time::Duration;

use duet_proto::time::Time;

use crate::measures::{Measures, Met};
use crate::people::{Name, People, Then, Wants, Will};
use crate::policy::{Matching, Pair, Parting, Policy};
use crate::queue::{Memory, Queue, Turn, Waiter};
use crate::report::Figures;
use crate::scenario::Scenario;

/// Runs a scenario under one policy. The same seed brings the same people at the same times, and for one policy the same figures.
pub fn simulate(scenario: &Scenario, seed: u64, policy: Policy) -> Figures {
    let mut simulation = Simulation::new(scenario, seed, policy);
    simulation.run(Time::ZERO + scenario.duration());
    let Simulation { measures, queue, now, .. } = simulation;
    measures.figures(policy, scenario, &queue, now)
}

struct Simulation {
    policy: Policy,
    people: People,
    matching: Box<dyn Matching>,
    queue: Queue,
    measures: Measures,
    /// Those who have not left.
    here: BTreeMap<Name, Person>,
    newcomers: u32,
    /// Raised for each turn, so that those of one moment have an order.
    turns: u64,
    rooms: usize,
    events: BinaryHeap<Reverse<(Time, u64, Event)>>,
    scheduled: u64,
    now: Time,
}

struct Person {
    will: Will,
    wants: Rc<Wants>,
    memory: Memory,
    turn: Turn,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Arrival,
    /// A room is over, which was made then. Who leaves comes first.
    RoomEnds {
        members: [Name; 2],
        goes_on: bool,
        made: Time,
    },
    /// Unless the wait that began then is over.
    Vanishes(Name, Time),
    ComesBack(Name, Turn),
}

impl Simulation {
    fn new(scenario: &Scenario, seed: u64, policy: Policy) -> Self {
        Simulation {
            policy,
            people: People::new(scenario, seed),
            matching: policy.matching(scenario, seed),
            queue: Queue::new(scenario.patience(), scenario.tags.count),
            measures: Measures::new(scenario),
            here: BTreeMap::new(),
            newcomers: 0,
            turns: 0,
            rooms: 0,
            events: BinaryHeap::new(),
            scheduled: 0,
            now: Time::ZERO,
        }
    }

    fn run(&mut self, end: Time) {
        self.expect_arrival();
        loop {
            let event = self.events.peek().map(|Reverse((at, ..))| *at);
            let timeout = self.matching.poll_timeout().filter(|timeout| event.is_none_or(|event| *timeout <= event));
            let Some(next) = timeout.or(event).filter(|next| *next <= end) else { break };
            self.now = next.max(self.now);
            if timeout.is_some() {
                self.matching.handle_timeout(self.now);
            } else if let Some(Reverse((_, _, event))) = self.events.pop() {
                self.happen(event);
            }
            while let Some(pair) = self.matching.poll_pair(&self.queue, self.now) {
                self.meet(pair);
            }
        }
        self.now = end;
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Arrival => self.arrive(),
            Event::RoomEnds { members, goes_on, made } => self.end_room(members, goes_on, made),
            Event::Vanishes(name, since) => self.vanish(name, since),
            Event::ComesBack(name, turn) => self.come_back(name, turn),
        }
    }

    fn schedule(&mut self, after: Duration, event: Event) {
        self.scheduled += 1;
        self.events.push(Reverse((self.now + after, self.scheduled, event)));
    }

    fn expect_arrival(&mut self) {
        let after = self.people.next_arrival();
        self.schedule(after, Event::Arrival);
    }

    fn arrive(&mut self) {
        let name = Name(self.newcomers);
        self.newcomers += 1;
        let (will, wants) = self.people.draw(name);
        let wants = Rc::new(wants);
        let turn = self.new_turn();
        self.here.insert(name, Person { will, wants: wants.clone(), memory: Memory::default(), turn });
        self.wait(name, turn);
        self.matching.join(name, &wants, self.now);
        self.expect_arrival();
    }

    fn new_turn(&mut self) -> Turn {
        self.turns += 1;
        (self.now, self.turns)
    }

    fn wait(&mut self, name: Name, turn: Turn) {
        let person = self.here.get_mut(&name).expect("only who is here waits");
        person.turn = turn;
        let waiter = Waiter {
            name,
            turn,
            since: self.now,
            away: None,
            was_away: Duration::ZERO,
            wants: person.wants.clone(),
            memory: person.memory.clone(),
        };
        self.queue.insert(waiter);
        if person.wants.vanishes {
            let after = self.people.until_absent(&mut person.will);
            self.schedule(after, Event::Vanishes(name, self.now));
        }
    }

    /// Two have met: the measures hear of it before anything changes.
    fn meet(&mut self, pair: Pair) {
        let [newcomer, waiter] = [pair.newcomer, pair.waiter].map(|name| self.here[&name].turn);
        let population = self.queue.len() + 2 * self.rooms;
        let known = |turn| self.queue.get(turn).expect("only those who wait are matched");
        let met = Met {
            newcomer: known(newcomer),
            waiter: known(waiter),
            population,
            insists: self.policy.has_patience(),
            now: self.now,
        };
        self.measures.count(&met, &self.queue);
        self.queue.remove(newcomer);
        self.queue.remove(waiter);
        self.rooms += 1;
        let [one, other] = [pair.newcomer, pair.waiter].map(|name| {
            let person = self.here.get_mut(&name).expect("whoever waits is here");
            (self.people.stay(&mut person.will), name)
        });
        let ((stay, leaver), (_, survivor)) = if other.0.lasts < one.0.lasts { (other, one) } else { (one, other) };
        let goes_on = stay.then == Then::Next;
        self.schedule(stay.lasts, Event::RoomEnds { members: [leaver, survivor], goes_on, made: self.now });
    }

    /// Who is left over goes first, with its old turn if the room was too short to be a meeting: the rule of the matchmaker, for all.
    fn end_room(&mut self, [leaver, survivor]: [Name; 2], goes_on: bool, made: Time) {
        self.rooms -= 1;
        for (one, other) in [(leaver, survivor), (survivor, leaver)] {
            let person = self.here.get_mut(&one).expect("whoever is in a room is here");
            person.memory.parted(other, self.now);
        }
        let was_short = self.now.since(made) < SHORT_ROOM;
        let turn = if was_short { self.here[&survivor].turn } else { self.new_turn() };
        self.wait(survivor, turn);
        if goes_on {
            self.here.get_mut(&leaver).expect("it was in a room").memory.left(survivor, self.now);
            let turn = self.new_turn();
            self.wait(leaver, turn);
        } else {
            self.here.remove(&leaver);
        }
        let then = if goes_on { Then::Next } else { Then::Leave };
        self.matching.part(Parting { leaver, then }, self.now);
    }

    fn vanish(&mut self, name: Name, since: Time) {
        let Some(turn) = self.here.get(&name).map(|person| person.turn) else { return };
        let Some(waiter) = self.queue.get_mut(turn).filter(|waiter| waiter.since == since) else { return };
        waiter.away = Some(self.now);
        self.matching.vanish(name, self.now);
        let will = &mut self.here.get_mut(&name).expect("whoever waits is here").will;
        let after = self.people.absent(will);
        self.schedule(after, Event::ComesBack(name, turn));
    }

    fn come_back(&mut self, name: Name, turn: Turn) {
        let waiter = self.queue.get_mut(turn).expect("nobody meets who is away");
        let since = waiter.away.take().expect("it was away");
        waiter.was_away += self.now.since(since);
        self.matching.come_back(name, self.now);
    }
}

/// [`duet_matchmaker::Config::short_room`] of the matchmaker as it is simulated.
const SHORT_ROOM: Duration = Duration::from_secs(10);
