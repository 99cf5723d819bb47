//! An engine that is reached by other ways than TCP.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};

use duet_matchmaker::server::engine::{EngineSettings, Fault};
use duet_testing::{RedisOptions, RedisServer};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

use super::driven::{Driven, Told};
use super::pool::{client, ticket};

#[tokio::test]
async fn an_engine_of_tls_is_trusted_if_the_right_one_has_signed_its_certificate() {
    let directory = TempDir::new().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let issuer = || {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    };
    let (ca, other) = (issuer(), issuer());
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["localhost".to_owned()]).unwrap().signed_by(&key, &ca).unwrap();
    fs::write(path("cert"), certificate.pem()).unwrap();
    fs::write(path("key"), key.serialize_pem()).unwrap();
    fs::write(path("ca"), ca.pem()).unwrap();
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let arguments = [
        "--tls-port",
        &port.to_string(),
        "--tls-cert-file",
        &path("cert"),
        "--tls-key-file",
        &path("key"),
        "--tls-ca-cert-file",
        &path("ca"),
        "--tls-auth-clients",
        "no",
    ];
    let arguments = arguments.map(ToOwned::to_owned).to_vec();
    let _server = RedisServer::start_with(RedisOptions { arguments, ..RedisOptions::default() });
    let trusting = |ca: String| {
        let url = format!("rediss://localhost:{port}").parse().unwrap();
        let settings = EngineSettings { ca: Some(ca.into()), ..EngineSettings::new(url) };
        assert_eq!(settings.problem_of_ca(), None);
        Driven::start_with(settings, 1)
    };
    let mut driven = trusting(ca.pem());
    driven.seek(ticket('a'));
    assert_eq!(driven.told().await, Told::Waits(client('a')));
    trusting(other.pem()).away(Fault::Unreachable).await;
}

#[tokio::test]
async fn an_engine_on_the_same_host_is_reached_by_a_socket() {
    let directory = TempDir::new().unwrap();
    let socket = directory.path().join("socket").to_str().unwrap().to_owned();
    let arguments = vec!["--unixsocket".to_owned(), socket.clone()];
    let _server = RedisServer::start_with(RedisOptions { arguments, ..RedisOptions::default() });
    let mut driven = Driven::start(&format!("unix://{socket}"));
    driven.seek(ticket('a'));
    assert_eq!(driven.told().await, Told::Waits(client('a')));
}
