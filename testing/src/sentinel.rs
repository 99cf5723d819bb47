//! `redis-sentinel`.

use std::fs;
use std::process::Command;

use tempfile::TempDir;

use crate::process::{Process, free_port};
use crate::redis::{answers, tell};

/// A sentinel that decides alone, and soon.
#[derive(Debug)]
pub struct Sentinel {
    port: u16,
    _process: Process,
    _directory: TempDir,
}

impl Sentinel {
    /// Starts one that watches a primary under a name, and waits until it answers. It learns of the primary's replicas by itself.
    ///
    /// # Panics
    ///
    /// If it can't, as whatever asks is a test.
    pub fn start(name: &str, primary: u16) -> Self {
        let directory = TempDir::new().expect("a directory can be made");
        let file = directory.path().join("sentinel.conf");
        let port = free_port().expect("a port is free");
        let settings = format!(
            "bind 127.0.0.1\nport {port}\ndir {}\nlogfile log\n\
             sentinel monitor {name} 127.0.0.1 {primary} 1\n\
             sentinel down-after-milliseconds {name} 500\n\
             sentinel failover-timeout {name} 2000\n",
            directory.path().display()
        );
        fs::write(&file, settings).expect("a file can be written");
        let mut process = Process::start(Command::new("redis-sentinel").arg(&file), "redis-sentinel");
        assert!(answers(&mut process, port), "redis-sentinel does not come up");
        Sentinel { port, _process: process, _directory: directory }
    }

    /// Has it answer something, by `redis-cli`.
    ///
    /// # Panics
    ///
    /// If that program is not there.
    pub fn tell(&self, words: &[&str]) -> String {
        tell(self.port, None, words)
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }
}
