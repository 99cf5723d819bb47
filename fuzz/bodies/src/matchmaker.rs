//! Gateways that say anything to a matchmaker.

use std::collections::BTreeSet;
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use bytes::Bytes;
use duet_matchmaker::{Config, Event, LinkKey, Matchmaker, Output, SessionState};
use duet_proto::frame::{
    Attach, Avoided, CallOutcome, Doing, Forward, Identity, InRoom, Join, PoolName, Preferences, Region, Resumable,
    Tag, Up, UpFrame, Wishes,
};
use duet_proto::ids::{BootId, ClientId, RoomId, SessionNumber, TicketNumber};
use duet_proto::link::GatewayHello;
use duet_proto::time::Time;
use duet_proto::token::{ResumeToken, TokenHash};

/// Nobody is in two rooms or with themselves, the counts agree with the lists, and nothing is sent over a link that is not up.
pub fn matchmaker(data: &[u8]) {
    let mut data = Unstructured::new(data);
    let mut world = World::new();
    while !data.is_empty() {
        let Ok(input) = Input::arbitrary(&mut data) else { break };
        world.feed(input);
        world.check();
    }
    world.run_out();
}

#[derive(Debug, Arbitrary)]
enum Input {
    Boot { gateway: u8, boot: u8 },
    LinkDown { link: u8 },
    LinkOverflows { link: u8, fits: u16 },
    Says { link: u8, session: u8, client_seq: u8, act: Act },
    Wait { milliseconds: u16 },
}

#[derive(Debug, Arbitrary)]
enum Act {
    Attach { client: u8, attempt: u8, resumable: Option<Announced>, was: Was },
    Identify,
    Join { attempt: u8, asked: u8, waited: u8 },
    Next { attempt: u8, asked: u8 },
    Leave { attempt: u8 },
    Forward { ticket: Ticket, seq: u8 },
    Ack { ticket: Ticket, seq: u8 },
    Report { attempt: u8, room: Room },
    End,
    Decline { ticket: Ticket },
    Broken { ticket: Ticket },
    Detach,
    Resume { token: u8, next_token: u8, ack: u8, attempt: u8 },
    Adopted,
    Settle { ack: u8 },
    CallState { ticket: Ticket, connected: bool, setup: Option<u16> },
}

#[derive(Debug, Arbitrary)]
struct Announced {
    epoch: u8,
    token: u8,
    detached: Option<u8>,
    seq: u8,
    client_seq: u8,
    taken: u8,
}

#[derive(Debug, Arbitrary)]
enum Was {
    Idle,
    Waiting { asked: u8, waited: u8 },
    InRoom { ticket: Ticket, room: Room, partner: u8, initiator: bool, received: u8, sent: u8, acknowledged: u8 },
}

#[derive(Clone, Copy, Debug, Arbitrary)]
struct Ticket {
    attempt: u8,
    round: u8,
}

/// One that was made, or one that never was.
#[derive(Clone, Copy, Debug, Arbitrary)]
struct Room(u8);

struct World {
    machine: Matchmaker,
    now: Time,
    links: Vec<LinkKey>,
    up: BTreeSet<LinkKey>,
    rooms: Vec<RoomId>,
}

impl World {
    fn new() -> Self {
        let machine = Matchmaker::new(Config::default(), [7; 32]);
        World { machine, now: Time::ZERO, links: Vec::new(), up: BTreeSet::new(), rooms: Vec::new() }
    }

    fn feed(&mut self, input: Input) {
        let now = self.now;
        match input {
            Input::Boot { gateway, boot } => {
                let hello = GatewayHello {
                    gateway: format!("gateway {}", gateway % 3),
                    boot: BootId::from_random([boot % 2; 16]),
                    worker: u32::from(gateway / 128),
                };
                let link = self.machine.link_up(hello, now);
                self.links.push(link);
                self.up.insert(link);
            }
            Input::LinkDown { link } => {
                let Some(link) = self.link(link) else { return };
                self.up.remove(&link);
                self.machine.link_down(link, now);
            }
            Input::LinkOverflows { link, fits } => {
                let Some(link) = self.link(link) else { return };
                self.machine.link_overflowed(link, fits.into(), now);
                // What sessions that end are told goes the way of all that did not fit.
                self.drain();
                self.up.remove(&link);
            }
            Input::Says { link, session, client_seq, act } => {
                let Some(link) = self.link(link) else { return };
                let frame = UpFrame {
                    session: SessionNumber(u64::from(session % 5) + 1),
                    client_seq: client_seq.into(),
                    kind: self.frame(act),
                };
                self.machine.handle_frame(link, frame, now);
            }
            Input::Wait { milliseconds } => {
                let end = now + Duration::from_millis(milliseconds.into());
                self.wait_until(end);
                self.now = end;
            }
        }
        self.drain();
    }

