//! The server, over real sockets on ports that the system chooses. Nothing here waits for time to pass, only for events.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use duet_matchmaker::Config;
use duet_matchmaker::server::{PortConfig, Ports, Replica};
use duet_proto::frame::{Attach, Doing, DownFrame, Forward, Join, Resumable, Up, UpFrame};
use duet_proto::ids::{BootId, ClientId, SessionNumber, TicketNumber};
use duet_proto::link::GatewayHello;
use duet_proto::token::TokenHash;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::transport::{Channel, Endpoint};

use crate::world::wishes;

mod admin;
mod contract;
mod gateway;
mod http2;
mod limits;
mod port;
mod queries;
mod registry;
mod statuses;
mod watching;

/// A matchmaker and its port.
struct Running {
    replica: Replica,
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    done: JoinHandle<()>,
}

impl Running {
    async fn start() -> Self {
        Self::start_with(Config::default(), PortConfig::default()).await
    }

    async fn start_with(config: Config, port: PortConfig) -> Self {
        Self::start_on(config, port, Ports::from).await
    }

    async fn start_on(config: Config, port: PortConfig, ports: impl FnOnce(TcpListener) -> Ports) -> Self {
        Self::serve(Replica::start("m1", config), port, ports).await
    }

    async fn serve(replica: Replica, port: PortConfig, ports: impl FnOnce(TcpListener) -> Ports) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let served = replica.clone();
        let ports = ports(listener);
        let done = tokio::spawn(async move { served.serve(ports, port, async { drop(stopped.await) }).await });
        Running { replica, address, stop, done }
    }

    async fn channel(&self) -> Channel {
        Endpoint::from_shared(format!("http://{}", self.address)).unwrap().connect().await.unwrap()
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        within(self.done).await.unwrap();
    }
}

/// A guard against hanging for ever, not a measurement.
async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future).await.expect("it would have happened by now")
}

fn hello(gateway: &str) -> GatewayHello {
    GatewayHello { gateway: gateway.into(), boot: BootId::from_random([3; 16]), worker: 0 }
}

fn client(number: u64) -> ClientId {
    ClientId::from_random(u128::from(number).to_be_bytes())
}

fn attach(client: ClientId) -> Up {
    Up::Attach(Box::new(Attach { client, identity: None, attempt: 0, doing: Doing::Idle, resumable: None }))
}

/// As `attach`, of a session that outlives its socket and is resumed by that token.
fn attach_resumable(client: ClientId, token: u8) -> Up {
    let resumable = Resumable {
        epoch: 0,
        token: token_hash(token),
        earlier_token: None,
        window: Duration::from_secs(600),
        detached: None,
        seq: 0,
        kept: Vec::new(),
        client_seq: 0,
        taken: 0,
    };
    let resumable = Some(Box::new(resumable));
    Up::Attach(Box::new(Attach { client, identity: None, attempt: 0, doing: Doing::Idle, resumable }))
}

fn resume(token: u8, next_token: u8, ack: u64) -> Up {
    Up::ResumeSession { token: token_hash(token), next_token: token_hash(next_token), ack, attempt: 0 }
}

fn token_hash(token: u8) -> TokenHash {
    TokenHash::from([token; 32])
}

fn join(attempt: u32) -> Up {
    Up::Join(Join { attempt, wishes: wishes("default"), waited: Duration::ZERO })
}

fn forward(attempt: u32, seq: u64, bytes: usize) -> Up {
    let text = bytes::Bytes::from(vec![b'x'; bytes]);
    Up::Forward(Forward { ticket: TicketNumber { attempt, round: 0 }, seq, text })
}

fn frame(session: u64, kind: Up) -> UpFrame {
    UpFrame { session: SessionNumber(session), client_seq: 0, kind }
}

fn kinds(frames: &[DownFrame]) -> Vec<&'static str> {
    frames.iter().map(gateway::kind).collect()
}
