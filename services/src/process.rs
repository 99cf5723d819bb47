//! The three long-lived processes: bind, start, say so, wait for a signal, end in order.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use duet_gateway::server::{Ended, Gateway, Matchmakers, MemoryDialer, Settings, Verifier, bind};
use duet_matchmaker::server::{LogFilter, PortConfig, Registry, RegistrySettings, Replica};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use crate::cli::{self, GatewayArgs, MatchmakerArgs};
use crate::failure::Failure;
use crate::files::Files;
use crate::metrics::Metrics;
use crate::shutdown::Signals;
use crate::telemetry::Telemetry;
use crate::webhooks::{Counts, Webhooks};

mod greeting;
mod grpc_socket;
mod ports;

use grpc_socket::GrpcSocket;
use ports::BoundPorts;

/// Gateway and matchmaker in one process.
pub(crate) fn standalone(telemetry: &Telemetry, args: cli::Standalone) -> Result<(), Failure> {
    runtime(Builder::new_current_thread())?.block_on(async {
        let mut signals = Signals::listen()?;
        let mut files = Files::listen()?;
        let push = args.operations.otlp.push("duet-standalone", &args.telemetry.traces)?;
        let tls = args.tls.read(&mut files)?;
        check_matchmaker(&args.matchmaker)?;
        let access = args.ports.read(args.grpc_listen, &mut files)?;
        let verifier = verifier(&args.gateway)?;
        let ice = args.gateway.turn.settings()?;
        let webhooks = args.webhooks.settings()?;
        let (listeners, address) = bind_gateway(&args.gateway)?;
        let ports = BoundPorts::bind(args.grpc_listen, &args.ports, access).await?;
        let mut metrics = Metrics::bind(args.operations.metrics_listen, push).await?;
        files.keep();
        let replica =
            Replica::start_traced(args.matchmaker.name(), args.matchmaker.config(args.link.queue()), telemetry.spans());
        signals.or_when(replica.drain_asked());
        let counts = Counts::default();
        let webhooks = webhooks.map(|settings| Webhooks::start(settings, replica.events(), counts.clone()));
        let dial = replica.clone();
        let matchmakers = Matchmakers::Memory(MemoryDialer::new(move |hello| dial.connect(hello)));
        let is_encrypted = tls.is_some();
        let traces = args.gateway.traces(telemetry.spans());
        let settings = Settings { tls, traces, ..args.gateway.settings(address.port(), verifier, &args.link, ice) };
        let gateway = start_gateway(settings, listeners, matchmakers)?;
        metrics.gateway(gateway.figures());
        metrics.matchmaker(replica.clone());
        if webhooks.is_some() {
            metrics.webhooks(counts);
        }
        metrics.log(telemetry.lost_lines());
        metrics.serve();
        greeting::standalone(address, is_encrypted, &ports);
        let config = port_config(&args.ports, &args.link, &args.drain);
        let open = |ports| Port::open(replica, ports, None, telemetry.log_filter(), config);
        let port = ports.is_any().then(|| open(ports));
        let mut deadline = run_gateway(gateway, &mut signals, args.drain.drain_limit_ms.0).await?;
        if let Some(port) = port {
            deadline = port.close(&mut signals, deadline).await;
        }
        drain_webhooks(webhooks, &mut signals, deadline).await;
        telemetry.end(deadline).await;
        Ok(())
    })
}

