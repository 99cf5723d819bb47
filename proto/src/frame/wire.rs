//! Typed frames to protobuf and back. Whatever breaks a rule of `signaling.proto` is an [`InvalidFrame`]; a kind that this
//! version doesn't know is no frame at all.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::bounds;
use crate::trace::{MatchTraces, TraceContext};
use crate::v1::{self, attach, down_frame, up_frame};

mod resumable;
mod wishes;

/// Which rule a frame breaks. The text is for the other side's engineers and carries nothing that a client sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidFrame(&'static str);

impl fmt::Display for InvalidFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for InvalidFrame {}

impl From<UpFrame> for v1::UpFrame {
    fn from(frame: UpFrame) -> Self {
        let kind = match frame.kind {
            Up::Attach(attach) => up_frame::Kind::Attach(Box::new((*attach).into())),
            Up::Identify(identity) => up_frame::Kind::Identify(identity.into()),
            Up::Join(join) => up_frame::Kind::Join(join.into()),
            Up::Next { attempt, wishes } => up_frame::Kind::Next(v1::Next { attempt, wishes: Some(wishes.into()) }),
            Up::Leave { attempt } => up_frame::Kind::Leave(v1::Leave { attempt }),
            Up::Forward(forward) => up_frame::Kind::Forward(forward.into()),
            Up::Ack { ticket, seq } => up_frame::Kind::Ack(v1::Ack { ticket: Some(ticket.into()), seq }),
            Up::Report { attempt, room, reason, details } => up_frame::Kind::Report(Box::new(v1::Report {
                attempt,
                reason,
                details,
                room_id: Bytes::copy_from_slice(room.as_bytes()),
            })),
            Up::End => up_frame::Kind::End(v1::End {}),
            Up::Decline { ticket } => up_frame::Kind::Decline(v1::Decline { ticket: Some(ticket.into()) }),
            Up::Broken { ticket } => up_frame::Kind::Broken(v1::Broken { ticket: Some(ticket.into()) }),
            Up::Detach => up_frame::Kind::Detach(v1::Detach {}),
            Up::ResumeSession { token, next_token, ack, attempt } => {
                up_frame::Kind::ResumeSession(Box::new(v1::ResumeSession {
                    token_hash: Bytes::copy_from_slice(token.as_bytes()),
                    next_token_hash: Bytes::copy_from_slice(next_token.as_bytes()),
                    ack,
                    attempt,
                }))
            }
            Up::Adopted => up_frame::Kind::Adopted(v1::Adopted {}),
            Up::Settle { ack } => up_frame::Kind::Settle(v1::Settle { ack }),
            Up::CallState { ticket, outcome, setup } => up_frame::Kind::CallState(v1::CallState {
                ticket: Some(ticket.into()),
                outcome: v1::CallOutcome::from(outcome).into(),
                setup_ms: setup.map(milliseconds),
            }),
            Up::Departed { client } => {
                up_frame::Kind::Departed(v1::Departed { client_id: Bytes::copy_from_slice(client.as_bytes()) })
            }
            Up::Stays { client, ticket } => up_frame::Kind::Stays(v1::Stays {
                client_id: Bytes::copy_from_slice(client.as_bytes()),
                ticket: Some(ticket.into()),
            }),
        };
        v1::UpFrame { session: frame.session.0, client_seq: frame.client_seq, kind: Some(kind) }
    }
}

