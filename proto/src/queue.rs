//! The bounded queue that frames wait in: many may push, one takes, and what has queued up is taken as one batch.
//!
//! It bounds both the number of items and their weight in bytes, refuses what goes past, and never waits. What a refusal means is for
//! the one who pushes to decide.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::task::{Context, Poll, Waker};

use futures_core::Stream;

/// What an item counts for against a queue's bound in bytes.
pub trait Weigh {
    /// In bytes, roughly.
    fn weight(&self) -> usize;
}

/// How much a queue holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Items at most.
    pub items: usize,
    /// Bytes at most; an item that finds the queue empty is always taken.
    pub bytes: usize,
    /// Bytes at most in one batch; a single item may be larger.
    pub batch_bytes: usize,
}

/// Why a queue did not take an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is full.
    Full,
    /// Nobody takes from it any more.
    Closed,
}

/// A queue's two ends.
pub fn bounded<T: Weigh>(limits: Limits) -> (Sender<T>, Receiver<T>) {
    let state = State { items: VecDeque::new(), bytes: 0, waker: None, senders: 1, closed: false };
    let shared = Arc::new(Shared { limits, state: Mutex::new(state) });
    (Sender { shared: shared.clone() }, Receiver { shared })
}

/// Where items go in. Clones push into the same queue; when the last is dropped, the queue is closed.
#[derive(Debug)]
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.shared.lock().senders += 1;
        Sender { shared: self.shared.clone() }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.senders -= 1;
        if state.senders == 0 {
            drop(state);
            self.shared.close();
        }
    }
}

impl<T: Weigh> Sender<T> {
    /// Queues an item, or drops it and says why.
    pub fn push(&self, item: T) -> Result<(), Refused> {
        let weight = item.weight();
        let mut state = self.shared.lock();
        if state.closed {
            return Err(Refused::Closed);
        }
        if !state.has_room(&self.shared.limits, weight) {
            return Err(Refused::Full);
        }
        state.bytes += weight;
        state.items.push_back(item);
        let waker = state.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
        Ok(())
    }

    /// Sees how full the queue is, and keeps it neither open nor in memory.
    pub fn gauge(&self) -> Gauge
    where
        T: Send + 'static,
    {
        Gauge(Arc::downgrade(&self.shared) as Weak<dyn Measured>)
    }

    /// Ends the queue: what is in it is still taken, nothing more goes in.
    pub fn close(&self) {
        self.shared.close();
    }
}

/// Where batches come out: a stream that ends when the queue was closed and is empty.
#[derive(Debug)]
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
}

impl<T: Weigh> Stream for Receiver<T> {
    type Item = Vec<T>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Vec<T>>> {
        let mut state = self.shared.lock();
        if state.items.is_empty() {
            if state.closed {
                return Poll::Ready(None);
            }
            state.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(Some(state.take_batch(self.shared.limits.batch_bytes)))
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.shared.close();
        self.shared.lock().items.clear();
    }
}

/// Sees how full a queue is.
#[derive(Clone, Debug)]
pub struct Gauge(Weak<dyn Measured>);

impl Gauge {
    /// What is in it; nothing, once it is gone.
    pub fn fill(&self) -> Fill {
        self.0.upgrade().map_or_else(Fill::default, |queue| queue.fill())
    }
}

/// What is in a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fill {
    /// Items.
    pub items: usize,
    /// Their weight.
    pub bytes: usize,
}

trait Measured: std::fmt::Debug + Send + Sync {
    fn fill(&self) -> Fill;
}

impl<T: Send> Measured for Shared<T> {
    fn fill(&self) -> Fill {
        let state = self.lock();
        Fill { items: state.items.len(), bytes: state.bytes }
    }
}

struct Shared<T> {
    limits: Limits,
    state: Mutex<State<T>>,
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().expect("no code that holds this lock panics")
    }

    fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let waker = state.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }
}

impl<T> std::fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("limits", &self.limits).finish_non_exhaustive()
    }
}

struct State<T> {
    items: VecDeque<T>,
    /// The sum of the items' weights.
    bytes: usize,
    /// The taker's, while it waits for an item.
    waker: Option<Waker>,
    senders: usize,
    closed: bool,
}

