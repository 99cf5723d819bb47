//! The matchmaker itself, driven by the frames of one link as a gateway would send them.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use duet_matchmaker::{Config, Event, LinkKey, Matchmaker, Output};
use duet_proto::frame::{
    Attach, Doing, Down, DownFrame, Identity, Join, PoolName, Preferences, Region, Resumable, Tag, Up, UpFrame, Wishes,
};
use duet_proto::ids::{BootId, ClientId, SessionNumber};
use duet_proto::link::GatewayHello;
use duet_proto::time::Time;
use duet_proto::token::TokenHash;

use super::{Matching, Pair, Parting};
use crate::people::{Name, Then, Wants};
use crate::queue::Queue;

#[derive(Debug)]
pub(super) struct Machine {
    machine: Matchmaker,
    link: LinkKey,
    patience: Duration,
    seats: HashMap<Name, Seat>,
    by_client: HashMap<ClientId, Name>,
    by_number: HashMap<SessionNumber, Name>,
    /// Of the newest session.
    last: u64,
    pairs: VecDeque<Pair>,
}

/// What a gateway knows of a session.
#[derive(Debug)]
struct Seat {
    number: SessionNumber,
    client: ClientId,
    attempt: u32,
    wishes: Wishes,
    /// Only those whose connections break need to be resumable.
    token: Option<TokenHash>,
    /// The highest number that its client has heard.
    heard: u64,
}

impl Machine {
    pub(super) fn new(patience: Duration, seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_be_bytes());
        // The other policies take everybody, too.
        let config = Config { max_waiting_per_pool: 0, ..Config::default() };
        let mut machine = Matchmaker::new(config, bytes);
        let boot = BootId::from_random([1; 16]);
        let hello = GatewayHello { gateway: "simulator".to_owned(), boot, worker: 0 };
        let link = machine.link_up(hello, Time::ZERO);
        Machine {
            machine,
            link,
            patience,
            seats: HashMap::new(),
            by_client: HashMap::new(),
            by_number: HashMap::new(),
            last: 0,
            pairs: VecDeque::new(),
        }
    }

    /// Attaches a session. The token is its own, for whom it may be resumed.
    fn attach(&mut self, identity: Option<Identity>, is_resumable: bool, now: Time) -> Attached {
        self.last += 1;
        let number = SessionNumber(self.last);
        let mut id = [0; 16];
        // Spread as random ids are.
        id[..8].copy_from_slice(&self.last.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        let client = ClientId::from_random(id);
        let mut token = [0; 32];
        token[..8].copy_from_slice(&self.last.to_be_bytes());
        let token = is_resumable.then(|| TokenHash::from(token));
        let resumable = token.map(|token| {
            Box::new(Resumable {
                epoch: 0,
                token,
                earlier_token: None,
                window: duet_proto::bounds::RESUME_WINDOW,
                detached: None,
                seq: 0,
                kept: Vec::new(),
                client_seq: 0,
                taken: 0,
            })
        });
        let attach = Attach { client, identity, attempt: 0, doing: Doing::Idle, resumable };
        self.push(number, Up::Attach(Box::new(attach)), now);
        Attached { number, client, token }
    }

    fn push(&mut self, session: SessionNumber, kind: Up, now: Time) {
        self.machine.handle_frame(self.link, UpFrame { session, client_seq: 0, kind }, now);
    }

    fn seat(&mut self, name: Name) -> &mut Seat {
        self.seats.get_mut(&name).expect("whoever does something has come before")
    }

    fn next(&mut self, name: Name, now: Time) {
        let seat = self.seat(name);
        seat.attempt += 1;
        let (number, attempt, wishes) = (seat.number, seat.attempt, seat.wishes.clone());
        self.push(number, Up::Next { attempt, wishes }, now);
    }

    fn end(&mut self, name: Name, now: Time) {
        let Some(seat) = self.seats.remove(&name) else { return };
        self.by_client.remove(&seat.client);
        self.by_number.remove(&seat.number);
        self.push(seat.number, Up::End, now);
    }

    /// Takes what the machine has to say. A client acknowledges at once what it has to.
    fn drain(&mut self, now: Time) {
        while let Some(output) = self.machine.poll_output() {
            match output {
                Output::Frame { frame, .. } => self.hear(&frame, now),
                Output::Event(event) => {
                    if let Event::Matched(made) = *event {
                        let [newcomer, waiter] = made.members.map(|member| self.by_client[&member.client]);
                        self.pairs.push_back(Pair { newcomer, waiter });
                    }
                }
                Output::LinkRefused { reason, .. } => panic!("the simulator breaks a rule of the link: {reason}"),
                Output::LinkReplaced { .. } => panic!("there is one link"),
                Output::Engine(_) => panic!("its pools are its own"),
            }
        }
    }

    fn hear(&mut self, frame: &DownFrame, now: Time) {
        if matches!(frame.kind, Down::PoolFull { .. } | Down::ResumeFailed) {
            panic!("the matchmaker refuses what it must take: {:?}", frame.kind);
        }
        if frame.seq == 0 {
            return;
        }
        if let Some(name) = self.by_number.get(&frame.session).copied() {
            self.seat(name).heard = frame.seq;
            self.push(frame.session, Up::Settle { ack: frame.seq }, now);
        }
    }

    fn wishes(&self, wants: &Wants) -> Wishes {
        let tag = |rank: &u16| Tag::new(&format!("tag {rank}")).expect("the name is printable");
        let region = |number: u8| Region::new(&format!("region {number}")).expect("the name is printable");
        let mut preferences = Preferences {
            tags: wants.tags.iter().map(tag).collect(),
            region: wants.region.map(region),
            ..Preferences::default()
        };
        if preferences != Preferences::default() {
            preferences.patience = Some(self.patience);
        }
        Wishes::new(PoolName::default(), preferences)
    }
}

