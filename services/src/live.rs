//! A page for who wants to see how a matchmaker is doing, without Prometheus: `/` of the port of `/metrics`, and `/live.json`, which it asks
//! every few seconds.
//!
//! Nothing is counted for it: every ten seconds it reads the figures that metrics are made of, and keeps the last hour.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use duet_matchmaker::server::Replica;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

mod answer;
mod history;

use answer::{Answer, Engine, GATEWAYS};
use history::{EVERY, History, Reading};

/// One matchmaker's last hour.
struct Live {
    replica: Replica,
    started: Instant,
    history: Mutex<History>,
}

/// Begins to watch a matchmaker, for as long as the process runs. What shows it, to be served where operators are.
pub(crate) fn watch(replica: Replica) -> Router {
    let started = Instant::now();
    let first = Reading::of(&replica.figures());
    let history = Mutex::new(History::new(started.elapsed(), first));
    let live = Arc::new(Live { replica, started, history });
    tokio::spawn(live.clone().keep_reading());
    let answer = move || async move {
        let kind = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
        (kind, headers(), live.answer()).into_response()
    };
    FILES.iter().fold(Router::new().route("/live.json", get(answer)), |router, (path, media_type, contents)| {
        let file = || async {
            // The files change with the executable and have no version in their names.
            ([(header::CONTENT_TYPE, *media_type), (header::CACHE_CONTROL, "no-cache")], headers(), *contents)
                .into_response()
        };
        router.route(path, get(file))
    })
}

impl Live {
    async fn keep_reading(self: Arc<Self>) {
        let mut ticks = interval_at(self.started + EVERY, EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            let reading = Reading::of(&self.replica.figures());
            self.history().keep(self.started.elapsed(), reading);
        }
    }

    fn answer(&self) -> String {
        let figures = self.replica.figures();
        let running = self.started.elapsed();
        let hour = self.history().until(running, &Reading::of(&figures));
        let gateways = self.replica.gateways(GATEWAYS);
        let engine = self.replica.engine().map(|status| Engine::of(status));
        let answer = Answer::new(&self.replica.hello().replica, running, &figures, hour, gateways, engine);
        serde_json::to_string(&answer).expect("numbers and text are JSON")
    }

    fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The page talks to this port only, and no other page may show or read it.
fn headers() -> [(header::HeaderName, &'static str); 4] {
    [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ]
}

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
    frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// Path, media type, contents.
const FILES: [(&str, &str, &str); 5] = [
    ("/", "text/html; charset=utf-8", include_str!("live/page/index.html")),
    ("/live.css", "text/css; charset=utf-8", include_str!("live/page/live.css")),
    ("/live.js", "text/javascript; charset=utf-8", include_str!("live/page/live.js")),
    ("/plots.js", "text/javascript; charset=utf-8", include_str!("live/page/plots.js")),
    ("/words.js", "text/javascript; charset=utf-8", include_str!("live/page/words.js")),
];

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use duet_matchmaker::Config;
    use duet_matchmaker::server::GatewayFigures;

    use super::*;

    #[tokio::test]
    async fn an_answer_is_of_bounded_size_whatever_happens() {
        let replica = Replica::start("m".repeat(128), Config::default());
        let figures = replica.figures();
        let most = u64::MAX / 2;
        let reading = || Reading {
            waiting: most,
            rooms: most,
            matches: most,
            connected: most,
            failed: most,
            ..Reading::of(&figures)
        };
        let mut history = History::new(Duration::ZERO, reading());
        for at in 1..1000 {
            history.keep(EVERY * at, reading());
        }
        let gateway = GatewayFigures {
            name: "\"".repeat(128),
            workers: u32::MAX,
            links: u32::MAX,
            sessions: usize::MAX,
            linked_for: Some(Duration::from_secs(u32::MAX.into())),
            lost_ago: Some(Duration::from_secs(u32::MAX.into())),
        };
        let hour = history.until(EVERY * 1000, &reading());
        let gateways = (vec![gateway; GATEWAYS], 7);
        let answer = Answer::new(&replica.hello().replica, EVERY * 1000, &figures, hour, gateways, None);
        let size = serde_json::to_string(&answer).unwrap().len();
        assert!(size < 160_000, "{size}");
    }
}
