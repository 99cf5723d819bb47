//! Keeping links to matchmakers: made, used, and made again when they break.

use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use duet_proto::link::{GatewayHello, MatchmakerHello};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::Ended;
use super::matchmakers::{Dialed, LinkEnd};
use super::roster::{Matchmaker, Unfit};
use super::worker::Worker;
use crate::backoff;

/// Keeps a worker's links to all matchmakers that there are, for ever or until the settings turn out to make no sense.
pub(super) async fn keep_all(worker: Rc<Worker>) -> Ended {
    let roster = &worker.shared.roster;
    let mut changes = roster.changes();
    let mut held = vec![false; roster.capacity()];
    let mut links = JoinSet::new();
    loop {
        changes.mark_unchanged();
        for (link, matchmaker) in roster.hold(|link| held[link]) {
            held[link] = true;
            worker.occupy(link, matchmaker.clone());
            links.spawn_local(keep(link, matchmaker, worker.clone()));
        }
        tokio::select! {
            // An error can't be: the roster outlives its workers.
            _ = changes.changed() => {}
            Some(kept) = links.join_next() => match kept {
                Ok(Kept::Gone(link)) => {
                    held[link] = false;
                    worker.vacate(link);
                    roster.release(link);
                }
                Ok(Kept::Misconfigured(why)) => return Ended::Misconfigured(why),
                Err(panic) => return Ended::Failed(panic.to_string()),
            }
        }
    }
}

/// Why a link is kept no longer.
enum Kept {
    /// There is no such matchmaker any more.
    Gone(usize),
    /// The settings make no sense; the text says why.
    Misconfigured(String),
}

/// Keeps one of a worker's links.
async fn keep(link: usize, matchmaker: Arc<Matchmaker>, worker: Rc<Worker>) -> Kept {
    let mut failures: u32 = 0;
    loop {
        let mut pause = Duration::ZERO;
        let why = match dial(link, &matchmaker, &worker).await {
            Ok(dialed) => match admit(link, &dialed.hello, &worker) {
                Ok(()) => {
                    failures = 0;
                    let why = use_link(link, dialed, &worker).await;
                    worker.shared.roster.leave();
                    why
                }
                Err(Unfit::Misconfigured(problem)) => return Kept::Misconfigured(problem),
                Err(Unfit::Refused(why)) => {
                    worker.lost(link);
                    why
                }
                Err(Unfit::Twin(why)) => {
                    worker.lost(link);
                    pause = TWIN_PAUSE;
                    why
                }
            },
            Err(why) => {
                worker.lost(link);
                why
            }
        };
        worker.shared.roster.doubts.notify_one();
        if worker.shared.readiness.is_draining() {
            // Ended by this side, or needed no more.
            tracing::debug!(worker = worker.index, link, %why, "no link to the matchmaker");
        // Once when it breaks and seldom after: a matchmaker that is away for long should not fill the log.
        } else if failures.is_power_of_two() || failures == 0 {
            tracing::warn!(worker = worker.index, link, matchmaker = matchmaker.name, failures, %why, "no link to the matchmaker");
        }
        if matchmaker.is_gone() {
            return Kept::Gone(link);
        }
        sleep_until(Instant::now() + backoff::delay(failures, rand::random()).max(pause)).await;
        failures = failures.saturating_add(1);
    }
}

/// Whether a link that has been made can be used.
fn admit(link: usize, hello: &MatchmakerHello, worker: &Worker) -> Result<(), Unfit> {
    match worker.twin(link, hello) {
        // It has ended the other link for this one; that comes back in a moment.
        Some(twin) => Err(Unfit::Twin(format!("{} is linked to as {twin} already", hello.replica))),
        None => worker.shared.roster.join(hello),
    }
}

/// Makes a link. Its sessions wait for it only so long.
async fn dial(link: usize, matchmaker: &Matchmaker, worker: &Worker) -> Result<Dialed, String> {
    let hello = GatewayHello {
        gateway: worker.shared.settings.name.clone(),
        boot: worker.shared.boot,
        worker: u32::try_from(worker.index).unwrap_or(u32::MAX),
    };
    let dialing = matchmaker.target.dial(hello, &worker.shared.settings);
    tokio::pin!(dialing);
    tokio::select! {
        dialed = &mut dialing => return dialed,
        () = worker.waited_for(link) => worker.lost(link),
    }
    dialing.await
}

/// Uses a link until it breaks, and says why it did.
async fn use_link(link: usize, mut dialed: Dialed, worker: &Worker) -> String {
    tracing::info!(worker = worker.index, link, matchmaker = dialed.hello.replica, "linked");
    worker.link_up(link, &dialed.hello, dialed.up);
    let end = loop {
        let mut waited = false;
        let next = poll_fn(|cx| {
            let batch = std::pin::pin!(dialed.down.next()).poll(cx);
            waited |= batch.is_pending();
            batch
        });
        let batch = tokio::select! {
            batch = next => batch,
            () = worker.overflowed(link) => {
                worker.shed(link);
                break LinkEnd::Broken("it does not take what it is sent".to_owned());
            }
        };
        if !waited {
            // Lets the sockets write before the next batch fills their outboxes further.
            tokio::task::yield_now().await;
        }
        match batch {
            Ok(frames) => worker.frames(link, frames),
            Err(end) => break end,
        }
    };
    worker.link_down(link);
    match end {
        LinkEnd::Broken(why) => why,
        LinkEnd::Ended(why) => {
            worker.lost(link);
            why
        }
    }
}

/// Before an address that leads to a matchmaker with another one is tried again: each time the other link breaks.
const TWIN_PAUSE: Duration = Duration::from_secs(30);
