//! The pure machines and codecs at work without sockets, for benchmarks that count or time them alone.

pub mod cases;
pub mod crowd;
