//! A machine driven by short names, with outputs as lines of text: what scripts and random runs share.
//!
//! Clients are letters, links are numbers, rooms are counted from 1 in the order they are made. A connection keeps its letter
//! when its client resumes another's session.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use duet_matchmaker::engine::{Reply, Request};
use duet_matchmaker::{Config, Event as Happened, LinkKey, Matchmaker, Output};
use duet_proto::frame::{
    Attach, Avoided, Doing, Down, DownFrame, Forward, InRoom, Join, PartnerLeftReason, PoolName, Preferences, Region,
    Tag, Up, UpFrame, Waiting, Wishes,
};
use duet_proto::ids::{BootId, ClientId, RoomId, SessionNumber, TicketNumber};
use duet_proto::link::GatewayHello;
use duet_proto::time::Time;

#[cfg(feature = "server")]
pub(crate) mod at_hand;
mod resumable;
mod sharing;

pub(crate) use resumable::{Claim, Speech};
use sharing::engine_line;
pub(crate) use sharing::{Roaming, Says};

pub(crate) struct World {
    pub(crate) machine: Matchmaker,
    links: BTreeMap<u32, LinkKey>,
    pub(crate) sessions: BTreeMap<char, (u32, SessionNumber)>,
    numbers: u64,
    /// Raised when a gateway starts anew.
    boots: BTreeMap<u32, u8>,
    rooms: Vec<RoomId>,
    /// If the machine shares its pools and the engine is real.
    engine: Option<Box<dyn EngineAtHand>>,
}

/// An engine that answers before anything else happens.
pub(crate) trait EngineAtHand {
    /// Lets the time come, and renews leases on the way as a driver does.
    fn keep_up(&mut self, machine: &Matchmaker, now: Time);
    fn ask(&mut self, request: &Request);
    fn reply(&mut self) -> Option<Reply>;
}

/// Something that happens, by names.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    LinkUp(u32),
    /// Its gateway starts anew, and links.
    Boot(u32),
    LinkDown(u32),
    /// Its gateway takes too little, and of what is kept for it so many bytes fit.
    LinkOverflow(u32, usize),
    Attach(char, u32, Was),
    AttachResumable(char, u32, Was, Box<Claim>),
    Frame(char, Act),
    /// A frame that says how far the client's messages have come with it, or that only a resumable session sends.
    Speak(char, u64, Speech),
    Timeout,
    Engine(Says),
    Roam(Roaming),
}

/// What an attached session was doing.
#[derive(Clone, Debug)]
pub(crate) enum Was {
    Idle {
        attempt: u32,
    },
    Waiting {
        attempt: u32,
        pool: &'static str,
        waited: Duration,
    },
    InRoom {
        ticket: TicketNumber,
        /// A known room's number, or any other for a room of another matchmaker.
        room: usize,
        partner: char,
        initiator: bool,
        received: u64,
        pool: &'static str,
        waited: Duration,
    },
}

#[derive(Clone, Debug)]
pub(crate) enum Act {
    Join {
        attempt: u32,
        pool: &'static str,
        waited: Duration,
    },
    Next {
        attempt: u32,
        pool: &'static str,
    },
    Leave {
        attempt: u32,
    },
    /// Rooms by number; 0 is one that never was.
    Report {
        attempt: u32,
        room: usize,
    },
    Forward {
        ticket: TicketNumber,
        seq: u64,
    },
    Ack {
        ticket: TicketNumber,
        seq: u64,
    },
    Decline {
        ticket: TicketNumber,
    },
    End,
}

impl World {
    pub(crate) fn new(config: Config) -> Self {
        let machine = Matchmaker::new(config, [7; 32]);
        World {
            machine,
            links: BTreeMap::new(),
            sessions: BTreeMap::new(),
            numbers: 0,
            boots: BTreeMap::new(),
            rooms: Vec::new(),
            engine: None,
        }
    }

    /// With an engine that answers at once.
    #[cfg(feature = "server")]
    pub(crate) fn sharing(config: Config, engine: Box<dyn EngineAtHand>) -> Self {
        World { engine: Some(engine), ..World::new(config) }
    }

    pub(crate) fn asks_an_engine(&self) -> bool {
        self.engine.is_some()
    }

