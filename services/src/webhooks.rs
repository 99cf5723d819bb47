//! Webhooks: events of the matchmaker that another server is told of. They are taken from a subscription, so the matchmaker waits for nobody; what
//! does not fit into the queue is dropped and counted.
//!
//! One task owns the queue, and each try is a task of its own. What is said is for `payload.rs`, whether and when to try again for `schedule.rs`.

use std::sync::Arc;

use bytes::Bytes;
use duet_matchmaker::server::{Happening, Seldom, Subscription};
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until};

mod counts;
mod payload;
mod queue;
mod receiver;
mod schedule;
mod signature;

pub(crate) use counts::Counts;
pub(crate) use payload::EventKind;
use queue::Queue;
pub(crate) use receiver::Receiver;
use schedule::Outcome;
pub(crate) use schedule::Schedule;
pub(crate) use signature::SigningSecrets;

/// Who is told of what, and how hard to try.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) receiver: Receiver,
    pub(crate) events: Vec<EventKind>,
    /// Webhooks that may wait or be on their way.
    pub(crate) queue: usize,
    /// Tries at once.
    pub(crate) concurrency: usize,
    pub(crate) schedule: Schedule,
}

/// Webhooks while they are sent.
pub(crate) struct Webhooks {
    drain: Option<oneshot::Sender<Instant>>,
    task: JoinHandle<()>,
    counts: Counts,
}

impl Webhooks {
    /// Tells of what is subscribed to from now on.
    pub(crate) fn start(settings: Settings, events: Subscription, counts: Counts) -> Self {
        let (drain, drained) = oneshot::channel();
        let task = tokio::spawn(Dispatcher::new(settings, counts.clone()).run(events, drained));
        Webhooks { drain: Some(drain), task, counts }
    }

    /// Tries what is left, before the deadline.
    pub(crate) async fn drain(&mut self, deadline: Instant) {
        if let Some(drain) = self.drain.take() {
            // It has ended already only if it panicked.
            let _ = drain.send(deadline);
        }
        if (&mut self.task).await.is_err() {
            tracing::error!("webhooks panicked");
        }
    }

    /// Nothing more is tried. What is left is counted and logged.
    pub(crate) fn end(self) {
        self.task.abort();
        let lost = self.counts.queued();
        if lost > 0 {
            self.counts.dropped(lost);
            tracing::warn!(lost, "webhooks were not delivered before the end");
        }
    }
}

/// What is to be told.
#[derive(Debug)]
struct Webhook {
    kind: EventKind,
    /// Stays the same over all tries: by it a receiver knows what it has heard before.
    id: String,
    body: Bytes,
    failures: u32,
}

impl Webhook {
    fn new(kind: EventKind, body: Vec<u8>) -> Self {
        let id = format!("msg_{:032x}", rand::random::<u128>());
        Webhook { kind, id, body: body.into(), failures: 0 }
    }
}

/// The owner of the queue.
struct Dispatcher {
    receiver: Arc<Receiver>,
    events: Vec<EventKind>,
    queue: Queue<Webhook>,
    concurrency: usize,
    schedule: Schedule,
    tries: JoinSet<(Webhook, Outcome)>,
    counts: Counts,
    /// Set once no more events come; there is no time after it.
    deadline: Option<Instant>,
    said: Said,
}

/// What is logged seldom.
#[derive(Default)]
struct Said {
    dropped: Seldom,
    retried: Seldom,
    failed: Seldom,
}

impl Dispatcher {
    fn new(settings: Settings, counts: Counts) -> Self {
        let Settings { receiver, events, queue, concurrency, schedule } = settings;
        Dispatcher {
            receiver: Arc::new(receiver),
            events,
            queue: Queue::new(queue),
            concurrency,
            schedule,
            tries: JoinSet::new(),
            counts,
            deadline: None,
            said: Said::default(),
        }
    }

