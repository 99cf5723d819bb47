//! A gateway's figures by name.

use duet_gateway::relay_only::DroppedCandidate;
use duet_gateway::server::{ClientClose, Figures, LinkFigures, Moved, Refused};
use duet_gateway::session::SessionState;
use duet_proto::close::CloseCode;
use duet_proto::json::{CandidateType, ErrorCode, IceState};

use super::families::{Families, label};

/// Who is there and what became of them.
pub(super) fn clients(figures: &Figures, families: &mut Families) {
    families.gauge("duet_connections", "Clients that are connected", figures.connections());
    families.gauge("duet_max_connections", "Clients that may be connected; 0 is no limit", figures.max_connections());
    let sessions = SessionState::ALL.map(|state| (label("state", state.name()), figures.sessions(state)));
    families.gauges("duet_sessions", "Clients' sessions by what they do", sessions);
    let refused = Refused::ALL.map(|reason| (label("reason", reason.name()), figures.refused(reason)));
    let what = "What was refused, or who was sent away, by the limit or rule that was the reason";
    families.counters("duet_refused", what, refused);
    let errors = ErrorCode::ALL.map(|code| (label("code", code.name()), figures.errors(code)));
    families.counters("duet_errors", "Errors that clients were told of", errors);
    families.counters("duet_closes", "Connections that ended, by who ended them and the close code", closes(figures));
    let resumes = [("resumed", figures.resumed()), ("failed", figures.resume_failed())];
    let resumes = resumes.map(|(result, count)| (label("result", result), count));
    families.counters("duet_resumes", "Clients that asked for their earlier session, by what came of it", resumes);
    families.gauge("duet_gateway_ready", "Whether new clients are welcome", figures.is_ready());
    families.gauge("duet_gateway_draining", "Whether the gateway is going away", figures.is_draining());
}

fn closes(figures: &Figures) -> Vec<(Vec<super::families::Label>, u64)> {
    let closed = |by: &str, code: &str, count| (vec![("by", by.to_owned()), ("code", code.to_owned())], count);
    let server =
        CloseCode::ALL.map(|code| closed("server", &code.number().to_string(), figures.closed_by_server(code)));
    let client = ClientClose::ALL.map(|code| closed("client", code.name(), figures.closed_by_client(code)));
    server.into_iter().chain(client).chain([closed("nobody", "none", figures.cut())]).collect()
}

/// What passes through, and how fast.
pub(super) fn messages(figures: &Figures, families: &mut Families) {
    let passed = [("from-client", figures.from_clients()), ("to-client", figures.to_clients())];
    let messages = passed.map(|(way, passed)| (label("direction", way), passed.messages));
    families.counters("duet_gateway_forwarded_messages", "Messages between partners", messages);
    let bytes = passed.map(|(way, passed)| (label("direction", way), passed.bytes));
    families.counters("duet_gateway_forwarded_bytes", "Their JSON", bytes);
    let what = "From a link to a client's socket, one message in 64";
    families.histograms("duet_delivery_seconds", what, [(Vec::new(), figures.delivery())]);
    families.gauge("duet_outbox_bytes", "What clients have not taken", figures.unwritten());
    families.gauge("duet_outbox_max_bytes", "What may wait for one client", figures.max_unwritten());
    families.gauge("duet_blocked_clients", "Clients that have not taken something", figures.blocked());
    let dropped = DroppedCandidate::ALL.map(|kind| (label("kind", kind.name()), figures.candidates_dropped(kind)));
    let what = "Candidates that the relay-only policy kept from partners, by their kind";
    families.counters("duet_candidates_dropped", what, dropped);
}

/// What clients' calls came to.
pub(super) fn calls(figures: &Figures, families: &mut Families) {
    let what = "From telling a client of its partner to its first answer";
    families.histograms("duet_call_answer_seconds", what, [(Vec::new(), figures.answered())]);
    let candidates = || CandidateType::ALL.into_iter().map(Some).chain([None]);
    let calls = IceState::ALL.into_iter().flat_map(|ice| candidates().map(move |candidate| (ice, candidate)));
    let calls = calls.map(|(ice, candidate)| {
        let name = candidate.map_or("untold", CandidateType::name);
        let labels = vec![("state", ice.name().to_owned()), ("candidate", name.to_owned())];
        (labels, figures.calls(ice, candidate))
    });
    families.counters("duet_calls", "What clients say that their calls came to, once a room for each", calls);
    let what = "How long calls took to connect, as clients say";
    families.histograms("duet_call_setup_seconds", what, [(Vec::new(), figures.setup())]);
}

/// The links to matchmakers.
pub(super) fn links(figures: &Figures, families: &mut Families) {
    let links = figures.links();
    let each = |number: fn(&LinkFigures) -> u64| {
        links.iter().map(move |link| (label("matchmaker", &*link.matchmaker), number(link)))
    };
    families.gauge("duet_gateway_workers", "Workers, each with a link to every matchmaker", figures.workers());
    families.gauges("duet_links_up", "Links to matchmakers that are up", each(|link| link.up));
    families.counters("duet_links_broken", "Links that broke", each(|link| link.broken));
    let moved = Moved::ALL.map(|why| (label("reason", why.name()), figures.moved(why)));
    families.counters("duet_sessions_moved", "Sessions that went on at another matchmaker, by why", moved);
    let what = "Frames that wait for a matchmaker on all links";
    families.gauges("duet_link_queue_frames", what, each(|link| link.queued.items as u64));
    families.gauges("duet_link_queue_bytes", "Their bytes", each(|link| link.queued.bytes as u64));
    let limits = figures.link_queue();
    families.gauge("duet_link_queue_max_frames", "Frames that may wait on one link", limits.items);
    families.gauge("duet_link_queue_max_bytes", "Bytes that may wait on one link", limits.bytes);
    let what = "From a wish to its answer: over the link, through the matchmaker, and back";
    let trips = links.iter().map(|link| (label("matchmaker", &*link.matchmaker), link.round_trip.clone()));
    families.histograms("duet_link_round_trip_seconds", what, trips);
}
