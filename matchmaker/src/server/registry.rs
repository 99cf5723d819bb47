//! What replicas that share an engine tell each other through it, so that each can answer for all: who is where, what happens, and what
//! operators have ordered.
//!
//! None of it is on the path of a message or a match. Each replica writes down what has changed, some times a second; what it asks of others it
//! reads when somebody asks. All of it is rebuilt from memory, but for orders, which outlive the replicas.

mod keys;
mod line;
mod listing;
pub(crate) mod orders;
mod publisher;
mod reading;
mod stream;
mod watching;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use super::engine::EngineSettings;
use super::replica::Replica;
use keys::Keys;
use line::Line;
pub(crate) use line::{Away, engine_away};
pub(crate) use listing::Parts;
pub(crate) use reading::Other;
use stream::Fan;

/// How a replica shares what it knows.
#[derive(Clone, Debug)]
pub struct RegistrySettings {
    /// The engine. It gets connections of its own: one to write and ask, and one to hear events by while anybody watches.
    pub engine: EngineSettings,
    /// How often what has changed is written down.
    pub flush_every: Duration,
    /// How often a replica says that it is there, and looks for orders.
    pub heartbeat: Duration,
    /// After how long a silence it counts as gone.
    pub lease: Duration,
    /// How long the engine may take for one answer.
    pub answer_within: Duration,
    /// Events that are kept for watchers who come back, of all replicas together.
    pub event_backlog: usize,
}

impl RegistrySettings {
    /// By this engine, and the rest as usual.
    pub fn new(engine: EngineSettings) -> Self {
        RegistrySettings {
            engine,
            flush_every: Duration::from_millis(100),
            heartbeat: Duration::from_secs(1),
            lease: Duration::from_secs(5),
            answer_within: Duration::from_millis(300),
            event_backlog: 4_096,
        }
    }
}

/// A replica's part in what all of them know. Clones are handles to the same.
#[derive(Clone)]
pub struct Registry {
    inner: Arc<Inner>,
}

struct Inner {
    settings: RegistrySettings,
    keys: Keys,
    /// This replica, as it calls itself.
    name: String,
    /// This run of it.
    boot: String,
    line: Line,
    fan: Fan,
    orders: Mutex<orders::Known>,
}

impl Registry {
    /// Lets a replica tell others, and answer for them from now on, until it goes away or is dropped. Only the first call does something.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn start(replica: &Replica, settings: RegistrySettings) {
        let hello = replica.hello();
        let (keys, line) = (Keys::new(&settings.engine.namespace), Line::new(&settings));
        let fan = Fan::new(&settings);
        let (name, boot) = (hello.replica.clone(), hello.boot.to_string());
        let inner = Inner { settings, keys, name, boot, line, fan, orders: Mutex::default() };
        let registry = Registry { inner: Arc::new(inner) };
        if replica.share(registry.clone()) {
            tokio::spawn(publisher::run(replica, registry));
        }
    }

    /// The replica, as it calls itself.
    pub(crate) fn name(&self) -> &str {
        &self.inner.name
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("boot", &self.inner.boot).finish_non_exhaustive()
    }
}
