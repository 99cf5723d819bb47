//! One client's session: what its messages do, and what it is told.
//!
//! It decides what a message means in the state that the session is in, and refuses what means nothing there. It leaves
//! sockets, links and clocks to whoever drives it, and pairing to the matchmaker.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use duet_proto::close::CloseCode;
use duet_proto::frame::{Attach, Up, Wishes};
use duet_proto::ids::{ClientId, RoomId};
use duet_proto::json::{CandidateType, ErrorCode, IceState, Refusal, ServerMessage, Token};
use duet_proto::time::Time;

use crate::keepalive::{Keepalive, KeepaliveConfig, Liveness};
use crate::limits::{Limit, LimitsConfig, MessageLimits, Traffic, TrafficLimits};
use crate::relay_only::{DroppedCandidates, IceTransportPolicy};

mod activity;
mod departing;
mod identity;
mod incoming;
mod links;
mod numbered;
mod partner;
mod resumable;
mod resuming;
mod sequence;
#[cfg(test)]
mod tests;

use activity::Activity;
pub use activity::SessionState;
use departing::Departing;
use identity::Known;
pub use identity::{IdentityConfig, NotVerified, Verified};
use resumable::Resumable;
pub use resumable::ResumeTokens;

/// What sessions are bound by.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionConfig {
    /// How often a client may speak.
    pub limits: LimitsConfig,
    /// How clients are to say who they are.
    pub identity: IdentityConfig,
    /// How a dead connection is found.
    pub keepalive: KeepaliveConfig,
    /// How long a wish waits for a link before it is refused as `unavailable`.
    pub unavailable_after: Duration,
    /// How long after parting the last partner can be reported.
    pub report_window: Duration,
    /// How long a session of the layer `duet.v1` outlives its connection. Zero: it doesn't.
    pub resume_window: Duration,
    /// Whether clients may connect to each other directly.
    pub ice_transport_policy: IceTransportPolicy,
}

impl Default for SessionConfig {
    fn default() -> Self {
        SessionConfig {
            limits: LimitsConfig::default(),
            identity: IdentityConfig::default(),
            keepalive: KeepaliveConfig::default(),
            unavailable_after: Duration::from_secs(3),
            report_window: Duration::from_secs(60),
            resume_window: Duration::from_secs(15),
            ice_transport_policy: IceTransportPolicy::All,
        }
    }
}

/// What the driver is to do, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send this text to the client.
    Text(Bytes),
    /// Send this text, a JSON object, with the ICE servers that [`ice_user`](Session::ice_user) is to use, where there are any.
    TextWithIce(Bytes),
    /// Send a WebSocket ping.
    Ping,
    /// Push this to the link. Comes only while the link is up.
    Frame {
        /// What.
        kind: Up,
        /// Of a resumable session: how far its client's messages are in the frames up to this one; 0 says nothing.
        client_seq: u64,
    },
    /// Close the connection with this code once everything before is sent. Nothing is sent to the client after it.
    Close(CloseCode),
    /// Drop the connection: nobody is there. Nothing is sent to the client after it.
    Abort,
    /// Check this token, and hand over what comes of it by [`handle_verified`](Session::handle_verified).
    Verify(Token),
    /// Count that the client ran into this limit. What it was told stands in outputs of its own.
    Limited(Limit),
    /// Count these candidates, which did not pass the relay-only policy.
    Dropped(DroppedCandidates),
    /// Count this. Nobody is told of it, or is by outputs of their own.
    Counted(Counted),
    /// Log a fault of ours, which the client was told by this id.
    Fault {
        /// In the client's `error`.
        id: String,
        /// What went wrong.
        what: &'static str,
    },
}

/// What is worth counting of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// The client was told of an error.
    Refused(ErrorCode),
    /// The client has answered for the first time in its room, so long after it was told of the partner.
    Answered(Duration),
    /// For the first time in its room, the client says that its call has come to this.
    Call {
        /// What.
        ice: IceState,
        /// How long it took, as the client says.
        setup: Option<Duration>,
        /// By which kind of candidate, as the client says.
        candidate: Option<CandidateType>,
    },
}

