//! What is said in Duet: the frames between gateways and matchmakers, the JSON messages between gateways and clients, the ids
//! and codes that both name things by, the bounded queue that carries frames inside a process, and the figures that both count.
//!
//! It decides shapes and bounds. It does not decide what follows from a message: that is the gateway's session machine and
//! the matchmaker. It opens no socket and reads no clock.

pub mod bounds;
pub mod close;
pub mod figures;
pub mod frame;
pub mod ids;
pub mod json;
pub mod link;
pub mod queue;
#[cfg(feature = "spans")]
pub mod spans;
pub mod time;
pub mod token;
pub mod trace;
#[cfg(feature = "grpc")]
pub mod unix;

/// Protobuf messages, and with the feature `grpc` the clients and servers of the services, generated from `duet/v1/*.proto`.
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::semicolon_if_nothing_returned, clippy::uninlined_format_args)]
#[rustfmt::skip]
pub mod v1 {
    include!("generated/duet.v1.rs");
}

/// The protos as an encoded `google.protobuf.FileDescriptorSet`, for gRPC reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!("generated/duet.v1.bin");
