//! Processes that die or freeze while clients talk: rooms and places survive, and of the numbered messages that both sides of
//! each room send all the while, none is lost, repeated or out of order.

use std::sync::Arc;
use std::time::Instant;

use tokio::task::JoinSet;

use crate::client::{Client, pair_across};
use crate::heard::Heard;
use crate::process::{Deployment, Duet, GATEWAY, Shape};

/// Rooms that talk. Both sides send the next number when the partner's has come, so there is always something under way.
struct Talk {
    tasks: JoinSet<(Client, Client)>,
    heard: Arc<Heard>,
    /// How many messages each room hears in all.
    total: usize,
}

impl Talk {
    /// Pairs `rooms` times a client of the one gateway with one of the other, each in a pool of its own, and lets them talk for
    /// `rounds`.
    async fn start(one: &str, other: &str, rooms: usize, rounds: usize) -> Self {
        let heard = Arc::new(Heard::new(rooms));
        let mut pairs = JoinSet::new();
        for room in 0..rooms {
            let (one, other) = (one.to_owned(), other.to_owned());
            pairs.spawn(async move {
                let mut pair = (Client::connect(&one).await, Client::connect(&other).await);
                let wish = format!(r#"{{"type":"available","pool":"room-{room}"}}"#);
                pair.0.say(&wish).await;
                pair.0.expect("waiting").await;
                pair.1.say(&wish).await;
                pair.0.expect("matched").await;
                pair.1.expect("matched").await;
                pair
            });
        }
        let mut tasks = JoinSet::new();
        for (room, (mut one, mut other)) in pairs.join_all().await.into_iter().enumerate() {
            let heard = heard.clone();
            tasks.spawn(async move {
                let hear = || heard.hear(room);
                tokio::join!(talk(&mut one, rounds, hear), talk(&mut other, rounds, hear));
                (one, other)
            });
        }
        Talk { tasks, heard, total: 2 * rounds }
    }

    /// Waits until so many messages have arrived.
    async fn reach(&self, count: usize) {
        self.heard.reach(count).await;
    }

    /// Waits until every room has heard more than was still on its way to the clients.
    async fn go_on(&self) {
        self.heard.go_on(3, self.total).await;
    }

    /// Waits for the end of all talks; then nothing else has been said.
    async fn end(self) {
        for (mut one, mut other) in self.tasks.join_all().await {
            one.hears_nothing().await;
            other.hears_nothing().await;
        }
    }
}

async fn talk(client: &mut Client, rounds: usize, hear: impl Fn()) {
    for round in 0..rounds {
        client.say(&format!(r#"{{"type":"ice","candidate":"{round}"}}"#)).await;
        let message = client.expect("ice").await;
        assert_eq!(message["candidate"], round.to_string(), "lost, repeated or out of order");
        hear();
    }
}

/// A matchmaker and two gateways that take any rate of messages.
fn start() -> (Deployment, Duet) {
    let unlimited = ["--message-rate", "0"];
    let duet = Deployment::with(Shape::TwoProcesses, &unlimited, &[]);
    let url = format!("http://{}", duet.matchmaker);
    let other = Duet::start(&[&["gateway", "--matchmaker-url", &url], GATEWAY, &unlimited[..]].concat());
    (duet, other)
}

#[tokio::test]
async fn everything_goes_on_over_a_killed_and_restarted_matchmaker() {
    const ROOMS: usize = 1000;
    const WAITERS: usize = 200;
    let (mut duet, other) = start();
    let mut waiters = Vec::new();
    for number in 0..WAITERS {
        let mut waiter = Client::connect(&duet.gateway).await;
        waiter.say(&format!(r#"{{"type":"available","pool":"waiter-{number}"}}"#)).await;
        waiter.expect("waiting").await;
        waiters.push(waiter);
    }
    let talk = Talk::start(&duet.gateway, &other.address("WebSocket"), ROOMS, 40).await;
    talk.reach(ROOMS * 10).await;
    drop(duet.processes.remove(0));
    let _matchmaker = Duet::start(&["matchmaker", "--grpc-listen", &duet.matchmaker]);
    let restarted = Instant::now();
    talk.go_on().await;
    println!("{ROOMS} rooms went on {:?} after the matchmaker was back", restarted.elapsed());
    talk.end().await;
    for (number, waiter) in waiters.iter_mut().enumerate() {
        assert_eq!(waiter.expect("waiting").await["pool"], format!("waiter-{number}"));
        waiter.hears_nothing().await;
    }
    let mut comer = Client::connect(&other.address("WebSocket")).await;
    comer.say(r#"{"type":"available","pool":"waiter-7"}"#).await;
    assert_eq!(comer.expect("matched").await["partnerId"], waiters[7].id);
}

#[tokio::test]
async fn everything_goes_on_over_a_frozen_matchmaker() {
    const ROOMS: usize = 100;
    let (duet, other) = start();
    let talk = Talk::start(&duet.gateway, &other.address("WebSocket"), ROOMS, 40).await;
    for quarter in 1..=3 {
        talk.reach(ROOMS * 20 * quarter).await;
        duet.processes[0].signal("STOP");
        // Something that takes its time, and needs nothing of the matchmaker.
        for _ in 0..100 {
            Client::connect(&duet.gateway).await;
        }
        duet.processes[0].signal("CONT");
    }
    talk.end().await;
}

#[tokio::test]
async fn partners_on_a_killed_gateway_are_given_up_after_a_grace_and_who_is_left_keeps_the_place() {
    let (duet, other) = start();
    let (mut here, _there, _) = pair_across(&duet.gateway, &other.address("WebSocket")).await;
    drop(other);
    let left = here.expect("partner-left").await;
    assert_eq!((left["reason"].as_str(), left["requeued"].as_bool()), (Some("disconnected"), Some(true)));
    assert_eq!(here.expect("waiting").await["position"], 1);
}
