//! The rules once more, as plainly as they can be put: lists of everybody, searched from end to end. Nothing is shared with the
//! machine but the words of its outputs.

use std::time::Duration;

use duet_matchmaker::Config;
use duet_proto::ids::TicketNumber;
use duet_proto::time::Time;

use crate::world::{Act, Asked, Event, Was, asked_for, seconds};

mod suiting;

pub(crate) struct Oracle {
    config: Config,
    pub(crate) links: Vec<u32>,
    pub(crate) people: Vec<Person>,
    pub(crate) rooms: Vec<Room>,
    apart: Vec<Apart>,
    arrivals: u64,
    lines: Vec<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) name: char,
    pub(crate) link: u32,
    pub(crate) ticket: TicketNumber,
    wish: Asked,
    queued: Time,
    arrival: u64,
    asked: Time,
    /// Whether anybody will do.
    wide: bool,
    /// When it is to look again, as it has become less choosy.
    looks_again: Vec<Time>,
    pub(crate) place: Place,
    last: Option<(char, usize, Time)>,
    recent: Vec<(char, Time)>,
    blocked: Vec<char>,
}

impl Person {
    fn served(&self) -> (Time, u64) {
        (self.queued - self.wish.head_start, self.arrival)
    }

    fn cares_for_tags(&self) -> bool {
        !self.wide && !self.wish.tags.is_empty()
    }

    fn cares_for_regions(&self) -> bool {
        !self.wide && self.wish.region.is_some()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Idle,
    Waiting,
    /// The room's number.
    Room(usize),
    /// A room of another matchmaker, until it is given up.
    Half {
        until: Time,
        room: usize,
        partner: char,
    },
}

impl Place {
    fn given_up_at(self) -> Option<Time> {
        if let Place::Half { until, .. } = self { Some(until) } else { None }
    }
}

/// Rooms stay listed after their end; the first is number 1.
pub(crate) struct Room {
    /// Who offers comes first.
    members: [char; 2],
    pool: String,
    created: Time,
    pub(crate) sent: [u64; 2],
    acknowledged: [u64; 2],
}

struct Apart {
    presser: char,
    left: char,
    until: Time,
    tried_again: bool,
}

impl Oracle {
    pub(crate) fn new(config: Config) -> Self {
        let (links, people, rooms, apart, lines) = Default::default();
        Oracle { config, links, people, rooms, apart, arrivals: 0, lines }
    }

    pub(crate) fn feed(&mut self, event: Event, now: Time) -> Vec<String> {
        match event {
            // Here no link is lost: a link ends because its gateway has died or broken a rule.
            Event::LinkUp(_) | Event::LinkDown(_) | Event::LinkOverflow(..) => {
                unreachable!("links are lost in another random run")
            }
            Event::Boot(link) => {
                if self.links.contains(&link) {
                    self.lines.push("old replaced".into());
                    self.end_link(link, now);
                }
                self.links.push(link);
            }
            Event::Attach(name, link, was) => self.attach(name, link, was, now),
            Event::Frame(name, act) => self.act(name, act, now),
            Event::AttachResumable(..) | Event::Speak(..) => unreachable!("here nobody is resumable"),
            Event::Timeout => self.time_out(now),
            // It stands for all replicas and their engine at once.
            Event::Engine(_) | Event::Roam(_) => unreachable!("there is no other replica"),
        }
        std::mem::take(&mut self.lines)
    }

    pub(crate) fn next_deadline(&self) -> Option<Time> {
        let retries = self.apart.iter().filter(|apart| !apart.tried_again).map(|apart| apart.until);
        let waiting = self.people.iter().filter(|person| person.place == Place::Waiting);
        let looks = waiting.flat_map(|person| person.looks_again.iter().copied());
        retries.chain(looks).chain(self.people.iter().filter_map(|person| person.place.given_up_at())).min()
    }

    pub(crate) fn person(&self, name: char) -> Option<&Person> {
        self.people.iter().find(|person| person.name == name)
    }

    pub(crate) fn side(&self, name: char, room: usize) -> usize {
        usize::from(self.rooms[room - 1].members[1] == name)
    }

    fn at(&mut self, name: char) -> &mut Person {
        self.people.iter_mut().find(|person| person.name == name).unwrap()
    }

