//! Puts what was measured into a page that is otherwise written by hand.

use std::fs;
use std::io;
use std::path::Path;

/// Replaces what is between the marks.
pub(super) fn put(path: &Path, figures: &str) -> io::Result<()> {
    let page = fs::read_to_string(path)?;
    let (before, rest) = page.split_once(BEGIN).ok_or_else(|| unmarked(path))?;
    let (_, after) = rest.split_once(END).ok_or_else(|| unmarked(path))?;
    fs::write(path, format!("{before}{BEGIN}\n{figures}\n{END}{after}"))
}

fn unmarked(path: &Path) -> io::Error {
    io::Error::other(format!("{} has no lines {BEGIN} and {END}", path.display()))
}

const BEGIN: &str = "<!-- figures: begin -->";
const END: &str = "<!-- figures: end -->";
