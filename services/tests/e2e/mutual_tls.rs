//! Links over mutual TLS: both sides say who they are, each refuses who is not whom it expects and says so, and a link comes about once the files
//! are right, without a restart.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::certificates::{Authority, Directory, Identity, connect};
use crate::client::{Client, PATIENCE, pair, pause};
use crate::http::get;
use crate::process::{Duet, GATEWAY, run};

const GATEWAY_ID: &str = "spiffe://duet.test/ns/chat/sa/gateway";

/// What both sides have when all is well.
struct Mesh {
    directory: Directory,
    authority: Authority,
}

impl Mesh {
    fn new() -> Self {
        let mesh = Mesh { directory: Directory::new(), authority: Authority::new() };
        mesh.directory.write("ca.pem", &mesh.authority.certificate);
        mesh.directory.write("clients.pem", &mesh.authority.certificate);
        mesh.directory.write_identity("matchmaker", &mesh.authority.sign(&["localhost"]));
        mesh.directory.write_identity("gateway", &mesh.gateway());
        mesh
    }

    fn gateway(&self) -> Identity {
        self.authority.sign(&[GATEWAY_ID])
    }

    fn matchmaker(&self, address: &str, names: &str) -> Duet {
        let path = |name| self.directory.path(name);
        Duet::start_with(
            &["matchmaker", "--grpc-listen", address],
            &[
                ("GRPC_TLS_CERT_FILE", &path("matchmaker.pem")),
                ("GRPC_TLS_KEY_FILE", &path("matchmaker.key")),
                ("GRPC_TLS_CLIENT_CA_FILE", &path("clients.pem")),
                ("GRPC_TLS_CLIENT_NAMES", names),
            ],
        )
    }

    fn link(&self, matchmaker: &Duet, environment: &[(&str, &str)]) -> Duet {
        let port = matchmaker.address("gRPC").rsplit_once(':').unwrap().1.to_owned();
        let url = format!("https://localhost:{port}");
        let ca = self.directory.path("ca.pem");
        let environment = [&[("MATCHMAKER_URL", &*url), ("MATCHMAKER_CA_FILE", &ca)], environment].concat();
        Duet::start_with(&[&["gateway", "--workers", "1"], GATEWAY].concat(), &environment)
    }

    /// With a certificate.
    fn known(&self, matchmaker: &Duet) -> Duet {
        let [cert, key] = ["gateway.pem", "gateway.key"].map(|name| self.directory.path(name));
        self.link(matchmaker, &[("MATCHMAKER_CERT_FILE", &cert), ("MATCHMAKER_KEY_FILE", &key)])
    }
}

