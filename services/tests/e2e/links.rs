//! A matchmaker that is away: sockets stay open, wishes wait, and all goes on by itself when it is back.

use tokio::time::timeout;

use crate::client::{Client, PATIENCE, pair, pair_across};
use crate::http::get;
use crate::process::{Deployment, Duet, GATEWAY, Shape};

/// The matchmaker again, where it was.
fn restart(address: &str) -> Duet {
    Duet::start(&["matchmaker", "--grpc-listen", address])
}

#[tokio::test]
async fn waiters_keep_their_place_over_a_killed_matchmaker() {
    let mut duet = Deployment::start(Shape::TwoProcesses);
    let mut waiters = Vec::new();
    for pool in ["a", "b", "c"] {
        let mut waiter = Client::connect(&duet.gateway).await;
        waiter.say(&format!(r#"{{"type":"available","pool":"{pool}"}}"#)).await;
        waiter.expect("waiting").await;
        waiters.push(waiter);
    }
    drop(duet.processes.remove(0));
    let mut comer = Client::connect(&duet.gateway).await;
    comer.hears_nothing().await;
    let _matchmaker = restart(&duet.matchmaker);
    for (waiter, pool) in waiters.iter_mut().zip(["a", "b", "c"]) {
        assert_eq!(waiter.expect("waiting").await["pool"], pool);
    }
    comer.say(r#"{"type":"available","pool":"b"}"#).await;
    assert_eq!(comer.expect("matched").await["partnerId"], waiters[1].id);
    waiters[1].expect("matched").await;
}

#[tokio::test]
async fn what_is_said_while_the_matchmaker_is_away_arrives_when_it_is_back() {
    let mut duet = Deployment::start(Shape::TwoProcesses);
    let (mut waiter, mut comer, _) = pair(&duet.gateway).await;
    comer.say(r#"{"type":"ice","candidate":"before"}"#).await;
    waiter.expect("ice").await;
    drop(duet.processes.remove(0));
    for text in ["one", "two", "three"] {
        comer.say(&format!(r#"{{"type":"ice","candidate":"{text}"}}"#)).await;
    }
    comer.hears_nothing().await;
    let _matchmaker = restart(&duet.matchmaker);
    for text in ["one", "two", "three"] {
        assert_eq!(waiter.expect("ice").await["candidate"], text);
    }
    waiter.hears_nothing().await;
    waiter.say(r#"{"type":"leave"}"#).await;
    comer.expect("partner-left").await;
}

#[tokio::test]
async fn who_leaves_or_goes_while_the_matchmaker_is_away_has_the_last_word() {
    for (ends, reason) in [(false, "left"), (true, "disconnected")] {
        let mut duet = Deployment::start(Shape::TwoProcesses);
        let (mut waiter, mut comer, _) = pair(&duet.gateway).await;
        drop(duet.processes.remove(0));
        comer.say(r#"{"type":"ice","candidate":"last"}"#).await;
        if ends {
            comer.close(1000).await;
        } else {
            comer.say(r#"{"type":"leave"}"#).await;
            comer.hears_nothing().await;
        }
        let _matchmaker = restart(&duet.matchmaker);
        assert_eq!(waiter.expect("ice").await["candidate"], "last");
        assert_eq!(waiter.expect("partner-left").await["reason"], reason);
    }
}

#[tokio::test]
async fn a_room_whose_other_side_never_comes_back_ends() {
    let mut duet = Deployment::start(Shape::TwoProcesses);
    let url = format!("http://{}", duet.matchmaker);
    let other = Duet::start(&[&["gateway", "--matchmaker-url", &url], GATEWAY].concat());
    let (mut here, _there, _) = pair_across(&duet.gateway, &other.address("WebSocket")).await;
    drop(other);
    drop(duet.processes.remove(0));
    let _matchmaker = restart(&duet.matchmaker);
    assert_eq!(here.expect("partner-left").await["requeued"], true);
    here.expect("waiting").await;
}

#[tokio::test]
async fn a_wish_waits_for_the_matchmaker_and_is_then_refused() {
    let url = "http://127.0.0.1:9"; // Nobody listens on the discard port.
    let flags = [&["gateway", "--matchmaker-url", url, "--unavailable-after-ms", "300"], GATEWAY].concat();
    let gateway = Duet::start(&flags);
    let address = gateway.address("WebSocket");
    let mut client = Client::connect(&address).await;
    client.available().await;
    assert!(client.refused("unavailable").await["retryAfterMs"].is_u64());
    client.available().await;
    client.refused("unavailable").await;
    client.say(r#"{"type":"leave"}"#).await;
    client.hears_nothing().await;
    let ready = get(&address, "/readyz").await;
    assert_eq!(ready.status, 503);
    assert!(ready.body.contains("matchmaker"), "{}", ready.body);
    assert_eq!(get(&address, "/healthz").await.status, 200);
}

#[tokio::test]
async fn upgrades_are_refused_when_the_matchmaker_is_away_for_too_long() {
    let flags =
        [&["gateway", "--matchmaker-url", "http://127.0.0.1:9", "--matchmaker-grace-ms", "0"], GATEWAY].concat();
    let gateway = Duet::start(&flags);
    let check = get(&gateway.address("WebSocket"), "/ws/check").await;
    assert_eq!((check.status, check.header("retry-after")), (503, Some("1")));
    assert!(check.body.contains("unavailable"), "{}", check.body);
}

#[tokio::test]
async fn a_matchmaker_that_accepts_and_never_answers_is_tried_again() {
    let mute = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", mute.local_addr().unwrap());
    let flags = ["gateway", "--matchmaker-url", &url, "--workers", "1", "--unavailable-after-ms", "300"];
    let gateway = Duet::start(&[&flags, GATEWAY].concat());
    let _first = mute.accept().await.unwrap();
    let mut client = Client::connect(&gateway.address("WebSocket")).await;
    client.available().await;
    client.refused("unavailable").await;
    timeout(PATIENCE, mute.accept()).await.expect("given up on").unwrap();
}

#[tokio::test]
async fn what_is_more_than_a_link_holds_ends_the_heaviest_sessions_and_no_others() {
    let duet = Deployment::with(Shape::TwoProcesses, &["--message-rate", "0", "--workers", "1"], &[]);
    let (mut quiet, mut partner, _) = pair(&duet.gateway).await;
    let mut flooders = Vec::new();
    for _ in 0..15 {
        let (one, other, _) = pair(&duet.gateway).await;
        flooders.extend([one, other]);
    }
    duet.processes[0].signal("STOP");
    quiet.say(r#"{"type":"ice","candidate":"quiet"}"#).await;
    let large = format!(r#"{{"type":"offer","sdp":"{}"}}"#, "x".repeat(60_000));
    let floods = flooders.into_iter().map(|mut flooder| {
        let large = large.clone();
        async move {
            for _ in 0..17 {
                flooder.say(&large).await;
            }
            flooder
        }
    });
    let mut flooders = futures_util::future::join_all(floods).await;
    // Those that are heaviest are sent away while the matchmaker still stands still.
    let closed =
        futures_util::future::select_all(flooders.iter_mut().map(|flooder| Box::pin(flooder.closed()))).await.0;
    assert_eq!(u16::from(closed.code), 1008);
    duet.processes[0].signal("CONT");
    assert_eq!(partner.expect("ice").await["candidate"], "quiet");
    partner.say(r#"{"type":"ice","candidate":"back"}"#).await;
    assert_eq!(quiet.expect("ice").await["candidate"], "back");
}
