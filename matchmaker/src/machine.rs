//! The machine from outside: links come and go, frames and time go in, outputs come out.
//!
//! What a frame means is in `frames.rs`, who meets whom in `matching.rs`, what can be asked in `query.rs`.

use std::collections::{BTreeMap, HashMap, VecDeque};

use duet_proto::frame::{Attach, Down, DownFrame, Up, UpFrame};
use duet_proto::ids::{SessionNumber, TicketNumber};
use duet_proto::link::GatewayHello;
use duet_proto::time::Time;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::deadlines::Deadlines;
use crate::pools::Pools;
use crate::rooms::Rooms;
use crate::sessions::{Session, SessionKey, Sessions, State};
use crate::{Config, Output};

/// A link inside one machine. Never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkKey(u64);

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
#[derive(Debug)]
pub struct Matchmaker {
    pub(crate) config: Config,
    /// Room ids come from here: a cryptographic generator, so that nobody guesses them.
    pub(crate) rng: StdRng,
    pub(crate) links: BTreeMap<LinkKey, Link>,
    pub(crate) sessions: Sessions,
    pub(crate) rooms: Rooms,
    pub(crate) pools: Pools,
    pub(crate) deadlines: Deadlines,
    pub(crate) outputs: VecDeque<Output>,
    links_ever: u64,
    /// Raised for each new turn, so that equal queue times keep the order of arrival.
    pub(crate) arrivals: u64,
    pub(crate) matches: u64,
    pub(crate) forwarded: u64,
}

/// One link and the sessions on it.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) hello: GatewayHello,
    sessions: HashMap<SessionNumber, SessionKey>,
}

/// Which rule of `signaling.proto` a gateway broke.
pub(crate) struct Breach(pub(crate) &'static str);

impl Matchmaker {
    /// A machine without links. The seed must come from a good source and never be used twice: it decides all room ids.
    pub fn new(config: Config, seed: [u8; 32]) -> Self {
        Matchmaker {
            config,
            rng: StdRng::from_seed(seed),
            links: BTreeMap::new(),
            sessions: Sessions::default(),
            rooms: Rooms::default(),
            pools: Pools::default(),
            deadlines: Deadlines::default(),
            outputs: VecDeque::new(),
            links_ever: 0,
            arrivals: 0,
            matches: 0,
            forwarded: 0,
        }
    }

    /// A gateway's worker has a link. An earlier one of the same worker of the same process is taken down: the gateway has lost it.
    pub fn link_up(&mut self, hello: GatewayHello, now: Time) -> LinkKey {
        let earlier = self.links.iter().find(|(_, link)| link.hello == hello).map(|(key, _)| *key);
        if let Some(earlier) = earlier {
            self.outputs.push_back(Output::LinkReplaced { link: earlier });
            self.link_down(earlier, now);
        }
        let key = LinkKey(self.links_ever);
        self.links_ever += 1;
        self.links.insert(key, Link { hello, sessions: HashMap::new() });
        key
    }

    /// A frame has come over a link.
    pub fn handle_frame(&mut self, link: LinkKey, frame: UpFrame, now: Time) {
        let Some(sessions) = self.links.get(&link).map(|link| &link.sessions) else { return };
        let done = match (sessions.get(&frame.session), frame.kind) {
            (None, Up::Attach(attach)) => self.attach(link, frame.session, attach, now),
            (Some(&session), kind) => self.handle(session, kind, now),
            (None, _) => Err(Breach("a frame named a session that is not attached")),
        };
        if let Err(Breach(reason)) = done {
            self.outputs.push_back(Output::LinkRefused { link, reason });
            self.link_down(link, now);
        }
    }

    /// A link has ended, and with it all its sessions. Their partners go back to the places they had, however long the rooms were.
    pub fn link_down(&mut self, link: LinkKey, now: Time) {
        let Some(Link { sessions, .. }) = self.links.remove(&link) else { return };
        let mut sessions: Vec<_> = sessions.into_iter().collect();
        sessions.sort_unstable();
        // First all of them go, so that none meets a survivor; then the survivors are put back.
        let mut survivors = Vec::new();
        for (_, session) in &sessions {
            survivors.extend(self.rest(*session, now).map(|parting| parting.survivor));
        }
        survivors.retain(|survivor| self.sessions[*survivor].link != link);
        for (_, session) in sessions {
            self.remove_session(session);
        }
        self.requeue_after_loss(survivors, now);
    }

    /// The moment told by [`Matchmaker::poll_timeout`] has come. Harmless at other times.
    pub fn handle_timeout(&mut self, now: Time) {
        let mut due = Vec::new();
        while let Some(client) = self.deadlines.take_due(now) {
            due.extend(self.sessions.by_client(client));
        }
        self.retry(due, now);
    }

    /// The next thing to do, or `None` when there is nothing left.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`Matchmaker::handle_timeout`], if ever.
    pub fn poll_timeout(&self) -> Option<Time> {
        self.deadlines.next()
    }

    /// Sends a frame to a session.
    pub(crate) fn tell(&mut self, session: SessionKey, kind: Down) {
        let Session { link, number, .. } = self.sessions[session];
        self.outputs.push_back(Output::Frame { link, frame: DownFrame { session: number, kind } });
    }

    /// Adds a session that does nothing yet.
    pub(crate) fn add_session(
        &mut self,
        link: LinkKey,
        number: SessionNumber,
        attach: Attach,
        now: Time,
    ) -> Result<SessionKey, Breach> {
        if self.sessions.by_client(attach.client).is_some() {
            return Err(Breach("two sessions have the same client id"));
        }
        let session = self.sessions.insert(Session {
            link,
            number,
            client: attach.client,
            identity: attach.identity,
            attached: now,
            ticket: TicketNumber::default(),
            wish: None,
            state: State::Idle,
            last_partner: None,
            apart: Vec::new(),
        });
        let link = self.links.get_mut(&link).expect("frames are taken only from links that are up");
        link.sessions.insert(number, session);
        Ok(session)
    }

    /// Forgets a session that does nothing any more.
    pub(crate) fn remove_session(&mut self, session: SessionKey) {
        let session = self.sessions.remove(session);
        if let Some(link) = self.links.get_mut(&session.link) {
            link.sessions.remove(&session.number);
        }
        for (left, until) in session.apart {
            self.deadlines.cancel(until, session.client, left);
        }
    }
}
