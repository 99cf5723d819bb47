//! The tests themselves. They change the packet filter, so they refuse to run anywhere but where their parents in `vanishing.rs`
//! put them.

use std::env;
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use crate::client::{Client, pause};
use crate::disasters::{Calls, Mesh};
use crate::http::get;
use crate::phone::Phone;

/// Set by who has made the namespace.
pub(super) const ALLOWED: &str = "DUET_TEST_MAY_DROP_PACKETS";

/// Packets that meet a rule while this lives.
struct Filter {
    rules: Vec<Vec<String>>,
}

impl Filter {
    /// Each rule as after `iptables -A INPUT -p tcp`.
    fn new(rules: &[String]) -> Self {
        assert!(env::var_os(ALLOWED).is_some(), "this is for a network namespace of its own");
        let rules: Vec<Vec<String>> = rules.iter().map(|rule| rule.split(' ').map(str::to_owned).collect()).collect();
        for rule in &rules {
            iptables("-A", rule);
        }
        Filter { rules }
    }
}

impl Drop for Filter {
    fn drop(&mut self) {
        for rule in &self.rules {
            iptables("-D", rule);
        }
    }
}

fn iptables(change: &str, rule: &[String]) {
    let status = Command::new("iptables").args(["-w", change, "INPUT", "-p", "tcp"]).args(rule).status();
    assert!(status.expect("iptables is installed").success(), "{rule:?}");
}

/// What comes from a port, and what goes to it.
fn both_ways(port: &str, then: &str) -> [String; 2] {
    [format!("--sport {port} {then}"), format!("--dport {port} {then}")]
}

fn port(address: &str) -> &str {
    address.rsplit(':').next().unwrap()
}

/// Scaled down: 25 s, 10 s, 2 s and 5 s otherwise.
const CLIENT_PINGS: [&str; 4] = ["--ping-interval-ms", "500", "--pong-timeout-ms", "500"];
const LINK_PINGS: [&str; 4] = ["--link-ping-interval-ms", "500", "--link-ping-timeout-ms", "500"];

#[tokio::test]
#[ignore = "runs in a network of its own"]
async fn a_client_that_vanishes_is_noticed_by_its_silence() {
    let mesh = Mesh::start(&CLIENT_PINGS, &[]);
    let [one, other] = &mesh.gateways;
    let mut phone = Phone::connect(&[one, other]).await;
    phone.say(json!({"type": "available"})).await;
    phone.expect("waiting").await;
    let mut partner = Phone::connect(&[other]).await;
    partner.say(json!({"type": "available"})).await;
    partner.expect("matched").await;
    phone.expect("matched").await;

    let mut base = Client::connect(one).await;
    base.say(r#"{"type":"available","pool":"base"}"#).await;
    base.expect("waiting").await;
    let mut left_over = Phone::connect(&[other]).await;
    left_over.say(json!({"type": "available", "pool": "base"})).await;
    left_over.expect("matched").await;

    let vanished = [phone.port(), base.port()].map(|port| both_ways(&port.to_string(), "-j DROP")).concat();
    let filter = Filter::new(&vanished);
    // Something is on its way to both.
    for _ in 0..10 {
        partner.say(json!({"type": "ice", "candidate": "to nowhere"})).await;
        left_over.say(json!({"type": "ice", "candidate": "to nowhere"})).await;
    }
    assert_eq!(left_over.expect("partner-left").await["reason"], "disconnected");
    assert_eq!(partner.read().await.unwrap()["type"], "partner-away");
    // The phone finds another way while the old one is still dead.
    phone.lose_connection().await;
    for _ in 0..10 {
        assert_eq!(phone.expect("ice").await["candidate"], "to nowhere");
    }
    drop(filter);
    phone.say(json!({"type": "ice", "candidate": "back"})).await;
    partner.handled += 1;
    assert_eq!(partner.expect("ice").await["candidate"], "back");
}

/// Both ends of the link have noticed.
async fn link_is_given_up(mesh: &Mesh) {
    for gateway in &mesh.gateways {
        while get(gateway, "/readyz").await.status == 200 {
            pause(Duration::from_millis(20)).await;
        }
    }
}

async fn calls_survive(what: &str, rules: &dyn Fn(&str) -> Vec<String>) {
    let mesh = Mesh::start(&LINK_PINGS, &LINK_PINGS);
    let calls = Calls::start(mesh.pairs(50).await).await;
    let filter = Filter::new(&rules(port(&mesh.matchmaker)));
    link_is_given_up(&mesh).await;
    drop(filter);
    let recovered = calls.recover().await;
    calls.end(what, recovered).await;
}

#[tokio::test]
#[ignore = "runs in a network of its own"]
async fn a_link_that_carries_nothing_is_given_up_and_made_again() {
    calls_survive("no packet between gateways and matchmaker", &|port| both_ways(port, "-j DROP").to_vec()).await;
}

#[tokio::test]
#[ignore = "runs in a network of its own"]
async fn a_link_that_carries_only_one_way_is_given_up_and_made_again() {
    calls_survive("no packet to the matchmaker", &|port| vec![format!("--dport {port} -j DROP")]).await;
    calls_survive("no packet from the matchmaker", &|port| vec![format!("--sport {port} -j DROP")]).await;
}

#[tokio::test]
#[ignore = "runs in a network of its own"]
async fn a_link_that_is_refused_is_tried_again_until_it_is_not() {
    let reset = "-j REJECT --reject-with tcp-reset";
    calls_survive("matchmaker's port resets", &|port| vec![format!("--dport {port} {reset}")]).await;
}

#[tokio::test]
#[ignore = "runs in a network of its own"]
async fn networks_that_lose_packets_lose_no_messages() {
    let lossy = "-m statistic --mode random --probability 0.03 -j DROP";
    let mesh = Mesh::start(&[], &[]);
    let calls = Calls::start(mesh.pairs(30).await).await;
    let ports = [&mesh.matchmaker, &mesh.gateways[0], &mesh.gateways[1]].map(|address| port(address));
    let filter = Filter::new(&ports.map(|port| both_ways(port, lossy)).concat());
    for _ in 0..3 {
        calls.go_on().await;
    }
    drop(filter);
    let recovered = calls.recover().await;
    calls.end("3 % of all packets lost", recovered).await;
}
