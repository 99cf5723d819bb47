//! How tables look.

use comfy_table::Table;
use comfy_table::presets::ASCII_MARKDOWN;

/// An empty one with these heads; as Markdown, so that what is seen can be pasted.
pub(crate) fn table<const N: usize>(heads: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(ASCII_MARKDOWN).set_header(heads);
    table
}
