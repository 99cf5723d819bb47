//! How long each script takes by itself, as the server measures it.

use std::collections::BTreeMap;
use std::io;

use duet_matchmaker::PoolKey;
use duet_matchmaker::engine::Request;
use duet_proto::ids::ClientId;

use crate::load::BATCH;
use crate::server::{Engine, Line};
use crate::sessions::{NUMBER, Sessions, Wanted, pool};
use crate::spread::{Spread, table};

/// Runs each so often, one call in a pool, so that a phase is of one script.
pub(crate) fn run(cpu: usize, calls: usize, runs: usize) -> io::Result<()> {
    let mut results: BTreeMap<_, Vec<f64>> = BTreeMap::new();
    let mut engine = Engine::start(cpu)?;
    let mut line = engine.line("replica")?;
    // One call in a pool, so that a phase is of one script.
    let pools: Vec<_> = (0..calls).map(pool).collect();
    for run in 0..=runs {
        for (order, (tags, wanted)) in
            [("none", Wanted::Anybody), ("three, the same", Wanted::Tags(3, 3))].into_iter().enumerate()
        {
            let mut sessions = Sessions::new(wanted, 0, 0, (2 * run + order + 1) as u64);
            let mut seeks =
                || -> Vec<Request> { pools.iter().map(|pool| Request::Seek(Box::new(sessions.seek(pool)))).collect() };
            let (waiters, seekers, others) = (seeks(), seeks(), seeks());
            let settle = |(seeker, waiter): (&Request, &Request)| {
                let ((pool, seeker), (_, waiter)) = (sought(seeker), sought(waiter));
                Request::Settle { pool, seeker, waiter }
            };
            let settles: Vec<_> = seekers.iter().zip(&waiters).map(settle).collect();
            let withdraw = |seek: &Request| {
                let (pool, client) = sought(seek);
                Request::Withdraw { pool, client, number: NUMBER }
            };
            let withdrawals: Vec<_> = others.iter().map(withdraw).collect();
            line.renew(&pools)?;
            let mut phase = |name: &'static str, requests: Option<&[Request]>, line: &mut Line| {
                let before = engine.used()?;
                match requests {
                    Some(requests) => requests.chunks(BATCH).try_for_each(|batch| line.ask(batch).map(drop))?,
                    None => pools.chunks(BATCH).try_for_each(|pools| line.renew(pools))?,
                }
                let used = engine.used()?.since(before);
                if run > 0 {
                    let micros = used.in_scripts.as_secs_f64() * 1e6 / used.scripts as f64;
                    results.entry((name, tags)).or_default().push(micros);
                }
                Ok::<_, io::Error>(())
            };
            phase("1 seek, kept", Some(&waiters), &mut line)?;
            phase("2 seek, found", Some(&seekers), &mut line)?;
            phase("3 settle", Some(&settles), &mut line)?;
            phase("1 seek, kept", Some(&others), &mut line)?;
            phase("4 withdraw", Some(&withdrawals), &mut line)?;
            phase("5 renew", None, &mut line)?;
        }
    }
    let mut table = table(["script", "tags", "µs", "from–to"]);
    for ((name, tags), runs) in results {
        let spread = Spread::of(runs);
        let range = format!("{:.1}–{:.1}", spread.least, spread.most);
        table.add_row([name.to_owned(), tags.to_owned(), format!("{:.1}", spread.median), range]);
    }
    println!("{table}");
    Ok(())
}

fn sought(request: &Request) -> (PoolKey, ClientId) {
    match request {
        Request::Seek(seek) => (seek.ticket.pool.clone(), seek.ticket.client),
        _ => unreachable!("only searches are asked about"),
    }
}
