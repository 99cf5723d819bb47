//! Tags, regions, patience, priority, whom to avoid, whom one has met lately.

use duet_matchmaker::{LinkKey, Matchmaker};
use duet_proto::frame::{Attach, Avoided, Doing, Identity, Join, PoolName, Preferences, Up, UpFrame, Wishes};
use duet_proto::ids::{BootId, SessionNumber};
use duet_proto::link::GatewayHello;

use super::*;

/// The default settings, but nobody is told how it stands from time to time.
fn lively() -> Config {
    Config { news_after: Duration::ZERO, ..Config::default() }
}

fn all_attach(clients: &str) -> String {
    let attach = clients.chars().map(|client| format!("0 {client} attach 1\n"));
    format!("0 link 1 up\n{}", attach.collect::<String>())
}

#[test]
fn who_shares_a_tag_is_met_before_who_is_older() {
    script(&format!(
        "{}
         0 a join 1 default+chess
         > a waiting 1.0 default at 1 0s
         1 b join 1 default+go
         > b waiting 1.0 default at 2 0s
         2 c join 1 default+tea,go
         > b matched 1.0 c r1 answers 1s by go
         > c matched 1.0 b r1 offers 0s by go",
        all_attach("abc")
    ));
}

#[test]
fn the_rarest_shared_tag_comes_first_and_all_shared_are_told() {
    script(&format!(
        "{}
         0 a join 1 default+music
         > a waiting 1.0 default at 1 0s
         0 b join 1 default+music~a
         > b waiting 1.0 default at 2 0s
         1 c join 1 default+harp,music~ab
         > c waiting 1.0 default at 3 0s
         2 d join 1 default+music,harp
         > c matched 1.0 d r1 answers 1s by harp,music
         > d matched 1.0 c r1 offers 0s by music,harp",
        all_attach("abcd")
    ));
}

#[test]
fn of_equally_rare_tags_none_goes_before_age() {
    script(&format!(
        "{}
         0 a join 1 default+zither
         > a waiting 1.0 default at 1 0s
         1 b join 1 default+accordion
         > b waiting 1.0 default at 2 0s
         2 c join 1 default+accordion,zither
         > a matched 1.0 c r1 answers 2s by zither
         > c matched 1.0 a r1 offers 0s by zither",
        all_attach("abc")
    ));
}

#[test]
fn who_insists_on_a_tag_is_not_met_without_until_both_are_past_their_patience() {
    script(&format!(
        "{}
         0 a join 1 default+go
         > a waiting 1.0 default at 1 0s
         1 b join 1
         > b waiting 1.0 default at 2 0s
         deadline 5
         5 timeout
         > b matched 1.0 a r1 answers 4s
         > a matched 1.0 b r1 offers 5s
         6 c join 1 default+tea!2000
         > c waiting 1.0 default at 1 0s
         7 d join 1 default+rum!3000
         > d waiting 1.0 default at 2 0s
         deadline 8
         8 timeout
         > c waiting 1.0 default at 1 2s widened
         deadline 10
         10 timeout
         > c matched 1.0 d r2 answers 4s
         > d matched 1.0 c r2 offers 3s",
        all_attach("abcd")
    ));
}

#[test]
fn patience_is_brought_within_the_operators_bounds() {
    let config = Config { patience_bounds: (Duration::from_secs(1), Duration::from_secs(2)), ..crate::world::config() };
    script_with(
        config,
        &format!(
            "{}
             0 a join 1 default+go!0
             > a waiting 1.0 default at 1 0s
             deadline 1
             1 timeout
             > a waiting 1.0 default at 1 1s widened
             1 b join 1 default+tea!60000
             > b waiting 1.0 default at 2 0s
             deadline 3
             3 timeout
             > a matched 1.0 b r1 answers 3s
             > b matched 1.0 a r1 offers 2s",
            all_attach("ab")
        ),
    );
}

#[test]
fn new_wishes_keep_the_place_and_are_insisted_on_anew() {
    script(&format!(
        "{}
         0 a join 1 default+go
         > a waiting 1.0 default at 1 0s
         4 a join 2 default+tea
         > a waiting 2.0 default at 1 4s
         deadline 9
         4 a join 3 default+tea
         > a waiting 3.0 default at 1 4s
         deadline 9
         9 timeout
         > a waiting 3.0 default at 1 9s widened",
        all_attach("a")
    ));
}

#[test]
fn the_same_region_is_preferred_and_others_do_after_a_while() {
    script(&format!(
        "{}
         0 a join 1 default@us
         > a waiting 1.0 default at 1 0s
         0 b join 1 default
         > b waiting 1.0 default at 2 0s
         1 c join 1 default@eu
         > c waiting 1.0 default at 3 0s
         2 d join 1 default@eu
         > c matched 1.0 d r1 answers 1s
         > d matched 1.0 c r1 offers 0s
         5 timeout
         > b matched 1.0 a r2 answers 5s
         > a matched 1.0 b r2 offers 5s",
        all_attach("abcd")
    ));
}

