//! Processes that are killed, frozen, drained and replaced while calls go on, and a checker that knows every message sent. Each
//! test prints a row of the table in docs/operations.md:
//!
//! `cargo test -p duet --test e2e disasters -- --nocapture --test-threads 1`
//!
//! With `DUET_LONG=1`, as `./run-tests --long` sets it, what is scaled down here takes its full time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use duet_proto::v1::GetStatsRequest;
use duet_proto::v1::matchmaker_client::MatchmakerClient;
use serde_json::json;
use tokio::task::JoinSet;

use crate::client::pause;
use crate::heard::Heard;
use crate::phone::Phone;
use crate::process::{Deployment, Duet, GATEWAY, Shape, scaled};
pub(crate) use party::Party;
use party::Verdict;

mod party;

/// Rooms whose two sides talk all the time.
pub(crate) struct Calls {
    talks: JoinSet<Verdict>,
    heard: Arc<Heard>,
    is_over: Arc<AtomicBool>,
}

impl Calls {
    /// Lets every pair meet and talk.
    pub(crate) async fn start(pairs: Vec<(Party, Party)>) -> Self {
        let heard = Arc::new(Heard::new(pairs.len()));
        let is_over = Arc::new(AtomicBool::new(false));
        let mut talks = JoinSet::new();
        for (room, (mut one, mut other)) in pairs.into_iter().enumerate() {
            let (heard, is_over) = (heard.clone(), is_over.clone());
            talks.spawn(async move {
                party::meet(&mut one, &mut other, room).await;
                let hear = || heard.hear(room);
                let (one, other) = tokio::join!(one.talk(&is_over, hear), other.talk(&is_over, hear));
                one + other
            });
        }
        let calls = Calls { talks, heard, is_over };
        calls.go_on().await;
        calls
    }

    /// Waits until every room has heard more than was still on its way to the clients.
    pub(crate) async fn go_on(&self) {
        self.heard.go_on(10, usize::MAX).await;
    }

    /// The same, and how long it took.
    pub(crate) async fn recover(&self) -> Duration {
        let lost = Instant::now();
        self.go_on().await;
        lost.elapsed()
    }

    /// Lets everybody finish, prints the row, and wants nothing lost.
    pub(crate) async fn end(self, what: &str, recovered: Duration) {
        self.is_over.store(true, Ordering::Relaxed);
        let rooms = self.heard.rooms();
        let verdict = self.talks.join_all().await.into_iter().fold(Verdict::default(), |sum, room| sum + room);
        let Verdict { sent, lost, repeated, reordered } = verdict;
        println!(
            "| {what} | {rooms} | {sent} | {lost} | {repeated} | {reordered} | {:.1} s |",
            recovered.as_secs_f64()
        );
        assert_eq!((lost, repeated, reordered), (0, 0, 0), "lost, repeated, out of order");
    }
}

/// A matchmaker and two gateways on ports that they can be started on again.
pub(crate) struct Mesh {
    pub(crate) matchmaker: String,
    pub(crate) gateways: [String; 2],
    flags: Vec<String>,
    /// The matchmaker first.
    processes: Vec<Option<Duet>>,
}

impl Mesh {
    pub(crate) fn start(gateway_flags: &[&str], matchmaker_flags: &[&str]) -> Self {
        let flags = [&["--message-rate", "0", "--drain-spread-ms", "2000"], gateway_flags].concat();
        let duet = Deployment::with(Shape::TwoProcesses, &flags, matchmaker_flags);
        let url = format!("http://{}", duet.matchmaker);
        let other = Duet::start(&[&["gateway", "--matchmaker-url", &url], GATEWAY, &flags].concat());
        let gateways = [duet.gateway, other.address("WebSocket")];
        let processes = duet.processes.into_iter().chain([other]).map(Some).collect();
        let flags = flags.into_iter().map(str::to_owned).collect();
        Mesh { matchmaker: duet.matchmaker, gateways, flags, processes }
    }

