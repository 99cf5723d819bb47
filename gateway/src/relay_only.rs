//! The relay-only policy: what of descriptions and candidates may reach the partner when strangers are not to see each other's addresses.
//!
//! Only candidates of TURN relays pass, without the address behind the relay; the other places where SDP has addresses are filled with what
//! browsers write when they know none. What is not understood for sure does not pass. It judges what a client sends; that the client's browser
//! itself goes by relays only is what `iceTransportPolicy` asks of it.

use std::borrow::Cow;
use std::net::IpAddr;

use duet_proto::json::{Signal, SignalKind};

/// Whether clients may connect to each other directly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IceTransportPolicy {
    /// In every way that they find. What they say to each other is not looked into.
    #[default]
    All,
    /// Over TURN relays only.
    Relay,
}

/// What a candidate was that did not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DroppedCandidate {
    /// An address of the client's host.
    Host,
    /// Its address as a STUN server sees it.
    ServerReflexive,
    /// Its address as a peer sees it.
    PeerReflexive,
    /// Something else, or of a relay but not well formed.
    Malformed,
}

impl DroppedCandidate {
    /// All there are, in the order of [`DroppedCandidates`].
    pub const ALL: [DroppedCandidate; 4] = [
        DroppedCandidate::Host,
        DroppedCandidate::ServerReflexive,
        DroppedCandidate::PeerReflexive,
        DroppedCandidate::Malformed,
    ];

    /// For metrics: SDP's name of the type, or `malformed`.
    pub fn name(self) -> &'static str {
        match self {
            DroppedCandidate::Host => "host",
            DroppedCandidate::ServerReflexive => "srflx",
            DroppedCandidate::PeerReflexive => "prflx",
            DroppedCandidate::Malformed => "malformed",
        }
    }
}

/// How many candidates of each kind did not pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DroppedCandidates([u32; DroppedCandidate::ALL.len()]);

impl DroppedCandidates {
    /// How many of that kind.
    pub fn count(&self, kind: DroppedCandidate) -> u32 {
        self.0[kind as usize]
    }

    /// Whether there were none.
    pub fn is_empty(&self) -> bool {
        *self == DroppedCandidates::default()
    }

    fn add(&mut self, kind: DroppedCandidate) {
        self.0[kind as usize] += 1;
    }
}

/// What becomes of a message under the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// It passes as it is.
    Pass,
    /// This goes in its place.
    Replace(Signal),
    /// Nothing goes in its place.
    Drop,
    /// It is no SDP. The text says why, and is for the client.
    Refuse(&'static str),
}

/// Judges a message, and says which candidates it loses.
pub fn judge(signal: &Signal) -> (Judgement, DroppedCandidates) {
    let mut dropped = DroppedCandidates::default();
    let judgement = match signal.kind {
        SignalKind::Offer | SignalKind::Answer => judge_description(signal, &mut dropped),
        SignalKind::Ice => judge_candidate(signal, &mut dropped),
    };
    (judgement, dropped)
}

fn judge_description(signal: &Signal, dropped: &mut DroppedCandidates) -> Judgement {
    let Ok(Some(sdp)) = signal.payload() else { return Judgement::Refuse("`sdp` has no text") };
    if let Err(why) = check_description(&sdp) {
        return Judgement::Refuse(why);
    }
    match clean_description(&sdp, dropped) {
        Cow::Borrowed(_) => Judgement::Pass,
        Cow::Owned(clean) => signal.with_payload(Some(&clean), &[]).map_or(Judgement::Drop, Judgement::Replace),
    }
}

fn judge_candidate(signal: &Signal, dropped: &mut DroppedCandidates) -> Judgement {
    match clean_ice(signal) {
        Ok(clean) if clean == *signal => Judgement::Pass,
        Ok(clean) => Judgement::Replace(clean),
        Err(kind) => {
            dropped.add(kind);
            Judgement::Drop
        }
    }
}

/// The message as it may pass, if it may.
fn clean_ice(signal: &Signal) -> Result<Signal, DroppedCandidate> {
    let unclear = |_| DroppedCandidate::Malformed;
    let line = signal.payload().map_err(unclear)?.unwrap_or_default();
    let clean = match line.trim() {
        // No more will come.
        "" | "a=end-of-candidates" | "end-of-candidates" => line.clone(),
        candidate => clean_candidate(candidate)?,
    };
    signal.with_payload(Some(clean).filter(|clean| *clean != line).as_deref(), &SAID_TWICE).map_err(unclear)
}

/// What makes it certain that everybody finds the same lines in it. Empty is the SDP of a rollback.
fn check_description(sdp: &str) -> Result<(), &'static str> {
    if !sdp.is_empty() && !sdp.starts_with("v=0\r\n") && !sdp.starts_with("v=0\n") {
        Err("`sdp` does not begin with the line v=0")
    } else if sdp.contains('\0') {
        Err("`sdp` has a character U+0000")
    } else if sdp.split('\r').skip(1).any(|rest| !rest.starts_with('\n')) {
        Err("`sdp` has a carriage return without a line feed")
    } else {
        Ok(())
    }
}

/// The SDP without what the policy forbids; borrowed if it has nothing of that.
fn clean_description<'a>(sdp: &'a str, dropped: &mut DroppedCandidates) -> Cow<'a, str> {
    let mut clean = String::new();
    let mut is_changed = false;
    for whole in sdp.split_inclusive('\n') {
        let line = whole.trim_end_matches(['\r', '\n']);
        match clean_line(line) {
            Line::Same => clean.push_str(whole),
            Line::Other(other) => {
                is_changed |= other != line;
                clean.push_str(&other);
                clean.push_str(&whole[line.len()..]);
            }
            Line::Gone(kind) => {
                is_changed = true;
                kind.into_iter().for_each(|kind| dropped.add(kind));
            }
        }
    }
    if is_changed { clean.into() } else { sdp.into() }
}

