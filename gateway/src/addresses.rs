//! Where a client is: the address of its socket, or what trusted proxies say.
//!
//! It decides whose word counts. A header is worth what its writer is worth, so it is read from the end, which the nearest
//! proxy wrote, and only as far as there are trusted proxies.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use ipnet::IpNet;

/// Proxies that are believed, as networks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Networks (`10.0.0.0/8`) and addresses, separated by commas. The error names what is neither.
    pub fn parse(text: &str) -> Result<Self, String> {
        let network = |part: &str| {
            let address = || part.parse::<IpAddr>().map(IpNet::from).ok();
            let network = part.parse::<IpNet>().ok().or_else(address);
            network.ok_or_else(|| format!("`{part}` is neither an address nor a network such as 10.0.0.0/8"))
        };
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts.map(network).collect::<Result<_, _>>().map(TrustedProxies)
    }

    /// Whether nobody is believed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this is one of them.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// The header by which proxies tell the address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ForwardingHeader {
    /// `X-Forwarded-For`: addresses, separated by commas.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

impl ForwardingHeader {
    /// As it stands in requests, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            ForwardingHeader::XForwardedFor => "x-forwarded-for",
            ForwardingHeader::Forwarded => "forwarded",
        }
    }

    /// The address in one element of its list; `None` if there is none in it.
    fn address(self, element: &str) -> Option<IpAddr> {
        match self {
            ForwardingHeader::XForwardedFor => address(element),
            ForwardingHeader::Forwarded => {
                let pairs = element.split(';').filter_map(|pair| pair.split_once('='));
                let mut nodes = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case("for"));
                nodes.next().and_then(|(_, node)| address(node.trim().trim_matches('"')))
            }
        }
    }
}

impl FromStr for ForwardingHeader {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let all = [ForwardingHeader::XForwardedFor, ForwardingHeader::Forwarded];
        let found = all.into_iter().find(|header| header.name().eq_ignore_ascii_case(text));
        found.ok_or("expected `x-forwarded-for` or `forwarded`")
    }
}

/// The client's address: the socket's, unless that is a trusted proxy's; then the last one in the header's lines that no trusted
/// proxy has. If all are trusted it is the first; what is no address is passed over.
pub fn client_address<'a>(
    peer: IpAddr,
    trusted: &TrustedProxies,
    header: ForwardingHeader,
    lines: impl DoubleEndedIterator<Item = &'a str>,
) -> IpAddr {
    let mut nearest = peer.to_canonical();
    for element in lines.rev().flat_map(|line| line.rsplit(',')) {
        if !trusted.contains(nearest) {
            break;
        }
        if let Some(address) = header.address(element.trim()) {
            nearest = address;
        }
    }
    nearest
}

/// An address as proxies write it: alone, or with a port, for IPv6 in brackets.
fn address(text: &str) -> Option<IpAddr> {
    let bracketed =
        || text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).and_then(|text| text.parse().ok());
    let with_port = || text.parse().map(|address: SocketAddr| address.ip()).ok();
    let found = text.parse().ok().or_else(with_port).or_else(bracketed);
    found.map(|address: IpAddr| address.to_canonical())
}

/// Addresses that count as one client's: an IPv4 address, or the 64 bits of an IPv6 network, as one customer gets them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AddressBlock(Ipv6Addr);

impl From<IpAddr> for AddressBlock {
    fn from(address: IpAddr) -> Self {
        AddressBlock(match address.to_canonical() {
            IpAddr::V4(address) => address.to_ipv6_mapped(),
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)),
        })
    }
}

impl AddressBlock {
    /// The address, of IPv6 the block's first, for whoever has asked to see it.
    pub fn address(self) -> IpAddr {
        self.0.to_canonical()
    }
}

