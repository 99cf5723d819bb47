//! Duet's executable. Its verbs are its processes: standalone, gateway, matchmaker; and a check for containers and a
//! simulation of matching for operators.
//!
//! It reads the settings, joins the two halves that don't know each other, and ends them on a signal. It decides nothing about
//! clients.

use std::process::ExitCode;

use clap::error::ErrorKind;

mod cli;
mod failure;
mod files;
mod health;
mod healthcheck;
mod live;
mod metrics;
mod process;
mod shutdown;
mod simulate;
mod telemetry;
mod tls;
mod tool;
mod webhooks;

use cli::Verb;
use failure::Failure;
use telemetry::Telemetry;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// The steps of a start, none of which binds a port before all settings are known to be good.
fn run() -> Result<(), Failure> {
    let verb = match cli::parse(std::env::args_os()) {
        Ok(verb) => verb,
        Err(asked) if matches!(asked.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            // Nobody reads it; then there is nobody to tell.
            let _ = asked.print();
            return Ok(());
        }
        Err(error) => return Err(Failure::Usage(error.into())),
    };
    match verb {
        Verb::Standalone(args) => process::standalone(&Telemetry::start(&args.telemetry, "duet-standalone")?, args),
        Verb::Gateway(args) => process::gateway(&Telemetry::start(&args.telemetry, "duet-gateway")?, args),
        Verb::Matchmaker(args) => process::matchmaker(&Telemetry::start(&args.telemetry, "duet-matchmaker")?, args),
        Verb::Healthcheck(args) => healthcheck::run(&args),
        Verb::Tool(verb) => tool::run(&verb),
        Verb::Simulate(args) => simulate::run(&args),
    }
}
