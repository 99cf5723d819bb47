//! One client's WebSocket: reads messages for its session, writes what waits for it, and closes so that the client sees why.
//!
//! Reading and writing are polled side by side in one task, so that a client that reads nothing stops neither its own messages
//! nor its timers. All sockets of a worker read into one buffer and write from another, so that an idle one has none; what has
//! queued up goes out in one write.

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Bytes;
use duet_proto::close::CloseCode;
use futures_util::future::join;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::mpsc;
use tokio::task::spawn_local;
use tokio::time::{Instant, timeout, timeout_at};

use super::Ended;
use super::connection::{Connection, Outgoing, SocketEnd};
use super::places::{Place, UserPlace};
use super::traces::ClientTrace;
use super::worker::{Opening, Worker};
use crate::addresses::AddressBlock;
use crate::framing::{self, FrameReader, Received};
use crate::limits::Traffic;
use crate::session::Verified;

/// A request that was answered with 101.
pub(super) struct Upgrade {
    /// Its socket, once hyper has handed it over.
    pub(super) on_upgrade: OnUpgrade,
    /// Whether the layer `duet.v1` was agreed on.
    pub(super) is_v1: bool,
    /// Its client's.
    pub(super) place: Place,
    /// Who its client is, if the request proved it.
    pub(super) verified: Option<Box<(Verified, UserPlace)>>,
    /// The trace that the request asks for.
    pub(super) trace: ClientTrace,
}

/// Gives every socket that upgrades a task. `S` is what [`serve`](super::accept::serve) accepts.
pub(super) async fn take_upgrades<S>(mut upgrades: mpsc::Receiver<Upgrade>, worker: Rc<Worker>) -> Ended
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    while let Some(upgrade) = upgrades.recv().await {
        spawn_local(run::<S>(upgrade, worker.clone()));
    }
    Ended::Failed("nothing accepts connections any more".to_owned())
}

/// The socket and what has come after the request; `None` if the client is gone before it reads the answer to its upgrade.
async fn upgraded<S>(upgrade: Upgrade) -> Option<(S, Opening, Bytes)>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Upgrade { on_upgrade, is_v1, place, verified, trace } = upgrade;
    let upgraded = on_upgrade.await.ok()?;
    let parts = upgraded.downcast::<TokioIo<S>>().expect("accept.rs serves nothing else");
    Some((parts.io.into_inner(), Opening { is_v1, place, verified, trace }, parts.read_buf))
}

/// One connection from its upgrade to its end. This future is most of what an idle connection costs: what it holds across an `await`
/// is counted in bytes.
async fn run<S>(upgrade: Upgrade, worker: Rc<Worker>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Some((stream, opening, already_read)) = Box::pin(upgraded::<S>(upgrade)).await else { return };
    let worker = &*worker;
    let counted = worker.count_socket();
    let connection = worker.open(opening);
    log_beginning(worker, &connection);
    let mut socket = Socket::new(stream, worker, &connection);
    // Given away whole: even an empty rest would hold hyper's buffer for as long as the connection.
    let early = socket.hear_early(already_read);
    let end = match early {
        Ok(()) => poll_fn(|cx| socket.poll(cx)).await,
        Err(end) => end,
    };
    tracing::debug!(client = %connection.session.borrow().client(), session = connection.number.0, ?end, "a client's connection ends");
    worker.socket_ended(&connection, end);
    let closing = socket.into_closing();
    let closing = async {
        closing.run(end).await;
        drop(counted);
    };
    let detached = async {
        poll_fn(|cx| poll_over(&connection, cx)).await;
        drop(connection);
    };
    // Boxed, so that a connection holds the memory for its end only when it ends.
    Box::pin(join(closing, detached)).await;
}

fn log_beginning(worker: &Worker, connection: &Connection) {
    let from = connection.from().filter(|_| worker.shared.settings.log_addresses).map(AddressBlock::address);
    let client = connection.session.borrow().client();
    let (session, link) = (connection.number.0, connection.link.get());
    tracing::debug!(%client, session, worker = worker.index, link, address = from.map(display), "a client connects");
}

/// Ready when a session without a socket is over. The worker's timer gives it its time.
fn poll_over(connection: &Connection, cx: &Context<'_>) -> Poll<()> {
    while !connection.session.borrow().is_over() {
        ready!(connection.poll_woken(cx));
    }
    Poll::Ready(())
}

struct Socket<'a, S> {
    stream: S,
    worker: &'a Worker,
    connection: &'a Connection,
    reader: FrameReader,
    /// Frames that the stream has not taken.
    unwritten: Vec<u8>,
}

