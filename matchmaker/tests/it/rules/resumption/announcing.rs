//! Resumable sessions of a matchmaker that has died, and gateways that both believe to have one.

use super::*;

const LINKS: &str = "0 link 1 up
     0 link 2 up
     0 link 3 up
";

#[test]
fn an_announced_session_goes_on_with_its_numbers_and_with_what_is_kept_for_it() {
    script(&format!(
        "{LINKS}
         1 a attach 1 room 7.2 r9 b offers 3 default 60 token A epoch 2 seq 9 kept u,v client 6 taken 4 sent 5
         2 b attach 2 room 4.0 r9 a answers 4 default 50 token B seq 3 client 2 taken 2 sent 3
         > a resumes 7.2 after #4
         > b resumes 4.0 after #3
         2 a settle 8
         2 b forward 4.0 4 #3
         > a gets 7.2 #4 b4 [10 taken 4]
         2 a forward 7.2 5 #5
         > b gets 4.0 #5 a5 [4 taken 3]
         2 a settle 8
         > a taken #6
         3 x attach 3 token X
         3 x resume A C 8
         > x is a, epoch 3: room 7.2 r1 b offers 4 default 62s sent 5, seq 10 kept 9:v 10:b4 taken 6 owes a5 wants default
         > b acknowledged 4.0 #4
         > x resumes 7.2 after #4, passed #5
         > b resumes 4.0 after #4"
    ));
}

#[test]
fn an_announced_waiter_goes_on_with_its_numbers() {
    script(&format!(
        "{LINKS}
         1 a attach 1 waiting 7 default 12 token A seq 9 kept u client 6 taken 4
         > a waiting 7.0 default at 1 12s [10 taken 6]
         2 a settle 9
         > a taken #6
         2 b attach 1 idle 3 token B seq 1 client 5 taken 4
         2 b settle 1
         > b taken #5
         2 c attach 1 idle 3 token C client 5 taken 5
         2 c settle 0"
    ));
}

#[test]
fn after_a_start_windows_count_from_when_everybody_could_be_back() {
    script(&format!("{LINKS}\n1 a attach 1 idle 3 token A left 10\ndeadline 15"));
    script(&format!("{LINKS}\n8 a attach 1 idle 3 token A left 10\ndeadline 18\n18 timeout\n> a ended: Expired"));
    script(&format!(
        "{LINKS}
         1 a attach 1 waiting 3 default 0 token A left 10
         > a waiting 3.0 default at 1 0s [1]
         1 b attach 1
         1 b join 1
         > b waiting 1.0 default at 2 0s
         1 x attach 3 token X
         1 x resume A C 0
         > x is a, epoch 1: waiting 3.0 default 0s, seq 1 kept 1:waiting wants default
         > b matched 1.0 a r1 answers 0s
         > x matched 3.0 b r1 offers 0s [2]"
    ));
}

#[test]
fn a_restored_room_tells_who_is_away_if_that_is_news() {
    for (b_is, a_knows, hears) in [
        ("left 10", "", "> a partner away 7.2 [1]"),
        ("left 10", "away yes", ""),
        ("", "away yes", "> a partner back 7.2 [1]"),
        ("", "", ""),
    ] {
        let a = format!("a attach 1 room 7.2 r9 b offers 0 default 60 token A {a_knows}");
        let b = format!("b attach 2 room 4.0 r9 a answers 0 default 50 token B {b_is}");
        for [first, second] in [[&a, &b], [&b, &a]] {
            script(&format!(
                "{LINKS}
                 1 {}
                 1 {}
                 > a resumes 7.2 after #0
                 > b resumes 4.0 after #0
                 {hears}",
                first.trim(),
                second.trim()
            ));
        }
    }
}

