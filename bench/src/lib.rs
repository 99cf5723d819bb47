//! The pure machines and codecs at work without sockets, for benchmarks that count or time them alone; and a client's frames.

pub mod cases;
pub mod crowd;
pub mod wire;
