//! The end of a process: clients are told, partners are told, nothing hangs.

use std::process::ExitStatus;

use serde_json::json;

use crate::client::{Client, pair, pair_across};
use crate::phone::Phone;
use crate::process::{Deployment, Duet, GATEWAY, SHAPES, Shape};

fn assert_fine(status: ExitStatus, log: &str) {
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(!log.contains("panicked") && !log.contains("ERROR"), "{log}");
}

#[tokio::test]
async fn a_signal_sends_clients_away_and_ends_with_0() {
    for shape in SHAPES {
        for signal in ["TERM", "INT"] {
            let mut duet = Deployment::start(shape);
            let (mut waiter, mut comer, _) = pair(&duet.gateway).await;
            let mut idle = Client::connect(&duet.gateway).await;
            duet.gateway_process().signal(signal);
            assert!(idle.expect("going-away").await["reconnectInMs"].is_u64());
            for client in [&mut waiter, &mut comer, &mut idle] {
                assert_eq!(u16::from(client.closed().await.code), 1012);
            }
            let (status, log) = duet.processes.pop().unwrap().ended();
            assert_fine(status, &log);
        }
    }
}

#[tokio::test]
async fn partners_on_another_gateway_are_told_and_requeued() {
    let mut duet = Deployment::start(Shape::TwoProcesses);
    let url = format!("http://{}", duet.matchmaker);
    let other = Duet::start(&[&["gateway", "--matchmaker-url", &url], GATEWAY].concat());
    let (_here, mut there, _) = pair_across(&duet.gateway, &other.address("WebSocket")).await;
    duet.gateway_process().signal("TERM");
    let left = there.expect("partner-left").await;
    assert_eq!((left["reason"].as_str(), left["requeued"].as_bool()), (Some("disconnected"), Some(true)));
    there.expect("waiting").await;
}

#[tokio::test]
async fn while_draining_it_is_alive_but_not_ready_and_takes_nobody() {
    let mut duet =
        Deployment::with(Shape::Standalone, &["--drain-spread-ms", "60000", "--drain-limit-ms", "86400000"], &[]);
    // With this many the first closes at once and the last only after a second: long enough to look around.
    let mut clients = Vec::new();
    for _ in 0..200 {
        clients.push(Client::connect(&duet.gateway).await);
    }
    duet.gateway_process().signal("TERM");
    let mut last = clients.pop().unwrap();
    last.expect("going-away").await;
    let gateway = &duet.gateway;
    assert_eq!(crate::http::get(gateway, "/healthz").await.status, 200);
    let ready = crate::http::get(gateway, "/readyz").await;
    assert_eq!(ready.status, 503);
    assert!(ready.body.contains("draining"), "{}", ready.body);
    let check = crate::http::get(gateway, "/ws/check").await;
    assert_eq!((check.status, check.header("retry-after")), (503, Some("1")));
    assert_eq!(u16::from(last.closed().await.code), 1012);
}

#[tokio::test]
async fn the_drain_limit_and_a_second_signal_end_it_hard() {
    for second_signal in [false, true] {
        let limit = if second_signal { "86400000" } else { "100" };
        let flags = ["--drain-spread-ms", "86400000", "--drain-limit-ms", limit];
        let mut duet = Deployment::with(Shape::Standalone, &flags, &[]);
        let mut clients = Vec::new();
        for _ in 0..500 {
            clients.push(Client::connect(&duet.gateway).await);
        }
        duet.gateway_process().signal("TERM");
        clients[499].expect("going-away").await;
        if second_signal {
            duet.gateway_process().signal("INT");
        }
        let (status, log) = duet.processes.pop().unwrap().ended();
        assert_fine(status, &log);
        assert!(log.contains("what is left is dropped"), "{log}");
    }
}

