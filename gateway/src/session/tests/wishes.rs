//! What a token says of wishes, what a matchmaker says of a wait, and why it refuses one.

use duet_proto::frame::{Assigned, Identity, Preferences, SessionResumed, Tag};

use super::identity::{ann, script};
use super::numbered::token;
use super::resuming::{resume, session_3};
use super::*;
use crate::session::Verified;

const AUTH: &str = r#"{"type":"auth","token":"t"}"#;

fn assigned(pool: Option<&str>, tags: &[&str]) -> Assigned {
    let pool = pool.map(|pool| PoolName::new(pool).unwrap());
    Assigned { pool, tags: tags.iter().map(|tag| Tag::new(tag).unwrap()).collect(), head_start: Duration::from_secs(2) }
}

/// What is asked for where this is assigned.
fn tagged(pool: &str, tags: &[&str], head_start: u64) -> Wishes {
    let tags = tags.iter().map(|tag| Tag::new(tag).unwrap()).collect();
    let head_start = Duration::from_secs(head_start);
    Wishes::new(PoolName::new(pool).unwrap(), Preferences { tags, head_start, ..Preferences::default() })
}

fn joined(attempt: u32, wishes: Wishes) -> String {
    frame(Up::Join(Join { attempt, wishes, waited: Duration::ZERO }))
}

impl Script {
    /// Shows a token that assigns this.
    fn shows(&mut self, assigned: Option<Assigned>) {
        self.says(AUTH);
        let verified = ann(600).map(|verified| Verified { assigned: assigned.map(Box::new), ..verified });
        assert_eq!(self.feed(|session, now| session.handle_verified(verified, now)).len(), 2);
    }
}