    /// Everything due is done at its time.
    fn wait_until(&mut self, end: Time) {
        while let Some(due) = self.machine.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.machine.handle_timeout(self.now);
            self.drain();
            assert!(self.machine.poll_timeout().is_none_or(|next| next > self.now), "what is due is not done");
        }
    }

    fn link(&self, link: u8) -> Option<LinkKey> {
        (!self.links.is_empty()).then(|| self.links[usize::from(link) % self.links.len()])
    }

    fn drain(&mut self) {
        while let Some(output) = self.machine.poll_output() {
            match output {
                Output::Frame { link, frame } => {
                    assert!(self.up.contains(&link), "a frame for a link that is not up");
                    if let duet_proto::frame::Down::Matched(matched) = frame.kind {
                        self.rooms.push(matched.room);
                    }
                }
                Output::LinkRefused { link, .. } | Output::LinkReplaced { link } => {
                    assert!(self.up.remove(&link), "a link ends twice");
                }
                Output::Event(event) => check_event(&event),
                Output::Engine(_) => panic!("its pools are its own"),
            }
        }
    }

    /// What any observer can see.
    fn check(&self) {
        let stats = self.machine.stats(self.now);
        let mut in_rooms = BTreeSet::new();
        for room in self.machine.rooms_after(None) {
            let [one, other] = room.members;
            assert_ne!(one.client, other.client, "with oneself");
            assert_ne!(one.initiator, other.initiator, "exactly one makes the offer");
            for member in room.members {
                assert!(in_rooms.insert(member.client), "in two rooms");
                let state = self.machine.session(member.client).map(|session| session.state);
                assert_eq!(state, Some(SessionState::Matched { room: room.id }));
                assert!(member.acknowledged <= member.sent, "acknowledged what never was");
            }
        }
        assert_eq!(in_rooms.len(), 2 * stats.rooms);
        let sessions: Vec<_> = self.machine.sessions_after(None).collect();
        assert_eq!(sessions.len(), stats.sessions);
        let waiting = sessions.iter().filter(|session| matches!(session.state, SessionState::Waiting { .. })).count();
        assert_eq!(waiting, stats.waiting);
        assert_eq!(self.machine.pools(self.now).map(|pool| pool.waiting).sum::<usize>(), stats.waiting);
        assert_eq!(stats.links, self.up.len());
    }

    /// When every gateway has gone for good, nothing is left.
    fn run_out(&mut self) {
        for link in std::mem::take(&mut self.up) {
            self.machine.link_down(link, self.now);
        }
        self.drain();
        self.wait_until(self.now + Duration::from_secs(3_600));
        let stats = self.machine.stats(self.now);
        assert_eq!((stats.sessions, stats.rooms, stats.waiting), (0, 0, 0), "somebody is left over");
    }

    fn frame(&self, act: Act) -> Up {
        match act {
            Act::Attach { client: number, attempt, resumable, was } => Up::Attach(Box::new(Attach {
                client: client(number),
                identity: None,
                attempt: attempt.into(),
                doing: self.doing(was, attempt),
                resumable: resumable.map(|announced| Box::new(announced.into())),
            })),
            Act::Identify => Up::Identify(Identity::unverified("ann".to_owned())),
            Act::Join { attempt, asked, waited } => Up::Join(join(attempt, asked, waited)),
            Act::Next { attempt, asked } => Up::Next { attempt: attempt.into(), wishes: wishes(asked) },
            Act::Leave { attempt } => Up::Leave { attempt: attempt.into() },
            Act::Forward { ticket, seq } => {
                Up::Forward(Forward { ticket: ticket.into(), seq: seq.into(), text: Bytes::from_static(b"{}") })
            }
            Act::Ack { ticket, seq } => Up::Ack { ticket: ticket.into(), seq: seq.into() },
            Act::Report { attempt, room } => Up::Report {
                attempt: attempt.into(),
                room: self.room(room),
                reason: "spam".to_owned(),
                details: String::new(),
            },
            Act::End => Up::End,
            Act::Decline { ticket } => Up::Decline { ticket: ticket.into() },
            Act::Broken { ticket } => Up::Broken { ticket: ticket.into() },
            Act::CallState { ticket, connected, setup } => Up::CallState {
                ticket: ticket.into(),
                outcome: if connected { CallOutcome::Connected } else { CallOutcome::Failed },
                setup: setup.map(|setup| Duration::from_millis(setup.into())),
            },
            Act::Detach => Up::Detach,
            Act::Resume { token: old, next_token, ack, attempt } => Up::ResumeSession {
                token: token(old),
                next_token: token(next_token),
                ack: ack.into(),
                attempt: attempt.into(),
            },
            Act::Adopted => Up::Adopted,
            Act::Settle { ack } => Up::Settle { ack: ack.into() },
        }
    }

    fn doing(&self, was: Was, attempt: u8) -> Doing {
        match was {
            Was::Idle => Doing::Idle,
            Was::Waiting { asked, waited } => Doing::Waiting(join(attempt, asked, waited)),
            Was::InRoom { ticket, room, partner, initiator, received, sent, acknowledged } => Doing::InRoom(InRoom {
                ticket: ticket.into(),
                room: self.room(room),
                partner: client(partner),
                initiator,
                received: received.into(),
                sent: sent.into(),
                acknowledged: acknowledged.into(),
                partner_away: false,
                join: join(attempt, 0, 0),
            }),
        }
    }

    fn room(&self, Room(number): Room) -> RoomId {
        let made = self.rooms.iter().rev().nth(usize::from(number / 4));
        made.copied().filter(|_| number % 4 != 0).unwrap_or_else(|| RoomId::from_random([number; 16]))
    }
}

