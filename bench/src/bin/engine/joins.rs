//! Joins a second, by how many replicas ask, how many wait, and what they want.

use std::collections::BTreeMap;
use std::io;

use clap::Args;

use crate::crowd::Crowd;
use crate::load::{Joined, join};
use crate::server::{Engine, Used};
use crate::sessions::{Sessions, Wanted};
use crate::spread::{Spread, table};

#[derive(Debug, Args)]
pub(crate) struct Joins {
    /// Numbers of replicas, in turn
    #[arg(long, value_delimiter = ',', default_value = "1,2,4")]
    replicas: Vec<u8>,
    /// Others who wait all the while and suit nobody, in turn
    #[arg(long, value_delimiter = ',', default_value = "0")]
    waiting: Vec<usize>,
    /// Tags of each session, of a hundred that there are, in turn
    #[arg(long, value_delimiter = ',', default_value = "0,3")]
    tags: Vec<usize>,
    /// Last partners of each session
    #[arg(long, default_value = "0")]
    recent: usize,
    /// Joins of a run
    #[arg(long, default_value = "40000")]
    joins: u64,
    /// Runs of each kind, after one to warm up
    #[arg(long, default_value = "5", value_parser = clap::value_parser!(u64).range(1..))]
    runs: u64,
}

impl Joins {
    /// Runs all kinds in turn, and again, so that a slow moment of the machine hits all.
    pub(crate) fn run(&self, cpu: usize) -> io::Result<()> {
        // Each crowd waits in a server of its own.
        let mut engines = Vec::new();
        for count in &self.waiting {
            let engine = Engine::start(cpu)?;
            let crowd = Crowd::gather(&engine, *count)?;
            engines.push((*count, engine, crowd));
        }
        let mut results: BTreeMap<_, Vec<(Joined, Used)>> = BTreeMap::new();
        for run in 0..=self.runs {
            for (count, engine, _) in &mut engines {
                for tags in &self.tags {
                    for replicas in &self.replicas {
                        let result = self.once(engine, run, *tags, *replicas)?;
                        if run > 0 {
                            results.entry((*tags, *count, *replicas)).or_default().push(result);
                        }
                    }
                }
            }
        }
        print(&results);
        Ok(())
    }

    fn once(&self, engine: &mut Engine, run: u64, tags: usize, replicas: u8) -> io::Result<(Joined, Used)> {
        let wanted = if tags == 0 { Wanted::Anybody } else { Wanted::Tags(tags, TAGS) };
        let sessions = |replica| Sessions::new(wanted, self.recent, replica, run + 1);
        let before = engine.used()?;
        let joined = join(engine, run, (0..replicas).map(sessions).collect(), self.joins)?;
        Ok((joined, engine.used()?.since(before)))
    }
}

/// By tags, others who wait, and replicas.
type Results = BTreeMap<(usize, usize, u8), Vec<(Joined, Used)>>;

fn print(results: &Results) {
    let heads =
        ["tags", "others wait", "replicas", "joins/s", "from–to", "µs/join", "µs/pair", "scripts/pair", "across"];
    let mut table = table(heads);
    for ((tags, count, replicas), runs) in results {
        let of = |figure: fn(&(Joined, Used)) -> f64| Spread::of(runs.iter().map(figure));
        let rate = of(|(joined, _)| joined.joins as f64 / joined.elapsed.as_secs_f64());
        let cpu = of(|(joined, used)| used.cpu.as_secs_f64() * 1e6 / joined.joins as f64);
        let pair = of(|(joined, used)| used.cpu.as_secs_f64() * 1e6 / joined.pairs as f64);
        let scripts = of(|(joined, used)| used.scripts as f64 / joined.pairs as f64);
        let across = of(|(joined, _)| joined.across as f64 / joined.pairs as f64);
        table.add_row([
            tags.to_string(),
            count.to_string(),
            replicas.to_string(),
            format!("{:.0}", rate.median),
            format!("{:.0}–{:.0}", rate.least, rate.most),
            format!("{:.1}", cpu.median),
            format!("{:.1}", pair.median),
            format!("{:.2}", scripts.median),
            format!("{:.2}", across.median),
        ]);
    }
    println!("{table}");
}

/// Of which each asks for some.
const TAGS: usize = 100;
