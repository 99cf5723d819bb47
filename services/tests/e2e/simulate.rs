//! `duet simulate` as an operator runs it.

use crate::process::run;

fn scratch(name: &str) -> String {
    format!("{}/{name}", env!("CARGO_TARGET_TMPDIR"))
}

/// Writes a scenario: the standard one, shorter, with a change.
fn scenario(name: &str, right: &str, wrong: &str) -> String {
    let (status, text, _) = run(&["simulate", "--print-scenario"], &[]);
    assert_eq!(status, Some(0));
    assert!(text.contains(right), "{text}");
    let path = scratch(name);
    std::fs::write(&path, text.replacen("3600.0", "20", 1).replacen(right, wrong, 1)).unwrap();
    path
}

#[test]
fn a_scenario_becomes_tables_json_and_a_picture() {
    let (path, svg) = (scenario("scenario.toml", "count = 200", "count = 20"), scratch("matching.svg"));
    let (status, tables, stderr) = run(&["simulate", "--scenario", &path, "--seed", "7", "--svg", &svg], &[]);
    assert_eq!((status, &*stderr), (Some(0), ""));
    assert!(tables.contains("| duet ") && tables.contains("| batch 15 s "), "{tables}");
    assert!(std::fs::read_to_string(svg).unwrap().starts_with("<svg"));
    let (_, json, _) = run(&["simulate", "--scenario", &path, "--seed", "7", "--json"], &[]);
    let report: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&report["seed"], &report["scenario"]["tags"]["count"]), (&7.into(), &20.into()));
    assert_eq!(report["policies"].as_array().unwrap().len(), 5);
}

#[test]
fn a_bad_scenario_is_named_and_ends_with_64() {
    for (right, wrong, named) in [
        ("patience_s = 5.0", "patience_s = -5", "patience_s is -5: expected 0 to 600"),
        ("patience_s = 5.0", "patience = 5", "unknown field `patience`"),
        ("patience_s = 5.0", "patience_s = soon", "patience_s = soon"),
    ] {
        let path = scenario("bad.toml", right, wrong);
        let (status, stdout, stderr) = run(&["simulate", "--scenario", &path], &[]);
        assert_eq!((status, &*stdout), (Some(64), ""), "{stderr}");
        assert!(stderr.contains("--scenario") && stderr.contains(named), "{stderr}");
    }
    let long = scratch("long.toml");
    std::fs::write(&long, "#".repeat(100_000)).unwrap();
    for args in [
        &["--scenario", "/nowhere.toml"][..],
        &["--scenario", &long],
        &["--seed", "x"],
        &["--json", "--print-scenario"],
    ] {
        let (status, stdout, stderr) = run(&[&["simulate"], args].concat(), &[]);
        assert_eq!((status, &*stdout), (Some(64), ""), "{args:?}: {stderr}");
        assert!(stderr.contains(args[0]), "{args:?}: {stderr}");
    }
}
