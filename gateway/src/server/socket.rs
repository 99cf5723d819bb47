//! One client's WebSocket: reads messages for its session, writes what waits for it, and closes so that the client sees why.
//!
//! Reading and writing are polled side by side in one task, so that a client that reads nothing stops neither its own messages
//! nor its timers. What has queued up goes out in one write.

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Bytes;
use duet_proto::close::CloseCode;
use duet_proto::time::Time;
use futures_util::future::join;
use futures_util::{Sink, SinkExt, Stream};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::task::spawn_local;
use tokio::time::{Instant, Sleep, sleep_until, timeout, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::frame::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode as CloseFrameCode;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::connection::{Connection, Outgoing, SocketEnd};
use super::worker::Worker;
use super::{Ended, SocketSettings};
use crate::session::Session;

/// A request that was answered with 101.
pub(super) struct Upgrade {
    /// Its socket, once hyper has handed it over.
    pub(super) on_upgrade: OnUpgrade,
    /// Whether the layer `duet.v1` was agreed on.
    pub(super) is_v1: bool,
}

/// Gives every socket that upgrades a task. `S` is what [`serve`](super::accept::serve) accepts.
pub(super) async fn take_upgrades<S>(mut upgrades: mpsc::Receiver<Upgrade>, worker: Rc<Worker>) -> Ended
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    while let Some(Upgrade { on_upgrade, is_v1 }) = upgrades.recv().await {
        let worker = worker.clone();
        spawn_local(async move {
            // The client may be gone before it reads the answer to its upgrade.
            let Ok(upgraded) = on_upgrade.await else { return };
            let parts = upgraded.downcast::<TokioIo<S>>().expect("accept.rs serves nothing else");
            run(parts.io.into_inner(), parts.read_buf, is_v1, &worker).await;
        });
    }
    Ended::Failed("nothing accepts connections any more".to_owned())
}

async fn run<S>(stream: S, already_read: Bytes, is_v1: bool, worker: &Worker)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let settings = worker.shared.settings.socket;
    let config = config(&settings);
    let socket = WebSocketStream::from_partially_read(stream, already_read.into(), Role::Server, Some(config)).await;
    let counted = worker.count_socket();
    let connection = worker.open(is_v1);
    let mut socket = Socket::new(socket, worker, settings.write_timeout);
    let end = loop {
        match poll_fn(|cx| socket.poll(cx, &connection)).await {
            Event::Text(text) => worker.feed(&connection, |session, now| {
                session.handle_bytes(now);
                session.handle_text(&text, now);
            }),
            Event::Heard => worker.feed(&connection, Session::handle_bytes),
            Event::Timeout => worker.feed(&connection, Session::handle_timeout),
            Event::End(end) => break end,
        }
    };
    tracing::debug!(client = %connection.session.borrow().client(), ?end, "a client's connection ends");
    worker.socket_ended(&connection, end);
    let closing = async {
        socket.close(end).await;
        drop(counted);
    };
    let detached = async {
        poll_detached(worker, &connection).await;
        drop(connection);
    };
    // Boxed, so that a connection holds the memory for its end only when it ends.
    Box::pin(join(closing, detached)).await;
}

/// Gives a session without a socket its time, until it is over.
async fn poll_detached(worker: &Worker, connection: &Connection) {
    let timer = sleep_until(Instant::now());
    let mut timer = std::pin::pin!(timer);
    loop {
        let deadline = connection.session.borrow().poll_timeout();
        let Some(deadline) = deadline else { return };
        timer.as_mut().reset(worker.clock.instant(deadline));
        let is_due = poll_fn(|cx| {
            if timer.as_mut().poll(cx).is_ready() {
                return Poll::Ready(true);
            }
            connection.poll_woken(cx).map(|()| false)
        });
        if is_due.await {
            worker.feed(connection, Session::handle_timeout);
        }
    }
}

