//! The engine by which replicas share their pools: Redis 6.2 or newer, or Valkey.
//!
//! What is asked of it and what that means is [`crate::engine`]'s; here it is put into Lua scripts, of which each is atomic, and carried
//! there and back. Nothing that it keeps is needed for safety: it is all rebuilt from what replicas know.

mod connection;
mod driver;
mod keys;
mod said;
pub mod scripts;
mod settings;
mod status;
mod stored;

pub use connection::{Fault, Trouble};
pub use driver::{Driver, Machine, Requests, engine};
pub use keys::{Namespace, NoNamespace};
pub use settings::{BadUrl, EngineSettings, EngineUrl};
pub use status::{EngineState, EngineStatus};

/// A connection to the engine for who is not in the way of matches.
pub(super) async fn connect(settings: &EngineSettings) -> Result<redis::aio::MultiplexedConnection, Trouble> {
    connection::Connection::open(settings).await.map(connection::Connection::into_inner)
}
