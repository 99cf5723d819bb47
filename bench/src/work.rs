//! The kinds of work, each run against one server.

pub(crate) mod connect;
pub(crate) mod forward;
pub(crate) mod idle;
pub(crate) mod matching;
pub(crate) mod next;