impl<'a, S> Socket<'a, S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    fn new(stream: S, worker: &'a Worker, connection: &'a Connection) -> Self {
        let reader = FrameReader::new(worker.shared.settings.socket.max_message_bytes);
        Socket { stream, worker, connection, reader, unwritten: Vec::new() }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<SocketEnd> {
        loop {
            if let Poll::Ready(Some(end)) = self.poll_write(cx) {
                return Poll::Ready(end);
            }
            match self.poll_read(cx) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(end)) => return Poll::Ready(end),
                Poll::Pending => {
                    // Only now: while this task runs, what it queues for itself need not wake it.
                    self.connection.wait(cx.waker());
                    return Poll::Pending;
                }
            }
        }
    }

    /// Writes what waits. Ready when all is written, with the end if one was asked for.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Option<SocketEnd>> {
        let mut outbox = self.connection.outbox.borrow_mut();
        if let Some(end @ (SocketEnd::Abort | SocketEnd::Close(CloseCode::TryAgainLater))) = outbox.ended() {
            return Poll::Ready(Some(end));
        }
        let mut frames = self.worker.outgoing.borrow_mut();
        loop {
            frames.clear();
            frames.append(&mut self.unwritten);
            outbox.write_to(&mut frames, WRITE_AT_ONCE);
            if frames.is_empty() {
                break;
            }
            let written = match Pin::new(&mut self.stream).poll_write(cx, &frames) {
                Poll::Ready(Ok(written)) if written > 0 => written,
                Poll::Ready(_) => return Poll::Ready(Some(SocketEnd::Abort)),
                Poll::Pending => 0,
            };
            if written < frames.len() {
                self.unwritten = frames[written..].to_vec();
            }
            if written == 0 {
                self.worker.stalled(self.connection);
                self.worker.unwritten(self.connection, outbox.bytes() + self.unwritten.len());
                return Poll::Pending;
            }
            self.connection.stalled.set(None);
        }
        self.worker.written(self.connection);
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        flushed.map(|result| if result.is_ok() { outbox.ended() } else { Some(SocketEnd::Abort) })
    }

    /// Reads once, and hands what has come to the session.
    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SocketEnd>> {
        let worker = self.worker;
        let mut inbox = worker.inbox.borrow_mut();
        let mut buffer = ReadBuf::new(&mut inbox);
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer));
        // Cut without a close frame, which is what a network does, not a client.
        if read.is_err() || buffer.filled().is_empty() {
            return Poll::Ready(Err(SocketEnd::Abort));
        }
        Poll::Ready(self.hear(buffer.filled_mut()))
    }

    /// Hears what came together with the request.
    fn hear_early(&mut self, bytes: Bytes) -> Result<(), SocketEnd> {
        if bytes.is_empty() { Ok(()) } else { self.hear(&mut Vec::from(bytes)) }
    }

    fn hear(&mut self, bytes: &mut [u8]) -> Result<(), SocketEnd> {
        let (worker, connection) = (self.worker, self.connection);
        let now = worker.clock.now();
        let mut traffic = Traffic { bytes: u32::try_from(bytes.len()).unwrap_or(u32::MAX), ..Traffic::default() };
        let most_controls = worker.shared.session.limits.controls_at_once();
        let mut closed = None;
        let read = self.reader.read(bytes, |received| {
            traffic.frames += 1;
            match received {
                Received::Text(text) if cfg!(feature = "echo") => {
                    connection.outbox.borrow_mut().push(Outgoing::Text(Bytes::copy_from_slice(text.as_bytes())));
                }
                Received::Text(text) => worker.feed_at(now, connection, |session, now| session.handle_text(text, now)),
                Received::Ping(payload) => {
                    traffic.controls += 1;
                    // A flood is not answered: its pongs would be more than may wait, and end the connection for the wrong reason.
                    if traffic.controls <= most_controls {
                        connection.outbox.borrow_mut().push(Outgoing::Pong(payload.into()));
                    }
                }
                Received::Pong => traffic.controls += 1,
                Received::Fragment => {}
                Received::Close { code } => closed = Some(SocketEnd::Answer(code)),
            }
        });
        worker.traffic(connection, traffic, self.reader.is_open(), now);
        match (read, closed) {
            (Err(code), _) => Err(SocketEnd::Close(code)),
            (Ok(()), Some(end)) => Err(end),
            (Ok(()), None) => Ok(()),
        }
    }

    /// What is left to do once the connection has an end: what it was told before is still sent.
    fn into_closing(mut self) -> Closing<S> {
        self.connection.outbox.borrow_mut().write_to(&mut self.unwritten, usize::MAX);
        Closing { stream: self.stream, unwritten: self.unwritten }
    }
}

/// A socket whose connection has ended.
struct Closing<S> {
    stream: S,
    /// May begin in the middle of a frame.
    unwritten: Vec<u8>,
}

impl<S> Closing<S>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    /// Ends the connection so that the client sees why: the close frame, then the end of our side, and then reading until the
    /// client's end. A socket that is dropped with unread bytes is reset, and the client may lose the close frame.
    async fn run(mut self, end: SocketEnd) {
        match end {
            SocketEnd::Abort => return,
            SocketEnd::Answer(code) => framing::put_close(code, "", &mut self.unwritten),
            SocketEnd::Close(code) => framing::put_close(Some(code.number()), code.reason(), &mut self.unwritten),
        }
        let last = async {
            self.stream.write_all(&self.unwritten).await?;
            self.stream.shutdown().await
        };
        if !matches!(timeout_at(Instant::now() + CLOSE_TIMEOUT, last).await, Ok(Ok(()))) {
            return;
        }
        let mut discarded = [0; 1024];
        let rest = async { while self.stream.read(&mut discarded).await.is_ok_and(|count| count > 0) {} };
        let _ = timeout(LINGER, rest).await;
    }
}

/// What is gathered before it is written although more waits.
const WRITE_AT_ONCE: usize = 16 * 1024;
/// For our close frame to be taken.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// For the client's end after ours.
const LINGER: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_is_cut_is_no_fault_of_the_client_and_its_session_is_kept() {
        assert!(!SocketEnd::Abort.is_final());
        assert!(!SocketEnd::Answer(Some(3000)).is_final());
        assert!(SocketEnd::Answer(Some(1001)).is_final());
        assert!(SocketEnd::Close(CloseCode::ProtocolError).is_final());
    }
}
