//! The rules, one script each: inputs, and after each exactly these outputs and nothing else.
//!
//! A script's line is `<second> <input>`, or `> <output>`, or `deadline <second>|none`. Links are up as soon as they are named.

use std::time::Duration;

use duet_matchmaker::{Config, SessionState};
use duet_proto::ids::{ClientId, TicketNumber};
use duet_proto::time::Time;

use crate::world::{Act, Event, Was, World, client_id};

mod ending;
mod forwarding;
mod links;
mod queueing;
mod recovery;
mod resuming;

/// Runs a script under the default settings.
fn script(text: &str) -> World {
    script_with(Config::default(), text)
}

fn script_with(config: Config, text: &str) -> World {
    let mut world = World::new(config);
    let mut outputs: Vec<String> = Vec::new();
    let mut input = "the start";
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(expected) = line.strip_prefix("> ") {
            assert!(!outputs.is_empty(), "after {input}: nothing, expected {expected}");
            assert_eq!(outputs.remove(0), expected, "after {input}; then {outputs:?}");
            continue;
        }
        assert!(outputs.is_empty(), "after {input}: unexpected {outputs:?}");
        input = line;
        if let Some(second) = line.strip_prefix("deadline ") {
            let expected = (second != "none").then(|| at(second));
            assert_eq!(world.machine.poll_timeout(), expected, "{line}");
            continue;
        }
        let (second, event) = line.split_once(' ').unwrap();
        outputs = world.feed(event_named(event), at(second));
    }
    assert!(outputs.is_empty(), "after {input}: unexpected {outputs:?}");
    world
}

fn event_named(text: &str) -> Event {
    let words: Vec<&str> = text.split(' ').collect();
    let client = words[0].chars().next().unwrap();
    let attempt = || words[2].parse().unwrap();
    let pool = |index: usize| words.get(index).map_or("default", |pool| pool_named(pool));
    let waited = |index: usize| words.get(index).map_or(Duration::ZERO, |second| duration(second));
    let numbered = || (ticket(words[2]), words[3].parse().unwrap());
    match words[..] {
        ["timeout"] => Event::Timeout,
        ["link", link, "up"] => Event::LinkUp(link.parse().unwrap()),
        ["link", link, "down"] => Event::LinkDown(link.parse().unwrap()),
        ["link", link, "boot"] => Event::Boot(link.parse().unwrap()),
        [_, "attach", link] => Event::Attach(client, link.parse().unwrap(), Was::Idle { attempt: 0 }),
        [_, "attach", link, "idle", attempt] => {
            Event::Attach(client, link.parse().unwrap(), Was::Idle { attempt: attempt.parse().unwrap() })
        }
        [_, "attach", link, "waiting", attempt, pool, waited] => {
            let (attempt, pool, waited) = (attempt.parse().unwrap(), pool_named(pool), duration(waited));
            Event::Attach(client, link.parse().unwrap(), Was::Waiting { attempt, pool, waited })
        }
        [_, "attach", link, "room", ..] => Event::Attach(client, link.parse().unwrap(), announced_room(&words[4..])),
        [_, "join", ..] => Event::Frame(client, Act::Join { attempt: attempt(), pool: pool(3), waited: waited(4) }),
        [_, "next", ..] => Event::Frame(client, Act::Next { attempt: attempt(), pool: pool(3) }),
        [_, "leave", _] => Event::Frame(client, Act::Leave { attempt: attempt() }),
        [_, "report", _, room] => {
            Event::Frame(client, Act::Report { attempt: attempt(), room: room[1..].parse().unwrap() })
        }
        [_, "forward", ..] => Event::Frame(client, Act::Forward { ticket: numbered().0, seq: numbered().1 }),
        [_, "ack", ..] => Event::Frame(client, Act::Ack { ticket: numbered().0, seq: numbered().1 }),
        [_, "decline", number] => Event::Frame(client, Act::Decline { ticket: ticket(number) }),
        [_, "end"] => Event::Frame(client, Act::End),
        _ => panic!("no such input: {text}"),
    }
}

/// `<ticket> r<room> <partner> offers|answers <received> <pool> <waited>`
fn announced_room(words: &[&str]) -> Was {
    let [number, room, partner, role, received, pool, waited] = *words else { panic!("no such room: {words:?}") };
    Was::InRoom {
        ticket: ticket(number),
        room: room[1..].parse().unwrap(),
        partner: partner.chars().next().unwrap(),
        initiator: role == "offers",
        received: received.parse().unwrap(),
        pool: pool_named(pool),
        waited: duration(waited),
    }
}

fn pool_named(name: &str) -> &'static str {
    ["default", "chess"].into_iter().find(|known| *known == name).unwrap()
}

fn ticket(number: &str) -> TicketNumber {
    let (attempt, round) = number.split_once('.').unwrap();
    TicketNumber { attempt: attempt.parse().unwrap(), round: round.parse().unwrap() }
}

fn duration(seconds: &str) -> Duration {
    Duration::from_secs_f64(seconds.parse().unwrap())
}

fn at(second: &str) -> Time {
    Time::ZERO + duration(second)
}

fn state(world: &World, client: char) -> Option<SessionState> {
    let client: ClientId = client_id(client);
    world.machine.session(client).map(|session| session.state)
}