    fn attach(&mut self, name: char, link: u32, was: Was, now: Time) {
        if self.person(name).is_some() {
            return self.refuse(link, "two sessions have the same client id", now);
        }
        let ticket = TicketNumber::default();
        self.people.push(Person {
            name,
            link,
            ticket,
            wish: asked_for("default"),
            queued: now,
            arrival: 0,
            asked: now,
            wide: false,
            looks_again: Vec::new(),
            place: Place::Idle,
            last: None,
            recent: Vec::new(),
            blocked: Vec::new(),
        });
        match was {
            Was::Idle { attempt } => self.at(name).ticket.attempt = attempt,
            Was::Waiting { attempt, pool, waited } => self.act(name, Act::Join { attempt, pool, waited }, now),
            // No two of a random run announce the same room.
            Was::InRoom { ticket, room, partner, pool, waited, .. } => {
                let arrival = self.arrive();
                let until = (Time::ZERO + self.config.recovery).max(now + self.config.link_grace);
                let person = self.at(name);
                (person.ticket, person.wish, person.arrival) = (ticket, asked_for(pool), arrival);
                (person.queued, person.asked) = (now - waited, now - waited);
                person.place = Place::Half { until, room, partner };
            }
        }
    }

    fn act(&mut self, name: char, act: Act, now: Time) {
        let before = self.person(name).unwrap().clone();
        let attempt = match act {
            Act::Join { attempt, .. } | Act::Next { attempt, .. } | Act::Leave { attempt } => Some(attempt),
            Act::Report { attempt, room } if before.place == Place::Room(room) => Some(attempt),
            Act::Report { attempt, room } if matches!(before.place, Place::Half { room: of, .. } if of == room) => {
                Some(attempt)
            }
            Act::Report { attempt, .. } => Some(attempt).filter(|attempt| *attempt != before.ticket.attempt),
            Act::Forward { .. } | Act::Ack { .. } | Act::Decline { .. } | Act::End => None,
        };
        if let Some(attempt) = attempt {
            if attempt <= before.ticket.attempt {
                return self.refuse(before.link, "an attempt is not above the session's earlier ones", now);
            }
            self.at(name).ticket = TicketNumber { attempt, round: 0 };
        }
        match act {
            Act::Join { pool, waited, .. } => {
                let partner = self.walk_out(name, now);
                if before.place == Place::Idle {
                    let arrival = self.arrive();
                    (self.at(name).queued, self.at(name).arrival) = (now - waited, arrival);
                    self.at(name).asked = now - waited;
                } else if before.wish != asked_for(pool) {
                    self.at(name).asked = now;
                }
                self.at(name).wish = asked_for(pool);
                let mut placing = vec![name];
                if let Some((partner, _)) = partner
                    && self.tell_left(partner, "left")
                {
                    placing.push(partner);
                }
                self.place_in_turn(placing, now);
            }
            Act::Next { pool, .. } => self.next(name, pool, before.place, now),
            Act::Leave { .. } => self.leave(name, "left", now),
            Act::Report { room, .. } => {
                if attempt.is_some() {
                    self.leave(name, "left", now);
                }
                let known = self.person(name).unwrap().last;
                if let Some((last, of, parted)) = known
                    && of == room
                    && now.since(parted) <= self.config.report_window
                {
                    self.at(name).blocked.push(last);
                    self.lines.push(format!("{name} reports {last} of r{room} for spam"));
                }
            }
            Act::Forward { ticket, seq } => self.forward(&before, ticket, seq, now),
            Act::Ack { ticket, seq } => self.acknowledge(&before, ticket, seq),
            Act::Decline { ticket } if ticket == before.ticket => {
                if let Some((partner, _)) = (before.place != Place::Waiting).then(|| self.walk_out(name, now)).flatten()
                    && self.tell_left(partner, "left")
                {
                    self.place(partner, now);
                }
            }
            Act::Decline { .. } => {}
            Act::End => {
                self.leave(name, "disconnected", now);
                self.forget(name);
            }
        }
    }

    fn next(&mut self, name: char, pool: &'static str, before: Place, now: Time) {
        if let Place::Half { partner, .. } = before {
            self.keep_apart(name, partner, now);
        }
        let mut placing = Vec::new();
        if let Some((partner, lasted)) = self.walk_out(name, now) {
            self.keep_apart(name, partner, now);
            if self.tell_left(partner, "next") {
                self.requeue_last_if_long(partner, lasted, now);
                placing.push(partner);
            }
        }
        if before != Place::Waiting {
            let arrival = self.arrive();
            (self.at(name).queued, self.at(name).arrival) = (now, arrival);
        }
        (self.at(name).wish, self.at(name).asked) = (asked_for(pool), now);
        placing.push(name);
        self.place_in_turn(placing, now);
    }

    fn keep_apart(&mut self, presser: char, left: char, now: Time) {
        self.apart.retain(|apart| (apart.presser, apart.left) != (presser, left));
        self.apart.push(Apart { presser, left, until: now + self.config.rematch_after, tried_again: false });
    }

