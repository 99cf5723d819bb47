//! The simulation of matching as an operator runs it: reads the scenario, prints the figures.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;

use duet_simulator::{Report, Scenario};

use crate::cli::Simulate;
use crate::failure::Failure;

pub(crate) fn run(args: &Simulate) -> Result<(), Failure> {
    if args.print_scenario {
        return print(Scenario::STANDARD);
    }
    let scenario = args.scenario.as_deref().map_or_else(|| Ok(Scenario::standard()), read)?;
    let report = Report::new(&scenario, args.seed);
    if let Some(path) = &args.svg {
        let failed = |error| Failure::environment(format!("--svg: can't write {}", path.display()), &error);
        fs::write(path, report.svg()).map_err(failed)?;
    }
    if args.json { print(&(report.json() + "\n")) } else { print(&report.to_string()) }
}

fn read(path: &Path) -> Result<Scenario, Failure> {
    let wrong = |what: &dyn std::fmt::Display| Failure::Setting(format!("--scenario {}: {what}", path.display()));
    let mut text = String::new();
    let file = File::open(path).map_err(|error| wrong(&error))?;
    file.take(SCENARIO_BYTES + 1).read_to_string(&mut text).map_err(|error| wrong(&error))?;
    if text.len() as u64 > SCENARIO_BYTES {
        return Err(wrong(&format_args!("longer than {SCENARIO_BYTES} bytes")));
    }
    Scenario::parse(&text).map_err(|error| wrong(&error))
}

fn print(text: &str) -> Result<(), Failure> {
    match std::io::stdout().write_all(text.as_bytes()) {
        // Who has seen enough closes the pipe.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::environment("can't print", &error))
        }
        _ => Ok(()),
    }
}

/// No scenario is longer.
const SCENARIO_BYTES: u64 = 64 * 1024;
