//! The machine from outside: links come and go, frames and time go in, outputs come out.
//!
//! What a link's coming and going means is in `links.rs`, what a frame means in `frames.rs`, who meets whom in `matching.rs`,
//! what can be asked in `query.rs`.

use std::collections::VecDeque;

use duet_proto::frame::{Down, DownFrame, Up, UpFrame};
use duet_proto::ids::ClientId;
use duet_proto::link::GatewayHello;
use duet_proto::time::Time;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::admin::Orders;
use crate::blocks::Blocks;
use crate::deadlines::{Deadlines, Timer};
use crate::halves::Halves;
use crate::links::Links;
use crate::obituaries::Obituaries;
use crate::pools::Pools;
use crate::reports::Reports;
use crate::resuming::Held;
use crate::rooms::Rooms;
use crate::sessions::{Session, SessionKey, Sessions};
use crate::sharing::Sharing;
use crate::tally::Tally;
use crate::{Change, Config, LinkKey, Output};

/// Who meets whom.
///
/// Inputs come first: [`link_up`](Self::link_up), then [`handle_frame`](Self::handle_frame) for what the link brings, at last
/// [`link_down`](Self::link_down); and [`handle_timeout`](Self::handle_timeout) once the moment that
/// [`poll_timeout`](Self::poll_timeout) told has come. After one input, or several in a row, call
/// [`poll_output`](Self::poll_output) until `None`, do what it says in that order, and look at `poll_timeout` again. Moments
/// given as `now` never go back.
///
/// A gateway that breaks a rule is an [`Output::LinkRefused`], never an error or a panic. Frames of a link that is down are
/// ignored, and taking it down again does nothing.
///
/// Sessions outlive their link for [`Config::link_grace`]. Meanwhile nothing is sent to them, and nobody is matched with them;
/// what they have missed they hear when their gateway attaches them on its next link. Resumable sessions outlive their gateway, too,
/// for the rest of their window.
#[derive(Debug)]
pub struct Matchmaker {
    pub(crate) config: Config,
    /// Room ids come from here: a cryptographic generator, so that nobody guesses them.
    pub(crate) rng: StdRng,
    pub(crate) links: Links,
    pub(crate) sessions: Sessions,
    pub(crate) rooms: Rooms,
    pub(crate) halves: Halves,
    pub(crate) pools: Pools,
    pub(crate) blocks: Blocks,
    pub(crate) reports: Reports,
    /// What operators have said.
    pub(crate) orders: Orders,
    /// Those who may be idle now, to be told of at the end of the input.
    pub(crate) rested: Vec<ClientId>,
    pub(crate) deadlines: Deadlines,
    pub(crate) held: Held,
    /// Whose rooms have ended, while resumes wait.
    pub(crate) loosened: Vec<ClientId>,
    /// Those who have ended here, for gateways that have not heard of it.
    pub(crate) obituaries: Obituaries,
    /// Those for whom more would have to be kept than may be; they end with the input.
    pub(crate) overflowed: Vec<ClientId>,
    pub(crate) outputs: VecDeque<Output>,
    /// Raised for each new turn, so that equal queue times keep the order of arrival.
    pub(crate) arrivals: u64,
    pub(crate) matches: u64,
    pub(crate) tally: Tally,
    pub(crate) forwarded: u64,
    pub(crate) reports_counted: u64,
    pub(crate) ignored_reports: u64,
    pub(crate) quarantines: u64,
    pub(crate) sharing: Sharing,
}

