//! Whatever is asked, and however often, what a pool keeps fits together.

use duet_matchmaker::engine::{Request, Seek, Ticket};
use proptest::prelude::*;

use super::pool::{Engine, client, home, number, pool, seek, wishing};

#[derive(Clone, Debug)]
enum Step {
    Seek {
        by: char,
        home: char,
        attempt: u32,
        tags: Vec<&'static str>,
        region: bool,
        wide: bool,
        apart: char,
        limit: usize,
    },
    Withdraw(char, char, u32),
    Settle(char, char, char),
    Release(char, char),
    Discard(char, char, u32),
    Renew(char, usize),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let who = || proptest::char::range('a', 'h');
    let at = || proptest::char::range('A', 'C');
    let tags = proptest::sample::subsequence(vec!["x", "y", "z"], 0..=3);
    let of = (who(), at(), 1..3_u32, tags, any::<bool>(), any::<bool>(), who(), 0..4_usize);
    prop_oneof![
        6 => of.prop_map(|(by, home, attempt, tags, region, wide, apart, limit)| {
            Step::Seek { by, home, attempt, tags, region, wide, apart, limit }
        }),
        1 => (at(), who(), 1..3_u32).prop_map(|(at, who, attempt)| Step::Withdraw(at, who, attempt)),
        1 => (at(), who(), who()).prop_map(|(at, seeker, waiter)| Step::Settle(at, seeker, waiter)),
        1 => (who(), who()).prop_map(|(seeker, waiter)| Step::Release(seeker, waiter)),
        1 => (who(), who(), 1..3_u32).prop_map(|(seeker, waiter, attempt)| Step::Discard(seeker, waiter, attempt)),
        2 => (at(), 0..4_usize).prop_map(|(at, talking)| Step::Renew(at, talking)),
        2 => (1..2_500_u64).prop_map(Step::Pass),
    ]
}

fn take(engine: &Engine, step: &Step) {
    let (at, request) = match step {
        Step::Seek { by, home, attempt, tags, region, wide, apart, limit } => {
            let ticket = Ticket {
                number: number(*attempt),
                is_wide: *wide || (tags.is_empty() && !region),
                apart: vec![client(*apart)],
                ..wishing(*by, tags, region.then_some("eu"))
            };
            (*home, Request::Seek(Box::new(Seek { limit: *limit, talking: *limit, ..seek(ticket) })))
        }
        Step::Withdraw(at, who, attempt) => {
            (*at, Request::Withdraw { pool: pool(), client: client(*who), number: number(*attempt) })
        }
        Step::Settle(at, seeker, waiter) => {
            (*at, Request::Settle { pool: pool(), seeker: client(*seeker), waiter: client(*waiter) })
        }
        Step::Release(seeker, waiter) => {
            ('A', Request::Release { pool: pool(), seeker: client(*seeker), waiter: client(*waiter) })
        }
        Step::Discard(seeker, waiter, attempt) => {
            let (seeker, waiter) = (client(*seeker), client(*waiter));
            ('A', Request::Discard { pool: pool(), seeker, waiter, number: number(*attempt) })
        }
        Step::Renew(at, talking) => return drop(engine.renew(*at, *talking)),
        Step::Pass(milliseconds) => return engine.pass(*milliseconds),
    };
    engine.ask_at(&home(at), &request);
}

#[test]
fn what_is_kept_fits_together() {
    let engine = Engine::start();
    let mut look = redis::cmd("EVAL");
    look.arg(include_str!("invariants.lua")).arg(2).arg("duet:1:{default}:tickets").arg("duet:1:{default}:lanes");
    proptest!(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) }, |(
        steps in proptest::collection::vec(step(), 1..60)
    )| {
        engine.run(&redis::cmd("FLUSHALL"));
        for (index, step) in steps.iter().enumerate() {
            take(&engine, step);
            let wrong: Vec<Vec<u8>> = engine.connection_query(&look);
            let wrong: Vec<_> = wrong.iter().map(|wrong| String::from_utf8_lossy(wrong)).collect();
            prop_assert!(wrong.is_empty(), "after {index}, {step:?}: {wrong:?}");
        }
    });
}
