//! What changes the process's log while it runs. The process makes it; whoever serves administrators calls it.

use std::fmt;
use std::sync::Arc;

/// Sets what is logged from now on. Clones set the same.
#[derive(Clone)]
pub struct LogFilter(Arc<SetFilter>);

/// Takes directives as in `RUST_LOG`, or says what is wrong with them.
type SetFilter = dyn Fn(&str) -> Result<(), String> + Send + Sync;

impl LogFilter {
    /// `set` is given directives as in `RUST_LOG`, and says what is wrong with them.
    pub fn new(set: Arc<SetFilter>) -> Self {
        LogFilter(set)
    }

    /// From now on these directives count, as in `RUST_LOG`. The error is for people; the filter is then what it was.
    pub fn set(&self, directives: &str) -> Result<(), String> {
        (self.0)(directives)
    }
}

impl fmt::Debug for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogFilter(..)")
    }
}
