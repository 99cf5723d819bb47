//! The gRPC port: its services, its limits, and how it stops.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use duet_proto::bounds::LINK_MESSAGE_BYTES;
use duet_proto::link::LinkPings;
use duet_proto::unix::UnixLink;
use duet_proto::v1::admin_server::AdminServer;
use duet_proto::v1::matchmaker_server::MatchmakerServer;
use duet_proto::v1::signaling_server::SignalingServer;
use futures_util::future::join_all;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::either::Either;
use tonic::server::NamedService;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::HealthServer;
use tonic_health::server::{HealthReporter, HealthService};

use super::access::{AdminAccess, Clients, Demands, Guarded, Peer, QueryTokens};
use super::administration::AdminService;
use super::engine::EngineStatus;
use super::listener::{self, Incoming, connections};
use super::patience::Patience;
use super::queries::MatchmakerService;
use super::replica::Replica;
use super::signaling::SignalingService;
use super::tls::{PortTls, Secured};
use super::traced::Traced;
use super::watching::Watchers;

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
    /// Who may watch events at a time.
    pub watchers: usize,
    /// After how long a silence watchers are told that this matchmaker is there.
    pub heartbeat: Duration,
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
            watchers: 16,
            heartbeat: Duration::from_secs(10),
            drain_within: Duration::from_secs(10),
        }
    }
}

/// A TCP port, encrypted or not.
#[derive(Debug)]
pub struct Door {
    /// Where connections come in.
    pub listener: TcpListener,
    /// How they are encrypted, and whom they serve; without it anyone who can reach the port.
    pub tls: Option<PortTls>,
}

/// Where a matchmaker serves, and who may ask.
#[derive(Debug, Default)]
pub struct Ports {
    /// Links, and queries unless those have a port of their own.
    pub links: Option<Door>,
    /// The same as on `links` on a Unix socket, which spares a gateway on the same host the costs of TCP. Who may open it is the file system's to
    /// say, so no certificate is asked for.
    pub unix: Option<UnixListener>,
    /// Queries and reflection, and then only here.
    pub queries: Option<Door>,
    /// Who asks queries must bear one of these; the newest value counts.
    pub tokens: Option<watch::Receiver<Arc<QueryTokens>>>,
    /// Who may administer, wherever queries are served.
    pub admin: AdminAccess,
}

impl From<TcpListener> for Ports {
    fn from(listener: TcpListener) -> Self {
        Ports { links: Some(Door { listener, tls: None }), ..Ports::default() }
    }
}

impl Door {
    fn clients(&self) -> Clients {
        self.tls.as_ref().map_or(Clients::Anyone, |tls| tls.clients.clone())
    }

    /// Its connections, without end.
    fn connections(self) -> impl Stream<Item = io::Result<Incoming<Io>>> + Send {
        let Door { listener, tls } = self;
        listener::tcp(listener).map_ok(move |io| match &tls {
            None => Incoming { io: Io::Left(Either::Left(io)), peer: Peer::Unknown },
            Some(tls) => {
                let (io, peer) = tls.over(io);
                Incoming { io: Io::Left(Either::Right(io)), peer }
            }
        })
    }
}

/// Whatever carries bytes to a matchmaker in service.
type Io = Either<Either<TcpStream, Secured<TcpStream>>, UnixLink>;

/// Connections, and what is served on them.
type Entrance<'a, S> = (Pin<Box<dyn Stream<Item = io::Result<Incoming<S>>> + Send + 'a>>, Routes);

