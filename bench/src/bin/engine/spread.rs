//! Figures of several runs, and tables of them.

use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;

/// What runs have come to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    pub(crate) least: f64,
    pub(crate) median: f64,
    pub(crate) most: f64,
}

impl Spread {
    /// Of at least one run.
    pub(crate) fn of(runs: impl IntoIterator<Item = f64>) -> Self {
        let mut runs: Vec<f64> = runs.into_iter().collect();
        runs.sort_by(f64::total_cmp);
        Spread { least: runs[0], median: runs[runs.len() / 2], most: runs[runs.len() - 1] }
    }
}

/// An empty one with these heads; as Markdown, so that what is seen can be pasted.
pub(crate) fn table<const N: usize>(heads: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header(heads);
    table
}
