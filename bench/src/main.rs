//! Load on signaling servers, cheaply enough that one core drives what another can bear, and Duet beside its peers.
//!
//! It measures; it does not judge: what is right is for tests.

use std::process::ExitCode;

use clap::Parser;

mod bench;
mod cli;
mod compare;
mod dialect;
mod figures;
mod plot;
mod report;
mod rooms;
mod server;
mod swarm;
mod table;
mod work;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    match cli.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("duet-bench: {error}");
            ExitCode::FAILURE
        }
    }
}
