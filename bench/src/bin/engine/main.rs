//! What the engine by which matchmakers share their pools takes, on a real `redis-server`: joins a second, time of each script, memory
//! of a ticket. Replicas are connections that do as they do, without gateways.
//!
//! The server has one processor to itself, the load another.

use std::io;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use rustix::thread::{CpuSet, sched_setaffinity};

mod crowd;
mod joins;
mod load;
mod matching;
mod memory;
mod scripts;
mod server;
mod sessions;
mod spread;

/// Measures the engine alone
#[derive(Debug, Parser)]
#[command(version, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    what: What,
    /// The processor for the engine
    #[arg(long, global = true, default_value = "0", value_name = "CPU")]
    engine_cpu: usize,
    /// The processor for the load
    #[arg(long, global = true, default_value = "1", value_name = "CPU")]
    load_cpu: usize,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Sessions that join, are paired and settled, as fast as the engine answers
    Joins(joins::Joins),
    /// Newcomers at a steady pace, and how long they take to be matched: in memory and by the engine
    Matching(matching::Matching),
    /// How long each script takes by itself
    Scripts {
        /// Calls of each
        #[arg(long, default_value = "2000")]
        calls: usize,
        /// Runs, of which the median counts
        #[arg(long, default_value = "5")]
        runs: usize,
    },
    /// Memory of a ticket that is kept
    Memory {
        /// Tickets
        #[arg(long, default_value = "100000")]
        tickets: usize,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("engine: {error}");
            ExitCode::FAILURE
        }
    }
}

impl Cli {
    fn run(&self) -> io::Result<()> {
        let mut set = CpuSet::new();
        set.set(self.load_cpu);
        sched_setaffinity(None, &set)?;
        match &self.what {
            What::Joins(joins) => joins.run(self.engine_cpu),
            What::Matching(matching) => matching.run(self.engine_cpu),
            What::Scripts { calls, runs } => scripts::run(self.engine_cpu, *calls, *runs),
            What::Memory { tickets } => memory::run(self.engine_cpu, *tickets),
        }
    }
}