    /// Lets it happen, and tells all that came of it.
    pub(crate) fn feed(&mut self, event: Event, now: Time) -> Vec<String> {
        if let Some(engine) = &mut self.engine {
            engine.keep_up(&self.machine, now);
        }
        match event {
            Event::LinkUp(link) => self.link_up(link, now),
            Event::Boot(link) => {
                *self.boots.entry(link).or_default() += 1;
                self.link_up(link, now);
            }
            Event::LinkDown(link) => self.machine.link_down(self.links[&link], now),
            Event::LinkOverflow(link, fits) => self.machine.link_overflowed(self.links[&link], fits, now),
            Event::Attach(client, link, was) => {
                self.begin(client, link);
                let (attempt, doing) = self.doing(was);
                let attach = Attach { client: client_id(client), identity: None, attempt, doing, resumable: None };
                self.frame(client, Up::Attach(Box::new(attach)), now);
            }
            Event::AttachResumable(client, link, was, claim) => {
                self.begin(client, link);
                self.attach_resumable(client, was, *claim, now);
            }
            Event::Speak(client, client_seq, speech) => self.speak(client, client_seq, speech, now),
            Event::Frame(client, act) => {
                let kind = self.kind(client, act);
                self.frame(client, kind, now);
            }
            Event::Timeout => self.machine.handle_timeout(now),
            Event::Engine(says) => self.hear(says, now),
            Event::Roam(roaming) => self.roam(&roaming, now),
        }
        let mut lines = self.drain();
        while let Some(reply) = self.engine.as_mut().and_then(|engine| engine.reply()) {
            self.machine.handle_engine(reply, now);
            lines.extend(self.drain());
        }
        lines
    }

    /// Lets an operator do something, and tells all that came of it.
    pub(crate) fn order(&mut self, order: impl FnOnce(&mut Matchmaker)) -> Vec<String> {
        order(&mut self.machine);
        self.drain()
    }

    fn link_up(&mut self, link: u32, now: Time) {
        let boot = boot_of(self.boots.get(&link));
        let key = self.machine.link_up(GatewayHello { gateway: format!("g{link}"), boot, worker: 0 }, now);
        self.links.insert(link, key);
    }

    /// A session on a link, which may be at another replica.
    pub(crate) fn begin(&mut self, client: char, link: u32) {
        self.numbers += 1;
        self.sessions.insert(client, (link, SessionNumber(self.numbers)));
    }

    fn frame(&mut self, client: char, kind: Up, now: Time) {
        let (link, session) = self.sessions[&client];
        self.machine.handle_frame(self.links[&link], UpFrame { session, client_seq: 0, kind }, now);
    }

    fn kind(&self, client: char, act: Act) -> Up {
        match act {
            Act::Join { attempt, pool, waited } => Up::Join(Join { attempt, wishes: wishes(pool), waited }),
            Act::Next { attempt, pool } => Up::Next { attempt, wishes: wishes(pool) },
            Act::Leave { attempt } => Up::Leave { attempt },
            Act::Report { attempt, room } => {
                Up::Report { attempt, room: self.room_id(room), reason: "spam".into(), details: String::new() }
            }
            Act::Forward { ticket, seq } => {
                Up::Forward(Forward { ticket, seq, text: Bytes::from(format!("{client}{seq}")) })
            }
            Act::Ack { ticket, seq } => Up::Ack { ticket, seq },
            Act::Decline { ticket } => Up::Decline { ticket },
            Act::End => Up::End,
        }
    }

    fn drain(&mut self) -> Vec<String> {
        let outputs: Vec<_> = std::iter::from_fn(|| self.machine.poll_output()).collect();
        outputs.into_iter().filter_map(|output| self.line(output)).collect()
    }

