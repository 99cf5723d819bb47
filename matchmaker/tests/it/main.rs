//! Tests from outside: the rules by script, random runs against an oracle, and the server over real sockets.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[cfg(feature = "server")]
mod engine;
mod oracle;
mod random;
mod rules;
#[cfg(feature = "server")]
mod server;
mod world;
