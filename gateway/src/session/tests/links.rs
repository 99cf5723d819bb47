//! Scripts of links that come, break and come back.

use super::*;

#[test]
fn a_wish_without_a_link_waits_for_it() {
    let mut script = Script::unlinked();
    assert_eq!(script.says(r#"{"type":"available"}"#), [""; 0]);
    assert_eq!(script.wait(2), [""; 0]);
    assert_eq!(script.link_up(), [frame(Up::Attach(Box::new(attach(1, Doing::Waiting(join(1, 2))))))]);
    assert_eq!(script.hears(waiting(1, 0)), [WAITING]);
}

#[test]
fn a_wish_that_waited_too_long_for_a_link_is_refused() {
    let mut script = Script::unlinked();
    script.says(r#"{"type":"available"}"#);
    let refused = script.wait(3);
    assert_refused(&refused, "unavailable");
    assert!(refused[0].contains(r#""retryAfterMs":1000"#), "{refused:?}");
    assert_refused(&script.says(r#"{"type":"available"}"#), "unavailable");
    assert_refused(&script.says(r#"{"type":"next"}"#), "unavailable");
    assert_eq!(script.link_up(), [frame(Up::Attach(Box::new(attach(2, Doing::Idle))))]);
    assert_eq!(script.says(r#"{"type":"available"}"#).len(), 1);
}

#[test]
fn one_who_was_told_to_wait_keeps_waiting_in_silence_and_keeps_the_place() {
    let mut script = Script::linked();
    script.says(r#"{"type":"available"}"#);
    script.hears(waiting(1, 0));
    script.link_down();
    assert_eq!(script.wait(20), [""; 0]);
    assert_eq!(script.link_up(), [frame(Up::Attach(Box::new(attach(1, Doing::Waiting(join(1, 20))))))]);
}

#[test]
fn new_wishes_while_waiting_without_a_link_keep_the_wait() {
    let mut script = Script::linked();
    script.says(r#"{"type":"available"}"#);
    script.hears(waiting(1, 0));
    script.link_down();
    assert_eq!(script.says(r#"{"type":"available","pool":"chess"}"#), [""; 0]);
    assert_eq!(script.wait(20), [""; 0]);
    let join = Join { attempt: 2, wishes: wishes("chess"), waited: Duration::from_secs(20) };
    assert_eq!(script.link_up(), [frame(Up::Attach(Box::new(attach(2, Doing::Waiting(join)))))]);
}

#[test]
fn a_room_is_announced_and_goes_on_where_the_partner_is() {
    let mut script = Script::in_room();
    let ice = |n: u64| format!(r#"{{"type":"ice","candidate":"{n}"}}"#);
    let forwarded = |n: u64| {
        let text = format!(r#"{{"type":"ice","from":"{}","candidate":"{n}"}}"#, client(1));
        frame(Up::Forward(forward(1, n, &text)))
    };
    script.hears(Down::Forward(forward(1, 1, "m")));
    for n in 1..=4 {
        assert_eq!(script.says(&ice(n)), [forwarded(n)]);
    }
    assert_eq!(script.hears(Down::Ack { ticket: ticket(1, 0), seq: 1 }), [""; 0]);
    script.link_down();
    assert_eq!(script.says(&ice(5)), [""; 0], "kept until there is a link");
    script.now = script.now + Duration::from_secs(2);
    assert_eq!(script.link_up(), [announced_room(1, 5, 1, 2)]);
    assert_eq!(script.says(&ice(6)), [""; 0], "and until the matchmaker says where to go on");
    let resumed = script.hears(Down::Resume { ticket: ticket(1, 0), received: 2, passed: 3 });
    assert_eq!(resumed, [forwarded(4), forwarded(5), forwarded(6)], "the third is under way");
    assert_eq!(script.says(&ice(7)), [forwarded(7)]);
    let again = script.hears(Down::Resume { ticket: ticket(1, 0), received: 7, passed: 7 });
    assert_eq!(again, [""; 0], "the partner's link broke, and it has everything");
    assert_eq!(script.hears(Down::Forward(forward(1, 1, "m"))), [""; 0], "the partner repeats what has come");
    assert_eq!(script.hears(Down::Forward(forward(1, 2, "m"))), ["m"]);
}

#[test]
fn a_room_that_did_not_survive_ends_as_any_other() {
    let mut script = Script::in_room();
    script.says(r#"{"type":"ice","candidate":null}"#);
    script.link_down();
    assert_eq!(script.link_up(), [announced_room(0, 1, 0, 0)]);
    assert_eq!(script.hears(left(1, 0, true)), [REQUEUED]);
    assert_eq!(script.hears(matched(1, 1)), [MATCHED_1]);
    assert_eq!(script.says(r#"{"type":"ice","candidate":null}"#).len(), 1, "nothing of the old room comes with it");
}

#[test]
fn a_room_without_a_link_for_long_refuses_what_it_would_have_to_keep() {
    let mut script = Script::in_room();
    script.link_down();
    assert_refused(&script.says(r#"{"type":"report","reason":"rude"}"#), "unavailable");
    assert_refused(&script.says(r#"{"type":"next"}"#), "unavailable");
    let large = format!(r#"{{"type":"offer","sdp":"{}"}}"#, "x".repeat(60_000));
    for _ in 0..17 {
        assert_eq!(script.says(&large), [""; 0]);
    }
    assert_refused(&script.says(&large), "unavailable");
    let ice = r#"{"type":"ice","candidate":null}"#;
    let mut script = Script::in_room();
    script.link_down();
    script.wait(3);
    assert_refused(&script.says(ice), "unavailable");
    assert_eq!(script.link_up(), [announced_room(0, 0, 0, 3)]);
}

#[test]
fn a_second_match_for_one_attempt_is_declined() {
    let mut script = Script::in_room();
    let Down::Matched(second) = matched(1, 1) else { unreachable!() };
    let second = Down::Matched(Matched { room: room(9), ..second });
    assert_eq!(script.hears(second), [frame(Up::Decline { ticket: ticket(1, 1) })]);
    assert_eq!(script.hears(matched(1, 0)), [""; 0], "the first one, told again");
    assert_eq!(script.says(r#"{"type":"ice","candidate":null}"#).len(), 1);
}

#[test]
fn leaving_the_queue_without_a_link_is_announced_as_rest() {
    let mut script = Script::linked();
    script.says(r#"{"type":"available"}"#);
    script.link_down();
    assert_eq!(script.says(r#"{"type":"leave"}"#), [""; 0]);
    assert_eq!(script.link_up(), [frame(Up::Attach(Box::new(attach(2, Doing::Idle))))]);
}

fn ice_for(seq: u64) -> String {
    let text = format!(r#"{{"type":"ice","from":"{}","candidate":null}}"#, client(1));
    frame(Up::Forward(forward(1, seq, &text)))
}

#[test]
fn who_leaves_a_room_without_a_link_leaves_it_once_all_that_was_said_before_has_been_told() {
    let mut script = Script::in_room();
    script.link_down();
    assert_eq!(script.says(r#"{"type":"ice","candidate":null}"#), [""; 0]);
    assert_eq!(script.says(r#"{"type":"leave"}"#), [""; 0]);
    assert_refused(&script.says(r#"{"type":"ice","candidate":null}"#), "not-in-room");
    assert_eq!(script.says(r#"{"type":"available","pool":"chess"}"#), [""; 0]);
    assert_eq!(script.link_up(), [announced_room(0, 1, 0, 0)]);
    assert_eq!(script.hears(Down::Forward(forward(1, 1, "m"))), [""; 0], "the client has left");
    let join = Join { attempt: 3, wishes: wishes("chess"), waited: Duration::ZERO };
    let leave = frame(Up::Leave { attempt: 2 });
    let resumed = script.hears(Down::Resume { ticket: ticket(1, 0), received: 0, passed: 0 });
    assert_eq!(resumed, [ice_for(1), leave, frame(Up::Join(join))]);
    assert_eq!(script.hears(waiting(3, 0)), [WAITING]);
}

#[test]
fn a_room_that_is_over_before_it_could_be_left_is_left_all_the_same() {
    let mut script = Script::in_room();
    script.link_down();
    script.says(r#"{"type":"leave"}"#);
    script.link_up();
    script.says(r#"{"type":"leave"}"#);
    assert_eq!(script.hears(left(1, 0, true)), [frame(Up::Leave { attempt: 2 })]);
    assert_eq!(script.says(r#"{"type":"available"}"#), [frame(Up::Join(join(3, 0)))]);
}

#[test]
fn who_goes_for_good_without_a_link_is_ended_on_the_next() {
    let mut script = Script::in_room();
    script.link_down();
    script.says(r#"{"type":"ice","candidate":null}"#);
    assert_eq!(script.feed(|session, now| session.handle_socket_end(true, now)), [""; 0]);
    assert!(!script.session.is_over());
    assert_eq!(script.link_up(), [announced_room(0, 1, 0, 0)]);
    let resumed = script.hears(Down::Resume { ticket: ticket(1, 0), received: 0, passed: 0 });
    assert_eq!(resumed, [ice_for(1), frame(Up::End)]);
    assert!(script.session.is_over());

    let mut script = Script::unlinked();
    script.feed(|session, now| session.handle_socket_end(true, now));
    assert_eq!(script.link_up(), [frame(Up::Attach(Box::new(attach(0, Doing::Idle)))), frame(Up::End)]);

    let mut script = Script::unlinked();
    script.feed(|session, now| session.handle_socket_end(true, now));
    assert_eq!(script.wait(15), [""; 0]);
    assert!(script.session.is_over(), "not for ever");
}

#[test]
fn a_session_that_is_too_much_for_the_link_is_sent_away() {
    let mut script = Script::in_room();
    assert_eq!(script.session.backlog(), 0);
    script.says(&format!(r#"{{"type":"offer","sdp":"{}"}}"#, "x".repeat(1000)));
    assert!((1000..1200).contains(&script.session.backlog()));
    let outputs = script.feed(|session, _| session.handle_overflow());
    assert_eq!(outputs, [frame(Up::End), "Close(Policy)".to_owned()]);
    assert!(script.session.is_over());
}

#[test]
fn a_summons_is_followed_only_while_the_wish_waits_that_it_is_for() {
    let mut script = Script::linked();
    assert!(!script.session.waits_with(ticket(0, 0)), "it does nothing");
    script.says(r#"{"type":"available"}"#);
    assert!(script.session.waits_with(ticket(1, 3)));
    assert!(!script.session.waits_with(ticket(2, 0)));
    script.says(r#"{"type":"available","pool":"other"}"#);
    assert!(!script.session.waits_with(ticket(1, 0)), "there is a newer wish");
    script.hears(matched(2, 0));
    assert!(!script.session.waits_with(ticket(2, 0)), "it has a partner");
    script.feed(|session, now| session.handle_socket_end(true, now));
    assert!(!script.session.waits_with(ticket(2, 0)), "its client is gone");
}

#[test]
fn who_is_detached_or_has_a_room_to_leave_follows_no_summons() {
    let mut script = Script::v1();
    script.says(r#"{"type":"available","seq":1}"#);
    assert!(script.session.waits_with(ticket(1, 0)));
    script.feed(|session, now| session.handle_socket_end(false, now));
    assert!(!script.session.waits_with(ticket(1, 0)));

    let mut script = Script::in_room();
    script.link_down();
    assert_eq!(script.session.announced_room(), Some(room(1)));
    script.says(r#"{"type":"leave"}"#);
    script.says(r#"{"type":"available"}"#);
    assert!(!script.session.waits_with(ticket(3, 0)));
    assert_eq!(script.session.announced_room(), Some(room(1)), "its partner must still hear that it was left");
}