/// What happened on a socket.
enum Event {
    Text(Utf8Bytes),
    /// A ping or pong.
    Heard,
    Timeout,
    End(SocketEnd),
}

struct Socket<'a, S> {
    socket: WebSocketStream<S>,
    worker: &'a Worker,
    write_timeout: Duration,
    /// Since when the client takes nothing of what waits for it.
    stalled: Option<Time>,
    timer: Pin<Box<Sleep>>,
    /// When the timer fires. It is moved only to fire sooner; when it fires too soon, it is set again.
    armed: Option<Time>,
}

impl<'a, S> Socket<'a, S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    fn new(socket: WebSocketStream<S>, worker: &'a Worker, write_timeout: Duration) -> Self {
        let timer = Box::pin(sleep_until(Instant::now()));
        Socket { socket, worker, write_timeout, stalled: None, timer, armed: None }
    }

    fn poll(&mut self, cx: &mut Context<'_>, connection: &Connection) -> Poll<Event> {
        let event = self.poll_event(cx, connection);
        if event.is_pending() {
            // Only now: while this task runs, what it queues for itself need not wake it.
            connection.wait(cx.waker());
        }
        event
    }

    fn poll_event(&mut self, cx: &mut Context<'_>, connection: &Connection) -> Poll<Event> {
        match self.poll_write(cx, connection) {
            Ok(Poll::Ready(Some(end))) => return Poll::Ready(Event::End(end)),
            Ok(_) => {}
            Err(_) => return Poll::Ready(Event::End(SocketEnd::Abort)),
        }
        if let Poll::Ready(event) = self.poll_read(cx) {
            return Poll::Ready(event);
        }
        self.poll_timer(cx, connection)
    }

    /// Writes what waits. Ready when all is written, with the end if one was asked for.
    fn poll_write(&mut self, cx: &mut Context<'_>, connection: &Connection) -> Result<Poll<Option<SocketEnd>>, Error> {
        let mut outbox = connection.outbox.borrow_mut();
        if let Some(end @ (SocketEnd::Abort | SocketEnd::Close(CloseCode::TryAgainLater))) = outbox.ended() {
            return Ok(Poll::Ready(Some(end)));
        }
        let mut socket = Pin::new(&mut self.socket);
        let written = loop {
            if socket.as_mut().poll_ready(cx)?.is_pending() {
                break Poll::Pending;
            }
            let Some(item) = outbox.pop() else { break socket.poll_flush(cx)? };
            let Ok(message) = item.try_into() else {
                tracing::error!("a forwarded message is no UTF-8");
                return Ok(Poll::Ready(Some(SocketEnd::Close(CloseCode::Internal))));
            };
            socket.as_mut().start_send(message)?;
        };
        self.stalled = match written {
            Poll::Ready(()) => None,
            Poll::Pending => self.stalled.or_else(|| Some(self.worker.clock.now())),
        };
        Ok(written.map(|()| outbox.ended()))
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        let event = match std::task::ready!(Pin::new(&mut self.socket).poll_next(cx)) {
            Some(Ok(Message::Text(text))) => Event::Text(text),
            Some(Ok(Message::Binary(_))) => Event::End(SocketEnd::Close(CloseCode::Unsupported)),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => Event::Heard,
            Some(Ok(Message::Close(frame))) => Event::End(SocketEnd::Answer { is_final: is_final(frame.as_ref()) }),
            Some(Err(error)) => Event::End(refused(&error)),
            None => Event::End(SocketEnd::Abort),
        };
        Poll::Ready(event)
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>, connection: &Connection) -> Poll<Event> {
        loop {
            let write_deadline = self.stalled.map(|since| since + self.write_timeout);
            let session_deadline = connection.session.borrow().poll_timeout();
            let Some(deadline) = [write_deadline, session_deadline].into_iter().flatten().min() else {
                return Poll::Pending;
            };
            if self.armed.is_none_or(|armed| deadline < armed) {
                self.armed = Some(deadline);
                self.timer.as_mut().reset(self.worker.clock.instant(deadline));
            }
            std::task::ready!(self.timer.as_mut().poll(cx));
            self.armed = None;
            let now = self.worker.clock.now();
            if write_deadline.is_some_and(|deadline| deadline <= now) {
                return Poll::Ready(Event::End(SocketEnd::Abort));
            }
            if session_deadline.is_some_and(|deadline| deadline <= now) {
                return Poll::Ready(Event::Timeout);
            }
        }
    }

    /// Ends the connection so that the client sees why: the close frame, then the end of our side, and then reading until the
    /// client's end. A socket that is dropped with unread bytes is reset, and the client may lose the close frame.
    async fn close(mut self, end: SocketEnd) {
        let deadline = Instant::now() + CLOSE_TIMEOUT;
        let sent = match end {
            SocketEnd::Abort => return,
            SocketEnd::Answer { .. } => timeout_at(deadline, self.socket.flush()).await,
            SocketEnd::Close(code) => {
                let frame = CloseFrame { code: code.number().into(), reason: Utf8Bytes::from_static(code.reason()) };
                timeout_at(deadline, self.socket.send(Message::Close(Some(frame)))).await
            }
        };
        // After its answer to a close tungstenite reports the connection as closed, which is what was wanted.
        if !matches!(sent, Ok(Ok(()) | Err(Error::ConnectionClosed))) {
            return;
        }
        let stream = self.socket.get_mut();
        if stream.shutdown().await.is_ok() {
            let mut discarded = [0; 1024];
            let rest = async { while stream.read(&mut discarded).await.is_ok_and(|count| count > 0) {} };
            let _ = timeout(LINGER, rest).await;
        }
    }
}

