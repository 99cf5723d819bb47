//! Webhooks, posted to a real HTTP server: what they say, by whom they are signed, and that nobody waits for their receiver.

use std::process::ExitStatus;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::TcpSocket;
use tokio::time::timeout;

use crate::certificates::{Authority, Directory};
use crate::client::{Client, PATIENCE, pair, pause};
use crate::http::get;
use crate::identity::{publish, token};
use crate::metrics::{free_address, value};
use crate::process::{Deployment, Duet, GATEWAY, SHAPES, Shape, run};

mod receiver;

use receiver::{Answer, Receiver, SECRET};

/// Flags for webhooks to a receiver, with others after them.
fn flags<'a>(url: &'a str, others: &[&'a str]) -> Vec<&'a str> {
    [&["--webhook-url", url, "--webhook-secret", SECRET, "--webhook-backoff-ms", "20"][..], others].concat()
}

/// Waits until a count of webhooks is so high; it must not be higher then.
async fn counted(metrics: &str, name: &str, count: u64) {
    let reached = async {
        loop {
            let now = value(&get(metrics, "/metrics").await.body, &format!("duet_webhooks_{name}"));
            let count = count as f64;
            assert!(now <= count, "{name} is {now}");
            if now == count {
                return;
            }
            pause(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, reached).await.unwrap_or_else(|_| panic!("{name} is never {count}"));
}

/// How a process ends and what it logged, while its receiver goes on answering.
async fn ended(duet: Duet) -> (ExitStatus, String) {
    tokio::task::spawn_blocking(move || duet.ended()).await.unwrap()
}

#[tokio::test]
async fn who_meets_parts_and_is_reported_is_told_and_signed() {
    for shape in SHAPES {
        let mut receiver = Receiver::start(|_| Answer::Status(204)).await;
        let jwt = ["--jwt-secret", crate::identity::SECRET];
        let duet = Deployment::with(shape, &jwt, &flags(&receiver.url, &[]));
        let mut ann = Client::connect_with(&duet.gateway, &token("ann", 600)).await;
        ann.expect("authenticated").await;
        ann.available().await;
        ann.expect("waiting").await;
        let mut stranger = Client::connect(&duet.gateway).await;
        stranger.say(r#"{"type":"auth","userId":"bob"}"#).await;
        stranger.refused("unauthorized").await;
        stranger.available().await;
        let room = stranger.expect("matched").await["roomId"].clone();
        ann.expect("matched").await;

        let matched = receiver.expect("matched").await;
        let members = matched["data"]["members"].as_array().unwrap();
        assert_eq!((&matched["data"]["roomId"], &matched["data"]["pool"]), (&room, &json!("default")));
        assert!(matched["data"]["tags"].is_array() && matched["timestamp"].as_str().unwrap().ends_with('Z'));
        assert_eq!((&members[0]["clientId"], &members[1]["clientId"]), (&json!(stranger.id), &json!(ann.id)));
        assert_eq!(
            (&members[0]["userId"], &members[1]["userId"]),
            (&Value::Null, &json!("ann")),
            "only what is proved"
        );
        assert_eq!((&members[0]["initiator"], &members[1]["initiator"]), (&json!(true), &json!(false)));
        assert!(members.iter().all(|member| member["waitedMs"].is_u64()));

        stranger.say(r#"{"type":"offer","sdp":"v=0 nobody's business"}"#).await;
        ann.expect("offer").await;
        ann.say(r#"{"type":"report","reason":"abuse","details":"said \"boo\""}"#).await;
        stranger.expect("partner-left").await;
        let mut both = [receiver.post().await, receiver.post().await].map(|post| post.json());
        both.sort_by_key(|body| body["type"].to_string());
        let [reported, ended] = both;
        assert_eq!((&reported["type"], &ended["type"]), (&json!("reported"), &json!("room-ended")));
        let (by, whom) = (json!({ "clientId": ann.id, "userId": "ann" }), json!({ "clientId": stranger.id }));
        assert_eq!(ended["data"]["members"], json!([by, whom]));
        assert_eq!((&ended["data"]["roomId"], &ended["data"]["reason"]), (&room, &json!("left")));
        assert!(ended["data"]["lastedMs"].is_u64());
        let data = &reported["data"];
        assert_eq!((&data["reporter"], &data["reported"], &data["roomId"]), (&by, &whom, &room));
        assert_eq!((&data["reason"], &data["details"]), (&json!("abuse"), &json!("said \"boo\"")));
        for body in [&matched, &ended, &reported] {
            assert!(!body.to_string().contains("business"), "{body}");
        }
    }
}

#[tokio::test]
async fn only_what_is_wanted_is_told() {
    let mut receiver = Receiver::start(|_| Answer::Status(200)).await;
    let flags = flags(&receiver.url, &["--webhook-events", "room-ended"]);
    let duet = Deployment::with(Shape::Standalone, &[], &flags);
    let (mut waiter, _comer, room) = pair(&duet.gateway).await;
    waiter.say(r#"{"type":"leave"}"#).await;
    assert_eq!(receiver.expect("room-ended").await["data"]["roomId"], room);
}

#[tokio::test]
async fn a_webhook_that_fails_comes_again_with_the_same_id_and_redirects_are_not_followed() {
    let mut receiver = Receiver::start(|number| match number {
        0 => Answer::Status(500),
        1 => Answer::Redirect("/elsewhere"),
        _ => Answer::Status(200),
    })
    .await;
    let metrics = free_address();
    let others = ["--webhook-events", "matched", "--metrics-listen", &metrics];
    let duet = Deployment::with(Shape::Standalone, &[], &flags(&receiver.url, &others));
    let _pair = pair(&duet.gateway).await;
    let first = receiver.post().await;
    for _ in 0..2 {
        let again = receiver.post().await;
        assert_eq!((&again.id, &again.body, &again.path), (&first.id, &first.body, &first.path));
    }
    counted(&metrics, "delivered_total", 1).await;
    counted(&metrics, "retried_total", 2).await;
    counted(&metrics, "queued", 0).await;
    let _other = pair(&duet.gateway).await;
    assert_ne!(receiver.post().await.id, first.id, "another event");
    let page = include_str!("../../../docs/operations.md");
    for line in get(&metrics, "/metrics").await.body.lines() {
        let name = line.split([' ', '{']).next().unwrap();
        assert!(!name.starts_with("duet_webhooks_") || page.contains(&format!("`{name}`")), "{name} is not documented");
    }
}

#[tokio::test]
async fn a_webhook_that_is_not_wanted_or_was_tried_often_enough_is_given_up() {
    let mut receiver = Receiver::start(|number| Answer::Status(if number == 0 { 410 } else { 503 })).await;
    let metrics = free_address();
    let others = ["--webhook-events", "matched", "--webhook-attempts", "2", "--metrics-listen", &metrics];
    let duet = Deployment::with(Shape::Standalone, &[], &flags(&receiver.url, &others));
    let _gone = pair(&duet.gateway).await;
    let gone = receiver.post().await;
    counted(&metrics, "failed_total", 1).await;
    let _unavailable = pair(&duet.gateway).await;
    let tries = [receiver.post().await.id, receiver.post().await.id];
    assert!(tries[0] == tries[1] && tries[0] != gone.id, "{tries:?}");
    counted(&metrics, "failed_total", 2).await;
    counted(&metrics, "retried_total", 1).await;
    counted(&metrics, "queued", 0).await;
}

#[tokio::test]
async fn a_receiver_that_never_answers_delays_nobody_and_what_has_no_room_is_counted() {
    const PAIRS: u64 = 20;
    const QUEUE: u64 = 4;
    let receiver = Receiver::start(|_| Answer::Never).await;
    let (metrics, queue) = (free_address(), QUEUE.to_string());
    let others = ["--webhook-events", "matched", "--webhook-queue", &queue, "--webhook-timeout-ms", "86400000"];
    let others = [&others[..], &["--webhook-concurrency", "1", "--metrics-listen", &metrics]].concat();
    let duet = Deployment::with(Shape::Standalone, &[], &flags(&receiver.url, &others));
    // Whoever left would meet others once more.
    let mut together = Vec::new();
    for _ in 0..PAIRS {
        together.push(pair(&duet.gateway).await);
    }
    counted(&metrics, "dropped_total", PAIRS - QUEUE).await;
    counted(&metrics, "queued", QUEUE).await;
    duet.processes[0].logged(&["webhooks are dropped"]).await;
}

#[tokio::test]
async fn a_receiver_that_is_slow_to_answer_is_tried_again() {
    let mut receiver = Receiver::start(|number| if number == 0 { Answer::Never } else { Answer::Status(200) }).await;
    let others = ["--webhook-events", "matched", "--webhook-timeout-ms", "100"];
    let duet = Deployment::with(Shape::Standalone, &[], &flags(&receiver.url, &others));
    let _pair = pair(&duet.gateway).await;
    assert_eq!(receiver.post().await.id, receiver.post().await.id);
}

#[tokio::test]
async fn a_receiver_that_is_down_at_the_start_gets_what_happened_meanwhile() {
    // Nobody else can have the port, and nobody answers on it.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}/hooks", socket.local_addr().unwrap());
    let others = ["--webhook-events", "matched", "--webhook-attempts", "100"];
    let duet = Deployment::with(Shape::TwoProcesses, &[], &flags(&url, &others));
    let (_waiter, _comer, room) = pair(&duet.gateway).await;
    duet.processes[0].logged(&["a webhook is not delivered yet", "refused"]).await;
    let mut receiver = Receiver::on(socket.listen(64).unwrap(), |_| Answer::Status(200));
    assert_eq!(receiver.expect("matched").await["data"]["roomId"], room);
}

#[tokio::test]
async fn what_is_queued_at_the_end_is_still_sent() {
    let mut receiver = Receiver::start(|_| Answer::WhenReleased).await;
    let others = ["--webhook-events", "matched", "--webhook-concurrency", "1"];
    let duet = Deployment::with(Shape::TwoProcesses, &[], &flags(&receiver.url, &others));
    let mut together = Vec::new();
    for _ in 0..3 {
        together.push(pair(&duet.gateway).await);
    }
    let [matchmaker, _gateway] = <[Duet; 2]>::try_from(duet.processes).ok().unwrap();
    matchmaker.signal("TERM");
    matchmaker.logged(&["draining"]).await;
    receiver.release();
    for (_, _, room) in together {
        assert_eq!(receiver.expect("matched").await["data"]["roomId"], room);
    }
    let (status, log) = ended(matchmaker).await;
    assert!(status.success() && !log.contains("not delivered"), "{log}");
}

#[tokio::test]
async fn a_receiver_that_wants_a_pause_gets_it_but_for_the_end() {
    let mut receiver =
        Receiver::start(|number| if number == 0 { Answer::RetryAfter(300) } else { Answer::Status(200) }).await;
    let others = ["--webhook-events", "matched", "--webhook-concurrency", "1"];
    let duet = Deployment::with(Shape::TwoProcesses, &[], &flags(&receiver.url, &others));
    let mut together = vec![pair(&duet.gateway).await];
    assert_eq!(receiver.expect("matched").await["data"]["roomId"], together[0].2);
    duet.processes[0].logged(&["a webhook is not delivered yet", "503"]).await;
    together.push(pair(&duet.gateway).await);
    let [matchmaker, _gateway] = <[Duet; 2]>::try_from(duet.processes).ok().unwrap();
    matchmaker.signal("TERM");
    for (_, _, room) in together {
        assert_eq!(receiver.expect("matched").await["data"]["roomId"], room);
    }
    assert!(ended(matchmaker).await.0.success());
}

#[tokio::test]
async fn what_can_t_be_sent_before_the_end_is_counted_in_the_log() {
    let receiver = Receiver::start(|_| Answer::Never).await;
    let others = ["--webhook-events", "matched", "--webhook-concurrency", "1", "--drain-limit-ms", "300"];
    let duet = Deployment::with(Shape::TwoProcesses, &[], &flags(&receiver.url, &others));
    let mut together = Vec::new();
    for _ in 0..3 {
        together.push(pair(&duet.gateway).await);
    }
    let [matchmaker, _gateway] = <[Duet; 2]>::try_from(duet.processes).ok().unwrap();
    matchmaker.signal("TERM");
    let (status, log) = ended(matchmaker).await;
    assert!(status.success() && log.contains("webhooks were not delivered before the end lost=3"), "{log}");
}

#[tokio::test]
async fn https_goes_to_whom_the_system_believes() {
    let (authority, directory) = (Authority::new(), Directory::new());
    let believed = directory.write("authority.pem", &authority.certificate);
    let stranger = directory.write("stranger.pem", &Authority::new().certificate);
    let secret = directory.write("secret", &format!("{SECRET}\n"));
    let url = format!("https://localhost:{}/", publish(&authority.sign(&["localhost"]), String::new()).await);
    let metrics = free_address();
    let settings = ["--webhook-url", &url, "--webhook-secret-file", &secret, "--webhook-events", "matched"];
    let args = [GATEWAY, &settings, &["--metrics-listen", &metrics]].concat();

    let duet = Duet::start_with(&args, &[("SSL_CERT_FILE", &believed)]);
    let _pair = pair(&duet.address("WebSocket")).await;
    counted(&metrics, "delivered_total", 1).await;
    drop(duet);

    let duet = Duet::start_with(&args, &[("SSL_CERT_FILE", &stranger)]);
    let _pair = pair(&duet.address("WebSocket")).await;
    duet.logged(&["a webhook is not delivered yet", "certificate"]).await;
}

#[test]
fn settings_that_can_t_be_meant_are_refused_and_not_quoted() {
    let url = ("WEBHOOK_URL", "https://hooks.test/private-path");
    let secret = ("WEBHOOK_SECRET", SECRET);
    for (settings, named) in [
        (&[url][..], "WEBHOOK_SECRET"),
        (&[secret], "WEBHOOK_URL"),
        (&[url, ("WEBHOOK_SECRET", "private-path")], "WEBHOOK_SECRET"),
        (&[url, ("WEBHOOK_SECRET_FILE", "/nowhere")], "WEBHOOK_SECRET_FILE"),
        (&[url, secret, ("WEBHOOK_SECRET_FILE", "/nowhere")], "WEBHOOK_SECRET_FILE"),
        (&[secret, ("WEBHOOK_URL", "http://hooks.test/private-path")], "WEBHOOK_PLAINTEXT"),
        (&[secret, ("WEBHOOK_URL", "ftp://hooks.test/private-path")], "WEBHOOK_URL"),
        (&[secret, ("WEBHOOK_URL", "https://me:private-path@hooks.test/")], "WEBHOOK_URL"),
        (&[secret, ("WEBHOOK_URL", "/private-path")], "WEBHOOK_URL"),
        (&[url, secret, ("WEBHOOK_EVENTS", "matched,parted")], "WEBHOOK_EVENTS"),
        (&[url, secret, ("WEBHOOK_QUEUE", "0")], "WEBHOOK_QUEUE"),
        (&[url, secret, ("WEBHOOK_CONCURRENCY", "257")], "WEBHOOK_CONCURRENCY"),
        (&[url, secret, ("WEBHOOK_TIMEOUT_MS", "0")], "WEBHOOK_TIMEOUT_MS"),
        (&[url, secret, ("WEBHOOK_ATTEMPTS", "0")], "WEBHOOK_ATTEMPTS"),
        (&[url, secret, ("WEBHOOK_BACKOFF_MS", "0")], "WEBHOOK_BACKOFF_MS"),
        (&[url, secret, ("WEBHOOK_PLAINTEXT", "perhaps")], "WEBHOOK_PLAINTEXT"),
    ] {
        for verb in [&["standalone", "--port", "0"][..], &["matchmaker", "--grpc-listen", "127.0.0.1:0"]] {
            let (status, greeting, errors) = run(verb, settings);
            assert_eq!((status, &*greeting), (Some(64), ""), "{settings:?}: {errors}");
            assert!(errors.contains(named), "{settings:?}: {errors}");
            assert!(!errors.contains(SECRET) && !errors.contains("private-path"), "{errors}");
        }
    }
}

#[tokio::test]
async fn variables_that_are_set_to_nothing_are_not_set() {
    let empty = ["--webhook-url", "", "--webhook-secret", "", "--webhook-secret-file", "", "--webhook-events", ""];
    let duet = Deployment::with(Shape::Standalone, &[], &empty);
    pair(&duet.gateway).await;
}
