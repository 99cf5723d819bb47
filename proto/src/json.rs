//! The JSON messages between gateways and clients: reading a client's strictly, writing the server's exactly.

mod client;
mod object;
mod server;
mod signal;

pub use client::{ClientMessage, IceState, Token};
pub use server::{ErrorCode, Refusal, ServerMessage};
pub use signal::{Signal, SignalKind};