impl UpFrame {
    /// Checks a frame from the wire; `None` for a kind that only newer versions know.
    pub fn from_wire(frame: v1::UpFrame) -> Result<Option<UpFrame>, InvalidFrame> {
        let session = session(frame.session)?;
        let Some(kind) = frame.kind else { return Ok(None) };
        let kind = match kind {
            up_frame::Kind::Attach(attach) => Up::Attach(Box::new((*attach).try_into()?)),
            up_frame::Kind::Identify(identity) => Up::Identify(identity.try_into()?),
            up_frame::Kind::Join(join) => Up::Join(join.try_into()?),
            up_frame::Kind::Next(next) => {
                Up::Next { attempt: attempt(next.attempt)?, wishes: wishes::required(next.wishes)? }
            }
            up_frame::Kind::Leave(leave) => Up::Leave { attempt: attempt(leave.attempt)? },
            up_frame::Kind::Forward(forward) => Up::Forward(forward.try_into()?),
            up_frame::Kind::Ack(ack) => Up::Ack { ticket: ticket(ack.ticket)?, seq: ack.seq },
            up_frame::Kind::Report(report) => Up::Report {
                attempt: attempt(report.attempt)?,
                room: room_id(&report.room_id)?,
                reason: bounded(report.reason, bounds::REPORT_REASON, "report.reason is too long")?,
                details: bounded(report.details, bounds::REPORT_DETAILS, "report.details is too long")?,
            },
            up_frame::Kind::End(v1::End {}) => Up::End,
            up_frame::Kind::Decline(decline) => Up::Decline { ticket: ticket(decline.ticket)? },
            up_frame::Kind::Broken(broken) => Up::Broken { ticket: ticket(broken.ticket)? },
            up_frame::Kind::Detach(v1::Detach {}) => Up::Detach,
            up_frame::Kind::ResumeSession(resume) => Up::ResumeSession {
                token: token_hash(&resume.token_hash)?,
                next_token: token_hash(&resume.next_token_hash)?,
                ack: resume.ack,
                attempt: resume.attempt,
            },
            up_frame::Kind::Adopted(v1::Adopted {}) => Up::Adopted,
            up_frame::Kind::Settle(settle) => Up::Settle { ack: settle.ack },
            up_frame::Kind::CallState(call) => {
                let outcome = match call.outcome() {
                    v1::CallOutcome::Connected => CallOutcome::Connected,
                    v1::CallOutcome::Failed => CallOutcome::Failed,
                    v1::CallOutcome::Unspecified => return Ok(None),
                };
                let setup = call.setup_ms.map(Duration::from_millis);
                Up::CallState { ticket: ticket(call.ticket)?, outcome, setup }
            }
            up_frame::Kind::Departed(departed) => Up::Departed { client: client_id(&departed.client_id)? },
            up_frame::Kind::Stays(stays) => {
                Up::Stays { client: client_id(&stays.client_id)?, ticket: ticket(stays.ticket)? }
            }
        };
        Ok(Some(UpFrame { session, client_seq: frame.client_seq, kind }))
    }
}

impl From<DownFrame> for v1::DownFrame {
    fn from(frame: DownFrame) -> Self {
        v1::DownFrame { session: frame.session.0, seq: frame.seq, taken: frame.taken, kind: Some(frame.kind.into()) }
    }
}

impl From<Down> for down_frame::Kind {
    fn from(kind: Down) -> Self {
        match kind {
            Down::Waiting(waiting) => down_frame::Kind::Waiting(v1::Waiting {
                ticket: Some(waiting.ticket.into()),
                pool: waiting.pool.as_str().to_owned(),
                position: waiting.position,
                waited_ms: milliseconds(waiting.waited),
                estimate_ms: waiting.estimate.map(milliseconds),
                widened: waiting.widened,
            }),
            Down::Matched(matched) => down_frame::Kind::Matched(v1::Matched {
                ticket: Some(matched.ticket.into()),
                room_id: Bytes::copy_from_slice(matched.room.as_bytes()),
                partner_id: Bytes::copy_from_slice(matched.partner.as_bytes()),
                initiator: matched.initiator,
                waited_ms: milliseconds(matched.waited),
                partner: matched.shown.map(|shown| (*shown).into()),
                tags: matched.tags.iter().map(|tag| tag.as_str().to_owned()).collect(),
                trace_context: wishes::context_bytes(matched.traces.as_ref().and_then(|traces| traces.own.as_ref())),
                partner_trace_context: wishes::context_bytes(
                    matched.traces.as_ref().and_then(|traces| traces.partner.as_ref()),
                ),
            }),
            Down::Forward(forward) => down_frame::Kind::Forward(forward.into()),
            Down::Resume { ticket, received, passed } => {
                down_frame::Kind::Resume(v1::Resume { ticket: Some(ticket.into()), received, passed })
            }
            Down::Ack { ticket, seq } => down_frame::Kind::Ack(v1::Ack { ticket: Some(ticket.into()), seq }),
            Down::PartnerLeft { ticket, reason, requeued } => down_frame::Kind::PartnerLeft(v1::PartnerLeft {
                ticket: Some(ticket.into()),
                reason: v1::PartnerLeftReason::from(reason).into(),
                requeued,
            }),
            Down::PartnerAway { ticket } => {
                down_frame::Kind::PartnerAway(v1::PartnerAway { ticket: Some(ticket.into()) })
            }
            Down::PartnerBack { ticket } => {
                down_frame::Kind::PartnerBack(v1::PartnerBack { ticket: Some(ticket.into()) })
            }
            Down::SessionResumed(resumed) => down_frame::Kind::SessionResumed(Box::new((*resumed).into())),
            Down::ResumeFailed => down_frame::Kind::ResumeFailed(v1::ResumeFailed {}),
            Down::SessionEnded { reason } => {
                down_frame::Kind::SessionEnded(v1::SessionEnded { reason: v1::SessionEndedReason::from(reason).into() })
            }
            Down::Settled { taken } => down_frame::Kind::Settled(v1::Settled { taken }),
            Down::PoolFull { ticket, reason } => down_frame::Kind::PoolFull(v1::PoolFull {
                ticket: Some(ticket.into()),
                reason: v1::PoolRefusal::from(reason).into(),
            }),
            Down::Summon { client, ticket } => down_frame::Kind::Summon(v1::Summon {
                client_id: Bytes::copy_from_slice(client.as_bytes()),
                ticket: Some(ticket.into()),
            }),
        }
    }
}

