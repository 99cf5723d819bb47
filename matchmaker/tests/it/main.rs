//! Tests from outside: the rules by script, random runs against an oracle, and the server over real sockets.

mod oracle;
mod random;
mod rules;
#[cfg(feature = "server")]
mod server;
mod world;
