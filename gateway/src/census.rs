//! How many are connected, in all, from one address and as one user, and how fast they come.
//!
//! It decides who is one too many. What is counted is told by whoever opens and closes connections; what a refused client
//! hears is theirs, too. It keeps nothing of those who have gone but addresses that came faster than they may for long, and of
//! these a bounded number.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use duet_proto::time::Time;

use crate::addresses::AddressBlock;

/// The bounds; 0 means none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CensusConfig {
    /// Connections at once.
    pub connections: usize,
    /// Of them from one address.
    pub per_address: u32,
    /// Connections a second from one address in the long run.
    pub rate_per_address: u32,
    /// Connections that may come from one address at once.
    pub burst_per_address: u32,
    /// Connections of one user whose token was verified.
    pub per_user: u32,
    /// Bad tokens from one address within [`BAD_TOKEN_WINDOW`].
    pub bad_tokens: u32,
}

impl Default for CensusConfig {
    fn default() -> Self {
        CensusConfig {
            connections: 0,
            per_address: 256,
            rate_per_address: 50,
            burst_per_address: 100,
            per_user: 3,
            bad_tokens: 30,
        }
    }
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPlace {
    /// For anybody.
    Full,
    /// For more from that address.
    AddressFull,
    /// For that address just now.
    TooFast {
        /// When there will be one.
        retry_after: Duration,
    },
    /// For that address until its bad tokens are forgotten.
    BadTokens {
        /// When they are.
        retry_after: Duration,
    },
}

/// Who is connected.
#[derive(Debug)]
pub struct Census {
    config: CensusConfig,
    connections: usize,
    addresses: HashMap<AddressBlock, Address>,
    /// Addresses without connections, by when their rate is forgotten.
    leaving: VecDeque<(Time, AddressBlock)>,
    users: HashMap<String, u32>,
}

/// One address.
#[derive(Debug)]
struct Address {
    connections: u32,
    /// Up to which time its connections are used up: the further it lies ahead, the fewer may come now.
    used_until: Time,
    bad_tokens: u32,
    /// When they are forgotten.
    bad_until: Time,
    /// Whether it stands among those that are leaving.
    is_leaving: bool,
}

impl Census {
    /// Nobody is there.
    pub fn new(config: CensusConfig) -> Self {
        Census { config, connections: 0, addresses: HashMap::new(), leaving: VecDeque::new(), users: HashMap::new() }
    }

    /// Whether one more could connect from there.
    pub fn check(&self, from: Option<AddressBlock>, now: Time) -> Result<(), NoPlace> {
        if reached(self.connections, self.config.connections) {
            return Err(NoPlace::Full);
        }
        let Some(address) = from.and_then(|from| self.addresses.get(&from)) else { return Ok(()) };
        if reached(address.connections, self.config.per_address) {
            return Err(NoPlace::AddressFull);
        }
        if now < address.bad_until && reached(address.bad_tokens, self.config.bad_tokens) {
            return Err(NoPlace::BadTokens { retry_after: address.bad_until.since(now) });
        }
        match self.wait(address, now) {
            Duration::ZERO => Ok(()),
            retry_after => Err(NoPlace::TooFast { retry_after }),
        }
    }

    /// One connects from there, if there is a place. Without an address it counts only among all.
    pub fn connect(&mut self, from: Option<AddressBlock>, now: Time) -> Result<(), NoPlace> {
        self.forget(now);
        self.check(from, now)?;
        self.connections += 1;
        if let Some(from) = from {
            let interval = self.interval();
            let address = self.addresses.entry(from).or_insert_with(|| Address::new(now));
            address.connections += 1;
            address.used_until = address.used_until.max(now) + interval;
        }
        Ok(())
    }

    /// One who connected from there is gone.
    pub fn disconnect(&mut self, from: Option<AddressBlock>, now: Time) {
        self.connections = self.connections.saturating_sub(1);
        let Some((from, address)) = from.and_then(|from| self.addresses.get_mut(&from).map(|address| (from, address)))
        else {
            return;
        };
        address.connections = address.connections.saturating_sub(1);
        if address.connections == 0 && !address.is_leaving {
            if address.known_until() <= now {
                self.addresses.remove(&from);
            } else {
                address.is_leaving = true;
                self.leaving.push_back((address.known_until(), from));
            }
        }
        self.forget(now);
    }

