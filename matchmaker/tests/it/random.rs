//! Random runs without lost links (those are in `losses.rs`): whatever happens, the machine says exactly what the oracle says, and a judge that knows only the outputs finds
//! nobody in two rooms, nobody with oneself, every message once and in order, and none after the end.
//!
//! A failing run is shrunk and its seed kept by proptest.

use std::time::Duration;

use duet_matchmaker::{Config, SessionState};
use duet_proto::ids::TicketNumber;
use duet_proto::time::Time;
use proptest::prelude::*;

use crate::oracle::{Oracle, Place};
use crate::world::{Act, Event, Was, World, client_id};

mod judge;
mod losses;
mod model;
#[cfg(feature = "server")]
mod shared;

use judge::Judge;

/// One step of a run, before it is known what is possible.
#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    Boot(u32),
    Attach(char, u32, u8, u64),
    Join(char, &'static str, u64),
    Next(char, &'static str),
    Leave(char),
    Report(char, usize, bool),
    Forward(char, Number),
    Ack(char, u64),
    Decline(char, bool),
    Detach(char),
    OldAttempt(char),
}

#[derive(Clone, Copy, Debug)]
enum Number {
    Next,
    Again,
    OldTicket,
    Gap,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let client = || prop::sample::select(vec!['a', 'b', 'c', 'd', 'e', 'f', 'g']);
    let number = prop_oneof![
        20 => Just(Number::Next), 4 => Just(Number::Again), 4 => Just(Number::OldTicket), 1 => Just(Number::Gap)
    ];
    let step = prop_oneof![
        20 => prop_oneof![3 => 0..1_500u64, 1 => 1_500..15_000u64].prop_map(Step::Wait),
        3 => (1..4u32).prop_map(Step::Boot),
        20 => (client(), 1..4u32, 0..6u8, 0..20_000u64).prop_map(|(c, link, was, ago)| Step::Attach(c, link, was, ago)),
        30 => (client(), wish(), 0..4u64).prop_map(|(c, wish, waited)| Step::Join(c, wish, waited * 500)),
        30 => (client(), wish()).prop_map(|(c, wish)| Step::Next(c, wish)),
        6 => client().prop_map(Step::Leave),
        4 => (client(), 0..3usize, any::<bool>()).prop_map(|(c, back, raised)| Step::Report(c, back, raised)),
        20 => (client(), number).prop_map(|(c, number)| Step::Forward(c, number)),
        6 => (client(), 0..4u64).prop_map(|(c, seq)| Step::Ack(c, seq)),
        3 => (client(), any::<bool>()).prop_map(|(c, old)| Step::Decline(c, old)),
        5 => client().prop_map(Step::Detach),
        1 => client().prop_map(Step::OldAttempt),
    ];
    prop::collection::vec(step, 1..250)
}

/// Mostly for anybody, so that there is life; the others so few that they often have something in common.
fn wish() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        8 => Just("default"),
        1 => Just("chess"),
        8 => prop::sample::select(vec![
            "default+a",
            "default+a,b",
            "default+b,c!1000",
            "default+c@eu",
            "default+a,c@us!0",
            "default@eu",
            "default@us!2500",
            "default^1500",
            "default+b^4000",
            "default~ab",
            "default+a~c",
            "chess+a",
        ]),
    ]
}

struct Run {
    world: World,
    oracle: Oracle,
    judge: Judge,
    now: Time,
    /// Steps so far.
    steps: usize,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn the_machine_does_what_the_oracle_says(steps in steps(), requeue in prop::bool::weighted(0.8)) {
        let config = Config { requeue_on_partner_leave: requeue, news_after: Duration::ZERO, ..Config::default() };
        let mut run = Run::new(World::new(config.clone()), Oracle::new(config));
        steps.iter().for_each(|step| run.step(step));
    }
}

impl Run {
    fn new(world: World, oracle: Oracle) -> Self {
        let mut run = Run { world, oracle, judge: Judge::default(), now: Time::ZERO, steps: 0 };
        (1..4).for_each(|link| run.both(Event::Boot(link)));
        run
    }

    fn step(&mut self, step: &Step) {
        self.steps += 1;
        match (self.event(step), step) {
            (Some(event), _) => self.both(event),
            (None, Step::Wait(millis)) => self.wait(Duration::from_millis(*millis)),
            (None, _) => {}
        }
    }

