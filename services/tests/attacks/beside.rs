//! What stands beside an attack and must not suffer: a pair that talks, in order, nothing lost; liveness; and the process itself, of
//! which nothing may be left over when the attack has ended.

use std::fs;
use std::time::Duration;

use futures_util::future::join;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use crate::client::{Client, PATIENCE, pair, pause};
use crate::process::{Duet, GATEWAY};
use crate::request::get;

/// A deployment under attack.
pub(crate) struct Beside {
    /// `host:port` of the gateway.
    pub(crate) gateway: String,
    /// `host:port` of the matchmaker's gRPC.
    pub(crate) matchmaker: String,
    processes: Vec<Watched>,
    attack: watch::Sender<Attack>,
    talk: JoinHandle<u64>,
    liveness: JoinHandle<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Attack {
    GoesOn,
    IsOver,
}

/// A process and what it held before the attack.
struct Watched {
    process: Duet,
    descriptors: usize,
    memory: usize,
}

impl Beside {
    /// Gateway and matchmaker in one process, with the defaults.
    pub(crate) async fn start() -> Self {
        Beside::with(&[]).await
    }

    /// With settings, as environment variables.
    pub(crate) async fn with(settings: &[(&str, &str)]) -> Self {
        let flags = [&["standalone", "--grpc-listen", "127.0.0.1:0"], GATEWAY].concat();
        let duet = Duet::start_with(&flags, &environment(settings));
        let (gateway, matchmaker) = (duet.address("WebSocket"), duet.address("gRPC"));
        Beside::watch(gateway, matchmaker, vec![duet]).await
    }

    /// Each in a process of its own, for attacks on what is between them.
    pub(crate) async fn two_processes() -> Self {
        let environment = environment(&[]);
        let matchmaker = Duet::start_with(&["matchmaker", "--grpc-listen", "127.0.0.1:0"], &environment);
        let address = matchmaker.address("gRPC");
        let url = format!("http://{address}");
        let gateway = Duet::start_with(&[&["gateway", "--matchmaker-url", &url], GATEWAY].concat(), &environment);
        Beside::watch(gateway.address("WebSocket"), address, vec![matchmaker, gateway]).await
    }

    /// The same, where nobody is paired without a token, nor two of the same user.
    pub(crate) async fn with_tokens(settings: &[(&str, &str)], tokens: [&str; 2]) -> Self {
        let flags = [&["standalone", "--grpc-listen", "127.0.0.1:0"], GATEWAY].concat();
        let duet = Duet::start_with(&flags, &environment(settings));
        let (gateway, matchmaker) = (duet.address("WebSocket"), duet.address("gRPC"));
        let [mut waiter, mut comer] = [Client::connect(&gateway).await, Client::connect(&gateway).await];
        for (client, token) in [&mut waiter, &mut comer].into_iter().zip(tokens) {
            client.say(&json!({"type": "auth", "token": token}).to_string()).await;
            client.expect("authenticated").await;
        }
        waiter.available().await;
        // On another worker, the other's wish could be first else.
        waiter.expect("waiting").await;
        comer.available().await;
        waiter.expect("matched").await;
        comer.expect("matched").await;
        Beside::watch_pair(waiter, comer, gateway, matchmaker, vec![duet])
    }

    async fn watch(gateway: String, matchmaker: String, processes: Vec<Duet>) -> Self {
        let (waiter, comer, _) = pair(&gateway).await;
        Beside::watch_pair(waiter, comer, gateway, matchmaker, processes)
    }

    fn watch_pair(waiter: Client, comer: Client, gateway: String, matchmaker: String, processes: Vec<Duet>) -> Self {
        let (attack, ends) = watch::channel(Attack::GoesOn);
        let mut processes: Vec<Watched> = processes.into_iter().map(Watched::new).collect();
        // The pair's, who will have gone when this is looked at again.
        processes.last_mut().unwrap().descriptors -= 2;
        let talk = tokio::spawn(keep_talking(waiter, comer, ends.clone()));
        let liveness = tokio::spawn(keep_asking(gateway.clone(), ends));
        Beside { gateway, matchmaker, processes, attack, talk, liveness }
    }

