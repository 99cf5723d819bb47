//! Scripts of the layer `duet.v1`: numbers and acknowledgements on both sides.

use duet_proto::token::ResumeToken;

use super::*;

impl Script {
    /// A session of the layer on a link, after its `ready`.
    pub(super) fn v1() -> Self {
        let mut script = Script::v1_unlinked();
        script.link_up();
        script
    }

    /// The same before it has a link.
    pub(super) fn v1_unlinked() -> Self {
        Script::with_window(Duration::from_secs(15))
    }

    fn with_window(resume_window: Duration) -> Self {
        let config = Arc::new(SessionConfig { resume_window, ..SessionConfig::default() });
        let tokens = ResumeTokens { first: token(1), next: token(2) };
        let session = Session::new(config, client(1), Time::ZERO, Duration::ZERO, Some(tokens), Time::ZERO);
        let mut script = Script { session, now: Time::ZERO, limited: Vec::new(), counted: Vec::new() };
        let ready = script.feed(|_, _| {}).concat();
        assert!(ready.starts_with(r#"{"type":"ready","clientId""#), "{ready}");
        let window = resume_window.as_millis();
        assert!(ready.ends_with(&format!(r#""resumeWindowMs":{window}}}"#)), "{ready}");
        assert_eq!(ready.contains(&token(1).secret_text()), window > 0, "{ready}");
        script
    }

    /// In a room made for the first attempt, after its `matched`, which is number 1.
    pub(super) fn v1_in_room() -> Self {
        let mut script = Script::v1();
        script.says(r#"{"type":"available","seq":1}"#);
        script.hears_numbered(1, matched(1, 0));
        script
    }

    pub(super) fn hears_numbered(&mut self, seq: u64, down: Down) -> Vec<String> {
        self.feed(|session, now| session.handle_frame(down_frame(seq, down), now))
    }
}

pub(super) fn token(number: u8) -> ResumeToken {
    ResumeToken::from_random([number; 32])
}

fn forwarded(seq: u64) -> Down {
    Down::Forward(forward(1, seq, r#"{"m":1}"#))
}

fn ice(seq: u64) -> String {
    format!(r#"{{"type":"ice","candidate":null,"seq":{seq}}}"#)
}

#[test]
fn what_tells_of_the_fate_carries_its_number_and_nothing_else_does() {
    let mut script = Script::v1();
    assert_eq!(script.says(r#"{"type":"available","seq":1}"#), [frame(Up::Join(join(1, 0))) + " #1"]);
    let numbered = |text: &str, seq: u64| text.replace("}", &format!(r#","seq":{seq}}}"#));
    assert_eq!(script.hears_numbered(1, waiting(1, 0)), [numbered(WAITING, 1)]);
    assert_eq!(script.hears_numbered(2, matched(1, 0)), [numbered(MATCHED_1, 2)]);
    assert_eq!(script.hears_numbered(3, forwarded(1)), [r#"{"m":1,"seq":3}"#]);
    let ticket = ticket(1, 0);
    assert_eq!(script.hears_numbered(4, Down::PartnerAway { ticket }), [r#"{"type":"partner-away","seq":4}"#]);
    assert_eq!(script.hears_numbered(5, Down::PartnerBack { ticket }), [r#"{"type":"partner-back","seq":5}"#]);
    assert_eq!(script.hears_numbered(6, left(1, 0, true)), [numbered(REQUEUED, 6)]);
    assert_eq!(script.says(r#"{"type":"ping"}"#), [r#"{"type":"pong","ack":0}"#]);
}

#[test]
fn a_number_stays_filled_when_the_clients_own_message_came_first() {
    let mut script = Script::v1();
    script.says(r#"{"type":"available","seq":1}"#);
    script.says(r#"{"type":"leave","seq":2}"#);
    assert_eq!(script.hears_numbered(1, matched(1, 0)), [r#"{"type":"void","seq":1}"#]);
}

#[test]
fn a_frame_that_was_sent_again_is_taken_once_and_a_missing_one_ends_the_session() {
    let mut script = Script::v1_in_room();
    assert_eq!(script.hears_numbered(2, forwarded(1)).len(), 1);
    assert_eq!(script.hears_numbered(2, forwarded(1)), [""; 0]);
    let ended = script.hears_numbered(4, forwarded(3));
    assert!(ended[0].starts_with(&refusal("internal")), "{ended:?}");
    assert_eq!(ended[2..], [frame(Up::End) + " #1", "Close(Internal)".to_owned()]);
    assert!(script.session.is_over());
}

#[test]
fn a_message_is_taken_once_in_order_and_a_gap_is_told_the_number_expected() {
    let mut script = Script::v1_in_room();
    assert_eq!(script.says(&ice(2)).len(), 1);
    assert_eq!(script.says(&ice(2)), [""; 0], "sent again");
    assert_eq!(script.says(r#"{"type":"leave","seq":1}"#), [""; 0], "whatever it says");
    let gap = script.says(&ice(4));
    assert_refused(&gap, "invalid-message");
    assert!(gap[0].contains(r#""expected":3"#) && !gap[0].contains("refused"), "{gap:?}");
    assert_eq!(script.says(&ice(3)).len(), 1);
    assert_eq!(script.says(r#"{"type":"ice","candidate":null}"#).len(), 1, "numbers are optional");
}

#[test]
fn a_refused_message_counts_as_taken_and_is_named() {
    let mut script = Script::v1();
    for (said, code) in [
        (r#"{"type":"ice","candidate":null,"seq":1}"#, "not-in-room"),
        (r#"{"type":"offer","seq":2}"#, "invalid-message"),
        (r#"{"type":"what","seq":3}"#, "unknown-type"),
        (r#"{"type":"leave","roomId":"x","seq":4}"#, "stale-room"),
    ] {
        let refused = script.says(said);
        assert_refused(&refused, code);
        let seq = said.rsplit(':').next().unwrap();
        assert!(refused[0].ends_with(&format!(r#""refused":{seq}"#)), "{refused:?}");
        assert_eq!(script.says(said), [""; 0], "sent again");
    }
}

#[test]
fn a_message_over_the_rate_is_refused_by_its_number_each_time() {
    let mut script = Script::v1_in_room();
    let answers: Vec<_> = (2..=310).flat_map(|seq| script.says(&ice(seq))).collect();
    let refused: Vec<_> = answers.iter().filter(|answer| answer.contains("rate-limited")).collect();
    assert_eq!(refused.len(), 10);
    assert!(refused[0].contains("retryAfterMs") && refused[9].contains(r#""refused":310"#), "{refused:?}");
}

#[test]
fn a_message_that_is_unavailable_is_not_taken_and_expected_again() {
    let mut script = Script::v1_in_room();
    script.link_down();
    script.wait(3);
    let refused = script.says(&ice(2));
    assert_refused(&refused, "unavailable");
    assert!(refused[0].contains(r#""refused":2"#), "{refused:?}");
    assert!(script.says(&ice(3))[0].contains(r#""expected":2"#));
    script.link_up();
    script.hears(Down::Resume { ticket: ticket(1, 0), received: 0, passed: 0 });
    assert!(script.says(&ice(2))[0].ends_with("#2"));
}

#[test]
fn a_numbered_wish_waits_for_the_link_however_long_that_takes() {
    let mut script = Script::v1_unlinked();
    assert_eq!(script.says(r#"{"type":"available","seq":1}"#), [""; 0]);
    assert_eq!(script.wait(20), [""; 0]);
    assert!(script.link_up()[0].contains("Waiting(Join"));
}

#[test]
fn acknowledgements_reach_the_matchmaker_bundled_or_after_a_second() {
    let mut script = Script::v1_in_room();
    assert_eq!(script.says(r#"{"type":"ping","ack":1}"#).len(), 1);
    assert_eq!(script.wait(1), [frame(Up::Settle { ack: 1 }) + " #1"]);
    assert_eq!(script.hears(Down::Settled { taken: 1 }), [""; 0]);
    assert_eq!(script.says(r#"{"type":"ping","ack":0}"#), [r#"{"type":"pong","ack":1}"#], "an old one is no error");
    for seq in 1..=32 {
        script.hears_numbered(1 + seq, forwarded(seq));
    }
    assert_eq!(script.says(r#"{"type":"ping","ack":33}"#)[1], frame(Up::Settle { ack: 33 }) + " #1");
    assert_refused(&script.says(r#"{"type":"ping","ack":34}"#), "invalid-message");
}

#[test]
fn the_matchmaker_is_asked_what_it_has_taken_until_it_has_taken_all() {
    let mut script = Script::v1_in_room();
    script.says(&ice(2));
    let asked = frame(Up::Settle { ack: 0 }) + " #2";
    assert_eq!(script.wait(2), [asked.clone(), asked]);
    script.hears(Down::Settled { taken: 2 });
    assert_eq!(script.wait(5).len(), 1, "the one that was due, and no more");
    assert_eq!(script.hears_numbered(2, forwarded(1)), [r#"{"m":1,"seq":2,"ack":2}"#], "and the client hears of it");
    assert_eq!(script.hears_numbered(3, forwarded(2)), [r#"{"m":1,"seq":3}"#], "once");
}

#[test]
fn what_waits_for_the_partner_is_not_claimed_as_said() {
    let mut script = Script::v1_in_room();
    script.hears(Down::Settled { taken: 1 });
    script.link_down();
    script.says(&ice(2));
    script.link_up();
    assert_eq!(script.wait(1), [frame(Up::Settle { ack: 0 })]);
    let resumed = script.hears(Down::Resume { ticket: ticket(1, 0), received: 0, passed: 0 });
    assert!(resumed[0].ends_with("#2"), "{resumed:?}");
}

#[test]
fn without_a_window_a_session_is_as_in_the_base_layer() {
    let mut script = Script::with_window(Duration::ZERO);
    assert_eq!(script.link_up(), [frame(Up::Attach(Box::new(attach(0, Doing::Idle))))]);
    assert_refused(&script.says(r#"{"type":"resume","token":"x"}"#), "unknown-type");
    assert_eq!(script.says(r#"{"type":"available","seq":7}"#), [frame(Up::Join(join(1, 0)))]);
    assert_eq!(script.feed(|session, now| session.handle_socket_end(false, now)), [frame(Up::End)]);
}

#[test]
fn what_was_said_before_a_room_was_left_is_claimed_and_what_was_said_after_is_not() {
    let mut script = Script::v1_in_room();
    script.says(&ice(2));
    script.link_down();
    script.says(r#"{"type":"leave","seq":3}"#);
    script.says(r#"{"type":"available","seq":4}"#);
    let announced = script.link_up().concat();
    assert!(announced.contains("client_seq: 2,"), "{announced}");
    script.hears(Down::Resume { ticket: ticket(1, 0), received: 1, passed: 1 });
    script.link_down();
    let announced = script.link_up().concat();
    assert!(announced.contains("client_seq: 4,"), "{announced}");
}
