//! A gateway and a matchmaker on one host, linked over a Unix socket.

use std::path::PathBuf;

use crate::client::{Client, pair};
use crate::process::{Duet, GATEWAY};

/// A path for a socket that nothing stands at.
fn free_path(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("duet-test-{}-{name}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    path
}

fn matchmaker(path: &str) -> Duet {
    Duet::start(&["matchmaker", "--grpc-listen", "127.0.0.1:0", "--grpc-socket", path])
}

#[tokio::test]
async fn two_meet_and_their_room_outlives_a_killed_matchmaker() {
    let path = free_path("killed");
    let path = path.to_str().unwrap();
    let killed = matchmaker(path);
    let url = format!("unix:{path}");
    let gateway = Duet::start(&[&["gateway", "--matchmaker-url", &url], GATEWAY].concat());
    let (mut waiter, mut comer, _) = pair(&gateway.address("WebSocket")).await;
    comer.say(r#"{"type":"ice","candidate":"before"}"#).await;
    waiter.expect("ice").await;

    drop(killed);
    assert!(std::fs::exists(path).unwrap(), "a killed process leaves its socket");
    comer.say(r#"{"type":"ice","candidate":"while it is away"}"#).await;
    let ended = matchmaker(path);
    assert_eq!(waiter.expect("ice").await["candidate"], "while it is away");

    ended.signal("TERM");
    assert!(ended.ended().0.success());
    assert!(!std::fs::exists(path).unwrap(), "one that ends in order does not");
}

#[tokio::test]
async fn a_socket_that_somebody_serves_is_not_taken_from_them() {
    let path = free_path("taken");
    let path = path.to_str().unwrap();
    let _first = matchmaker(path);
    let (status, _, stderr) =
        crate::process::run(&["matchmaker", "--grpc-listen", "127.0.0.1:0", "--grpc-socket", path], &[]);
    assert_ne!(status, Some(0));
    assert!(stderr.contains("GRPC_SOCKET"), "{stderr}");
    let url = format!("unix://{path}");
    let gateway = Duet::start(&[&["gateway", "--matchmaker-url", &url], GATEWAY].concat());
    let mut client = Client::connect(&gateway.address("WebSocket")).await;
    client.available().await;
}