    /// Somebody there showed a token that was never good.
    pub fn bad_token(&mut self, from: AddressBlock, now: Time) {
        let address = self.addresses.entry(from).or_insert_with(|| Address::new(now));
        if address.bad_until <= now {
            address.bad_tokens = 0;
            address.bad_until = now + BAD_TOKEN_WINDOW;
        }
        address.bad_tokens = address.bad_tokens.saturating_add(1);
        if address.connections == 0 && !address.is_leaving {
            address.is_leaving = true;
            self.leaving.push_back((address.known_until(), from));
        }
        self.forget(now);
    }

    /// A user was verified on one more connection. Tells whether that is not one too many; if it is, nothing is counted.
    #[must_use]
    pub fn add_user(&mut self, user: &str) -> bool {
        let connections = self.users.get(user).copied().unwrap_or_default();
        let has_place = !reached(connections, self.config.per_user);
        if has_place {
            self.users.insert(user.to_owned(), connections + 1);
        }
        has_place
    }

    /// One of the user's connections is gone.
    pub fn remove_user(&mut self, user: &str) {
        match self.users.get_mut(user) {
            Some(connections) if *connections > 1 => *connections -= 1,
            _ => drop(self.users.remove(user)),
        }
    }

    /// Connections at the moment.
    pub fn connections(&self) -> usize {
        self.connections
    }

    /// How long one connection uses up its address's rate.
    fn interval(&self) -> Duration {
        match self.config.rate_per_address {
            0 => Duration::ZERO,
            rate => Duration::from_secs(1) / rate,
        }
    }

    /// Until one more may come.
    fn wait(&self, address: &Address, now: Time) -> Duration {
        let interval = self.interval();
        let ahead = address.used_until.max(now).since(now) + interval;
        ahead.saturating_sub(interval * self.config.burst_per_address.max(1))
    }

    /// Forgets addresses that nothing is left to know of; past the bound, those that would be forgotten first.
    fn forget(&mut self, now: Time) {
        while let Some((until, from)) = self.leaving.front().copied() {
            if until > now && self.leaving.len() <= MAX_LEAVING {
                return;
            }
            self.leaving.pop_front();
            let Some(address) = self.addresses.get_mut(&from) else { continue };
            address.is_leaving = false;
            if address.connections == 0 && (address.known_until() <= now || self.leaving.len() >= MAX_LEAVING) {
                self.addresses.remove(&from);
            } else if address.connections == 0 {
                // It came and went again meanwhile.
                address.is_leaving = true;
                self.leaving.push_back((address.known_until(), from));
                return;
            }
        }
    }
}

impl Address {
    fn new(now: Time) -> Self {
        Address { connections: 0, used_until: now, bad_tokens: 0, bad_until: now, is_leaving: false }
    }

    /// Until when there is something to know of it, if nobody is connected from there.
    fn known_until(&self) -> Time {
        self.used_until.max(self.bad_until)
    }
}

fn reached<N: PartialOrd + Default>(count: N, limit: N) -> bool {
    limit > N::default() && count >= limit
}

/// How long an address's bad tokens are counted together.
pub const BAD_TOKEN_WINDOW: Duration = Duration::from_secs(600);
/// Addresses that are remembered although nobody is connected from there.
const MAX_LEAVING: usize = 65_536;

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn at(millis: u64) -> Time {
        Time::ZERO + Duration::from_millis(millis)
    }

    fn from(number: u32) -> Option<AddressBlock> {
        Some(IpAddr::from(number.to_be_bytes()).into())
    }

    fn census(config: CensusConfig) -> Census {
        Census::new(config)
    }

    const NONE: CensusConfig = CensusConfig {
        connections: 0,
        per_address: 0,
        rate_per_address: 0,
        burst_per_address: 0,
        per_user: 0,
        bad_tokens: 0,
    };

    #[test]
    fn without_bounds_everybody_has_a_place() {
        let mut census = census(NONE);
        assert!((0..1000).all(|_| census.connect(from(1), at(0)).is_ok()));
        assert!((0..1000).all(|_| census.add_user("ann")));
    }

