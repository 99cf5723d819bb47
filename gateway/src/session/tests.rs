//! Scripts: this input, exactly these outputs and nothing else. Here what clients and frames do; links' comings and goings are in
//! `links.rs`, random runs in `random.rs`.

use std::time::Duration;

use duet_proto::frame::{
    self, Attach, Doing, Down, DownFrame, Forward, Join, Matched, PartnerLeftReason, PoolName, PoolRefusal, Up,
    Waiting, Wishes,
};
use duet_proto::ids::{RoomId, SessionNumber, TicketNumber};

use super::*;
use crate::limits::{Limit, Traffic};

mod counted;
mod ice;
mod identity;
mod links;
mod numbered;
mod random;
mod relay_only;
mod resuming;
mod wishes;

/// A session with its clock. Outputs are written as text: what the client gets as its JSON, everything else by name.
struct Script {
    session: Session,
    now: Time,
    /// What its client ran into.
    limited: Vec<Limit>,
    /// What was counted of it.
    counted: Vec<Counted>,
}

impl Script {
    /// A session on a link, after its `ready`.
    fn linked() -> Self {
        let mut script = Script::unlinked();
        let attached = script.feed(super::Session::handle_link_up);
        assert_eq!(attached, [frame(Up::Attach(Box::new(attach(0, Doing::Idle))))]);
        script
    }