impl TryFrom<Outgoing> for Message {
    type Error = std::str::Utf8Error;

    fn try_from(item: Outgoing) -> Result<Self, Self::Error> {
        match item {
            Outgoing::Text(text) => Utf8Bytes::try_from(text).map(Message::Text),
            Outgoing::Ping => Ok(Message::Ping(Bytes::new())),
        }
    }
}

/// Whether a client that closes like this is done. A page that goes away says 1001; an application that closes says 1000, or, in a
/// browser, nothing.
fn is_final(frame: Option<&CloseFrame>) -> bool {
    frame.is_none_or(|frame| matches!(frame.code, CloseFrameCode::Normal | CloseFrameCode::Away))
}

/// How the connection ends after a read failed.
fn refused(error: &Error) -> SocketEnd {
    match error {
        // Cut without a close frame, which is what a network does, not a client.
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => SocketEnd::Abort,
        Error::Protocol(_) => SocketEnd::Close(CloseCode::ProtocolError),
        Error::Utf8(_) => SocketEnd::Close(CloseCode::InvalidUtf8),
        Error::Capacity(CapacityError::MessageTooLong { .. }) => SocketEnd::Close(CloseCode::TooBig),
        _ => SocketEnd::Abort,
    }
}

fn config(settings: &SocketSettings) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_write_buffer_size(WRITE_BUFFER + 2 * settings.max_message_bytes + READ_BUFFER)
        .max_message_size(Some(settings.max_message_bytes))
        .max_frame_size(Some(settings.max_message_bytes))
}

/// The default of 128 KiB is allocated for every connection.
const READ_BUFFER: usize = 4096;
/// What is gathered before it is written although more waits.
const WRITE_BUFFER: usize = 16 * 1024;
/// For our close frame to be taken.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// For the client's end after ours.
const LINGER: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_is_cut_is_no_fault_of_the_client_and_its_session_is_kept() {
        let end = refused(&Error::Protocol(ProtocolError::ResetWithoutClosingHandshake));
        assert!(!end.is_final());
        assert!(refused(&Error::Protocol(ProtocolError::NonZeroReservedBits)).is_final());
    }
}