/// A gateway of its own.
pub(crate) fn gateway(telemetry: &Telemetry, args: cli::Gateway) -> Result<(), Failure> {
    runtime(Builder::new_current_thread())?.block_on(async {
        let mut signals = Signals::listen()?;
        let mut files = Files::listen()?;
        let push = args.operations.otlp.push("duet-gateway", &args.telemetry.traces)?;
        let tls = args.tls.read(&mut files)?;
        let matchmakers = args.link_tls.matchmakers(&args.matchmaker_url, &mut files)?;
        let verifier = verifier(&args.gateway)?;
        let ice = args.gateway.turn.settings()?;
        let (listeners, address) = bind_gateway(&args.gateway)?;
        let mut metrics = Metrics::bind(args.operations.metrics_listen, push).await?;
        files.keep();
        let is_encrypted = tls.is_some();
        let traces = args.gateway.traces(telemetry.spans());
        let settings = args.gateway.settings(address.port(), verifier, &args.link, ice);
        let settings = Settings { tls, traces, matchmaker_dns: args.matchmaker_dns_seconds.0, ..settings };
        let gateway = start_gateway(settings, listeners, matchmakers)?;
        metrics.gateway(gateway.figures());
        metrics.log(telemetry.lost_lines());
        metrics.serve();
        greeting::gateway(address, is_encrypted, &args.matchmaker_url.0);
        let deadline = run_gateway(gateway, &mut signals, args.drain.drain_limit_ms.0).await?;
        telemetry.end(deadline).await;
        Ok(())
    })
}

/// A matchmaker of its own.
pub(crate) fn matchmaker(telemetry: &Telemetry, args: cli::Matchmaker) -> Result<(), Failure> {
    runtime(Builder::new_multi_thread())?.block_on(async {
        let mut signals = Signals::listen()?;
        let mut files = Files::listen()?;
        let push = args.operations.otlp.push("duet-matchmaker", &args.telemetry.traces)?;
        check_matchmaker(&args.matchmaker)?;
        let engine = args.engine.settings()?;
        let access = args.ports.read(Some(args.grpc_listen), &mut files)?;
        let webhooks = args.webhooks.settings()?;
        let ports = BoundPorts::bind(Some(args.grpc_listen), &args.ports, access).await?;
        let mut metrics = Metrics::bind(args.operations.metrics_listen, push).await?;
        files.keep();
        let socket = args.grpc_socket.as_deref().map(GrpcSocket::bind).transpose()?;
        let (name, config) = (args.matchmaker.name(), args.matchmaker.config(args.link.queue()));
        let replica = match engine {
            None => Replica::start_traced(name, config, telemetry.spans()),
            Some(engine) => {
                let registry =
                    RegistrySettings { event_backlog: config.event_backlog, ..RegistrySettings::new(engine.clone()) };
                let replica = Replica::start_sharing(name, config, telemetry.spans(), engine);
                Registry::start(&replica, registry);
                replica
            }
        };
        let counts = Counts::default();
        let webhooks = webhooks.map(|settings| Webhooks::start(settings, replica.events(), counts.clone()));
        metrics.matchmaker(replica.clone());
        metrics.health(replica.clone());
        if webhooks.is_some() {
            metrics.webhooks(counts);
        }
        metrics.log(telemetry.lost_lines());
        metrics.serve();
        greeting::matchmaker(&ports, args.grpc_socket.as_deref());
        signals.or_when(replica.drain_asked());
        let config = port_config(&args.ports, &args.link, &args.drain);
        let port = Port::open(replica, ports, socket, telemetry.log_filter(), config);
        let signal = signals.next().await;
        tracing::info!(signal, "draining");
        let deadline = port.close(&mut signals, Instant::now() + args.drain.drain_limit_ms.0).await;
        drain_webhooks(webhooks, &mut signals, deadline).await;
        telemetry.end(deadline).await;
        Ok(())
    })
}

fn runtime(mut builder: Builder) -> Result<Runtime, Failure> {
    builder.enable_all().build().map_err(|error| Failure::environment("the runtime can't be made", &error))
}

fn check_matchmaker(args: &MatchmakerArgs) -> Result<(), Failure> {
    args.problem().map_or(Ok(()), |problem| Err(Failure::Setting(problem)))
}

fn port_config(ports: &cli::PortArgs, link: &cli::LinkArgs, drain: &cli::DrainArgs) -> PortConfig {
    PortConfig {
        pings: link.pings(),
        watchers: ports.admin.max_watchers.into(),
        heartbeat: ports.admin.watch_heartbeat_ms.0,
        drain_within: drain.drain_limit_ms.0,
        ..PortConfig::default()
    }
}