    fn leave(&mut self, name: char, reason: &str, now: Time) {
        if let Some((partner, lasted)) = self.walk_out(name, now)
            && self.tell_left(partner, reason)
        {
            self.requeue_last_if_long(partner, lasted, now);
            self.place(partner, now);
        }
    }

    fn forward(&mut self, sender: &Person, ticket: TicketNumber, seq: u64, now: Time) {
        let Place::Room(room) = sender.place else { return };
        if ticket != sender.ticket {
            return;
        }
        let side = self.side(sender.name, room);
        let sent = self.rooms[room - 1].sent[side];
        if seq > sent + 1 {
            return self.refuse(sender.link, "forwarded messages have a gap", now);
        }
        if seq == sent + 1 {
            self.rooms[room - 1].sent[side] = seq;
            let partner = self.rooms[room - 1].members[1 - side];
            let number = self.number(partner);
            self.lines.push(format!("{partner} gets {number} #{seq} {}{seq}", sender.name));
        }
    }

    fn acknowledge(&mut self, reader: &Person, ticket: TicketNumber, seq: u64) {
        let Place::Room(room) = reader.place else { return };
        let side = 1 - self.side(reader.name, room);
        let room = &mut self.rooms[room - 1];
        let seq = seq.min(room.sent[side]);
        if ticket == reader.ticket && seq > room.acknowledged[side] {
            room.acknowledged[side] = seq;
            let sender = room.members[side];
            let number = self.number(sender);
            self.lines.push(format!("{sender} acknowledged {number} #{seq}"));
        }
    }

    fn end_link(&mut self, link: u32, now: Time) {
        self.links.retain(|up| *up != link);
        let gone: Vec<char> =
            self.people.iter().filter(|person| person.link == link).map(|person| person.name).collect();
        let survivors: Vec<char> =
            gone.iter().filter_map(|name| self.walk_out(*name, now)).map(|(name, _)| name).collect();
        gone.iter().for_each(|name| self.forget(*name));
        let mut placing = Vec::new();
        for survivor in survivors.into_iter().filter(|survivor| !gone.contains(survivor)) {
            if self.tell_left(survivor, "disconnected") {
                placing.push(survivor);
            }
        }
        self.place_in_turn(placing, now);
    }

    fn refuse(&mut self, link: u32, reason: &str, now: Time) {
        self.lines.push(format!("{link} refused: {reason}"));
        self.end_link(link, now);
    }

    fn time_out(&mut self, now: Time) {
        let given_up = |person: &&Person| person.place.given_up_at().is_some_and(|until| until <= now);
        let mut left: Vec<_> = self.people.iter().filter(given_up).map(|person| (person.place, person.name)).collect();
        left.sort_unstable();
        let mut placing = Vec::new();
        for (_, name) in left {
            self.walk_out(name, now);
            if self.tell_left(name, "disconnected") {
                placing.push(name);
            }
        }
        self.place_in_turn(placing, now);
        let mut due = Vec::new();
        for apart in self.apart.iter_mut().filter(|apart| !apart.tried_again && apart.until <= now) {
            apart.tried_again = true;
            due.push(apart.presser);
        }
        let mut widened = Vec::new();
        for person in self.people.iter_mut().filter(|person| person.place == Place::Waiting) {
            let left: Vec<_> = person.looks_again.iter().copied().filter(|at| *at > now).collect();
            if left.len() < person.looks_again.len() {
                due.push(person.name);
            }
            person.looks_again = left;
            let wide = patience_ends(&self.config, person).is_some_and(|at| at <= now);
            if wide && !person.wide {
                person.wide = true;
                widened.push(person.name);
            }
        }
        let mut due: Vec<Person> = self.people.iter().filter(|person| due.contains(&person.name)).cloned().collect();
        due.sort_by_key(Person::served);
        for person in &due {
            if self.at(person.name).place == Place::Waiting
                && let Some(partner) = self.oldest_suitable(person.name, now)
            {
                self.meet(person.name, partner, now);
            }
        }
        for person in due {
            if self.at(person.name).place == Place::Waiting && widened.contains(&person.name) {
                self.tell_waiting(person.name, now);
            }
        }
    }

