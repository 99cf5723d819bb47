//! The engine on a real server: its scripts by requests and replies, which a machine may rely on, and what carries them through outages.

mod claims;
mod driven;
mod failover;
mod homes;
mod invariants;
mod outages;
pub(crate) mod pool;
mod suitability;
mod tags;
mod tls;
mod upkeep;
