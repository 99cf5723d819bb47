//! A matchmaker's figures by name.

use duet_matchmaker::server::Figures;
use duet_proto::frame::PartnerLeftReason;

use super::families::{Families, label};

/// All of them.
pub(super) fn matchmaker(figures: &Figures, families: &mut Families) {
    people(figures, families);
    rooms(figures, families);
    links(figures, families);
}

fn people(figures: &Figures, families: &mut Families) {
    let stats = &figures.stats;
    families.gauge("duet_matchmaker_sessions", "Sessions that gateways have announced", stats.sessions);
    let waiting = figures.pools.iter().map(|pool| (label("pool", &*pool.name), pool.waiting));
    families.gauges("duet_waiting", "Sessions in the queues", waiting);
    let oldest = figures.pools.iter().map(|pool| (label("pool", &*pool.name), pool.oldest_wait.as_secs_f64()));
    families.gauges("duet_oldest_wait_seconds", "How long the longest waiter has waited", oldest);
    let matched = figures
        .time_to_match
        .iter()
        .map(|(pool, by, matched)| (vec![("pool", pool.clone()), ("by", by.name().to_owned())], matched.clone()));
    let what = "How long those had waited who met, by what made them suit";
    families.histograms("duet_time_to_match_seconds", what, matched);
    let waits = figures.waits.iter().map(|(end, waited)| (label("result", end.name()), waited.clone()));
    families.histograms("duet_wait_seconds", "How long people waited, by what came of it", waits);
}

fn rooms(figures: &Figures, families: &mut Families) {
    let stats = &figures.stats;
    families.gauge("duet_rooms", "Rooms of two", stats.rooms);
    families.gauge("duet_blocks", "Pairs of users that are not matched with each other", stats.blocks);
    let what = "Reports that were no events, as their reporters had filed too many";
    families.counter("duet_ignored_reports", what, stats.ignored_reports);
    families.counter("duet_reports", "Reports that counted", stats.reports);
    let what = "Times somebody was put away with others who are reported a lot";
    families.counter("duet_quarantines", what, stats.quarantines);
    families.counter("duet_matches", "Rooms made", stats.matches);
    families.counter("duet_rematches", "Rooms of two who had met shortly before", figures.rematches);
    let ended = figures.rooms_ended.map(|(reason, count)| (label("reason", name(reason)), count));
    families.counters("duet_rooms_ended", "Rooms that ended, by what the one who was left was told", ended);
    let what = "How long rooms lasted";
    families.histograms("duet_room_duration_seconds", what, [(Vec::new(), figures.rooms_lasted.clone())]);
    families.counter("duet_forwarded_messages", "Messages forwarded, repeated ones each time", stats.forwarded);
    families.counter("duet_forwarded_bytes", "Their bytes", figures.forwarded_bytes);
}

fn links(figures: &Figures, families: &mut Families) {
    families.gauge("duet_matchmaker_links", "Links of gateways' workers that are up", figures.stats.links);
    families.gauge("duet_matchmaker_queue_frames", "Frames that wait for gateways on all links", figures.queued.items);
    families.gauge("duet_matchmaker_queue_bytes", "Their bytes", figures.queued.bytes);
    let limits = figures.link_queue;
    families.gauge("duet_matchmaker_queue_max_frames", "Frames that may wait on one link", limits.items);
    families.gauge("duet_matchmaker_queue_max_bytes", "Bytes that may wait on one link", limits.bytes);
    families.gauge("duet_matchmaker_draining", "Whether the matchmaker is going away", figures.is_draining);
}

fn name(reason: PartnerLeftReason) -> &'static str {
    match reason {
        PartnerLeftReason::Left => "left",
        PartnerLeftReason::Next => "next",
        PartnerLeftReason::Disconnected => "disconnected",
        PartnerLeftReason::Closed => "closed",
    }
}
