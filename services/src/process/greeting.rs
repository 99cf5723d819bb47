//! What a process says on standard output once it listens, for the person who started it.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use super::ports::{Bound, BoundPorts};
use crate::cli::MatchmakerUrl;

pub(super) fn standalone(address: SocketAddr, is_encrypted: bool, ports: &BoundPorts) {
    let mut text = title("standalone: gateway and matchmaker in one process");
    text += &gateway_lines(address, is_encrypted);
    text += &grpc_lines(ports);
    text += &try_it(address, is_encrypted);
    say(&text);
}

pub(super) fn gateway(address: SocketAddr, is_encrypted: bool, matchmakers: &[MatchmakerUrl]) {
    let urls: Vec<&str> = matchmakers.iter().map(|matchmaker| matchmaker.url.as_str()).collect();
    let mut text = title("gateway");
    text += &gateway_lines(address, is_encrypted);
    text += &line("Matchmaker", &urls.join(" "));
    text += &try_it(address, is_encrypted);
    say(&text);
}

pub(super) fn matchmaker(ports: &BoundPorts, socket: Option<&Path>) {
    let mut text = title("matchmaker");
    text += &grpc_lines(ports);
    if let Some(socket) = socket {
        text += &line("", &format!("unix:{}  as gRPC, on this host", socket.display()));
    }
    if let Some(Bound { address, is_encrypted }) = ports.links {
        let scheme = if is_encrypted { "https" } else { "http" };
        text += "\nLink a gateway to it: duet gateway";
        // Writing to a String can't fail.
        let _ = write!(text, " --matchmaker-url {scheme}://{}.", reachable(address));
    }
    text += " Ctrl-C ends it.\n";
    say(&text);
}

fn title(what: &str) -> String {
    format!("Duet {}, {what}\n", env!("CARGO_PKG_VERSION"))
}

fn gateway_lines(address: SocketAddr, is_encrypted: bool) -> String {
    let host = reachable(address);
    let s = if is_encrypted { "s" } else { "" };
    line("Demo page", &format!("http{s}://{host}/"))
        + &line("WebSocket", &format!("ws{s}://{host}/ws"))
        + &line("Health", &format!("http{s}://{host}/healthz  (alive)  http{s}://{host}/readyz  (ready)"))
}

fn grpc_lines(ports: &BoundPorts) -> String {
    let services = if ports.queries.is_some() { "links, health" } else { "links, queries, health, reflection" };
    let mut text = String::new();
    for (name, bound, services) in
        [("gRPC", ports.links, services), ("Queries", ports.queries, "queries, health, reflection")]
    {
        if let Some(Bound { address, is_encrypted }) = bound {
            let tls = if is_encrypted { ", by TLS" } else { "" };
            text += &line(name, &format!("{}  {services}{tls}", reachable(address)));
        }
    }
    text
}

fn try_it(address: SocketAddr, is_encrypted: bool) -> String {
    let host = reachable(address);
    let s = if is_encrypted { "s" } else { "" };
    format!("\nTry it: open http{s}://{host}/ in two windows and press Start in both. Ctrl-C ends it.\n")
}

fn line(name: &str, value: &str) -> String {
    format!("  {name:<11} {value}\n")
}

/// An address as one would type it on the same machine.
fn reachable(address: SocketAddr) -> String {
    if address.ip().is_unspecified() { format!("localhost:{}", address.port()) } else { address.to_string() }
}

fn say(text: &str) {
    // Nobody reads it; then there is nobody to tell.
    let _ = std::io::stdout().write_all(text.as_bytes());
}
