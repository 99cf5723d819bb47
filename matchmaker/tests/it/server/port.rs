//! The port itself: health, reflection, limits, and how it stops.

use futures_util::stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};
use tonic_reflection::pb::{v1, v1alpha};

use super::*;

const SERVICES: [&str; 3] = ["", "duet.v1.Signaling", "duet.v1.Matchmaker"];

#[tokio::test]
async fn health_is_checked_and_watched_by_service_until_the_end() {
    let running = Running::start().await;
    let mut health = HealthClient::new(running.channel().await);
    let mut watches = Vec::new();
    for service in SERVICES {
        let request = HealthCheckRequest { service: service.into() };
        let checked = within(health.check(request.clone())).await.unwrap().into_inner();
        assert_eq!(checked, HealthCheckResponse { status: ServingStatus::Serving.into() });
        let mut watch = within(health.watch(request)).await.unwrap().into_inner();
        assert_eq!(within(watch.message()).await.unwrap(), Some(checked));
        watches.push(watch);
    }
    let unknown = HealthCheckRequest { service: "duet.v1.Nobody".into() };
    assert_eq!(within(health.check(unknown)).await.unwrap_err().code(), tonic::Code::NotFound);
    running.stop().await;
    for mut watch in watches {
        let last = HealthCheckResponse { status: ServingStatus::NotServing.into() };
        assert_eq!(within(watch.message()).await.unwrap(), Some(last));
        assert_eq!(within(watch.message()).await.unwrap(), None);
    }
}

#[tokio::test]
async fn reflection_lists_every_service_in_both_versions() {
    let running = Running::start().await;
    let mut expected = vec!["duet.v1.Admin", "duet.v1.Matchmaker", "duet.v1.Signaling", "grpc.health.v1.Health"];

    let request = v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(v1::server_reflection_request::MessageRequest::ListServices(String::new())),
    };
    let mut client = v1::server_reflection_client::ServerReflectionClient::new(running.channel().await);
    let answer = within(client.server_reflection_info(stream::iter([request]))).await.unwrap();
    let answer = within(answer.into_inner().message()).await.unwrap().unwrap().message_response.unwrap();
    let v1::server_reflection_response::MessageResponse::ListServicesResponse(list) = answer else {
        panic!("{answer:?}")
    };
    let mut names: Vec<_> = list.service.iter().map(|service| service.name.as_str()).collect();
    names.sort_unstable();
    expected.push("grpc.reflection.v1.ServerReflection");
    assert_eq!(names, expected);

    let symbol = "duet.v1.Signaling.Link".into();
    let request = v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(v1alpha::server_reflection_request::MessageRequest::FileContainingSymbol(symbol)),
    };
    let mut client = v1alpha::server_reflection_client::ServerReflectionClient::new(running.channel().await);
    let answer = within(client.server_reflection_info(stream::iter([request]))).await.unwrap();
    let answer = within(answer.into_inner().message()).await.unwrap().unwrap().message_response.unwrap();
    let v1alpha::server_reflection_response::MessageResponse::FileDescriptorResponse(found) = answer else {
        panic!("{answer:?}")
    };
    assert!(!found.file_descriptor_proto.is_empty());
}

/// Reads until the server closes; whatever it says before is its business.
async fn closed(mut socket: TcpStream) {
    let mut rest = Vec::new();
    // A reset is a close, too.
    let _ = within(socket.read_to_end(&mut rest)).await;
}

#[tokio::test]
async fn a_connection_that_does_not_begin_http_2_is_closed() {
    let port = PortConfig { preface_within: Duration::from_millis(20), ..PortConfig::default() };
    let running = Running::start_with(Config::default(), port).await;
    for said in ["", "PRI * HTTP/2.0\r\n", "GET / HTTP/1.1\r\nhost: a\r\n\r\n"] {
        let mut socket = TcpStream::connect(running.address).await.unwrap();
        socket.write_all(said.as_bytes()).await.unwrap();
        closed(socket).await;
    }
    // A connection that did begin outlives that deadline.
    let mut health = HealthClient::new(running.channel().await);
    let silent = TcpStream::connect(running.address).await.unwrap();
    closed(silent).await;
    assert!(within(health.check(HealthCheckRequest { service: String::new() })).await.is_ok());
}

#[tokio::test]
async fn connections_over_the_bound_wait_for_a_free_place() {
    let port = PortConfig { connections: 1, preface_within: Duration::from_millis(20), ..PortConfig::default() };
    let running = Running::start_with(Config::default(), port).await;
    let silent: Vec<TcpStream> = [TcpStream::connect(running.address).await, TcpStream::connect(running.address).await]
        .into_iter()
        .map(Result::unwrap)
        .collect();
    let mut health = HealthClient::new(running.channel().await);
    assert!(within(health.check(HealthCheckRequest { service: String::new() })).await.is_ok());
    for socket in silent {
        closed(socket).await;
    }
}

#[tokio::test]
async fn a_stop_cuts_off_what_does_not_end_by_itself() {
    let port = PortConfig { drain_within: Duration::from_millis(20), ..PortConfig::default() };
    let running = Running::start_with(Config::default(), port).await;
    let mut client = v1::server_reflection_client::ServerReflectionClient::new(running.channel().await);
    // A stream on which nobody says anything holds its connection open.
    let held = within(client.server_reflection_info(stream::pending())).await.unwrap();
    let silent = TcpStream::connect(running.address).await.unwrap();
    running.stop().await;
    assert!(within(held.into_inner().message()).await.is_err());
    closed(silent).await;
}

#[tokio::test]
async fn a_stop_closes_the_port() {
    let running = Running::start().await;
    let address = running.address;
    running.stop().await;
    assert!(TcpStream::connect(address).await.is_err());
}
