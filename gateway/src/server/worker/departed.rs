//! Which sessions have gone on elsewhere, as far as their former replica may not know it: because its link was down, or broke before it was
//! told. It is told when its link is back, unless that takes so long that it has forgotten them by itself.

use std::collections::VecDeque;
use std::time::Duration;

use duet_proto::ids::{ClientId, SessionNumber};
use duet_proto::time::Time;

/// Sessions that left one link lately, oldest first.
#[derive(Debug, Default)]
pub(super) struct Departed(VecDeque<(Time, SessionNumber, ClientId)>);

impl Departed {
    pub(super) fn add(&mut self, session: SessionNumber, client: ClientId, now: Time) {
        let Departed(all) = self;
        while all.front().is_some_and(|(at, ..)| *at + KEPT < now) || all.len() >= MAX_DEPARTED {
            all.pop_front();
        }
        all.push_back((now, session, client));
    }

    /// What is still worth telling.
    pub(super) fn take(&mut self, now: Time) -> impl Iterator<Item = (SessionNumber, ClientId)> + use<> {
        let Departed(all) = std::mem::take(self);
        all.into_iter().filter(move |(at, ..)| now <= *at + KEPT).map(|(_, session, client)| (session, client))
    }
}

/// After so long a replica remembers nothing of a session whose link broke.
const KEPT: Duration = Duration::from_secs(60);
/// Of one link. The others run out at the replica by themselves.
const MAX_DEPARTED: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(seconds)
    }

    fn client(number: u8) -> ClientId {
        ClientId::from_random([number; 16])
    }

    #[test]
    fn what_is_too_old_to_matter_is_not_told() {
        let mut departed = Departed::default();
        departed.add(SessionNumber(1), client(1), at(0));
        departed.add(SessionNumber(2), client(2), at(30));
        assert_eq!(departed.take(at(61)).collect::<Vec<_>>(), [(SessionNumber(2), client(2))]);
        assert_eq!(departed.take(at(61)).count(), 0, "once is enough");
    }

    #[test]
    fn so_many_are_kept_and_the_newest_of_them() {
        let mut departed = Departed::default();
        for number in 0..5_000 {
            departed.add(SessionNumber(number), client(1), at(0));
        }
        let numbers: Vec<u64> = departed.take(at(0)).map(|(number, _)| number.0).collect();
        assert_eq!((numbers.len(), numbers.last()), (MAX_DEPARTED, Some(&4_999)));
    }
}
