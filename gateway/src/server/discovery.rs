//! Finding matchmakers by name: every address that a name has is one.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use tokio::net::lookup_host;
use tokio::time::{Instant, sleep_until, timeout};
use tonic::transport::Endpoint;

use super::matchmakers::Target;
use super::tls::TlsAddress;
use super::{Ended, Shared};

/// A name whose addresses are looked up again and again.
#[derive(Clone, Debug)]
pub struct DnsAddress {
    host: String,
    port: u16,
    tls: Option<TlsAddress>,
}

impl DnsAddress {
    /// Over TCP. `None` if that is no address.
    pub fn plain(address: &Uri) -> Option<Self> {
        let host = address.host()?.trim_matches(['[', ']']).to_owned();
        Some(DnsAddress { host, port: address.port_u16().unwrap_or(80), tls: None })
    }

    /// Over TLS: the certificate of each must be for the same name.
    pub fn tls(address: TlsAddress) -> Self {
        DnsAddress { host: address.host().to_owned(), port: address.port(), tls: Some(address) }
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// The matchmaker at one of its addresses, and what to call it.
    pub(super) fn at(&self, address: SocketAddr) -> (String, Target) {
        if let Some(tls) = &self.tls {
            return (format!("https://{address}"), Target::Tls(tls.at(address)));
        }
        let name = format!("http://{address}");
        let uri: Uri = name.parse().expect("an address and its port are an authority");
        (name, Target::Tcp(Box::new(Endpoint::from(uri))))
    }
}

/// Looks the names up at the start, then as often as is set, and soon when a link has failed. For ever.
pub(super) async fn discover(shared: Arc<Shared>) -> Ended {
    let mut states = vec![State::default(); shared.roster.names.len()];
    loop {
        let began = Instant::now();
        for (name, state) in states.iter_mut().enumerate() {
            look_up(name, state, &shared).await;
        }
        sleep_until(Instant::now() + LEAST_BETWEEN).await;
        tokio::select! {
            () = sleep_until(began + shared.settings.matchmaker_dns) => {}
            () = shared.roster.doubts.notified() => {}
        }
    }
}

/// What was said of a name in the log.
#[derive(Clone, Debug, Default)]
struct State {
    is_failing: bool,
    is_too_many: bool,
}

async fn look_up(name: usize, state: &mut State, shared: &Shared) {
    let address = &shared.roster.names[name];
    let host = address.host();
    match addresses(host, address.port()).await {
        Ok(addresses) => {
            let left_out = shared.roster.found(name, &addresses);
            if state.is_failing {
                tracing::info!(host, addresses = addresses.len(), "the matchmakers' name can be looked up again");
            }
            if left_out > 0 && !state.is_too_many {
                tracing::warn!(host, left_out, "the matchmakers' name has more addresses than a gateway links to");
            }
            *state = State { is_failing: false, is_too_many: left_out > 0 };
        }
        Err(why) => {
            if !state.is_failing {
                tracing::warn!(host, %why, "the matchmakers' name can't be looked up; those that are known stay");
            }
            state.is_failing = true;
        }
    }
}

/// Each once, in any order.
async fn addresses(host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
    let found = timeout(LOOK_UP_TIMEOUT, lookup_host((host, port))).await.map_err(|_| "it took too long".to_owned())?;
    let addresses = of_one_family(found.map_err(|error| error.to_string())?.collect());
    if addresses.is_empty() { Err("it has no address".to_owned()) } else { Ok(addresses) }
}

/// A matchmaker that has addresses of both families must not be taken for two. The resolver puts those first that this host reaches best.
fn of_one_family(mut addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let is_ipv4 = addresses.first().is_some_and(SocketAddr::is_ipv4);
    addresses.retain(|address| address.is_ipv4() == is_ipv4);
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

const LOOK_UP_TIMEOUT: Duration = Duration::from_secs(3);
/// However many links fail.
const LEAST_BETWEEN: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_is_found_once_and_a_name_without_one_is_an_error() {
        assert_eq!(addresses("127.0.0.1", 7).await, Ok(vec![([127, 0, 0, 1], 7).into()]));
        assert!(addresses("nobody.invalid", 7).await.is_err());
    }

    #[test]
    fn only_addresses_of_the_family_that_the_host_prefers_count() {
        let of = |texts: &[&str]| of_one_family(texts.iter().map(|text| text.parse().unwrap()).collect());
        let both = of(&["[fd00::2]:7", "[fd00::1]:7", "10.0.0.1:7", "[fd00::2]:7"]);
        assert_eq!(both, of(&["[fd00::1]:7", "[fd00::2]:7"]));
        assert_eq!(both.len(), 2);
        assert_eq!(of(&["10.0.0.1:7", "[fd00::1]:7"]), of(&["10.0.0.1:7"]));
    }
}
