//! How to reach a matchmaker: in this process, or by gRPC.

use std::error::Error as _;
use std::fmt;
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use duet_proto::bounds::LINK_MESSAGE_BYTES;
use duet_proto::frame::{DownFrame, UpFrame};
use duet_proto::link::{GatewayEnd, GatewayHello, LinkPings, MatchmakerHello};
use duet_proto::queue::{self, Limits, Receiver, Sender};
use duet_proto::unix::UnixLink;
use duet_proto::v1;
use duet_proto::v1::signaling_client::SignalingClient;
use futures_util::{StreamExt, stream};
use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tonic::transport::{Channel, Endpoint, Error};
use tonic::{Code, Status, Streaming};

use super::Settings;
use super::discovery::DnsAddress;
use super::tls::TlsAddress;

/// Makes a link to a matchmaker in the same process.
#[derive(Clone)]
pub struct MemoryDialer(Arc<dyn Fn(GatewayHello) -> GatewayEnd + Send + Sync>);

impl MemoryDialer {
    /// `dial` is called inside a worker's runtime, once for each link.
    pub fn new(dial: impl Fn(GatewayHello) -> GatewayEnd + Send + Sync + 'static) -> Self {
        MemoryDialer(Arc::new(dial))
    }
}

impl fmt::Debug for MemoryDialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryDialer")
    }
}

/// Makes the connections that links to matchmakers go over, where those are not TCP.
#[derive(Clone)]
pub struct Connector(Arc<dyn Fn(Uri) -> Connecting + Send + Sync>);

type Connecting = Pin<Box<dyn Future<Output = io::Result<TokioIo<Box<dyn Carrier>>>> + Send>>;