    /// What the frames tell already is not told as an event once more.
    fn line(&mut self, output: Output) -> Option<String> {
        Some(match output {
            Output::Frame { link, frame } => {
                let named =
                    |(_, session): &(&char, &(u32, SessionNumber))| **session == (self.link(link), frame.session);
                let to = self.sessions.iter().find(named).map(|(client, _)| *client).expect("outputs are for sessions");
                let DownFrame { seq, taken, .. } = frame;
                let line = self.frame_line(to, frame.kind);
                match (seq, taken) {
                    (0, 0) => line,
                    (_, 0) => format!("{line} [{seq}]"),
                    _ => format!("{line} [{seq} taken {taken}]"),
                }
            }
            Output::LinkRefused { link, reason } => format!("{} refused: {reason}", self.link(link)),
            Output::LinkReplaced { link } => format!("{} replaced", self.links_ever(link)),
            Output::Engine(request) => match &mut self.engine {
                Some(engine) => {
                    engine.ask(&request);
                    return None;
                }
                None => engine_line(*request),
            },
            Output::Event(event) => match *event {
                Happened::Matched(_) | Happened::RoomEnded(_) | Happened::SessionChanged(_) => return None,
                Happened::Quarantined(quarantined) => {
                    let (whom, for_how_long) = (letter(quarantined.party.client), seconds(quarantined.lasts));
                    format!("{whom} in quarantine for {for_how_long} by {}", quarantined.reporters)
                }
                Happened::Reported(report) => {
                    let (by, whom) = (letter(report.reporter.client), letter(report.reported.client));
                    format!("{by} reports {whom} of r{} for {}", self.room(report.room), report.reason)
                }
            },
        })
    }

    fn frame_line(&mut self, to: char, kind: Down) -> String {
        match kind {
            Down::Waiting(Waiting { ticket, pool, position, waited, estimate: _, widened }) => {
                let widened = if widened { " widened" } else { "" };
                format!("{to} waiting {} {} at {position} {}{widened}", number(ticket), pool.as_str(), seconds(waited))
            }
            Down::Matched(matched) => {
                let role = if matched.initiator { "offers" } else { "answers" };
                let (partner, room) = (letter(matched.partner), self.room(matched.room));
                let (number, waited) = (number(matched.ticket), seconds(matched.waited));
                let tags: Vec<_> = matched.tags.iter().map(Tag::as_str).collect();
                let by = if tags.is_empty() { String::new() } else { format!(" by {}", tags.join(",")) };
                format!("{to} matched {number} {partner} r{room} {role} {waited}{by}")
            }
            Down::Forward(forward) => {
                format!("{to} gets {} #{} {}", number(forward.ticket), forward.seq, text_of(&forward.text))
            }
            Down::PartnerLeft { ticket, reason, requeued } => {
                let then = if requeued { "requeued" } else { "idle" };
                format!("{to} left {} {} {then}", number(ticket), reason_word(reason))
            }
            Down::Resume { ticket, received, passed } if passed > received => {
                format!("{to} resumes {} after #{received}, passed #{passed}", number(ticket))
            }
            Down::Resume { ticket, received, .. } => format!("{to} resumes {} after #{received}", number(ticket)),
            Down::Ack { ticket, seq } => format!("{to} acknowledged {} #{seq}", number(ticket)),
            Down::PartnerAway { ticket } => format!("{to} partner away {}", number(ticket)),
            Down::PartnerBack { ticket } => format!("{to} partner back {}", number(ticket)),
            Down::SessionResumed(resumed) => format!("{to} is {}", self.resumed(*resumed)),
            Down::ResumeFailed => format!("{to} resumes nothing"),
            Down::SessionEnded { reason } => format!("{to} ended: {reason:?}"),
            Down::Summon { client, ticket } => format!("{to} summons {} {}", letter(client), number(ticket)),
            Down::PoolFull { ticket, reason } => format!("{to} refused {}: {reason:?}", number(ticket)),
            Down::Settled { taken } => format!("{to} taken #{taken}"),
        }
    }

    fn link(&self, key: LinkKey) -> u32 {
        *self.links.iter().find(|(_, link)| **link == key).expect("outputs are for links that are up").0
    }

    /// The name of a link that may have a successor by now.
    fn links_ever(&self, key: LinkKey) -> String {
        self.links.iter().find(|(_, link)| **link == key).map_or("old".into(), |(name, _)| name.to_string())
    }

    fn room(&mut self, id: RoomId) -> usize {
        let known = self.rooms.iter().position(|room| *room == id);
        known.unwrap_or_else(|| {
            self.rooms.push(id);
            self.rooms.len() - 1
        }) + 1
    }

