//! TLS on the gateway's own port: browsers' side of it, certificates that change while calls are up, and clients that never finish a handshake.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use rustls::ClientConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::certificates::{Authority, Directory, Identity, channel, connect};
use crate::client::{PATIENCE, pause};
use crate::process::{Duet, GATEWAY, run};

/// A WebSocket over TLS.
struct Secure(WebSocketStream<TlsStream<TcpStream>>);

impl Secure {
    async fn connect(gateway: &str, config: &ClientConfig) -> Self {
        let stream = connect(gateway, config, "http/1.1").await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        let (socket, _) = client_async("wss://localhost/ws", stream).await.unwrap();
        let mut client = Secure(socket);
        client.expect("ready").await;
        client
    }

    async fn say(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    async fn expect(&mut self, kind: &str) -> Value {
        let message = timeout(PATIENCE, self.0.next()).await.expect("no message in time").unwrap().unwrap();
        let message: Value = serde_json::from_str(message.to_text().unwrap()).unwrap();
        assert_eq!(message["type"], kind, "{message}");
        message
    }

    async fn is_there(&mut self) {
        self.say(r#"{"type":"ping"}"#).await;
        self.expect("pong").await;
    }

    /// The certificate that it was shown.
    fn certificate(&self) -> CertificateDer<'static> {
        self.0.get_ref().get_ref().1.peer_certificates().unwrap()[0].clone()
    }
}

fn der(identity: &Identity) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(identity.certificate.as_bytes()).unwrap()
}

fn start(files: &[String; 2], more: &[&str]) -> Duet {
    let tls = ["standalone", "--tls-cert-file", &files[0], "--tls-key-file", &files[1]];
    Duet::start(&[&tls, GATEWAY, more].concat())
}

