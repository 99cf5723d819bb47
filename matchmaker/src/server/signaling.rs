//! Links over gRPC: the service `duet.v1.Signaling`. It translates, and times the hello; the rest is in `link.rs`.

use std::convert::Infallible;
use std::error::Error as _;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use duet_proto::frame::{DownFrame, UpFrame};
use duet_proto::link::{self, GatewayHello};
use duet_proto::queue::{self, Receiver};
use duet_proto::v1;
use duet_proto::v1::signaling_server::Signaling;
use futures_util::{Stream, StreamExt};
use tokio::sync::oneshot;
use tonic::{Code, Request, Response, Status, Streaming};

use super::link::LinkEnd;
use super::replica::Replica;

/// The service.
pub(crate) struct SignalingService {
    pub(crate) replica: Replica,
    /// How long a gateway may take to say hello.
    pub(crate) hello_within: Duration,
}

#[tonic::async_trait]
impl Signaling for SignalingService {
    type LinkStream = DownStream;

    async fn link(&self, request: Request<Streaming<v1::LinkUp>>) -> Result<Response<DownStream>, Status> {
        let mut up = request.into_inner();
        let hello = tokio::time::timeout(self.hello_within, hello(&mut up));
        let hello = hello.await.map_err(|_| Status::deadline_exceeded("no hello came in time"))??;
        let (down, down_out) = queue::bounded(self.replica.link_queue());
        let open = self.replica.link_up(hello, down);
        let open = open.map_err(|end| end.status().unwrap_or_else(|| Status::unavailable(end.to_string())))?;

        let (end, ended) = oneshot::channel();
        let (gone, when_gone) = oneshot::channel();
        let outbox = Outbox::new(down_out);
        let hello = v1::LinkDown { hello: Some(self.replica.hello().into()), frames: Vec::new() };
        let stream = DownStream { hello: Some(hello), outbox: outbox.clone(), ended, over: false, _gone: gone };
        tokio::spawn(async move {
            let why = open.carry(up.map(batch).take_until(when_gone)).await;
            if why == LinkEnd::TooSlow {
                outbox.discard();
            }
            // Nobody listens when the stream is gone.
            let _ = end.send(why.status());
        });
        Ok(Response::new(stream))
    }
}

/// Reads the first message.
async fn hello(up: &mut Streaming<v1::LinkUp>) -> Result<GatewayHello, Status> {
    let no_hello = || Status::failed_precondition("the first message is no hello");
    let first = up.message().await.map_err(|status| match unreadable(&status) {
        Some(reason) => Status::invalid_argument(reason),
        None => status,
    })?;
    let first = first.ok_or_else(no_hello)?;
    let hello = first.hello.filter(|_| first.frames.is_empty()).ok_or_else(no_hello)?;
    if hello.version != link::VERSION {
        return Err(Status::failed_precondition(format!("only version {} of the link is served", link::VERSION)));
    }
    hello.try_into().map_err(|link::InvalidHello(reason)| Status::invalid_argument(format!("hello: {reason}")))
}

/// Reads a later message.
fn batch(message: Result<v1::LinkUp, Status>) -> Result<Vec<UpFrame>, LinkEnd> {
    let message = message.map_err(|status| match unreadable(&status) {
        Some(reason) => LinkEnd::Refused(reason.into()),
        None => LinkEnd::Lost,
    })?;
    if message.hello.is_some() {
        return Err(LinkEnd::Refused("only the first message is a hello".into()));
    }
    let frames = message.frames.into_iter().filter_map(|frame| UpFrame::from_wire(frame).transpose());
    frames.collect::<Result<_, _>>().map_err(|invalid| LinkEnd::Refused(invalid.to_string()))
}

/// Tells messages that break a rule from connections that break. Those come with a cause, as tonic has them from HTTP/2.
fn unreadable(status: &Status) -> Option<&'static str> {
    match status.code() {
        Code::OutOfRange => Some("a message is too large"),
        Code::Internal if status.source().is_none() => Some("a message can't be decoded"),
        _ => None,
    }
}

/// What the gateway reads: a hello, batches of frames, and the reason of the end.
pub(crate) struct DownStream {
    hello: Option<v1::LinkDown>,
    outbox: Arc<Outbox>,
    ended: oneshot::Receiver<Option<Status>>,
    over: bool,
    /// Dropped with this, which ends the link.
    _gone: oneshot::Sender<Infallible>,
}

impl Stream for DownStream {
    type Item = Result<v1::LinkDown, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(hello) = self.hello.take() {
            return Poll::Ready(Some(Ok(hello)));
        }
        if let Some(batch) = ready!(self.outbox.poll_batch(cx)) {
            let frames = batch.into_iter().map(Into::into).collect();
            return Poll::Ready(Some(Ok(v1::LinkDown { hello: None, frames })));
        }
        if self.over {
            return Poll::Ready(None);
        }
        let end = ready!(Pin::new(&mut self.ended).poll(cx));
        self.over = true;
        Poll::Ready(end.ok().flatten().map(Err))
    }
}

/// The queue of frames for one gateway, which can be thrown away while HTTP/2 flow control keeps the stream from being polled.
struct Outbox {
    frames: Mutex<Option<Receiver<DownFrame>>>,
}

impl Outbox {
    fn new(frames: Receiver<DownFrame>) -> Arc<Self> {
        Arc::new(Outbox { frames: Mutex::new(Some(frames)) })
    }

    fn poll_batch(&self, cx: &mut Context<'_>) -> Poll<Option<Vec<DownFrame>>> {
        match self.frames.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(frames) => Pin::new(frames).poll_next(cx),
            None => Poll::Ready(None),
        }
    }

    fn discard(&self) {
        let frames = self.frames.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Dropped here, outside the lock: this wakes the stream.
        drop(frames);
    }
}
