//! How long people wait and whom they meet: [`simulate`] lets people come, talk and go as a [`Scenario`] says, in simulated time, and
//! matches them by the [`Matchmaker`](duet_matchmaker::Matchmaker) as it is, or by a simpler [`Policy`] to compare it with. [`Report`] has
//! all of them on the same arrivals.
//!
//! It knows the rules of matching a second time, to judge by, and decides none. It reads no file and no clock, and the same seed gives the
//! same figures.

mod chart;
mod measures;
mod people;
mod policy;
mod queue;
mod report;
mod scenario;
mod simulation;
mod table;

pub use policy::Policy;
pub use report::{Bucket, EqualShare, Figures, Rate, Report, Waits};
pub use scenario::{InvalidScenario, Scenario};
pub use simulation::simulate;