fn bind_gateway(args: &GatewayArgs) -> Result<(Vec<std::net::TcpListener>, SocketAddr), Failure> {
    if let Some(problem) = args.problem() {
        return Err(Failure::Setting(problem));
    }
    let address = SocketAddr::new(args.listen_address, args.port);
    let failed = |error| Failure::environment(format!("can't listen on {address} (PORT, LISTEN_ADDRESS)"), &error);
    let listeners = bind(address, args.workers()).map_err(failed)?;
    let address = listeners[0].local_addr().map_err(failed)?;
    Ok((listeners, address))
}

/// Who checks tokens. What its keys need goes on by itself.
fn verifier(args: &GatewayArgs) -> Result<Option<Arc<Verifier>>, Failure> {
    let verifier = args.verifier().map_err(Failure::Setting)?;
    if let Some(verifier) = verifier.clone() {
        tokio::spawn(async move { verifier.keep_keys().await });
    }
    Ok(verifier)
}

fn start_gateway(
    settings: Settings,
    listeners: Vec<std::net::TcpListener>,
    matchmakers: Matchmakers,
) -> Result<Gateway, Failure> {
    let gateway = Gateway::start(settings, listeners, matchmakers);
    gateway.map_err(|error| Failure::environment("the gateway's workers can't be started", &error))
}

/// Runs a gateway until a signal, and then drains it. The deadline is that of all that is left to end.
async fn run_gateway(mut gateway: Gateway, signals: &mut Signals, drain_limit: Duration) -> Result<Instant, Failure> {
    tokio::select! {
        signal = signals.next() => tracing::info!(signal, "draining"),
        end = gateway.ended() => {
            gateway.stop();
            return Err(match end {
                Some(Ended::Misconfigured(why)) => Failure::Setting(why),
                Some(Ended::Failed(what)) => Failure::Environment(format!("a worker of the gateway ended: {what}")),
                Some(Ended::Drained) | None => Failure::Environment("the gateway's workers ended".to_owned()),
            });
        }
    }
    let deadline = orderly(gateway.drain(), signals, Instant::now() + drain_limit).await;
    gateway.stop();
    Ok(deadline)
}

/// Waits for an orderly end, but not past the deadline or another signal. The deadline of what is left to end.
async fn orderly(end: impl Future<Output = ()>, signals: &mut Signals, deadline: Instant) -> Instant {
    tokio::select! {
        () = end => {
            tracing::info!("drained");
            return deadline;
        }
        () = sleep_until(deadline) => tracing::warn!("the drain's limit has passed; what is left is dropped"),
        signal = signals.next() => tracing::warn!(signal, "a second signal; what is left is dropped"),
    }
    Instant::now()
}

/// Webhooks go last: all that has ended may be worth one.
async fn drain_webhooks(webhooks: Option<Webhooks>, signals: &mut Signals, deadline: Instant) {
    let Some(mut webhooks) = webhooks else { return };
    orderly(webhooks.drain(deadline), signals, deadline).await;
    webhooks.end();
}

/// The matchmaker's gRPC port while it serves.
struct Port {
    close: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

impl Port {
    fn open(
        replica: Replica,
        ports: BoundPorts,
        socket: Option<GrpcSocket>,
        log_filter: LogFilter,
        config: PortConfig,
    ) -> Self {
        let (close, closed) = oneshot::channel();
        let served = tokio::spawn(async move {
            let (socket, _file) = socket.map(GrpcSocket::into_parts).unzip();
            replica.serve(ports.with_unix(socket, log_filter), config, async { drop(closed.await) }).await;
        });
        Port { close, served }
    }

    /// The deadline of what is left to end.
    async fn close(self, signals: &mut Signals, deadline: Instant) -> Instant {
        drop(self.close);
        let served = async {
            if self.served.await.is_err() {
                tracing::error!("the gRPC port panicked");
            }
        };
        orderly(served, signals, deadline).await
    }
}
