//! Who may query: on a port of its own, with a token, with a certificate; and what stays open to probes.

use duet_proto::v1::matchmaker_client::MatchmakerClient;
use duet_proto::v1::signaling_client::SignalingClient;
use duet_proto::v1::{GetStatsRequest, LinkUp};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt;

use crate::certificates::{Authority, Directory, channel};
use crate::client::pair;
use crate::process::{Duet, GATEWAY};

const MATCHMAKER: [&str; 5] = ["matchmaker", "--grpc-listen", "127.0.0.1:0", "--query-listen", "127.0.0.1:0"];

async fn plain(address: &str) -> Channel {
    Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap()
}

async fn query(channel: &Channel, token: Option<&str>) -> Result<(), Status> {
    let mut request = Request::new(GetStatsRequest {});
    if let Some(token) = token {
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    }
    MatchmakerClient::new(channel.clone()).get_stats(request).await.map(drop)
}

async fn is_healthy(channel: &Channel) -> bool {
    HealthClient::new(channel.clone()).check(HealthCheckRequest { service: String::new() }).await.is_ok()
}

async fn link(channel: &Channel) -> Status {
    let nothing = futures_util::stream::iter([LinkUp::default()]);
    match SignalingClient::new(channel.clone()).link(nothing).await {
        Ok(mut link) => link.get_mut().message().await.unwrap_err(),
        Err(status) => status,
    }
}

async fn reflection(channel: &Channel) -> Result<(), Status> {
    use tonic_reflection::pb::v1::{
        ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
        server_reflection_request::MessageRequest,
    };
    let list = MessageRequest::ListServices(String::new());
    let request = ServerReflectionRequest { host: String::new(), message_request: Some(list) };
    let asked = futures_util::stream::iter([request]);
    let mut answers = ServerReflectionClient::new(channel.clone()).server_reflection_info(asked).await?.into_inner();
    answers.message().await.map(|answer| assert!(answer.is_some()))
}

fn code(result: Result<(), Status>) -> Code {
    result.map_or_else(|status| status.code(), |()| Code::Ok)
}

#[tokio::test]
async fn with_a_port_of_their_own_queries_are_asked_there_and_links_only_elsewhere() {
    let matchmaker = Duet::start(&MATCHMAKER);
    let (links, queries) = (plain(&matchmaker.address("gRPC")).await, plain(&matchmaker.address("Queries")).await);
    assert!(is_healthy(&links).await && is_healthy(&queries).await);
    assert_eq!(code(query(&links, None).await), Code::Unimplemented);
    assert_eq!(code(reflection(&links).await), Code::Unimplemented);
    assert_eq!(link(&links).await.code(), Code::FailedPrecondition, "a link without a hello");
    assert_eq!(code(query(&queries, None).await), Code::Ok);
    assert_eq!(code(reflection(&queries).await), Code::Ok);
    assert_eq!(link(&queries).await.code(), Code::Unimplemented);

    let url = format!("http://{}", matchmaker.address("gRPC"));
    let gateway = Duet::start(&[&["gateway", "--matchmaker-url", &url], GATEWAY].concat());
    let _room = pair(&gateway.address("WebSocket")).await;
    let stats = MatchmakerClient::new(queries).get_stats(GetStatsRequest {}).await.unwrap().into_inner();
    assert_eq!(stats.rooms, 1);
    matchmaker.signal("TERM");
    assert!(matchmaker.ended().0.success(), "both ports end");
}

#[tokio::test]
async fn standalone_may_answer_queries_and_take_no_links() {
    let duet = Duet::start(&[&["standalone", "--query-listen", "127.0.0.1:0"], GATEWAY].concat());
    let queries = plain(&duet.address("Queries")).await;
    assert_eq!(code(query(&queries, None).await), Code::Ok);
    assert_eq!(link(&queries).await.code(), Code::Unimplemented);
}

#[tokio::test]
async fn a_token_is_asked_for_and_can_be_rotated() {
    let directory = Directory::new();
    let [old, new] = ["old", "new"].map(|word| word.repeat(11));
    let file = directory.write("tokens", &format!("# of the dashboard\n{old}\n"));
    for ports in [&MATCHMAKER[..], &MATCHMAKER[..3]] {
        directory.write("tokens", &format!("# of the dashboard\n{old}\n"));
        let matchmaker = Duet::start(&[ports, &["--query-token-file", &file]].concat());
        let line = if ports.len() > 3 { "Queries" } else { "gRPC" };
        let channel = plain(&matchmaker.address(line)).await;
        for (token, reason) in
            [(None, "TOKEN_MISSING"), (Some(&new), "TOKEN_INVALID"), (Some(&old[1..].to_owned()), "TOKEN_INVALID")]
        {
            let refused = query(&channel, token.map(String::as_str)).await.unwrap_err();
            assert_eq!(refused.code(), Code::Unauthenticated);
            let told = refused.get_details_error_info().unwrap();
            assert_eq!((&*told.reason, &*told.domain), (reason, "duet.v1"));
        }
        assert_eq!(code(reflection(&channel).await), Code::Unauthenticated);
        assert!(is_healthy(&channel).await, "probes have no token");
        assert_eq!(code(query(&channel, Some(&old)).await), Code::Ok);
        if line == "gRPC" {
            assert_eq!(link(&channel).await.code(), Code::FailedPrecondition, "tokens are for queries");
        }

        directory.write("tokens", &format!("{old}\n{new}\n"));
        matchmaker.signal("HUP");
        matchmaker.logged(&["SIGHUP", "bad=0"]).await;
        for token in [&old, &new] {
            assert_eq!(code(query(&channel, Some(token)).await), Code::Ok);
        }
        matchmaker.signal("TERM");
        let (_, log) = matchmaker.ended();
        assert!(log.contains("a call was refused"), "{log}");
        assert!(!log.contains(&old) && !log.contains(&new), "{log}");
    }
}

#[tokio::test]
async fn a_certificate_may_be_asked_of_who_queries() {
    let (directory, authority) = (Directory::new(), Authority::new());
    let [cert, key] = directory.write_identity("matchmaker", &authority.sign(&["localhost"]));
    let ca = directory.write("ca.pem", &authority.certificate);
    let tls = ["--query-tls-cert-file", &cert, "--query-tls-key-file", &key, "--query-tls-client-ca-file", &ca];
    let matchmaker = Duet::start(&[&MATCHMAKER[..], &tls].concat());
    let address = matchmaker.address("Queries");
    let anyone = channel(&address, &authority.client()).await.unwrap();
    assert!(is_healthy(&anyone).await);
    let refused = query(&anyone, None).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    assert_eq!(refused.get_details_error_info().unwrap().reason, "CLIENT_CERTIFICATE_MISSING");
    let known = channel(&address, &authority.client_with(&authority.sign(&["dashboard.duet.test"]))).await.unwrap();
    assert_eq!(code(query(&known, None).await), Code::Ok);
    let forged = authority.client_with(&Authority::new().sign(&["dashboard.duet.test"]));
    match channel(&address, &forged).await {
        Ok(channel) => assert_ne!(code(query(&channel, None).await), Code::Ok),
        Err(_refused_at_once) => {}
    }
    // The link's port stands beside it as it was.
    assert_eq!(link(&plain(&matchmaker.address("gRPC")).await).await.code(), Code::FailedPrecondition);
}
