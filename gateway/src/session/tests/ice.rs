//! Scripts of what carries ICE servers, and of whom they are for.

use duet_proto::frame::Identity;

use super::resuming::{resume, session_3};
use super::*;

/// Those texts among what comes of an input that carry ICE servers.
fn with_ice(script: &mut Script, input: impl FnOnce(&mut Session, Time)) -> Vec<String> {
    input(&mut script.session, script.now);
    let with_ice = |output| match output {
        Output::TextWithIce(text) => Some(String::from_utf8(text.to_vec()).unwrap()),
        _ => None,
    };
    std::iter::from_fn(|| script.session.poll_output()).filter_map(with_ice).collect()
}

#[test]
fn ready_and_matched_carry_ice_servers_and_nothing_else_does() {
    let mut script = Script { session: session(1), now: Time::ZERO, limited: Vec::new(), counted: Vec::new() };
    let ready = format!(r#"{{"type":"ready","clientId":"{}"}}"#, client(1));
    assert_eq!(with_ice(&mut script, Session::handle_link_up), [ready]);
    let available = with_ice(&mut script, |session, now| session.handle_text(r#"{"type":"available"}"#, now));
    assert_eq!(available, [""; 0]);
    for (down, expected) in [
        (waiting(1, 0), &[][..]),
        (matched(1, 0), &[MATCHED_1]),
        (matched(1, 0), &[]),
        (Down::Forward(forward(1, 1, "m")), &[]),
        (left(1, 0, false), &[]),
    ] {
        assert_eq!(with_ice(&mut script, |session, now| session.handle_frame(down_frame(0, down), now)), expected);
    }
}

#[test]
fn a_matched_that_is_told_again_carries_them_again_under_its_number() {
    let mut script = Script::v1();
    script.says(&resume(9, 18));
    let resumed = Down::SessionResumed(Box::new(session_3(vec![(19, waiting(3, 0)), (20, matched(3, 0))])));
    let told = with_ice(&mut script, |session, now| session.handle_frame(down_frame(0, resumed), now));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with(r#"{"type":"matched""#) && told[0].ends_with(r#","seq":20}"#), "{told:?}");
}

#[test]
fn they_are_for_the_verified_user_or_for_the_session() {
    let mut script = Script::linked();
    assert_eq!(script.session.ice_user(), client(1).to_string());
    script.says(r#"{"type":"auth","userId":"ann"}"#);
    assert_eq!(script.session.ice_user(), client(1).to_string(), "anybody can say so");
    script.session.identity =
        Some(Known::new(Identity { verified: true, ..Identity::unverified("ann".to_owned()) }, Time::ZERO));
    assert_eq!(script.session.ice_user(), "ann");
    let mut script = Script::v1();
    script.says(&resume(9, 20));
    script.hears(Down::SessionResumed(Box::new(session_3(Vec::new()))));
    assert_eq!(script.session.ice_user(), client(3).to_string(), "the resumed session's");
}