/// The machine of one session.
///
/// Its driver calls one of the `handle_*` methods with an input and the time, then [`poll_output`](Self::poll_output) until it
/// has nothing more, then asks [`poll_timeout`](Self::poll_timeout) when to call
/// [`handle_timeout`](Self::handle_timeout). Time never runs backwards. After
/// [`handle_socket_end`](Self::handle_socket_end) the session is over, unless [`is_over`](Self::is_over) says that it is kept in case
/// its client comes back; then frames and time go on being handed over until it is.
#[derive(Debug)]
pub struct Session {
    config: Arc<SessionConfig>,
    client: ClientId,
    identity: Option<Box<Known>>,
    /// While a token is checked: whom its client says to be.
    verifying: Option<Box<Option<String>>>,
    /// Until when a token has to come.
    auth_by: Option<Time>,
    link: Link,
    activity: Activity,
    /// The room that it has left, while the matchmaker can't be told.
    departing: Option<Box<Departing>>,
    /// Of the newest ticket; 0 before the first.
    attempt: u32,
    /// What the client asked for last, for `next`; what its token adds is not in it.
    asked: Option<Wishes>,
    /// The last room and when it ended.
    parted: Option<(RoomId, Time)>,
    limits: MessageLimits,
    traffic: TrafficLimits,
    keepalive: Keepalive,
    /// When the gateway closes the connection because it drains.
    drain_at: Option<Time>,
    /// If the client speaks the layer `duet.v1`.
    resumable: Option<Box<Resumable>>,
    /// The number of the message that is being handled.
    handling: Option<u64>,
    /// Whether the client is told nothing more.
    closed: bool,
    /// Once the client has gone for good: how long the matchmaker is still to be told.
    ends_by: Option<Time>,
    /// Whether the matchmaker is told nothing more.
    is_over: bool,
    outputs: VecDeque<Output>,
}

/// Whether frames can be pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Up,
    DownSince(Time),
}

impl Session {
    /// A session begins with its socket, without a link: [`handle_link_up`](Self::handle_link_up) follows at once if there
    /// is one. `link_down_since` tells since when there was none. `jitter` spreads the pings of sessions that began together:
    /// anything from zero to the ping interval. The client speaks the layer `duet.v1` if there are tokens for it.
    pub fn new(
        config: Arc<SessionConfig>,
        client: ClientId,
        link_down_since: Time,
        jitter: Duration,
        tokens: Option<ResumeTokens>,
        now: Time,
    ) -> Self {
        let resume_window = tokens.map(|_| config.resume_window);
        let tokens = tokens.filter(|_| !config.resume_window.is_zero());
        let mut session = Session {
            client,
            identity: None,
            verifying: None,
            auth_by: config.identity.required.then(|| now + config.identity.timeout),
            link: Link::DownSince(link_down_since),
            activity: Activity::Idle,
            departing: None,
            attempt: 0,
            asked: None,
            parted: None,
            limits: MessageLimits::new(&config.limits, now),
            traffic: TrafficLimits::new(&config.limits, now),
            keepalive: Keepalive::new(&config.keepalive, jitter, now),
            drain_at: None,
            resumable: tokens.map(|tokens| Box::new(Resumable::new(&tokens))),
            handling: None,
            closed: false,
            ends_by: None,
            is_over: false,
            outputs: VecDeque::new(),
            config,
        };
        let resume_token = tokens.map(|tokens| tokens.first);
        let ready = ServerMessage::Ready { client_id: client, resume_token, resume_window };
        session.outputs.push_back(Output::TextWithIce(ready.text()));
        session
    }

    /// What the client is known by.
    pub fn client(&self) -> ClientId {
        self.client
    }

    /// Whom TURN servers are to take the client for: its user if that is proved, and otherwise the session, be it resumed.
    pub fn ice_user(&self) -> String {
        self.verified_user().map_or_else(|| self.client.to_string(), str::to_owned)
    }

    /// Bytes of any kind came from the client, and what was said in them has been handed over.
    pub fn handle_traffic(&mut self, traffic: Traffic, now: Time) {
        self.keepalive.heard(&self.config.keepalive, now);
        if self.closed {
            return;
        }
        if let Some(limit) = self.traffic.count(&self.config.limits, traffic, now) {
            self.limited(limit);
            self.close(CloseCode::Policy);
        }
    }

    /// The gateway drains and will close the connection after `reconnect_in`.
    pub fn handle_drain(&mut self, reconnect_in: Duration, now: Time) {
        self.tell(&ServerMessage::GoingAway { reconnect_in });
        self.drain_at = Some(now + reconnect_in);
    }

    /// The socket is gone, or will take nothing more. `is_final` says that its client has left for good, or was sent away.
    pub fn handle_socket_end(&mut self, is_final: bool, now: Time) {
        self.closed = true;
        if self.is_over {
            return;
        }
        match &mut self.resumable {
            Some(resumable) if !is_final => {
                resumable.detached_since = Some(now);
                // Its client is to ask again over its next connection.
                resumable.wanted = None;
                self.push_frame(Up::Detach);
            }
            _ => self.end(now),
        }
    }

