//! What keeps two apart, whichever of them searches.

use std::time::Duration;

use duet_matchmaker::engine::{Seek, Ticket};

use super::pool::{Engine, Sought, avoiding, client, seek, shy, ticket};

fn of_user(ticket: Ticket, user: &str) -> Ticket {
    Ticket { user: Some(user.into()), ..ticket }
}

/// Neither finds the other.
fn are_apart(one: &Ticket, other: &Ticket) {
    for (first, second) in [(one, other), (other, one)] {
        let engine = Engine::start();
        assert_eq!(engine.seek(first.clone()), Sought::Waits(1));
        assert_eq!(engine.seek(second.clone()), Sought::Waits(2), "{first:?} {second:?}");
    }
}

#[test]
fn what_keeps_one_from_another_keeps_both() {
    let avoided = client('b').to_string();
    are_apart(&of_user(ticket('a'), "ada"), &of_user(ticket('b'), "ada"));
    are_apart(&Ticket { apart: vec![client('z'), client('b')], ..ticket('a') }, &ticket('b'));
    are_apart(&Ticket { blocked: vec![client('b')], ..ticket('a') }, &ticket('b'));
    are_apart(&avoiding('a', &avoided), &ticket('b'));
    are_apart(&avoiding('a', "bob"), &of_user(ticket('b'), "bob"));
    let blocking = Ticket { blocked_users: vec!["bob".into()], ..of_user(ticket('a'), "ada") };
    are_apart(&blocking, &of_user(ticket('b'), "bob"));
}

#[test]
fn what_keeps_others_apart_keeps_nobody_else() {
    let engine = Engine::start();
    engine.seek(Ticket { blocked: vec![client('z')], ..avoiding('a', "bob") });
    assert_eq!(engine.seek(of_user(ticket('b'), "ben")), Sought::Found('a'));
}

fn met(ticket: Ticket, other: char, ago: u64) -> Ticket {
    Ticket { recent: vec![(client(other), Duration::from_secs(ago))], ..ticket }
}

fn among(ticket: Ticket, talking: usize) -> Seek {
    Seek { talking, ..seek(ticket) }
}

#[test]
fn who_has_met_lately_meets_others_first_if_there_are_others() {
    for (one, other) in [(met(ticket('a'), 'b', 5), ticket('b')), (ticket('b'), met(ticket('a'), 'b', 5))] {
        let engine = Engine::start();
        engine.seek_by(among(one.clone(), 20));
        assert_eq!(engine.seek_by(among(other.clone(), 20)), Sought::Waits(2));
        let alone = Engine::start();
        alone.seek(one);
        assert!(matches!(alone.seek(other), Sought::Found(_)), "there is nobody else");
    }
}

#[test]
fn partners_count_for_a_time_and_so_many_of_them() {
    let engine = Engine::start();
    engine.seek_by(among(met(ticket('a'), 'b', 299), 20));
    assert_eq!(engine.seek_by(among(ticket('b'), 20)), Sought::Waits(2));
    engine.pass(1_000);
    assert_eq!(engine.seek_by(among(ticket('b'), 20)), Sought::Found('a'), "it was long ago");

    let engine = Engine::start();
    let recent = ['b', 'c', 'd'].map(|name| (client(name), Duration::from_secs(1)));
    engine.seek_by(among(Ticket { recent: recent.into(), ..ticket('a') }, 20));
    let few = |ticket| Seek { recent_partners: 2, ..among(ticket, 20) };
    assert_eq!(engine.seek_by(few(ticket('c'))), Sought::Waits(2));
    engine.withdraw('c');
    assert_eq!(engine.seek_by(few(ticket('b'))), Sought::Found('a'), "two have come since");
}

#[test]
fn who_is_past_caring_meets_again_whom_nobody_else_suits() {
    let engine = Engine::start();
    let past = |ticket| among(Ticket { is_past_caring: true, ..ticket }, 20);
    engine.seek_by(past(met(shy('a', "c"), 'b', 5)));
    assert_eq!(engine.seek_by(among(ticket('b'), 20)), Sought::Waits(2), "both have to be");
    engine.withdraw('b');
    engine.pass(1);
    engine.seek_by(past(shy('c', "a")));
    assert_eq!(engine.seek_by(past(ticket('b'))), Sought::Found('c'), "the younger, as it has not met that one");
    engine.settle('b', 'c');
    assert_eq!(engine.seek_by(past(ticket('b'))), Sought::Found('a'));
}
