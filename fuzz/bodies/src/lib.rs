//! What the fuzz targets do with their bytes, as plain functions: cargo-fuzz calls them with what it makes up, and the tests here replay
//! what it has found.
//!
//! Each takes any bytes and panics when something that must hold does not. What must hold is told at each; the machines' rules in full are
//! the business of their own tests, which have oracles.

mod frames;
mod matchmaker;
mod messages;
mod session;

pub use frames::frames;
pub use matchmaker::matchmaker;
pub use messages::messages;
pub use session::session;
