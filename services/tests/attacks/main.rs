//! Hostile bytes: what attackers, broken clients and broken networks send, played against the real executable, one test for each row.
//!
//! A row's test has the row's name in front of its own, and beside the attack a pair of clients keeps talking ([`beside`]). The rows are
//! counted, and printed with what each shows, by [`table`].

#![allow(clippy::unwrap_used, reason = "a test may")]

mod beside;
mod frames;
mod grpc;
mod http;
mod http2;
mod identity;
mod limits;
mod messages;
mod rates;
mod rooms;
mod table;
mod tokens;

// What the end-to-end tests speak with, of which these need a part.
#[allow(dead_code, reason = "shared with the end-to-end tests")]
#[path = "../e2e/client.rs"]
mod client;
#[allow(dead_code, reason = "shared with the end-to-end tests")]
#[path = "../e2e/phone.rs"]
mod phone;
#[allow(dead_code, reason = "shared with the end-to-end tests")]
#[path = "../e2e/process.rs"]
mod process;
#[allow(dead_code, reason = "shared with the end-to-end tests")]
#[path = "../e2e/raw.rs"]
mod raw;
#[allow(dead_code, reason = "shared with the end-to-end tests")]
#[path = "../e2e/request.rs"]
mod request;