#[test]
fn a_shared_tag_is_no_reason_to_leave_the_region_before_the_time() {
    script(&format!(
        "{}
         0 a join 1 default+go@us
         > a waiting 1.0 default at 1 0s
         1 b join 1 default+go@eu!1000
         > b waiting 1.0 default at 2 0s
         2 timeout
         > b waiting 1.0 default at 2 1s widened
         5 timeout
         > b matched 1.0 a r1 answers 4s by go
         > a matched 1.0 b r1 offers 5s by go",
        all_attach("ab")
    ));
}

#[test]
fn a_head_start_is_a_bounded_wait() {
    let config = Config { max_head_start: Duration::from_secs(2), ..crate::world::config() };
    script_with(
        config,
        &format!(
            "{}
             0 a join 1 default~bc
             > a waiting 1.0 default at 1 0s
             1 b join 1 default^60000~c
             > b waiting 1.0 default at 1 0s
             4 c join 1 default^60000
             > c waiting 1.0 default at 3 0s
             5 d join 1
             > b matched 1.0 d r1 answers 4s
             > d matched 1.0 b r1 offers 0s",
            all_attach("abcd")
        ),
    );
}

#[test]
fn whoever_is_avoided_is_not_met_by_client_or_by_user() {
    script(&format!(
        "{}
         0 b prove ann
         0 c prove bob
         0 a join 1 default~b
         > a waiting 1.0 default at 1 0s
         1 b join 1
         > b waiting 1.0 default at 2 0s
         2 c join 1
         > a matched 1.0 c r1 answers 2s
         > c matched 1.0 a r1 offers 0s",
        all_attach("abc")
    ));
}

/// Six of one pool in rooms, so that the last two partners are avoided.
const SIX_TALK: &str = "
    0 a join 1
    > a waiting 1.0 default at 1 0s
    0 b join 1
    > a matched 1.0 b r1 answers 0s
    > b matched 1.0 a r1 offers 0s
    0 c join 1
    > c waiting 1.0 default at 1 0s
    0 d join 1
    > c matched 1.0 d r2 answers 0s
    > d matched 1.0 c r2 offers 0s
    0 e join 1
    > e waiting 1.0 default at 1 0s
    0 f join 1
    > e matched 1.0 f r3 answers 0s
    > f matched 1.0 e r3 offers 0s
";

#[test]
fn who_has_met_lately_meets_others_first_but_not_for_ever() {
    script_with(
        lively(),
        &format!(
            "{}{SIX_TALK}
             20 a leave 2
             > b left 1.0 left requeued
             > b waiting 1.1 default at 1 0s
             21 a join 3
             > a waiting 3.0 default at 2 0s
             deadline 25
             25 timeout
             deadline 26
             26 timeout
             > b matched 1.1 a r4 answers 6s
             > a matched 3.0 b r4 offers 5s",
            all_attach("abcdef")
        ),
    );
}

#[test]
fn somebody_new_is_met_before_who_was_met_lately() {
    script_with(
        lively(),
        &format!(
            "{}{SIX_TALK}
             20 a leave 2
             > b left 1.0 left requeued
             > b waiting 1.1 default at 1 0s
             21 a join 3
             > a waiting 3.0 default at 2 0s
             22 g join 1
             > b matched 1.1 g r4 answers 2s
             > g matched 1.0 b r4 offers 0s",
            all_attach("abcdefg")
        ),
    );
}

#[test]
fn two_alone_meet_again_at_once() {
    script_with(
        lively(),
        &format!(
            "{}
             0 a join 1
             > a waiting 1.0 default at 1 0s
             0 b join 1
             > a matched 1.0 b r1 answers 0s
             > b matched 1.0 a r1 offers 0s
             20 a leave 2
             > b left 1.0 left requeued
             > b waiting 1.1 default at 1 0s
             20 a join 3
             > b matched 1.1 a r2 answers 0s
             > a matched 3.0 b r2 offers 0s",
            all_attach("ab")
        ),
    );
}

#[test]
fn waiters_hear_when_things_have_changed_much_and_only_then() {
    let config = Config { news_after: Duration::from_secs(5), ..crate::world::config() };
    script_with(
        config,
        &format!(
            "{}
             0 a join 1 default~bc
             > a waiting 1.0 default at 1 0s
             0 b join 1 default~c
             > b waiting 1.0 default at 2 0s
             0 c join 1 default
             > c waiting 1.0 default at 3 0s
             5 timeout
             deadline 15
             6 a leave 2
             6 b leave 2
             15 timeout
             > c waiting 1.0 default at 1 15s
             deadline 35
             35 timeout
             deadline 75",
            all_attach("abc")
        ),
    );
}