    /// A phone on the one gateway that may come back on either.
    async fn phone(&self, gateway: usize) -> Party {
        Party::Phone(Phone::connect(&[&self.gateways[gateway], &self.gateways[1 - gateway]]).await)
    }

    /// So many pairs of phones, one on each gateway.
    pub(crate) async fn pairs(&self, count: usize) -> Vec<(Party, Party)> {
        let mut pairs = Vec::with_capacity(count);
        for _ in 0..count {
            pairs.push((self.phone(0).await, self.phone(1).await));
        }
        pairs
    }

    fn process(&self, index: usize) -> &Duet {
        self.processes[index].as_ref().unwrap()
    }

    /// Ends a process in order, and starts it again where it was.
    fn replace(&mut self, index: usize) {
        let process = self.processes[index].take().unwrap();
        process.signal("TERM");
        let (status, log) = process.ended();
        assert_eq!(status.code(), Some(0), "{log}");
        self.restart(index);
    }

    fn restart(&mut self, index: usize) {
        let flags: Vec<&str> = self.flags.iter().map(String::as_str).collect();
        let url = format!("http://{}", self.matchmaker);
        self.processes[index] = Some(match index {
            0 => Duet::start(&["matchmaker", "--grpc-listen", &self.matchmaker]),
            _ => {
                let port = self.gateways[index - 1].rsplit(':').next().unwrap();
                let fixed = ["gateway", "--matchmaker-url", &url, "--listen-address", "127.0.0.1", "--port", port];
                Duet::start(&[&fixed, &flags[..]].concat())
            }
        });
    }
}

#[tokio::test]
async fn the_matchmaker_is_killed_and_started_again() {
    let mut mesh = Mesh::start(&[], &[]);
    let calls = Calls::start(mesh.pairs(300).await).await;
    drop(mesh.processes[0].take());
    mesh.restart(0);
    let recovered = calls.recover().await;
    calls.end("matchmaker killed, started again", recovered).await;
}

#[tokio::test]
async fn a_gateway_is_killed_and_its_phones_go_on_over_the_other() {
    let mut mesh = Mesh::start(&[], &[]);
    let mut pairs = mesh.pairs(200).await;
    for _ in 0..50 {
        pairs.push((mesh.phone(1).await, mesh.phone(1).await));
        pairs.push((Party::base(&mesh.gateways[0]).await, mesh.phone(1).await));
    }
    let mut waiter = Phone::connect(&[&mesh.gateways[1], &mesh.gateways[0]]).await;
    waiter.say(json!({"type": "available", "pool": "waiting"})).await;
    waiter.expect("waiting").await;
    let calls = Calls::start(pairs).await;
    drop(mesh.processes[2].take());
    let recovered = calls.recover().await;
    calls.end("gateway killed", recovered).await;
    waiter.resume().await;
    let mut comer = Phone::connect(&[&mesh.gateways[0]]).await;
    comer.say(json!({"type": "available", "pool": "waiting"})).await;
    assert_eq!(comer.expect("matched").await["partnerId"], waiter.id, "a waiter keeps its place");
}

#[tokio::test]
async fn a_gateway_drains_and_its_phones_go_on_over_the_other() {
    let mut mesh = Mesh::start(&[], &[]);
    let calls = Calls::start(mesh.pairs(300).await).await;
    mesh.process(2).signal("TERM");
    let (status, log) = mesh.processes[2].take().unwrap().ended();
    assert_eq!(status.code(), Some(0), "{log}");
    let recovered = calls.recover().await;
    calls.end("gateway drained (SIGTERM)", recovered).await;
}

