//! Whole gateways and a matchmaker, their real servers with HTTP, WebSockets and gRPC, on a simulated network in one thread. Pairs of
//! `duet.v1` clients talk all the while; links and sockets stall, lose what is on them or break, and processes die. Of what the
//! two say nothing may be lost, repeated or reordered, they stay in their room, and once all is repaired they talk on.
//!
//! A run that fails is its seed: `TURMOIL_SEED=… cargo test -p duet --test e2e turmoil`. `TURMOIL_SEEDS=…` tells how many are tried.
//! What happens, when, and how long every packet is under way follows from the seed. Ids, tokens and the back-off's jitter come from
//! the system's randomness, as in a real process, so that two runs of a seed are alike, not the same.
//!
//! The network has no retransmission, so a lost packet is the end of a TCP connection that only a timeout notices. That is what a partition
//! is here; an outage that TCP survives is a hold. A rate at which packets are lost would be nothing else, and is not used.

use std::cell::Cell;
use std::env;
use std::panic;
use std::sync::Once;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::process::scaled;
use faults::{Deaths, Faults};
use world::World;

mod client;
mod faults;
mod network;
mod talk;
mod trouble;
mod world;

#[test]
fn pairs_talk_on_whatever_the_network_does_and_whichever_process_dies() {
    let seeds: Vec<u64> = match env::var("TURMOIL_SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => (0..env::var("TURMOIL_SEEDS").map_or(scaled(200, 20), |count| count.parse().unwrap())).collect(),
    };
    count_panics();
    let (mut heard, mut resumes, mut faults) = (0, 0, 0);
    for seed in &seeds {
        // Shown when the test fails.
        println!("TURMOIL_SEED={seed}");
        let run = run(*seed);
        heard += run.heard;
        resumes += run.resumes;
        faults += run.faults;
    }
    println!("{} runs: {heard} messages heard, {resumes} resumes, {faults} faults", seeds.len());
    let runs = seeds.len() as u64;
    assert!(runs < 10 || heard > 300 * runs && resumes > 2 * runs, "runs in which too little happens prove nothing");
}

/// How much happened.
struct Run {
    heard: u64,
    resumes: u64,
    faults: u64,
}

fn run(seed: u64) -> Run {
    let mut dice = StdRng::seed_from_u64(seed);
    let deaths = Deaths::draw(&mut dice);
    let mut world = World::new(dice.random_range(1..=3), dice.random());
    world.until("all are paired", SETTLED_WITHIN, |talk| talk.heard > 0);
    let mut faults = Faults::new(deaths);
    let end = world.elapsed() + Duration::from_secs(dice.random_range(20..60));
    while world.elapsed() < end {
        faults.draw(&mut world, &mut dice);
        let next = world.elapsed() + Duration::from_millis(dice.random_range(100..5_000));
        faults.pass(&mut world, next);
    }
    faults.end(&mut world);
    world.talks_on(SETTLED_WITHIN);
    world.falls_silent(SETTLED_WITHIN);
    assert_eq!(PANICS.get(), 0, "a task of a process panicked");
    Run { heard: world.sum(|talk| talk.heard), resumes: world.sum(|talk| talk.resumes), faults: faults.count }
}

/// Tells what happens, when somebody looks at a single run.
fn trace(at: Duration, what: impl FnOnce() -> String) {
    if env::var_os("TURMOIL_SEED").is_some() {
        println!("{at:?} {}", what());
    }
}

/// A panic in a task that nobody waits for would go unnoticed. The simulation has a thread of its own, as every test has.
fn count_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            PANICS.set(PANICS.get() + 1);
            report(panic);
        }));
    });
}

thread_local! {
    static PANICS: Cell<u64> = const { Cell::new(0) };
}

/// Simulated time after the last fault.
const SETTLED_WITHIN: Duration = Duration::from_secs(30);