    #[test]
    fn places_in_all_and_from_one_address_are_bounded_and_given_back() {
        let mut census = census(CensusConfig { connections: 3, per_address: 2, ..NONE });
        assert_eq!(census.connect(from(1), at(0)), Ok(()));
        assert_eq!(census.connect(from(1), at(0)), Ok(()));
        assert_eq!(census.connect(from(1), at(0)), Err(NoPlace::AddressFull));
        assert_eq!(census.connect(from(2), at(0)), Ok(()));
        assert_eq!(census.connect(from(3), at(0)), Err(NoPlace::Full));
        census.disconnect(from(1), at(1));
        assert_eq!(census.connections(), 2);
        assert_eq!(census.connect(from(1), at(1)), Ok(()));
    }

    #[test]
    fn an_address_at_its_rate_is_never_refused_and_one_above_it_is_told_when_to_come() {
        let mut census = census(CensusConfig { rate_per_address: 10, burst_per_address: 5, ..NONE });
        for _ in 0..5 {
            assert_eq!(census.connect(from(1), at(0)), Ok(()));
        }
        let refused = Err(NoPlace::TooFast { retry_after: Duration::from_millis(100) });
        assert_eq!(census.check(from(1), at(0)), refused);
        assert_eq!(census.connect(from(1), at(0)), refused);
        assert_eq!(census.connect(from(2), at(0)), Ok(()), "others don't suffer");
        for tick in 1..1000 {
            assert_eq!(census.connect(from(1), at(tick * 100)), Ok(()), "{tick}");
            census.disconnect(from(1), at(tick * 100));
        }
        assert!(census.connect(from(1), at(99_950)).is_err(), "beyond the first burst as well");
    }

    #[test]
    fn the_rate_outlives_the_connections_and_is_then_forgotten() {
        let mut census = census(CensusConfig { rate_per_address: 1, burst_per_address: 2, ..NONE });
        for _ in 0..2 {
            assert_eq!(census.connect(from(1), at(0)), Ok(()));
            census.disconnect(from(1), at(0));
        }
        assert!(matches!(census.connect(from(1), at(10)), Err(NoPlace::TooFast { .. })));
        assert_eq!(census.addresses.len(), 1);
        assert_eq!(census.connect(from(2), at(2000)), Ok(()));
        assert_eq!(census.addresses.len(), 1, "the first is forgotten");
        assert!(census.leaving.is_empty());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut census = census(CensusConfig { rate_per_address: 1, burst_per_address: 1, ..NONE });
        for number in 0..100_000 {
            assert_eq!(census.connect(from(number), at(0)), Ok(()));
            census.disconnect(from(number), at(0));
        }
        assert!(census.leaving.len() <= MAX_LEAVING && census.addresses.len() <= MAX_LEAVING);
    }

    #[test]
    fn bad_tokens_shut_an_address_out_for_a_while_and_no_other() {
        let mut census = census(CensusConfig { bad_tokens: 3, ..NONE });
        let block = from(1).unwrap();
        for _ in 0..3 {
            assert_eq!(census.check(from(1), at(0)), Ok(()));
            census.bad_token(block, at(0));
        }
        let refused = NoPlace::BadTokens { retry_after: BAD_TOKEN_WINDOW - Duration::from_secs(1) };
        assert_eq!(census.check(from(1), at(1000)), Err(refused));
        assert_eq!(census.check(from(2), at(1000)), Ok(()));
        assert_eq!(census.connect(from(1), at(600_000)), Ok(()));
        census.disconnect(from(1), at(600_000));
        assert!(census.addresses.is_empty() && census.leaving.is_empty());
    }

    #[test]
    fn a_user_has_so_many_connections() {
        let mut census = census(CensusConfig { per_user: 2, ..NONE });
        assert!(census.add_user("ann") && census.add_user("ann") && census.add_user("bob"));
        assert!(!census.add_user("ann"));
        census.remove_user("ann");
        assert!(census.add_user("ann"));
        for _ in 0..2 {
            census.remove_user("ann");
        }
        census.remove_user("bob");
        assert!(census.users.is_empty());
    }
}
