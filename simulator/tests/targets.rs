//! What matching must come to in the standard scenario. With `DUET_LONG=1`, as `./run-tests --long` sets it, the whole hour of it and more
//! seeds; otherwise minutes.

use std::time::Duration;

use duet_simulator::{Figures, Policy, Report, Scenario, simulate};

fn is_long() -> bool {
    std::env::var_os("DUET_LONG").is_some()
}

/// The standard scenario, and the seeds to run it with.
fn standard() -> (Scenario, u64) {
    let minutes = if is_long() { 60 } else { 2 };
    (Scenario::standard().lasting(Duration::from_secs(60 * minutes)), if is_long() { 5 } else { 2 })
}

#[test]
fn nobody_waits_much_longer_than_patience_is_overtaken_or_meets_the_same_again() {
    let (scenario, seeds) = standard();
    for seed in 1..=seeds {
        let duet = simulate(&scenario, seed, Policy::Duet);
        assert!(duet.matches > 500, "seed {seed}: {duet:?}");
        assert_eq!(duet.inversions.count, 0, "seed {seed}: {duet:?}");
        assert!(duet.waits.p99 <= scenario.patience().as_secs_f64() + 0.5, "seed {seed}: {duet:?}");
        assert_eq!(duet.overdue_at_end, 0, "seed {seed}: {duet:?}");
        assert!(duet.rematches_in_crowds.share() <= 0.01, "seed {seed}: {duet:?}");
        assert!(duet.tagged_by_tag.share() >= 0.7, "seed {seed}: {duet:?}");
    }
}

#[test]
fn it_is_quicker_than_any_batch_that_matches_as_many_by_a_shared_tag() {
    let (scenario, _) = standard();
    let report = Report::new(&scenario, 1);
    assert_eq!(report.equal_share.len(), 2);
    for equal in &report.equal_share {
        let batch = report.policies.iter().find(|figures| figures.policy == equal.batch).unwrap();
        let duet = &equal.duet;
        assert!(equal.patience_s.is_some() && duet.tagged_by_tag.share() >= batch.tagged_by_tag.share(), "{equal:?}");
        for (of, name) in [
            ((|figures| figures.waits.mean) as fn(&Figures) -> f64, "mean"),
            (|figures| figures.waits.p50, "p50"),
            (|figures| figures.waits.p90, "p90"),
        ] {
            assert!(of(duet) < of(batch), "{name}: {equal:?} {batch:?}");
        }
    }
}

#[test]
fn the_measures_tell_policies_apart() {
    let (scenario, _) = standard();
    let [random, oldest] = [Policy::Random, Policy::Oldest].map(|policy| simulate(&scenario, 1, policy));
    assert!(random.inversions.count > 0, "{random:?}");
    assert_eq!(oldest.inversions.count, 0, "{oldest:?}");
    assert!(oldest.tagged_by_tag.share() < 0.2, "{oldest:?}");
}

#[test]
fn in_a_small_pool_the_same_two_may_meet_again_rather_than_wait() {
    let scenario = "per_second = 0.02";
    let text =
        Scenario::STANDARD.replace("per_second = 10.0", scenario).replace("return_share = 0.5", "return_share = 0.9");
    let duet = simulate(&Scenario::parse(&text).unwrap(), 1, Policy::Duet);
    assert!(duet.rematches.count > 0 && duet.rematches_in_crowds.of == 0, "{duet:?}");
    assert_eq!(duet.inversions.count, 0, "{duet:?}");
}

#[test]
fn regions_and_broken_connections_cost_nobody_the_turn() {
    let (scenario, seeds) = standard();
    let text = Scenario::STANDARD
        .replace("[regions]\nshare = 0.0", "[regions]\nshare = 0.4")
        .replace("[absence]\nshare = 0.01", "[absence]\nshare = 0.3");
    let rough = Scenario::parse(&text).unwrap().lasting(scenario.duration());
    for seed in 1..=seeds {
        let duet = simulate(&rough, seed, Policy::Duet);
        assert_eq!(duet.inversions.count, 0, "seed {seed}: {duet:?}");
        assert!(duet.waits.p99 <= rough.patience().as_secs_f64() + 0.5, "seed {seed}: {duet:?}");
    }
}

#[test]
fn a_seed_repeats_its_figures_and_another_has_others() {
    let scenario = Scenario::standard().lasting(Duration::from_secs(60));
    for policy in Policy::ALL {
        let figures = |seed| format!("{:?}", simulate(&scenario, seed, policy));
        assert_eq!(figures(1), figures(1));
        assert_ne!(figures(1), figures(2));
    }
}

#[test]
fn a_picture_shows_every_policy() {
    let report = Report::new(&Scenario::standard().lasting(Duration::from_secs(60)), 1);
    let svg = report.svg();
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
    for policy in Policy::ALL {
        assert!(svg.contains(&format!("\n{policy}\n")), "{policy}");
        assert!(report.to_string().contains(&policy.to_string()), "{policy}");
    }
}
