//! The engine's scripts by requests and replies, on a real server: what a machine may rely on.

mod claims;
mod homes;
mod pool;
mod suitability;
mod tags;
mod upkeep;
