//! The live page of a matchmaker on the port of `/metrics`: what happened to real clients is in what it is told, and nothing about any of them.

use std::time::Duration;

use serde_json::Value;
use tokio::time::timeout;

use crate::client::{PATIENCE, pair, pause};
use crate::http::{exchange, get};
use crate::metrics::measured;
use crate::process::{SHAPES, Shape};

async fn live(address: &str) -> Value {
    let answer = get(address, "/live.json").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    serde_json::from_str(&answer.body).unwrap()
}

/// Waits until that place of the answer has that value; the whole answer.
async fn becomes(address: &str, place: &str, expected: impl Into<Value>) -> Value {
    let expected = expected.into();
    let mut last = Value::Null;
    let wait = async {
        while last.pointer(place) != Some(&expected) {
            last = live(address).await;
            pause(Duration::from_millis(20)).await;
        }
    };
    let became = timeout(PATIENCE, wait).await.is_ok();
    assert!(became, "{place} does not become {expected}: {last}");
    last
}

fn sum(series: &Value) -> u64 {
    series.as_array().unwrap().iter().map(|value| value.as_u64().unwrap()).sum()
}

#[tokio::test]
async fn what_comes_of_a_call_is_shown_as_it_happens() {
    for shape in SHAPES {
        let (duet, [_, page]) = measured(shape, &["--workers", "1", "--gateway-name", "edge"], &[]);
        let (mut a, mut b, room) = pair(&duet.gateway).await;
        let told = becomes(&page, "/now/rooms", 1).await;
        assert_eq!(told["now"]["waiting"], 0);
        assert_eq!((&told["hour"]["matches"], sum(&told["series"]["matches"])), (&1.into(), 1));
        assert!(told["hour"]["matched"]["p99"].is_u64(), "{told}");

        a.say(r#"{"type":"state","ice":"connected","setupMs":800}"#).await;
        a.say(r#"{"type":"state","ice":"connected","setupMs":800}"#).await;
        a.hears_nothing().await;
        b.say(r#"{"type":"state","ice":"failed"}"#).await;
        becomes(&page, "/hour/connected", 1).await;
        let told = becomes(&page, "/hour/failed", 1).await;
        assert_eq!((&told["hour"]["connected"], sum(&told["series"]["connected"])), (&1.into(), 1), "each counts once");
        assert_eq!(sum(&told["series"]["failed"]), 1);
        assert_eq!(told["hour"]["setup"], 750, "the middle of its bucket");
        let gateway = &told["gateways"][0];
        assert_eq!((&gateway["name"], &gateway["links"], &gateway["workers"]), (&"edge".into(), &1.into(), &1.into()));
        assert_eq!((&gateway["sessions"], &gateway["lostSeconds"]), (&2.into(), &Value::Null));
        for private in [&*a.id, &*b.id, &*room, "127.0.0.1"] {
            assert!(!told.to_string().contains(private), "{private} is on the page: {told}");
        }

        b.say(r#"{"type":"leave"}"#).await;
        let told = becomes(&page, "/now/rooms", 0).await;
        assert_eq!(told["now"]["waiting"], 1, "who is left waits again");
        assert!(told["now"]["oldestWaitSeconds"].is_number());
    }
}

#[tokio::test]
async fn a_gateway_that_ends_is_shown_as_gone() {
    let (mut duet, [_, page]) = measured(Shape::TwoProcesses, &["--workers", "1", "--gateway-name", "edge"], &[]);
    becomes(&page, "/gateways/0/links", 1).await;
    // Killed.
    drop(duet.processes.pop());
    let told = becomes(&page, "/gateways/0/links", 0).await;
    let gateway = &told["gateways"][0];
    assert_eq!((&gateway["name"], &gateway["linkedSeconds"]), (&"edge".into(), &Value::Null));
    assert!(gateway["lostSeconds"].is_number(), "{told}");
    assert_eq!(told["now"]["links"], 0);
}

#[tokio::test]
async fn the_page_is_read_only_and_refers_to_nothing_else() {
    let (_duet, [at_gateway, page]) = measured(Shape::TwoProcesses, &[], &[]);
    for (path, kind) in [
        ("/", "text/html; charset=utf-8"),
        ("/live.css", "text/css; charset=utf-8"),
        ("/live.js", "text/javascript; charset=utf-8"),
        ("/plots.js", "text/javascript; charset=utf-8"),
        ("/words.js", "text/javascript; charset=utf-8"),
        ("/live.json", "application/json"),
    ] {
        let answer = get(&page, path).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(kind)), "{path}");
        let caching = if path == "/live.json" { "no-store" } else { "no-cache" };
        assert_eq!(answer.header("cache-control"), Some(caching), "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'"),
            "{policy}"
        );
        let outside = answer.body.replace("http://www.w3.org/2000/svg", "");
        assert!(!outside.contains("://") && !outside.contains("src=\"//"), "{path} refers to somewhere else");
        let head = exchange(&page, &format!("HEAD {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).await;
        assert_eq!((head.status, &*head.body), (200, ""), "{path}");
        for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
            let request =
                format!("{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            let answer = exchange(&page, &request).await;
            assert_eq!((answer.status, answer.header("allow")), (405, Some("GET,HEAD")), "{method} {path}");
        }
        assert_eq!(get(&at_gateway, path).await.status, 404, "a gateway has no {path}");
    }
    for path in ["/live", "/live.js/", "/page/index.html", "/index.html", "/..%2fCargo.toml"] {
        assert_eq!(get(&page, path).await.status, 404, "{path}");
    }
}
