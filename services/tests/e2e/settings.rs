//! Settings: good ones work as named, bad ones end the process before a port is bound.

use std::net::TcpListener;

use crate::client::Client;
use crate::process::{Deployment, Duet, GATEWAY, SHAPES, run};

#[test]
fn a_bad_setting_is_named_and_ends_with_64() {
    for (args, environment, named) in [
        (&["gateway"][..], ("PORT", "http"), "PORT"),
        (&[], ("PORT", "65536"), "PORT"),
        (&["gateway"], ("MATCHMAKER_URL", "nonsense"), "MATCHMAKER_URL"),
        (&["gateway"], ("MATCHMAKER_URL", "unix:"), "MATCHMAKER_URL"),
        (&["gateway"], ("MATCHMAKER_URL", "unix:/tmp/"), "MATCHMAKER_URL"),
        (&["matchmaker"], ("GRPC_LISTEN", "nonsense"), "GRPC_LISTEN"),
        (&["standalone"], ("ALLOWED_ORIGIN", "https://a.test/path"), "ALLOWED_ORIGIN"),
        (&["standalone"], ("REQUEUE_ON_PARTNER_LEAVE", "maybe"), "REQUEUE_ON_PARTNER_LEAVE"),
        (&["standalone"], ("RUST_LOG", "duet=nonsense"), "RUST_LOG"),
        (&["matchmaker"], ("LOG_FORMAT", "xml"), "LOG_FORMAT"),
        (&["gateway"], ("LOG_QUEUE_LINES", "0"), "LOG_QUEUE_LINES"),
        (&["gateway"], ("LOG_ADDRESSES", "some"), "LOG_ADDRESSES"),
        (&["gateway"], ("OTEL_EXPORTER_OTLP_ENDPOINT", "nonsense"), "OTEL_EXPORTER_OTLP_ENDPOINT"),
        (&["standalone"], ("OTEL_METRIC_EXPORT_INTERVAL", "0"), "--otel-metric-export-interval"),
        (&["matchmaker"], ("OTEL_METRICS_EXPORTER", "console"), "--otel-metrics-exporter"),
        (&["--nonsense"], ("UNUSED", ""), "--nonsense"),
        (&["nonsense"], ("UNUSED", ""), "nonsense"),
    ] {
        let (status, stdout, stderr) = run(args, &[environment]);
        assert_eq!(status, Some(64), "{args:?} {environment:?}: {stderr}");
        assert!(stderr.contains(named), "{environment:?}: {stderr}");
        assert_eq!(stdout, "", "no greeting");
    }
}

#[test]
fn help_and_version_are_no_errors() {
    for args in [&["--help"][..], &["gateway", "--help"], &["--version"]] {
        let (status, stdout, stderr) = run(args, &[]);
        assert_eq!((status, &*stderr), (Some(0), ""));
        assert!(stdout.contains("duet"), "{stdout}");
    }
}

#[test]
fn every_setting_is_in_the_help_with_its_variable_and_in_the_operations_page() {
    let page = include_str!("../../../docs/operations.md");
    for verb in ["standalone", "gateway", "matchmaker", "healthcheck"] {
        let (_, help, _) = run(&[verb, "--help"], &[]);
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        let flags: Vec<&str> = help
            .split_whitespace()
            .filter_map(|word| word.strip_prefix("--"))
            .map(|word| word.trim_end_matches(|c: char| !c.is_ascii_lowercase()))
            .filter(|flag| *flag != "help")
            .collect();
        assert!(!flags.is_empty());
        for flag in flags {
            let variable = match flag {
                "url" => "HEALTHCHECK_URL".to_owned(),
                _ => flag.to_uppercase().replace('-', "_"),
            };
            // A secret's value is not shown.
            let shown = [format!("[env: {variable}="), format!("[env: {variable}]")];
            assert!(shown.iter().any(|shown| help.contains(shown)), "{verb} --help does not name {variable}");
            assert!(page.contains(&format!("`{variable}`")), "docs/operations.md does not name {variable}");
        }
    }
}