#[test]
fn a_gateway_that_has_not_heard_of_a_resume_is_told() {
    let world = script(&format!(
        "{LINKS}
         1 x attach 3 idle 7 token C earlier A epoch 1 of a
         1 a attach 1 waiting 3 default 9 token A
         > a ended: ResumedElsewhere
         1 a join 8
         1 x leave 8"
    ));
    assert_eq!(world.machine.session(client_id('a')).unwrap().gateway, "g3");
}

#[test]
fn a_gateway_that_has_not_heard_of_a_resume_and_came_first_is_told() {
    for (was, output) in [
        ("idle 7", ""),
        ("waiting 7 default 9", "> a waiting 7.0 default at 1 9s [1]"),
        ("room 7.0 r9 b offers 0 default 9", ""),
    ] {
        let world = script(&format!(
            "{LINKS}
             1 a attach 1 {was} token A left 10
             {output}
             2 x attach 3 idle 8 token C earlier A epoch 1 of a seq 4
             > a ended: ResumedElsewhere
             deadline none
             2 a leave 9
             2 y attach 3 token Y
             2 y resume A D 4
             > y is a, epoch 2: idle 8.0, seq 4"
        ));
        assert_eq!(world.machine.stats(at("2")).sessions, 1, "{was}");
        assert_eq!(world.machine.stats(at("2")).waiting, 0, "{was}");
    }
}

/// `a` is the one that came before the resume.
#[test]
fn a_room_is_restored_in_whatever_order_its_sides_and_a_stale_one_come() {
    let [a, x, b] = [
        "1 a attach 1 room 7.2 r9 b offers 3 default 60 token A sent 4",
        "1 x attach 3 room 7.2 r9 b offers 3 default 60 token C earlier A epoch 1 of a seq 2 sent 5",
        "1 b attach 2 room 4.0 r9 a answers 5 default 50 token B sent 3",
    ];
    let ended = "> a ended: ResumedElsewhere";
    let resumed = "> x resumes 7.2 after #5\n> b resumes 4.0 after #3";
    let stale = "> a resumes 7.2 after #5\n> b resumes 4.0 after #3";
    for order in [
        format!("{a}\n{x}\n{ended}\n{b}\n{resumed}"),
        format!("{a}\n{b}\n{stale}\n{x}\n{ended}\n{resumed}"),
        format!("{x}\n{a}\n{ended}\n{b}\n{resumed}"),
        format!("{x}\n{b}\n{resumed}\n{a}\n{ended}"),
        format!("{b}\n{x}\n{resumed}\n{a}\n{ended}"),
        format!("{b}\n{a}\n{stale}\n{x}\n{ended}\n{resumed}"),
    ] {
        let world = script(&format!(
            "{LINKS}
             {order}
             deadline none
             2 x forward 7.2 6
             > b gets 4.0 #6 x6 [1]
             2 b forward 4.0 4
             > x gets 7.2 #4 b4 [3]
             2 a leave 8"
        ));
        assert_eq!(world.machine.stats(at("2")).rooms, 1);
    }
}

#[test]
fn who_stays_when_a_stale_side_is_replaced_goes_on_as_it_was() {
    // What it still has to repeat is not taken.
    script(&format!(
        "{LINKS}
         1 a attach 1 room 7.2 r9 b offers 3 default 60 token A
         1 b attach 2 room 4.0 r9 a answers 0 default 50 token B client 9 taken 8 sent 4
         > a resumes 7.2 after #0
         > b resumes 4.0 after #3
         2 x attach 3 room 7.2 r9 b offers 3 default 61 token C earlier A epoch 1 of a
         > a ended: ResumedElsewhere
         > x resumes 7.2 after #0
         > b resumes 4.0 after #3
         2 b settle 0
         2 b forward 4.0 4 #9
         > x gets 7.2 #4 b4 [1]
         2 b settle 0
         > b taken #9"
    ));
    // It was told that its partner is away.
    script(&format!(
        "{LINKS}
         1 a attach 1 room 7.2 r9 b offers 0 default 60 token A left 10
         1 b attach 2 room 4.0 r9 a answers 0 default 50 token B
         > a resumes 7.2 after #0
         > b resumes 4.0 after #0
         > b partner away 4.0 [1]
         2 x attach 3 room 7.2 r9 b offers 0 default 61 token C earlier A epoch 1 of a
         > a ended: ResumedElsewhere
         > x resumes 7.2 after #0
         > b resumes 4.0 after #0
         > b partner back 4.0 [2]
         deadline none"
    ));
}

