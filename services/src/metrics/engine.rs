//! The figures of a matchmaker that shares its pools with others by an engine.

use duet_matchmaker::server::SharingFigures;
use duet_matchmaker::server::engine::EngineStatus;

use super::families::{Families, label};

/// How it stands with the engine.
pub(super) fn engine(status: &EngineStatus, families: &mut Families) {
    let state = status.now();
    families.gauge("duet_engine_up", "Whether the engine can be asked", state.is_up());
    let away = state.away().map_or(0.0, |(lasts, _)| lasts.as_secs_f64());
    families.gauge("duet_engine_away_seconds", "For how long it can't be; 0 while it can", away);
    families.counter("duet_engine_commands", "Commands that it has answered", status.commands.get());
    let faults = status.faults().map(|(fault, count)| (label("fault", fault.name()), count));
    families.counters("duet_engine_faults", "What went wrong with it", faults);
    families.counter("duet_engine_reconnects", "Connections to it after the first", status.reconnects.get());
    let what = "Times that it was told anew of all who wait, as it may have forgotten them";
    families.counter("duet_engine_resyncs", what, status.resyncs.get());
    let what = "How long it took to answer a batch of commands";
    families.histograms("duet_engine_round_trip_seconds", what, [(Vec::new(), status.round_trips.distribution())]);
    families.gauge("duet_engine_queue_requests", "Requests that wait for it", status.queued());
    families.gauge("duet_engine_queue_max_requests", "Requests that may wait for it", status.queue());
}

/// What comes of sharing.
pub(super) fn sharing(figures: &SharingFigures, families: &mut Families) {
    families.counter("duet_shared_searches", "Searches that the engine was asked for", figures.searches);
    let what = "Waiters of other matchmakers that were asked to come here";
    families.counter("duet_shared_summons", what, figures.summons);
    let promises = figures.promises.map(|(end, count)| (label("result", end.name()), count));
    families.counters("duet_shared_promises", "What came of them", promises);
    let moved = [("here", figures.arrived), ("away", figures.departed)];
    let moved = moved.map(|(way, count)| (label("direction", way), count));
    let what = "Sessions that went on at another matchmaker: came here, or went away from here";
    families.counters("duet_shared_sessions_moved", what, moved);
}
