//! ICE servers and the relay-only policy, as clients and operators meet them.

use std::fs;

use serde_json::{Value, json};

use crate::client::{Client, pair};
use crate::process::{Duet, GATEWAY, run};

const STUN: [&str; 2] = ["--stun-urls", "stun:stun.example:3478"];
const TURN: [&str; 2] = ["--turn-urls", "turn:turn.example:3478?transport=udp, turns:turn.example"];

#[test]
fn settings_that_make_no_sense_together_end_with_64_and_name_themselves_but_not_the_secret() {
    let empty = file("empty", "\n");
    for (environment, named) in [
        (&[("TURN_URLS", "turn:a")][..], "TURN_SECRET"),
        (&[("TURN_SECRET", "hush-hush")], "TURN_URLS"),
        (&[("TURN_SECRET_FILE", "/nonexistent")], "TURN_SECRET_FILE"),
        (&[("TURN_URLS", "turn:a"), ("TURN_SECRET_FILE", &*empty)], "TURN_SECRET_FILE"),
        (&[("TURN_URLS", "turn:a"), ("TURN_SECRET", "hush-hush"), ("TURN_SECRET_FILE", &*empty)], "TURN_SECRET_FILE"),
        (&[("ICE_TRANSPORT_POLICY", "relay")], "ICE_TRANSPORT_POLICY"),
        (&[("STUN_URLS", "http://a")], "STUN_URLS"),
        (
            &[("TURN_URLS", "turn:a"), ("TURN_SECRET", "hush-hush"), ("TURN_CREDENTIAL_TTL_MS", "1")],
            "TURN_CREDENTIAL_TTL_MS",
        ),
    ] {
        for verb in ["standalone", "gateway"] {
            let (status, stdout, stderr) = run(&[verb], environment);
            assert_eq!((status, &*stdout), (Some(64), ""), "{environment:?}: {stderr}");
            assert!(stderr.contains(named), "{environment:?}: {stderr}");
            assert!(!stderr.contains("hush"), "{stderr}");
        }
    }
    let (_, help, _) = run(&["gateway", "--help"], &[("TURN_SECRET", "hush-hush")]);
    assert!(help.contains("[env: TURN_SECRET]") && !help.contains("hush"), "{help}");
}

#[tokio::test]
async fn without_a_setting_no_message_says_anything_of_ice() {
    // As a compose file passes on what is not set.
    let unset = [("STUN_URLS", ""), ("TURN_URLS", ""), ("TURN_SECRET", ""), ("TURN_SECRET_FILE", "")];
    let duet = Duet::start_with(&[&["standalone"], GATEWAY].concat(), &unset);
    let (ready, matched, _talking) = greeted(&duet.address("WebSocket")).await;
    for message in [ready, matched] {
        assert!(message.get("iceServers").is_none() && message.get("iceTransportPolicy").is_none(), "{message}");
    }
}

#[tokio::test]
async fn stun_servers_alone_are_told_without_credentials() {
    let duet = Duet::start(&[&["standalone"], GATEWAY, &STUN].concat());
    let (ready, matched, _talking) = greeted(&duet.address("WebSocket")).await;
    for message in [ready, matched] {
        assert_eq!(message["iceServers"], json!([{ "urls": ["stun:stun.example:3478"] }]));
        assert!(message.get("iceTransportPolicy").is_none(), "{message}");
    }
}

#[tokio::test]
async fn turn_credentials_name_the_session_and_are_good_for_as_long_as_is_set() {
    let secret = file("secret", "north\n");
    let more = ["--turn-secret-file", &*secret, "--turn-credential-ttl-ms", "60000"];
    let duet = Duet::start(&[&["standalone"], GATEWAY, &STUN, &TURN, &more].concat());
    let before = now();
    let (ready, matched, _talking) = greeted(&duet.address("WebSocket")).await;
    for message in [&ready, &matched] {
        let [stun, turn] = message["iceServers"].as_array().unwrap().as_slice() else { panic!("{message}") };
        assert_eq!(stun, &json!({ "urls": ["stun:stun.example:3478"] }));
        assert_eq!(turn["urls"], json!(["turn:turn.example:3478?transport=udp", "turns:turn.example"]));
        let (expiry, user) = turn["username"].as_str().unwrap().split_once(':').unwrap();
        assert_eq!(user, ready["clientId"]);
        let expiry: u64 = expiry.parse().unwrap();
        assert!((before + 60..=now() + 60).contains(&expiry), "{expiry}");
        assert_eq!(turn["credential"].as_str().unwrap().len(), 28, "base64 of 20 bytes");
    }
}

#[tokio::test]
async fn under_the_relay_only_policy_a_partner_hears_of_relays_only() {
    let more = ["--turn-secret", "north", "--ice-transport-policy", "relay"];
    let duet = Duet::start(&[&["standalone"], GATEWAY, &TURN, &more].concat());
    let gateway = duet.address("WebSocket");
    let (ready, matched, _talking) = greeted(&gateway).await;
    assert_eq!((&ready["iceTransportPolicy"], &matched["iceTransportPolicy"]), (&"relay".into(), &"relay".into()));

    let (mut ann, mut ben, _) = pair(&gateway).await;
    let host = "candidate:1 1 udp 2122260223 192.0.2.5 54321 typ host";
    let relay = "candidate:2 1 udp 41885439 203.0.113.9 50123 typ relay raddr 192.0.2.5 rport 54321";
    let sdp = format!("v=0\r\ns=-\r\nm=audio 54321 UDP 0\r\nc=IN IP4 192.0.2.5\r\na={host}\r\na={relay}\r\n");
    for message in [
        json!({ "type": "offer", "sdp": sdp }),
        json!({ "type": "ice", "candidate": { "candidate": host, "sdpMid": "0" } }),
        json!({ "type": "ice", "candidate": host }),
        json!({ "type": "ice", "candidate": { "candidate": relay, "sdpMid": "0" } }),
        json!({ "type": "ice", "candidate": { "candidate": "", "sdpMid": "0" } }),
    ] {
        ann.say(&message.to_string()).await;
    }
    let clean = "candidate:2 1 udp 41885439 203.0.113.9 50123 typ relay raddr 0.0.0.0 rport 0";
    let offer = ben.expect("offer").await;
    assert_eq!(offer["sdp"], format!("v=0\r\ns=-\r\nm=audio 9 UDP 0\r\nc=IN IP4 0.0.0.0\r\na={clean}\r\n"));
    assert_eq!(ben.expect("ice").await["candidate"], json!({ "candidate": clean, "sdpMid": "0" }));
    assert_eq!(ben.expect("ice").await["candidate"], json!({ "candidate": "", "sdpMid": "0" }));
    ann.hears_nothing().await;
    ann.say(r#"{"type":"answer","sdp":"no SDP"}"#).await;
    ann.refused("invalid-message").await;
    ben.hears_nothing().await;
}

/// The `ready` of a client, and the `matched` that it gets; and the two who met, as whoever is left over would be in the next one's way.
async fn greeted(gateway: &str) -> (Value, Value, [Client; 2]) {
    let mut client = Client::connect(gateway).await;
    client.available().await;
    client.expect("waiting").await;
    let mut other = Client::connect(gateway).await;
    other.available().await;
    let matched = client.expect("matched").await;
    (client.ready.clone(), matched, [client, other])
}

fn now() -> u64 {
    std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

/// The path of a file with this text.
fn file(name: &str, text: &str) -> String {
    let path = format!("{}/turn-{}-{name}", env!("CARGO_TARGET_TMPDIR"), std::process::id());
    fs::write(&path, text).unwrap();
    path
}
