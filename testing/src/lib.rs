//! Real servers that tests start, hurt and end: each on a free port of the loopback interface, in a directory of its own.
//!
//! They are processes of the test; whatever a test leaves running ends with the value that stands for it.

mod process;
mod redis;
mod sentinel;

pub use redis::{RedisOptions, RedisServer};
pub use sentinel::Sentinel;