    async fn run(mut self, mut events: Subscription, mut drain: oneshot::Receiver<Instant>) {
        loop {
            self.start_tries();
            let wake = self.wake();
            tokio::select! {
                event = events.recv() => match event {
                    Ok(happening) => self.happened(&happening),
                    Err(RecvError::Lagged(missed)) => self.dropped(missed),
                    Err(RecvError::Closed) => break,
                },
                Some(tried) = self.tries.join_next() => self.tried(tried),
                () = until(wake) => {}
                deadline = &mut drain => {
                    self.deadline = deadline.ok();
                    break;
                }
            }
        }
        // The matchmaker may be gone before it is said that there is an end.
        if self.deadline.is_none() {
            self.deadline = drain.await.ok();
        }
        self.read_the_rest(&mut events);
        self.queue.hurry();
        self.finish().await;
    }

    fn read_the_rest(&mut self, events: &mut Subscription) {
        loop {
            match events.try_recv() {
                Ok(happening) => self.happened(&happening),
                Err(TryRecvError::Lagged(missed)) => self.dropped(missed),
                Err(TryRecvError::Empty | TryRecvError::Closed) => return,
            }
        }
    }

    async fn finish(mut self) {
        while self.queue.len() > 0 {
            self.start_tries();
            let wake = self.wake();
            tokio::select! {
                Some(tried) = self.tries.join_next() => self.tried(tried),
                () = until(wake) => {}
                () = until(self.deadline) => return,
            }
        }
        self.counts.set_queued(0);
    }

    fn happened(&mut self, happening: &Happening) {
        if !EventKind::of(&happening.event).is_some_and(|kind| self.events.contains(&kind)) {
            return;
        }
        let Some((kind, body)) = payload::body(happening) else { return };
        if !self.queue.push(|| Webhook::new(kind, body)) {
            self.dropped(1);
        }
    }

    fn dropped(&self, count: u64) {
        let total = self.counts.dropped(count);
        self.said.dropped.say(|_| tracing::warn!(total, "webhooks are dropped: more happens than the receiver takes"));
    }

    /// When there is something to try.
    fn wake(&self) -> Option<Instant> {
        self.queue.next().filter(|_| self.tries.len() < self.concurrency)
    }

    fn start_tries(&mut self) {
        while self.tries.len() < self.concurrency {
            let Some(webhook) = self.queue.take(Instant::now()) else { break };
            if webhook.failures > 0 {
                self.counts.retried();
            }
            let receiver = self.receiver.clone();
            self.tries.spawn(async move {
                let outcome = receiver.post(&webhook.id, webhook.body.clone()).await;
                (webhook, outcome)
            });
        }
        self.counts.set_queued(self.queue.len());
    }

    fn tried(&mut self, tried: Result<(Webhook, Outcome), JoinError>) {
        let Ok((webhook, outcome)) = tried else {
            tracing::error!("a try to deliver a webhook panicked");
            self.queue.done();
            self.counts.failed();
            return;
        };
        match outcome {
            Outcome::Delivered => {
                self.queue.done();
                self.counts.delivered();
            }
            Outcome::Failed { why, pause } => self.try_again(webhook, &why, pause.map(|pause| Instant::now() + pause)),
            Outcome::Refused { why } => self.give_up(&webhook, &why),
        }
    }

    /// If there is another time.
    fn try_again(&mut self, mut webhook: Webhook, why: &str, pause: Option<Instant>) {
        webhook.failures += 1;
        let delay = self.schedule.delay(webhook.failures, rand::random());
        let at = delay.map(|delay| (Instant::now() + delay).max(pause.unwrap_or_else(Instant::now)));
        let Some(at) = at.filter(|at| self.deadline.is_none_or(|deadline| *at < deadline)) else {
            return self.give_up(&webhook, why);
        };
        let (event, failures) = (webhook.kind.name(), webhook.failures);
        self.said.retried.say(|unsaid| {
            tracing::warn!(event, why, failures, unsaid, "a webhook is not delivered yet");
        });
        if let Some(until) = pause {
            self.queue.pause(until);
        }
        self.queue.put_back(webhook, at);
    }

    fn give_up(&mut self, webhook: &Webhook, why: &str) {
        self.queue.done();
        self.counts.failed();
        let (event, id) = (webhook.kind.name(), &webhook.id);
        self.said.failed.say(|unsaid| tracing::warn!(event, id, why, unsaid, "a webhook is given up"));
    }
}

/// Without a time it is for ever.
async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
