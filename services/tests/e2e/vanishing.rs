//! Networks that swallow packets without a word: clients that vanish, links that carry nothing or only one way, links that lose some.
//!
//! Packets are dropped by iptables in a network namespace that the test makes for itself and that has only a loopback device, so
//! nothing of this is felt outside. There the test's executable is run again, for one of the tests in `inside`.

use std::process::Command;

mod inside;

/// Runs one of the ignored tests where it can do no harm.
fn in_a_network_of_its_own(test: &str) {
    let is_root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    let namespaces: &[&str] = if is_root { &["--net"] } else { &["--net", "--map-root-user"] };
    let run = Command::new("unshare")
        .args(namespaces)
        .args(["sh", "-c", r#"ip link set lo up && exec "$0" "$@""#])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", &format!("vanishing::inside::{test}"), "--ignored", "--nocapture"])
        .env(inside::ALLOWED, "yes")
        // Where Debian has `ip` and `iptables`, and who is not root may not look.
        .env("PATH", format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default()))
        .output()
        .expect("unshare is there: it is part of util-linux");
    let output = String::from_utf8_lossy(&run.stdout);
    print!(
        "{}",
        output.lines().filter(|line| line.starts_with('|')).map(|row| row.to_owned() + "\n").collect::<String>()
    );
    assert!(run.status.success() && output.contains("1 passed"), "{output}{}", String::from_utf8_lossy(&run.stderr));
}

#[test]
fn a_client_that_vanishes_is_noticed_by_its_silence() {
    in_a_network_of_its_own("a_client_that_vanishes_is_noticed_by_its_silence");
}

#[test]
fn a_link_that_carries_nothing_is_given_up_and_made_again() {
    in_a_network_of_its_own("a_link_that_carries_nothing_is_given_up_and_made_again");
}

#[test]
fn a_link_that_carries_only_one_way_is_given_up_and_made_again() {
    in_a_network_of_its_own("a_link_that_carries_only_one_way_is_given_up_and_made_again");
}

#[test]
fn a_link_that_is_refused_is_tried_again_until_it_is_not() {
    in_a_network_of_its_own("a_link_that_is_refused_is_tried_again_until_it_is_not");
}

#[test]
fn networks_that_lose_packets_lose_no_messages() {
    in_a_network_of_its_own("networks_that_lose_packets_lose_no_messages");
}
