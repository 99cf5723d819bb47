//! One client's connection as its worker holds it: the session machine, and what waits to be sent.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use duet_proto::close::CloseCode;
use duet_proto::ids::SessionNumber;
use duet_proto::time::Time;

use super::places::{Place, UserPlace};
use super::traces::ClientTrace;
use crate::addresses::AddressBlock;
use crate::framing;
use crate::session::{Session, SessionState};

/// Shared by the socket's task and the links' tasks of the same worker; borrowed only between two awaits.
pub(super) struct Connection {
    pub(super) number: SessionNumber,
    /// Which of the worker's links the session is on.
    pub(super) link: Cell<usize>,
    pub(super) session: RefCell<Session>,
    pub(super) outbox: RefCell<Outbox>,
    /// Its client's, while there is a socket.
    pub(super) place: Cell<Option<Place>>,
    /// Its user's, likewise.
    pub(super) user_place: Cell<Option<Box<UserPlace>>>,
    /// Whether it is counted among those without a socket.
    pub(super) is_detached: Cell<bool>,
    /// Since when the client takes nothing of what waits for it.
    pub(super) stalled: Cell<Option<Time>>,
    /// Since when the rest of a message or frame is awaited.
    pub(super) begun: Cell<Option<Time>>,
    /// What is traced of it.
    pub(super) trace: RefCell<ClientTrace>,
    /// When the worker's timer looks at it next.
    pub(super) armed: Cell<Option<Time>>,
    /// What its session was last counted as doing.
    pub(super) counted_as: Cell<Option<SessionState>>,
    /// Bytes that it was last counted as not having taken.
    pub(super) unwritten: Cell<u32>,
    /// The socket task's, while it waits.
    waker: Cell<Option<Waker>>,
}

impl Connection {
    pub(super) fn new(
        number: SessionNumber,
        link: usize,
        session: Session,
        place: Place,
        trace: ClientTrace,
        max_outbound_bytes: usize,
    ) -> Self {
        Connection {
            place: Cell::new(Some(place)),
            user_place: Cell::new(None),
            number,
            link: Cell::new(link),
            session: RefCell::new(session),
            outbox: RefCell::new(Outbox::new(max_outbound_bytes)),
            is_detached: Cell::new(false),
            stalled: Cell::new(None),
            begun: Cell::new(None),
            armed: Cell::new(None),
            trace: RefCell::new(trace),
            counted_as: Cell::new(None),
            unwritten: Cell::new(0),
            waker: Cell::new(None),
        }
    }

    /// Where its client connects from.
    pub(super) fn from(&self) -> Option<AddressBlock> {
        let place = self.place.take();
        let from = place.as_ref().and_then(Place::from);
        self.place.set(place);
        from
    }

    /// The socket is gone: others may have its client's place.
    pub(super) fn vacate(&self) {
        self.place.set(None);
        self.user_place.set(None);
    }

    /// The socket's task waits for something to send.
    pub(super) fn wait(&self, waker: &Waker) {
        let kept = self.waker.take().filter(|kept| kept.will_wake(waker));
        self.waker.set(kept.or_else(|| Some(waker.clone())));
    }

    /// Ready once something has happened to the session since this was asked before.
    pub(super) fn poll_woken(&self, cx: &Context<'_>) -> Poll<()> {
        match self.waker.replace(Some(cx.waker().clone())) {
            Some(_) => Poll::Pending,
            None => Poll::Ready(()),
        }
    }

    /// There is something to send.
    pub(super) fn wake(&self) {
        self.waker.take().into_iter().for_each(Waker::wake);
    }
}

/// What waits to be sent to a client, in order.
pub(super) struct Outbox {
    items: VecDeque<Outgoing>,
    bytes: usize,
    max_bytes: usize,
    ended: Option<SocketEnd>,
}

