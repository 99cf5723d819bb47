//! The rows, counted: each is shown by a test of this suite or says why not. The table is printed by the tests themselves.

use std::collections::BTreeMap;
use std::io::Write;

/// All rows about hostile bytes: HTTP, frames, messages, rates, tokens, rooms, SDP, gRPC.
const ROWS: &str = "\
    H01 H02 H03 H04 H05 H06 H07 H08 H09 H10 H12 H13 H14 H15 H16 H17 H18 H19 H21 H23 H24 H25 \
    F01 F02 F03 F04 F05 F06 F07 F09 F10 F11 F12 F13 F14 F16 F17 F18 F19 F21 \
    M01 M02 M03 M04 M05 M06 M07 M09 M10 M11 R01 R02 R03 R04 R05 R07 R08 R09 R10 \
    T01 T02 T03 T04 T07 T08 T09 T10 T11 T12 T13 T14 T15 S01 S02 S03 S05 S06 S07 \
    W01 W02 W03 W04 W05 W06 W07 G01 G02 G03 G04 G05 G06 G07 G08 G10 G11 G13 G14 G15 G16 G17 G18";

/// Rows without a test here, and why.
const ELSEWHERE: &[(&str, &str)] = &[
    ("H14", "the gateway serves no secrets by Host: origins decide who connects, and a proxy decides about hosts"),
    ("F21", "gateway/tests/autobahn/run: the Autobahn cases against the gateway"),
    ("R07", "bench: memory of an idle connection, docs/benchmarks.md; services/tests/e2e/crowd.rs"),
    ("R08", "services/tests/e2e/survival.rs: all clients of a restarted process at once"),
    (
        "T13",
        "services/tests/e2e/administration.rs, matchmaker/tests/it/server/admin.rs: a blocked user is refused however it comes back",
    ),
    ("T15", "services/tests/e2e/closing.rs: no token and no SDP in a log at `trace`; unit tests of `Debug`"),
    ("S07", "matchmaker/tests/it/rules and services/tests/e2e/simulation.rs: whoever is left has the old place"),
    ("W02", "client/e2e with coturn: relay-only"),
    ("W04", "client/e2e with coturn: relay-only; otherwise candidates are the browsers' to judge"),
    ("W06", "client/e2e with coturn: credentials"),
    ("W07", "client/e2e: calls in Chromium, and a partner who reloads"),
    ("G15", "metadata is read by nobody and logged by nobody"),
    ("G16", "matchmaker/tests/it/rules/links.rs: a second gateway of the same name replaces the first"),
    ("G17", "matchmaker/tests/it/server/port.rs; services/tests/grpcio/run: grpcio's health and reflection"),
    ("G18", "services/tests/e2e/turmoil.rs and simulation.rs: links that break at any point"),
];

const SOURCES: &[&str] = &[
    include_str!("http.rs"),
    include_str!("frames.rs"),
    include_str!("messages.rs"),
    include_str!("rates.rs"),
    include_str!("tokens.rs"),
    include_str!("rooms.rs"),
    include_str!("grpc.rs"),
    include_str!("limits.rs"),
    include_str!("identity.rs"),
];

/// The rows that the tests' names begin with, each with what the test's comment says, or else its name.
fn shown() -> BTreeMap<String, Vec<String>> {
    let mut shown = BTreeMap::<String, Vec<String>>::new();
    for source in SOURCES {
        let mut is_test = false;
        for line in source.lines() {
            is_test |= line.starts_with("#[tokio::test");
            let name = line.strip_prefix("async fn ").and_then(|rest| rest.split('(').next()).filter(|_| is_test);
            if let Some((row, what)) = name.and_then(|name| name.split_once('_')) {
                shown.entry(row.to_uppercase()).or_default().push(what.replace('_', " "));
                is_test = false;
            }
        }
    }
    shown
}

#[test]
fn every_row_is_shown_or_says_why_not() {
    let shown = shown();
    let mut table = String::from("\nRow  Hostile bytes, and what shows that they do no harm\n");
    let mut count = 0;
    for row in ROWS.split_whitespace() {
        let why_not = || ELSEWHERE.iter().find(|(named, _)| *named == row);
        let says = match (shown.get(row), why_not()) {
            (Some(what), None) => {
                count += 1;
                format!("shown: {}", what.join("; "))
            }
            (None, Some((_, why))) => format!("not here: {why}"),
            (Some(_), Some(_)) => panic!("{row} is shown and says why not"),
            (None, None) => panic!("{row} is neither shown nor says why not"),
        };
        table += &format!("{row}  {says}\n");
    }
    let all = ROWS.split_whitespace().count();
    table += &format!("{count} of {all} rows are shown here\n\n");
    for row in shown.keys() {
        assert!(ROWS.contains(row.as_str()), "{row} is no row");
    }
    // Past what the test runner keeps to itself.
    std::io::stderr().write_all(table.as_bytes()).unwrap();
}
