//! End to end: the real executable, real sockets, real signals. Everything a client can see holds in both shapes, standalone and
//! gateway with matchmaker, so most tests run over both.

#![allow(clippy::unwrap_used, reason = "a test may")]

mod administration;
mod assigned;
mod base;
mod certificates;
mod client;
mod closing;
mod cluster;
mod collector;
mod crowd;
mod disasters;
mod frames;
mod heard;
mod http;
mod identity;
mod links;
mod live;
mod logs;
mod metrics;
mod mutual_tls;
mod phone;
mod process;
mod prometheus;
mod proxies;
mod queries;
mod query_access;
mod raw;
mod readiness;
mod replicas;
mod request;
mod resuming;
mod settings;
mod simulate;
mod simulation;
mod survival;
mod tls;
mod tool;
mod traces;
mod turmoil;
mod turn;
mod unix;
mod vanishing;
mod webhooks;
