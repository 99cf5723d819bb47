//! The log: readable by machines, without secrets however much is logged, and nothing that anybody has to wait for.

use duet_proto::v1::GetStatsRequest;
use duet_proto::v1::matchmaker_client::MatchmakerClient;
use serde_json::{Value, json};
use tonic::Request;

use crate::certificates::Directory;
use crate::client::{Client, pair};
use crate::http::get;
use crate::identity::{SECRET, auth, token};
use crate::metrics::{free_address, value};
use crate::phone::Phone;
use crate::process::{Duet, GATEWAY};

const QUERY_TOKEN: &str = "QUERYTOKEN-0123456789-0123456789-0123456789";
const TURN_SECRET: &str = "TURNSECRET-0123456789";

#[tokio::test]
async fn every_line_is_an_object_with_ids_as_fields() {
    let json = [("LOG_FORMAT", "auto"), ("RUST_LOG", "debug")];
    let duet = Duet::start_with(&[&["standalone"], GATEWAY].concat(), &json);
    let (waiter, comer, room) = pair(&duet.address("WebSocket")).await;
    let connected = duet.logged(&["a client connects", &waiter.id]).await;
    let connected: Value = serde_json::from_str(&connected).unwrap();
    assert_eq!((&connected["client"], &connected["session"].is_u64()), (&json!(waiter.id), &true));
    assert!(connected["worker"].is_u64() && connected["link"].is_u64() && connected["timestamp"].is_string());
    assert_eq!((&connected["level"], connected.get("address")), (&json!("DEBUG"), None));
    let made: Value = serde_json::from_str(&duet.logged(&["room made"]).await).unwrap();
    assert_eq!(made["room"], room);
    drop((waiter, comer));
    duet.signal("TERM");
    let (_, log) = duet.ended();
    for line in log.lines() {
        let object: Value = serde_json::from_str(line).unwrap();
        assert!(object["message"].is_string() && object["target"].is_string(), "{line}");
    }
}

#[tokio::test]
async fn addresses_of_clients_are_told_only_to_whoever_asks() {
    for (asked, told) in [("false", false), ("true", true)] {
        let settings = [("LOG_ADDRESSES", asked), ("RUST_LOG", "duet=debug,duet_gateway=debug,duet_matchmaker=debug")];
        // A client's address is not the one that the process logs for another reason.
        let proxied = ["--trusted-proxies", "127.0.0.1"];
        let duet = Duet::start_with(&[&["standalone"], GATEWAY, &proxied].concat(), &settings);
        let gateway = duet.address("WebSocket");
        let forwarded = ("Host: x", "Host: x\r\nX-Forwarded-For: 203.0.113.77");
        assert!(crate::http::upgrade(&gateway, &[forwarded]).await.starts_with("http/1.1 101 "));
        duet.logged(&["a client's connection ends"]).await;
        duet.signal("TERM");
        let (_, log) = duet.ended();
        assert_eq!(log.contains("203.0.113.77"), told, "{log}");
    }
}

#[tokio::test]
async fn a_log_that_nobody_reads_stops_nobody_and_what_it_loses_is_counted() {
    let metrics = free_address();
    let flags = ["--metrics-listen", &metrics, "--log-queue-lines", "64", "--log-format", "json"];
    let duet = Duet::start_unread(&[&["standalone"], GATEWAY, &flags].concat(), &[("RUST_LOG", "trace")]);
    let gateway = duet.address("WebSocket");
    let mut pairs = Vec::new();
    while value(&get(&metrics, "/metrics").await.body, "duet_log_lines_lost_total") == 0.0 {
        pairs.push(pair(&gateway).await);
    }
    // Nothing more is written by now, and all the same:
    let (mut waiter, mut comer, _) = pair(&gateway).await;
    comer.say(r#"{"type":"ice","candidate":null}"#).await;
    waiter.expect("ice").await;
    drop((waiter, comer));
    duet.signal("TERM");
    assert_eq!(duet.ended().0.code(), Some(0), "it ends all the same");
}

#[tokio::test]
async fn no_secret_is_in_a_log_of_everything() {
    let directory = Directory::new();
    let tokens = directory.write("query-tokens", QUERY_TOKEN);
    for format in ["json", "pretty"] {
        let everything = [
            ("RUST_LOG", "trace,h2=trace,hyper=trace,tungstenite=trace"),
            ("LOG_FORMAT", format),
            ("LOG_QUEUE_LINES", "1048576"),
            ("JWT_SECRET", SECRET),
            ("TURN_SECRET", TURN_SECRET),
            ("TURN_URLS", "turn:turn.example"),
        ];
        let flags = ["--query-token-file", &tokens, "--grpc-listen", "127.0.0.1:0"];
        let matchmaker = Duet::start_with(&[&["matchmaker"], &flags[..]].concat(), &everything[..3]);
        let url = format!("http://{}", matchmaker.address("gRPC"));
        let gateway = Duet::start_with(&[&["gateway", "--matchmaker-url", &url], GATEWAY].concat(), &everything);
        let address = gateway.address("WebSocket");

        let (in_request, in_message) = (token("ann", 600), token("bob", 600));
        let mut ann = Client::connect_with(&address, &in_request).await;
        ann.expect("authenticated").await;
        let mut bob = Client::connect(&address).await;
        bob.say(&auth(&in_message)).await;
        bob.expect("authenticated").await;
        ann.available().await;
        ann.expect("waiting").await;
        bob.available().await;
        ann.expect("matched").await;
        let matched = bob.expect("matched").await;
        let credential = matched["iceServers"][0]["credential"].as_str().unwrap().to_owned();
        bob.say(r#"{"type":"offer","sdp":"v=0 SDPSDP"}"#).await;
        ann.expect("offer").await;
        ann.say(r#"{"type":"ice","candidate":{"candidate":"candidate:1 CANDIDATE"}}"#).await;
        bob.expect("ice").await;
        let mut phone = Phone::connect(&[&address]).await;
        let first = phone.token.clone();
        phone.lose_connection().await;
        let mut query = MatchmakerClient::connect(url).await.unwrap();
        let mut request = Request::new(GetStatsRequest {});
        request.metadata_mut().insert("authorization", format!("Bearer {QUERY_TOKEN}").parse().unwrap());
        query.get_stats(request).await.unwrap();

        let signature = |token: &str| token.rsplit_once('.').unwrap().1.to_owned();
        let secrets = [
            ("SDP", "SDPSDP"),
            ("a candidate", "CANDIDATE"),
            ("JWT_SECRET", SECRET),
            ("TURN_SECRET", TURN_SECRET),
            ("a query's token", QUERY_TOKEN),
            ("a TURN credential", &credential),
            ("a token in a request", &signature(&in_request)),
            ("a token in a message", &signature(&in_message)),
            ("the first resumeToken", &first),
            ("a resumeToken", &phone.token),
        ];
        drop((ann, bob, query));
        for process in [gateway, matchmaker] {
            process.signal("TERM");
            let (_, log) = process.ended();
            assert!(log.lines().count() > 50 && log.contains("TRACE"), "much is logged");
            for (what, secret) in secrets {
                let leak = log.lines().find(|line| line.contains(secret));
                assert_eq!(leak, None, "{what}");
            }
        }
    }
}
