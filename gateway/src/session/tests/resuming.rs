//! Scripts of sessions over several connections.

use duet_proto::frame::{InRoom, LastRoom, SessionEndedReason, SessionResumed};

use super::numbered::token;
use super::*;

pub(super) fn resume(number: u8, ack: u64) -> String {
    format!(r#"{{"type":"resume","token":"{}","ack":{ack}}}"#, token(number).secret_text())
}

fn asked(number: u8, ack: u64) -> String {
    frame(Up::ResumeSession { token: token(number).hash(), next_token: token(2).hash(), ack, attempt: 0 })
}

/// Session 3, in a room with its third attempt.
pub(super) fn session_3(kept: Vec<(u64, Down)>) -> SessionResumed {
    let join = Join { attempt: 3, wishes: wishes("chess"), waited: Duration::from_secs(9) };
    SessionResumed {
        client: client(3),
        identity: None,
        ticket: ticket(3, 0),
        doing: Doing::InRoom(InRoom {
            ticket: ticket(3, 0),
            room: room(3),
            partner: client(2),
            initiator: false,
            received: 4,
            sent: 6,
            acknowledged: 5,
            partner_away: true,
            join,
        }),
        wishes: Some(wishes("chess")),
        last_room: Some(LastRoom { room: room(2), parted: Duration::from_secs(1) }),
        epoch: 1,
        seq: kept.last().map_or(20, |(seq, _)| *seq),
        kept,
        taken: 12,
        unacknowledged: Vec::new(),
    }
}

fn resumed() -> Script {
    let mut script = Script::v1();
    assert_eq!(script.says(&resume(9, 20)), [asked(9, 20)]);
    script.hears(Down::SessionResumed(Box::new(session_3(Vec::new()))));
    script
}

#[test]
fn a_resumed_session_goes_on_where_it_was() {
    let mut script = Script::v1();
    assert_eq!(script.says(&resume(9, 18)), [asked(9, 18)]);
    let of_third = |seq| Down::Forward(Forward { ticket: ticket(3, 0), ..forward(3, seq, r#"{"m":1}"#) });
    let kept = vec![(19, matched(2, 0)), (20, of_third(4))];
    let answer = script.hears(Down::SessionResumed(Box::new(session_3(kept))));
    let told = format!(
        r#"{{"type":"resumed","clientId":"{}","state":"matched","roomId":"{}","partnerId":"{}","initiator":false,"partnerAway":true,"ack":12,"resumeToken":"{}"}}"#,
        client(3),
        room(3),
        client(2),
        token(2).secret_text()
    );
    // What the client's own later wishes made void is not told again.
    let adopted = frame(Up::Adopted) + " #12";
    assert_eq!(answer, [adopted.as_str(), told.as_str(), r#"{"type":"void","seq":19}"#, r#"{"m":1,"seq":20}"#]);
    let from = client(3);
    let text = format!(r#"{{"type":"ice","from":"{from}","candidate":null}}"#);
    assert_eq!(
        script.says(r#"{"type":"ice","candidate":null,"seq":12}"#)[..],
        [frame(Up::Settle { ack: 18 }) + " #12"]
    );
    assert_eq!(script.says(r#"{"type":"ice","candidate":null,"seq":13}"#), [""; 0], "until the room is open");
    let sent = Up::Forward(Forward { ticket: ticket(3, 0), seq: 7, text: text.into() });
    assert_eq!(script.hears(Down::Resume { ticket: ticket(3, 0), received: 5, passed: 6 }), [frame(sent) + " #13"]);
    assert_eq!(script.hears_numbered(21, of_third(5)), [r#"{"m":1,"seq":21}"#]);
}

#[test]
fn an_earlier_token_is_forgotten_with_the_first_word_of_the_client() {
    let mut script = resumed();
    script.link_down();
    let announced = script.link_up().concat();
    assert!(announced.contains("epoch: 1") && announced.contains("earlier_token: Some"), "{announced}");
    assert_eq!(script.says(r#"{"type":"ping","ack":20}"#)[1], frame(Up::Settle { ack: 20 }) + " #12");
    script.link_down();
    let announced = script.link_up().concat();
    assert!(announced.contains("earlier_token: None"), "{announced}");
}

#[test]
fn a_failed_resume_leaves_the_new_session_as_it_is() {
    let mut script = Script::v1();
    script.says(&resume(9, 0));
    assert_refused(&script.hears(Down::ResumeFailed), "resume-failed");
    assert_refused(&script.says(r#"{"type":"resume","token":"no token"}"#), "resume-failed");
    assert_eq!(script.says(r#"{"type":"available","seq":1}"#).len(), 1);
    assert_refused(&script.says(&resume(9, 0)), "invalid-message");
}

#[test]
fn while_a_resume_waits_nothing_else_is_taken() {
    let mut script = Script::v1();
    script.says(&resume(9, 0));
    assert_refused(&script.says(r#"{"type":"available","seq":1}"#), "unavailable");
    assert_refused(&script.says(&resume(9, 0)), "invalid-message");
    assert_eq!(script.says(r#"{"type":"ping"}"#).len(), 1);
}

#[test]
fn a_resume_waits_for_a_link_and_is_refused_after_a_while_without_losing_the_token() {
    let mut script = Script::v1_unlinked();
    assert_eq!(script.says(&resume(9, 5)), [""; 0]);
    script.now = script.now + Duration::from_secs(2);
    assert_eq!(script.link_up()[1..], [asked(9, 5)]);
    script.link_down();
    assert_refused(&script.wait(3), "unavailable");
    assert_refused(&script.says(&resume(9, 5)), "unavailable");
    assert_eq!(script.link_up().len(), 1, "nothing is asked for");
    assert_eq!(script.says(&resume(9, 5)), [asked(9, 5)]);
}

#[test]
fn a_lost_connection_leaves_the_session_and_what_comes_is_kept() {
    let mut script = Script::v1_in_room();
    assert_eq!(script.feed(|session, now| session.handle_socket_end(false, now)), [frame(Up::Detach) + " #1"]);
    assert!(!script.session.is_over());
    assert_eq!(script.hears_numbered(2, Down::Forward(forward(1, 1, "m"))), [""; 0]);
    script.wait(2);
    script.link_down();
    let announced = script.link_up().concat();
    for part in ["detached: Some(13s)", "seq: 2", "client_seq: 1", r#"text: b"m""#] {
        assert!(announced.contains(part), "{part}: {announced}");
    }
    script.hears(Down::SessionEnded { reason: SessionEndedReason::Expired });
    assert!(script.session.is_over() && script.session.poll_timeout().is_none());
}

#[test]
fn a_session_that_nobody_ends_is_given_up_some_time_after_its_window() {
    let mut script = Script::v1();
    script.feed(|session, now| session.handle_socket_end(false, now));
    assert_eq!(script.wait(29), [""; 0]);
    assert_eq!(script.wait(1), [frame(Up::End)]);
    assert!(script.session.is_over());
}

#[test]
fn a_client_that_is_done_ends_its_session() {
    let mut script = Script::v1_in_room();
    assert_eq!(script.feed(|session, now| session.handle_socket_end(true, now)), [frame(Up::End) + " #1"]);
    assert!(script.session.is_over());
}

#[test]
fn a_session_that_ended_elsewhere_closes_its_socket_and_says_nothing_more() {
    for (reason, close) in [
        (SessionEndedReason::ResumedElsewhere, "Close(ResumedElsewhere)"),
        (SessionEndedReason::Overflow, "Close(Policy)"),
        (SessionEndedReason::Closed, "Close(Closed)"),
    ] {
        let mut script = Script::v1_in_room();
        assert_eq!(script.hears(Down::SessionEnded { reason }), [close]);
        assert_eq!(script.feed(|session, now| session.handle_socket_end(false, now)), [""; 0]);
        assert!(script.session.is_over());
    }
}

#[test]
fn a_session_that_comes_back_to_a_client_that_has_gone_waits_for_it_again() {
    let mut script = Script::v1();
    script.says(&resume(9, 20));
    assert_eq!(script.feed(|session, now| session.handle_socket_end(false, now)), [frame(Up::Detach)]);
    let outputs = script.hears(Down::SessionResumed(Box::new(session_3(Vec::new()))));
    assert_eq!(outputs, [frame(Up::Adopted) + " #12", frame(Up::Detach) + " #12"]);
}

#[test]
fn what_the_gateway_before_kept_for_the_partner_is_repeated_by_the_next() {
    let mut script = Script::v1();
    script.says(&resume(9, 20));
    let unacknowledged = vec!["five".into(), "six".into()];
    let session = SessionResumed { unacknowledged, ..session_3(Vec::new()) };
    script.hears(Down::SessionResumed(Box::new(session)));
    let six = Up::Forward(Forward { ticket: ticket(3, 0), ..forward(3, 6, "six") });
    assert_eq!(script.hears(Down::Resume { ticket: ticket(3, 0), received: 4, passed: 5 }), [frame(six)]);
}

#[test]
fn a_room_whose_messages_nobody_has_any_more_is_broken() {
    let mut script = resumed();
    let outputs = script.hears(Down::Resume { ticket: ticket(3, 0), received: 4, passed: 4 });
    assert_eq!(outputs[0], frame(Up::Broken { ticket: ticket(3, 0) }) + " #12");
    assert!(outputs[1].starts_with(&refusal("internal")), "{outputs:?}");
}
