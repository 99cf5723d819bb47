//! What the machine counts of all this.

use duet_matchmaker::{MatchedBy, WaitEnd};
use duet_proto::frame::PartnerLeftReason;

use super::*;

const FOUR: &str = "0 link 1 up
    0 a attach 1
    0 b attach 1
    0 c attach 1
    0 d attach 1";

fn lively() -> Config {
    Config { news_after: Duration::ZERO, ..Config::default() }
}

#[test]
fn who_meets_is_counted_by_what_made_them_suit() {
    let world = script_with(
        lively(),
        &format!(
            "{FOUR}
             0 a join 1 default+go
             > a waiting 1.0 default at 1 0s
             1 b join 1
             > b waiting 1.0 default at 2 0s
             5 timeout
             > b matched 1.0 a r1 answers 4s
             > a matched 1.0 b r1 offers 5s
             6 c join 1 default+tea
             > c waiting 1.0 default at 1 0s
             7 d join 1 default+tea
             > c matched 1.0 d r2 answers 1s by tea
             > d matched 1.0 c r2 offers 0s by tea"
        ),
    );
    let tally = world.machine.tally();
    let matched = |by| tally.time_to_match().filter(move |(_, other, _)| *other == by).map(|(.., matched)| matched);
    let waited = |by| matched(by).map(|matched| (matched.count(), matched.sum.as_secs())).max();
    assert_eq!(waited(MatchedBy::Tag), Some((2, 1)));
    assert_eq!(waited(MatchedBy::Wide), Some((1, 5)));
    assert_eq!(waited(MatchedBy::Any), Some((1, 4)));
    assert_eq!(tally.waits(WaitEnd::Matched).count(), 4);
}

#[test]
fn waits_are_counted_by_how_they_end() {
    let world = script_with(
        Config { max_waiting_per_pool: 1, ..lively() },
        &format!(
            "{FOUR}
             0 a join 1 default+go
             > a waiting 1.0 default at 1 0s
             1 b join 1 default+tea
             > b refused 1.0: Full
             2 a leave 2
             3 c join 1
             > c waiting 1.0 default at 1 0s
             4 c end"
        ),
    );
    let waits = |end| world.machine.tally().waits(end);
    assert_eq!(WaitEnd::ALL.map(|end| waits(end).count()), [0, 1, 1, 1]);
    assert_eq!(waits(WaitEnd::Left).sum, Duration::from_secs(2));
    assert_eq!(waits(WaitEnd::Lost).sum, Duration::from_secs(1));
}

#[test]
fn rooms_are_counted_when_they_end_and_so_are_those_who_meet_again() {
    let world = script_with(
        lively(),
        &format!(
            "{FOUR}
             0 a join 1
             > a waiting 1.0 default at 1 0s
             0 b join 1
             > a matched 1.0 b r1 answers 0s
             > b matched 1.0 a r1 offers 0s
             2 a leave 2
             > b left 1.0 left requeued
             > b waiting 1.1 default at 1 2s
             3 a join 3
             > b matched 1.1 a r2 answers 3s
             > a matched 3.0 b r2 offers 0s"
        ),
    );
    let tally = world.machine.tally();
    assert_eq!(tally.rematches(), 1);
    assert_eq!(tally.rooms_ended(PartnerLeftReason::Left), 1);
    assert_eq!(tally.rooms_lasted().sum, Duration::from_secs(2));
}
