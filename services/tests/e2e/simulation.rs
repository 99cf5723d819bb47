//! Whole lives of clients, gateways and a matchmaker in one thread: the real machines, with model clients, sockets and links in
//! between that lose what is under way. What happens is drawn from a seed: sockets and links break, gateways and the matchmaker
//! die. Clients judge all that they hear, and in the end everybody must agree.
//!
//! A run that fails is its seed: `SEED=… cargo test -p duet --test e2e simulation`. `SEEDS=…` tells how many are tried.

use std::env;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use crate::process::scaled;
use client::Layer;
use world::World;

mod client;
mod judge;
mod world;

/// What may die in a run. Two deaths at once may cost a session, so a run has one kind of them.
#[derive(Clone, Copy, Debug)]
enum Deaths {
    None,
    Gateways,
    Matchmaker,
}

#[test]
fn nothing_is_lost_whatever_breaks_and_whichever_process_dies() {
    let seeds: Vec<u64> = match env::var("SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => (0..env::var("SEEDS").map_or(scaled(9_000, 400), |count| count.parse().unwrap())).collect(),
    };
    let mut tally = judge::Tally::default();
    for seed in seeds {
        // Shown when the test fails.
        println!("SEED={seed}");
        tally.add(&run(seed));
    }
    println!("{tally:?}");
    assert!(tally.is_telling(), "runs in which too little happens prove nothing: {tally:?}");
}

fn run(seed: u64) -> judge::Tally {
    let mut dice = StdRng::seed_from_u64(seed);
    let deaths = *[Deaths::None, Deaths::Gateways, Deaths::Gateways, Deaths::Matchmaker].choose(&mut dice).unwrap();
    let all_v1 = dice.random_bool(0.5);
    let layers = (0..dice.random_range(2..7))
        .map(|_| if all_v1 || dice.random_bool(0.6) { Layer::V1 } else { Layer::Base })
        .collect::<Vec<_>>();
    let mut world = World::new(&layers, dice.random_range(1..4), dice.random());
    for _ in 0..dice.random_range(50..600) {
        step(&mut world, deaths, &mut dice);
    }
    world.settle();
    judge::all_agree(&world);
    world.tally()
}

fn step(world: &mut World, deaths: Deaths, dice: &mut StdRng) {
    let client = dice.random_range(0..world.clients.len());
    let gateway = dice.random_range(0..world.gateways.len());
    match dice.random_range(0..1_000) {
        0..300 => world.carry_socket(client, dice.random_range(1..5)),
        300..560 => world.carry_link(gateway, dice.random_range(1..6)),
        560..640 => world.wait(Duration::from_millis(dice.random_range(0..300))),
        640..644 => world.wait(Duration::from_millis(dice.random_range(300..4_000))),
        644..790 => world.say(client, dice),
        790..880 => world.connect(client, gateway),
        880..905 => world.break_socket(client, dice.random()),
        905..907 => world.leave_for_good(client),
        907..925 => world.break_link(gateway, dice.random()),
        925..990 => world.link(gateway),
        _ => match deaths {
            Deaths::None => {}
            Deaths::Gateways => world.kill_gateway(gateway, dice.random()),
            Deaths::Matchmaker if dice.random_bool(0.4) => world.restart_matchmaker(),
            Deaths::Matchmaker => {}
        },
    }
}
