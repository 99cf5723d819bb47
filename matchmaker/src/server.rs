//! The shell around the machine: who holds it, how frames get in and out, and how other services ask about it.
//!
//! It decides what the machine can't know: clocks, sockets, statuses, when a link is too slow. What a frame means it leaves to
//! [`crate::Matchmaker`]; configuration, TLS and process signals to the process around.

mod access;
mod administration;
mod answers;
mod clock;
mod desk;
mod engine_queue;
mod events;
mod figures;
mod filter;
mod gateways;
mod link;
mod listener;
mod log_filter;
mod names;
mod paging;
mod patience;
mod pools;
mod queries;
mod refusals;
mod replica;
mod seldom;
mod serve;
mod signaling;
mod timer;
mod tls;
mod traced;
mod traces;
mod waits;
mod watching;

pub use access::{AdminAccess, Clients, QueryTokens};
pub use events::{Happening, Subscription};
pub use figures::{Figures, PoolFigures};
pub use gateways::GatewayFigures;
pub use link::LinkEnd;
pub use log_filter::LogFilter;
pub use replica::Replica;
pub use seldom::Seldom;
pub use serve::{Door, PortConfig, Ports};
pub use tls::PortTls;
