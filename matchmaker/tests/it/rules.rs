//! The rules, one script each: inputs, and after each exactly these outputs and nothing else.
//!
//! A script's line is `<second> <input>`, or `> <output>`, or `deadline <second>|none`. Links are up as soon as they are named.
//!
//! A resumable session attaches with a `token`, and what else is to be said of it after that. A frame may end with the `#` number
//! of the client's message that it came of. A frame to a resumable session ends with its `[number]`, and with what was taken of the
//! client's before.

use std::time::Duration;

use duet_matchmaker::{Config, SessionState};
use duet_proto::frame::CallOutcome;
use duet_proto::ids::{ClientId, TicketNumber};
use duet_proto::time::Time;

use crate::world::{Act, Claim, Event, Roaming, Says, Speech, Was, World, client_id};

mod ending;
mod forwarding;
mod links;
mod orders;
mod queueing;
mod recovery;
mod reporting;
mod resuming;
mod resumption;
mod sharing;
mod tally;
mod wishes;

/// Runs a script under the default settings.
fn script(text: &str) -> World {
    script_with(crate::world::config(), text)
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

fn said(words: &[&str]) -> Says {
    match *words {
        ["waits", who, of, "at", position] => Says::Waits(only_char(who), ticket(of), position.parse().unwrap()),
        ["found", who, of, whom, its, link] => {
            Says::Found(only_char(who), ticket(of), only_char(whom), ticket(its), link.parse().unwrap())
        }
        ["claimed", who, of] => Says::Claimed(only_char(who), ticket(of)),
        ["full", who, of] => Says::Full(only_char(who), ticket(of)),
        ["nothing"] => Says::Nothing,
        _ => panic!("the engine does not say {words:?}"),
    }
}

fn event_named(text: &str) -> Event {
    let words: Vec<&str> = text.split(' ').collect();
    let client = only_char(words[0]);
    if let Some(numbered) = numbered_or_of_resumable(client, &words) {
        return numbered;
    }
    let attempt = || words[2].parse().unwrap();
    let pool = |index: usize| words.get(index).map_or("default", |pool| pool_named(pool));
    let waited = |index: usize| words.get(index).map_or(Duration::ZERO, |second| duration(second));
    let numbered = || (ticket(words[2]), words[3].parse().unwrap());
    match words[..] {
        ["timeout"] => Event::Timeout,
        ["engine", ..] => Event::Engine(said(&words[1..])),
        [_, "elsewhere", link] => Event::Roam(Roaming::Elsewhere(client, link.parse().unwrap())),
        ["link", link, "departed", who] => Event::Roam(Roaming::Departed(only_char(who), link.parse().unwrap())),
        ["link", link, "stays", who, of] => {
            Event::Roam(Roaming::Stays(only_char(who), link.parse().unwrap(), ticket(of)))
        }
        ["link", link, "up"] => Event::LinkUp(link.parse().unwrap()),
        ["link", link, "down"] => Event::LinkDown(link.parse().unwrap()),
        ["link", link, "overflows", fits] => Event::LinkOverflow(link.parse().unwrap(), fits.parse().unwrap()),
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

/// What only resumable sessions send, and any frame of theirs that carries a number.
fn numbered_or_of_resumable(client: char, words: &[&str]) -> Option<Event> {
    if let Some(at) = words.iter().position(|word| *word == "token") {
        let Event::Attach(_, link, was) = event_named(&words[..at].join(" ")) else {
            panic!("only who attaches has one")
        };
        return Some(Event::AttachResumable(client, link, was, Box::new(claim(client, &words[at..]))));
    }
    let client_seq = words.last()?.strip_prefix('#').map(|number| number.parse().unwrap());
    let said = &words[1..words.len() - usize::from(client_seq.is_some())];
    let speech = match *said {
        ["forward", number, seq, bytes] => {
            Speech::Large { ticket: ticket(number), seq: seq.parse().unwrap(), bytes: bytes.parse().unwrap() }
        }
        ["identify", user] => Speech::Identify(user.into()),
        ["prove", user] => Speech::Prove(user.into()),
        ["broken", number] => Speech::Broken { ticket: ticket(number) },
        ["call", number, outcome, millis] => Speech::Call {
            ticket: ticket(number),
            outcome: if outcome == "connected" { CallOutcome::Connected } else { CallOutcome::Failed },
            setup: Duration::from_millis(millis.parse().unwrap()),
        },
        ["detach"] => Speech::Detach,
        ["resume", token, next, ack] => resume([token, next, ack, "0"]),
        ["resume", token, next, ack, "try", attempt] => resume([token, next, ack, attempt]),
        ["adopted"] => Speech::Adopted,
        ["settle", ack] => Speech::Settle { ack: ack.parse().unwrap() },
        _ => {
            client_seq?;
            let Event::Frame(_, act) = event_named(&words[..words.len() - 1].join(" ")) else {
                panic!("only frames are numbered")
            };
            Speech::Act(act)
        }
    };
    Some(Event::Speak(client, client_seq.unwrap_or(0), speech))
}

/// `token <token>`, and in any order `of <client>`, `earlier <token>`, `epoch`, `window`, `left`, `seq`, `client`, `taken` and
/// `sent` with their numbers, `away yes`, `kept <text>,<text>`.
fn claim(client: char, words: &[&str]) -> Claim {
    let mut claim = Claim::new(client, '-');
    for pair in words.chunks(2) {
        let [key, value] = *pair else { panic!("{pair:?} has no value") };
        let count = || value.parse().unwrap();
        match key {
            "of" => claim.client = only_char(value),
            "token" => claim.token = only_char(value),
            "earlier" => claim.earlier_token = Some(only_char(value)),
            "epoch" => claim.epoch = value.parse().unwrap(),
            "window" => claim.window = duration(value),
            "left" => claim.detached = Some(duration(value)),
            "seq" => claim.seq = count(),
            "kept" => claim.kept = value.split(',').map(str::to_owned).collect(),
            "client" => claim.client_seq = count(),
            "taken" => claim.taken = count(),
            "sent" => claim.sent = count(),
            "away" => claim.partner_away = true,
            _ => panic!("nothing can be said of {key}"),
        }
    }
    claim
}

/// `<ticket> r<room> <partner> offers|answers <received> <pool> <waited>`
fn announced_room(words: &[&str]) -> Was {
    let [number, room, partner, role, received, pool, waited] = *words else { panic!("no such room: {words:?}") };
    Was::InRoom {
        ticket: ticket(number),
        room: room[1..].parse().unwrap(),
        partner: only_char(partner),
        initiator: role == "offers",
        received: received.parse().unwrap(),
        pool: pool_named(pool),
        waited: duration(waited),
    }
}

fn only_char(word: &str) -> char {
    word.chars().next().unwrap()
}

fn resume([token, next, ack, attempt]: [&str; 4]) -> Speech {
    let (token, next) = (only_char(token), only_char(next));
    Speech::Resume { token, next, ack: ack.parse().unwrap(), attempt: attempt.parse().unwrap() }
}

fn pool_named(name: &str) -> &'static str {
    Box::leak(name.to_owned().into_boxed_str())
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
