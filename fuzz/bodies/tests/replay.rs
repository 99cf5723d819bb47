//! The corpora once more, on the stable compiler; and as many inputs made of dice, for what the corpora miss.

#![allow(clippy::unwrap_used, reason = "a test may")]

use std::fs;
use std::path::Path;

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

/// Every checked-in input of a target.
fn replay(target: &str, body: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus").join(target);
    let mut count = 0;
    for entry in fs::read_dir(corpus).unwrap() {
        let path = entry.unwrap().path();
        // Shown only if it fails.
        println!("{}", path.display());
        body(&fs::read(path).unwrap());
        count += 1;
    }
    assert!(count >= 10, "{target} has only {count} inputs");
    roll(target, body);
}

/// Inputs that nobody chose, the same each time.
fn roll(target: &str, body: fn(&[u8])) {
    for seed in 0..ROLLS {
        println!("{target}: seed {seed}");
        let mut dice = StdRng::seed_from_u64(seed);
        let mut data = vec![0; dice.random_range(0..2_000)];
        dice.fill_bytes(&mut data);
        // Small numbers are more often meant than large ones.
        data.iter_mut().for_each(|byte| *byte = if dice.random_ratio(1, 3) { *byte % 4 } else { *byte });
        body(&data);
    }
}

const ROLLS: u64 = 300;

#[test]
fn messages() {
    replay("messages", duet_fuzz_bodies::messages);
}

#[test]
fn frames() {
    replay("frames", duet_fuzz_bodies::frames);
}

#[test]
fn session() {
    replay("session", duet_fuzz_bodies::session);
}

#[test]
fn matchmaker() {
    replay("matchmaker", duet_fuzz_bodies::matchmaker);
}
