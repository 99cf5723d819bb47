//! What the replica's lock guards: the machine and the links' queues, and how its outputs get from one to the other.

use std::collections::BTreeMap;
use std::sync::Arc;

use duet_proto::frame::{Down, DownFrame};
use duet_proto::link::GatewayHello;
use duet_proto::queue::{Fill, Limits, Refused, Sender};
use duet_proto::spans::Spans;
use duet_proto::time::Time;
use tokio::sync::oneshot;

use super::engine_queue::EngineQueue;
use super::events::Events;
use super::gateways::Gateways;
use super::link::LinkEnd;
use super::traces::MatchSpans;
use super::waits::Waits;
use crate::{Event, LinkKey, Matchmaker, Output, Quarantined, Report, RoomEnded};

/// The machine and its links. Every input is followed by [`Desk::drain`] before the lock is let go.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) machine: Matchmaker,
    /// What may wait for a link's gateway.
    link_queue: Limits,
    links: BTreeMap<LinkKey, Outlet>,
    /// When the timer will wake.
    pub(crate) armed: Option<Time>,
    going_away: bool,
    pub(crate) events: Events,
    pub(crate) gateways: Gateways,
    pub(crate) waits: Arc<Waits>,
    spans: MatchSpans,
    /// Where what the machine asks of the engine goes, if it shares its pools.
    engine: Option<EngineQueue>,
}

/// Where a link's frames and its end go.
#[derive(Debug)]
struct Outlet {
    gateway: String,
    worker: u32,
    down: Sender<DownFrame>,
    end: oneshot::Sender<LinkEnd>,
}

impl Desk {
    pub(crate) fn new(
        machine: Matchmaker,
        link_queue: Limits,
        event_backlog: usize,
        spans: Option<Spans>,
        engine: Option<EngineQueue>,
    ) -> Self {
        Desk {
            machine,
            link_queue,
            links: BTreeMap::new(),
            armed: None,
            going_away: false,
            events: Events::new(event_backlog),
            waits: Arc::default(),
            spans: MatchSpans::new(spans),
            gateways: Gateways::default(),
            engine,
        }
    }

    /// A link begins, unless this matchmaker is going away. Its end is told to the receiver.
    pub(crate) fn link_up(
        &mut self,
        hello: GatewayHello,
        down: Sender<DownFrame>,
        now: Time,
    ) -> Result<(LinkKey, oneshot::Receiver<LinkEnd>), LinkEnd> {
        if self.going_away {
            return Err(LinkEnd::GoingAway);
        }
        tracing::info!(gateway = %hello.gateway, worker = hello.worker, "link up");
        let (end, ended) = oneshot::channel();
        self.gateways.link_up(&hello, now);
        let outlet = Outlet { gateway: hello.gateway.clone(), worker: hello.worker, down, end };
        let key = self.machine.link_up(hello, now);
        self.links.insert(key, outlet);
        Ok((key, ended))
    }

    /// A link ends, unless it has ended already.
    pub(crate) fn link_down(&mut self, link: LinkKey, why: LinkEnd, now: Time) {
        self.end(link, why, now);
        self.machine.link_down(link, now);
    }

    /// All links end. Nobody is told of partners lost: everybody's link is gone, and their gateways announce them elsewhere.
    pub(crate) fn go_away(&mut self, now: Time) {
        self.going_away = true;
        let links: Vec<_> = self.links.keys().copied().collect();
        for link in &links {
            self.end(*link, LinkEnd::GoingAway, now);
        }
        for link in links {
            self.machine.link_down(link, now);
        }
    }

    /// Does all that the machine says. A link that does not take its frames is ended at once, before anything more goes into it,
    /// and taken down after.
    pub(crate) fn drain(&mut self, now: Time) {
        loop {
            let mut lost = Vec::new();
            while let Some(output) = self.machine.poll_output() {
                match output {
                    Output::Frame { link, frame } => {
                        if let Err(why) = self.push(link, frame) {
                            self.end(link, why.clone(), now);
                            lost.push((link, why));
                        }
                    }
                    Output::LinkRefused { link, reason } => self.end(link, LinkEnd::Refused(reason.into()), now),
                    Output::LinkReplaced { link } => self.end(link, LinkEnd::Replaced, now),
                    Output::Engine(request) => {
                        if let Some(engine) = &self.engine {
                            engine.ask(*request);
                        }
                    }
                    Output::Event(event) => {
                        log_event(&event);
                        if let Event::Matched(made) = &*event {
                            self.waits.add(&made.pool, made.waited, now);
                            self.spans.made(made);
                        }
                        self.events.tell(*event);
                    }
                }
            }
            if lost.is_empty() {
                return;
            }
            for (link, why) in lost {
                match why {
                    LinkEnd::TooSlow => self.machine.link_overflowed(link, self.link_queue.bytes / 2, now),
                    _ => self.machine.link_down(link, now),
                }
            }
        }
    }

