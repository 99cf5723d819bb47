//! The JSON messages between gateways and clients: reading a client's strictly, writing the server's exactly.

mod client;
mod object;
mod server;
mod signal;

pub use client::{CandidateType, ClientMessage, IceState, Numbered, Token};
pub use server::{ErrorCode, Partner, Refusal, ResumedRoom, ResumedState, ServerMessage, numbered};
pub use signal::{Signal, SignalKind, UnclearPayload};
