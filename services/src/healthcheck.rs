//! Asks a running process whether it is well, so that a container's health check needs no shell and no tools.

use std::time::Duration;

use http::{Request, Uri};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tonic::transport::Endpoint;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::cli::Healthcheck;
use crate::failure::Failure;

/// Succeeds if the process says that it is well, within some seconds.
pub(crate) fn run(args: &Healthcheck) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::environment("the runtime can't be made", &error))?;
    let url = args.url();
    let asked = runtime.block_on(async { tokio::time::timeout(PATIENCE, ask(&url)).await });
    let answered = asked.unwrap_or_else(|_| Err("it did not answer in time".into()));
    answered.map_err(|error| Failure::environment(url.to_string(), &error))
}

type Error = Box<dyn std::error::Error>;

async fn ask(url: &Uri) -> Result<(), Error> {
    match url.scheme_str() {
        Some("http") => ask_http(url).await,
        Some("grpc") => ask_grpc(url).await,
        _ => Err("expected a URL like http://127.0.0.1:8080/healthz or grpc://127.0.0.1:50051".into()),
    }
}

async fn ask_http(url: &Uri) -> Result<(), Error> {
    let authority = url.authority().ok_or("the URL names no host")?;
    let stream =
        TcpStream::connect((authority.host().trim_matches(['[', ']']), authority.port_u16().unwrap_or(80))).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let path = url.path_and_query().map_or("/", |path| path.as_str());
    let request = Request::get(path).header(http::header::HOST, authority.as_str()).body(String::new())?;
    let response = tokio::select! {
        response = sender.send_request(request) => response?,
        ended = connection => return Err(ended.err().map_or("it closed the connection".into(), Into::into)),
    };
    if response.status().is_success() { Ok(()) } else { Err(response.status().to_string().into()) }
}

async fn ask_grpc(url: &Uri) -> Result<(), Error> {
    let authority = url.authority().ok_or("the URL names no host")?;
    let channel = Endpoint::from_shared(format!("http://{authority}"))?.connect().await?;
    let request = HealthCheckRequest { service: String::new() };
    let status = HealthClient::new(channel).check(request).await?.into_inner().status();
    if status == ServingStatus::Serving { Ok(()) } else { Err(status.as_str_name().into()) }
}

const PATIENCE: Duration = Duration::from_secs(5);
