//! What the page is told, as JSON. Of bounded size, and nothing in it is about one client.

use std::time::Duration;

use duet_matchmaker::server::engine::EngineStatus;
use duet_matchmaker::server::{Figures, GatewayFigures};
use serde::Serialize;

use super::history::{EVERY, SPAN, Series, Totals, tenths};

/// Gateways that are listed; of more it is told how many.
pub(super) const GATEWAYS: usize = 200;

/// All of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer<'a> {
    matchmaker: &'a str,
    version: &'static str,
    running_seconds: f64,
    draining: bool,
    /// Without one the matchmaker keeps its pools to itself.
    engine: Option<Engine>,
    every_seconds: u64,
    span_seconds: u64,
    now: Now,
    hour: Totals,
    series: Series,
    gateways: Vec<Gateway>,
    more_gateways: usize,
}

/// What there is at this moment.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Now {
    waiting: usize,
    oldest_wait_seconds: Option<f64>,
    rooms: usize,
    sessions: usize,
    links: usize,
}

/// How it stands with the engine.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Engine {
    /// For how long it can't be asked, if it can't.
    away_seconds: Option<f64>,
    why: Option<String>,
    queued: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Gateway {
    name: String,
    workers: u32,
    links: u32,
    sessions: usize,
    /// For how long without a break.
    linked_seconds: Option<f64>,
    /// How long ago a link of it ended.
    lost_seconds: Option<f64>,
}

impl<'a> Answer<'a> {
    pub(super) fn new(
        matchmaker: &'a str,
        running: Duration,
        figures: &Figures,
        (series, hour): (Series, Totals),
        (gateways, more_gateways): (Vec<GatewayFigures>, usize),
        engine: Option<Engine>,
    ) -> Self {
        let stats = &figures.stats;
        Answer {
            matchmaker,
            version: env!("CARGO_PKG_VERSION"),
            running_seconds: tenths(running),
            draining: figures.is_draining,
            engine,
            every_seconds: EVERY.as_secs(),
            span_seconds: SPAN.as_secs(),
            now: Now {
                waiting: stats.waiting,
                // Without a pool there is nobody in one.
                oldest_wait_seconds: stats.oldest_wait.filter(|_| stats.waiting > 0).map(tenths),
                rooms: stats.rooms,
                sessions: stats.sessions,
                links: stats.links,
            },
            hour,
            series,
            gateways: gateways.into_iter().map(Gateway::from).collect(),
            more_gateways,
        }
    }
}

impl Engine {
    pub(super) fn of(status: &EngineStatus) -> Self {
        let state = status.now();
        let (away_seconds, why) = state.away().map(|(lasts, why)| (tenths(lasts), why.to_owned())).unzip();
        Engine { away_seconds, why, queued: status.queued() }
    }
}

impl From<GatewayFigures> for Gateway {
    fn from(gateway: GatewayFigures) -> Self {
        Gateway {
            name: gateway.name,
            workers: gateway.workers,
            links: gateway.links,
            sessions: gateway.sessions,
            linked_seconds: gateway.linked_for.map(tenths),
            lost_seconds: gateway.lost_ago.map(tenths),
        }
    }
}
