//! SIGTERM and SIGINT: the first asks for an orderly end, the second for the end.

use std::pin::Pin;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::failure::Failure;

/// The signals that end the process.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    asked: Option<Asked>,
}

/// Resolves when somebody asks for the end by other means.
type Asked = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Signals {
    /// Takes the signals over. From now on they end nothing by themselves.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(|error| Failure::environment("signals can't be caught", &error));
        Ok(Signals {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            asked: None,
        })
    }

    /// As a signal, and only once.
    pub(crate) fn or_when(&mut self, asked: impl Future<Output = ()> + Send + 'static) {
        self.asked = Some(Box::pin(asked));
    }

    /// The next one's name.
    pub(crate) async fn next(&mut self) -> &'static str {
        let asked = async {
            match &mut self.asked {
                Some(asked) => asked.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = asked => {
                self.asked = None;
                "DrainReplica"
            }
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
