//! The command line.

use std::fs;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::bench::Bench;
use crate::compare::{self, Compare};
use crate::dialect::{Dialect, Payload};
use crate::figures::Figures;
use crate::server::Processes;
use crate::work::forward::{Forward, Load};
use crate::work::{connect, idle, matching, next};
use crate::{plot, report};

/// Puts load on a signaling server and tells what it cost the server.
///
/// CPU time, memory and sleeps are those of the processes named with --pid, for each message, pair or connection. Start the server
/// with limits that let the load pass: for Duet MESSAGE_RATE=0.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 110)]
pub(crate) struct Cli {
    #[command(subcommand)]
    what: What,
    #[command(flatten)]
    target: Target,
    /// Write the figures there, as JSON
    #[arg(long, global = true, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Draw the figures there, as SVG
    #[arg(long, global = true, value_name = "FILE")]
    svg: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Server")]
struct Target {
    /// Its WebSockets
    #[arg(long, global = true, default_value = "ws://127.0.0.1:8080/ws", value_name = "URL")]
    url: String,
    /// Its processes
    #[arg(long, global = true, value_name = "PID")]
    pid: Vec<u32>,
    /// Its protocol
    #[arg(long, global = true, value_enum, default_value = "duet")]
    dialect: Dialect,
    /// How long to measure
    #[arg(long, global = true, default_value = "5", value_name = "SECONDS")]
    seconds: f64,
    /// How long to work before
    #[arg(long, global = true, default_value = "1", value_name = "SECONDS")]
    warm_up: f64,
    /// Run on this processor only
    #[arg(long, global = true, value_name = "CPU")]
    pin: Option<usize>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Messages between partners: closed loop, or open loop at a rate
    Forward {
        #[arg(long, default_value = "500")]
        pairs: usize,
        #[arg(long, value_enum, default_value = "small")]
        payload: Payload,
        /// Messages a second over all pairs; without it, as fast as answers come
        #[arg(long)]
        rate: Option<f64>,
        /// Messages in one write, in the closed loop
        #[arg(long, default_value = "1")]
        burst: usize,
    },
    /// Waves of clients that ask for a partner
    Match {
        #[arg(long, default_value = "2000")]
        pairs: usize,
    },
    /// Clients that ask for the next partner as soon as they have one
    Next {
        #[arg(long, default_value = "500")]
        pairs: usize,
    },
    /// Connections that do nothing
    Idle {
        #[arg(long, default_value = "10000")]
        connections: usize,
        /// In rooms, rather than only greeted
        #[arg(long)]
        in_rooms: bool,
    },
    /// Connections that come and go
    Connect {
        /// How many are being made at any time
        #[arg(long, default_value = "64")]
        at_once: usize,
    },
    /// The same rate of messages over more and more connections
    Growth {
        #[arg(long, value_delimiter = ',', default_value = "1000,5000,19000")]
        connections: Vec<usize>,
        #[arg(long, default_value = "10000")]
        rate: f64,
    },
    /// All kinds of work against several servers, side by side
    Compare(Compare),
}

impl Cli {
    pub(crate) fn run(self) -> io::Result<()> {
        if let Some(cpu) = self.target.pin {
            pin(cpu)?;
        }
        let runs = match &self.what {
            What::Compare(compare) => return compare::run(compare, self.target.seconds, self.target.warm_up),
            What::Growth { connections, rate } => {
                let bench = self.target.bench()?;
                let grow = |connections: &usize| {
                    let load = Load::Open { rate: *rate };
                    let forward = Forward { pairs: connections / 2, payload: Payload::Small, load };
                    forward.run(&bench).map(|figures| (format!("{connections}"), figures))
                };
                connections.iter().map(grow).collect::<io::Result<Vec<_>>>()?
            }
            what => vec![(what.name().to_owned(), what.run(&self.target.bench()?)?)],
        };
        report::print(&runs);
        if let Some(path) = &self.json {
            fs::write(path, serde_json::to_string_pretty(&runs)? + "\n")?;
        }
        if let Some(path) = &self.svg {
            plot::runs(path, &runs)?;
        }
        Ok(())
    }
}

impl What {
    fn name(&self) -> &'static str {
        match self {
            What::Forward { .. } => "forward",
            What::Match { .. } => "match",
            What::Next { .. } => "next",
            What::Idle { .. } => "idle",
            What::Connect { .. } => "connect",
            What::Growth { .. } => "growth",
            What::Compare(_) => "compare",
        }
    }

    fn run(&self, bench: &Bench) -> io::Result<Figures> {
        match *self {
            What::Forward { pairs, payload, rate, burst } => {
                let load = rate.map_or(Load::Closed { burst }, |rate| Load::Open { rate });
                Forward { pairs, payload, load }.run(bench)
            }
            What::Match { pairs } => matching::run(bench, pairs),
            What::Next { pairs } => next::run(bench, pairs),
            What::Idle { connections, in_rooms } => idle::run(bench, connections, in_rooms),
            What::Connect { at_once } => connect::run(bench, at_once),
            What::Growth { .. } | What::Compare(_) => Err(io::Error::other("of several runs")),
        }
    }
}

impl Target {
    fn bench(&self) -> io::Result<Bench> {
        let invalid = || io::Error::other(format!("{} is no ws:// URL with a port", self.url));
        let rest = self.url.strip_prefix("ws://").ok_or_else(invalid)?;
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let host: SocketAddr = host.to_socket_addrs()?.next().ok_or_else(invalid)?;
        let pid = |pid: &u32| {
            i32::try_from(*pid).ok().and_then(Pid::from_raw).ok_or_else(|| io::Error::other("no such process"))
        };
        Ok(Bench {
            host,
            path: if path.is_empty() { "/".to_owned() } else { path.to_owned() },
            dialect: self.dialect,
            processes: Processes(self.pid.iter().map(pid).collect::<io::Result<_>>()?),
            warm_up: Duration::from_secs_f64(self.warm_up),
            measured: Duration::from_secs_f64(self.seconds),
        })
    }
}

/// Keeps this thread on one processor.
pub(crate) fn pin(cpu: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu);
    Ok(sched_setaffinity(None, &set)?)
}
