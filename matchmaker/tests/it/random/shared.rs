//! The same runs by a machine that shares its pools: whoever is found is found by the scripts on a real server, and still the machine says
//! exactly what the oracle says, which knows nothing of engines.

use std::cell::OnceCell;
use std::rc::Rc;

use crate::engine::pool::Engine;
use crate::world::at_hand::AtHand;

use super::*;

thread_local! {
    /// One server for all runs, each of which begins with nothing.
    static ENGINE: OnceCell<Rc<Engine>> = const { OnceCell::new() };
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn a_machine_with_an_engine_does_what_the_oracle_says(steps in steps(), requeue in prop::bool::weighted(0.8)) {
        let config = Config {
            requeue_on_partner_leave: requeue,
            news_after: Duration::ZERO,
            recent_partners: 4,
            ..Config::default()
        };
        let shares = Config { shares_pools: true, ..config.clone() };
        let engine = ENGINE.with(|engine| engine.get_or_init(|| Rc::new(Engine::start())).clone());
        engine.forget_everything();
        let mut run = Run::new(World::sharing(shares, Box::new(AtHand::new(engine))), Oracle::new(config));
        run.fill_pools();
        steps.iter().for_each(|step| run.step(step));
    }
}

impl Run {
    /// Lets so many talk all the time that the last partners count whoever else comes or goes: how many talk, an engine hears a little later.
    fn fill_pools(&mut self) {
        self.both(Event::Boot(TALKERS));
        for (index, talker) in ('!'..='`').enumerate() {
            let pool = if index < 32 { "default" } else { "chess" };
            self.both(Event::Attach(talker, TALKERS, Was::Idle { attempt: 0 }));
            self.both(Event::Frame(talker, Act::Join { attempt: 1, pool, waited: Duration::ZERO }));
        }
    }
}

/// Their gateway's link.
const TALKERS: u32 = 9;
