//! Whether gateways had better go elsewhere with new sessions, and why. Health says the same without the reason.

use super::replica::Replica;

impl Replica {
    /// Why new sessions had better be somewhere else, without secrets. `None`: they are welcome.
    pub fn problem(&self) -> Option<String> {
        if self.look(|desk, _, _| desk.is_ending || desk.is_going_away()) {
            return Some("draining".to_owned());
        }
        let state = self.engine()?.now();
        let (away, why) = state.away()?;
        Some(format!("the engine has been away for {} s: {why}", away.as_secs()))
    }
}
