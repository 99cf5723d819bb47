//! What a webhook says: an event as JSON. Ids are text, times are milliseconds, and nothing of what the two said to each other is in it.

use std::str::FromStr;
use std::time::{Duration, SystemTime};

use duet_matchmaker::server::Happening;
use duet_matchmaker::{Event, Party, Quarantined, Report, RoomEnded, RoomMade};
use duet_proto::frame::{PartnerLeftReason, Tag};
use prost_types::Timestamp;
use serde::{Serialize, Serializer};

/// What a webhook may tell of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventKind {
    Matched,
    RoomEnded,
    Reported,
    Quarantined,
}

impl EventKind {
    pub(crate) const ALL: [EventKind; 4] =
        [EventKind::Matched, EventKind::RoomEnded, EventKind::Reported, EventKind::Quarantined];

    /// `None` of what is for watchers only.
    pub(super) fn of(event: &Event) -> Option<Self> {
        Some(match event {
            Event::Matched(_) => EventKind::Matched,
            Event::RoomEnded(_) => EventKind::RoomEnded,
            Event::Reported(_) => EventKind::Reported,
            Event::Quarantined(_) => EventKind::Quarantined,
            Event::SessionChanged(_) => return None,
        })
    }

    /// Its name in settings and in `type`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            EventKind::Matched => "matched",
            EventKind::RoomEnded => "room-ended",
            EventKind::Reported => "reported",
            EventKind::Quarantined => "quarantined",
        }
    }
}

impl FromStr for EventKind {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        EventKind::ALL.into_iter().find(|kind| kind.name() == name).ok_or(())
    }
}

/// The kind and the body of a webhook, if there is to be one.
pub(super) fn body(happening: &Happening) -> Option<(EventKind, Vec<u8>)> {
    let kind = EventKind::of(&happening.event)?;
    let data = match &happening.event {
        Event::Matched(made) => Data::Matched(matched(made)),
        Event::RoomEnded(ended) => Data::RoomEnded(room_ended(ended)),
        Event::Reported(report) => Data::Reported(reported(report)),
        Event::Quarantined(quarantined) => Data::Quarantined(kept_apart(quarantined)),
        Event::SessionChanged(_) => return None,
    };
    let body = Body { kind: kind.name(), timestamp: rfc3339(happening.at), data };
    Some((kind, serde_json::to_vec(&body).expect("text, numbers and lists are JSON")))
}

fn matched(made: &RoomMade) -> Matched<'_> {
    let member = |index: usize| MatchedMember {
        who: (&made.members[index]).into(),
        initiator: index == 0,
        waited_ms: made.waited[index],
    };
    let tags = made.tags.iter().map(Tag::as_str).collect();
    Matched { room_id: made.room.to_string(), pool: made.pool.as_str(), tags, members: [member(0), member(1)] }
}

fn room_ended(ended: &RoomEnded) -> Ended<'_> {
    Ended {
        room_id: ended.room.to_string(),
        pool: ended.pool.as_str(),
        members: ended.members.each_ref().map(Who::from),
        reason: ended.reason,
        lasted_ms: ended.lasted,
    }
}

fn reported(report: &Report) -> Reported<'_> {
    Reported {
        room_id: report.room.to_string(),
        reporter: (&report.reporter).into(),
        reported: (&report.reported).into(),
        reason: &report.reason,
        details: &report.details,
        talked_ms: report.talked,
        ended_ms_ago: report.ago,
    }
}

