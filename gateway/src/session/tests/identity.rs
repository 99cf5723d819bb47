//! Who the client is: tokens, what is refused without one, and when they end.

use duet_proto::frame::Identity;

use super::*;
use crate::session::{IdentityConfig, NotVerified, Verified};

const AUTH: &str = r#"{"type":"auth","token":"t"}"#;

pub(super) fn script(required: bool) -> Script {
    let identity = IdentityConfig { verifies: true, required, ..IdentityConfig::default() };
    let config = SessionConfig { identity, ..SessionConfig::default() };
    let session = Session::new(Arc::new(config), client(1), Time::ZERO, Duration::ZERO, None, Time::ZERO);
    let mut script = Script { session, now: Time::ZERO, limited: Vec::new(), counted: Vec::new() };
    script.feed(super::super::Session::handle_link_up);
    script
}

pub(super) fn ann(seconds: u64) -> Result<Verified, NotVerified> {
    let public_claims = Some(r#"{"name":"Ann"}"#.into());
    Ok(Verified { user: "ann".to_owned(), public_claims, expires_in: Duration::from_secs(seconds), assigned: None })
}

fn identity(seconds: u64) -> Identity {
    Identity {
        user: "ann".to_owned(),
        verified: true,
        public_claims: Some(r#"{"name":"Ann"}"#.into()),
        expires_in: Some(Duration::from_secs(seconds)),
        assigned: None,
    }
}

impl Script {
    fn verified(&mut self, verified: Result<Verified, NotVerified>) -> Vec<String> {
        self.feed(|session, now| session.handle_verified(verified, now))
    }
}

#[test]
fn a_token_is_checked_and_proves_the_user() {
    let mut script = script(false);
    assert_eq!(script.says(AUTH), ["Verify(Token(..))"], "and it is not shown");
    let accepted = r#"{"type":"authenticated","userId":"ann","verified":true}"#;
    assert_eq!(script.verified(ann(600)), [frame(Up::Identify(identity(600))), accepted.to_owned()]);
    assert_eq!(script.session.verified_user(), Some("ann"));
    script.wait(10);
    script.link_down();
    let announced = Attach { identity: Some(identity(590)), ..attach(0, Doing::Idle) };
    assert_eq!(script.link_up(), [frame(Up::Attach(Box::new(announced)))], "with what is left of its time");
}

#[test]
fn a_user_that_is_only_claimed_counts_for_nothing_where_tokens_are_checked() {
    let mut script = script(false);
    assert_refused(&script.says(r#"{"type":"auth","userId":"ann"}"#), "unauthorized");
    script.says(r#"{"type":"auth","userId":"bob","token":"t"}"#);
    assert_refused(&script.verified(ann(600)), "unauthorized");
    assert_eq!(script.session.verified_user(), None);
    script.says(r#"{"type":"auth","userId":"ann","token":"t"}"#);
    assert_eq!(script.verified(ann(600)).len(), 2);
    script.says(AUTH);
    let bob = ann(600).map(|verified| Verified { user: "bob".to_owned(), ..verified });
    assert_refused(&script.verified(bob), "unauthorized");
    assert_eq!(script.session.verified_user(), Some("ann"), "a session is one user's");
}

#[test]
fn a_token_that_proves_nothing_is_refused_and_too_many_close() {
    let mut script = script(false);
    for (why, code) in [
        (NotVerified::Expired, "unauthorized"),
        (NotVerified::TooManyConnections, "rate-limited"),
        (NotVerified::NoKeys, "unavailable"),
    ] {
        script.says(AUTH);
        assert_refused(&script.verified(Err(why)), code);
    }
    for _ in 0..32 {
        script.says(AUTH);
        assert_refused(&script.verified(Err(NotVerified::Bad)), "unauthorized");
    }
    script.says(AUTH);
    assert_eq!(script.verified(Err(NotVerified::Bad))[1], "Close(Policy)");
}

#[test]
fn one_token_is_checked_at_a_time() {
    let mut script = script(false);
    script.says(AUTH);
    assert_refused(&script.says(AUTH), "unauthorized");
    assert_eq!(script.verified(ann(600)).len(), 2);
}

#[test]
fn where_a_token_is_required_nothing_goes_before_it() {
    let mut script = script(true);
    for said in [r#"{"type":"available"}"#, r#"{"type":"offer","sdp":"v=0"}"#, r#"{"type":"leave"}"#] {
        assert_refused(&script.says(said), "unauthorized");
    }
    assert_eq!(script.says(r#"{"type":"ping"}"#), [r#"{"type":"pong"}"#]);
    assert_eq!(script.wait(9), [""; 0]);
    script.says(AUTH);
    script.verified(ann(3600));
    assert_eq!(script.says(r#"{"type":"available"}"#).len(), 1);
    assert_eq!(script.wait(5), [""; 0], "the time for a token does not matter any more");
}

#[test]
fn who_shows_no_token_in_time_is_sent_away() {
    let mut script = script(true);
    assert_eq!(script.wait(10), ["Close(Unauthorized)"]);
    assert_eq!(script.limited, [Limit::AuthTime]);
}

#[test]
fn the_end_of_a_token_is_told_a_minute_before_and_a_new_one_prolongs() {
    let mut script = script(false);
    script.says(AUTH);
    script.verified(ann(100));
    script.feed(|session, now| session.handle_traffic(Traffic::default(), now));
    assert_eq!(script.wait(24), [""; 0]);
    script.feed(|session, now| session.handle_traffic(Traffic::default(), now));
    let outputs = script.wait(16);
    assert_eq!(outputs, [r#"{"type":"token-expiring","inMs":60000}"#]);
    script.says(AUTH);
    script.verified(ann(70));
    script.feed(|session, now| session.handle_traffic(Traffic::default(), now));
    assert_eq!(script.wait(10), [r#"{"type":"token-expiring","inMs":60000}"#]);
    for _ in 0..3 {
        script.wait(19);
        script.feed(|session, now| session.handle_traffic(Traffic::default(), now));
    }
    assert_eq!(script.wait(3), ["Close(Unauthorized)"]);
}

#[test]
fn a_partner_is_shown_who_it_is_if_that_is_proved() {
    let mut script = Script::linked();
    script.says(r#"{"type":"available"}"#);
    let Down::Matched(plain) = matched(1, 0) else { panic!("that is a match") };
    let shown = Identity { expires_in: None, ..identity(0) };
    let told = script.hears(Down::Matched(Matched { shown: Some(Box::new(shown)), ..plain }));
    assert!(told[0].ends_with(r#""initiator":true,"partner":{"userId":"ann","name":"Ann"}}"#), "{told:?}");

    let mut script = Script::linked();
    script.says(r#"{"type":"available"}"#);
    let Down::Matched(plain) = matched(1, 0) else { panic!("that is a match") };
    let unproved = Box::new(Identity::unverified("ann".to_owned()));
    assert_eq!(script.hears(Down::Matched(Matched { shown: Some(unproved), ..plain })), [MATCHED_1]);
}