/// One thing to send.
#[derive(Debug)]
pub(super) enum Outgoing {
    Text(Bytes),
    Ping,
    /// The answer to a ping. A flood of pings by a client that reads nothing fills the outbox like anything else.
    Pong(Box<[u8]>),
}

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SocketEnd {
    /// By a close frame with this code.
    Close(CloseCode),
    /// The client closed; its close frame is answered with its code.
    Answer(Option<u16>),
    /// Without a word: nobody is there.
    Abort,
}

impl SocketEnd {
    /// Whether the client is done, or was sent away, so that its session is not kept.
    pub(super) fn is_final(self) -> bool {
        match self {
            SocketEnd::Abort => false,
            // A page that goes away says 1001; an application that closes says 1000, or, in a browser, nothing.
            SocketEnd::Answer(code) => matches!(code, None | Some(1000 | 1001)),
            SocketEnd::Close(code) => !code.keeps_session(),
        }
    }
}

impl Outbox {
    fn new(max_bytes: usize) -> Self {
        Outbox { items: VecDeque::new(), bytes: 0, max_bytes, ended: None }
    }

    /// Ends the connection at once, whatever else was to end it: the client takes nothing, and so no close frame either.
    pub(super) fn abort(&mut self) {
        self.ended = Some(SocketEnd::Abort);
    }

    /// Queues something, unless the client is too slow: then what waits is dropped and the connection closed.
    pub(super) fn push(&mut self, item: Outgoing) {
        if self.ended.is_some() {
            return;
        }
        let weight = item.weight();
        if !self.items.is_empty() && self.bytes + weight > self.max_bytes {
            self.items = VecDeque::new();
            return self.end(SocketEnd::Close(CloseCode::TryAgainLater));
        }
        self.bytes += weight;
        self.items.push_back(item);
    }

    /// Ends the connection once what waits is sent. The first end counts.
    pub(super) fn end(&mut self, end: SocketEnd) {
        self.ended.get_or_insert(end);
    }

    /// Appends what waits as frames, until there are so many bytes.
    pub(super) fn write_to(&mut self, frames: &mut Vec<u8>, enough: usize) {
        while frames.len() < enough {
            let Some(item) = self.items.pop_front() else { break };
            self.bytes -= item.weight();
            match item {
                Outgoing::Text(text) => framing::put_text(&text, frames),
                Outgoing::Ping => framing::put_ping(frames),
                Outgoing::Pong(payload) => framing::put_pong(&payload, frames),
            }
        }
        if self.items.is_empty() {
            // Most connections are idle most of the time; they keep no buffer.
            self.items = VecDeque::new();
        }
    }

    pub(super) fn ended(&self) -> Option<SocketEnd> {
        self.ended
    }

    /// Bytes that wait.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Outgoing {
    /// A frame's overhead included, so that many small messages are bounded too.
    fn weight(&self) -> usize {
        match self {
            Outgoing::Text(text) => text.len() + 64,
            Outgoing::Pong(payload) => payload.len() + 64,
            Outgoing::Ping => 64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_takes_nothing_is_dropped_even_if_it_was_to_be_closed() {
        let mut outbox = Outbox::new(1024);
        outbox.end(SocketEnd::Close(CloseCode::Policy));
        outbox.end(SocketEnd::Close(CloseCode::Restart));
        assert_eq!(outbox.ended(), Some(SocketEnd::Close(CloseCode::Policy)), "the first end counts");
        outbox.abort();
        assert_eq!(outbox.ended(), Some(SocketEnd::Abort));
    }

    #[test]
    fn what_waits_is_bounded_pongs_included() {
        let mut outbox = Outbox::new(1024);
        for _ in 0..1000 {
            outbox.push(Outgoing::Pong([7; 125].into()));
        }
        assert_eq!(outbox.ended(), Some(SocketEnd::Close(CloseCode::TryAgainLater)));
        let mut frames = Vec::new();
        outbox.write_to(&mut frames, usize::MAX);
        assert!(frames.is_empty(), "it would be a part of what was to be sent");
    }
}