fn kept_apart(quarantined: &Quarantined) -> KeptApart<'_> {
    let Quarantined { party, reporters, lasts } = quarantined;
    KeptApart { who: party.into(), reporters: *reporters, lasts_ms: *lasts }
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    timestamp: String,
    data: Data<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Data<'a> {
    Matched(Matched<'a>),
    RoomEnded(Ended<'a>),
    Reported(Reported<'a>),
    Quarantined(KeptApart<'a>),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Matched<'a> {
    room_id: String,
    pool: &'a str,
    tags: Vec<&'a str>,
    members: [MatchedMember<'a>; 2],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct MatchedMember<'a> {
    #[serde(flatten)]
    who: Who<'a>,
    initiator: bool,
    #[serde(serialize_with = "millis")]
    waited_ms: Duration,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Ended<'a> {
    room_id: String,
    pool: &'a str,
    members: [Who<'a>; 2],
    reason: PartnerLeftReason,
    #[serde(serialize_with = "millis")]
    lasted_ms: Duration,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Reported<'a> {
    room_id: String,
    reporter: Who<'a>,
    reported: Who<'a>,
    reason: &'a str,
    details: &'a str,
    #[serde(serialize_with = "millis")]
    talked_ms: Duration,
    #[serde(serialize_with = "millis")]
    ended_ms_ago: Duration,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct KeptApart<'a> {
    #[serde(flatten)]
    who: Who<'a>,
    reporters: usize,
    #[serde(serialize_with = "millis")]
    lasts_ms: Duration,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Who<'a> {
    client_id: String,
    /// Only if it is proved.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'a str>,
}

impl<'a> From<&'a Party> for Who<'a> {
    fn from(party: &'a Party) -> Self {
        Who { client_id: party.client.to_string(), user_id: party.user.as_deref() }
    }
}

fn millis<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

/// To the millisecond: events are no more exact.
fn rfc3339(time: SystemTime) -> String {
    let mut timestamp = Timestamp::from(time);
    timestamp.nanos -= timestamp.nanos % 1_000_000;
    timestamp.to_string()
}

#[cfg(test)]
mod tests {
    use duet_proto::frame::PoolName;
    use duet_proto::ids::{ClientId, RoomId};

    use super::*;

    fn party(byte: u8, user: Option<&str>) -> Party {
        Party { client: ClientId::from_random([byte; 16]), user: user.map(Into::into) }
    }

    fn said(event: Event) -> String {
        let at = SystemTime::UNIX_EPOCH + Duration::from_micros(1_700_000_000_123_456);
        String::from_utf8(body(&Happening { sequence: 1, at, event }).unwrap().1).unwrap()
    }

    #[test]
    fn a_room_says_who_met_where_and_how_long_they_had_waited() {
        let made = RoomMade {
            room: RoomId::from_random([3; 16]),
            pool: PoolName::default(),
            members: [party(1, Some("ann")), party(2, None)],
            waited: [Duration::ZERO, Duration::from_micros(1_500_900)],
            tags: [Tag::new("jazz").unwrap()].into(),
        };
        let expected = r#"{"type":"matched","timestamp":"2023-11-14T22:13:20.123Z","data":{"roomId":"03030303-0303-4303-8303-030303030303","pool":"default","tags":["jazz"],"members":[{"clientId":"01010101-0101-4101-8101-010101010101","userId":"ann","initiator":true,"waitedMs":0},{"clientId":"02020202-0202-4202-8202-020202020202","initiator":false,"waitedMs":1500}]}}"#;
        assert_eq!(said(Event::Matched(made)), expected);
    }

    #[test]
    fn an_end_says_by_whom_and_why() {
        let ended = RoomEnded {
            room: RoomId::from_random([3; 16]),
            pool: PoolName::new("night \"owls\"").unwrap(),
            members: [party(2, None), party(1, Some("ann"))],
            reason: PartnerLeftReason::Next,
            lasted: Duration::from_secs(61),
        };
        let expected = r#"{"type":"room-ended","timestamp":"2023-11-14T22:13:20.123Z","data":{"roomId":"03030303-0303-4303-8303-030303030303","pool":"night \"owls\"","members":[{"clientId":"02020202-0202-4202-8202-020202020202"},{"clientId":"01010101-0101-4101-8101-010101010101","userId":"ann"}],"reason":"next","lastedMs":61000}}"#;
        assert_eq!(said(Event::RoomEnded(ended)), expected);
    }

    #[test]
    fn a_report_says_who_whom_and_why() {
        let report = Report {
            reporter: party(1, Some("ann")),
            reported: party(2, None),
            room: RoomId::from_random([3; 16]),
            reason: "abuse".to_owned(),
            details: "a\nb".to_owned(),
            talked: Duration::from_millis(1234),
            ago: Duration::ZERO,
        };
        let expected = r#"{"type":"reported","timestamp":"2023-11-14T22:13:20.123Z","data":{"roomId":"03030303-0303-4303-8303-030303030303","reporter":{"clientId":"01010101-0101-4101-8101-010101010101","userId":"ann"},"reported":{"clientId":"02020202-0202-4202-8202-020202020202"},"reason":"abuse","details":"a\nb","talkedMs":1234,"endedMsAgo":0}}"#;
        assert_eq!(said(Event::Reported(report)), expected);
    }

    #[test]
    fn a_quarantine_says_whose_and_for_how_long() {
        let quarantined = Quarantined { party: party(1, Some("ann")), reporters: 5, lasts: Duration::from_secs(3600) };
        let expected = r#"{"type":"quarantined","timestamp":"2023-11-14T22:13:20.123Z","data":{"clientId":"01010101-0101-4101-8101-010101010101","userId":"ann","reporters":5,"lastsMs":3600000}}"#;
        assert_eq!(said(Event::Quarantined(quarantined)), expected);
    }
}