impl DownFrame {
    /// Checks a frame from the wire; `None` for a kind that only newer versions know.
    pub fn from_wire(frame: v1::DownFrame) -> Result<Option<DownFrame>, InvalidFrame> {
        let session = session(frame.session)?;
        let Some(kind) = frame.kind else { return Ok(None) };
        Ok(Some(DownFrame { session, seq: frame.seq, taken: frame.taken, kind: kind.try_into()? }))
    }
}

impl TryFrom<down_frame::Kind> for Down {
    type Error = InvalidFrame;

    fn try_from(kind: down_frame::Kind) -> Result<Self, InvalidFrame> {
        Ok(match kind {
            down_frame::Kind::Waiting(waiting) => Down::Waiting(Waiting {
                ticket: ticket(waiting.ticket)?,
                pool: wishes::pool(&waiting.pool)?,
                position: waiting.position,
                waited: Duration::from_millis(waiting.waited_ms),
                estimate: waiting.estimate_ms.map(Duration::from_millis),
                widened: waiting.widened,
            }),
            down_frame::Kind::Matched(matched) => Down::Matched(Matched {
                ticket: ticket(matched.ticket)?,
                room: room_id(&matched.room_id)?,
                partner: partner_id(&matched.partner_id)?,
                initiator: matched.initiator,
                waited: Duration::from_millis(matched.waited_ms),
                shown: matched.partner.map(|partner| partner.try_into().map(Box::new)).transpose()?,
                tags: wishes::tags(&matched.tags)?.into(),
                traces: MatchTraces::of(
                    TraceContext::from_bytes(&matched.trace_context).as_ref(),
                    TraceContext::from_bytes(&matched.partner_trace_context).as_ref(),
                ),
            }),
            down_frame::Kind::Forward(forward) => Down::Forward(forward.try_into()?),
            down_frame::Kind::Resume(resume) => Down::Resume {
                ticket: ticket(resume.ticket)?,
                received: resume.received,
                passed: resume.passed.max(resume.received),
            },
            down_frame::Kind::Ack(ack) => Down::Ack { ticket: ticket(ack.ticket)?, seq: ack.seq },
            down_frame::Kind::PartnerLeft(left) => Down::PartnerLeft {
                ticket: ticket(left.ticket)?,
                reason: left.reason().into(),
                requeued: left.requeued,
            },
            down_frame::Kind::PartnerAway(away) => Down::PartnerAway { ticket: ticket(away.ticket)? },
            down_frame::Kind::PartnerBack(back) => Down::PartnerBack { ticket: ticket(back.ticket)? },
            down_frame::Kind::SessionResumed(resumed) => Down::SessionResumed(Box::new((*resumed).try_into()?)),
            down_frame::Kind::ResumeFailed(v1::ResumeFailed {}) => Down::ResumeFailed,
            down_frame::Kind::SessionEnded(ended) => Down::SessionEnded { reason: ended.reason().into() },
            down_frame::Kind::Settled(settled) => Down::Settled { taken: settled.taken },
            down_frame::Kind::PoolFull(full) => {
                Down::PoolFull { ticket: ticket(full.ticket)?, reason: full.reason().into() }
            }
            down_frame::Kind::Summon(summon) => {
                Down::Summon { client: client_id(&summon.client_id)?, ticket: ticket(summon.ticket)? }
            }
        })
    }
}