async fn ready(gateway: &Duet) {
    let address = gateway.address("WebSocket");
    let ready = async {
        while get(&address, "/readyz").await.status != 200 {
            pause(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, ready).await.expect("never ready");
}

#[tokio::test]
async fn clients_of_a_gateway_that_is_known_meet_and_new_certificates_part_nobody() {
    let mesh = Mesh::new();
    let matchmaker = mesh.matchmaker("127.0.0.1:0", &format!("other.duet.test, {GATEWAY_ID}"));
    let gateway = mesh.known(&matchmaker);
    let (mut waiter, mut comer, _) = pair(&gateway.address("WebSocket")).await;

    mesh.directory.write_identity("matchmaker", &mesh.authority.sign(&["localhost"]));
    mesh.directory.write_identity("gateway", &mesh.gateway());
    for process in [&matchmaker, &gateway] {
        process.signal("HUP");
        process.logged(&["SIGHUP", "bad=0"]).await;
    }
    comer.say(r#"{"type":"ice","candidate":"after"}"#).await;
    assert_eq!(waiter.expect("ice").await["candidate"], "after");

    // A link that breaks comes back under them.
    let address = matchmaker.address("gRPC");
    drop(matchmaker);
    let _matchmaker = mesh.matchmaker(&address, GATEWAY_ID);
    waiter.say(r#"{"type":"ice","candidate":"back"}"#).await;
    assert_eq!(comer.expect("ice").await["candidate"], "back");
}

#[tokio::test]
async fn a_matchmaker_that_is_found_by_name_must_be_known_by_the_name_that_is_set() {
    let mesh = Mesh::new();
    let matchmaker = mesh.matchmaker("127.0.0.1:0", GATEWAY_ID);
    let [cert, key] = ["gateway.pem", "gateway.key"].map(|name| mesh.directory.path(name));
    let address = matchmaker.address("gRPC");
    let url = format!("dns+https://{address}");
    let by_name = [("MATCHMAKER_URL", &*url), ("MATCHMAKER_CERT_FILE", &cert), ("MATCHMAKER_KEY_FILE", &key)];
    let stranger = mesh.link(&matchmaker, &by_name);
    stranger.logged(&["no link to the matchmaker", "https://", "not valid for name"]).await;
    let known = mesh.link(&matchmaker, &[&by_name[..], &[("MATCHMAKER_TLS_NAME", "localhost")]].concat());
    pair(&known.address("WebSocket")).await;
}

/// What is wrong in a case: files that are replaced by bad ones before the start.
struct Wrong<'a> {
    what: &'a str,
    spoil: fn(&Mesh),
    /// In the gateway's log, in one line.
    gateway_says: &'a [&'a str],
    /// In the matchmaker's.
    matchmaker_says: &'a [&'a str],
    /// Who reads the good files again.
    matchmaker_reads: bool,
}

const WRONG: &[Wrong<'_>] = &[
    Wrong {
        what: "the gateway trusts another authority",
        spoil: |mesh| drop(mesh.directory.write("ca.pem", &Authority::new().certificate)),
        gateway_says: &["no link to the matchmaker", "UnknownIssuer"],
        matchmaker_says: &["WARN", "a TLS handshake failed", "UnknownCA"],
        matchmaker_reads: false,
    },
    Wrong {
        what: "the matchmaker's certificate is for another name",
        spoil: |mesh| drop(mesh.directory.write_identity("matchmaker", &mesh.authority.sign(&["other.duet.test"]))),
        gateway_says: &["no link to the matchmaker", "not valid for name", "localhost"],
        matchmaker_says: &["WARN", "a TLS handshake failed", "alert"],
        matchmaker_reads: true,
    },
    Wrong {
        what: "the matchmaker's certificate has expired",
        spoil: |mesh| drop(mesh.directory.write_identity("matchmaker", &mesh.authority.sign_expired(&["localhost"]))),
        gateway_says: &["no link to the matchmaker", "expired"],
        matchmaker_says: &["WARN", "a TLS handshake failed", "CertificateExpired"],
        matchmaker_reads: true,
    },
    Wrong {
        what: "the gateway's certificate is signed by somebody else",
        spoil: |mesh| drop(mesh.directory.write_identity("gateway", &Authority::new().sign(&[GATEWAY_ID]))),
        gateway_says: &["no link to the matchmaker", "alert"],
        matchmaker_says: &["WARN", "a TLS handshake failed", "UnknownIssuer"],
        matchmaker_reads: false,
    },
    Wrong {
        what: "the gateway's certificate has expired",
        spoil: |mesh| drop(mesh.directory.write_identity("gateway", &mesh.authority.sign_expired(&[GATEWAY_ID]))),
        gateway_says: &["no link to the matchmaker", "CertificateExpired"],
        matchmaker_says: &["WARN", "a TLS handshake failed", "expired"],
        matchmaker_reads: false,
    },
    Wrong {
        what: "the gateway's certificate has another name",
        spoil: |mesh| drop(mesh.directory.write_identity("gateway", &mesh.authority.sign(&["other.duet.test"]))),
        gateway_says: &["no link to the matchmaker", "PermissionDenied", "none of the names"],
        matchmaker_says: &["WARN", "a call was refused", "duet.v1.Signaling", "other.duet.test"],
        matchmaker_reads: false,
    },
];

#[tokio::test]
async fn who_is_not_whom_the_other_expects_is_refused_until_the_files_are_right() {
    for wrong in WRONG {
        let mesh = Mesh::new();
        (wrong.spoil)(&mesh);
        let matchmaker = mesh.matchmaker("127.0.0.1:0", GATEWAY_ID);
        let gateway = mesh.known(&matchmaker);
        gateway.logged(wrong.gateway_says).await;
        matchmaker.logged(wrong.matchmaker_says).await;
        assert_eq!(get(&gateway.address("WebSocket"), "/readyz").await.status, 503, "{}", wrong.what);

        mesh.directory.write("ca.pem", &mesh.authority.certificate);
        mesh.directory.write_identity("matchmaker", &mesh.authority.sign(&["localhost"]));
        mesh.directory.write_identity("gateway", &mesh.gateway());
        if wrong.matchmaker_reads { &matchmaker } else { &gateway }.signal("HUP");
        ready(&gateway).await;
        Client::connect(&gateway.address("WebSocket")).await;
    }
}

#[tokio::test]
async fn who_shows_no_certificate_is_refused() {
    let mesh = Mesh::new();
    let matchmaker = mesh.matchmaker("127.0.0.1:0", GATEWAY_ID);
    let gateway = mesh.link(&matchmaker, &[]);
    gateway.logged(&["no link to the matchmaker", "Unauthenticated", "a client certificate is needed"]).await;
    matchmaker.logged(&["WARN", "a call was refused", "none was shown"]).await;
    let plain = format!("http://{}", matchmaker.address("gRPC"));
    let gateway = Duet::start(&[&["gateway", "--matchmaker-url", &plain], GATEWAY].concat());
    gateway.logged(&["no link to the matchmaker"]).await;
    assert_eq!(get(&gateway.address("WebSocket"), "/readyz").await.status, 503, "it speaks no plaintext");
}

#[tokio::test]
async fn who_never_finishes_a_handshake_with_the_matchmaker_is_closed_and_delays_no_link() {
    let mesh = Mesh::new();
    let matchmaker = mesh.matchmaker("127.0.0.1:0", GATEWAY_ID);
    let mut slow = Vec::new();
    for said in
        [&[][..], &[0x16, 3, 1], &[0x16, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc, 3, 3], b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
    {
        let mut stream = TcpStream::connect(matchmaker.address("gRPC")).await.unwrap();
        stream.write_all(said).await.unwrap();
        slow.push(stream);
    }
    // And one that has shaken hands, but speaks no HTTP/2.
    let mut silent = connect(&matchmaker.address("gRPC"), &mesh.authority.client(), "h2").await.unwrap();
    let gateway = mesh.known(&matchmaker);
    ready(&gateway).await;
    for mut stream in slow {
        let _ = timeout(PATIENCE, stream.read_to_end(&mut Vec::new())).await.expect("it is still open");
    }
    let _ = timeout(PATIENCE, silent.read_to_end(&mut Vec::new())).await.expect("it is still open");
    Client::connect(&gateway.address("WebSocket")).await.available().await;
}

#[tokio::test]
async fn the_name_to_check_can_be_another_than_the_address() {
    let mesh = Mesh::new();
    mesh.directory.write_identity("matchmaker", &mesh.authority.sign(&["matchmaker.duet.test"]));
    let matchmaker = mesh.matchmaker("127.0.0.1:0", GATEWAY_ID);
    let [cert, key] = ["gateway.pem", "gateway.key"].map(|name| mesh.directory.path(name));
    let identity = [("MATCHMAKER_CERT_FILE", &*cert), ("MATCHMAKER_KEY_FILE", &*key)];
    let named = |name| [&identity[..], &[("MATCHMAKER_TLS_NAME", name)]].concat();
    ready(&mesh.link(&matchmaker, &named("matchmaker.duet.test"))).await;

    // A name that is a URI is judged by rules of ours, so all that rustls checks of the others is checked here.
    const ID: &str = "spiffe://duet.test/ns/chat/sa/matchmaker";
    let gateway = mesh.link(&matchmaker, &named(ID));
    for (wrong, told) in [
        (mesh.authority.sign(&["matchmaker.duet.test"]), "NotForUri"),
        (mesh.authority.sign(&[&format!("{ID}2"), "localhost"]), "NotForUri"),
        (Authority::new().sign(&[ID]), "UnknownIssuer"),
        (mesh.authority.sign_expired(&[ID]), "expired"),
    ] {
        mesh.directory.write_identity("matchmaker", &wrong);
        matchmaker.signal("HUP");
        matchmaker.logged(&["SIGHUP", "bad=0"]).await;
        let gateway = mesh.link(&matchmaker, &named(ID));
        gateway.logged(&["no link to the matchmaker", told]).await;
        assert_eq!(get(&gateway.address("WebSocket"), "/readyz").await.status, 503);
    }
    mesh.directory.write_identity("matchmaker", &mesh.authority.sign(&[ID]));
    matchmaker.signal("HUP");
    ready(&gateway).await;
}

#[test]
fn a_port_that_others_reach_is_encrypted_or_said_not_to_be() {
    for (args, tls) in [
        (["matchmaker", "--grpc-listen", "0.0.0.0:0"], "GRPC_TLS_CERT_FILE"),
        (["matchmaker", "--grpc-listen", "[::]:0"], "GRPC_TLS_CERT_FILE"),
        (["standalone", "--grpc-listen", "0.0.0.0:0"], "GRPC_TLS_CERT_FILE"),
        (["standalone", "--query-listen", "0.0.0.0:0"], "QUERY_TLS_CERT_FILE"),
    ] {
        for environment in [&[][..], &[("GRPC_PLAINTEXT", "false")]] {
            let (status, stdout, stderr) = run(&args, environment);
            assert_eq!((status, &*stdout), (Some(64), ""), "{args:?}: {stderr}");
            assert!(stderr.contains(tls) && stderr.contains("GRPC_PLAINTEXT=true"), "{stderr}");
        }
    }
    Duet::start(&["matchmaker", "--grpc-listen", "0.0.0.0:0", "--grpc-plaintext", "true"]);
    let (directory, authority) = (Directory::new(), Authority::new());
    let [cert, key] = directory.write_identity("matchmaker", &authority.sign(&["localhost"]));
    Duet::start(&[
        "matchmaker",
        "--grpc-listen",
        "0.0.0.0:0",
        "--grpc-tls-cert-file",
        &cert,
        "--grpc-tls-key-file",
        &key,
    ]);
}

#[test]
fn settings_that_need_each_other_are_named() {
    let directory = Directory::new();
    let [cert, key] = directory.write_identity("any", &Authority::new().sign(&["localhost"]));
    for (verb, environment, named) in [
        ("gateway", &[("MATCHMAKER_URL", "https://localhost:1")][..], "MATCHMAKER_CA_FILE"),
        ("gateway", &[("MATCHMAKER_CA_FILE", &*cert)], "MATCHMAKER_URL"),
        ("gateway", &[("MATCHMAKER_CERT_FILE", &cert)], "MATCHMAKER_KEY_FILE"),
        ("gateway", &[("MATCHMAKER_TLS_NAME", "localhost")], "MATCHMAKER_URL"),
        ("matchmaker", &[("GRPC_TLS_CERT_FILE", &cert)], "GRPC_TLS_KEY_FILE"),
        ("matchmaker", &[("GRPC_TLS_CLIENT_CA_FILE", &cert)], "GRPC_TLS_CERT_FILE"),
        ("matchmaker", &[("GRPC_TLS_CLIENT_NAMES", "a.test")], "GRPC_TLS_CLIENT_CA_FILE"),
        ("matchmaker", &[("QUERY_TLS_CERT_FILE", &cert), ("QUERY_TLS_KEY_FILE", &key)], "QUERY_LISTEN"),
        ("matchmaker", &[("QUERY_TLS_CLIENT_CA_FILE", &cert)], "QUERY_TLS_CERT_FILE"),
        ("matchmaker", &[("QUERY_TOKEN_FILE", &cert)], "QUERY_TOKEN_FILE"),
    ] {
        let listen = if verb == "gateway" { GATEWAY } else { &["--grpc-listen", "127.0.0.1:0"] };
        let (status, stdout, stderr) = run(&[&[verb], listen].concat(), environment);
        assert_eq!((status, &*stdout), (Some(64), ""), "{environment:?}: {stderr}");
        assert!(stderr.contains(named), "{named}: {stderr}");
    }
}
