//! What a report does beside ending the room: the two don't meet again, and who is reported by many meets only others like it.

use duet_matchmaker::QuarantineConfig;

use super::*;

const A_AND_B_TALK: &str = "0 link 1 up
     0 a attach 1
     0 b attach 1
     0 c attach 1
     0 a join 1
     > a waiting 1.0 default at 1 0s
     0 b join 1
     > a matched 1.0 b r1 answers 0s
     > b matched 1.0 a r1 offers 0s
     5 a report 2 r1
     > b left 1.0 left requeued
     > b waiting 1.1 default at 1 5s
     > a reports b of r1 for spam
";

#[test]
fn two_sessions_do_not_meet_again_after_a_report() {
    script(&format!(
        "{A_AND_B_TALK}
         1000 a join 3
         > a waiting 3.0 default at 2 0s
         1000 c join 1
         > b matched 1.1 c r2 answers 1000s
         > c matched 1.0 b r2 offers 0s"
    ));
}

#[test]
fn a_report_after_parting_counts_as_well() {
    script(
        "0 link 1 up
         0 a attach 1
         0 b attach 1
         0 a join 1
         > a waiting 1.0 default at 1 0s
         0 b join 1
         > a matched 1.0 b r1 answers 0s
         > b matched 1.0 a r1 offers 0s
         5 a leave 2
         > b left 1.0 left requeued
         > b waiting 1.1 default at 1 5s
         9 a report 2 r1
         > a reports b of r1 for spam
         9 a join 3
         > a waiting 3.0 default at 2 0s",
    );
}

/// They have come back as other sessions.
const USERS_COME_BACK: &str = "6 a end
     6 b end
     6 d attach 1
     6 e attach 1
     6 d prove ann
     6 e prove bob
";

#[test]
fn two_users_do_not_meet_for_the_operators_time() {
    let config = Config { block_for: Duration::from_secs(100), ..crate::world::config() };
    let proved = A_AND_B_TALK.replace("0 a join 1", "0 a prove ann\n0 b prove bob\n0 a join 1");
    script_with(
        config,
        &format!(
            "{proved}{USERS_COME_BACK}
             7 d join 1
             > d waiting 1.0 default at 1 0s
             7 e join 1
             > e waiting 1.0 default at 2 0s
             106 e leave 2
             106 e join 3
             > d matched 1.0 e r2 answers 99s
             > e matched 3.0 d r2 offers 0s"
        ),
    );
}

#[test]
fn who_is_not_proved_is_another_when_it_comes_back() {
    script(&format!(
        "{A_AND_B_TALK}{}
         7 d join 1
         > d waiting 1.0 default at 1 0s
         7 e join 1
         > d matched 1.0 e r2 answers 0s
         > e matched 1.0 d r2 offers 0s",
        USERS_COME_BACK.replace("prove", "identify")
    ));
}

#[test]
fn who_is_reported_by_many_meets_only_others_who_are() {
    let quarantine = QuarantineConfig { reporters: 1, lasts: Duration::from_secs(100), ..QuarantineConfig::default() };
    let config = Config { quarantine, ..crate::world::config() };
    let text = format!(
        "{A_AND_B_TALK}> b in quarantine for 100s by 1
         > b waiting 1.1 default at 1 5s
         6 c join 1
         > c waiting 1.0 default at 1 0s
         7 d attach 1
         7 d join 1
         > c matched 1.0 d r2 answers 1s
         > d matched 1.0 c r2 offers 0s
         8 c report 2 r2
         > d left 1.0 left requeued
         > d waiting 1.1 default at 1 1s
         > c reports d of r2 for spam
         > d in quarantine for 100s by 1
         > d waiting 1.1 default at 2 1s
         > b matched 1.1 d r3 answers 8s
         > d matched 1.1 b r3 offers 1s"
    );
    let world = script_with(config, &text);
    let pools: Vec<_> =
        world.machine.pools(at("9")).map(|pool| (pool.quarantined, pool.waiting, pool.talking)).collect();
    assert_eq!(pools, [(true, 0, 2)], "operators see them");
    assert_eq!(world.machine.stats(at("9")).quarantines, 2);
}

#[test]
fn a_quarantine_ends() {
    let quarantine = QuarantineConfig { reporters: 1, lasts: Duration::from_secs(100), ..QuarantineConfig::default() };
    let config = Config { quarantine, ..crate::world::config() };
    script_with(
        config,
        &format!(
            "{A_AND_B_TALK}> b in quarantine for 100s by 1
             > b waiting 1.1 default at 1 5s
             104 c join 1
             > c waiting 1.0 default at 1 0s
             deadline 105
             105 timeout
             > b waiting 1.1 default at 1 105s
             > c matched 1.0 b r2 answers 1s
             > b matched 1.1 c r2 offers 105s"
        ),
    );
}

#[test]
fn who_files_too_many_reports_ends_rooms_but_is_no_event() {
    let quarantine = QuarantineConfig { reports_by_one: 1, ..QuarantineConfig::default() };
    let config = Config { quarantine, ..crate::world::config() };
    let world = script_with(
        config,
        &format!(
            "{A_AND_B_TALK}
             6 b leave 2
             6 a join 3
             > a waiting 3.0 default at 1 0s
             6 c join 1
             > a matched 3.0 c r2 answers 0s
             > c matched 1.0 a r2 offers 0s
             7 a report 4 r2
             > c left 1.0 left requeued
             > c waiting 1.1 default at 1 1s"
        ),
    );
    let stats = world.machine.stats(at("8"));
    assert_eq!((stats.reports, stats.ignored_reports, stats.quarantines), (1, 1, 0));
}
