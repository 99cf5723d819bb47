//! What many runs come to: medians, and each server against the first.

use std::fmt::Write as _;

use super::Results;
use super::contestant::Contestant;
use super::works::Job;
use crate::figures::{Figures, Latency};
use crate::table::table;

/// Tables of all that was measured, as Markdown.
pub(super) fn summary(jobs: &[Job], contestants: &[Contestant], all: &[Results]) -> String {
    let mut text = String::new();
    for (job, results) in jobs.iter().zip(all) {
        let first =
            contestants.iter().find_map(|contestant| results.runs.get(contestant.name).map(|runs| (contestant, runs)));
        let Some((first, firsts)) = first else { continue };
        let of = job.measure.of;
        let mut rows = table([
            "server",
            &format!("{} {}", job.measure.unit, job.title),
            &format!("of {}", first.name),
            "outside the kernel",
            "sleeps",
            "a second",
            "p50 µs",
            "p99 µs",
        ]);
        for contestant in contestants {
            let Some(runs) = results.runs.get(contestant.name) else { continue };
            let latency = |pick: fn(&Latency) -> f64| {
                let times: Option<Vec<f64>> = runs.iter().map(|run| run.latency.as_ref().map(pick)).collect();
                times.map_or("–".to_owned(), |times| format!("{:.0}", median(times)))
            };
            let figure = |pick: fn(&Figures) -> f64| median(runs.iter().map(pick));
            rows.add_row([
                contestant.name.to_owned(),
                format!("{:.2}", figure(of)),
                format!("{:.2}", figure(of) / median(firsts.iter().map(of))),
                format!("{:.2} µs", figure(|figures| figures.user_us)),
                format!("{:.3}", figure(|figures| figures.sleeps)),
                rate(runs),
                latency(|latency| latency.p50),
                latency(|latency| latency.p99),
            ]);
        }
        let _ = writeln!(text, "\n**{}**\n\n{rows}", job.name);
    }
    text
}

fn rate(runs: &[Figures]) -> String {
    let rates: Option<Vec<f64>> = runs.iter().map(Figures::rate).collect();
    rates.map_or("–".to_owned(), |rates| format!("{:.0}", median(rates)))
}

/// The middle one; of two in the middle, half way between them.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => values[length / 2],
        length => f64::midpoint(values[length / 2 - 1], values[length / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median([]).is_nan());
    }
}
