//! Who hears of events: whoever has subscribed, and whoever comes back soon enough. The machine waits for nobody; a subscriber that
//! falls behind by more than the backlog is told how much it has missed, and what it does then is its own affair.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::broadcast;

use crate::Event;

/// An event and when it came about.
#[derive(Clone, Debug)]
pub struct Happening {
    /// From 1 at the start of the process, and each by one above the one before.
    pub sequence: u64,
    /// By the clock of the matchmaker's machine.
    pub at: SystemTime,
    /// What.
    pub event: Event,
}

/// Tells of everything since it was made. See [`broadcast::Receiver::recv`] for what a slow subscriber gets.
pub type Subscription = broadcast::Receiver<Arc<Happening>>;

/// All subscribers, and the last events for those who come back.
#[derive(Debug)]
pub(crate) struct Events {
    subscribers: broadcast::Sender<Arc<Happening>>,
    backlog: usize,
    last: VecDeque<Arc<Happening>>,
    sequence: u64,
}

/// What somebody has missed is not kept any more, or has not happened yet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotKept;

impl Events {
    pub(crate) fn new(backlog: usize) -> Self {
        let backlog = backlog.max(1);
        Events { subscribers: broadcast::Sender::new(backlog), backlog, last: VecDeque::new(), sequence: 0 }
    }

    pub(crate) fn subscribe(&self) -> Subscription {
        self.subscribers.subscribe()
    }

    /// Of the last event; 0 before the first.
    pub(crate) fn sequence(&self) -> u64 {
        self.sequence
    }

    /// What has happened after an event, oldest first.
    pub(crate) fn since(&self, sequence: u64) -> Result<Vec<Arc<Happening>>, NotKept> {
        let missed = self.sequence.checked_sub(sequence).ok_or(NotKept)?;
        let missed = usize::try_from(missed).map_err(|_| NotKept)?;
        let known = self.last.len().checked_sub(missed).ok_or(NotKept)?;
        Ok(self.last.iter().skip(known).cloned().collect())
    }

    pub(crate) fn tell(&mut self, event: Event) {
        self.sequence += 1;
        let happening = Arc::new(Happening { sequence: self.sequence, at: SystemTime::now(), event });
        if self.last.len() == self.backlog {
            self.last.pop_front();
        }
        self.last.push_back(happening.clone());
        // Nobody may listen.
        let _ = self.subscribers.send(happening);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use duet_proto::frame::{PartnerLeftReason, PoolName};
    use duet_proto::ids::{ClientId, RoomId};

    use super::*;
    use crate::{Party, RoomEnded};

    fn event() -> Event {
        let member = Party { client: ClientId::from_random([1; 16]), user: None };
        Event::RoomEnded(RoomEnded {
            room: RoomId::from_random([1; 16]),
            pool: PoolName::default(),
            members: [member.clone(), member],
            reason: PartnerLeftReason::Left,
            lasted: Duration::ZERO,
        })
    }

    #[test]
    fn what_was_missed_is_told_in_order_as_far_as_it_is_kept() {
        let mut events = Events::new(3);
        let since = |events: &Events, sequence| {
            events.since(sequence).map(|missed| missed.iter().map(|one| one.sequence).collect::<Vec<_>>())
        };
        assert_eq!((since(&events, 0), since(&events, 1)), (Ok(vec![]), Err(NotKept)));
        for _ in 0..5 {
            events.tell(event());
        }
        assert_eq!(events.sequence(), 5);
        assert_eq!(since(&events, 5), Ok(vec![]));
        assert_eq!(since(&events, 2), Ok(vec![3, 4, 5]));
        assert_eq!(
            (since(&events, 1), since(&events, 6), since(&events, u64::MAX)),
            (Err(NotKept), Err(NotKept), Err(NotKept))
        );
    }
}