#[test]
fn an_estimate_tells_how_fast_the_pool_moves() {
    let mut world = script(&format!(
        "{}
         0 a join 1
         > a waiting 1.0 default at 1 0s
         10 b join 1
         > a matched 1.0 b r1 answers 10s
         > b matched 1.0 a r1 offers 0s
         10 c join 1
         > c waiting 1.0 default at 1 0s",
        all_attach("abcd")
    ));
    let second = |second| Time::ZERO + Duration::from_secs(second);
    let estimate = |world: &World, at| world.machine.pools(second(at)).next().unwrap().estimate;
    let soon = estimate(&world, 10).unwrap();
    assert!(
        soon > Duration::from_secs(10),
        "two would have to be taken first, and one was taken in ten seconds: {soon:?}"
    );
    assert!(estimate(&world, 30).unwrap() > soon, "nobody was taken since");
    assert_eq!(estimate(&world, 300), None, "that is long ago");
    world.feed(Event::Timeout, second(300));
}

#[test]
fn pools_are_bounded_in_number() {
    let config = Config { max_pools: 1, ..crate::world::config() };
    script_with(
        config,
        &format!(
            "{}
             0 a join 1
             > a waiting 1.0 default at 1 0s
             0 b join 1 chess
             > b refused 1.0: TooManyPools
             0 b join 2
             > a matched 1.0 b r1 answers 0s
             > b matched 2.0 a r1 offers 0s
             0 c join 1 chess
             > c refused 1.0: TooManyPools
             1 a leave 2
             > b left 2.0 left requeued
             > b waiting 2.1 default at 1 1s
             1 b join 3 chess
             > b refused 3.0: TooManyPools
             1 c join 2 chess
             > c waiting 2.0 chess at 1 0s",
            all_attach("abc")
        ),
    );
}

#[test]
fn a_pool_that_is_not_listed_is_refused() {
    let pools = ["default", "tea"].map(|name| duet_proto::frame::PoolName::new(name).unwrap());
    let config = Config { pools: Some(pools.into()), ..crate::world::config() };
    script_with(
        config,
        &format!(
            "{}
             0 a join 1 tea
             > a waiting 1.0 tea at 1 0s
             1 a join 2 chess
             > a refused 2.0: Unlisted
             1 b join 1 tea
             > b waiting 1.0 tea at 1 0s",
            all_attach("ab")
        ),
    );
}

/// A machine with sessions of two links, the first so many on link 1, each a user.
struct Many {
    machine: Matchmaker,
    links: [LinkKey; 2],
    on_first: u64,
}

impl Many {
    fn attached(on_first: u64, on_second: u64, user: impl Fn(u64) -> String) -> Self {
        let mut machine = Matchmaker::new(crate::world::config(), [1; 32]);
        let links = ["one", "other"].map(|gateway| {
            let boot = BootId::from_random([1; 16]);
            machine.link_up(GatewayHello { gateway: gateway.into(), boot, worker: 0 }, at("0"))
        });
        let mut many = Many { machine, links, on_first };
        for number in 1..=on_first + on_second {
            let mut id = [0; 16];
            id[..8].copy_from_slice(&number.to_be_bytes());
            let identity = Some(Identity { verified: true, ..Identity::unverified(user(number)) });
            let client = ClientId::from_random(id);
            let attach = Attach { client, identity, attempt: 0, doing: Doing::Idle, resumable: None };
            many.send(number, Up::Attach(Box::new(attach)), "0");
        }
        many
    }

    fn join(&mut self, number: u64, avoid: Option<&str>, second: &str) {
        let avoid = avoid.map(|user| Avoided::new(user).unwrap()).into_iter().collect();
        let wishes = Wishes::new(PoolName::default(), Preferences { avoid, ..Preferences::default() });
        self.send(number, Up::Join(Join { attempt: 1, wishes, waited: Duration::ZERO }), second);
    }

    fn send(&mut self, number: u64, kind: Up, second: &str) {
        let link = self.links[usize::from(number > self.on_first)];
        let frame = UpFrame { session: SessionNumber(number), client_seq: 0, kind };
        self.machine.handle_frame(link, frame, at(second));
    }

    fn rooms(&self) -> usize {
        self.machine.stats(at("100")).rooms
    }
}

/// All of the crowd is one user, which does not meet itself; two wait behind it, for somebody who is not of the crowd.
#[test]
fn who_is_not_seen_at_the_first_look_is_found_a_little_later() {
    let mut many = Many::attached(202, 0, |number| if number <= 200 { "crowd".into() } else { format!("u{number}") });
    (1..=200).for_each(|number| many.join(number, None, "1"));
    many.join(201, Some("crowd"), "2");
    many.join(202, Some("crowd"), "2");
    assert_eq!(many.rooms(), 0, "they are too far apart");
    for second in 3..10 {
        let second = second.to_string();
        let is_due = many.machine.poll_timeout().is_some_and(|due| due <= at(&second));
        assert!(is_due || many.rooms() == 1);
        many.machine.handle_timeout(at(&second));
    }
    assert_eq!(many.rooms(), 1);
}

#[test]
fn however_many_are_absent_who_is_there_is_met_at_once() {
    let mut many = Many::attached(200, 2, |_| "crowd".into());
    (1..=201).for_each(|number| many.join(number, None, "1"));
    many.send(202, Up::Identify(Identity::unverified("somebody else".into())), "1");
    many.machine.link_down(many.links[0], at("2"));
    many.join(202, None, "2");
    assert_eq!(many.rooms(), 1);
}