#[tokio::test]
async fn processes_that_log_nothing_do_all_the_same() {
    let silent = [("RUST_LOG", "off")];
    let matchmaker = Duet::start_with(&["matchmaker", "--grpc-listen", "127.0.0.1:0"], &silent);
    let url = format!("http://{}", matchmaker.address("gRPC"));
    let gateway = Duet::start_with(&[&["gateway", "--matchmaker-url", &url], GATEWAY].concat(), &silent);
    pair(&gateway.address("WebSocket")).await;
    for process in [gateway, matchmaker] {
        process.signal("TERM");
        let (status, log) = process.ended();
        assert_eq!((status.code(), &*log), (Some(0), ""));
    }
}

#[tokio::test]
async fn nothing_that_clients_say_reaches_a_log_however_much_is_logged() {
    let everything = [("RUST_LOG", "trace,tungstenite::protocol=trace")];
    let matchmaker = Duet::start_with(&["matchmaker", "--grpc-listen", "127.0.0.1:0"], &everything);
    let url = format!("http://{}", matchmaker.address("gRPC"));
    let gateway = Duet::start_with(&[&["gateway", "--matchmaker-url", &url], GATEWAY].concat(), &everything);
    let (mut waiter, mut comer, _) = pair(&gateway.address("WebSocket")).await;
    comer.say(r#"{"type":"auth","userId":"ann","token":"SECRET-token"}"#).await;
    comer.expect("authenticated").await;
    comer.say(r#"{"type":"offer","sdp":"SECRET-sdp"}"#).await;
    waiter.expect("offer").await;
    comer.say(r#"{"type":"nonsense","SECRET-name":1}"#).await;
    comer.refused("unknown-type").await;
    let mut phone = Phone::connect(&[&gateway.address("WebSocket")]).await;
    let first = phone.token.clone();
    phone.lose_connection().await;
    let secrets = ["SECRET", &first, &phone.token];
    for process in [gateway, matchmaker] {
        process.signal("TERM");
        let (_, log) = process.ended();
        assert!(log.contains("TRACE"), "much is logged");
        let leak = log.lines().find(|line| secrets.iter().any(|secret| line.contains(secret)));
        assert_eq!(leak, None);
    }
}

#[tokio::test]
async fn a_matchmaker_ends_its_links_and_itself() {
    let mut duet = Deployment::start(Shape::TwoProcesses);
    let mut client = Client::connect(&duet.gateway).await;
    client.available().await;
    client.expect("waiting").await;
    let matchmaker = duet.processes.remove(0);
    matchmaker.signal("TERM");
    let (status, log) = matchmaker.ended();
    assert_fine(status, &log);
    client.hears_nothing().await;
    assert!(duet.gateway_process().is_running());
}

#[tokio::test]
async fn a_matchmaker_that_ends_waits_for_clients_whose_gateway_has_died() {
    let mut duet = Deployment::with(Shape::TwoProcesses, &["--workers", "1"], &[]);
    let url = format!("http://{}", duet.matchmaker);
    let other = Duet::start(&[&["gateway", "--matchmaker-url", &url], GATEWAY].concat());
    let mut phone = Phone::connect(&[&duet.gateway, &other.address("WebSocket")]).await;
    phone.say(json!({"type": "available"})).await;
    phone.expect("waiting").await;
    drop(duet.processes.remove(1));
    // A matchmaker that is told to end first would know of nobody to wait for.
    duet.processes[0].logged(&["link down"]).await;
    duet.processes[0].signal("TERM");
    phone.resume().await;
    let (status, log) = duet.processes.remove(0).ended();
    assert_fine(status, &log);
    // The other gateway tells the next matchmaker.
    let _matchmaker = Duet::start(&["matchmaker", "--grpc-listen", &duet.matchmaker]);
    let mut comer = Client::connect(&other.address("WebSocket")).await;
    comer.available().await;
    // It may be quicker than the announcement.
    let mut answer = comer.hear().await;
    while answer["type"] == "waiting" {
        answer = comer.hear().await;
    }
    assert_eq!(answer["partnerId"], phone.id);
}