    /// Out of the queue or the room. Tells the partner, and how long the room lasted.
    fn walk_out(&mut self, name: char, now: Time) -> Option<(char, Duration)> {
        let place = std::mem::replace(&mut self.at(name).place, Place::Idle);
        if let Place::Half { room, partner, .. } = place {
            self.at(name).last = Some((partner, room, now));
        }
        let Place::Room(number) = place else { return None };
        let Room { members, created, .. } = &self.rooms[number - 1];
        let (members, created) = (*members, *created);
        self.rooms[number - 1].pool.clear();
        let partner = if members[0] == name { members[1] } else { members[0] };
        self.at(partner).place = Place::Idle;
        self.at(name).last = Some((partner, number, now));
        self.at(partner).last = Some((name, number, now));
        for (one, other) in [(name, partner), (partner, name)] {
            let known = self.at(one);
            known.recent.retain(|(met, _)| *met != other);
            known.recent.push((other, now));
        }
        Some((partner, now.since(created)))
    }

    /// Whether it is to be placed again.
    fn tell_left(&mut self, name: char, reason: &str) -> bool {
        let requeued = self.config.requeue_on_partner_leave;
        let then = if requeued { "requeued" } else { "idle" };
        let number = self.number(name);
        self.lines.push(format!("{name} left {number} {reason} {then}"));
        if requeued {
            self.at(name).ticket.round += 1;
        }
        requeued
    }

    fn requeue_last_if_long(&mut self, name: char, lasted: Duration, now: Time) {
        if lasted >= self.config.short_room {
            let arrival = self.arrive();
            (self.at(name).queued, self.at(name).arrival) = (now, arrival);
            self.at(name).asked = now;
        }
    }

    fn place_in_turn(&mut self, mut names: Vec<char>, now: Time) {
        names.sort_by_key(|name| self.person(*name).unwrap().served());
        names.into_iter().for_each(|name| self.place(name, now));
    }

    fn place(&mut self, name: char, now: Time) {
        let patience = patience_ends(&self.config, self.person(name).unwrap());
        self.at(name).wide = patience.is_none_or(|at| at <= now);
        if let Some(partner) = self.oldest_suitable(name, now) {
            return self.meet(name, partner, now);
        }
        let past_caring = self.person(name).unwrap().queued + self.config.rematch_patience;
        let person = self.at(name);
        person.place = Place::Waiting;
        person.looks_again = patience.into_iter().filter(|at| *at > now).collect();
        if !person.recent.is_empty() && past_caring > now {
            person.looks_again.push(past_caring);
        }
        self.tell_waiting(name, now);
    }

    fn tell_waiting(&mut self, name: char, now: Time) {
        let person = self.person(name).unwrap();
        let position = self.waiting(&person.wish.pool).filter(|other| other.served() <= person.served()).count();
        let (number, waited) = (self.number(name), seconds(now.since(person.queued)));
        let has_widened = person.wide && patience_ends(&self.config, person).is_some();
        let widened = if has_widened { " widened" } else { "" };
        self.lines.push(format!("{name} waiting {number} {} at {position} {waited}{widened}", person.wish.pool));
    }

    fn meet(&mut self, name: char, partner: char, now: Time) {
        let pool = self.person(name).unwrap().wish.pool.clone();
        self.rooms.push(Room { members: [name, partner], pool, created: now, sent: [0, 0], acknowledged: [0, 0] });
        let room = self.rooms.len();
        for (one, other, role) in [(partner, name, "answers"), (name, partner, "offers")] {
            self.at(one).place = Place::Room(room);
            let (number, waited) = (self.number(one), seconds(now.since(self.person(one).unwrap().queued)));
            let theirs = &self.person(other).unwrap().wish.tags;
            let own = &self.person(one).unwrap().wish.tags;
            let shared: Vec<_> = own.iter().filter(|tag| theirs.contains(tag)).map(String::as_str).collect();
            let by = if shared.is_empty() { String::new() } else { format!(" by {}", shared.join(",")) };
            self.lines.push(format!("{one} matched {number} {other} r{room} {role} {waited}{by}"));
        }
    }

    fn waiting(&self, pool: &str) -> impl Iterator<Item = &Person> {
        self.people.iter().filter(move |person| person.place == Place::Waiting && person.wish.pool == pool)
    }

    fn forget(&mut self, name: char) {
        self.people.retain(|person| person.name != name);
        self.apart.retain(|apart| apart.presser != name);
    }

    fn number(&self, name: char) -> String {
        let ticket = self.person(name).unwrap().ticket;
        format!("{}.{}", ticket.attempt, ticket.round)
    }

    fn arrive(&mut self) -> u64 {
        self.arrivals += 1;
        self.arrivals
    }
}

/// `None` if it insists on nothing.
fn patience_ends(config: &Config, person: &Person) -> Option<Time> {
    let insists = !person.wish.tags.is_empty() || person.wish.region.is_some();
    let patience = person.wish.patience.unwrap_or(config.patience);
    insists.then(|| person.queued.max(person.asked) + patience)
}
