//! Tickets that are kept and that nobody suits, for as long as somebody keeps their lease.

use std::io;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use crate::load::BATCH;
use crate::server::{Engine, Line};
use crate::sessions::{Sessions, Wanted, pool};

/// A crowd that waits until this is dropped.
pub(crate) struct Crowd {
    /// Nothing is ever said: the end is what counts.
    _present: SyncSender<()>,
}

impl Crowd {
    /// So many, each with a tag of its own.
    pub(crate) fn gather(engine: &Engine, count: usize) -> io::Result<Self> {
        let mut line = engine.line("crowd")?;
        keep(&mut line, &mut Sessions::new(Wanted::TagsOfItsOwn(1), 0, u8::MAX, 1), count)?;
        let (present, watched) = sync_channel(0);
        thread::spawn(move || {
            while watched.recv_timeout(RENEWED_EVERY) == Err(RecvTimeoutError::Timeout) {
                if line.renew(&[pool(0)]).is_err() {
                    // The server has ended, or else the runs will show it.
                    return;
                }
            }
        });
        Ok(Crowd { _present: present })
    }
}

/// Has the engine keep so many tickets, without looking for anybody.
pub(crate) fn keep(line: &mut Line, sessions: &mut Sessions, count: usize) -> io::Result<()> {
    let pool = pool(0);
    line.renew(std::slice::from_ref(&pool))?;
    let mut left = count;
    while left > 0 {
        line.keep(&pool)?;
        let batch: Vec<_> = (0..left.min(BATCH)).map(|_| sessions.kept(&pool)).collect();
        line.ask(&batch)?;
        left -= batch.len();
    }
    Ok(())
}

/// As replicas do.
const RENEWED_EVERY: Duration = Duration::from_secs(1);
