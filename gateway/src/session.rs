//! One client's session: what its messages do, and what it is told.
//!
//! It decides what a message means in the state that the session is in, and refuses what means nothing there. It leaves
//! sockets, links and clocks to whoever drives it, and pairing to the matchmaker.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use duet_proto::close::CloseCode;
use duet_proto::frame::{Attach, Identity, Up, Wishes};
use duet_proto::ids::{ClientId, RoomId};
use duet_proto::json::{ErrorCode, Refusal, ServerMessage};
use duet_proto::time::Time;

use crate::keepalive::{Keepalive, KeepaliveConfig, Liveness};
use crate::limits::{LimitsConfig, MessageLimits};

mod activity;
mod incoming;
mod links;
mod partner;
mod sequence;
#[cfg(test)]
mod tests;

use activity::Activity;

/// What sessions are bound by.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionConfig {
    /// How often a client may speak.
    pub limits: LimitsConfig,
    /// How a dead connection is found.
    pub keepalive: KeepaliveConfig,
    /// How long a wish waits for a link before it is refused as `unavailable`.
    pub unavailable_after: Duration,
    /// How long after parting the last partner can be reported.
    pub report_window: Duration,
}

impl Default for SessionConfig {
    fn default() -> Self {
        SessionConfig {
            limits: LimitsConfig::default(),
            keepalive: KeepaliveConfig::default(),
            unavailable_after: Duration::from_secs(3),
            report_window: Duration::from_secs(60),
        }
    }
}

/// What the driver is to do, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send this text to the client.
    Text(Bytes),
    /// Send a WebSocket ping.
    Ping,
    /// Push this to the link. Comes only while the link is up.
    Frame(Up),
    /// Close the connection with this code once everything before is sent. Nothing is sent to the client after it.
    Close(CloseCode),
    /// Drop the connection: nobody is there. Nothing is sent to the client after it.
    Abort,
    /// Log a fault of ours, which the client was told by this id.
    Fault {
        /// In the client's `error`.
        id: String,
        /// What went wrong.
        what: &'static str,
    },
}

/// The machine of one session.
///
/// Its driver calls one of the `handle_*` methods with an input and the time, then [`poll_output`](Self::poll_output) until it
/// has nothing more, then asks [`poll_timeout`](Self::poll_timeout) when to call
/// [`handle_timeout`](Self::handle_timeout). Time never runs backwards. After
/// [`handle_socket_end`](Self::handle_socket_end) the session is over.
#[derive(Debug)]
pub struct Session {
    config: Arc<SessionConfig>,
    client: ClientId,
    identity: Option<Identity>,
    link: Link,
    activity: Activity,
    /// Of the newest ticket; 0 before the first.
    attempt: u32,
    /// What was asked for last, for `next`.
    wishes: Option<Wishes>,
    /// The last room and when it ended.
    parted: Option<(RoomId, Time)>,
    limits: MessageLimits,
    keepalive: Keepalive,
    /// When the gateway closes the connection because it drains.
    drain_at: Option<Time>,
    /// Whether the client is told nothing more.
    closed: bool,
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
    /// anything from zero to the ping interval.
    pub fn new(
        config: Arc<SessionConfig>,
        client: ClientId,
        link_down_since: Time,
        jitter: Duration,
        now: Time,
    ) -> Self {
        let mut session = Session {
            client,
            identity: None,
            link: Link::DownSince(link_down_since),
            activity: Activity::Idle,
            attempt: 0,
            wishes: None,
            parted: None,
            limits: MessageLimits::new(config.limits, now),
            keepalive: Keepalive::new(config.keepalive, jitter, now),
            drain_at: None,
            closed: false,
            outputs: VecDeque::new(),
            config,
        };
        session.tell(&ServerMessage::Ready { client_id: client });
        session
    }

    /// What the client is known by.
    pub fn client(&self) -> ClientId {
        self.client
    }

    /// Bytes of any kind came from the client.
    pub fn handle_bytes(&mut self, now: Time) {
        self.keepalive.heard(now);
    }

    /// The gateway drains and will close the connection after `reconnect_in`.
    pub fn handle_drain(&mut self, reconnect_in: Duration, now: Time) {
        self.tell(&ServerMessage::GoingAway { reconnect_in });
        self.drain_at = Some(now + reconnect_in);
    }

    /// The socket is gone, or will take nothing more.
    pub fn handle_socket_end(&mut self) {
        self.closed = true;
        self.push_frame(Up::Detach);
        self.link = Link::DownSince(Time::ZERO);
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Time) {
        if self.drain_at.is_some_and(|at| at <= now) {
            self.close(CloseCode::Restart);
        }
        self.refuse_overdue_wish(now);
        self.acknowledge_due(now);
        match self.keepalive.handle_timeout(now) {
            Liveness::Fine => {}
            Liveness::Ask if self.closed => {}
            Liveness::Ask => self.outputs.push_back(Output::Ping),
            Liveness::Dead => self.abort(),
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout) next. `None`: the connection is closing and nothing is due.
    pub fn poll_timeout(&self) -> Option<Time> {
        if self.closed {
            return None;
        }
        [self.keepalive.timeout(), self.drain_at, self.wish_deadline(), self.ack_deadline()].into_iter().flatten().min()
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
        let identity = self.identity.clone();
        Up::Attach(Attach { client: self.client, identity, attempt: self.attempt, doing: self.doing(now) })
    }

    fn tell(&mut self, message: &ServerMessage) {
        self.send(message.text());
    }

    fn refuse(&mut self, refusal: Refusal) {
        self.tell(&ServerMessage::Error(refusal));
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

    fn abort(&mut self) {
        if !self.closed {
            self.closed = true;
            self.outputs.push_back(Output::Abort);
        }
    }

    fn push_frame(&mut self, frame: Up) {
        if self.link == Link::Up {
            self.outputs.push_back(Output::Frame(frame));
        }
    }
}