/// Whole addresses belong to people, so they are not shown unless asked for.
impl fmt::Debug for AddressBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AddressBlock(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(peer: &str, lines: &[&str]) -> String {
        let trusted = TrustedProxies::parse("10.0.0.0/8, fd00::/8, 192.0.2.7").unwrap();
        let peer = peer.parse().unwrap();
        client_address(peer, &trusted, ForwardingHeader::XForwardedFor, lines.iter().copied()).to_string()
    }

    #[test]
    fn without_trust_the_socket_counts_whatever_the_header_says() {
        for line in ["1.2.3.4", "10.0.0.1", "", "unknown", "1.2.3.4:99", "[::1]:1"] {
            assert_eq!(found("203.0.113.9", &[line]), "203.0.113.9", "{line}");
        }
        let nobody = TrustedProxies::default();
        let peer = "127.0.0.1".parse().unwrap();
        assert_eq!(client_address(peer, &nobody, ForwardingHeader::XForwardedFor, ["1.2.3.4"].into_iter()), peer);
    }

    #[test]
    fn a_header_is_read_from_its_end_through_trusted_proxies() {
        assert_eq!(found("10.1.1.1", &["6.6.6.6, 198.51.100.1"]), "198.51.100.1");
        assert_eq!(found("10.1.1.1", &["6.6.6.6, 198.51.100.1, 10.2.2.2"]), "198.51.100.1");
        assert_eq!(found("10.1.1.1", &["6.6.6.6", "198.51.100.1, 192.0.2.7"]), "198.51.100.1", "several lines");
        assert_eq!(found("10.1.1.1", &["10.3.3.3, 10.2.2.2"]), "10.3.3.3", "all trusted: the first");
        assert_eq!(found("10.1.1.1", &[]), "10.1.1.1");
        assert_eq!(found("::ffff:10.1.1.1", &["2001:db8::5"]), "2001:db8::5", "IPv4 on an IPv6 socket");
    }

    #[test]
    fn what_is_no_address_is_passed_over() {
        assert_eq!(found("10.1.1.1", &["198.51.100.1, unknown, fe80::1%eth0,, "]), "198.51.100.1");
        assert_eq!(found("10.1.1.1", &["unknown"]), "10.1.1.1");
        assert_eq!(found("10.1.1.1", &["198.51.100.1:4711"]), "198.51.100.1");
        assert_eq!(found("10.1.1.1", &["[2001:db8::5]:4711"]), "2001:db8::5");
        assert_eq!(found("10.1.1.1", &["[2001:db8::5]"]), "2001:db8::5");
        let hops = vec!["10.9.9.9"; 1000].join(",");
        assert_eq!(found("10.1.1.1", &[&hops]), "10.9.9.9");
    }

    #[test]
    fn forwarded_is_read_the_same_way() {
        let trusted = TrustedProxies::parse("10.0.0.0/8").unwrap();
        let found = |line: &'static str| {
            let peer = "10.1.1.1".parse().unwrap();
            client_address(peer, &trusted, ForwardingHeader::Forwarded, [line].into_iter()).to_string()
        };
        assert_eq!(found("for=6.6.6.6, for=198.51.100.1;proto=https;by=10.1.1.1"), "198.51.100.1");
        assert_eq!(found("For=\"[2001:db8:cafe::17]:4711\""), "2001:db8:cafe::17");
        assert_eq!(found("for=198.51.100.1, for=_hidden, for=unknown, proto=http"), "198.51.100.1");
        assert_eq!(found("198.51.100.1"), "10.1.1.1", "that is the other header's form");
    }

    #[test]
    fn a_customer_s_ipv6_network_is_one_client() {
        let block = |text: &str| AddressBlock::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(block("2001:db8:1:2::1"), block("2001:db8:1:2:ffff::9"));
        assert_ne!(block("2001:db8:1:2::1"), block("2001:db8:1:3::1"));
        assert_eq!(block("1.2.3.4"), block("::ffff:1.2.3.4"));
        assert_ne!(block("1.2.3.4"), block("1.2.3.5"));
    }

    #[test]
    fn networks_are_checked() {
        assert!(TrustedProxies::parse("").unwrap().is_empty());
        for wrong in ["10.0.0.0/33", "proxy.example", "10.0.0.0/8;10.1.0.0/16", "::/129"] {
            assert!(TrustedProxies::parse(wrong).unwrap_err().contains(wrong), "{wrong}");
        }
    }
}
