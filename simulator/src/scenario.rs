//! What is simulated: a settings file, checked whole before anything runs.
//!
//! Who comes with which wishes is drawn from it in `people.rs`.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use duet_proto::bounds;
use serde::{Deserialize, Serialize};

/// Who comes, what they ask for, and how they behave. Every value is in bounds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    pub(crate) duration_s: f64,
    pub(crate) patience_s: f64,
    pub(crate) arrivals: Arrivals,
    pub(crate) tags: Tags,
    pub(crate) regions: Regions,
    pub(crate) talks: Talks,
    pub(crate) absence: Absence,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Arrivals {
    pub(crate) per_second: f64,
    pub(crate) verified_share: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tags {
    pub(crate) count: u16,
    pub(crate) zipf: f64,
    pub(crate) tagged_share: f64,
    pub(crate) min_per_ticket: u16,
    pub(crate) max_per_ticket: u16,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Regions {
    pub(crate) share: f64,
    pub(crate) weights: Vec<f64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Talks {
    pub(crate) median_s: f64,
    pub(crate) sigma: f64,
    pub(crate) return_share: f64,
    pub(crate) skip_share: f64,
    pub(crate) skip_mean_s: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Absence {
    pub(crate) share: f64,
    pub(crate) after_mean_s: f64,
    pub(crate) mean_s: f64,
}

/// Why a text is no scenario: names the setting and what it may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidScenario(String);

impl fmt::Display for InvalidScenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidScenario {}

impl Scenario {
    /// The standard scenario as a settings file, with what each setting means.
    pub const STANDARD: &'static str = include_str!("standard.toml");

    /// The standard scenario: ten newcomers a second for an hour, three of ten with one to three of 200 tags.
    pub fn standard() -> Self {
        Self::parse(Self::STANDARD).expect("the standard scenario is one")
    }

    /// Reads a settings file.
    pub fn parse(text: &str) -> Result<Self, InvalidScenario> {
        let scenario: Scenario = toml::from_str(text).map_err(|error| InvalidScenario(error.to_string()))?;
        scenario.check()?;
        Ok(scenario)
    }

    /// The same for another time; within the bounds of `duration_s`.
    pub fn lasting(mut self, duration: Duration) -> Self {
        self.duration_s = duration.as_secs_f64().clamp(*DURATION_S.start(), *DURATION_S.end());
        self
    }

    /// For how long people come and go.
    pub fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.duration_s)
    }

    /// How long a ticket insists on a shared tag and on its region.
    pub fn patience(&self) -> Duration {
        Duration::from_secs_f64(self.patience_s)
    }

    fn check(&self) -> Result<(), InvalidScenario> {
        let Scenario { duration_s, patience_s, arrivals, tags, regions, talks, absence } = self;
        within("duration_s", *duration_s, DURATION_S)?;
        within("patience_s", *patience_s, 0.0..=600.0)?;
        within("arrivals.per_second", arrivals.per_second, 0.001..=10_000.0)?;
        within("arrivals.verified_share", arrivals.verified_share, SHARE)?;
        within("tags.count", f64::from(tags.count), 1.0..=10_000.0)?;
        within("tags.zipf", tags.zipf, 0.0..=5.0)?;
        within("tags.tagged_share", tags.tagged_share, SHARE)?;
        let most = bounds::TAGS.min(usize::from(tags.count)) as f64;
        within("tags.max_per_ticket", f64::from(tags.max_per_ticket), 1.0..=most)?;
        within("tags.min_per_ticket", f64::from(tags.min_per_ticket), 1.0..=f64::from(tags.max_per_ticket))?;
        within("regions.share", regions.share, SHARE)?;
        within("the number of regions.weights", regions.weights.len() as f64, 1.0..=64.0)?;
        for weight in &regions.weights {
            within("each of regions.weights", *weight, 0.001..=1000.0)?;
        }
        within("talks.median_s", talks.median_s, TIME_S)?;
        within("talks.sigma", talks.sigma, 0.0..=3.0)?;
        within("talks.return_share", talks.return_share, SHARE)?;
        within("talks.skip_share", talks.skip_share, SHARE)?;
        within("talks.skip_mean_s", talks.skip_mean_s, TIME_S)?;
        within("absence.share", absence.share, SHARE)?;
        within("absence.after_mean_s", absence.after_mean_s, TIME_S)?;
        within("absence.mean_s", absence.mean_s, TIME_S)?;
        let arrivals = arrivals.per_second * duration_s;
        within("arrivals.per_second times duration_s", arrivals, 0.0..=ARRIVALS)
    }
}

fn within(setting: &str, value: f64, bounds: RangeInclusive<f64>) -> Result<(), InvalidScenario> {
    // Not so for NaN.
    if bounds.contains(&value) {
        return Ok(());
    }
    let (least, most) = bounds.into_inner();
    Err(InvalidScenario(format!("{setting} is {value}: expected {least} to {most}")))
}

const SHARE: RangeInclusive<f64> = 0.0..=1.0;
const DURATION_S: RangeInclusive<f64> = 1.0..=604_800.0;
const TIME_S: RangeInclusive<f64> = 0.001..=86_400.0;
/// Each is a session of the matchmaker for as long as it stays.
const ARRIVALS: f64 = 5_000_000.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_scenario_is_as_it_is_told() {
        let standard = Scenario::standard();
        assert_eq!((standard.arrivals.per_second, standard.tags.count, standard.tags.zipf), (10.0, 200, 1.0));
        assert_eq!((standard.tags.tagged_share, standard.patience()), (0.3, Duration::from_secs(5)));
    }

    #[test]
    fn what_is_wrong_is_named_with_what_it_may_be() {
        for (right, wrong, told) in [
            ("duration_s = 3600.0", "duration_s = 0", "duration_s is 0: expected 1 to 604800"),
            ("duration_s = 3600.0", "duration_s = nan", "duration_s is NaN"),
            ("patience_s = 5.0", "patience_s = -1", "patience_s is -1: expected 0 to 600"),
            ("per_second = 10.0", "per_second = inf", "arrivals.per_second is inf"),
            ("per_second = 10.0", "per_second = 9999", "arrivals.per_second times duration_s"),
            ("verified_share = 0.2", "verified_share = 1.1", "arrivals.verified_share is 1.1: expected 0 to 1"),
            ("count = 200", "count = 0", "tags.count"),
            ("count = 200", "count = 2", "tags.max_per_ticket is 3: expected 1 to 2"),
            ("count = 200", "count = -1", "count = -1"),
            ("zipf = 1.0", "zipf = 6", "tags.zipf"),
            ("tagged_share = 0.3", "tagged_share = 2", "tags.tagged_share"),
            ("min_per_ticket = 1", "min_per_ticket = 4", "tags.min_per_ticket is 4: expected 1 to 3"),
            ("max_per_ticket = 3", "max_per_ticket = 11", "tags.max_per_ticket is 11: expected 1 to 10"),
            ("share = 0.0", "share = -0.5", "regions.share"),
            ("weights = [4.0, 3.0, 2.0, 1.0]", "weights = []", "the number of regions.weights"),
            ("weights = [4.0, 3.0, 2.0, 1.0]", "weights = [0]", "each of regions.weights"),
            ("median_s = 90.0", "median_s = 0", "talks.median_s"),
            ("sigma = 1.0", "sigma = 4", "talks.sigma"),
            ("return_share = 0.5", "return_share = 1.01", "talks.return_share"),
            ("skip_share = 0.3", "skip_share = 1.5", "talks.skip_share"),
            ("skip_mean_s = 4.0", "skip_mean_s = 0", "talks.skip_mean_s"),
            ("share = 0.01", "share = 7", "absence.share"),
            ("after_mean_s = 1.0", "after_mean_s = 0", "absence.after_mean_s"),
            ("mean_s = 3.0", "mean_s = 90000", "absence.mean_s"),
            ("mean_s = 3.0", "mean_s = 3.0\nmedian_s = 3.0", "unknown field `median_s`"),
            ("count = 200", "", "missing field `count`"),
            ("count = 200", "count = many", "count"),
        ] {
            assert!(Scenario::STANDARD.contains(right), "{right}");
            let text = Scenario::STANDARD.replacen(right, wrong, 1);
            let error = Scenario::parse(&text).unwrap_err().to_string();
            assert!(error.contains(told), "{wrong}: {error}");
        }
    }
}
