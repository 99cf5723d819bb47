//! A gateway's end of a link, by memory or by gRPC, so that one test runs over both.

use std::collections::VecDeque;
use std::pin::Pin;

use duet_proto::frame::{Down, DownFrame, UpFrame};
use duet_proto::link::{self, GatewayEnd, GatewayHello};
use duet_proto::queue::{self, Sender};
use duet_proto::v1;
use duet_proto::v1::signaling_client::SignalingClient;
use futures_util::{Stream, StreamExt, stream};
use tonic::Status;

use super::{Running, within};

#[derive(Clone, Copy, Debug)]
pub(crate) enum Transport {
    Memory,
    Grpc,
}

pub(crate) struct Gateway {
    pub(crate) up: Sender<UpFrame>,
    down: Pin<Box<dyn Stream<Item = Result<Vec<DownFrame>, Status>> + Send>>,
    taken: VecDeque<DownFrame>,
}

impl Gateway {
    pub(crate) async fn link(running: &Running, transport: Transport, hello: GatewayHello) -> Self {
        match transport {
            Transport::Memory => {
                let GatewayEnd { up, down, hello } = running.replica.connect(hello);
                assert_eq!(hello.replica, running.replica.hello().replica);
                Gateway { up, down: Box::pin(down.map(Ok)), taken: VecDeque::new() }
            }
            Transport::Grpc => Self::link_by_grpc(running, hello).await,
        }
    }

    async fn link_by_grpc(running: &Running, hello: GatewayHello) -> Self {
        let (up, up_out) = queue::bounded(link::QUEUE_LIMITS);
        let first = v1::LinkUp { hello: Some((&hello).into()), frames: Vec::new() };
        let batches =
            up_out.map(|batch| v1::LinkUp { hello: None, frames: batch.into_iter().map(Into::into).collect() });
        let mut client = SignalingClient::new(running.channel().await);
        let outbound = stream::iter([first]).chain(batches);
        let mut down = within(client.link(outbound)).await.unwrap().into_inner();
        let answer = within(down.message()).await.unwrap().unwrap();
        assert_eq!(answer.hello.unwrap().replica_id, "m1");
        let down = down.map(|message| {
            let frames = message?.frames.into_iter().map(|frame| DownFrame::from_wire(frame).unwrap().unwrap());
            Ok(frames.collect())
        });
        Gateway { up, down: Box::pin(down), taken: VecDeque::new() }
    }

    pub(crate) fn send(&self, frame: UpFrame) {
        self.up.push(frame).unwrap();
    }

    /// The next frame, or what the link ended with.
    pub(crate) async fn next(&mut self) -> Result<DownFrame, Option<Status>> {
        while self.taken.is_empty() {
            match within(self.down.next()).await {
                Some(Ok(frames)) => self.taken.extend(frames),
                Some(Err(status)) => return Err(Some(status)),
                None => return Err(None),
            }
        }
        Ok(self.taken.pop_front().unwrap())
    }

    pub(crate) async fn take(&mut self, count: usize) -> Vec<DownFrame> {
        let mut frames = Vec::new();
        for _ in 0..count {
            frames.push(self.next().await.unwrap());
        }
        frames
    }

    /// Reads on until the link ends.
    pub(crate) async fn end(self) -> Option<Status> {
        self.rest().await.1
    }

    /// Reads on until the link ends, and counts the frames that still came.
    pub(crate) async fn rest(mut self) -> (usize, Option<Status>) {
        let mut count = 0;
        loop {
            match self.next().await {
                Ok(_) => count += 1,
                Err(end) => return (count, end),
            }
        }
    }
}

pub(crate) fn kind(frame: &DownFrame) -> &'static str {
    match frame.kind {
        Down::Waiting { .. } => "waiting",
        Down::Matched(_) => "matched",
        Down::Forward(_) => "forward",
        Down::PartnerLeft { .. } => "partner-left",
        Down::Resume { .. } => "resume",
        Down::Ack { .. } => "ack",
        Down::PartnerAway { .. } => "partner-away",
        Down::PartnerBack { .. } => "partner-back",
        Down::SessionResumed(_) => "session-resumed",
        Down::ResumeFailed => "resume-failed",
        Down::SessionEnded { .. } => "session-ended",
        Down::Settled { .. } => "settled",
        Down::PoolFull { .. } => "pool full",
        Down::Summon { .. } => "summon",
    }
}
