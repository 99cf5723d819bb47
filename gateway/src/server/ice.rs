//! What a gateway adds to `ready` and `matched` for the clients' ICE, and its count of the candidates that did not pass.
//!
//! Which servers and which candidates, `ice_servers.rs` and `relay_only.rs` decide; here are the time of day and what all workers share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use bytes::Bytes;

use crate::ice_servers::IceServers;
use crate::relay_only::{DroppedCandidate, DroppedCandidates, IceTransportPolicy};
use crate::session::Session;

/// The part of a gateway's state that is about ICE.
pub(super) struct Ice {
    servers: IceServers,
    policy: IceTransportPolicy,
    /// How many candidates did not pass since the gateway's start.
    dropped: [AtomicU64; DroppedCandidate::ALL.len()],
}

impl Ice {
    pub(super) fn new(servers: IceServers, policy: IceTransportPolicy) -> Self {
        Ice { servers, policy, dropped: Default::default() }
    }

    pub(super) fn dropped(&self, kind: DroppedCandidate) -> u64 {
        self.dropped[kind as usize].load(Ordering::Relaxed)
    }

    /// The text of a JSON object with `iceServers` and `iceTransportPolicy` for the session's client, where there is something to say.
    pub(super) fn add_to(&self, text: Bytes, session: &Session) -> Bytes {
        let is_relay = self.policy == IceTransportPolicy::Relay;
        if self.servers == IceServers::default() && !is_relay {
            return text;
        }
        // A clock before 1970 makes credentials that are long over, and nothing else.
        let since_epoch = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        // Credentials are worth something, and `matched` brings them to those who have proved who they are.
        let has_servers = !session.is_stranger();
        let servers = has_servers.then(|| self.servers.text(&session.ice_user(), since_epoch)).flatten();
        let mut longer = text.strip_suffix(b"}").unwrap_or(&text).to_vec();
        if let Some(servers) = servers {
            longer.extend_from_slice(b",\"iceServers\":");
            longer.extend_from_slice(servers.as_bytes());
        }
        if is_relay {
            longer.extend_from_slice(b",\"iceTransportPolicy\":\"relay\"");
        }
        longer.push(b'}');
        longer.into()
    }

    pub(super) fn count(&self, dropped: &DroppedCandidates) {
        for kind in DroppedCandidate::ALL {
            self.dropped[kind as usize].fetch_add(dropped.count(kind).into(), Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use duet_proto::ids::ClientId;
    use duet_proto::time::Time;

    use super::*;
    use crate::ice_servers::IceUrl;
    use crate::session::{IdentityConfig, SessionConfig};

    fn session() -> Session {
        Session::new(Arc::default(), ClientId::from_random([7; 16]), Time::ZERO, Duration::ZERO, None, Time::ZERO)
    }

    fn added(servers: IceServers, policy: IceTransportPolicy) -> Bytes {
        Ice::new(servers, policy).add_to(Bytes::from_static(br#"{"type":"ready"}"#), &session())
    }

    #[test]
    fn without_a_setting_nothing_is_added() {
        assert_eq!(added(IceServers::default(), IceTransportPolicy::All), r#"{"type":"ready"}"#);
    }

    #[test]
    fn who_has_yet_to_prove_who_it_is_gets_no_credentials() {
        let identity = IdentityConfig { verifies: true, required: true, ..IdentityConfig::default() };
        let config = Arc::new(SessionConfig { identity, ..SessionConfig::default() });
        let start = Time::ZERO;
        let session = Session::new(config, ClientId::from_random([7; 16]), start, Duration::ZERO, None, start);
        let servers = IceServers::new(vec![IceUrl::parse("stun:s").unwrap()], None);
        let text = Bytes::from_static(br#"{"type":"ready"}"#);
        assert_eq!(Ice::new(servers, IceTransportPolicy::All).add_to(text.clone(), &session), text);
    }

    #[test]
    fn servers_and_policy_come_after_the_rest() {
        let servers = || IceServers::new(vec![IceUrl::parse("stun:s").unwrap()], None);
        let all = added(servers(), IceTransportPolicy::All);
        assert_eq!(all, r#"{"type":"ready","iceServers":[{"urls":["stun:s"]}]}"#);
        let relay = added(servers(), IceTransportPolicy::Relay);
        assert_eq!(relay, r#"{"type":"ready","iceServers":[{"urls":["stun:s"]}],"iceTransportPolicy":"relay"}"#);
        let policy = added(IceServers::default(), IceTransportPolicy::Relay);
        assert_eq!(policy, r#"{"type":"ready","iceTransportPolicy":"relay"}"#);
    }
}
