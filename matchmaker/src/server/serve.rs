//! The gRPC port: its services, its limits, and how it stops.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::time::Duration;

use duet_proto::bounds::LINK_MESSAGE_BYTES;
use duet_proto::link::LinkPings;
use duet_proto::v1::matchmaker_server::MatchmakerServer;
use duet_proto::v1::signaling_server::SignalingServer;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;
use tokio_util::either::Either;
use tonic::server::NamedService;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic_health::ServingStatus;
use tonic_health::server::{HealthReporter, HealthService};

use super::listener::{self, connections};
use super::patience::Patience;
use super::queries::MatchmakerService;
use super::replica::Replica;
use super::signaling::SignalingService;

/// Bounds of the gRPC port that an operator may set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortConfig {
    /// Connections at a time; more wait in the system's backlog.
    pub connections: usize,
    /// How long a new connection may take to send its HTTP/2 preface.
    pub preface_within: Duration,
    /// How long a new link may take to send its hello.
    pub hello_within: Duration,
    /// How long any other call may take until its first answer.
    pub answer_within: Duration,
    /// How a dead connection is found.
    pub pings: LinkPings,
    /// How long a stop may wait for connections to end before they are cut.
    pub drain_within: Duration,
}

impl Default for PortConfig {
    fn default() -> Self {
        PortConfig {
            connections: 1_024,
            preface_within: Duration::from_secs(5),
            hello_within: Duration::from_secs(5),
            answer_within: Duration::from_secs(5),
            pings: LinkPings::default(),
            drain_within: Duration::from_secs(10),
        }
    }
}

impl Replica {
    /// Serves gRPC until `shutdown` resolves: links, queries, health (`grpc.health.v1`) and reflection (v1 and v1alpha); over TCP and, if
    /// there is one, over a Unix socket as well, which spares a gateway on the same host the costs of TCP.
    ///
    /// Then, in this order: health says NOT_SERVING, clients whose gateway has died have half of [`PortConfig::drain_within`] to come
    /// back by another, if there is one, as nobody else knows of their sessions; all links, those by memory too, end with UNAVAILABLE, the listener is closed
    /// and connections end as their calls do. What is left after [`PortConfig::drain_within`] is cut.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub async fn serve(
        &self,
        tcp: TcpListener,
        unix: Option<UnixListener>,
        config: PortConfig,
        shutdown: impl Future<Output = ()>,
    ) {
        let unix = stream::iter(unix).flat_map(listener::unix).map_ok(Either::Right);
        let incoming = stream::select(listener::tcp(tcp).map_ok(Either::Left), unix);
        self.serve_incoming(incoming, config, shutdown).await;
    }

    /// The same over connections that come from anywhere, for simulations and for embedding. Where they come from is dropped when a
    /// listener would be closed; an error there is of one connection.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime, or when `incoming` ends before `shutdown` resolves.
    pub async fn serve_incoming<S>(
        &self,
        incoming: impl Stream<Item = io::Result<S>> + Send,
        config: PortConfig,
        shutdown: impl Future<Output = ()>,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (cut, when_cut) = watch::channel(false);
        let (stop, when_stopped) = oneshot::channel::<()>();
        let mut health = HealthReporter::new();
        report(&health, ServingStatus::Serving).await;

        let incoming = connections(incoming, config.connections, config.preface_within, when_cut);
        let stopped = async { drop(when_stopped.await) };
        let routes = self.routes(config, health.clone());
        let mut server =
            pin!(limited_server(config.pings).add_routes(routes).serve_with_incoming_shutdown(incoming, stopped));
        tokio::select! {
            _ = &mut server => panic!("`incoming` never ends by itself, and making a service never fails"),
            () = shutdown => {}
        }

        report(&health, ServingStatus::NotServing).await;
        tokio::select! {
            _ = &mut server => unreachable!("accepting never ends by itself, and making a service never fails"),
            _ = timeout(config.drain_within / 2, self.orphans_gone()) => {}
        }
        self.go_away();
        // The server is polled next, so nobody is refused by a closed channel.
        let _ = stop.send(());
        let drained = async {
            // Watchers have been told; their streams end here, or they would hold the server up.
            for name in SERVICES {
                health.clear_service_status(name).await;
            }
            server.await
        };
        if timeout(config.drain_within, drained).await.is_err() {
            tracing::warn!("connections are left at the end of the drain, cutting them");
            cut.send_replace(true);
        }
    }

    fn routes(&self, config: PortConfig, health: HealthReporter) -> Routes {
        let signaling = SignalingService { replica: self.clone(), hello_within: config.hello_within };
        let signaling = SignalingServer::new(signaling)
            .max_decoding_message_size(LINK_MESSAGE_BYTES)
            .max_encoding_message_size(LINK_MESSAGE_BYTES);
        let matchmaker = MatchmakerServer::new(MatchmakerService { replica: self.clone() })
            .max_decoding_message_size(REQUEST_BYTES)
            .max_encoding_message_size(ANSWER_BYTES);
        let health = HealthService::from_health_reporter(health);
        let health =
            tonic_health::pb::health_server::HealthServer::new(health).max_decoding_message_size(REQUEST_BYTES);
        let reflection = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(duet_proto::FILE_DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        };
        const VALID: &str = "the descriptor sets that are built in are valid";
        let v1 = reflection().build_v1().expect(VALID).max_decoding_message_size(REQUEST_BYTES);
        let v1alpha = reflection().build_v1alpha().expect(VALID).max_decoding_message_size(REQUEST_BYTES);

        let answer_within = config.answer_within;
        Routes::new(signaling)
            .add_service(Patience { inner: matchmaker, answer_within })
            .add_service(Patience { inner: health, answer_within })
            .add_service(Patience { inner: v1, answer_within })
            .add_service(Patience { inner: v1alpha, answer_within })
    }
}

/// Every limit said: tonic's own are off or unlimited in part.
fn limited_server(pings: LinkPings) -> Server {
    Server::builder()
        .max_concurrent_streams(256)
        .http2_max_pending_accept_reset_streams(Some(20))
        .http2_max_local_error_reset_streams(Some(1_024))
        .http2_keepalive_interval(Some(pings.interval))
        .http2_keepalive_timeout(Some(pings.timeout))
        .initial_stream_window_size(256 * 1024)
        .initial_connection_window_size(1024 * 1024)
        .http2_max_header_list_size(16 * 1024)
        .max_frame_size(16 * 1024)
}

async fn report(health: &HealthReporter, status: ServingStatus) {
    for name in SERVICES {
        health.set_service_status(name, status).await;
    }
}

/// What health is told of; the empty name stands for the whole server.
const SERVICES: [&str; 3] =
    ["", SignalingServer::<SignalingService>::NAME, MatchmakerServer::<MatchmakerService>::NAME];

/// A query's message, at most.
const REQUEST_BYTES: usize = 16 * 1024;
/// A query's answer, at most: what gRPC clients accept unless told otherwise.
const ANSWER_BYTES: usize = 4 * 1024 * 1024;