/// Which rule of `signaling.proto` a gateway broke.
pub(crate) struct Breach(pub(crate) &'static str);

impl Matchmaker {
    /// A machine without links. It starts at [`Time::ZERO`]: [`Config::recovery`] counts from there. The seed must come from a
    /// good source and never be used twice: it decides all room ids.
    pub fn new(config: Config, seed: [u8; 32]) -> Self {
        Matchmaker {
            blocks: Blocks::new(config.max_blocks),
            reports: Reports::new(config.quarantine),
            tally: Tally::new(config.pools.as_deref()),
            config,
            rng: StdRng::from_seed(seed),
            links: Links::default(),
            sessions: Sessions::default(),
            rooms: Rooms::default(),
            halves: Halves::default(),
            pools: Pools::default(),
            orders: Orders::default(),
            rested: Vec::new(),
            deadlines: Deadlines::default(),
            held: Held::default(),
            loosened: Vec::new(),
            obituaries: Obituaries::default(),
            overflowed: Vec::new(),
            outputs: VecDeque::new(),
            arrivals: 0,
            matches: 0,
            forwarded: 0,
            reports_counted: 0,
            ignored_reports: 0,
            quarantines: 0,
            sharing: Sharing::default(),
        }
    }

    /// A gateway's worker has a link. An earlier one of the same worker of the same process is taken down, as the gateway has
    /// lost it, and its sessions may be attached on this one. Sessions of the same worker of an earlier process are gone.
    pub fn link_up(&mut self, hello: GatewayHello, now: Time) -> LinkKey {
        self.end_earlier_boots(&hello, now);
        if let Some(earlier) = self.links.up_by(&hello) {
            self.outputs.push_back(Output::LinkReplaced { link: earlier });
            self.unlink(earlier, now);
        }
        self.settle_up(now);
        self.links.insert(hello)
    }

    /// A frame has come over a link.
    pub fn handle_frame(&mut self, link: LinkKey, frame: UpFrame, now: Time) {
        if !self.links.is_up(link) {
            return;
        }
        let UpFrame { session: number, client_seq, kind } = frame;
        let done = match (self.links.session(link, number), kind) {
            (_, Up::Departed { client }) => {
                self.depart(link, client, now);
                Ok(())
            }
            (_, Up::Stays { client, ticket }) => {
                self.stays(client, ticket, now);
                Ok(())
            }
            (None, Up::Attach(attach)) => self.attach(link, number, *attach, now),
            (Some(session), kind) => self.handle(session, client_seq, kind, now),
            // It has ended, or lives elsewhere, and the gateway has not heard of it yet.
            (None, _) if self.links.has_seen(link, number) => Ok(()),
            (None, _) => Err(Breach("a frame named a session that is not attached")),
        };
        if let Err(Breach(reason)) = done {
            self.outputs.push_back(Output::LinkRefused { link, reason });
            self.end_links(&[link], now);
        }
        self.settle_up(now);
    }

    /// A link has ended. Its sessions keep what they have for [`Config::link_grace`].
    pub fn link_down(&mut self, link: LinkKey, now: Time) {
        if self.links.is_up(link) {
            self.unlink(link, now);
            self.settle_up(now);
        }
    }

    /// A link has ended because its gateway took too little of what it was sent. As [`link_down`](Self::link_down), and if it is what
    /// is kept for its sessions that does not fit, those for whom most is kept end: on the next link all of it would be sent again.
    pub fn link_overflowed(&mut self, link: LinkKey, fits: usize, now: Time) {
        if self.links.is_up(link) {
            self.shed(link, fits, now);
        }
        self.link_down(link, now);
    }

    /// The moment told by [`Matchmaker::poll_timeout`] has come. Harmless at other times.
    pub fn handle_timeout(&mut self, now: Time) {
        let (mut ends, mut expired, mut halves) = (Vec::new(), Vec::new(), Vec::new());
        let (mut resumes, mut retries) = (Vec::new(), Vec::new());
        self.obituaries.forget(now);
        self.reports.forget_quarantines(now);
        while let Some(timer) = self.deadlines.take_due(now) {
            match timer {
                Timer::Grace(link) => ends.push(link),
                Timer::Window(client) => expired.push(client),
                Timer::HalfRoom(room) => halves.push(room),
                Timer::HeldResume(token) => resumes.push(token),
                Timer::Waiter(client) => {
                    let waiter = self.sessions.by_client(client);
                    if let Some(standing) = waiter.and_then(|waiter| self.sessions[waiter].standing.as_mut()) {
                        standing.due = None;
                    }
                    if !waiter.is_some_and(|waiter| self.tell_late(waiter, now)) {
                        retries.push(client);
                    }
                }
                Timer::Retry { presser, .. } => retries.push(presser),
            }
        }
        // Those who are gone go first, so that nobody meets them; a half room may be among what they leave.
        self.end_links(&ends, now);
        self.expire(expired, now);
        self.give_up_halves(halves, now);
        for token in resumes {
            self.end_wait(token, now);
        }
        let retries = retries.into_iter().filter_map(|client| self.sessions.by_client(client)).collect();
        self.wake(retries, now);
        self.settle_up(now);
    }

    /// The next thing to do, or `None` when there is nothing left.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`Matchmaker::handle_timeout`], if ever.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.deadlines.next()
    }

    /// What has been counted.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// What follows from an input besides its own effects.
    pub(crate) fn settle_up(&mut self, now: Time) {
        self.end_overflowed(now);
        self.retry_loosened(now);
        self.note_rested();
    }

    /// Sends a frame to a session; to an unlinked one, nothing. What a resumable one must not miss is kept for it.
    pub(crate) fn tell(&mut self, session: SessionKey, kind: Down) {
        let (mut seq, mut taken) = (0, 0);
        if let Some((client, resumable)) = self.sessions[session].resumable_mut().filter(|_| kind.is_numbered()) {
            let mut is_full = false;
            taken = resumable.taken;
            seq = resumable.log.push(&kind, taken, &mut is_full);
            if is_full {
                self.overflowed.push(client);
            }
        }
        let Session { link, number, .. } = self.sessions[session];
        if self.links.is_up(link) {
            self.outputs.push_back(Output::Frame { link, frame: DownFrame { session: number, seq, taken, kind } });
        }
    }

    /// Whether the session's link is up.
    pub(crate) fn is_linked(&self, session: SessionKey) -> bool {
        self.links.is_up(self.sessions[session].link)
    }

    /// Forgets a session that has ended.
    pub(crate) fn remove_session(&mut self, session: SessionKey) {
        self.note(session, Change::Ended);
        self.forget_session(session);
    }

    /// Forgets a session that does nothing any more here.
    pub(crate) fn forget_session(&mut self, session: SessionKey) {
        self.close_window(session);
        self.tell_former(session, 0);
        let session = self.sessions.remove(session);
        self.leave_link(session.link, session.number);
        for (left, until) in session.apart {
            self.deadlines.cancel(until, Timer::Retry { presser: session.client, left });
        }
    }
}
