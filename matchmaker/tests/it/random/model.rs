//! A gateway's session as `signaling.proto` wants it: it keeps what it sends until that is acknowledged, repeats it after
//! `Resume`, tells the truth when it is announced, and judges all that it hears.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use duet_proto::frame::{Attach, Doing, Down, Forward, InRoom, Join, Matched, Up, Waiting, Wishes};
use duet_proto::ids::{ClientId, RoomId, TicketNumber};
use duet_proto::time::Time;

#[derive(Debug)]
pub(super) struct Model {
    pub(super) client: ClientId,
    pub(super) attempt: u32,
    pub(super) doing: Belief,
    /// What it has sent on its link that the link has not carried yet.
    pub(super) outbox: Vec<Up>,
    rooms: BTreeSet<RoomId>,
    /// The last ticket that a `PartnerLeft` ended, on this link.
    over: Option<TicketNumber>,
    /// When the present wish began. What was shorter than a short room certainly keeps its place.
    began: Time,
    /// The place that was told last; later ones are no later than it.
    place: Option<Time>,
    /// When it was announced first since it was told its place: that may have moved by what the announcement took.
    announced: Option<Time>,
}

#[derive(Debug)]
pub(super) enum Belief {
    Idle,
    Seeking { wishes: Wishes, since: Time },
    Talking(Talk),
}

#[derive(Debug)]
pub(super) struct Talk {
    ticket: TicketNumber,
    pub(super) room: RoomId,
    pub(super) partner: ClientId,
    initiator: bool,
    wishes: Wishes,
    since: Time,
    pub(super) received: u64,
    pub(super) sent: u64,
    /// Sent and not acknowledged.
    kept: VecDeque<u64>,
    pub(super) may_send: bool,
}

impl Model {
    pub(super) fn new(client: ClientId, now: Time) -> Self {
        Model {
            client,
            attempt: 0,
            doing: Belief::Idle,
            outbox: Vec::new(),
            rooms: BTreeSet::new(),
            over: None,
            began: now,
            place: None,
            announced: None,
        }
    }

    /// Its link is up: what it says first.
    pub(super) fn announce(&mut self, now: Time) -> Attach {
        self.over = None;
        self.announced.get_or_insert(now);
        self.outbox.clear();
        let join = |wishes: &Wishes, since: Time| Join {
            attempt: self.attempt,
            wishes: wishes.clone(),
            waited: now.since(since),
        };
        let doing = match &mut self.doing {
            Belief::Idle => Doing::Idle,
            Belief::Seeking { wishes, since } => Doing::Waiting(join(wishes, *since)),
            Belief::Talking(talk) => {
                talk.may_send = false;
                Doing::InRoom(InRoom {
                    ticket: talk.ticket,
                    room: talk.room,
                    partner: talk.partner,
                    initiator: talk.initiator,
                    received: talk.received,
                    sent: talk.sent,
                    acknowledged: talk.sent - talk.kept.len() as u64,
                    partner_away: false,
                    join: join(&talk.wishes, talk.since),
                })
            }
        };
        Attach { client: self.client, identity: None, attempt: self.attempt, doing, resumable: None }
    }

    /// The matchmaker was restarted: places may move by what the announcements take.
    pub(super) fn matchmaker_restarted(&mut self) {
        self.place = None;
    }

    pub(super) fn join(&mut self, wishes: Wishes, now: Time) {
        self.attempt += 1;
        let since = match &self.doing {
            Belief::Idle => now,
            Belief::Seeking { since, .. } | Belief::Talking(Talk { since, .. }) => *since,
        };
        (self.began, self.place) = (now, None);
        self.doing = Belief::Seeking { wishes: wishes.clone(), since };
        self.outbox.push(Up::Join(Join { attempt: self.attempt, wishes, waited: now.since(since) }));
    }

    pub(super) fn next(&mut self, wishes: Wishes, now: Time) {
        self.attempt += 1;
        (self.began, self.place) = (now, None);
        self.doing = Belief::Seeking { wishes: wishes.clone(), since: now };
        self.outbox.push(Up::Next { attempt: self.attempt, wishes });
    }

    pub(super) fn leave(&mut self) {
        self.attempt += 1;
        self.doing = Belief::Idle;
        self.outbox.push(Up::Leave { attempt: self.attempt });
    }

    pub(super) fn send(&mut self) {
        let client = self.client;
        let Belief::Talking(talk) = &mut self.doing else { return };
        talk.sent += 1;
        talk.kept.push_back(talk.sent);
        if talk.may_send {
            self.outbox.push(talk.forward(client, talk.sent));
        }
    }

    pub(super) fn acknowledge(&mut self) {
        if let Belief::Talking(talk) = &self.doing {
            self.outbox.push(Up::Ack { ticket: talk.ticket, seq: talk.received });
        }
    }

    pub(super) fn room(&self) -> Option<RoomId> {
        if let Belief::Talking(talk) = &self.doing { Some(talk.room) } else { None }
    }