    /// Feeds both and compares all that can be seen.
    fn both(&mut self, event: Event) {
        self.judge.sees(&event, &self.oracle);
        let said = self.world.feed(event.clone(), self.now);
        let (mut lines, mut expected) = (said.clone(), self.oracle.feed(event.clone(), self.now));
        if self.world.asks_an_engine() {
            // What it says, it says after all else; and of those who become wide together one hears its position before another has
            // found somebody.
            for lines in [&mut lines, &mut expected] {
                lines.iter_mut().for_each(|line| *line = without_position_if_widened(line));
                lines.sort();
            }
        }
        assert_eq!(lines, expected, "after {event:?} at {:?}", self.now);
        self.judge.hears(&said);
        assert_eq!(self.world.machine.poll_timeout(), self.oracle.next_deadline(), "after {event:?}");
        let stats = self.world.machine.stats(self.now);
        let count =
            |wanted: fn(&Place) -> bool| self.oracle.people.iter().filter(|person| wanted(&person.place)).count();
        let waiting = count(|place| *place == Place::Waiting);
        let talking = count(|place| matches!(place, Place::Room(_)));
        assert_eq!((stats.sessions, stats.links), (self.oracle.people.len(), self.oracle.links.len()));
        assert_eq!((stats.waiting, stats.rooms * 2), (waiting, talking));
        for person in &self.oracle.people {
            let state = self.world.machine.session(client_id(person.name)).unwrap().state;
            let agrees = match state {
                SessionState::Idle => person.place == Place::Idle,
                SessionState::Waiting { .. } => person.place == Place::Waiting,
                SessionState::Matched { room } => {
                    matches!(person.place, Place::Room(of) | Place::Half { room: of, .. } if self.world.room_id(of) == room)
                }
            };
            assert!(agrees, "{person:?} is {state:?}");
        }
    }

    /// Lets time pass, with a stop at each deadline.
    fn wait(&mut self, duration: Duration) {
        let until = self.now + duration;
        while let Some(deadline) = self.oracle.next_deadline().filter(|deadline| *deadline <= until) {
            self.now = self.now.max(deadline);
            self.both(Event::Timeout);
        }
        self.now = until;
    }

    /// What a step comes to, if it is possible.
    fn event(&self, step: &Step) -> Option<Event> {
        let next_attempt = |client: char| self.oracle.person(client).map(|person| person.ticket.attempt + 1);
        let act = |client: char, act: Act| self.oracle.person(client).map(|_| Event::Frame(client, act));
        let is_up = |link: &u32| self.oracle.links.contains(link);
        match *step {
            Step::Wait(_) => None,
            Step::Boot(link) => Some(Event::Boot(link)),
            Step::Attach(client, link, was, millis) if is_up(&link) && self.oracle.person(client).is_none() => {
                let room = FOREIGN_ROOMS + self.steps;
                Some(Event::Attach(client, link, was_doing(was, room, Duration::from_millis(millis))))
            }
            Step::Attach(..) => None,
            Step::Join(client, pool, millis) => {
                let waited = Duration::from_millis(millis);
                act(client, Act::Join { attempt: next_attempt(client)?, pool, waited })
            }
            Step::Next(client, pool) => act(client, Act::Next { attempt: next_attempt(client)?, pool }),
            Step::Leave(client) => act(client, Act::Leave { attempt: next_attempt(client)? }),
            Step::Report(client, back, raised) => {
                let attempt = next_attempt(client)? - u32::from(!raised);
                // The newest rooms are the likeliest to be somebody's current or last one.
                act(client, Act::Report { attempt, room: self.oracle.rooms.len().saturating_sub(back) })
            }
            Step::Forward(client, number) => self.forward(client, number),
            Step::Ack(client, seq) => {
                let ticket = self.oracle.person(client)?.ticket;
                act(client, Act::Ack { ticket, seq })
            }
            Step::Decline(client, old) => {
                let ticket = self.oracle.person(client)?.ticket;
                let ticket = TicketNumber { round: ticket.round + u32::from(old), ..ticket };
                act(client, Act::Decline { ticket })
            }
            Step::Detach(client) => act(client, Act::End),
            Step::OldAttempt(client) => act(client, Act::Leave { attempt: next_attempt(client)? - 1 }),
        }
    }

    fn forward(&self, client: char, number: Number) -> Option<Event> {
        let person = self.oracle.person(client)?;
        let sent = match person.place {
            Place::Room(room) => self.oracle.rooms[room - 1].sent[self.oracle.side(client, room)],
            Place::Idle | Place::Waiting | Place::Half { .. } => 0,
        };
        let old = TicketNumber { round: person.ticket.round.wrapping_sub(1), ..person.ticket };
        let (ticket, seq) = match number {
            Number::Next => (person.ticket, sent + 1),
            Number::Again => (person.ticket, sent),
            Number::OldTicket => (old, sent + 1),
            Number::Gap => (person.ticket, sent + 2),
        };
        Some(Event::Frame(client, Act::Forward { ticket, seq }))
    }
}

fn without_position_if_widened(line: &str) -> String {
    match line.split_once(" at ") {
        Some((before, after)) if after.ends_with(" widened") => {
            format!("{before} {}", after.split_once(' ').expect("it says how long").1)
        }
        _ => line.to_owned(),
    }
}

fn was_doing(was: u8, room: usize, waited: Duration) -> Was {
    match was {
        0 => Was::Waiting { attempt: 3, pool: "default", waited },
        1 => Was::InRoom {
            ticket: TicketNumber { attempt: 2, round: 1 },
            room,
            partner: 'a',
            initiator: true,
            received: 0,
            pool: "default",
            waited,
        },
        _ => Was::Idle { attempt: 0 },
    }
}

/// Numbers from here on are of rooms that the machine has not made.
const FOREIGN_ROOMS: usize = 1_000_000;
