//! Tickets as bytes that replicas of other versions read, too.

use std::time::Duration;

use duet_proto::frame::Wishes;
use duet_proto::ids::{BootId, ClientId, SessionNumber};
use duet_proto::v1;
use prost::Message;

use crate::PoolKey;
use crate::engine::{Ticket, Whereabouts};

/// A ticket to be kept.
pub(super) fn encode(ticket: &Ticket) -> Vec<u8> {
    let id = |client: &ClientId| client.as_bytes().to_vec().into();
    let met = |(client, ago): &(ClientId, Duration)| v1::stored_ticket::Met {
        client_id: id(client),
        ago_us: microseconds(*ago),
    };
    let stored = v1::StoredTicket {
        client_id: id(&ticket.client),
        number: Some(ticket.number.into()),
        wishes: Some(Wishes { trace: None, ..ticket.wishes.clone() }.into()),
        quarantined: ticket.pool.quarantined,
        is_wide: ticket.is_wide,
        user: ticket.user.as_deref().unwrap_or_default().to_owned(),
        blocked: ticket.blocked.iter().map(id).collect(),
        apart: ticket.apart.iter().map(id).collect(),
        blocked_users: ticket.blocked_users.iter().map(|user| (**user).to_owned()).collect(),
        recent: ticket.recent.iter().map(met).collect(),
        is_past_caring: ticket.is_past_caring,
        waited_us: microseconds(ticket.waited),
        head_start_us: microseconds(ticket.head_start),
        gateway: (*ticket.at.gateway).to_owned(),
        gateway_boot: ticket.at.boot.as_bytes().to_vec().into(),
        worker: ticket.at.worker,
        session: ticket.at.session.0,
    };
    stored.encode_to_vec()
}

/// A ticket that was kept so long ago; `None` if that is none.
pub(super) fn decode(bytes: &[u8], ago: Duration) -> Option<Ticket> {
    let stored = v1::StoredTicket::decode(bytes).ok()?;
    let id = |bytes: &bytes::Bytes| ClientId::try_from(&bytes[..]).ok();
    let ids = |all: &[bytes::Bytes]| all.iter().map(id).collect::<Option<Vec<_>>>();
    let wishes = Wishes::try_from(stored.wishes?).ok()?;
    let recent = stored.recent.iter();
    let recent = recent.map(|met| Some((id(&met.client_id)?, Duration::from_micros(met.ago_us).saturating_add(ago))));
    Some(Ticket {
        client: id(&stored.client_id)?,
        number: stored.number?.into(),
        pool: PoolKey { name: wishes.pool.clone(), quarantined: stored.quarantined },
        wishes,
        is_wide: stored.is_wide,
        user: (!stored.user.is_empty()).then(|| stored.user.into()),
        blocked: ids(&stored.blocked)?,
        apart: ids(&stored.apart)?,
        blocked_users: stored.blocked_users.into_iter().map(Into::into).collect(),
        recent: recent.collect::<Option<_>>()?,
        is_past_caring: stored.is_past_caring,
        waited: Duration::from_micros(stored.waited_us).saturating_add(ago),
        head_start: Duration::from_micros(stored.head_start_us),
        at: Whereabouts {
            gateway: stored.gateway.into(),
            boot: BootId::try_from(&stored.gateway_boot[..]).ok()?,
            worker: stored.worker,
            session: SessionNumber(stored.session),
        },
    })
}

pub(super) fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX).min(LONGEST)
}

/// Ten years: what Lua's numbers add up exactly.
const LONGEST: u64 = 10 * 365 * 24 * 3600 * 1_000_000;

#[cfg(test)]
mod tests {
    use duet_proto::frame::{PoolName, Preferences, Tag};
    use duet_proto::ids::TicketNumber;

    use super::*;

    fn ticket() -> Ticket {
        let client = |byte| ClientId::from_random([byte; 16]);
        let tags = vec![Tag::new("go").expect("a tag")];
        let pool = PoolName::new("music").expect("a name");
        Ticket {
            client: client(1),
            number: TicketNumber { attempt: 3, round: 4 },
            pool: PoolKey { name: pool.clone(), quarantined: true },
            wishes: Wishes::new(pool, Preferences { tags, ..Preferences::default() }),
            is_wide: true,
            user: Some("ada".into()),
            blocked: vec![client(2)],
            apart: vec![client(3)],
            blocked_users: vec!["bob".into()],
            recent: vec![(client(4), Duration::from_micros(1_500))],
            is_past_caring: true,
            waited: Duration::from_micros(2_500),
            head_start: Duration::from_millis(7),
            at: Whereabouts {
                gateway: "gateway".into(),
                boot: BootId::from_random([5; 16]),
                worker: 6,
                session: SessionNumber(8),
            },
        }
    }

    #[test]
    fn a_ticket_is_read_as_it_was_kept_and_has_aged() {
        assert_eq!(decode(&encode(&ticket()), Duration::ZERO), Some(ticket()));
        let aged = decode(&encode(&ticket()), Duration::from_micros(10)).expect("a ticket");
        assert_eq!((aged.waited, aged.recent[0].1), (Duration::from_micros(2_510), Duration::from_micros(1_510)));
    }

    #[test]
    fn what_a_later_version_adds_is_passed_over() {
        let mut bytes = encode(&ticket());
        // Field 500: a varint.
        bytes.extend([0xa0, 0x1f, 0x07]);
        assert_eq!(decode(&bytes, Duration::ZERO), Some(ticket()));
    }

    #[test]
    fn what_is_no_ticket_is_none() {
        for bytes in [&b""[..], b"no ticket", &encode(&ticket())[..20]] {
            assert_eq!(decode(bytes, Duration::ZERO), None);
        }
    }
}
