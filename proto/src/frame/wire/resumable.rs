//! The parts of frames that only resumable sessions have, to protobuf and back.

use super::*;
use crate::bounds::{RESUME_BYTES, RESUME_MESSAGES, RESUME_WINDOW};
use crate::queue::Weigh;
use crate::v1::session_resumed;

impl From<Resumable> for v1::Resumable {
    fn from(resumable: Resumable) -> Self {
        v1::Resumable {
            epoch: resumable.epoch,
            token_hash: Bytes::copy_from_slice(resumable.token.as_bytes()),
            earlier_token_hash: resumable
                .earlier_token
                .map_or_else(Bytes::new, |token| Bytes::copy_from_slice(token.as_bytes())),
            window_ms: short_milliseconds(resumable.window),
            detached_ms: resumable.detached.map(short_milliseconds),
            seq: resumable.seq,
            kept: kept_to_wire(resumable.kept),
            client_seq: resumable.client_seq,
            taken: resumable.taken,
        }
    }
}

impl TryFrom<v1::Resumable> for Resumable {
    type Error = InvalidFrame;

    fn try_from(resumable: v1::Resumable) -> Result<Self, InvalidFrame> {
        let earlier = Some(resumable.earlier_token_hash).filter(|hash| !hash.is_empty());
        Ok(Resumable {
            epoch: resumable.epoch,
            token: token_hash(&resumable.token_hash)?,
            earlier_token: earlier.map(|hash| token_hash(&hash)).transpose()?,
            window: window(resumable.window_ms)?,
            detached: resumable.detached_ms.map(window).transpose()?,
            seq: resumable.seq,
            kept: kept_from_wire(resumable.kept, resumable.seq)?,
            client_seq: resumable.client_seq,
            taken: resumable.taken.min(resumable.client_seq),
        })
    }
}

impl From<SessionResumed> for v1::SessionResumed {
    fn from(resumed: SessionResumed) -> Self {
        let doing = match resumed.doing {
            Doing::Idle => None,
            Doing::Waiting(join) => Some(session_resumed::Doing::Waiting(join.into())),
            Doing::InRoom(place) => Some(session_resumed::Doing::InRoom(place.into())),
        };
        v1::SessionResumed {
            client_id: Bytes::copy_from_slice(resumed.client.as_bytes()),
            identity: resumed.identity.map(Into::into),
            ticket: Some(resumed.ticket.into()),
            doing,
            wishes: resumed.wishes.map(Into::into),
            last_room: resumed.last_room.map(|last| v1::LastRoom {
                room_id: Bytes::copy_from_slice(last.room.as_bytes()),
                parted_ms: milliseconds(last.parted),
            }),
            epoch: resumed.epoch,
            seq: resumed.seq,
            kept: kept_to_wire(resumed.kept),
            taken: resumed.taken,
            unacknowledged: resumed.unacknowledged,
        }
    }
}

impl TryFrom<v1::SessionResumed> for SessionResumed {
    type Error = InvalidFrame;

    fn try_from(resumed: v1::SessionResumed) -> Result<Self, InvalidFrame> {
        let doing = match resumed.doing {
            None => Doing::Idle,
            Some(session_resumed::Doing::Waiting(join)) => Doing::Waiting(join.try_into()?),
            Some(session_resumed::Doing::InRoom(place)) => Doing::InRoom(place.try_into()?),
        };
        Ok(SessionResumed {
            client: client_id(&resumed.client_id)?,
            identity: resumed.identity.map(Identity::try_from).transpose()?,
            ticket: resumed.ticket.map(TicketNumber::from).unwrap_or_default(),
            doing,
            wishes: resumed.wishes.map(Wishes::try_from).transpose()?,
            last_room: resumed.last_room.map(LastRoom::try_from).transpose()?,
            epoch: resumed.epoch,
            seq: resumed.seq,
            kept: kept_from_wire(resumed.kept, resumed.seq)?,
            taken: resumed.taken,
            unacknowledged: resumed.unacknowledged,
        })
    }
}

impl TryFrom<v1::LastRoom> for LastRoom {
    type Error = InvalidFrame;

    fn try_from(last: v1::LastRoom) -> Result<Self, InvalidFrame> {
        Ok(LastRoom { room: room_id(&last.room_id)?, parted: Duration::from_millis(last.parted_ms) })
    }
}

impl From<SessionEndedReason> for v1::SessionEndedReason {
    fn from(reason: SessionEndedReason) -> Self {
        match reason {
            SessionEndedReason::ResumedElsewhere => v1::SessionEndedReason::ResumedElsewhere,
            SessionEndedReason::Expired => v1::SessionEndedReason::Expired,
            SessionEndedReason::Overflow => v1::SessionEndedReason::Overflow,
            SessionEndedReason::Closed => v1::SessionEndedReason::Closed,
        }
    }
}

/// A reason of a newer version reads as the one after which a client comes back with a new session.
impl From<v1::SessionEndedReason> for SessionEndedReason {
    fn from(reason: v1::SessionEndedReason) -> Self {
        match reason {
            v1::SessionEndedReason::Unspecified | v1::SessionEndedReason::Expired => SessionEndedReason::Expired,
            v1::SessionEndedReason::ResumedElsewhere => SessionEndedReason::ResumedElsewhere,
            v1::SessionEndedReason::Overflow => SessionEndedReason::Overflow,
            v1::SessionEndedReason::Closed => SessionEndedReason::Closed,
        }
    }
}

fn kept_to_wire(kept: Vec<(u64, Down)>) -> Vec<v1::DownFrame> {
    let frame = |(seq, kind): (u64, Down)| v1::DownFrame { session: 0, seq, taken: 0, kind: Some(kind.into()) };
    kept.into_iter().map(frame).collect()
}

/// Frames without gaps up to `seq`, of kinds that are numbered.
fn kept_from_wire(kept: Vec<v1::DownFrame>, seq: u64) -> Result<Vec<(u64, Down)>, InvalidFrame> {
    let count = kept.len() as u64;
    if count > seq || kept.len() > RESUME_MESSAGES {
        return Err(InvalidFrame("more frames are kept than there can be"));
    }
    let frame = |(expected, frame): (u64, v1::DownFrame)| {
        let kind = Down::try_from(frame.kind.ok_or(InvalidFrame("a kept frame is of no known kind"))?)?;
        if frame.seq != expected || !kind.is_numbered() {
            return Err(InvalidFrame("kept frames are not numbered in order"));
        }
        Ok((expected, kind))
    };
    let kept: Vec<_> = (seq - count + 1..).zip(kept).map(frame).collect::<Result<_, _>>()?;
    // A single frame may be larger than the bound.
    if kept.len() > 1 && kept.iter().map(|(_, kind)| kind.weight()).sum::<usize>() > RESUME_BYTES {
        return Err(InvalidFrame("more bytes are kept than there can be"));
    }
    Ok(kept)
}

fn window(milliseconds: u32) -> Result<Duration, InvalidFrame> {
    let window = Duration::from_millis(milliseconds.into());
    if window > RESUME_WINDOW { Err(InvalidFrame("a window is too long")) } else { Ok(window) }
}

fn short_milliseconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}
