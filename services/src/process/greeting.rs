//! What a process says on standard output once it listens, for the person who started it.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use crate::cli::MatchmakerUrl;

pub(super) fn standalone(address: SocketAddr, grpc: Option<SocketAddr>) {
    let mut text = title("standalone: gateway and matchmaker in one process");
    text += &gateway_lines(address);
    if let Some(grpc) = grpc {
        text += &line("gRPC", &format!("{}  queries, health, reflection", reachable(grpc)));
    }
    text += &try_it(address);
    say(&text);
}

pub(super) fn gateway(address: SocketAddr, matchmakers: &[MatchmakerUrl]) {
    let urls: Vec<&str> = matchmakers.iter().map(|matchmaker| matchmaker.url.as_str()).collect();
    let mut text = title("gateway");
    text += &gateway_lines(address);
    text += &line("Matchmaker", &urls.join(" "));
    text += &try_it(address);
    say(&text);
}

pub(super) fn matchmaker(address: SocketAddr, socket: Option<&Path>) {
    let mut text = title("matchmaker");
    text += &line("gRPC", &format!("{}  links, queries, health, reflection", reachable(address)));
    if let Some(socket) = socket {
        text += &line("", &format!("unix:{}  the same, on this host", socket.display()));
    }
    text += "\nLink a gateway to it: duet gateway";
    // Writing to a String can't fail.
    let _ = writeln!(text, " --matchmaker-url http://{}. Ctrl-C ends it.", reachable(address));
    say(&text);
}

fn title(what: &str) -> String {
    format!("Duet {}, {what}\n", env!("CARGO_PKG_VERSION"))
}

fn gateway_lines(address: SocketAddr) -> String {
    let host = reachable(address);
    line("Demo page", &format!("http://{host}/"))
        + &line("WebSocket", &format!("ws://{host}/ws"))
        + &line("Health", &format!("http://{host}/healthz  (alive)  http://{host}/readyz  (ready)"))
}

fn try_it(address: SocketAddr) -> String {
    let host = reachable(address);
    format!("\nTry it: open http://{host}/ in two windows and press Start in both. Ctrl-C ends it.\n")
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