impl Replica {
    /// Serves gRPC until `shutdown` resolves: links, queries, health (`grpc.health.v1`) and reflection (v1 and v1alpha), each on the ports that
    /// it belongs to. There must be at least one.
    ///
    /// Then, in this order: health says NOT_SERVING, clients whose gateway has died have half of [`PortConfig::drain_within`] to come
    /// back by another, if there is one, as nobody else knows of their sessions; all links, those by memory too, end with UNAVAILABLE, the listener is closed
    /// and connections end as their calls do. What is left after [`PortConfig::drain_within`] is cut.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub async fn serve(&self, ports: Ports, config: PortConfig, shutdown: impl Future<Output = ()>) {
        let Ports { links, unix, queries, tokens, admin } = ports;
        let health = HealthReporter::new();
        let demands = |clients| Demands { tokens: tokens.clone(), ..Demands::of(clients) };
        let mut entrances: Vec<Entrance<'_, Io>> = Vec::new();
        if links.is_some() || unix.is_some() {
            let clients = links.as_ref().map_or(Clients::Anyone, Door::clients);
            let mut routes = self.routes(config, health.clone(), Demands::of(clients.clone()));
            if queries.is_none() {
                routes = self.add_queries(routes, config, &demands(clients.clone()));
                routes = self.add_admin(routes, config, &admin, clients);
            }
            let tcp = stream::iter(links).flat_map(Door::connections);
            let unix = stream::iter(unix).flat_map(listener::unix);
            let unix = unix.map_ok(|io| Incoming { io: Io::Right(io), peer: Peer::Local });
            // An end of one of them would not be the end of both.
            entrances.push((Box::pin(stream::select(tcp, unix)), routes));
        }
        if let Some(queries) = queries {
            let health = Routes::new(health_service(config, health.clone()));
            let routes = self.add_queries(health, config, &demands(queries.clients()));
            let routes = self.add_admin(routes, config, &admin, queries.clients());
            entrances.push((Box::pin(queries.connections()), routes));
        }
        self.serve_entrances(entrances, health, config, shutdown).await;
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
        let health = HealthReporter::new();
        let anyone = Demands::of(Clients::Anyone);
        let routes = self.routes(config, health.clone(), anyone.clone());
        let routes = self.add_queries(routes, config, &anyone);
        let incoming = incoming.map_ok(|io| Incoming { io, peer: Peer::Unknown });
        self.serve_entrances(vec![(Box::pin(incoming), routes)], health, config, shutdown).await;
    }

    async fn serve_entrances<S>(
        &self,
        entrances: Vec<Entrance<'_, S>>,
        mut health: HealthReporter,
        config: PortConfig,
        shutdown: impl Future<Output = ()>,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (cut, when_cut) = watch::channel(false);
        let (stop, when_stopped) = watch::channel(false);
        report(&health, ServingStatus::Serving).await;
        let follow = follow_engine(&health, self.engine());

        let servers = entrances.into_iter().map(|(incoming, routes)| {
            let incoming = connections(incoming, config.connections, config.preface_within, when_cut.clone());
            let mut stopped = when_stopped.clone();
            let stopped = async move { drop(stopped.wait_for(|stop| *stop).await) };
            limited_server(config.pings).add_routes(routes).serve_with_incoming_shutdown(incoming, stopped)
        });
        let mut server = pin!(join_all(servers));
        tokio::select! {
            _ = &mut server => panic!("`incoming` never ends by itself, and making a service never fails"),
            () = shutdown => {}
            () = follow => unreachable!("an engine is followed for as long as its replica is there"),
        }

        self.begin_to_end();
        report(&health, ServingStatus::NotServing).await;
        tokio::select! {
            _ = &mut server => unreachable!("accepting never ends by itself, and making a service never fails"),
            _ = timeout(config.drain_within / 2, self.orphans_gone()) => {}
        }
        self.go_away();
        // The server is polled next, so nobody is refused by a closed channel.
        stop.send_replace(true);
        let drained = async {
            // Watchers have been told; their streams end here, or they would hold the server up.
            for name in SERVICES {
                health.clear_service_status(name).await;
            }
            server.await;
        };
        if timeout(config.drain_within, drained).await.is_err() {
            tracing::warn!("connections are left at the end of the drain, cutting them");
            cut.send_replace(true);
        }
    }

    /// Links and health.
    fn routes(&self, config: PortConfig, health: HealthReporter, demands: Demands) -> Routes {
        let signaling = SignalingService { replica: self.clone(), hello_within: config.hello_within };
        let signaling = SignalingServer::new(signaling)
            .max_decoding_message_size(LINK_MESSAGE_BYTES)
            .max_encoding_message_size(LINK_MESSAGE_BYTES);
        Routes::new(Guarded { inner: signaling, demands }).add_service(health_service(config, health))
    }

    /// Administration.
    fn add_admin(&self, routes: Routes, config: PortConfig, access: &AdminAccess, port: Clients) -> Routes {
        let service = AdminService { replica: self.clone(), log_filter: access.log_filter.clone() };
        let admin =
            AdminServer::new(service).max_decoding_message_size(REQUEST_BYTES).max_encoding_message_size(ANSWER_BYTES);
        let inner = Patience { inner: admin, answer_within: config.answer_within };
        routes.add_service(Guarded { inner, demands: access.demands(port) })
    }

    /// Queries, and reflection, by which they are found.
    fn add_queries(&self, routes: Routes, config: PortConfig, demands: &Demands) -> Routes {
        let watchers = Watchers::new(config.watchers, config.heartbeat);
        let matchmaker = MatchmakerServer::new(MatchmakerService { replica: self.clone(), watchers })
            .max_decoding_message_size(REQUEST_BYTES)
            .max_encoding_message_size(ANSWER_BYTES);
        let reflection = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(duet_proto::FILE_DESCRIPTOR_SET)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        };
        const VALID: &str = "the descriptor sets that are built in are valid";
        let v1 = reflection().build_v1().expect(VALID).max_decoding_message_size(REQUEST_BYTES);
        let v1alpha = reflection().build_v1alpha().expect(VALID).max_decoding_message_size(REQUEST_BYTES);

        let answer_within = config.answer_within;
        let matchmaker = Traced { inner: Patience { inner: matchmaker, answer_within }, spans: self.spans() };
        routes
            .add_service(Guarded { inner: matchmaker, demands: demands.clone() })
            .add_service(Guarded { inner: Patience { inner: v1, answer_within }, demands: demands.clone() })
            .add_service(Guarded { inner: Patience { inner: v1alpha, answer_within }, demands: demands.clone() })
    }
}

