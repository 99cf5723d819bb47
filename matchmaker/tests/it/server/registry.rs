//! Replicas that share an engine, a real one, answer for each other.

use std::collections::BTreeSet;

use duet_matchmaker::server::engine::EngineSettings;
use duet_matchmaker::server::{AdminAccess, Registry, RegistrySettings};
use duet_proto::frame::Identity;
use duet_proto::v1;
use duet_proto::v1::admin_client::AdminClient;
use duet_proto::v1::event::Kind as Happened;
use duet_proto::v1::matchmaker_client::MatchmakerClient;
use duet_proto::v1::watch_events_response::Kind;
use duet_testing::RedisServer;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Request, Status, Streaming};
use tonic_types::StatusExt;

use super::gateway::{Gateway, Transport};
use super::*;

mod events;
mod orders;
mod reading;

/// A replica of several, and who asks it.
struct Peer {
    running: Running,
    queries: MatchmakerClient<Channel>,
    admin: AdminClient<InterceptedService<Channel, WithToken>>,
}

type WithToken = fn(Request<()>) -> Result<Request<()>, Status>;

fn with_token(mut request: Request<()>) -> Result<Request<()>, Status> {
    request.metadata_mut().insert("authorization", format!("Bearer {}", admin::TOKEN).parse().unwrap());
    Ok(request)
}

fn settings(engine: &RedisServer) -> RegistrySettings {
    let engine = EngineSettings::new(engine.url().parse().unwrap());
    RegistrySettings {
        flush_every: Duration::from_millis(5),
        heartbeat: Duration::from_millis(20),
        // Of a machine with a lot to do.
        answer_within: Duration::from_secs(10),
        ..RegistrySettings::new(engine)
    }
}

async fn peer(name: &str, settings: RegistrySettings) -> Peer {
    peer_with(name, settings, PortConfig::default()).await
}

async fn peer_with(name: &str, settings: RegistrySettings, port: PortConfig) -> Peer {
    let replica = Replica::start(name, Config::default());
    Registry::start(&replica, settings);
    let running = Running::serve(replica, port, |listener| admin::offering(AdminAccess::default(), listener)).await;
    let queries = MatchmakerClient::new(running.channel().await);
    let admin = AdminClient::with_interceptor(running.channel().await, with_token as WithToken);
    Peer { running, queries, admin }
}

impl Peer {
    async fn gateway(&self) -> Gateway {
        Gateway::link(&self.running, Transport::Memory, hello(&self.running.replica.hello().replica)).await
    }

    /// A gateway whose sessions with these numbers wait or talk.
    async fn crowd(&self, numbers: impl Iterator<Item = u64> + Clone) -> Gateway {
        let mut gateway = self.gateway().await;
        for number in numbers.clone() {
            gateway.send(frame(number, attach(client(number))));
            gateway.send(frame(number, join(1)));
        }
        let sessions = numbers.count();
        gateway.take(sessions / 2 * 3 + sessions % 2).await;
        gateway
    }

    async fn stats(&self) -> v1::Stats {
        within(self.queries.clone().get_stats(v1::GetStatsRequest {})).await.unwrap().into_inner()
    }

    async fn session(&self, number: u64) -> Result<v1::Session, Status> {
        let name = format!("sessions/{}", client(number));
        within(self.queries.clone().get_session(v1::GetSessionRequest { name })).await.map(tonic::Response::into_inner)
    }

    /// Waits until this replica tells of so many sessions at so many replicas.
    async fn sees(&self, replicas: usize, sessions: u64) {
        within(async {
            loop {
                let stats = self.stats().await;
                if stats.replicas.len() == replicas && stats.sessions == sessions {
                    return;
                }
            }
        })
        .await;
    }

    async fn watch(&self, token: &str) -> Result<Streaming<v1::WatchEventsResponse>, Status> {
        let request = v1::WatchEventsRequest { resume_token: token.to_owned(), ..Default::default() };
        within(self.queries.clone().watch_events(request)).await.map(tonic::Response::into_inner)
    }
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().unwrap().reason
}
