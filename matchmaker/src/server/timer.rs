//! Wakes the machine at its deadlines: one task, which ends with the replica.

use std::sync::{Arc, Weak};

use tokio::sync::Notify;
use tokio::time::sleep_until;

use super::replica::Shared;

/// Sleeps until the next deadline, and again. It is woken early only when a deadline has moved up; one that has moved away costs
/// a wake-up for nothing.
pub(crate) async fn run(replica: Weak<Shared>, rearm: Arc<Notify>) {
    loop {
        let Some(next) = replica.upgrade().map(|replica| replica.arm()) else { return };
        let due = async {
            match next {
                Some(next) => sleep_until(next).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = due => replica.upgrade().into_iter().for_each(Shared::time_out),
            () = rearm.notified() => {}
        }
    }
}
