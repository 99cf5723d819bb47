//! What one client may do: the session machine with its limits, and (feature `server`) the server that gives it a socket on one
//! side and a link to a matchmaker on the other.
//!
//! It decides what a client's messages mean and what the client is told. It does not decide who meets whom and knows no
//! session but its own: that is the matchmaker's, which this crate does not depend on. Configuration, signals and logs'
//! destinations are the process's.

pub mod addresses;
pub mod backoff;
pub mod census;
pub mod framing;
pub mod ice_servers;
pub mod keepalive;
pub mod limits;
pub mod origins;
pub mod relay_only;
pub mod rendezvous;
pub mod session;

#[cfg(feature = "server")]
pub mod server;