impl From<Attach> for v1::Attach {
    fn from(attach: Attach) -> Self {
        let doing = match attach.doing {
            Doing::Idle => None,
            Doing::Waiting(join) => Some(attach::Doing::Waiting(join.into())),
            Doing::InRoom(place) => Some(attach::Doing::InRoom(place.into())),
        };
        v1::Attach {
            client_id: Bytes::copy_from_slice(attach.client.as_bytes()),
            identity: attach.identity.map(Into::into),
            doing,
            attempt: attach.attempt,
            resumable: attach.resumable.map(|resumable| (*resumable).into()),
        }
    }
}

impl From<InRoom> for v1::InRoom {
    fn from(place: InRoom) -> Self {
        v1::InRoom {
            ticket: Some(place.ticket.into()),
            room_id: Bytes::copy_from_slice(place.room.as_bytes()),
            join: Some(place.join.into()),
            partner_id: Bytes::copy_from_slice(place.partner.as_bytes()),
            initiator: place.initiator,
            received: place.received,
            sent: place.sent,
            partner_away: place.partner_away,
            acknowledged: place.acknowledged,
        }
    }
}

impl TryFrom<v1::InRoom> for InRoom {
    type Error = InvalidFrame;

    fn try_from(place: v1::InRoom) -> Result<Self, InvalidFrame> {
        Ok(InRoom {
            ticket: ticket(place.ticket)?,
            room: room_id(&place.room_id)?,
            partner: partner_id(&place.partner_id)?,
            initiator: place.initiator,
            received: place.received,
            sent: place.sent,
            partner_away: place.partner_away,
            acknowledged: place.acknowledged,
            join: place.join.ok_or(InvalidFrame("in_room.join is missing"))?.try_into()?,
        })
    }
}

impl TryFrom<v1::Attach> for Attach {
    type Error = InvalidFrame;

    fn try_from(attach: v1::Attach) -> Result<Self, InvalidFrame> {
        let doing = match attach.doing {
            None => Doing::Idle,
            Some(attach::Doing::Waiting(join)) => Doing::Waiting(join.try_into()?),
            Some(attach::Doing::InRoom(place)) => Doing::InRoom(place.try_into()?),
        };
        Ok(Attach {
            client: client_id(&attach.client_id)?,
            identity: attach.identity.map(Identity::try_from).transpose()?,
            attempt: attach.attempt,
            doing,
            resumable: attach.resumable.map(|resumable| resumable.try_into().map(Box::new)).transpose()?,
        })
    }
}

impl From<Identity> for v1::Identify {
    fn from(identity: Identity) -> Self {
        // The text was checked when it came to be.
        let public_claims = identity.public_claims.map(|claims| String::from_utf8_lossy(&claims).into_owned());
        v1::Identify {
            user_id: identity.user,
            verified: identity.verified,
            public_claims: public_claims.unwrap_or_default(),
            expires_in_ms: identity.expires_in.map(milliseconds),
            assigned: identity.assigned.map(|assigned| (*assigned).into()),
        }
    }
}

impl TryFrom<v1::Identify> for Identity {
    type Error = InvalidFrame;

    fn try_from(identify: v1::Identify) -> Result<Self, InvalidFrame> {
        let user = bounded(identify.user_id, bounds::USER_ID, "user_id is too long")?;
        let claims = identify.public_claims;
        if claims.len() > bounds::PUBLIC_CLAIMS {
            return Err(InvalidFrame("public_claims are too long"));
        }
        let is_object = || serde_json::from_str::<HashMap<String, serde::de::IgnoredAny>>(&claims).is_ok();
        if !claims.is_empty() && !is_object() {
            return Err(InvalidFrame("public_claims are no JSON object"));
        }
        Ok(Identity {
            user,
            verified: identify.verified,
            public_claims: (!claims.is_empty()).then(|| claims.into()),
            expires_in: identify.expires_in_ms.map(Duration::from_millis),
            assigned: identify.assigned.map(|assigned| assigned.try_into().map(Box::new)).transpose()?,
        })
    }
}

impl From<Join> for v1::Join {
    fn from(join: Join) -> Self {
        v1::Join { attempt: join.attempt, wishes: Some(join.wishes.into()), waited_ms: milliseconds(join.waited) }
    }
}

impl TryFrom<v1::Join> for Join {
    type Error = InvalidFrame;

    fn try_from(join: v1::Join) -> Result<Self, InvalidFrame> {
        Ok(Join {
            attempt: attempt(join.attempt)?,
            wishes: wishes::required(join.wishes)?,
            waited: Duration::from_millis(join.waited_ms),
        })
    }
}

