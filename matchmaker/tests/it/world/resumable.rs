//! What only resumable sessions say and hear, by short names. Tokens are letters; what is kept are messages, by their texts.

use std::time::Duration;

use bytes::Bytes;
use duet_proto::frame::{
    Doing, Down, Forward, Identity, InRoom, Join, LastRoom, Resumable, SessionResumed, Up, UpFrame,
};
use duet_proto::ids::TicketNumber;
use duet_proto::time::Time;
use duet_proto::token::TokenHash;

use super::{Act, Was, World, client_id, letter, number, seconds, text_of};

/// What an announcement says of a resumable session.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    /// The session's client, if that is not the one that the connection began as.
    pub(crate) client: char,
    pub(crate) token: char,
    pub(crate) earlier_token: Option<char>,
    pub(crate) epoch: u32,
    pub(crate) window: Duration,
    pub(crate) detached: Option<Duration>,
    pub(crate) seq: u64,
    /// Texts of messages, up to `seq`.
    pub(crate) kept: Vec<String>,
    pub(crate) client_seq: u64,
    pub(crate) taken: u64,
    /// Of a room: the newest that it has given its partner.
    pub(crate) sent: u64,
    pub(crate) partner_away: bool,
}

/// What a frame says that only a resumable session sends.
#[derive(Clone, Debug)]
pub(crate) enum Speech {
    Act(Act),
    /// A message of this many bytes.
    Large {
        ticket: TicketNumber,
        seq: u64,
        bytes: usize,
    },
    Identify(String),
    /// With a proof.
    Prove(String),
    Broken {
        ticket: TicketNumber,
    },
    Detach,
    Resume {
        token: char,
        next: char,
        ack: u64,
        attempt: u32,
    },
    Adopted,
    Settle {
        ack: u64,
    },
}

impl Claim {
    /// Of a session that has just begun.
    pub(crate) fn new(client: char, token: char) -> Self {
        Claim {
            client,
            token,
            earlier_token: None,
            epoch: 0,
            window: Duration::from_secs(15),
            detached: None,
            seq: 0,
            kept: Vec::new(),
            client_seq: 0,
            taken: 0,
            sent: 0,
            partner_away: false,
        }
    }

    fn resumable(self) -> Resumable {
        let first = self.seq + 1 - self.kept.len() as u64;
        let message = |text: String| {
            let ticket = TicketNumber { attempt: 1, round: 0 };
            Down::Forward(Forward { ticket, seq: 1, text: text.into() })
        };
        Resumable {
            epoch: self.epoch,
            token: token_hash(self.token),
            earlier_token: self.earlier_token.map(token_hash),
            window: self.window,
            detached: self.detached,
            seq: self.seq,
            kept: (first..).zip(self.kept.into_iter().map(message)).collect(),
            client_seq: self.client_seq,
            taken: self.taken,
        }
    }
}

impl World {
    pub(super) fn attach_resumable(&mut self, name: char, was: Was, claim: Claim, now: Time) {
        let (attempt, mut doing) = self.doing(was);
        if let Doing::InRoom(room) = &mut doing {
            (room.sent, room.partner_away) = (claim.sent, claim.partner_away);
        }
        let client = client_id(claim.client);
        let resumable = Some(Box::new(claim.resumable()));
        let attach = duet_proto::frame::Attach { client, identity: None, attempt, doing, resumable };
        self.frame(name, Up::Attach(Box::new(attach)), now);
    }

    pub(super) fn speak(&mut self, client: char, client_seq: u64, speech: Speech, now: Time) {
        let kind = match speech {
            Speech::Act(act) => self.kind(client, act),
            Speech::Large { ticket, seq, bytes } => {
                Up::Forward(Forward { ticket, seq, text: Bytes::from(vec![b'x'; bytes]) })
            }
            Speech::Identify(user) => Up::Identify(Identity::unverified(user)),
            Speech::Prove(user) => Up::Identify(Identity { verified: true, ..Identity::unverified(user) }),
            Speech::Broken { ticket } => Up::Broken { ticket },
            Speech::Detach => Up::Detach,
            Speech::Resume { token, next, ack, attempt } => {
                Up::ResumeSession { token: token_hash(token), next_token: token_hash(next), ack, attempt }
            }
            Speech::Adopted => Up::Adopted,
            Speech::Settle { ack } => Up::Settle { ack },
        };
        let (link, session) = self.sessions[&client];
        self.machine.handle_frame(self.links[&link], UpFrame { session, client_seq, kind }, now);
    }

    /// Who it is, what it does, and what is there of it. What is absent is not said.
    pub(super) fn resumed(&mut self, resumed: SessionResumed) -> String {
        let SessionResumed {
            client, identity, ticket, wishes, last_room, epoch, seq, kept, taken, unacknowledged, ..
        } = resumed;
        let mut line = format!("{}, epoch {epoch}: ", letter(client));
        line += &match resumed.doing {
            Doing::Idle => format!("idle {}", number(ticket)),
            Doing::Waiting(Join { attempt, wishes, waited }) => {
                assert_eq!(attempt, ticket.attempt);
                format!("waiting {} {} {}", number(ticket), wishes.pool.as_str(), seconds(waited))
            }
            Doing::InRoom(place) => {
                let InRoom { room, partner, initiator, received, sent, partner_away, join, .. } = place;
                assert_eq!((place.ticket, join.attempt), (ticket, ticket.attempt));
                let role = if initiator { "offers" } else { "answers" };
                let (room, partner, waited) = (self.room(room), letter(partner), seconds(join.waited));
                let pool = join.wishes.pool.as_str();
                let away = if partner_away { " away" } else { "" };
                format!("room {} r{room} {partner} {role} {received} {pool} {waited} sent {sent}{away}", number(ticket))
            }
        };
        line += &format!(", seq {seq}");
        if !kept.is_empty() {
            line += " kept";
        }
        for (seq, kind) in kept {
            line += &format!(" {seq}:{}", word(&kind));
        }
        if taken > 0 {
            line += &format!(" taken {taken}");
        }
        for text in unacknowledged {
            line += &format!(" owes {}", text_of(&text));
        }
        if let Some(wishes) = wishes {
            line += &format!(" wants {}", wishes.pool.as_str());
        }
        if let Some(LastRoom { room, parted }) = last_room {
            line += &format!(" was in r{} {} ago", self.room(room), seconds(parted));
        }
        if let Some(identity) = identity {
            line += &format!(" as {}", identity.user);
        }
        line
    }
}

/// A message by its text, and everything else by its kind.
fn word(kind: &Down) -> String {
    match kind {
        Down::Forward(forward) => text_of(&forward.text),
        Down::Waiting { .. } => "waiting".into(),
        Down::Matched(_) => "matched".into(),
        Down::PartnerLeft { .. } => "left".into(),
        Down::PartnerAway { .. } => "away".into(),
        Down::PartnerBack { .. } => "back".into(),
        other => panic!("{other:?} is never kept"),
    }
}

fn token_hash(token: char) -> TokenHash {
    TokenHash::from([token as u8; 32])
}
