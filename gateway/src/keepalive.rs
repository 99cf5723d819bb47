//! When to ask whether a client is still there, and when to believe that it is not.
//!
//! The server asks, by WebSocket pings: browsers slow down the timers of hidden pages, but answer pings by themselves. Any bytes
//! count as an answer.

use std::time::Duration;

use duet_proto::time::Time;

/// How patient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepaliveConfig {
    /// Silence after which a ping is sent; zero means never.
    pub interval: Duration,
    /// Silence after a ping that means that nobody is there.
    pub timeout: Duration,
}

impl Default for KeepaliveConfig {
    fn default() -> Self {
        KeepaliveConfig { interval: Duration::from_secs(25), timeout: Duration::from_secs(10) }
    }
}

/// What a client's silence says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Liveness {
    /// Nothing yet.
    Fine,
    /// Send a ping.
    Ask,
    /// Nobody is there.
    Dead,
}

/// One connection's silence. How patient to be is told each time: it is the same for all.
#[derive(Debug)]
pub struct Keepalive {
    /// When to ask, or while `asked`, when to give up.
    due: Time,
    asked: bool,
}

impl Keepalive {
    /// A connection that has just been made, whose first ping is `jitter` early.
    pub fn new(config: &KeepaliveConfig, jitter: Duration, now: Time) -> Self {
        Keepalive { due: now + config.interval.saturating_sub(jitter), asked: false }
    }

    /// Bytes came.
    pub fn heard(&mut self, config: &KeepaliveConfig, now: Time) {
        self.asked = false;
        self.due = now + config.interval;
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due, if ever.
    pub fn timeout(&self, config: &KeepaliveConfig) -> Option<Time> {
        (!config.interval.is_zero()).then_some(self.due)
    }

    /// Says what is due.
    pub fn handle_timeout(&mut self, config: &KeepaliveConfig, now: Time) -> Liveness {
        if self.timeout(config).is_none_or(|due| now < due) {
            return Liveness::Fine;
        }
        self.due = now + config.timeout;
        if std::mem::replace(&mut self.asked, true) { Liveness::Dead } else { Liveness::Ask }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn silence_is_asked_and_then_believed() {
        let config = KeepaliveConfig::default();
        let mut keepalive = Keepalive::new(&config, Duration::ZERO, at(0));
        assert_eq!(keepalive.timeout(&config), Some(at(25)));
        assert_eq!(keepalive.handle_timeout(&config, at(24)), Liveness::Fine);
        assert_eq!(keepalive.handle_timeout(&config, at(25)), Liveness::Ask);
        assert_eq!(keepalive.timeout(&config), Some(at(35)));
        assert_eq!(keepalive.handle_timeout(&config, at(35)), Liveness::Dead);
    }

    #[test]
    fn no_interval_is_no_pings() {
        let config = KeepaliveConfig { interval: Duration::ZERO, ..KeepaliveConfig::default() };
        let mut keepalive = Keepalive::new(&config, Duration::ZERO, at(0));
        assert_eq!(keepalive.timeout(&config), None);
        assert_eq!(keepalive.handle_timeout(&config, at(9_999)), Liveness::Fine);
    }

    #[test]
    fn any_bytes_are_an_answer() {
        let config = KeepaliveConfig::default();
        let mut keepalive = Keepalive::new(&config, Duration::from_secs(20), at(0));
        assert_eq!(keepalive.handle_timeout(&config, at(5)), Liveness::Ask, "the first one comes early");
        keepalive.heard(&config, at(14));
        assert_eq!(keepalive.handle_timeout(&config, at(15)), Liveness::Fine);
        assert_eq!(keepalive.handle_timeout(&config, at(39)), Liveness::Ask);
    }
}
