//! What frames count for against the bounds of queues and of what is kept.

use super::*;
use crate::queue::Weigh;

impl Weigh for UpFrame {
    fn weight(&self) -> usize {
        let texts = match &self.kind {
            Up::Attach(attach) => attach.weight(),
            Up::Identify(identity) => identity.weight(),
            Up::Join(join) => join.wishes.weight(),
            Up::Next { wishes, .. } => wishes.weight(),
            Up::Forward(forward) => forward.text.len(),
            Up::Report { reason, details, .. } => reason.len() + details.len(),
            Up::Leave { .. }
            | Up::Ack { .. }
            | Up::End
            | Up::Decline { .. }
            | Up::Broken { .. }
            | Up::Detach
            | Up::ResumeSession { .. }
            | Up::Adopted
            | Up::Settle { .. }
            | Up::CallState { .. }
            | Up::Departed { .. }
            | Up::Stays { .. } => 0,
        };
        FRAME_WEIGHT + texts
    }
}

impl Weigh for DownFrame {
    fn weight(&self) -> usize {
        self.kind.weight()
    }
}

impl Weigh for Down {
    fn weight(&self) -> usize {
        let texts = match self {
            Down::Waiting(waiting) => waiting.pool.as_str().len(),
            Down::Forward(forward) => forward.text.len(),
            Down::SessionResumed(resumed) => resumed.weight(),
            Down::Matched(matched) => {
                matched.shown.as_ref().map_or(0, |shown| shown.weight())
                    + matched.tags.iter().map(Tag::weight).sum::<usize>()
            }
            Down::PartnerLeft { .. }
            | Down::Resume { .. }
            | Down::Ack { .. }
            | Down::PartnerAway { .. }
            | Down::PartnerBack { .. }
            | Down::ResumeFailed
            | Down::SessionEnded { .. }
            | Down::Settled { .. }
            | Down::PoolFull { .. }
            | Down::Summon { .. } => 0,
        };
        FRAME_WEIGHT + texts
    }
}

impl Attach {
    fn weight(&self) -> usize {
        let identity = self.identity.as_ref().map_or(0, Identity::weight);
        let kept = self.resumable.as_ref().map_or(0, |resumable| kept_weight(&resumable.kept));
        identity + self.doing.weight() + kept
    }
}

impl SessionResumed {
    fn weight(&self) -> usize {
        let identity = self.identity.as_ref().map_or(0, Identity::weight);
        let wishes = self.wishes.as_ref().map_or(0, Wishes::weight);
        let own: usize = self.unacknowledged.iter().map(bytes::Bytes::len).sum();
        identity + wishes + self.doing.weight() + kept_weight(&self.kept) + own
    }
}

impl Identity {
    fn weight(&self) -> usize {
        let claims = self.public_claims.as_ref().map_or(0, bytes::Bytes::len);
        self.user.len() + claims + self.assigned.as_ref().map_or(0, |assigned| assigned.weight())
    }
}

impl Wishes {
    fn weight(&self) -> usize {
        let preferences = self.preferences.as_ref().map_or(0, |preferences| preferences.weight());
        self.pool.as_str().len() + preferences
    }
}

impl Preferences {
    fn weight(&self) -> usize {
        let tags: usize = self.tags.iter().map(Tag::weight).sum();
        let avoid: usize = self.avoid.iter().map(|avoided| avoided.as_str().len() + ENTRY_WEIGHT).sum();
        tags + avoid + self.region.as_ref().map_or(0, |region| region.as_str().len())
    }
}

impl Assigned {
    fn weight(&self) -> usize {
        let pool = self.pool.as_ref().map_or(0, |pool| pool.as_str().len());
        ENTRY_WEIGHT + pool + self.tags.iter().map(Tag::weight).sum::<usize>()
    }
}

impl Tag {
    fn weight(&self) -> usize {
        self.as_str().len() + ENTRY_WEIGHT
    }
}

impl Doing {
    fn weight(&self) -> usize {
        match self {
            Doing::Idle => 0,
            Doing::Waiting(join) | Doing::InRoom(InRoom { join, .. }) => join.wishes.weight(),
        }
    }
}

fn kept_weight(kept: &[(u64, Down)]) -> usize {
    kept.iter().map(|(_, kind)| kind.weight()).sum()
}

/// What a frame costs beside its texts: more than its numbers and ids take on the wire.
const FRAME_WEIGHT: usize = 96;

/// What one text of a list costs beside its bytes.
const ENTRY_WEIGHT: usize = 32;
