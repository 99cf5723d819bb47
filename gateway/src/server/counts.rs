//! What has happened since the start, as numbers that only grow: for metrics.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::limits::Limit;

/// Why somebody was refused something, or sent away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refused {
    /// A limit of one session.
    Limit(Limit),
    /// A message that began and did not end in time.
    MessageTime,
    /// A message larger than allowed.
    MessageSize,
    /// A client too slow for what waits for it.
    OutboundBytes,
    /// A client that takes nothing at all.
    WriteTime,
    /// Connections in all.
    Connections,
    /// Connections from one address.
    AddressConnections,
    /// Connections a second from one address.
    AddressRate,
    /// Connections of one verified user.
    UserConnections,
    /// Upgrades under way.
    Upgrades,
    /// Sockets, whatever they speak.
    Sockets,
    /// The page's origin.
    Origin,
    /// A token that proves nothing.
    Unauthorized,
    /// An address from which too many bad tokens came.
    BadTokens,
    /// This gateway is going away.
    Draining,
    /// The matchmaker is away.
    Unavailable,
    /// A header or preface that tells a client's address, from somebody who is not trusted to.
    UntrustedProxy,
}

impl Refused {
    /// All, in the order in which they are counted.
    pub const ALL: [Refused; 28] = [
        Refused::Limit(Limit::MessageRate),
        Refused::Limit(Limit::WishRate),
        Refused::Limit(Limit::ReportRate),
        Refused::Limit(Limit::BadMessages),
        Refused::Limit(Limit::ByteRate),
        Refused::Limit(Limit::FrameRate),
        Refused::Limit(Limit::ControlRate),
        Refused::Limit(Limit::Unacknowledged),
        Refused::Limit(Limit::AuthTime),
        Refused::Limit(Limit::PoolFull),
        Refused::Limit(Limit::Pools),
        Refused::Limit(Limit::PoolPaused),
        Refused::MessageTime,
        Refused::MessageSize,
        Refused::OutboundBytes,
        Refused::WriteTime,
        Refused::Connections,
        Refused::AddressConnections,
        Refused::AddressRate,
        Refused::UserConnections,
        Refused::Upgrades,
        Refused::Sockets,
        Refused::Origin,
        Refused::Unauthorized,
        Refused::BadTokens,
        Refused::Draining,
        Refused::Unavailable,
        Refused::UntrustedProxy,
    ];

    /// As metrics name it.
    pub fn name(self) -> &'static str {
        match self {
            Refused::Limit(Limit::MessageRate) => "message-rate",
            Refused::Limit(Limit::WishRate) => "wish-rate",
            Refused::Limit(Limit::ReportRate) => "report-rate",
            Refused::Limit(Limit::BadMessages) => "bad-messages",
            Refused::Limit(Limit::ByteRate) => "byte-rate",
            Refused::Limit(Limit::FrameRate) => "frame-rate",
            Refused::Limit(Limit::ControlRate) => "control-frame-rate",
            Refused::Limit(Limit::Unacknowledged) => "unacknowledged",
            Refused::Limit(Limit::PoolFull) => "pool-full",
            Refused::Limit(Limit::Pools) => "pools",
            Refused::Limit(Limit::PoolPaused) => "pool-paused",
            Refused::Limit(Limit::AuthTime) => "auth-time",
            Refused::MessageTime => "message-time",
            Refused::MessageSize => "message-size",
            Refused::OutboundBytes => "outbound-bytes",
            Refused::WriteTime => "write-time",
            Refused::Connections => "connections",
            Refused::AddressConnections => "connections-per-address",
            Refused::AddressRate => "connect-rate-per-address",
            Refused::UserConnections => "connections-per-user",
            Refused::Upgrades => "upgrades",
            Refused::Sockets => "sockets",
            Refused::Origin => "origin",
            Refused::Unauthorized => "unauthorized",
            Refused::BadTokens => "bad-tokens",
            Refused::Draining => "draining",
            Refused::Unavailable => "unavailable",
            Refused::UntrustedProxy => "untrusted-proxy",
        }
    }
}

/// How often each of them happened.
#[derive(Debug, Default)]
pub(super) struct Counts([AtomicU64; Refused::ALL.len()]);

impl Counts {
    /// It happened again.
    pub(super) fn refused(&self, refused: Refused) {
        self.is_first(refused);
    }

    /// The same. Tells whether it was the first time.
    pub(super) fn is_first(&self, refused: Refused) -> bool {
        self.count(refused).fetch_add(1, Ordering::Relaxed) == 0
    }

    pub(super) fn get(&self, refused: Refused) -> u64 {
        self.count(refused).load(Ordering::Relaxed)
    }

    fn count(&self, refused: Refused) -> &AtomicU64 {
        let place = Refused::ALL.iter().position(|other| *other == refused);
        &self.0[place.expect("ALL has all")]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_has_a_count_and_a_name_of_its_own() {
        let counts = Counts::default();
        for refused in Refused::ALL {
            assert!(counts.is_first(refused) && !counts.is_first(refused));
        }
        assert!(Refused::ALL.iter().all(|refused| counts.get(*refused) == 2));
        let names: BTreeSet<_> = Refused::ALL.iter().map(|refused| refused.name()).collect();
        assert_eq!(names.len(), Refused::ALL.len());
    }
}
