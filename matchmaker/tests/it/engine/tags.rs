//! In which lanes somebody is found: tags, the rarest first, and regions.

use duet_matchmaker::engine::{Seek, Ticket};

use super::pool::{Engine, Sought, client, seek, shy, ticket, wishing};

/// Meets only who it seeks later.
fn apart(mut ticket: Ticket, others: &str) -> Ticket {
    ticket.blocked = others.chars().map(client).collect();
    ticket
}

#[test]
fn the_rarest_tag_comes_first() {
    let engine = Engine::start();
    engine.seek(apart(wishing('a', &["common"], None), "bc"));
    engine.pass(1);
    engine.seek(apart(wishing('b', &["common", "rare"], None), "ac"));
    engine.pass(1);
    engine.seek(apart(wishing('c', &["common"], None), "ab"));
    assert_eq!(engine.seek(wishing('x', &["common", "rare"], None)), Sought::Found('b'));
    engine.settle('x', 'b');
    assert_eq!(engine.seek(wishing('y', &["common", "rare"], None)), Sought::Found('a'));
}

#[test]
fn of_tags_that_are_equally_rare_none_goes_before_age() {
    let engine = Engine::start();
    engine.seek(apart(wishing('a', &["z"], None), "b"));
    engine.pass(1);
    engine.seek(apart(wishing('b', &["a"], None), "a"));
    assert_eq!(engine.seek(wishing('x', &["a", "z"], None)), Sought::Found('a'));
}

#[test]
fn who_insists_meets_nobody_else() {
    let engine = Engine::start();
    engine.seek(ticket('a'));
    assert_eq!(engine.seek(wishing('b', &["t"], None)), Sought::Waits(2));
    assert_eq!(engine.seek(wishing('c', &["u"], None)), Sought::Waits(3));
    assert_eq!(engine.seek(Ticket { is_wide: true, ..wishing('b', &["t"], None) }), Sought::Found('a'));
    engine.settle('b', 'a');
    assert_eq!(engine.seek(ticket('d')), Sought::Waits(2), "who insists is not met by anybody");
    assert_eq!(engine.seek(Ticket { is_wide: true, ..wishing('c', &["u"], None) }), Sought::Found('d'));
}

#[test]
fn the_own_region_comes_before_others_and_others_only_once_it_is_wide() {
    let engine = Engine::start();
    engine.seek(shy('a', "b"));
    engine.pass(1);
    engine.seek(apart(wishing('b', &[], Some("eu")), "a"));
    assert_eq!(engine.seek(wishing('x', &[], Some("us"))), Sought::Waits(3));
    engine.withdraw('x');
    assert_eq!(engine.seek(Ticket { is_wide: true, ..wishing('y', &[], Some("eu")) }), Sought::Found('b'));
    assert_eq!(engine.seek(Ticket { is_wide: true, ..wishing('z', &[], Some("eu")) }), Sought::Found('a'));
}

#[test]
fn a_tag_with_a_region_is_sought_there_first() {
    let engine = Engine::start();
    engine.seek(apart(wishing('a', &["t"], None), "bc"));
    engine.pass(1);
    engine.seek(apart(Ticket { is_wide: true, ..wishing('b', &["t"], Some("eu")) }, "ac"));
    let both = || Ticket { is_wide: true, ..wishing('x', &["t"], Some("eu")) };
    assert_eq!(engine.seek(both()), Sought::Found('b'));
    engine.release('x', 'b');
    assert_eq!(engine.seek(wishing('y', &["t"], None)), Sought::Found('a'), "of any region: the oldest");
}

#[test]
fn a_lane_too_long_to_be_looked_through_is_gone_on_with() {
    let engine = Engine::start();
    // Those of one user, who is the seeker's, too.
    for name in (130..200).map(char::from) {
        engine.seek(apart(Ticket { user: Some("ada".into()), ..ticket(name) }, "b"));
        engine.pass(1);
    }
    let ada = |come_to| Seek { come_to, ..seek(Ticket { user: Some("ada".into()), ..ticket('x') }) };
    let (sought, mark) = engine.come_to(ada(None));
    assert_eq!(sought, Sought::Waits(71));
    let mark = mark.expect("the lane goes on");
    // Behind all of them is somebody who suits.
    engine.withdraw('x');
    engine.seek(ticket('b'));
    assert_eq!(engine.come_to(ada(Some(mark))).0, Sought::Found('b'));
}