    /// A number that no room has yet stands for one of another matchmaker.
    pub(crate) fn room_id(&self, number: usize) -> RoomId {
        let known = number.checked_sub(1).and_then(|index| self.rooms.get(index));
        known.copied().unwrap_or_else(|| RoomId::from_random((number as u128).to_be_bytes()))
    }

    fn doing(&self, was: Was) -> (u32, Doing) {
        match was {
            Was::Idle { attempt } => (attempt, Doing::Idle),
            Was::Waiting { attempt, pool, waited } => {
                (attempt, Doing::Waiting(Join { attempt, wishes: wishes(pool), waited }))
            }
            Was::InRoom { ticket, room, partner, initiator, received, pool, waited } => {
                let (room, partner) = (self.room_id(room), client_id(partner));
                let join = Join { attempt: ticket.attempt, wishes: wishes(pool), waited };
                (
                    ticket.attempt,
                    Doing::InRoom(InRoom {
                        ticket,
                        room,
                        partner,
                        initiator,
                        received,
                        sent: 0,
                        acknowledged: 0,
                        partner_away: false,
                        join,
                    }),
                )
            }
        }
    }
}

pub(crate) fn client_id(client: char) -> ClientId {
    ClientId::from_random([client as u8; 16])
}

fn boot_of(count: Option<&u8>) -> BootId {
    BootId::from_random([count.copied().unwrap_or_default(); 16])
}

fn letter(client: ClientId) -> char {
    char::from(client.as_bytes()[0])
}

/// A wish as a script writes it: `pool+tag,tag@region!patience^head-start~avoided`, the times in milliseconds, the avoided by their
/// letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) pool: String,
    pub(crate) tags: Vec<String>,
    pub(crate) region: Option<String>,
    pub(crate) patience: Option<Duration>,
    pub(crate) head_start: Duration,
    pub(crate) avoid: Vec<char>,
}

pub(crate) fn asked_for(wish: &str) -> Asked {
    let end = |from: usize| wish[from..].find(['+', '@', '!', '^', '~']).map_or(wish.len(), |at| from + at);
    let part = |sign: char| wish.find(sign).map(|at| &wish[at + 1..end(at + 1)]);
    let millis = |sign: char| part(sign).map(|millis| Duration::from_millis(millis.parse().unwrap()));
    Asked {
        pool: wish[..end(0)].to_owned(),
        tags: part('+').map_or(Vec::new(), |tags| tags.split(',').map(str::to_owned).collect()),
        region: part('@').map(str::to_owned),
        patience: millis('!'),
        head_start: millis('^').unwrap_or_default(),
        avoid: part('~').map_or(Vec::new(), |avoided| avoided.chars().collect()),
    }
}

pub(crate) fn wishes(wish: &str) -> Wishes {
    let asked = asked_for(wish);
    let preferences = Preferences {
        tags: asked.tags.iter().map(|tag| Tag::new(tag).unwrap()).collect(),
        avoid: asked.avoid.iter().map(|letter| Avoided::new(&client_id(*letter).to_string()).unwrap()).collect(),
        region: asked.region.map(|region| Region::new(&region).unwrap()),
        patience: asked.patience,
        head_start: asked.head_start,
    };
    Wishes::new(PoolName::new(&asked.pool).unwrap(), preferences)
}

fn number(ticket: TicketNumber) -> String {
    format!("{}.{}", ticket.attempt, ticket.round)
}

pub(crate) fn seconds(waited: Duration) -> String {
    format!("{}s", waited.as_secs_f64())
}

/// A message, or how large it is.
fn text_of(text: &[u8]) -> String {
    if text.len() > 16 { format!("{} bytes", text.len()) } else { String::from_utf8_lossy(text).into_owned() }
}

fn reason_word(reason: PartnerLeftReason) -> &'static str {
    match reason {
        PartnerLeftReason::Left => "left",
        PartnerLeftReason::Next => "next",
        PartnerLeftReason::Disconnected => "disconnected",
        PartnerLeftReason::Closed => "closed",
    }
}

/// The default settings, but who has met may meet again, and nobody who waits is told how it stands from time to time.
pub(crate) fn config() -> Config {
    Config { news_after: Duration::ZERO, recent_partners: 0, ..Config::default() }
}