#[tokio::test]
async fn browsers_meet_over_wss() {
    let (authority, directory) = (Authority::new(), Directory::new());
    let duet = start(&directory.write_identity("gateway", &authority.sign(&["localhost"])), &[]);
    let gateway = duet.address("WebSocket");
    let mut waiter = Secure::connect(&gateway, &authority.client()).await;
    waiter.say(r#"{"type":"available"}"#).await;
    waiter.expect("waiting").await;
    let mut comer = Secure::connect(&gateway, &authority.old_client()).await;
    comer.say(r#"{"type":"available"}"#).await;
    waiter.expect("matched").await;
    comer.expect("matched").await;
    // More than one record, and more than TLS holds by itself.
    let sdp = format!("v=0\r\n{}", "a=x\r\n".repeat(6_000));
    let offer = serde_json::json!({ "type": "offer", "sdp": sdp });
    comer.say(&offer.to_string()).await;
    assert_eq!(waiter.expect("offer").await["sdp"], offer["sdp"]);
    waiter.0.close(None).await.unwrap();
    comer.expect("partner-left").await;
}

#[tokio::test]
async fn other_protocols_and_plain_http_are_no_way_in() {
    let (authority, directory) = (Authority::new(), Directory::new());
    let duet = start(&directory.write_identity("gateway", &authority.sign(&["localhost"])), &[]);
    let gateway = duet.address("WebSocket");
    assert!(connect(&gateway, &authority.client(), "h2").await.is_err(), "only http/1.1 is offered");
    assert!(connect(&gateway, &Authority::new().client(), "http/1.1").await.is_err(), "another authority");
    let mut plain = TcpStream::connect(&gateway).await.unwrap();
    plain.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, plain.read_to_end(&mut answer)).await.expect("still open");
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    Secure::connect(&gateway, &authority.client()).await.is_there().await;
}

#[tokio::test]
async fn a_certificate_is_replaced_without_dropping_anyone_and_a_bad_one_is_not_taken() {
    let (authority, directory) = (Authority::new(), Directory::new());
    let [first, second] = [(); 2].map(|()| authority.sign(&["localhost"]));
    let files = directory.write_identity("gateway", &first);
    let token = |letter: &str| letter.repeat(32);
    let tokens = directory.write("tokens", &token("a"));
    let duet = start(&files, &["--grpc-listen", "127.0.0.1:0", "--query-token-file", &tokens]);
    let gateway = duet.address("WebSocket");
    let client = authority.client();
    let mut early = Secure::connect(&gateway, &client).await;
    assert_eq!(early.certificate(), der(&first));

    directory.write_identity("gateway", &second);
    duet.signal("HUP");
    let replaced = async {
        while Secure::connect(&gateway, &client).await.certificate() != der(&second) {
            pause(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, replaced).await.expect("the old certificate is still shown");
    early.is_there().await;

    directory.write("gateway.pem", "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n");
    directory.write("tokens", &token("b"));
    duet.signal("HUP");
    duet.logged(&["ERROR", "TLS_CERT_FILE"]).await;
    duet.logged(&["SIGHUP", "bad=1"]).await;
    let after = Secure::connect(&gateway, &client).await;
    assert_eq!(after.certificate(), der(&second), "the last good one goes on");
    early.is_there().await;
    let channel = tonic::transport::Endpoint::from_shared(format!("http://{}", duet.address("gRPC"))).unwrap();
    let mut query = duet_proto::v1::matchmaker_client::MatchmakerClient::new(channel.connect().await.unwrap());
    let mut request = tonic::Request::new(duet_proto::v1::GetStatsRequest {});
    request.metadata_mut().insert("authorization", format!("Bearer {}", token("b")).parse().unwrap());
    query.get_stats(request).await.expect("one bad file does not keep the others from being read");
    duet.signal("TERM");
    let (status, log) = duet.ended();
    assert!(status.success());
    assert!(!log.contains("nonsense") && !log.contains(&token("b")), "{log}");
}

#[tokio::test]
async fn slow_handshakes_are_closed_and_delay_nobody() {
    let (authority, directory) = (Authority::new(), Directory::new());
    let files = directory.write_identity("gateway", &authority.sign(&["localhost"]));
    let duet = start(&files, &["--header-timeout-ms", "1000", "--workers", "1"]);
    let gateway = duet.address("WebSocket");
    let mut slow = Vec::new();
    // Nothing; the head of a record that never comes; the beginning of a hello.
    for said in [&[][..], &[0x16, 3, 1], &[0x16, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc, 3, 3]].repeat(50) {
        let mut stream = TcpStream::connect(&gateway).await.unwrap();
        stream.write_all(said).await.unwrap();
        slow.push(stream);
    }
    let mut client = Secure::connect(&gateway, &authority.client()).await;
    client.is_there().await;
    for mut stream in slow {
        let mut rest = Vec::new();
        let _ = timeout(PATIENCE, stream.read_to_end(&mut rest)).await.expect("a slow handshake is still open");
    }
    client.is_there().await;
}

#[tokio::test]
async fn who_reads_nothing_is_dropped() {
    let (authority, directory) = (Authority::new(), Directory::new());
    let files = directory.write_identity("gateway", &authority.sign(&["localhost"]));
    let bounds = ["--write-timeout-ms", "300", "--max-outbound-bytes", "65536", "--message-rate", "0"];
    let duet = start(&files, &bounds);
    let gateway = duet.address("WebSocket");
    let mut deaf = Secure::connect(&gateway, &authority.client()).await;
    deaf.say(r#"{"type":"available"}"#).await;
    deaf.expect("waiting").await;
    let mut comer = Secure::connect(&gateway, &authority.client()).await;
    comer.say(r#"{"type":"available"}"#).await;
    deaf.expect("matched").await;
    comer.expect("matched").await;
    let (mut say, mut hear) = comer.0.split();
    let offer = serde_json::json!({ "type": "offer", "sdp": format!("v=0\r\n{}", "a=x\r\n".repeat(6_000)) });
    let talking = async { while say.send(Message::text(offer.to_string())).await.is_ok() {} };
    let left = async { while !hear.next().await.unwrap().unwrap().to_text().unwrap().contains("partner-left") {} };
    let parted = async {
        tokio::select! {
            () = left => {}
            () = talking => panic!("who talked was closed"),
        }
    };
    timeout(PATIENCE, parted).await.expect("a client that reads nothing is still there");
}

#[test]
fn certificates_that_make_no_sense_are_named_before_a_port_is_bound() {
    let (authority, directory) = (Authority::new(), Directory::new());
    let [one, other] = [(); 2].map(|()| authority.sign(&["localhost"]));
    let [cert, key] = directory.write_identity("one", &one);
    let [_, others_key] = directory.write_identity("other", &other);
    let nonsense = directory.write("nonsense", "secret-nonsense");
    let missing = directory.path("missing");
    for (cert, key, named) in [
        (Some(&cert), None, "TLS_KEY_FILE"),
        (None, Some(&key), "TLS_CERT_FILE"),
        (Some(&missing), Some(&key), "TLS_CERT_FILE"),
        (Some(&cert), Some(&missing), "TLS_KEY_FILE"),
        (Some(&nonsense), Some(&key), "TLS_CERT_FILE"),
        (Some(&cert), Some(&nonsense), "TLS_KEY_FILE"),
        (Some(&cert), Some(&cert), "TLS_KEY_FILE"),
        (Some(&key), Some(&key), "TLS_CERT_FILE"),
        (Some(&cert), Some(&others_key), "TLS_CERT_FILE, TLS_KEY_FILE"),
    ] {
        for verb in ["standalone", "gateway"] {
            let given = [cert.map(|path| ("TLS_CERT_FILE", &**path)), key.map(|path| ("TLS_KEY_FILE", &**path))];
            let environment: Vec<_> = given.into_iter().flatten().collect();
            let (status, stdout, stderr) = run(&[&[verb], GATEWAY].concat(), &environment);
            assert_eq!((status, &*stdout), (Some(64), ""), "{environment:?}: {stderr}");
            assert!(stderr.contains(named) && !stderr.contains("secret"), "{named}: {stderr}");
        }
    }
}

#[tokio::test]
async fn the_health_check_asks_by_tls() {
    let (authority, directory) = (Authority::new(), Directory::new());
    let files = directory.write_identity("duet", &authority.sign(&["localhost"]));
    let ca = directory.write("ca.pem", &authority.certificate);
    let others = directory.write("others.pem", &Authority::new().certificate);
    let grpc = ["--grpc-tls-cert-file", &files[0], "--grpc-tls-key-file", &files[1], "--grpc-tls-client-ca-file", &ca];
    let duet = start(&files, &[&grpc[..], &["--grpc-listen", "127.0.0.1:0"]].concat());
    let port = |name| duet.address(name).rsplit_once(':').unwrap().1.to_owned();
    let (https, grpcs) = (port("WebSocket"), port("gRPC"));
    let check = |environment: &[(&str, &str)]| run(&["healthcheck"], environment).0;
    assert_eq!(check(&[("PORT", &https), ("TLS_CERT_FILE", &files[0])]), Some(0), "as in its own container");
    assert_eq!(check(&[("PORT", &https)]), Some(1), "it speaks no http");
    for url in [format!("https://localhost:{https}/healthz"), format!("grpcs://localhost:{grpcs}")] {
        let url = ("HEALTHCHECK_URL", &*url);
        assert_eq!(check(&[url]), Some(64));
        assert_eq!(check(&[url, ("HEALTHCHECK_CA_FILE", &ca)]), Some(0));
        assert_eq!(check(&[url, ("HEALTHCHECK_CA_FILE", &others)]), Some(1));
        assert_eq!(check(&[url, ("HEALTHCHECK_CA_FILE", &files[1])]), Some(64), "a key is no authority");
        assert_eq!(check(&[url, ("HEALTHCHECK_INSECURE", "true")]), Some(0));
    }
    let by_address = format!("https://127.0.0.1:{https}/healthz");
    assert_eq!(check(&[("HEALTHCHECK_URL", &by_address), ("HEALTHCHECK_CA_FILE", &ca)]), Some(1), "not its name");
    let elsewhere = [("HEALTHCHECK_URL", "https://192.0.2.1/healthz"), ("HEALTHCHECK_INSECURE", "true")];
    assert_eq!(check(&elsewhere), Some(64), "only this host may go unproven");
    // What is open to probes is open without a certificate.
    let channel = channel(&duet.address("gRPC"), &authority.client()).await.unwrap();
    let mut health = tonic_health::pb::health_client::HealthClient::new(channel);
    health.check(tonic_health::pb::HealthCheckRequest { service: String::new() }).await.unwrap();
}