#[test]
fn a_token_decides_the_pool_and_adds_tags_and_a_head_start() {
    let mut script = script(false);
    script.shows(Some(assigned(Some("adults"), &["gold", "go"])));
    let wishes = tagged("adults", &["shogi", "gold", "go"], 2);
    let said = r#"{"type":"available","pool":"chess","tags":["Go","shogi"]}"#;
    assert_eq!(script.says(said), [joined(1, wishes.clone())]);
    script.hears(matched(1, 0));
    assert_eq!(script.says(r#"{"type":"next"}"#), [frame(Up::Next { attempt: 2, wishes: wishes.clone() })]);
    script.says(r#"{"type":"leave"}"#);
    assert_eq!(script.says(r#"{"type":"next"}"#), [joined(4, wishes.clone())]);
    script.link_down();
    let announced = script.link_up().concat();
    assert!(announced.contains(&format!("{wishes:?}")) && announced.contains("assigned: Some"), "{announced}");
}

#[test]
fn another_token_counts_for_the_next_wish_and_takes_back_what_the_last_one_gave() {
    let mut script = script(false);
    assert_eq!(script.says(r#"{"type":"available","tags":["go"]}"#), [joined(1, tagged("default", &["go"], 0))]);
    script.hears(matched(1, 0));
    script.shows(Some(assigned(Some("adults"), &["gold"])));
    let next = |attempt, wishes| [frame(Up::Next { attempt, wishes })];
    assert_eq!(script.says(r#"{"type":"next"}"#), next(2, tagged("adults", &["go", "gold"], 2)));
    script.hears(matched(2, 0));
    script.shows(Some(assigned(None, &["silver"])));
    assert_eq!(script.says(r#"{"type":"next"}"#), next(3, tagged("default", &["go", "silver"], 2)));
    script.hears(matched(3, 0));
    script.shows(None);
    assert_eq!(script.says(r#"{"type":"next"}"#), next(4, tagged("default", &["go"], 0)));
}

#[test]
fn what_a_token_says_of_wishes_goes_with_the_session_to_another_gateway() {
    let identity = Identity {
        assigned: Some(Box::new(assigned(Some("adults"), &["gold"]))),
        ..Identity::unverified("ann".into())
    };
    let session = SessionResumed {
        identity: Some(identity),
        wishes: Some(tagged("adults", &["go", "gold"], 2)),
        ..session_3(Vec::new())
    };
    let resumed = || {
        let mut script = Script::v1();
        script.says(&resume(9, 20));
        script.hears(Down::SessionResumed(Box::new(session.clone())));
        script.says(r#"{"type":"ping","ack":20}"#);
        script
    };
    let wishes = tagged("adults", &["go", "gold"], 2);
    let next = frame(Up::Next { attempt: 4, wishes });
    assert_eq!(resumed().says(r#"{"type":"next","seq":13}"#), [next + " #13"]);

    let mut script = resumed();
    script.says(r#"{"type":"leave","seq":13}"#);
    script.hears(left(3, 0, false));
    let asked = script.says(r#"{"type":"available","pool":"chess","tags":["shogi"],"seq":14}"#);
    assert_eq!(asked, [joined(5, tagged("adults", &["shogi", "gold"], 2)) + " #14"]);
}

/// Told again: so far to the front, after so many seconds.
fn told_again(position: u64, waited: u64, widened: bool) -> Down {
    let Down::Waiting(plain) = waiting(1, 0) else { panic!("that is a wait") };
    let (waited, estimate) = (Duration::from_secs(waited), Some(Duration::from_millis(1500)));
    Down::Waiting(Waiting { position, waited, estimate, widened, ..plain })
}

const AGAIN: &str = r#"{"type":"waiting","pool":"default","position":2,"estimateMs":1500}"#;
const WIDENED: &str = r#"{"type":"waiting","pool":"default","position":1,"estimateMs":1500,"widened":true}"#;

fn numbered(text: &str, seq: u64) -> String {
    text.replace('}', &format!(r#","seq":{seq}}}"#))
}

#[test]
fn a_wait_that_is_told_again_is_the_same_wait() {
    let mut script = Script::linked();
    script.says(r#"{"type":"available"}"#);
    script.hears(waiting(1, 0));
    script.wait(4);
    assert_eq!(script.hears(told_again(2, 4, false)), [AGAIN]);
    assert_eq!(script.hears(told_again(1, 4, true)), [WIDENED]);
    script.link_down();
    let place = Doing::Waiting(join(1, 4));
    assert_eq!(script.link_up(), [frame(Up::Attach(Box::new(attach(1, place))))], "with the place it has");
    assert_eq!(script.hears(matched(1, 0)), [MATCHED_1]);
    assert_eq!(script.hears(told_again(1, 4, true)), [""; 0], "it has ended");
}

#[test]
fn a_wait_that_was_told_by_a_link_that_broke_is_told_by_the_next() {
    let mut script = Script::unlinked();
    script.says(r#"{"type":"available"}"#);
    script.link_up();
    assert_eq!(script.hears(waiting(1, 0)), [WAITING]);
    script.link_down();
    assert_eq!(script.wait(10), [""; 0], "it is not refused any more");
    script.link_up();
    assert_eq!(script.hears(told_again(2, 10, false)), [AGAIN]);
}

#[test]
fn each_telling_of_a_wait_has_its_number_and_is_kept_until_it_is_acknowledged() {
    let mut script = Script::v1();
    script.says(r#"{"type":"available","seq":1}"#);
    assert_eq!(script.hears_numbered(1, waiting(1, 0)), [numbered(WAITING, 1)]);
    assert_eq!(script.hears_numbered(2, told_again(2, 0, false)), [numbered(AGAIN, 2)]);
    assert_eq!(script.hears_numbered(2, told_again(2, 0, false)), [""; 0], "sent again over another link");
    script.says(r#"{"type":"ping","ack":1}"#);
    script.feed(|session, now| session.handle_socket_end(false, now));
    assert_eq!(script.hears_numbered(3, told_again(1, 0, true)), [""; 0], "nobody is there");
    script.link_down();
    let announced = script.link_up().concat();
    for kept in [format!("(2, {:?})", told_again(2, 0, false)), format!("(3, {:?})", told_again(1, 0, true))] {
        assert!(announced.contains(&kept), "{kept}: {announced}");
    }
    assert!(!announced.contains("(1, Waiting"), "{announced}");
}

#[test]
fn a_wait_that_was_told_several_times_is_replayed_so_and_void_once_there_is_another_wish() {
    let waits = |doing| {
        let kept = vec![(1, waiting(1, 0)), (2, told_again(2, 3, false)), (3, told_again(1, 4, true))];
        let attempt = if matches!(doing, Doing::Idle) { 2 } else { 1 };
        SessionResumed { ticket: ticket(attempt, 0), doing, wishes: None, last_room: None, ..session_3(kept) }
    };
    let replayed = |session| {
        let mut script = Script::v1();
        script.says(&resume(9, 0));
        let heard = script.hears(Down::SessionResumed(Box::new(session)));
        (script, heard)
    };
    let (mut script, heard) = replayed(waits(Doing::Waiting(join(1, 4))));
    assert_eq!(heard[2..], [numbered(WAITING, 1), numbered(AGAIN, 2), numbered(WIDENED, 3)]);
    assert!(heard[1].contains(r#""state":"waiting""#) && heard[1].contains(&token(2).secret_text()), "{heard:?}");
    assert_eq!(script.hears_numbered(4, matched(1, 0)), [numbered(MATCHED_1, 4)]);

    let (_, heard) = replayed(waits(Doing::Idle));
    let void = r#"{"type":"void"}"#;
    assert_eq!(heard[2..], [numbered(void, 1), numbered(void, 2), numbered(void, 3)], "it was left");
}

fn refused_by(reason: PoolRefusal) -> Down {
    Down::PoolFull { ticket: ticket(1, 0), reason }
}

#[test]
fn a_pool_that_does_not_take_the_wish_says_why_and_the_client_may_ask_again() {
    for (reason, code, limited) in [
        (PoolRefusal::Full, "unavailable", Some(Limit::PoolFull)),
        (PoolRefusal::TooManyPools, "unavailable", Some(Limit::Pools)),
        (PoolRefusal::Paused, "unavailable", Some(Limit::PoolPaused)),
        (PoolRefusal::Unlisted, "invalid-message", None),
    ] {
        let mut script = Script::linked();
        script.says(r#"{"type":"available"}"#);
        let refused = script.hears(refused_by(reason));
        assert_refused(&refused, code);
        assert_eq!(refused[0].contains(r#""retryAfterMs":5000"#), code == "unavailable", "{refused:?}");
        assert_eq!(refused[0].contains("`pool`"), reason == PoolRefusal::Unlisted, "{refused:?}");
        assert_eq!(script.limited, Vec::from_iter(limited));
        assert_eq!(script.says(r#"{"type":"leave"}"#), [""; 0], "there is nothing to leave");
        assert_eq!(script.says(r#"{"type":"available"}"#), [frame(Up::Join(join(3, 0)))]);
        assert_eq!(script.hears(refused_by(reason)), [""; 0], "that wish is over");
    }
}

#[test]
fn a_wish_that_waited_may_be_refused_when_it_is_changed_and_its_number_was_taken() {
    let mut script = Script::v1();
    script.says(r#"{"type":"available","seq":1}"#);
    script.hears_numbered(1, waiting(1, 0));
    script.says(r#"{"type":"available","pool":"chess","seq":2}"#);
    let refused = script.hears(Down::PoolFull { ticket: ticket(2, 0), reason: PoolRefusal::Full });
    assert_refused(&refused, "unavailable");
    assert!(!refused[0].contains("refused\""), "no number is expected again: {refused:?}");
    assert_eq!(script.says(r#"{"type":"available","seq":3}"#).len(), 1);
}

#[test]
fn reports_over_their_rate_are_refused_and_the_room_stays() {
    let mut script = Script::linked();
    let report = r#"{"type":"report","reason":"rude"}"#;
    for _ in 0..5 {
        assert_refused(&script.says(report), "not-in-room");
    }
    script.says(r#"{"type":"available"}"#);
    script.hears(matched(1, 0));
    let refused = script.says(report);
    assert_refused(&refused, "rate-limited");
    assert!(refused[0].contains(r#""retryAfterMs":10000"#), "{refused:?}");
    assert_eq!(script.limited, [Limit::ReportRate]);
    assert_eq!(script.says(r#"{"type":"ice","candidate":null}"#).len(), 1);
    script.wait(10);
    assert!(script.says(report)[0].starts_with("Report"), "a tenth of a minute later");
}
