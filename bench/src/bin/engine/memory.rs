//! Memory of a ticket that is kept.

use std::io;

use crate::crowd::keep;
use crate::server::Engine;
use crate::sessions::{Sessions, Wanted};
use crate::spread::table;

/// Keeps so many of each kind.
pub(crate) fn run(cpu: usize, tickets: usize) -> io::Result<()> {
    let mut table = table(["tags of each", "recent partners", "bytes a ticket"]);
    for (name, wanted, recent) in [
        ("none", Wanted::Anybody, 0),
        ("none", Wanted::Anybody, 3),
        ("3 of 100", Wanted::Tags(3, 100), 0),
        ("3 of its own", Wanted::TagsOfItsOwn(3), 0),
    ] {
        let mut engine = Engine::start(cpu)?;
        let mut line = engine.line("crowd")?;
        let before = engine.used()?;
        let mut sessions = Sessions::new(wanted, recent, u8::MAX, 1);
        keep(&mut line, &mut sessions, tickets)?;
        let bytes = engine.used()?.since(before).memory / tickets as u64;
        table.add_row([name.to_owned(), recent.to_string(), bytes.to_string()]);
    }
    println!("{table}");
    Ok(())
}
