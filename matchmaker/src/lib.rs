//! Who meets whom in Duet: pools of waiting sessions, rooms of two, and what one of a room forwards to the other.
//!
//! [`Matchmaker`] decides all of it and is pure: it is handed frames and the time, and polled for what to send. With the feature
//! `server` (on by default) [`server`] puts it behind gRPC and in-process links and answers queries about it.
//!
//! It does not know clients, sockets or JSON: that is the gateway. It does not look into forwarded messages, and keeps nothing on
//! disk. It may share its pools with others of its kind by an [`engine`].

mod admin;
mod announcements;
mod blocks;
mod config;
mod deadlines;
pub mod engine;
mod events;
mod explaining;
mod forwarding;
mod frames;
mod halves;
mod lanes;
mod links;
mod machine;
mod matching;
mod obituaries;
mod output;
mod pace;
mod pool;
mod pools;
mod query;
mod ranks;
mod reporting;
mod reports;
mod resumable;
mod resuming;
mod rooms;
mod seeking;
mod sessions;
mod sharing;
mod suitability;
mod taking;
mod tally;
mod unlinking;
mod waiting;
mod windows;

#[cfg(feature = "server")]
pub mod server;

pub use admin::{BlockedUser, TooMany};
pub use config::Config;
pub use events::{Change, Event, Party, Quarantined, Report, RoomEnded, RoomMade, SessionChanged};
pub use explaining::{Explanation, Obstacle};
pub use links::LinkKey;
pub use machine::Matchmaker;
pub use output::Output;
pub use pools::PoolKey;
pub use query::{MemberView, PoolView, RoomView, SessionState, SessionView, Stats};
pub use reports::QuarantineConfig;
pub use tally::{MatchedBy, OTHER_POOLS, POOLS_TOLD_APART, PromiseEnd, REASONS, SharingTally, Tally, WaitEnd};