/// Health, which anyone may ask: probes have no credentials.
fn health_service(config: PortConfig, health: HealthReporter) -> Patience<HealthServer<HealthService>> {
    let health = HealthServer::new(HealthService::from_health_reporter(health));
    Patience { inner: health.max_decoding_message_size(REQUEST_BYTES), answer_within: config.answer_within }
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

/// Links are of less use while the engine is away: who has just come waits. Everything else goes on, so all but that stays as it is.
async fn follow_engine(health: &HealthReporter, engine: Option<&Arc<EngineStatus>>) {
    if let Some(mut states) = engine.map(|engine| engine.state()) {
        loop {
            let is_up = states.borrow_and_update().is_up();
            let status = if is_up { ServingStatus::Serving } else { ServingStatus::NotServing };
            health.set_service_status(SignalingServer::<SignalingService>::NAME, status).await;
            if states.changed().await.is_err() {
                break;
            }
        }
    }
    std::future::pending::<()>().await;
}

/// What health is told of; the empty name stands for the whole server.
const SERVICES: [&str; 4] = [
    "",
    SignalingServer::<SignalingService>::NAME,
    MatchmakerServer::<MatchmakerService>::NAME,
    AdminServer::<AdminService>::NAME,
];

/// A query's message, at most.
const REQUEST_BYTES: usize = 16 * 1024;
/// A query's answer, at most: what gRPC clients accept unless told otherwise.
const ANSWER_BYTES: usize = 4 * 1024 * 1024;