    /// Ends the attack, whose connections the caller has dropped: nothing may be left of it.
    pub(crate) async fn unharmed(self) {
        self.unharmed_but_for(0).await;
    }

    /// The same with so many lines in the log that the attack may have caused. Gives what was logged.
    pub(crate) async fn unharmed_but_for(self, lines: usize) -> String {
        self.attack.send_replace(Attack::IsOver);
        let (said, asked) = timeout(PATIENCE, join(self.talk, self.liveness)).await.expect("the pair hangs");
        assert!(said.unwrap() > 0 && asked.unwrap() > 0, "the attack was over before anybody could suffer from it");
        for process in &self.processes {
            process.returns_to_normal().await;
        }
        let mut logs = String::new();
        // The gateway first: a matchmaker that goes first is worth some lines.
        for Watched { process, .. } in self.processes.into_iter().rev() {
            process.signal("TERM");
            let (status, log) = process.ended();
            assert_eq!(status.code(), Some(0), "{log}");
            assert!(!log.contains("panicked") && !log.contains("ERROR"), "{log}");
            assert!(log.lines().count() <= lines.saturating_add(QUIET_LINES), "a line of log for each message: {log}");
            logs += &log;
        }
        logs
    }
}

impl Watched {
    fn new(process: Duet) -> Self {
        let (descriptors, memory) = (descriptors(process.pid()), memory(process.pid()));
        Watched { process, descriptors, memory }
    }

    /// Descriptors as many as before, memory not much more.
    async fn returns_to_normal(&self) {
        let deadline = Instant::now() + PATIENCE;
        while descriptors(self.process.pid()) > self.descriptors {
            assert!(Instant::now() < deadline, "descriptors are left over");
            pause(Duration::from_millis(20)).await;
        }
        let grown = memory(self.process.pid()).saturating_sub(self.memory);
        assert!(grown <= MEMORY_KIB, "{grown} KiB of memory are left over");
    }
}

fn environment<'a>(settings: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    // All attackers and all who must not suffer share one address here. Each worker has a few lines of log of its own.
    let shared = [("MAX_CONNECTIONS_PER_ADDRESS", "0"), ("CONNECT_RATE_PER_ADDRESS", "0"), ("WORKERS", "2")];
    let is_set = |name: &str| settings.iter().any(|(set, _)| *set == name);
    shared.into_iter().filter(|(name, _)| !is_set(name)).chain(settings.iter().copied()).collect()
}

/// Each says a number to the other, in turn; how many were said.
async fn keep_talking(mut waiter: Client, mut comer: Client, attack: watch::Receiver<Attack>) -> u64 {
    let mut said = 0;
    while *attack.borrow() == Attack::GoesOn || said == 0 {
        said += 1;
        for _ in 0..2 {
            comer.say(&format!(r#"{{"type":"ice","candidate":"{said}"}}"#)).await;
            let heard: Value = waiter.expect("ice").await;
            assert_eq!(heard["candidate"], said.to_string(), "in order, none lost");
            std::mem::swap(&mut waiter, &mut comer);
        }
        pause(PACE).await;
    }
    said
}

/// Liveness, again and again; how often.
async fn keep_asking(gateway: String, attack: watch::Receiver<Attack>) -> u64 {
    let mut asked = 0;
    while *attack.borrow() == Attack::GoesOn || asked == 0 {
        assert_eq!(get(&gateway, "/healthz").await.status, 200);
        asked += 1;
        pause(PACE * 4).await;
    }
    asked
}

/// Open files of a process.
pub(crate) fn descriptors(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}

/// Resident memory of a process in KiB.
pub(crate) fn memory(pid: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Between two messages of the pair: well below every default rate.
const PACE: Duration = Duration::from_millis(25);
/// What a process says of its own start and end, with room to spare.
const QUIET_LINES: usize = 16;
/// What an allocator may keep of an attack that is over: far less than any of them sends.
const MEMORY_KIB: usize = 24 * 1024;
