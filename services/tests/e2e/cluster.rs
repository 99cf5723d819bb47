//! Several matchmakers that share their pools by an engine: real processes, a real Redis, and two gateways with links to all of them.
//! What breaks is what a deployment loses: a replica, a gateway, the engine or a part of what it knows. Calls that are up go on, nobody's
//! message is lost, and whoever waits is met afterwards. Each disaster prints a row of the table in docs/operations.md:
//!
//! `cargo test -p duet --test e2e cluster -- --nocapture --test-threads 1`

use std::time::Duration;

use duet_testing::RedisServer;
use serde_json::{Value, json};

use crate::client::Client;
use crate::disasters::{Calls, Party};
use crate::http;
use crate::phone::Phone;
use crate::process::Duet;

mod commands;
mod engine;
mod replicas;

/// Gateways, replicas and their engine, on ports that they can be started on again.
struct Cluster {
    engine: RedisServer,
    engine_url: String,
    flags: Vec<&'static str>,
    replicas: Vec<Option<Duet>>,
    /// Where the replicas serve gRPC.
    grpc: Vec<String>,
    gateways: Vec<Option<Duet>>,
    /// Where the gateways are for clients.
    ports: Vec<String>,
}

impl Cluster {
    fn start(replicas: usize) -> Self {
        let engine = RedisServer::start();
        let url = engine.url();
        Cluster::start_with(replicas, engine, url, &[])
    }

    /// With an engine that is found by that URL, and flags for the replicas.
    fn start_with(replicas: usize, engine: RedisServer, engine_url: String, flags: &[&'static str]) -> Self {
        let mut cluster = Cluster {
            engine,
            engine_url,
            flags: flags.to_vec(),
            replicas: Vec::new(),
            grpc: Vec::new(),
            gateways: Vec::new(),
            ports: Vec::new(),
        };
        (0..replicas).for_each(|_| cluster.add_replica());
        for index in 0..2 {
            let gateway = cluster.run_gateway(index, "0");
            cluster.ports.push(gateway.address("WebSocket"));
            cluster.gateways.push(Some(gateway));
        }
        cluster
    }

    /// One more, which gateways that are started later know.
    fn add_replica(&mut self) {
        let replica = self.run_replica(self.replicas.len(), "127.0.0.1:0");
        self.grpc.push(replica.address("gRPC"));
        self.replicas.push(Some(replica));
    }

    fn run_replica(&self, index: usize, listen: &str) -> Duet {
        let name = format!("replica-{index}");
        let fixed = ["matchmaker", "--grpc-listen", listen, "--matchmaker-name", &name];
        Duet::start_with(&[&fixed, &self.flags[..]].concat(), &[("ENGINE_URL", &self.engine_url)])
    }

    /// A gateway notices as fast as replicas what is frozen; a dead link is found after 7 s otherwise.
    fn run_gateway(&self, index: usize, port: &str) -> Duet {
        let urls: Vec<_> = self.grpc.iter().map(|address| format!("http://{address}")).collect();
        let name = format!("gateway-{index}");
        let fixed = ["gateway", "--matchmaker-url", &urls.join(","), "--gateway-name", &name, "--message-rate", "0"];
        let flags = ["--drain-spread-ms", "1000", "--listen-address", "127.0.0.1", "--port", port];
        let pings = ["--link-ping-interval-ms", "300", "--link-ping-timeout-ms", "300"];
        Duet::start(&[&fixed[..], &flags, &pings].concat())
    }

    async fn phone(&self, gateway: usize) -> Phone {
        Phone::connect(&[&self.ports[gateway], &self.ports[1 - gateway]]).await
    }

    /// So many pairs of phones, one on each gateway, and between them of all pairs of replicas.
    async fn pairs(&self, count: usize) -> Vec<(Party, Party)> {
        let mut pairs = Vec::with_capacity(count);
        for index in 0..count {
            pairs.push((Party::Phone(self.phone(0).await), Party::Phone(self.phone(1).await)));
            // Sessions are spread over the links in turn: without these the two of a pair would always be of one replica.
            if index % 2 == 0 {
                drop(self.phone(1).await);
            }
        }
        pairs
    }

    async fn base_pairs(&self, count: usize) -> Vec<(Party, Party)> {
        let mut pairs = Vec::with_capacity(count);
        for _ in 0..count {
            pairs.push((Party::base(&self.ports[0]).await, Party::base(&self.ports[1]).await));
        }
        pairs
    }

    fn kill_replica(&mut self, index: usize) {
        drop(self.replicas[index].take());
    }

    fn restart_replica(&mut self, index: usize) {
        let replica = self.run_replica(index, &self.grpc[index]);
        self.replicas[index] = Some(replica);
    }

    fn restart_gateways(&mut self) {
        for index in 0..self.gateways.len() {
            drop(self.gateways[index].take());
            self.restart_gateway(index);
        }
    }

    fn restart_gateway(&mut self, index: usize) {
        let port = self.ports[index].rsplit(':').next().unwrap().to_owned();
        let gateway = self.run_gateway(index, &port);
        self.gateways[index] = Some(gateway);
    }

    /// Whether everybody is alive, whatever the engine is.
    async fn is_alive(&mut self) -> bool {
        for port in &self.ports {
            if http::get(port, "/healthz").await.status != 200 {
                return false;
            }
        }
        self.replicas.iter_mut().flatten().all(Duet::is_running)
    }

    /// Waits until both gateways have links to that replica.
    async fn linked(&self, index: usize) {
        for gateway in ["gateway-0", "gateway-1"] {
            self.replicas[index].as_ref().unwrap().logged(&["link up", gateway]).await;
        }
    }
}

fn wish(pool: &str) -> Value {
    json!({"type": "available", "pool": pool})
}

/// Ends a process in order.
fn end(process: Duet) {
    process.signal("TERM");
    let (status, log) = process.ended();
    assert_eq!(status.code(), Some(0), "{log}");
}

/// Two clients of any kind meet in a pool where nobody else is.
async fn meet(one: &mut Client, other: &mut Client, pool: &str) {
    one.say(&wish(pool).to_string()).await;
    one.expect("waiting").await;
    other.say(&wish(pool).to_string()).await;
    let (mine, theirs) = (one.expect("matched").await, other.expect("matched").await);
    assert_eq!((&mine["partnerId"], &theirs["partnerId"]), (&json!(other.id), &json!(one.id)));
    assert_eq!(mine["roomId"], theirs["roomId"]);
}

#[tokio::test]
async fn strangers_of_different_replicas_meet_and_talk() {
    let cluster = Cluster::start(3);
    // Nine pairs of which each has another pair of replicas.
    let mut clients = Vec::new();
    for index in 0..9 {
        let (mut one, mut other) = (Client::connect(&cluster.ports[0]).await, Client::connect(&cluster.ports[1]).await);
        meet(&mut one, &mut other, &format!("pool-{index}")).await;
        one.say(&json!({"type": "offer", "sdp": "a"}).to_string()).await;
        assert_eq!(other.expect("offer").await["from"], one.id);
        other.say(&json!({"type": "answer", "sdp": "b"}).to_string()).await;
        assert_eq!(one.expect("answer").await["from"], other.id);
        clients.push((one, other));
        if index % 3 == 2 {
            clients.push((Client::connect(&cluster.ports[0]).await, Client::connect(&cluster.ports[0]).await));
        }
    }
}
