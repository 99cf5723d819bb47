//! `duet` as a tool: what it shows of a running matchmaker, what it does to it, and how it ends when it can't.

use std::process::Command;

use serde_json::Value;

use crate::administration::TOKEN;
use crate::certificates::{Authority, Directory};
use crate::client::pair;
use crate::process::{Deployment, Duet, Shape, run};

/// Runs it to the end, which must be a good one.
fn tool(duet: &Deployment, args: &[&str], token: Option<&str>) -> String {
    let server = format!("http://{}", duet.matchmaker);
    let mut environment = vec![("DUET_SERVER", server.as_str())];
    environment.extend(token.map(|token| ("DUET_TOKEN_FILE", token)));
    let (status, stdout, stderr) = run(args, &environment);
    assert_eq!((status, stderr.as_str()), (Some(0), ""), "{args:?}: {stdout}");
    stdout
}

fn json(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn it_shows_what_is_there_to_people_and_to_programs() {
    let duet = Deployment::start(Shape::Standalone);
    let (one, _other, room) = pair(&duet.gateway).await;
    let stats = json(&tool(&duet, &["stats", "--json"], None));
    assert_eq!((&stats[0]["sessions"], &stats[0]["rooms"]), (&2.into(), &1.into()));
    assert_eq!(stats[0]["timeToMatch"]["samples"], 2);
    let shown = tool(&duet, &["stats"], None);
    assert!(shown.lines().any(|line| line.split_whitespace().eq(["Rooms", "1"])), "{shown}");

    let rooms = tool(&duet, &["rooms"], None);
    assert!(rooms.starts_with("ROOM") && rooms.contains(&room) && rooms.contains(&one.id), "{rooms}");
    let rooms = json(&tool(&duet, &["rooms", "--json", "--filter", "pool = default"], None));
    assert_eq!((rooms.len(), &rooms[0]["name"]), (1, &format!("rooms/{room}").into()));
    assert_eq!(tool(&duet, &["rooms", "--json", "--filter", "pool = chess"], None), "");
    let sessions = json(&tool(&duet, &["sessions", "--json", "--limit", "1"], None));
    assert_eq!((sessions.len(), &sessions[0]["state"]), (1, &"MATCHED".into()));
    assert!(tool(&duet, &["sessions"], None).contains(&one.id));
    assert!(tool(&duet, &["pools"], None).contains("default"));

    let watched = json(&tool(&duet, &["watch", "--json", "--rooms", "--limit", "1"], None));
    assert_eq!(watched[0]["room"]["name"], format!("rooms/{room}"));
    let watched = tool(&duet, &["watch", "--sessions", "--limit", "2"], None);
    assert!(watched.contains(&one.id) && watched.contains("matched"), "{watched}");
}

#[tokio::test]
async fn who_reads_may_have_had_enough() {
    let duet = Deployment::start(Shape::Standalone);
    let mut command = Command::new(env!("CARGO_BIN_EXE_duet"));
    command.args(["stats", "--server", &format!("http://{}", duet.matchmaker)]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let ended = command.stdout(writer).output().unwrap();
    assert_eq!((ended.status.code(), String::from_utf8_lossy(&ended.stderr).as_ref()), (Some(0), ""));
}

#[tokio::test]
async fn it_does_what_operators_may_do() {
    let directory = Directory::new();
    let file = directory.write("admins", TOKEN);
    let duet = Deployment::with(Shape::TwoProcesses, &[], &["--admin-token-file", &file]);
    let (mut one, mut other, room) = pair(&duet.gateway).await;
    tool(&duet, &["close-room", &room], Some(&file));
    for client in [&mut one, &mut other] {
        assert_eq!(client.expect("partner-left").await["reason"], "closed");
        client.expect("waiting").await;
    }
    let why = tool(&duet, &["explain", &one.id], Some(&file));
    assert!(why.contains("Number 1 in pool default") && why.contains("parted a moment ago"), "{why}");
    assert!(tool(&duet, &["pause", "default"], Some(&file)).contains("paused"));
    assert!(tool(&duet, &["resume", "default"], Some(&file)).contains("open"));
    tool(&duet, &["disconnect", &one.id], Some(&file));
    assert_eq!(u16::from(one.closed().await.code), 4410);
    let blocked = json(&tool(&duet, &["block", "eve", "--seconds", "60", "--reason", "spam", "--json"], Some(&file)));
    assert_eq!((&blocked[0]["userId"], &blocked[0]["reason"]), (&"eve".into(), &"spam".into()));
    assert!(tool(&duet, &["blocked"], Some(&file)).contains("eve"));
    tool(&duet, &["unblock", "eve"], Some(&file));
    assert_eq!(tool(&duet, &["blocked", "--json"], Some(&file)), "");
    tool(&duet, &["drain"], Some(&file));
    let Deployment { mut processes, .. } = duet;
    assert!(processes.remove(0).ended().0.success());
}

#[tokio::test]
async fn it_says_what_is_wrong_and_ends_with_a_status_of_its_own() {
    let directory = Directory::new();
    let [right, wrong] = [TOKEN.to_owned(), "x".repeat(40)].map(|token| directory.write(&token[..4], &token));
    let duet = Deployment::with(Shape::Standalone, &[], &["--admin-token-file", &right]);
    let server = format!("http://{}", duet.matchmaker);
    let nobody = "00000000-0000-4000-8000-000000000000";
    for (args, token, status, told) in [
        (&["close-room", nobody][..], Some(&right), 1, "ROOM_NOT_FOUND"),
        (&["close-room", nobody], Some(&wrong), 77, "TOKEN_INVALID"),
        (&["close-room", nobody], None, 77, "TOKEN_MISSING"),
        (&["close-room", "nonsense"], Some(&right), 64, "FIELD_INVALID"),
        (&["rooms", "--filter", "colour = red"], None, 64, "filter"),
        (&["watch", "--resume", "nonsense"], None, 64, "resume_token"),
        (&["stats", "--token-file", "/nowhere"], None, 64, "DUET_TOKEN_FILE"),
        (&["stats", "--server", "https://127.0.0.1:1"], None, 64, "DUET_CA_FILE"),
        (&["stats", "--server", "http://127.0.0.1:1"], None, 69, "127.0.0.1:1"),
        (&["stats", "--server", "nonsense"], None, 64, "DUET_SERVER"),
    ] {
        let mut environment = vec![("DUET_SERVER", server.as_str())];
        environment.extend(token.map(|token| ("DUET_TOKEN_FILE", token.as_str())));
        let (ended, stdout, stderr) = run(args, &environment);
        assert_eq!((ended, stdout.as_str()), (Some(status), ""), "{args:?}: {stderr}");
        assert!(stderr.contains(told), "{args:?}: {stderr}");
        assert!(!stderr.contains(TOKEN) && !stderr.contains(&"x".repeat(40)), "{stderr}");
    }
}

#[tokio::test]
async fn it_asks_by_tls_and_shows_its_own_certificate() {
    let (directory, authority) = (Directory::new(), Authority::new());
    let [cert, key] = directory.write_identity("matchmaker", &authority.sign(&["matchmaker.duet.test"]));
    let [own_cert, own_key] = directory.write_identity("ops", &authority.sign(&["ops.duet.test"]));
    let ca = directory.write("ca.pem", &authority.certificate);
    let tls = ["--grpc-tls-cert-file", &cert, "--grpc-tls-key-file", &key, "--grpc-tls-client-ca-file", &ca];
    let names = ["--admin-client-names", "ops.duet.test"];
    let matchmaker = Duet::start(&[&["matchmaker", "--grpc-listen", "127.0.0.1:0"], &tls[..], &names].concat());
    let server = format!("https://{}", matchmaker.address("gRPC"));
    let trust = [("DUET_SERVER", server.as_str()), ("DUET_CA_FILE", &ca), ("DUET_TLS_NAME", "matchmaker.duet.test")];
    let own = [("DUET_CERT_FILE", own_cert.as_str()), ("DUET_KEY_FILE", own_key.as_str())];
    let (status, stdout, stderr) = run(&["pause", "default"], &[&trust[..], &own].concat());
    assert_eq!((status, stderr.as_str()), (Some(0), ""), "{stdout}");
    assert_eq!(run(&["pause", "default"], &trust).0, Some(77), "without a certificate");
    let (status, _, stderr) = run(&["pause", "default"], &[&trust[..2], &own].concat());
    assert_eq!(status, Some(69), "the certificate is for another name: {stderr}");
}
