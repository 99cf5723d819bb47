//! Keeping a link to a matchmaker: made, used, and made again when it breaks.

use std::future::{Future, poll_fn};
use std::rc::Rc;

use duet_proto::link::{GatewayHello, MatchmakerHello};
use tokio::time::{Instant, sleep_until};

use super::Ended;
use super::matchmakers::Dialed;
use super::worker::Worker;
use crate::backoff;

/// Keeps one of a worker's links, for ever or until the settings turn out to make no sense.
pub(super) async fn keep(link: usize, worker: Rc<Worker>) -> Ended {
    let mut failures: u32 = 0;
    loop {
        let hello = GatewayHello {
            gateway: worker.shared.settings.name.clone(),
            boot: worker.shared.boot,
            worker: u32::try_from(worker.index).unwrap_or(u32::MAX),
        };
        let why = match worker.shared.matchmakers.dial(link, hello, &worker.shared.settings).await {
            Ok(dialed) => {
                if let Some(problem) = lonely(&dialed.hello, worker.shared.matchmakers.count()) {
                    return Ended::Misconfigured(problem);
                }
                failures = 0;
                use_link(link, dialed, &worker).await
            }
            Err(why) => why,
        };
        if worker.shared.readiness.is_draining() {
            // Ended by this side, or needed no more.
            tracing::debug!(worker = worker.index, link, %why, "no link to the matchmaker");
        // Once when it breaks and seldom after: a matchmaker that is away for long should not fill the log.
        } else if failures.is_power_of_two() || failures == 0 {
            tracing::warn!(worker = worker.index, link, failures, %why, "no link to the matchmaker");
        }
        sleep_until(Instant::now() + backoff::delay(failures, rand::random())).await;
        failures = failures.saturating_add(1);
    }
}

/// What is wrong with having several matchmakers of which this is one.
fn lonely(hello: &MatchmakerHello, count: usize) -> Option<String> {
    (count > 1 && hello.engine.is_none()).then(|| {
        format!(
            "MATCHMAKER_URL names {count} matchmakers, but {} shares no engine with others: clients of different \
             matchmakers would never meet. Name one.",
            hello.replica
        )
    })
}

/// Uses a link until it breaks, and says why it did.
async fn use_link(link: usize, mut dialed: Dialed, worker: &Worker) -> String {
    tracing::info!(worker = worker.index, link, matchmaker = dialed.hello.replica, "linked");
    worker.link_up(link, dialed.up);
    let why = loop {
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
                break "it does not take what it is sent".to_owned();
            }
        };
        if !waited {
            // Lets the sockets write before the next batch fills their outboxes further.
            tokio::task::yield_now().await;
        }
        match batch {
            Ok(frames) => worker.frames(frames),
            Err(why) => break why,
        }
    };
    worker.link_down(link);
    why
}
