//! One link from its beginning to its end, whatever carries it: by memory and by gRPC alike.

use std::fmt;

use duet_proto::frame::UpFrame;
use futures_util::{Stream, StreamExt};
use tokio::sync::oneshot;
use tonic::Status;

use super::replica::Replica;
use crate::LinkKey;

/// Why a link ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkEnd {
    /// The gateway ended it.
    Closed,
    /// What carried it broke.
    Lost,
    /// The gateway broke a rule of `signaling.proto`: which.
    Refused(String),
    /// The gateway took its frames too slowly.
    TooSlow,
    /// The same worker has a newer link.
    Replaced,
    /// This matchmaker is going away.
    GoingAway,
}

impl LinkEnd {
    /// What the gateway is told; nothing but the stream's end if it ended the link itself.
    pub(crate) fn status(&self) -> Option<Status> {
        match self {
            LinkEnd::Closed | LinkEnd::Lost => None,
            LinkEnd::Refused(_) => Some(Status::invalid_argument(self.to_string())),
            LinkEnd::TooSlow => Some(Status::resource_exhausted(self.to_string())),
            LinkEnd::Replaced => Some(Status::aborted(self.to_string())),
            LinkEnd::GoingAway => Some(Status::unavailable(self.to_string())),
        }
    }
}

impl fmt::Display for LinkEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LinkEnd::Closed => "the gateway ended the link",
            LinkEnd::Lost => "the connection was lost",
            LinkEnd::Refused(reason) => reason,
            LinkEnd::TooSlow => "the gateway reads too slowly",
            LinkEnd::Replaced => "the same worker has a newer link",
            LinkEnd::GoingAway => "the matchmaker is going away",
        })
    }
}

/// A link that is up. Dropping it takes it down, so that no way of ending a task leaves its sessions behind.
pub(crate) struct OpenLink {
    replica: Replica,
    key: LinkKey,
    ended: oneshot::Receiver<LinkEnd>,
    /// What the log is told if the link ends by itself.
    why: LinkEnd,
}

impl OpenLink {
    pub(crate) fn new(replica: Replica, key: LinkKey, ended: oneshot::Receiver<LinkEnd>) -> Self {
        OpenLink { replica, key, ended, why: LinkEnd::Lost }
    }

    /// Carries batches to the machine until either side ends the link. The frames of a batch are applied in one go.
    pub(crate) async fn carry(mut self, up: impl Stream<Item = Result<Vec<UpFrame>, LinkEnd>>) -> LinkEnd {
        let mut up = std::pin::pin!(up);
        loop {
            let batch = tokio::select! {
                biased;
                ended = &mut self.ended => return ended.unwrap_or(LinkEnd::Lost),
                batch = up.next() => batch,
            };
            let end = match batch {
                Some(Ok(frames)) => {
                    self.apply(frames);
                    continue;
                }
                Some(Err(end)) => end,
                None => LinkEnd::Closed,
            };
            self.why = end.clone();
            return end;
        }
    }

    fn apply(&self, frames: Vec<UpFrame>) {
        self.replica.apply(|machine, now| {
            for frame in frames {
                machine.handle_frame(self.key, frame, now);
            }
        });
    }
}

impl Drop for OpenLink {
    fn drop(&mut self) {
        self.replica.link_down(self.key, self.why.clone());
    }
}