/// A session that has been attached.
struct Attached {
    number: SessionNumber,
    client: ClientId,
    token: Option<TokenHash>,
}

impl Matching for Machine {
    fn join(&mut self, name: Name, wants: &Wants, now: Time) {
        let user = || format!("user {}", name.0);
        let identity = wants.verified.then(|| Identity { verified: true, ..Identity::unverified(user()) });
        let Attached { number, client, token } = self.attach(identity, wants.vanishes, now);
        let wishes = self.wishes(wants);
        self.by_client.insert(client, name);
        self.by_number.insert(number, name);
        self.seats.insert(name, Seat { number, client, attempt: 1, wishes: wishes.clone(), token, heard: 0 });
        self.push(number, Up::Join(Join { attempt: 1, wishes, waited: Duration::ZERO }), now);
        self.drain(now);
    }

    fn part(&mut self, parting: Parting, now: Time) {
        match parting.then {
            Then::Next => self.next(parting.leaver, now),
            Then::Leave => self.end(parting.leaver, now),
        }
        self.drain(now);
    }

    fn vanish(&mut self, name: Name, now: Time) {
        let number = self.seat(name).number;
        self.push(number, Up::Detach, now);
        self.drain(now);
    }

    fn come_back(&mut self, name: Name, now: Time) {
        let Attached { number, token: next, .. } = self.attach(None, true, now);
        let seat = self.seat(name);
        let (former, ack) = (std::mem::replace(&mut seat.number, number), seat.heard);
        let token = std::mem::replace(&mut seat.token, next).expect("only who is resumable vanishes");
        let next_token = next.expect("it is resumable");
        self.by_number.remove(&former);
        self.by_number.insert(number, name);
        self.push(number, Up::ResumeSession { token, next_token, ack, attempt: 0 }, now);
        self.push(number, Up::Adopted, now);
        self.drain(now);
    }

    fn poll_timeout(&self) -> Option<Time> {
        self.machine.poll_timeout()
    }

    fn handle_timeout(&mut self, now: Time) {
        self.machine.handle_timeout(now);
        self.drain(now);
    }

    fn poll_pair(&mut self, _: &Queue, _: Time) -> Option<Pair> {
        self.pairs.pop_front()
    }
}