/// What becomes of a line.
enum Line {
    Same,
    Other(String),
    Gone(Option<DroppedCandidate>),
}

/// Without its end.
fn clean_line(line: &str) -> Line {
    let lower = line.to_ascii_lowercase();
    if lower.contains("candidate:") {
        return clean_candidate(line).map_or_else(|kind| Line::Gone(Some(kind)), Line::Other);
    }
    // RFC 8839 section 5.2: addresses of the partner's, as this side sees them.
    if lower.contains("candidates:") {
        return Line::Gone(None);
    }
    match line.as_bytes() {
        [b'c', b'=', ..] => hide(line, UNKNOWN_CONNECTION),
        [b'o', b'=', ..] => clean_origin(line),
        [b'm', b'=', ..] => clean_media(line),
        _ if lower.starts_with("a=rtcp:") => hide(line, UNKNOWN_RTCP),
        _ => Line::Same,
    }
}

/// `c=IN IP4 ADDRESS`, or `a=rtcp:PORT IN IP4 ADDRESS`.
fn hide(line: &str, unknown: &str) -> Line {
    let fields: Vec<&str> = line.split(' ').collect();
    let is_unknown =
        fields.last().and_then(|address| address.parse().ok()).is_some_and(|address: IpAddr| address.is_unspecified());
    if is_unknown && fields.len() == unknown.split(' ').count() { Line::Same } else { Line::Other(unknown.to_owned()) }
}

/// `o=USER SESSION VERSION IN IP4 ADDRESS`: the version must stay, as answers to one who makes a new offer depend on it.
fn clean_origin(line: &str) -> Line {
    let fields: Vec<&str> = line.split(' ').collect();
    let [user, session, version, _, _, address] = fields[..] else { return Line::Other(UNKNOWN_ORIGIN.to_owned()) };
    match address.parse() {
        Ok(address) if tells_nothing(address) => Line::Same,
        _ => Line::Other(format!("{user} {session} {version} IN IP4 0.0.0.0")),
    }
}

/// `m=MEDIA PORT PROTOCOL FORMATS`: the port belongs to the address in `c=`. 0 says that the section is refused.
fn clean_media(line: &str) -> Line {
    match line.splitn(3, ' ').collect::<Vec<_>>()[..] {
        [_, "0" | "9", _] => Line::Same,
        [media, _, rest] => Line::Other(format!("{media} 9 {rest}")),
        _ => Line::Same,
    }
}

/// What browsers write for an address that they don't tell.
fn tells_nothing(address: IpAddr) -> bool {
    address.is_unspecified() || address.is_loopback()
}

/// A candidate (RFC 8839 section 5.1), with `a=` before it or without, as the partner may have it.
fn clean_candidate(text: &str) -> Result<String, DroppedCandidate> {
    let malformed = DroppedCandidate::Malformed;
    let (prefix, rest) = text.split_once("candidate:").ok_or(malformed)?;
    let fields: Vec<&str> = rest.split(' ').collect();
    let [foundation, component, transport, priority, address, port, typ, kind, more @ ..] = &fields[..] else {
        return Err(malformed);
    };
    match (typ.to_ascii_lowercase().as_str(), kind.to_ascii_lowercase().as_str()) {
        ("typ", "host") => return Err(DroppedCandidate::Host),
        ("typ", "srflx") => return Err(DroppedCandidate::ServerReflexive),
        ("typ", "prflx") => return Err(DroppedCandidate::PeerReflexive),
        ("typ", "relay") => {}
        _ => return Err(malformed),
    }
    let is_well_formed = matches!(prefix, "" | "a=")
        && (1..=32).contains(&foundation.len())
        && is_ice_text(foundation)
        && is_number(component, 1..=256)
        // What browsers allocate at a TURN server, whatever they reach it by.
        && transport.eq_ignore_ascii_case("udp")
        && is_number(priority, 1..=(1 << 31) - 1)
        && address.parse::<IpAddr>().is_ok()
        && is_number(port, 1..=65_535);
    if !is_well_formed || more.len() % 2 != 0 {
        return Err(malformed);
    }
    let mut clean = format!("{prefix}candidate:{}", fields[..8].join(" "));
    for pair in more.chunks_exact(2) {
        let (name, value) = (pair[0], pair[1]);
        let value = match name {
            "raddr" => "0.0.0.0",
            "rport" => "0",
            // No address can be written like that.
            _ if is_name(name) && is_ice_text(value) => value,
            _ => continue,
        };
        clean.extend([" ", name, " ", value]);
    }
    Ok(clean)
}

/// Of `ice-char`s.
fn is_ice_text(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

/// Like `network-cost`.
fn is_name(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-')
}

fn is_number(text: &str, range: std::ops::RangeInclusive<u64>) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse().is_ok_and(|number| range.contains(&number))
}

/// Members of an RTCIceCandidate that say what its line says.
const SAID_TWICE: [&str; 5] = ["address", "ip", "port", "relatedAddress", "relatedPort"];
const UNKNOWN_CONNECTION: &str = "c=IN IP4 0.0.0.0";
const UNKNOWN_RTCP: &str = "a=rtcp:9 IN IP4 0.0.0.0";
const UNKNOWN_ORIGIN: &str = "o=- 0 0 IN IP4 0.0.0.0";

#[cfg(test)]
mod tests;