    /// What waits for the gateways, on all links together.
    pub(crate) fn queued(&self) -> Fill {
        let fills = self.links.values().map(|outlet| outlet.down.gauge().fill());
        fills.fold(Fill::default(), |sum, fill| Fill { items: sum.items + fill.items, bytes: sum.bytes + fill.bytes })
    }

    pub(crate) fn link_queue(&self) -> Limits {
        self.link_queue
    }

    pub(crate) fn is_going_away(&self) -> bool {
        self.going_away
    }

    /// Whether the timer must wake earlier than it will.
    pub(crate) fn deadline_moved_up(&mut self) -> bool {
        let next = self.machine.poll_timeout();
        let moved_up = next.is_some_and(|next| self.armed.is_none_or(|armed| next < armed));
        if moved_up {
            self.armed = next;
        }
        moved_up
    }

    /// Queues a frame, unless its link has been ended in this drain.
    fn push(&mut self, link: LinkKey, mut frame: DownFrame) -> Result<(), LinkEnd> {
        let Some(outlet) = self.links.get(&link) else { return Ok(()) };
        let in_span = match &mut frame.kind {
            Down::Matched(matched) => self.spans.told(matched),
            _ => None,
        };
        log_decision(&outlet.gateway, &frame);
        drop(in_span);
        outlet.down.push(frame).map_err(|refused| match refused {
            Refused::Full => LinkEnd::TooSlow,
            Refused::Closed => LinkEnd::Lost,
        })
    }

    /// Lets go of a link, if that has not happened yet: what is queued is still taken, then its stream ends.
    fn end(&mut self, link: LinkKey, why: LinkEnd, now: Time) {
        let Some(Outlet { gateway, worker, down, end }) = self.links.remove(&link) else { return };
        self.gateways.link_down(&gateway, now);
        match why {
            LinkEnd::Refused(_) | LinkEnd::TooSlow => tracing::warn!(%gateway, worker, %why, "link down"),
            LinkEnd::Closed | LinkEnd::Lost | LinkEnd::Replaced | LinkEnd::GoingAway => {
                tracing::info!(%gateway, worker, %why, "link down");
            }
        }
        down.close();
        // Nobody listens when the link ended by itself.
        let _ = end.send(why);
    }
}

/// What is decided about one session. Forwarded messages are none of it, and their text is nobody's business.
fn log_decision(gateway: &str, frame: &DownFrame) {
    let session = frame.session.0;
    match &frame.kind {
        Down::Waiting { .. } => tracing::debug!(gateway, session, "waits"),
        Down::Matched(matched) => tracing::debug!(gateway, session, room = %matched.room, "matched"),
        Down::PartnerLeft { reason, requeued, .. } => {
            tracing::debug!(gateway, session, ?reason, requeued, "partner left");
        }
        Down::Resume { received, .. } => tracing::debug!(gateway, session, received, "room resumes"),
        Down::PartnerAway { .. } => tracing::debug!(gateway, session, "partner away"),
        Down::PartnerBack { .. } => tracing::debug!(gateway, session, "partner back"),
        Down::SessionResumed(resumed) => {
            tracing::debug!(gateway, session, client = %resumed.client, epoch = resumed.epoch, "session resumed");
        }
        Down::ResumeFailed => tracing::debug!(gateway, session, "resume failed"),
        Down::SessionEnded { reason } => tracing::debug!(gateway, session, ?reason, "session ended"),
        Down::PoolFull { .. } => tracing::debug!(gateway, session, "too many wait"),
        Down::Summon { client, .. } => tracing::debug!(gateway, session, %client, "summoned"),
        Down::Settled { taken } => tracing::trace!(gateway, session, taken, "settled"),
        Down::Forward(_) => tracing::trace!(gateway, session, "forward"),
        Down::Ack { seq, .. } => tracing::trace!(gateway, session, seq, "ack"),
    }
}

/// Who, whom and where are Duet's own ids. Why is what a client wrote.
fn log_event(event: &Event) {
    match event {
        Event::Reported(Report { reporter, reported, room, reason, details, .. }) => {
            tracing::info!(reporter = %reporter.client, reported = %reported.client, %room, "a client was reported");
            tracing::debug!(%room, reason, details, "why a client was reported");
        }
        // What became of a session is in the frames to it.
        Event::SessionChanged(_) => {}
        Event::Quarantined(Quarantined { party, reporters, lasts }) => {
            tracing::warn!(client = %party.client, reporters, ?lasts, "a client was reported by many and is in quarantine");
        }
        Event::Matched(made) => tracing::debug!(room = %made.room, pool = made.pool.as_str(), "room made"),
        Event::RoomEnded(RoomEnded { room, reason, lasted, .. }) => {
            tracing::debug!(%room, ?reason, ?lasted, "room ended");
        }
    }
}