impl From<Ticket> for TicketNumber {
    fn from(Ticket { attempt, round }: Ticket) -> Self {
        TicketNumber { attempt: u32::from(attempt % 16), round: u32::from(round % 4) }
    }
}

impl From<Announced> for Resumable {
    fn from(announced: Announced) -> Self {
        Resumable {
            epoch: announced.epoch.into(),
            token: token(announced.token),
            earlier_token: None,
            window: Duration::from_secs(15),
            detached: announced.detached.map(|left| Duration::from_millis(50 * u64::from(left))),
            seq: announced.seq.into(),
            kept: Vec::new(),
            client_seq: announced.client_seq.into(),
            taken: announced.taken.min(announced.client_seq).into(),
        }
    }
}

fn client(number: u8) -> ClientId {
    ClientId::from_random([number % 8; 16])
}

fn token(number: u8) -> TokenHash {
    ResumeToken::from_random([number % 8; 32]).hash()
}

fn join(attempt: u8, asked: u8, waited: u8) -> Join {
    Join { attempt: attempt.into(), wishes: wishes(asked), waited: Duration::from_millis(100 * u64::from(waited)) }
}

/// One bit for each thing that may be asked for.
fn wishes(asked: u8) -> Wishes {
    let is_asked = |bit: u8| asked & (1 << bit) != 0;
    let pool = if is_asked(0) { PoolName::new("chess").expect("a fine name") } else { PoolName::default() };
    let tag = |bit: u8, name| is_asked(bit).then(|| Tag::new(name).expect("a fine tag"));
    let avoided = |bit: u8| is_asked(bit).then(|| Avoided::new(&client(bit).to_string()).expect("an id is fine"));
    let preferences = Preferences {
        tags: [tag(1, "a"), tag(2, "b")].into_iter().flatten().collect(),
        avoid: [avoided(3), avoided(4)].into_iter().flatten().collect(),
        region: is_asked(5).then(|| Region::new("eu").expect("a fine region")),
        patience: is_asked(6).then_some(Duration::from_millis(100)),
        head_start: Duration::from_millis(if is_asked(7) { 300 } else { 0 }),
    };
    Wishes::new(pool, preferences)
}

/// Nobody meets, leaves or reports themselves.
fn check_event(event: &Event) {
    let (one, other) = match event {
        Event::Matched(made) => (&made.members[0], &made.members[1]),
        Event::RoomEnded(ended) => (&ended.members[0], &ended.members[1]),
        Event::Reported(report) => (&report.reporter, &report.reported),
        Event::Quarantined(_) | Event::SessionChanged(_) => return,
    };
    assert_ne!(one.client, other.client);
}
