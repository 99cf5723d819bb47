//! Counts the instructions of the parts of the hot path, and compares them with the figures that are checked in. Instructions, not
//! time: they are the same on a busy machine.
//!
//! `instructions check` fails when a part takes 5 % more than `bench/instructions.json` says; `instructions write` writes that file.
//! Both need valgrind.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use duet_bench::cases::ALL;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        ["run", case, count] => run(case, count),
        ["check"] => check(),
        ["write"] => write(),
        _ => Err(io::Error::other("expected: instructions check|write")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("instructions: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What valgrind runs.
fn run(case: &str, count: &str) -> io::Result<()> {
    let (case, count): (usize, u64) = (number(case)?, number(count)?);
    let (_, work) = ALL.get(case).ok_or_else(|| io::Error::other("no such case"))?;
    work(count);
    Ok(())
}

fn check() -> io::Result<()> {
    let expected: BTreeMap<String, u64> = serde_json::from_slice(&std::fs::read(file())?)?;
    let mut worse = Vec::new();
    for (name, counted) in count_all()? {
        let Some(before) = expected.get(name) else {
            worse.push(format!("{name}: not in {}", file().display()));
            continue;
        };
        let change = 100.0 * (counted as f64 / *before as f64 - 1.0);
        println!("{counted:>8} instructions, {change:+6.1} %: {name}");
        if change > TOLERATED_PERCENT {
            worse.push(format!("{name}: {before} before, {counted} now"));
        }
    }
    if worse.is_empty() {
        return Ok(());
    }
    let hint =
        "if that is worth it, write the new figures with `cargo run --release -p duet-bench --bin instructions write`";
    Err(io::Error::other(format!("more instructions than before:\n  {}\n{hint}", worse.join("\n  "))))
}

fn write() -> io::Result<()> {
    let counts: BTreeMap<&str, u64> = count_all()?.into_iter().collect();
    std::fs::write(file(), serde_json::to_string_pretty(&counts)? + "\n")
}

fn count_all() -> io::Result<Vec<(&'static str, u64)>> {
    (0..ALL.len()).map(|case| Ok((ALL[case].0, count(case)?))).collect()
}

/// For one time: what many take beyond what few take, so that the process's own beginning and end don't count.
fn count(case: usize) -> io::Result<u64> {
    Ok((instructions(case, MANY)? - instructions(case, FEW)?) / (MANY - FEW))
}

fn instructions(case: usize, count: u64) -> io::Result<u64> {
    let out = std::env::temp_dir().join(format!("duet-instructions-{}", std::process::id()));
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--quiet"]).arg(format!("--callgrind-out-file={}", out.display()));
    valgrind.arg(std::env::current_exe()?).args(["run", &case.to_string(), &count.to_string()]);
    let status =
        valgrind.stdin(Stdio::null()).status().map_err(|error| io::Error::other(format!("valgrind: {error}")))?;
    let profile = std::fs::read_to_string(&out)?;
    std::fs::remove_file(&out)?;
    let total = profile.lines().find_map(|line| line.strip_prefix("totals: ").or(line.strip_prefix("summary: ")));
    match total {
        Some(total) if status.success() => number(total.trim()),
        _ => Err(io::Error::other("valgrind gave no total")),
    }
}

fn number<T: std::str::FromStr>(text: &str) -> io::Result<T> {
    text.parse().map_err(|_| io::Error::other(format!("{text} is no number")))
}

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("instructions.json")
}

const FEW: u64 = 1_000;
const MANY: u64 = 11_000;
const TOLERATED_PERCENT: f64 = 5.0;
