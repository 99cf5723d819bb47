//! `/metrics`: on a port of its own, and every reason in it documented.

use std::net::TcpListener;

use crate::client::Client;
use crate::http::{get, upgrade};
use crate::process::{Deployment, SHAPES};

/// A port that was free a moment ago.
pub(crate) fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// The value of the line that begins so.
pub(crate) fn value(metrics: &str, line: &str) -> u64 {
    let found = metrics.lines().find_map(|text| text.strip_prefix(line)).unwrap_or_else(|| panic!("no {line}"));
    found.trim().parse().unwrap()
}

#[tokio::test]
async fn what_is_refused_is_counted_by_reason_on_a_port_of_its_own() {
    for shape in SHAPES {
        let metrics = free_address();
        let flags = ["--metrics-listen", &metrics, "--allowed-origin", "https://app.example", "--wish-burst", "1"];
        let duet = Deployment::with(shape, &flags, &[]);
        let mut client = Client::connect(&duet.gateway).await;
        let origin = ("Host: x", "Host: x\r\nOrigin: https://evil.example");
        assert!(upgrade(&duet.gateway, &[origin]).await.starts_with("http/1.1 403 "));
        client.say(r#"{"type":"available"}"#).await;
        client.expect("waiting").await;
        client.say(r#"{"type":"available"}"#).await;
        client.refused("rate-limited").await;

        let answer = get(&metrics, "/metrics").await;
        assert_eq!(answer.status, 200);
        let text = answer.body;
        assert_eq!(value(&text, "duet_connections "), 1);
        assert_eq!(value(&text, r#"duet_refused_total{reason="origin"}"#), 1);
        assert_eq!(value(&text, r#"duet_refused_total{reason="wish-rate"}"#), 1);
        assert_eq!(value(&text, r#"duet_refused_total{reason="message-rate"}"#), 0, "it is there from the start");
        assert!(text.ends_with("# EOF\n"), "the whole of it");
        assert_eq!(get(&duet.gateway, "/metrics").await.status, 404, "clients can't read it");

        let page = include_str!("../../../docs/operations.md");
        let reasons = text.lines().filter_map(|line| line.strip_prefix(r#"duet_refused_total{reason=""#));
        let undocumented: Vec<&str> = reasons
            .map(|line| line.split('"').next().unwrap())
            .filter(|reason| !page.contains(&format!("`{reason}`")))
            .collect();
        assert_eq!(undocumented, [""; 0]);
    }
}
