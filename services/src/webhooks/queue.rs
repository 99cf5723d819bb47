//! What waits to be sent: new things in the order in which they came, and those that are to be tried again at a time of their own. Those that are
//! being tried count as well, so that there is always room to put them back.

use std::collections::btree_map::OccupiedEntry;
use std::collections::{BTreeMap, VecDeque};

use tokio::time::Instant;

/// A bounded queue.
#[derive(Debug)]
pub(super) struct Queue<T> {
    capacity: usize,
    new: VecDeque<T>,
    /// By when, and by a number of their own.
    again: BTreeMap<(Instant, u64), T>,
    put_back: u64,
    taken: usize,
    /// Until when nothing is to be tried.
    paused: Option<Instant>,
}

impl<T> Queue<T> {
    pub(super) fn new(capacity: usize) -> Self {
        Queue { capacity, new: VecDeque::new(), again: BTreeMap::new(), put_back: 0, taken: 0, paused: None }
    }

    /// All that waits or was taken.
    pub(super) fn len(&self) -> usize {
        self.new.len() + self.again.len() + self.taken
    }

    /// Adds something new; whether there was room.
    pub(super) fn push(&mut self, make: impl FnOnce() -> T) -> bool {
        let has_room = self.len() < self.capacity;
        if has_room {
            self.new.push_back(make());
        }
        has_room
    }

    /// Takes what is to be tried now: what was tried before goes first. It counts until it is put back or done with.
    pub(super) fn take(&mut self, now: Instant) -> Option<T> {
        if self.paused.is_some_and(|until| now < until) {
            return None;
        }
        let due = self.again.first_entry().filter(|first| first.key().0 <= now);
        let item = due.map(OccupiedEntry::remove).or_else(|| self.new.pop_front())?;
        self.taken += 1;
        Some(item)
    }

    /// Something that was taken is to be tried again.
    pub(super) fn put_back(&mut self, item: T, at: Instant) {
        self.done();
        self.put_back += 1;
        self.again.insert((at, self.put_back), item);
    }

    /// Something that was taken is done with.
    pub(super) fn done(&mut self) {
        self.taken = self.taken.checked_sub(1).expect("it was taken before");
    }

    /// Nothing is to be taken before that time.
    pub(super) fn pause(&mut self, until: Instant) {
        self.paused = self.paused.max(Some(until));
    }

    /// All that waits is to be tried now.
    pub(super) fn hurry(&mut self) {
        self.paused = None;
        let again = std::mem::take(&mut self.again);
        for item in again.into_values().rev() {
            self.new.push_front(item);
        }
    }

    /// When there is something to take, if only time is lacking.
    pub(super) fn next(&self) -> Option<Instant> {
        let due = self.again.keys().next().map(|(at, _)| *at);
        // What is new is due as soon as there is no pause.
        if self.new.is_empty() { due.max(due.and(self.paused)) } else { self.paused }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_waits_and_what_was_taken_is_bounded_together() {
        let (mut queue, now) = (Queue::new(3), Instant::now());
        assert!(queue.push(|| 'a') && queue.push(|| 'b') && queue.push(|| 'c') && !queue.push(|| 'd'));
        assert_eq!(queue.take(now), Some('a'));
        assert!(!queue.push(|| 'd'), "it may come back");
        queue.put_back('a', now + SECOND);
        assert!(!queue.push(|| 'd'));
        assert_eq!((queue.take(now), queue.len()), (Some('b'), 3));
        queue.done();
        assert!(queue.push(|| 'd') && !queue.push(|| 'e'));
    }

    #[test]
    fn what_is_due_again_goes_before_what_is_new() {
        let (mut queue, now) = (Queue::new(9), Instant::now());
        assert_eq!((queue.next(), queue.take(now)), (None, None));
        for item in ['a', 'b', 'c'] {
            queue.push(|| item);
        }
        for after in [SECOND * 2, SECOND] {
            let item = queue.take(now).unwrap();
            queue.put_back(item, now + after);
        }
        assert_eq!(queue.take(now + SECOND), Some('b'));
        assert_eq!(queue.take(now + SECOND), Some('c'), "'a' is not due");
        assert_eq!((queue.take(now + SECOND), queue.next()), (None, Some(now + SECOND * 2)));
        assert_eq!(queue.take(now + SECOND * 2), Some('a'));
    }

    #[test]
    fn a_pause_holds_for_all_until_there_is_a_hurry() {
        let (mut queue, now) = (Queue::new(9), Instant::now());
        queue.push(|| 'a');
        queue.push(|| 'b');
        let a = queue.take(now).unwrap();
        queue.put_back(a, now + SECOND);
        queue.pause(now + SECOND * 3);
        queue.pause(now + SECOND * 2);
        assert_eq!((queue.take(now + SECOND * 2), queue.next()), (None, Some(now + SECOND * 3)));
        queue.hurry();
        assert_eq!((queue.take(now), queue.take(now), queue.take(now)), (Some('a'), Some('b'), None));
    }
}