impl<T: Weigh> State<T> {
    fn has_room(&self, limits: &Limits, weight: usize) -> bool {
        self.items.is_empty() || (self.items.len() < limits.items && self.bytes + weight <= limits.bytes)
    }

    fn take_batch(&mut self, batch_bytes: usize) -> Vec<T> {
        let mut batch_weight = 0;
        let count = self
            .items
            .iter()
            .take_while(|item| {
                batch_weight += item.weight();
                batch_weight <= batch_bytes
            })
            .count()
            .max(1);
        let batch: Vec<T> = self.items.drain(..count).collect();
        self.bytes -= batch.iter().map(Weigh::weight).sum::<usize>();
        if self.items.is_empty() && self.items.capacity() > KEPT_CAPACITY {
            // A rush, as when all clients come back at once, must not hold its memory for ever.
            self.items = VecDeque::new();
        }
        batch
    }
}

/// Room for items that an empty queue keeps.
const KEPT_CAPACITY: usize = 1024;

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    #[derive(Debug, PartialEq)]
    struct Item(usize);

    impl Weigh for Item {
        fn weight(&self) -> usize {
            self.0
        }
    }

    const LIMITS: Limits = Limits { items: 3, bytes: 10, batch_bytes: 6 };

    fn take(receiver: &mut Receiver<Item>) -> Poll<Option<Vec<Item>>> {
        Pin::new(receiver).poll_next(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn what_has_queued_up_is_one_batch_up_to_its_bytes() {
        let (sender, mut receiver) = bounded(LIMITS);
        assert_eq!(take(&mut receiver), Poll::Pending);
        for weight in [2, 4, 1] {
            sender.push(Item(weight)).unwrap();
        }
        assert_eq!(take(&mut receiver), Poll::Ready(Some(vec![Item(2), Item(4)])));
        assert_eq!(take(&mut receiver), Poll::Ready(Some(vec![Item(1)])));
        assert_eq!(take(&mut receiver), Poll::Pending);
    }

    #[test]
    fn both_bounds_refuse_and_an_empty_queue_takes_anything() {
        let (sender, mut receiver) = bounded(LIMITS);
        sender.push(Item(100)).unwrap();
        assert_eq!(sender.push(Item(0)), Err(Refused::Full), "by bytes");
        assert_eq!(take(&mut receiver), Poll::Ready(Some(vec![Item(100)])));
        for _ in 0..3 {
            sender.push(Item(0)).unwrap();
        }
        assert_eq!(sender.push(Item(0)), Err(Refused::Full), "by number");
    }

    #[test]
    fn a_closed_queue_is_emptied_and_then_ends() {
        let (sender, mut receiver) = bounded(LIMITS);
        sender.push(Item(1)).unwrap();
        sender.close();
        assert_eq!(sender.push(Item(1)), Err(Refused::Closed));
        assert_eq!(take(&mut receiver), Poll::Ready(Some(vec![Item(1)])));
        assert_eq!(take(&mut receiver), Poll::Ready(None));
    }

    #[test]
    fn the_last_sender_closes_the_queue() {
        let (sender, mut receiver) = bounded(LIMITS);
        let clone = sender.clone();
        drop(sender);
        assert_eq!(take(&mut receiver), Poll::Pending);
        drop(clone);
        assert_eq!(take(&mut receiver), Poll::Ready(None));
    }

    #[test]
    fn a_gauge_sees_what_is_in_the_queue_and_does_not_keep_it() {
        let (sender, mut receiver) = bounded(LIMITS);
        let gauge = sender.gauge();
        for weight in [2, 4, 1] {
            sender.push(Item(weight)).unwrap();
        }
        assert_eq!(gauge.fill(), Fill { items: 3, bytes: 7 });
        assert!(take(&mut receiver).is_ready());
        assert_eq!(gauge.fill(), Fill { items: 1, bytes: 1 });
        drop(sender);
        assert!(take(&mut receiver).is_ready());
        assert_eq!(take(&mut receiver), Poll::Ready(None), "closed by the last sender");
        drop(receiver);
        assert_eq!(gauge.fill(), Fill::default());
    }

    #[test]
    fn nobody_left_to_take_refuses_at_once() {
        let (sender, receiver) = bounded(LIMITS);
        drop(receiver);
        assert_eq!(sender.push(Item(1)), Err(Refused::Closed));
    }
}