    fn unlinked() -> Self {
        let mut script = Script { session: session(1), now: Time::ZERO, limited: Vec::new(), counted: Vec::new() };
        let ready = format!(r#"{{"type":"ready","clientId":"{}"}}"#, client(1));
        assert_eq!(script.feed(|_, _| {}), [ready]);
        script
    }

    /// In a room made for the first attempt, after its `matched`.
    fn in_room() -> Self {
        let mut script = Script::linked();
        script.says(r#"{"type":"available"}"#);
        script.hears(matched(1, 0));
        script
    }

    fn feed(&mut self, input: impl FnOnce(&mut Session, Time)) -> Vec<String> {
        input(&mut self.session, self.now);
        let outputs: Vec<Output> = std::iter::from_fn(|| self.session.poll_output()).collect();
        for output in &outputs {
            match output {
                Output::Limited(limit) => self.limited.push(*limit),
                Output::Counted(counted) => self.counted.push(*counted),
                _ => {}
            }
        }
        let is_told = |output: &Output| !matches!(output, Output::Limited(_) | Output::Counted(_));
        outputs.into_iter().filter(is_told).map(written).collect()
    }

    fn says(&mut self, text: &str) -> Vec<String> {
        self.feed(|session, now| session.handle_text(text, now))
    }

    fn hears(&mut self, down: Down) -> Vec<String> {
        self.feed(|session, now| session.handle_frame(down_frame(0, down), now))
    }

    fn link_up(&mut self) -> Vec<String> {
        self.feed(super::Session::handle_link_up)
    }

    fn link_down(&mut self) -> Vec<String> {
        self.feed(super::Session::handle_link_down)
    }

    /// Time passes, and everything due on the way is done at its time.
    fn wait(&mut self, seconds: u64) -> Vec<String> {
        let end = self.now + Duration::from_secs(seconds);
        let mut outputs = Vec::new();
        while let Some(due) = self.session.poll_timeout().filter(|due| *due <= end) {
            self.now = due.max(self.now);
            outputs.extend(self.feed(super::Session::handle_timeout));
        }
        self.now = end;
        outputs
    }
}

fn session(number: u8) -> Session {
    Session::new(Arc::new(SessionConfig::default()), client(number), Time::ZERO, Duration::ZERO, None, Time::ZERO)
}

fn client(number: u8) -> ClientId {
    ClientId::from_random([number; 16])
}

fn room(number: u8) -> RoomId {
    RoomId::from_random([100 + number; 16])
}

fn ticket(attempt: u32, round: u32) -> TicketNumber {
    TicketNumber { attempt, round }
}

fn attach(attempt: u32, doing: Doing) -> Attach {
    Attach { client: client(1), identity: None, attempt, doing, resumable: None }
}

/// The room of the first attempt, as it is announced.
fn announced_room(received: u64, sent: u64, acknowledged: u64, waited: u64) -> String {
    let join = join(1, waited);
    let (room, partner) = (room(1), client(2));
    let place = frame::InRoom {
        ticket: ticket(1, 0),
        room,
        partner,
        initiator: true,
        received,
        sent,
        acknowledged,
        partner_away: false,
        join,
    };
    frame(Up::Attach(Box::new(attach(1, Doing::InRoom(place)))))
}

fn wishes(pool: &str) -> Wishes {
    Wishes::anybody(PoolName::new(pool).unwrap())
}

fn join(attempt: u32, waited: u64) -> Join {
    Join { attempt, wishes: Wishes::default(), waited: Duration::from_secs(waited) }
}

/// The room's number is the attempt's.
fn matched(attempt: u32, round: u32) -> Down {
    Down::Matched(Matched {
        ticket: ticket(attempt, round),
        room: room(u8::try_from(attempt).unwrap()),
        partner: client(2),
        initiator: true,
        waited: Duration::ZERO,
        shown: None,
        tags: Box::default(),
        traces: None,
    })
}

fn waiting(attempt: u32, round: u32) -> Down {
    let pool = PoolName::default();
    Down::Waiting(Waiting {
        ticket: ticket(attempt, round),
        pool,
        position: 1,
        waited: Duration::ZERO,
        estimate: None,
        widened: false,
    })
}

fn forward(attempt: u32, seq: u64, text: &str) -> Forward {
    Forward { ticket: ticket(attempt, 0), seq, text: text.to_owned().into() }
}

fn left(attempt: u32, round: u32, requeued: bool) -> Down {
    Down::PartnerLeft { ticket: ticket(attempt, round), reason: PartnerLeftReason::Next, requeued }
}

fn down_frame(seq: u64, kind: Down) -> DownFrame {
    DownFrame { session: SessionNumber(1), seq, taken: 0, kind }
}

fn frame(up: Up) -> String {
    format!("{up:?}")
}

fn written(output: Output) -> String {
    match output {
        Output::Text(text) | Output::TextWithIce(text) => String::from_utf8(text.to_vec()).unwrap(),
        Output::Frame { kind, client_seq: 0 } => frame(kind),
        Output::Frame { kind, client_seq } => format!("{} #{client_seq}", frame(kind)),
        other => format!("{other:?}"),
    }
}

fn refusal(code: &str) -> String {
    format!(r#"{{"type":"error","code":"{code}""#)
}

fn assert_refused(outputs: &[String], code: &str) {
    assert_eq!(outputs.len(), 1, "{outputs:?}");
    assert!(outputs[0].starts_with(&refusal(code)), "{outputs:?} is not {code}");
}

const MATCHED_1: &str = r#"{"type":"matched","roomId":"65656565-6565-4565-a565-656565656565","partnerId":"02020202-0202-4202-8202-020202020202","initiator":true}"#;
const WAITING: &str = r#"{"type":"waiting","pool":"default","position":1}"#;
const LEFT: &str = r#"{"type":"partner-left","reason":"next","requeued":false}"#;
const REQUEUED: &str = r#"{"type":"partner-left","reason":"next","requeued":true}"#;

#[test]
fn a_wish_is_joined_and_answered_by_the_matchmaker() {
    let mut script = Script::linked();
    assert_eq!(script.says(r#"{"type":"available"}"#), [frame(Up::Join(join(1, 0)))]);
    assert_eq!(script.hears(waiting(1, 0)), [WAITING]);
    assert_eq!(script.hears(matched(1, 0)), [MATCHED_1]);
}

#[test]
fn available_while_waiting_keeps_the_place_and_takes_the_new_wishes() {
    let mut script = Script::linked();
    script.says(r#"{"type":"available"}"#);
    script.hears(waiting(1, 0));
    script.wait(4);
    let join = Join { attempt: 2, wishes: wishes("chess"), waited: Duration::from_secs(4) };
    assert_eq!(script.says(r#"{"type":"available","pool":"chess"}"#), [frame(Up::Join(join))]);
    assert_eq!(script.hears(matched(1, 0)), [""; 0], "a match for the old wishes has crossed with the new ones");
    assert_eq!(script.hears(matched(2, 0)).len(), 1);
}

#[test]
fn available_in_a_room_is_refused_and_the_room_stays() {
    let mut script = Script::in_room();
    assert_refused(&script.says(r#"{"type":"available"}"#), "already-matched");
    assert_eq!(script.says(r#"{"type":"offer","sdp":"v=0"}"#).len(), 1);
}

#[test]
fn signals_are_forwarded_in_sequence_with_the_servers_from() {
    let mut script = Script::in_room();
    for (seq, (kind, field)) in (1..).zip([("offer", "sdp"), ("ice", "candidate"), ("answer", "sdp")]) {
        let text = format!(r#"{{"type":"{kind}","from":"{}","{field}":"x"}}"#, client(1));
        let said = format!(r#"{{"from":"forged","type":"{kind}","{field}":"x"}}"#);
        assert_eq!(script.says(&said), [frame(Up::Forward(forward(1, seq, &text)))]);
    }
}

#[test]
fn signals_without_a_partner_are_refused() {
    let mut script = Script::linked();
    for said in [
        r#"{"type":"offer","sdp":"v=0"}"#,
        r#"{"type":"answer","sdp":"v=0"}"#,
        r#"{"type":"ice","candidate":null}"#,
        r#"{"type":"report","reason":"rude"}"#,
    ] {
        assert_refused(&script.says(said), "not-in-room");
    }
    script.says(r#"{"type":"available"}"#);
    assert_refused(&script.says(r#"{"type":"ice","candidate":null}"#), "not-in-room");
}

#[test]
fn whatever_names_another_room_is_stale_and_does_nothing() {
    let mut script = Script::in_room();
    for kind in [
        r#""offer","sdp":"""#,
        r#""answer","sdp":"""#,
        r#""ice","candidate":null"#,
        r#""next""#,
        r#""leave""#,
        r#""report","reason":"x""#,
    ] {
        let stale = format!(r#"{{"type":{kind},"roomId":"{}"}}"#, room(2));
        assert_refused(&script.says(&stale), "stale-room");
    }
    let current = format!(r#"{{"type":"ice","candidate":null,"roomId":"{}"}}"#, room(1));
    assert_eq!(script.says(&current).len(), 1);
    script.says(r#"{"type":"leave"}"#);
    assert_refused(&script.says(&current), "stale-room");
}

#[test]
fn next_leaves_the_partner_and_asks_again_with_the_same_wishes() {
    let mut script = Script::linked();
    script.says(r#"{"type":"available","pool":"chess"}"#);
    script.hears(matched(1, 0));
    let next = Up::Next { attempt: 2, wishes: wishes("chess") };
    assert_eq!(script.says(r#"{"type":"next"}"#), [frame(next)]);
    assert_eq!(script.hears(Down::Forward(forward(1, 1, "late"))), [""; 0], "nothing of the old room comes after");
    assert_eq!(script.says(r#"{"type":"next"}"#), [""; 0], "while waiting it changes nothing");
    assert_eq!(script.hears(waiting(2, 0)), [WAITING]);
}

#[test]
fn next_without_a_room_is_available_with_the_last_wishes() {
    let mut script = Script::linked();
    assert_eq!(script.says(r#"{"type":"next"}"#), [frame(Up::Join(join(1, 0)))]);
    script.says(r#"{"type":"available","pool":"chess"}"#);
    script.says(r#"{"type":"leave"}"#);
    let join = Join { attempt: 4, wishes: wishes("chess"), waited: Duration::ZERO };
    assert_eq!(script.says(r#"{"type":"next"}"#), [frame(Up::Join(join))]);
}

#[test]
fn leave_ends_the_room_or_the_wait_and_leaving_nothing_is_no_error() {
    let mut script = Script::in_room();
    assert_eq!(script.says(r#"{"type":"leave"}"#), [frame(Up::Leave { attempt: 2 })]);
    assert_eq!(script.says(r#"{"type":"leave"}"#), [""; 0]);
    assert_eq!(script.hears(left(1, 0, false)), [""; 0], "both left at once");
    script.says(r#"{"type":"available"}"#);
    assert_eq!(script.says(r#"{"type":"leave"}"#), [frame(Up::Leave { attempt: 4 })]);
    assert_eq!(script.hears(matched(3, 0)), [""; 0], "a match crossed with the leave");
}

#[test]
fn a_partner_that_left_is_told_and_the_next_match_is_another_round() {
    let mut script = Script::in_room();
    assert_eq!(script.hears(left(1, 0, true)), [REQUEUED]);
    assert_eq!(script.hears(waiting(1, 1)), [WAITING]);
    assert_eq!(script.hears(matched(1, 1)), [MATCHED_1]);
    assert_eq!(script.hears(Down::Forward(forward(1, 1, "of the round before"))), [""; 0]);
    assert_eq!(script.hears(left(1, 1, false)), [LEFT]);
    assert_refused(&script.says(r#"{"type":"ice","candidate":null}"#), "not-in-room");
}

#[test]
fn forwarded_messages_arrive_once_and_are_acknowledged_now_and_then() {
    let mut script = Script::in_room();
    for seq in 1..=31 {
        assert_eq!(script.hears(Down::Forward(forward(1, seq, "m"))), ["m"]);
        assert_eq!(script.hears(Down::Forward(forward(1, seq, "m"))), [""; 0], "a repetition");
    }
    let ack = frame(Up::Ack { ticket: ticket(1, 0), seq: 32 });
    assert_eq!(script.hears(Down::Forward(forward(1, 32, "m"))), ["m".to_owned(), ack]);
    let large = "m".repeat(64 * 1024);
    let ack = frame(Up::Ack { ticket: ticket(1, 0), seq: 33 });
    assert_eq!(script.hears(Down::Forward(forward(1, 33, &large))), [large, ack]);
    script.hears(Down::Forward(forward(1, 34, "m")));
    assert_eq!(script.wait(1), [frame(Up::Ack { ticket: ticket(1, 0), seq: 34 })], "after a second at the latest");
    assert_eq!(script.wait(10), [""; 0]);
}

#[test]
fn a_hole_in_the_sequence_ends_the_room_with_an_error_that_the_logs_know() {
    let mut script = Script::in_room();
    let outputs = script.hears(Down::Forward(forward(1, 2, "m")));
    assert_eq!(outputs.len(), 3, "{outputs:?}");
    assert_eq!(outputs[0], frame(Up::Broken { ticket: ticket(1, 0) }));
    assert!(outputs[1].starts_with(&refusal("internal")), "{outputs:?}");
    let id = format!("{}-1", client(1));
    assert!(outputs[1].contains(&format!(r#""id":"{id}""#)) && outputs[2].contains(&id), "{outputs:?}");
    assert_eq!(script.hears(Down::Forward(forward(1, 3, "m"))), [""; 0], "it is said once");
    assert_eq!(script.hears(left(1, 0, true)), [REQUEUED]);
}

#[test]
fn a_hole_that_a_new_link_fills_is_none() {
    let mut script = Script::in_room();
    script.hears(Down::Forward(forward(1, 2, "m")));
    script.link_down();
    assert_eq!(script.link_up(), [announced_room(0, 0, 0, 0)]);
    assert_eq!(script.hears(Down::Forward(forward(1, 1, "m"))), ["m"]);
}

#[test]
fn ping_is_answered_whatever_is_going_on() {
    let mut script = Script::unlinked();
    assert_eq!(script.says(r#"{"type":"ping","id":7.0}"#), [r#"{"type":"pong","id":7.0}"#]);
    let mut script = Script::in_room();
    assert_eq!(script.says(r#"{"type":"ping"}"#), [r#"{"type":"pong"}"#]);
}

#[test]
fn auth_is_taken_as_given_and_announced() {
    let mut script = Script::linked();
    let identity = duet_proto::frame::Identity::unverified("ann".to_owned());
    let accepted = r#"{"type":"authenticated","userId":"ann","verified":false}"#;
    assert_eq!(
        script.says(r#"{"type":"auth","userId":"ann"}"#),
        [frame(Up::Identify(identity.clone())), accepted.to_owned()]
    );
    script.link_down();
    let announced = Attach { identity: Some(identity), ..attach(0, Doing::Idle) };
    assert_eq!(script.link_up(), [frame(Up::Attach(Box::new(announced)))]);
    assert_refused(&script.says(r#"{"type":"auth","token":"a.b.c"}"#), "unauthorized");
    assert_refused(&script.says(r#"{"type":"auth"}"#), "invalid-message");
}

#[test]
fn state_is_answered_by_nothing() {
    assert_eq!(Script::in_room().says(r#"{"type":"state","ice":"disconnected","setupMs":5}"#), [""; 0]);
}

#[test]
fn a_report_ends_the_room_or_follows_within_a_minute_of_it() {
    let report = |attempt| Up::Report { attempt, room: room(1), reason: "rude".to_owned(), details: String::new() };
    let said = r#"{"type":"report","reason":"rude"}"#;
    let mut script = Script::in_room();
    assert_eq!(script.says(said), [frame(report(2))]);
    assert_refused(&script.says(r#"{"type":"ice","candidate":null}"#), "not-in-room");

    let mut script = Script::in_room();
    script.hears(left(1, 0, true));
    assert_eq!(script.says(said), [frame(report(1))], "and the wait goes on");
    assert_eq!(script.hears(matched(1, 1)), [MATCHED_1]);
    script.hears(left(1, 1, false));
    for _ in 0..61 {
        script.wait(1);
        script.feed(|session, now| session.handle_traffic(Traffic::default(), now));
    }
    assert_refused(&script.says(said), "not-in-room");
}

#[test]
fn bad_messages_are_refused_one_by_one_until_there_are_too_many() {
    let mut script = Script::linked();
    for _ in 0..32 {
        assert_refused(&script.says("nonsense"), "invalid-message");
    }
    let last = script.says(r#"{"type":"nonsense"}"#);
    assert_eq!(last.len(), 2);
    assert_eq!(last[1], "Close(Policy)");
    assert_eq!(script.limited, [Limit::BadMessages]);
    assert_eq!(script.says(r#"{"type":"ping"}"#), [""; 0], "nothing is said after the close");
}

#[test]
fn a_flood_is_refused_with_a_time_and_then_closed() {
    let mut script = Script::linked();
    let ping = r#"{"type":"ping"}"#;
    let answers: Vec<String> = (0..400).flat_map(|_| script.says(ping)).collect();
    assert_eq!(answers.len(), 301, "300 at once, and one refusal");
    assert_eq!(
        &answers[300],
        r#"{"type":"error","code":"rate-limited","message":"too many messages; those over the rate are dropped","retryAfterMs":10}"#
    );
    let mut seconds = 0;
    while !(0..400).any(|_| script.says(ping).contains(&"Close(Policy)".to_owned())) {
        script.now = script.now + Duration::from_millis(500);
        seconds += 1;
        assert!(seconds < 100);
    }
}

#[test]
fn silence_is_pinged_and_then_the_connection_dropped() {
    let mut script = Script::linked();
    assert_eq!(script.wait(25), ["Ping"]);
    script.feed(|session, now| session.handle_traffic(Traffic::default(), now));
    assert_eq!(script.wait(34), ["Ping"]);
    assert_eq!(script.wait(1), ["Abort"]);
    assert_eq!(script.session.poll_timeout(), None);
    assert_eq!(script.feed(|session, now| session.handle_socket_end(false, now)), [frame(Up::End)]);
    assert!(script.session.is_over());
}

#[test]
fn a_drain_is_announced_and_then_closes() {
    let mut script = Script::linked();
    let told = script.feed(|session, now| session.handle_drain(Duration::from_millis(1500), now));
    assert_eq!(told, [r#"{"type":"going-away","reconnectInMs":1500}"#]);
    assert_eq!(script.says(r#"{"type":"ping"}"#).len(), 1, "the connection lives until then");
    assert_eq!(script.wait(2), ["Close(Restart)"]);
}

#[test]
fn wishes_over_their_rate_are_refused_and_the_first_one_stands() {
    let mut script = Script::linked();
    let mut joins = 0;
    for _ in 0..30 {
        let answers = script.says(r#"{"type":"available"}"#);
        if answers.iter().any(|answer| answer.contains("rate-limited")) {
            assert_refused(&answers, "rate-limited");
            assert!(answers[0].contains("retryAfterMs"));
        } else {
            joins += answers.len();
        }
    }
    assert_eq!(joins, 20);
    assert_eq!(script.limited, [Limit::WishRate; 10]);
    assert_eq!(script.hears(matched(20, 0)).len(), 1, "a partner for the last wish that was taken");
}

#[test]
fn traffic_over_its_rates_closes_whatever_it_says() {
    for (traffic, limit) in [
        (Traffic { bytes: 3_000_000, ..Traffic::default() }, Limit::ByteRate),
        (Traffic { frames: 1001, ..Traffic::default() }, Limit::FrameRate),
        (Traffic { controls: 21, frames: 21, bytes: 126 }, Limit::ControlRate),
    ] {
        let mut script = Script::linked();
        assert_eq!(script.feed(|session, now| session.handle_traffic(traffic, now)), ["Close(Policy)"]);
        assert_eq!(script.limited, [limit]);
    }
}
