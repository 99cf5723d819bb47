//! The same runs by a machine that shares its pools: whoever is found is found by the scripts on a real server, and still the machine says
//! exactly what the oracle says, which knows nothing of engines.

use std::cell::OnceCell;

use crate::engine::pool::Engine;

use super::*;

thread_local! {
    /// One server for all runs, each of which begins with nothing.
    static ENGINE: OnceCell<Rc<Engine>> = const { OnceCell::new() };
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn a_machine_with_an_engine_does_what_the_oracle_says(steps in steps(), requeue in prop::bool::weighted(0.8)) {
        let config = Config { requeue_on_partner_leave: requeue, news_after: Duration::ZERO, ..Config::default() };
        let shares = Config { shares_pools: true, ..config.clone() };
        let engine = ENGINE.with(|engine| engine.get_or_init(|| Rc::new(Engine::start())).clone());
        engine.forget_everything();
        run(World::sharing(shares, engine), Oracle::new(config), steps);
    }
}
