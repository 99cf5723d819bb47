//! Figures as a table on the terminal.

use crate::figures::Figures;
use crate::table::table;

/// Prints runs, each by its name.
pub(crate) fn print(runs: &[(String, Figures)]) {
    let mut rows =
        table(["run", "a second", "CPU", "outside kernel", "sleeps", "p50", "p99", "p99.9", "max", "memory"]);
    for (name, figures) in runs {
        let time = |pick: fn(&crate::figures::Latency) -> f64| {
            figures.latency.as_ref().map_or("–".to_owned(), |latency| format!("{:.0} µs", pick(latency)))
        };
        rows.add_row([
            name.clone(),
            format!("{} {}s", figures.rate_text(), figures.unit),
            format!("{:.2} µs", figures.cpu_us),
            format!("{:.2} µs", figures.user_us),
            format!("{:.3}", figures.sleeps),
            time(|latency| latency.p50),
            time(|latency| latency.p99),
            time(|latency| latency.p999),
            time(|latency| latency.max),
            figures.bytes.map_or("–".to_owned(), |bytes| format!("{bytes:.0} B")),
        ]);
    }
    println!("{rows}");
}
