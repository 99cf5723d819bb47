//! What is counted of a session.

use duet_proto::json::{CandidateType, ErrorCode, IceState};

use super::*;

const ANSWER: &str = r#"{"type":"answer","sdp":"v=0"}"#;

#[test]
fn errors_are_counted_by_their_codes() {
    let mut script = Script::linked();
    script.says(r#"{"type":"dance"}"#);
    script.says(r#"{"type":"ice","candidate":null}"#);
    let codes = [ErrorCode::UnknownType, ErrorCode::NotInRoom];
    assert_eq!(script.counted, codes.map(Counted::Refused));
}

#[test]
fn the_first_answer_in_a_room_tells_how_long_after_the_match_it_came() {
    let mut script = Script::in_room();
    script.wait(2);
    script.says(ANSWER);
    script.says(ANSWER);
    assert_eq!(script.counted, [Counted::Answered(Duration::from_secs(2))]);
}

#[test]
fn a_call_is_counted_once_for_each_thing_that_it_comes_to_in_a_room() {
    let mut script = Script::in_room();
    script.says(r#"{"type":"state","ice":"connected","setupMs":840.5,"candidateType":"relay"}"#);
    script.says(r#"{"type":"state","ice":"connected","setupMs":1}"#);
    script.says(r#"{"type":"state","ice":"failed","candidateType":"carrier-pigeon"}"#);
    script.says(r#"{"type":"state","ice":"disconnected","setupMs":1e9}"#);
    let (setup, relay) = (Some(Duration::from_millis(840)), Some(CandidateType::Relay));
    let connected = Counted::Call { ice: IceState::Connected, setup, candidate: relay };
    let failed = Counted::Call { ice: IceState::Failed, setup: None, candidate: Some(CandidateType::Other) };
    let disconnected = Counted::Call { ice: IceState::Disconnected, setup: None, candidate: None };
    assert_eq!(script.counted, [connected, failed, disconnected], "nobody waits for a call for eleven days");
}

#[test]
fn a_call_without_a_room_is_none() {
    let mut script = Script::linked();
    assert_eq!(script.says(r#"{"type":"state","ice":"connected"}"#), [""; 0]);
    assert_eq!(script.counted, []);
}

#[test]
fn a_session_is_counted_by_what_it_does() {
    let mut script = Script::linked();
    assert_eq!(script.session.state(), SessionState::Idle);
    script.says(r#"{"type":"available"}"#);
    assert_eq!(script.session.state(), SessionState::Waiting);
    script.hears(matched(1, 0));
    assert_eq!(script.session.state(), SessionState::Matched);
}