impl Connector {
    /// `connect` is called inside a worker's runtime, once for each try; it is given the address of the endpoint.
    pub fn new<F, S>(connect: impl Fn(Uri) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = io::Result<S>> + Send + 'static,
        S: Carrier + 'static,
    {
        Connector(Arc::new(move |uri| {
            let connected = connect(uri);
            Box::pin(async { connected.await.map(|stream| TokioIo::new(Box::new(stream) as Box<dyn Carrier>)) })
        }))
    }
}

impl Connector {
    async fn dial(
        &self,
        to: &Endpoint,
        pings: LinkPings,
        hello: &GatewayHello,
        queue: Limits,
    ) -> Result<Dialed, String> {
        let Connector(connect) = self.clone();
        let connector = tower::service_fn(move |uri| connect(uri));
        dial_grpc(endpoint(to, pings).connect_with_connector(connector), hello, queue).await
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}

/// What a link can go over.
pub trait Carrier: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Carrier for S {}

/// Where a matchmaker is.
#[derive(Clone, Debug)]
pub enum Address {
    /// There, over TCP.
    Tcp(Box<Endpoint>),
    /// There, over TLS.
    Tls(TlsAddress),
    /// On the same host, at the Unix socket of that path.
    Unix(PathBuf),
    /// Wherever a name says: each of its addresses is a matchmaker.
    Dns(DnsAddress),
}

/// Host and port only: an address is no place for secrets, but might have one.
fn name(endpoint: &Endpoint) -> String {
    let uri = endpoint.uri();
    let port = uri.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}", uri.scheme_str().unwrap_or("http"), uri.host().unwrap_or_default())
}

/// Where matchmakers are.
#[derive(Clone, Debug)]
pub enum Matchmakers {
    /// In this process.
    Memory(MemoryDialer),
    /// There. More than one must share an engine.
    Grpc(Vec<Address>),
    /// The same over connections of the caller's making.
    GrpcOver(Connector, Vec<Endpoint>),
}

impl Matchmakers {
    /// Those that are known from the start, by what to call them, and the names by which there are more.
    pub(super) fn targets(self) -> (Vec<(String, Target)>, Vec<DnsAddress>) {
        let (mut targets, mut names) = (Vec::new(), Vec::new());
        match self {
            Matchmakers::Memory(dialer) => targets.push(("memory".to_owned(), Target::Memory(dialer))),
            Matchmakers::Grpc(addresses) => {
                for address in addresses {
                    match address {
                        Address::Tcp(endpoint) => targets.push((name(&endpoint), Target::Tcp(endpoint))),
                        Address::Tls(address) => targets.push((name(address.endpoint()), Target::Tls(address))),
                        Address::Unix(path) => targets.push((format!("unix:{}", path.display()), Target::Unix(path))),
                        Address::Dns(address) => names.push(address),
                    }
                }
            }
            Matchmakers::GrpcOver(connector, endpoints) => {
                let over = |endpoint| (name(&endpoint), Target::Over(connector.clone(), Box::new(endpoint)));
                targets.extend(endpoints.into_iter().map(over));
            }
        }
        (targets, names)
    }
}

/// Where one matchmaker is.
#[derive(Clone, Debug)]
pub(super) enum Target {
    Memory(MemoryDialer),
    Tcp(Box<Endpoint>),
    Tls(TlsAddress),
    Unix(PathBuf),
    Over(Connector, Box<Endpoint>),
}

impl Target {
    /// A link to it. Fails with words for the log.
    pub(super) async fn dial(&self, hello: GatewayHello, settings: &Settings) -> Result<Dialed, String> {
        let (pings, queue) = (settings.link_pings, settings.link_queue);
        match self {
            Target::Memory(MemoryDialer(dial)) => {
                let GatewayEnd { hello, up, down } = dial(hello);
                Ok(Dialed { hello, up, down: Down::Memory(down) })
            }
            Target::Tcp(tcp) => dial_grpc(endpoint(tcp, pings).connect(), &hello, queue).await,
            Target::Tls(address) => {
                let to = address.clone();
                let connector = Connector::new(move |_| to.clone().connect());
                connector.dial(address.endpoint(), pings, &hello, queue).await
            }
            Target::Unix(path) => {
                let path = path.clone();
                let connector = Connector::new(move |_| UnixLink::connect(path.clone()));
                // Asked for, and used for nothing.
                let nowhere = Endpoint::from_static("http://localhost");
                connector.dial(&nowhere, pings, &hello, queue).await
            }
            Target::Over(connector, endpoint) => connector.dial(endpoint, pings, &hello, queue).await,
        }
    }
}

/// A link that has just been made.
pub(super) struct Dialed {
    pub(super) hello: MatchmakerHello,
    pub(super) up: Sender<UpFrame>,
    pub(super) down: Down,
}

/// Batches from a matchmaker.
pub(super) enum Down {
    Memory(Receiver<DownFrame>),
    Grpc(Box<Streaming<v1::LinkDown>>),
}

/// Why nothing more comes over a link.
#[derive(Debug)]
pub(super) enum LinkEnd {
    /// The matchmaker ended it, and will take no other for now.
    Ended(String),
    /// Anything else.
    Broken(String),
}

impl Down {
    /// The next batch, or why there is none.
    pub(super) async fn next(&mut self) -> Result<Vec<DownFrame>, LinkEnd> {
        let ended = || LinkEnd::Ended("it ended the link".to_owned());
        match self {
            Down::Memory(receiver) => receiver.next().await.ok_or_else(ended),
            Down::Grpc(stream) => {
                let batch = stream.message().await.map_err(|status| match status.code() {
                    // What broke below gRPC has a source; this was said.
                    Code::Unavailable if status.source().is_none() => LinkEnd::Ended(describe(&status)),
                    _ => LinkEnd::Broken(describe(&status)),
                })?;
                let frames = batch.ok_or_else(ended)?.frames.into_iter();
                frames
                    .filter_map(|frame| DownFrame::from_wire(frame).transpose())
                    .collect::<Result<_, _>>()
                    .map_err(|error| LinkEnd::Broken(format!("it sent a frame that breaks the protocol: {error}")))
            }
        }
    }
}

fn endpoint(endpoint: &Endpoint, pings: LinkPings) -> Endpoint {
    endpoint
        .clone()
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        // Off by default, and a frozen matchmaker would never be noticed.
        .http2_keep_alive_interval(pings.interval)
        .keep_alive_timeout(pings.timeout)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
}

async fn dial_grpc(
    connecting: impl Future<Output = Result<Channel, Error>>,
    hello: &GatewayHello,
    queue: Limits,
) -> Result<Dialed, String> {
    let link = async { link(connecting.await.map_err(|error| sources(&error))?, hello, queue).await };
    tokio::time::timeout(HELLO_TIMEOUT, link).await.map_err(|_| "it did not answer in time".to_owned())?
}

async fn link(channel: Channel, hello: &GatewayHello, queue: Limits) -> Result<Dialed, String> {
    let (up, batches) = queue::bounded::<UpFrame>(queue);
    let first = v1::LinkUp { hello: Some(hello.into()), frames: Vec::new() };
    let later = batches.map(|frames| v1::LinkUp { hello: None, frames: frames.into_iter().map(Into::into).collect() });
    let mut client = SignalingClient::new(channel).max_decoding_message_size(LINK_MESSAGE_BYTES);
    let link = client.link(stream::iter([first]).chain(later)).await;
    let mut down = link.map_err(|status| describe(&status))?.into_inner();
    let first = down.message().await.map_err(|status| describe(&status))?;
    let hello = first.and_then(|message| message.hello).ok_or("it sent no hello")?;
    let hello = MatchmakerHello::try_from(hello).map_err(|error| error.0)?;
    Ok(Dialed { hello, up, down: Down::Grpc(Box::new(down)) })
}

fn describe(status: &Status) -> String {
    let said = format!("{:?}: {}", status.code(), status.message());
    // What broke below gRPC, such as an alert of TLS, is in no message.
    status.source().map_or_else(|| said.clone(), |cause| format!("{said}: {}", sources(cause)))
}

/// An error with its causes: tonic's own text is only "transport error".
pub fn sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        // Some repeat what they were caused by.
        if !text.ends_with(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    text
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// From the first packet to the matchmaker's hello.
const HELLO_TIMEOUT: Duration = Duration::from_secs(5);
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