#[test]
fn a_room_whose_stale_side_was_replaced_by_nobody_in_it_ends_after_a_while() {
    script(&format!(
        "{LINKS}
         6 a attach 1 room 7.2 r9 b offers 0 default 60 token A
         6 b attach 2 room 4.0 r9 a answers 0 default 50 token B
         > a resumes 7.2 after #0
         > b resumes 4.0 after #0
         7 x attach 3 idle 8 token C earlier A epoch 1 of a
         > a ended: ResumedElsewhere
         deadline 10
         10 timeout
         > b left 4.0 disconnected requeued [1]
         > b waiting 4.1 default at 1 54s [2]"
    ));
}

#[test]
fn of_two_equal_claims_the_one_that_the_client_has_spoken_to_counts() {
    let (spoken, silent) = ("idle 3 token B epoch 1", "idle 3 token C earlier A epoch 1");
    script(&format!("{LINKS}\n1 a attach 1 {silent}\n1 x attach 3 {spoken} of a\n> a ended: ResumedElsewhere"));
    for (first, second) in [(spoken, silent), (silent, silent), (spoken, spoken)] {
        script(&format!("{LINKS}\n1 a attach 1 {first}\n1 x attach 3 {second} of a\n> x ended: ResumedElsewhere"));
    }
    script(&format!(
        "{LINKS}
         1 a attach 1 {silent}
         1 a settle 0
         1 x attach 3 {spoken} of a
         > x ended: ResumedElsewhere"
    ));
    // A higher epoch counts more than a word.
    script(&format!(
        "{LINKS}
         1 a attach 1 {silent}
         1 x attach 3 idle 3 token B of a
         > x ended: ResumedElsewhere
         1 y attach 2 idle 3 token B earlier C epoch 2 of a
         > a ended: ResumedElsewhere"
    ));
}

#[test]
fn a_gateway_that_is_back_is_not_another_claim() {
    script(&format!(
        "{LINKS}
         1 a attach 1 idle 3 token C earlier A epoch 1 seq 2
         2 link 1 down
         2 link 1 up
         2 a attach 1 idle 3 token C epoch 1 seq 2
         3 link 1 down
         3 x attach 3 idle 3 token B earlier A epoch 1 of a
         > x ended: ResumedElsewhere
         3 link 1 up
         3 a attach 1 idle 3 token C earlier A epoch 1 seq 2
         3 a leave 4"
    ));
}

/// Both sessions are of one gateway, and the answer was lost with its link.
#[test]
fn a_gateway_that_has_not_heard_of_its_own_resume_asks_again() {
    script(
        "0 link 1 up
         0 a attach 1 token A
         6 x attach 1 token X
         6 x resume A C 0
         > x is a, epoch 1: idle 0.0, seq 0
         7 link 1 down
         8 link 1 up
         8 a attach 1 token A
         > a ended: ResumedElsewhere
         8 x attach 1 token X
         8 x resume A C 0
         > x is a, epoch 2: idle 0.0, seq 0
         8 x adopted
         deadline none",
    );
}

#[test]
fn a_base_session_and_a_resumable_one_never_share_a_client() {
    for (first, second) in [("token A", ""), ("", "token A of a")] {
        let name = if second.is_empty() { 'a' } else { 'x' };
        script(&format!(
            "{LINKS}
             1 a attach 1 {first}
             1 {name} attach 2 {second}
             > 2 refused: two sessions have the same client id"
        ));
    }
}