#[tokio::test]
async fn a_gateway_freezes_and_its_phones_notice_and_go_on_over_the_other() {
    let mesh = Mesh::start(&[], &[]);
    let mut pairs = mesh.pairs(100).await;
    for (one, other) in &mut pairs {
        one.notices_after(Duration::from_millis(500));
        other.notices_after(Duration::from_millis(500));
    }
    let calls = Calls::start(pairs).await;
    mesh.process(2).signal("STOP");
    let recovered = calls.recover().await;
    // What the frozen one still has for its clients is old, and its sessions live elsewhere.
    mesh.process(2).signal("CONT");
    calls.go_on().await;
    calls.end("gateway frozen (SIGSTOP), clients that ask after 0.5 s", recovered).await;
}

#[tokio::test]
async fn the_matchmaker_freezes_and_the_calls_go_on_when_it_thaws() {
    // Scaled down: a dead link is found after 7 s otherwise.
    let pings = ["--link-ping-interval-ms", "300", "--link-ping-timeout-ms", "300"];
    let mesh = Mesh::start(&pings, &pings);
    let calls = Calls::start(mesh.pairs(100).await).await;
    mesh.process(0).signal("STOP");
    // Both gateways find out by themselves.
    for gateway in &mesh.gateways {
        while crate::http::get(gateway, "/readyz").await.status == 200 {
            pause(Duration::from_millis(20)).await;
        }
    }
    mesh.process(0).signal("CONT");
    let recovered = calls.recover().await;
    calls.end("matchmaker frozen until its links were given up", recovered).await;
}

#[tokio::test]
async fn everything_is_replaced_one_after_the_other_under_load() {
    let mut mesh = Mesh::start(&[], &[]);
    let calls = Calls::start(mesh.pairs(200).await).await;
    let begun = Instant::now();
    for index in [1, 2, 0] {
        mesh.replace(index);
        calls.go_on().await;
    }
    let took = begun.elapsed();
    calls.end("rolling restart of two gateways and the matchmaker (in all)", took).await;
}

#[tokio::test]
async fn a_long_outage_of_the_matchmaker_pauses_the_calls_and_loses_nothing() {
    let mut mesh = Mesh::start(&["--unavailable-after-ms", "500"], &[]);
    let calls = Calls::start(mesh.pairs(50).await).await;
    drop(mesh.processes[0].take());
    // As long as nobody is there, it makes no difference how long it is, and that is what is shown.
    pause(scaled(Duration::from_secs(600), Duration::from_secs(4))).await;
    mesh.restart(0);
    let recovered = calls.recover().await;
    calls.end("matchmaker away for long", recovered).await;
}

#[tokio::test]
async fn a_soak_in_which_one_disaster_follows_the_other_leaves_nothing_behind() {
    let mut mesh = Mesh::start(&["--resume-window-ms", "10000"], &[]);
    let calls = Calls::start(mesh.pairs(100).await).await;
    let end = Instant::now() + scaled(Duration::from_secs(600), Duration::from_secs(8));
    let mut recovered = Duration::ZERO;
    for disaster in 0.. {
        let lost = Instant::now();
        match disaster % 4 {
            0 | 2 => {
                let gateway = 1 + disaster / 2 % 2;
                drop(mesh.processes[gateway].take());
                mesh.restart(gateway);
            }
            1 => {
                drop(mesh.processes[0].take());
                mesh.restart(0);
            }
            _ => mesh.replace(1 + disaster / 4 % 2),
        }
        calls.go_on().await;
        recovered = recovered.max(lost.elapsed());
        // The next one comes when the matchmaker has recovered from this one: two at once may cost a session.
        pause(scaled(Duration::from_secs(15), Duration::from_secs(1))).await;
        if Instant::now() > end {
            break;
        }
    }
    calls.end("soak: a disaster after the other", recovered).await;
    // The windows of the phones, which have hung up without a word, pass; then nobody is left.
    let mut query = MatchmakerClient::connect(format!("http://{}", mesh.matchmaker)).await.unwrap();
    loop {
        let stats = query.get_stats(GetStatsRequest {}).await.unwrap().into_inner();
        if (stats.sessions, stats.waiting, stats.rooms) == (0, 0, 0) {
            break;
        }
        pause(Duration::from_millis(50)).await;
    }
}