#[test]
fn every_setting_of_the_tool_is_in_its_help_and_in_the_operations_page() {
    let page = include_str!("../../../docs/operations.md");
    for verb in
        ["stats", "pools", "rooms", "sessions", "watch", "close-room", "disconnect", "block", "explain", "drain"]
    {
        let (status, help, _) = run(&[verb, "--help"], &[]);
        assert_eq!(status, Some(0), "{verb}");
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        for name in ["SERVER", "TOKEN_FILE", "CA_FILE", "CERT_FILE", "KEY_FILE", "TLS_NAME", "TIMEOUT_MS"] {
            assert!(help.contains(&format!("[env: DUET_{name}")), "{verb} --help does not name DUET_{name}");
            assert!(page.contains(&format!("`DUET_{name}`")), "docs/operations.md does not name DUET_{name}");
        }
        assert!(page.contains(&format!("duet {verb}")) || page.contains(&format!(" {verb} ")), "{verb}");
    }
}

#[test]
fn a_port_in_use_is_an_error_even_between_gateways() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let duet = Duet::start(&[&["standalone"], GATEWAY].concat());
    let taken =
        [holder.local_addr().unwrap().port(), duet.address("WebSocket").rsplit_once(':').unwrap().1.parse().unwrap()];
    for port in taken {
        let (status, stdout, stderr) =
            run(&["standalone", "--port", &port.to_string(), "--listen-address", "127.0.0.1"], &[]);
        assert_eq!(status, Some(1), "{stderr}");
        assert!(stderr.contains("PORT") && stderr.contains(&port.to_string()), "{stderr}");
        assert_eq!(stdout, "");
    }
    let (status, _, stderr) = run(&["matchmaker", "--grpc-listen", &holder.local_addr().unwrap().to_string()], &[]);
    assert_eq!(status, Some(1), "{stderr}");
    assert!(stderr.contains("GRPC_LISTEN"), "{stderr}");
}

#[test]
fn several_matchmakers_without_an_engine_make_no_sense() {
    let matchmakers = [(); 2].map(|()| Duet::start(&["matchmaker", "--grpc-listen", "127.0.0.1:0"]));
    let urls = matchmakers.each_ref().map(|matchmaker| format!("http://{}", matchmaker.address("gRPC"))).join(",");
    let (status, _, stderr) = run(&[&["gateway", "--matchmaker-url", &urls], GATEWAY].concat(), &[]);
    assert_eq!(status, Some(64), "{stderr}");
    assert!(stderr.contains("MATCHMAKER_URL") && stderr.contains("engine"), "{stderr}");
}

#[tokio::test]
async fn messages_may_be_as_large_as_the_operator_says() {
    for shape in SHAPES {
        let duet = Deployment::with(shape, &["--max-message-bytes", "2048"], &[]);
        let mut client = Client::connect(&duet.gateway).await;
        let padded = |length: usize| format!(r#"{{"type":"ping"}}{}"#, " ".repeat(length - 15));
        client.say(&padded(2048)).await;
        client.expect("pong").await;
        client.say(&padded(2049)).await;
        assert_eq!(u16::from(client.closed().await.code), 1009);
    }
}

#[test]
fn the_health_check_asks_whoever_it_is_told_to() {
    let duet = Duet::start(&[&["standalone", "--grpc-listen", "127.0.0.1:0"], GATEWAY].concat());
    let address = duet.address("WebSocket");
    let port = address.rsplit_once(':').unwrap().1;
    let grpc = format!("grpc://{}", duet.address("gRPC"));
    assert_eq!(run(&["healthcheck"], &[("PORT", port)]), (Some(0), String::new(), String::new()));
    assert_eq!(run(&["healthcheck"], &[("HEALTHCHECK_URL", &grpc)]).0, Some(0));
    assert_eq!(run(&["healthcheck", "--url", &format!("http://{address}/nothing")], &[]).0, Some(1));
    drop(duet);
    for url in [&format!("http://{address}/healthz"), &grpc, "ftp://127.0.0.1"] {
        let (status, _, stderr) = run(&["healthcheck", "--url", url], &[]);
        assert_eq!(status, Some(1), "{stderr}");
        assert!(stderr.contains(url), "{stderr}");
    }
}
