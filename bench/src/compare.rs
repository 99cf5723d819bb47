//! Servers side by side: each kind of work against each server in turn, and again, so that a slow moment of the machine hits all.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use crate::cli::pin;
use crate::figures::Figures;
use crate::plot;

mod contestant;
mod medians;
mod page;
mod works;

use contestant::{Contestant, Places};
pub(crate) use medians::median;
use works::Job;

#[derive(Debug, Args)]
pub(crate) struct Compare {
    /// Which servers [default: all]
    #[arg(long, value_delimiter = ',', value_name = "NAME[,NAME]")]
    servers: Vec<String>,
    /// Which kinds of work [default: all]
    #[arg(long, value_delimiter = ',', value_name = "NAME[,NAME]")]
    works: Vec<String>,
    /// How often
    #[arg(long, default_value = "3")]
    rounds: usize,
    /// Duet's executable
    #[arg(long, default_value = "target/release/duet", value_name = "FILE")]
    duet: PathBuf,
    /// Another one to compare it with, as the servers old, old-tcp and old-standalone
    #[arg(long, value_name = "FILE")]
    old: Option<PathBuf>,
    /// Where the peers are
    #[arg(long, default_value = "bench/peers", value_name = "FOLDER")]
    peers: PathBuf,
    /// matchbox's executable
    #[arg(long, default_value = "target/bench-peers/bin/matchbox_server", value_name = "FILE")]
    matchbox: PathBuf,
    /// The processor for the servers, all processes of each
    #[arg(long, default_value = "0", value_name = "CPU")]
    server_cpu: usize,
    /// The processor for the load
    #[arg(long, default_value = "1", value_name = "CPU")]
    load_cpu: usize,
    /// Write all figures there, as JSON
    #[arg(long, value_name = "FILE")]
    figures: Option<PathBuf>,
    /// Put the tables between the marks in this page, and the plots beside it
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
}

/// All runs of one kind of work, by server.
#[derive(Debug, Serialize)]
pub(crate) struct Results {
    pub(crate) work: &'static str,
    pub(crate) runs: BTreeMap<String, Vec<Figures>>,
}

/// Runs all of it.
pub(crate) fn run(compare: &Compare, seconds: f64, warm_up: f64) -> io::Result<()> {
    pin(compare.load_cpu)?;
    let places = Places {
        duet: compare.duet.clone(),
        old: compare.old.clone(),
        peers: compare.peers.clone(),
        matchbox: compare.matchbox.clone(),
    };
    let contestants = chosen(contestant::all(&places), &compare.servers, |contestant| contestant.name)?;
    let jobs = chosen(works::all(), &compare.works, |job| job.name)?;
    let mut all: Vec<Results> = jobs.iter().map(|job| Results { work: job.name, runs: BTreeMap::new() }).collect();
    for round in 1..=compare.rounds {
        for (job, results) in jobs.iter().zip(&mut all) {
            for contestant in contestants.iter().filter(|contestant| contestant.can(job)) {
                let figures = once(contestant, job, compare.server_cpu, seconds, warm_up)?;
                eprintln!("round {round}  {:14} {:18} {}", job.name, contestant.name, job.tell(&figures));
                results.runs.entry(contestant.name.to_owned()).or_default().push(figures);
            }
        }
    }
    let summary = medians::summary(&jobs, &contestants, &all);
    println!("{summary}");
    if let Some(path) = &compare.figures {
        fs::write(path, serde_json::to_string_pretty(&all)? + "\n")?;
    }
    if let Some(path) = &compare.page {
        plot::comparison(&path.with_extension("svg"), &contestants_in_order(&contestants), &all)?;
        page::put(path, &summary)?;
    }
    Ok(())
}

fn once(contestant: &Contestant, job: &Job, cpu: usize, seconds: f64, warm_up: f64) -> io::Result<Figures> {
    let running = contestant.start(cpu)?;
    let measured = Duration::from_secs_f64(seconds);
    let result = job.run(&running.bench(measured, Duration::from_secs_f64(warm_up)));
    result.map_err(|error| io::Error::other(format!("{} with {}: {error}", job.name, contestant.name)))
}

fn contestants_in_order(contestants: &[Contestant]) -> Vec<&'static str> {
    contestants.iter().map(|contestant| contestant.name).collect()
}

/// Those that were asked for, or all.
fn chosen<T>(all: Vec<T>, names: &[String], name: impl Fn(&T) -> &'static str) -> io::Result<Vec<T>> {
    if let Some(unknown) = names.iter().find(|wanted| !all.iter().any(|one| name(one) == **wanted)) {
        let known: Vec<_> = all.iter().map(name).collect();
        return Err(io::Error::other(format!("{unknown} is none of {}", known.join(", "))));
    }
    Ok(all.into_iter().filter(|one| names.is_empty() || names.iter().any(|wanted| wanted == name(one))).collect())
}