    /// Whether nothing more will come of the session: once its socket is gone, it can be dropped.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Time) {
        if self.drain_at.is_some_and(|at| at <= now) {
            self.close(CloseCode::Restart);
        }
        if self.ends_by.is_some_and(|deadline| deadline <= now) {
            self.is_over = true;
        }
        if self.detached_deadline().is_some_and(|deadline| deadline <= now) {
            self.push_frame(Up::End);
            self.is_over = true;
        }
        self.refuse_overdue_wish(now);
        self.refuse_overdue_resume(now);
        self.acknowledge_due(now);
        self.settle_due(now);
        if self.closed {
            return;
        }
        self.check_identity(now);
        match self.keepalive.handle_timeout(&self.config.keepalive, now) {
            Liveness::Fine => {}
            Liveness::Ask => self.outputs.push_back(Output::Ping),
            Liveness::Dead => self.abort(),
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next. `None`: the connection is closing and nothing is due.
    pub fn poll_timeout(&self) -> Option<Time> {
        let with_matchmaker = [self.ack_deadline(), self.settle_deadline(), self.resume_deadline()];
        let with_client = [
            self.keepalive.timeout(&self.config.keepalive),
            self.drain_at,
            self.wish_deadline(),
            self.identity_deadline(),
        ];
        match self.detached_deadline().or(self.ends_by) {
            _ if self.is_over => None,
            Some(end) => with_matchmaker.into_iter().flatten().chain([end]).min(),
            None if self.closed => None,
            None => with_matchmaker.into_iter().chain(with_client).flatten().min(),
        }
    }

    /// Whether there is something to do.
    pub fn has_output(&self) -> bool {
        !self.outputs.is_empty()
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output> {
        let output = self.outputs.pop_front();
        if output.is_none() {
            // Most sessions are idle most of the time; they keep no buffer.
            self.outputs = VecDeque::new();
        }
        output
    }

    /// What the session is on a link that has just come up.
    fn announcement(&self, now: Time) -> Up {
        let window = self.config.resume_window;
        // What was said after the room that is being left is not known yet.
        let claim = self.departing.as_ref().map(|departing| departing.client_seq);
        Up::Attach(Box::new(Attach {
            client: self.client,
            identity: self.identity.as_ref().map(|known| known.at(now)),
            attempt: self.departing.as_ref().map_or(self.attempt, |departing| departing.place.ticket.attempt),
            doing: self.doing(now),
            resumable: self.resumable.as_ref().map(|resumable| Box::new(resumable.announcement(window, claim, now))),
        }))
    }

    fn tell(&mut self, message: &ServerMessage) {
        self.send(message.text());
    }

    fn refuse(&mut self, refusal: Refusal) {
        let refusal = self.name_refused(refusal);
        self.outputs.push_back(Output::Counted(Counted::Refused(refusal.code)));
        self.tell(&ServerMessage::Error(refusal));
    }

    /// Tells the client of a fault of ours, by an id that the log knows.
    fn tell_fault(&mut self, what: &'static str) {
        let id = format!("{}-{}", self.client, self.attempt);
        let refusal = Refusal::new(ErrorCode::Internal, what.to_owned());
        self.refuse(Refusal { id: Some(id.clone()), ..refusal });
        self.outputs.push_back(Output::Fault { id, what });
    }

    fn refuse_as(&mut self, code: ErrorCode, message: &str) {
        self.refuse(Refusal::new(code, message.to_owned()));
    }

    fn send(&mut self, text: Bytes) {
        if !self.closed {
            self.outputs.push_back(Output::Text(text));
        }
    }

    fn close(&mut self, code: CloseCode) {
        if !self.closed {
            self.closed = true;
            self.outputs.push_back(Output::Close(code));
        }
    }

    fn limited(&mut self, limit: Limit) {
        self.outputs.push_back(Output::Limited(limit));
    }

    fn abort(&mut self) {
        if !self.closed {
            self.closed = true;
            self.outputs.push_back(Output::Abort);
        }
    }

    fn push_frame(&mut self, kind: Up) {
        let client_seq = self.client_seq();
        self.push_frame_as(kind, client_seq);
    }

    fn push_frame_as(&mut self, kind: Up, client_seq: u64) {
        if self.link == Link::Up && !self.is_over {
            self.outputs.push_back(Output::Frame { kind, client_seq });
        }
    }
}