impl From<Forward> for v1::Forward {
    fn from(forward: Forward) -> Self {
        v1::Forward { ticket: Some(forward.ticket.into()), seq: forward.seq, text: forward.text }
    }
}

impl TryFrom<v1::Forward> for Forward {
    type Error = InvalidFrame;

    fn try_from(forward: v1::Forward) -> Result<Self, InvalidFrame> {
        std::str::from_utf8(&forward.text).map_err(|_| InvalidFrame("forward.text is not UTF-8"))?;
        Ok(Forward { ticket: ticket(forward.ticket)?, seq: forward.seq, text: forward.text })
    }
}

impl From<CallOutcome> for v1::CallOutcome {
    fn from(outcome: CallOutcome) -> Self {
        match outcome {
            CallOutcome::Connected => v1::CallOutcome::Connected,
            CallOutcome::Failed => v1::CallOutcome::Failed,
        }
    }
}

impl From<PoolRefusal> for v1::PoolRefusal {
    fn from(reason: PoolRefusal) -> Self {
        match reason {
            PoolRefusal::Full => v1::PoolRefusal::Unspecified,
            PoolRefusal::TooManyPools => v1::PoolRefusal::TooManyPools,
            PoolRefusal::Unlisted => v1::PoolRefusal::Unlisted,
            PoolRefusal::Paused => v1::PoolRefusal::Paused,
        }
    }
}

impl From<v1::PoolRefusal> for PoolRefusal {
    fn from(reason: v1::PoolRefusal) -> Self {
        match reason {
            v1::PoolRefusal::Unspecified => PoolRefusal::Full,
            v1::PoolRefusal::TooManyPools => PoolRefusal::TooManyPools,
            v1::PoolRefusal::Unlisted => PoolRefusal::Unlisted,
            v1::PoolRefusal::Paused => PoolRefusal::Paused,
        }
    }
}

impl From<PartnerLeftReason> for v1::PartnerLeftReason {
    fn from(reason: PartnerLeftReason) -> Self {
        match reason {
            PartnerLeftReason::Left => v1::PartnerLeftReason::Left,
            PartnerLeftReason::Next => v1::PartnerLeftReason::Next,
            PartnerLeftReason::Disconnected => v1::PartnerLeftReason::Disconnected,
            PartnerLeftReason::Closed => v1::PartnerLeftReason::Closed,
        }
    }
}

/// A reason of a newer version reads as the least surprising one.
impl From<v1::PartnerLeftReason> for PartnerLeftReason {
    fn from(reason: v1::PartnerLeftReason) -> Self {
        match reason {
            v1::PartnerLeftReason::Unspecified | v1::PartnerLeftReason::Left => PartnerLeftReason::Left,
            v1::PartnerLeftReason::Next => PartnerLeftReason::Next,
            v1::PartnerLeftReason::Disconnected => PartnerLeftReason::Disconnected,
            v1::PartnerLeftReason::Closed => PartnerLeftReason::Closed,
        }
    }
}

fn session(number: u64) -> Result<SessionNumber, InvalidFrame> {
    if number == 0 { Err(InvalidFrame("session is missing")) } else { Ok(SessionNumber(number)) }
}

fn attempt(number: u32) -> Result<u32, InvalidFrame> {
    if number == 0 { Err(InvalidFrame("attempt is missing")) } else { Ok(number) }
}

fn ticket(ticket: Option<v1::TicketNumber>) -> Result<TicketNumber, InvalidFrame> {
    ticket.map(TicketNumber::from).ok_or(InvalidFrame("ticket is missing"))
}

fn room_id(bytes: &[u8]) -> Result<RoomId, InvalidFrame> {
    bytes.try_into().map_err(|_| InvalidFrame("room_id is not 16 bytes"))
}

fn client_id(bytes: &[u8]) -> Result<ClientId, InvalidFrame> {
    bytes.try_into().map_err(|_| InvalidFrame("client_id is not 16 bytes"))
}

fn token_hash(bytes: &[u8]) -> Result<TokenHash, InvalidFrame> {
    <[u8; 32]>::try_from(bytes).map(TokenHash::from).map_err(|_| InvalidFrame("a token's hash is not 32 bytes"))
}

fn partner_id(bytes: &[u8]) -> Result<ClientId, InvalidFrame> {
    bytes.try_into().map_err(|_| InvalidFrame("partner_id is not 16 bytes"))
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn bounded(text: String, characters: usize, why: &'static str) -> Result<String, InvalidFrame> {
    if text.chars().count() > characters { Err(InvalidFrame(why)) } else { Ok(text) }
}