    /// A frame has come that was made at `at`.
    pub(super) fn hear(&mut self, kind: Down, at: Time) {
        match kind {
            Down::Waiting(Waiting { ticket, waited, .. }) if ticket.attempt == self.attempt => {
                assert!(!matches!(self.doing, Belief::Talking(_)), "{} waits in a room", self.client);
                self.told_place(at, waited);
            }
            Down::Matched(matched) if matched.ticket.attempt == self.attempt => self.matched(&matched, at),
            Down::Forward(forward) => self.got(&forward),
            Down::PartnerLeft { ticket, requeued, .. } => self.left(ticket, requeued),
            Down::Resume { ticket, received, passed } => self.resume(ticket, received, passed),
            Down::Ack { ticket, seq } => {
                if let Some(talk) = self.talk(ticket) {
                    assert!(seq <= talk.sent, "acknowledged before it was sent");
                    talk.kept.retain(|kept| *kept > seq);
                }
            }
            Down::Waiting(Waiting { ticket, .. }) | Down::Matched(Matched { ticket, .. }) => {
                assert!(ticket.attempt < self.attempt, "of an attempt that never was");
            }
            Down::PartnerAway { .. }
            | Down::PartnerBack { .. }
            | Down::SessionResumed(_)
            | Down::ResumeFailed
            | Down::SessionEnded { .. }
            | Down::Settled { .. } => panic!("{} is not resumable", self.client),
            Down::PoolFull { .. } => panic!("no pool is as full as that"),
            Down::Summon { .. } => panic!("there is no other replica"),
        }
    }

    fn matched(&mut self, matched: &Matched, at: Time) {
        let client = self.client;
        assert_ne!(matched.partner, client, "with oneself");
        assert!(self.rooms.insert(matched.room), "{client} is twice in one room");
        self.told_place(at, matched.waited);
        let Belief::Seeking { wishes, since } = &self.doing else { panic!("{client} is in two rooms") };
        self.doing = Belief::Talking(Talk {
            ticket: matched.ticket,
            room: matched.room,
            partner: matched.partner,
            initiator: matched.initiator,
            wishes: wishes.clone(),
            since: *since,
            received: 0,
            sent: 0,
            kept: VecDeque::new(),
            may_send: true,
        });
    }

    fn told_place(&mut self, at: Time, waited: Duration) {
        let place = at - waited;
        // A room that it never saw may have been a long one, and then its end is the place.
        if let Some(known) = self.place.filter(|_| at.since(self.began) < SHORT_ROOM) {
            let slack = self.announced.map_or(Duration::ZERO, |announced| at.since(announced));
            assert!(place <= known + slack, "{} lost its place: {known:?} became {place:?} at {at:?}", self.client);
        }
        (self.place, self.announced) = (Some(place), None);
        if let Belief::Seeking { since, .. } = &mut self.doing {
            *since = place;
        }
    }

    fn got(&mut self, forward: &Forward) {
        assert_ne!(self.over, Some(forward.ticket), "a message after the end");
        let Some(talk) = self.talk(forward.ticket) else { return };
        assert_eq!(forward.seq, talk.received + 1, "in order, once");
        let Up::Forward(expected) = talk.forward(talk.partner, forward.seq) else { unreachable!() };
        assert_eq!(forward.text, expected.text, "what the partner has sent in this room");
        talk.received += 1;
    }

    fn left(&mut self, ticket: TicketNumber, requeued: bool) {
        self.over = Some(ticket);
        let Some(talk) = self.talk(ticket) else { return };
        let seeking = Belief::Seeking { wishes: talk.wishes.clone(), since: talk.since };
        self.doing = if requeued { seeking } else { Belief::Idle };
    }

    /// It lets go of what the partner has, which it need not do before that is acknowledged.
    fn resume(&mut self, ticket: TicketNumber, received: u64, passed: u64) {
        let client = self.client;
        let Some(talk) = self.talk(ticket) else { return };
        assert!(received <= passed && passed <= talk.sent, "the partner has what was never sent");
        talk.kept.retain(|kept| *kept > received);
        assert!(talk.kept.iter().copied().eq(received + 1..=talk.sent), "what is missing is still there");
        talk.may_send = true;
        let again: Vec<_> =
            talk.kept.iter().filter(|seq| **seq > passed).map(|seq| talk.forward(client, *seq)).collect();
        self.outbox.extend(again);
    }

    pub(super) fn talk(&mut self, ticket: TicketNumber) -> Option<&mut Talk> {
        match &mut self.doing {
            Belief::Talking(talk) if talk.ticket == ticket => Some(talk),
            _ => None,
        }
    }
}

impl Talk {
    fn forward(&self, from: ClientId, seq: u64) -> Up {
        let text = Bytes::from(format!("{from} in {} #{seq}", self.room));
        Up::Forward(Forward { ticket: self.ticket, seq, text })
    }
}

const SHORT_ROOM: Duration = Duration::from_secs(10);
