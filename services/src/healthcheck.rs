//! Asks a running process whether it is well, so that a container's health check needs no shell and no tools.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Uri};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::cli::{Healthcheck, is_of_this_host};
use crate::failure::Failure;
use crate::files::SettingFile;
use crate::tls;

/// Succeeds if the process says that it is well, within some seconds.
pub(crate) fn run(args: &Healthcheck) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::environment("the runtime can't be made", &error))?;
    let url = args.url();
    let trust = trust(args, &url)?;
    let asked = runtime.block_on(async { tokio::time::timeout(PATIENCE, ask(&url, trust)).await });
    let answered = asked.unwrap_or_else(|_| Err("it did not answer in time".into()));
    answered.map_err(|error| Failure::environment(url.to_string(), &error))
}

type Error = Box<dyn std::error::Error + Send + Sync>;

/// How what is asked by TLS must prove who it is; `None` without TLS.
fn trust(args: &Healthcheck, url: &Uri) -> Result<Option<Arc<ClientConfig>>, Failure> {
    if !matches!(url.scheme_str(), Some("https" | "grpcs")) {
        return Ok(None);
    }
    let config = match &args.healthcheck_ca_file {
        _ if args.is_insecure() => {
            if !is_of_this_host(url) {
                let host = url.host().unwrap_or_default();
                let why = format!("HEALTHCHECK_INSECURE is for this host, and {host} is another");
                return Err(Failure::Setting(why));
            }
            tls::trusting_anyone()
        }
        Some(path) => {
            let file = SettingFile::new("HEALTHCHECK_CA_FILE", path);
            tls::trusting(&file).map_err(Failure::Setting)?.with_no_client_auth()
        }
        None => {
            let why = format!("{url} needs HEALTHCHECK_CA_FILE, or on this host HEALTHCHECK_INSECURE=true");
            return Err(Failure::Setting(why));
        }
    };
    Ok(Some(Arc::new(config)))
}

async fn ask(url: &Uri, trust: Option<Arc<ClientConfig>>) -> Result<(), Error> {
    match url.scheme_str() {
        Some("http" | "https") => ask_http(url, trust).await,
        Some("grpc" | "grpcs") => ask_grpc(url, trust).await,
        _ => Err("expected a URL like http://127.0.0.1:8080/healthz or grpc://127.0.0.1:50051".into()),
    }
}

/// What carries the question.
pub(crate) trait Carrier: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Carrier for S {}

/// Connects, and proves by TLS who it is if that is asked for: whom the URL names, unless another name is given.
pub(crate) async fn connect(
    url: Uri,
    trust: Option<Arc<ClientConfig>>,
    name: Option<ServerName<'static>>,
    protocol: &[u8],
) -> io::Result<TokioIo<Box<dyn Carrier>>> {
    let invalid = |what| io::Error::new(io::ErrorKind::InvalidInput, what);
    let authority = url.authority().ok_or_else(|| invalid("the URL names no host"))?;
    let host = authority.host().trim_matches(['[', ']']);
    let default = if trust.is_some() { 443 } else { 80 };
    let stream = TcpStream::connect((host, authority.port_u16().unwrap_or(default))).await?;
    let Some(config) = trust else { return Ok(TokioIo::new(Box::new(stream))) };
    let of_url = || ServerName::try_from(host.to_owned()).map_err(|_| invalid("no certificate can be for this host"));
    let name = name.map_or_else(of_url, Ok)?;
    let mut config = Arc::unwrap_or_clone(config);
    config.alpn_protocols = vec![protocol.to_vec()];
    Ok(TokioIo::new(Box::new(TlsConnector::from(Arc::new(config)).connect(name, stream).await?)))
}

async fn ask_http(url: &Uri, trust: Option<Arc<ClientConfig>>) -> Result<(), Error> {
    let authority = url.authority().ok_or("the URL names no host")?;
    let (mut sender, connection) = http1::handshake(connect(url.clone(), trust, None, b"http/1.1").await?).await?;
    let path = url.path_and_query().map_or("/", |path| path.as_str());
    let request = Request::get(path).header(http::header::HOST, authority.as_str()).body(String::new())?;
    let response = tokio::select! {
        response = sender.send_request(request) => response?,
        ended = connection => return Err(ended.err().map_or("it closed the connection".into(), Into::into)),
    };
    if response.status().is_success() { Ok(()) } else { Err(response.status().to_string().into()) }
}

async fn ask_grpc(url: &Uri, trust: Option<Arc<ClientConfig>>) -> Result<(), Error> {
    let authority = url.authority().ok_or("the URL names no host")?;
    let endpoint = Endpoint::from_shared(format!("http://{authority}"))?;
    let connector = tower::service_fn(move |to| connect(to, trust.clone(), None, b"h2"));
    let channel = endpoint.connect_with_connector(connector).await?;
    let request = HealthCheckRequest { service: String::new() };
    let status = HealthClient::new(channel).check(request).await?.into_inner().status();
    if status == ServingStatus::Serving { Ok(()) } else { Err(status.as_str_name().into()) }
}

const PATIENCE: Duration = Duration::from_secs(5);
