use std::time::Duration;

use proptest::prelude::*;

use super::*;

/// Insert with a queue time, or remove the n-th oldest.
#[derive(Clone, Debug)]
enum Step {
    Insert(u64),
    Remove(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![3 => (0..12u64).prop_map(Step::Insert), 2 => (0..16usize).prop_map(Step::Remove)];
    prop::collection::vec(step, 0..120)
}

proptest! {
    #[test]
    fn the_list_is_a_sorted_vec_that_knows_positions(steps in steps()) {
        let mut pool = Pool::default();
        let mut model: Vec<(Turn, SessionKey, Place)> = Vec::new();
        for (arrival, step) in steps.into_iter().enumerate() {
            match step {
                Step::Insert(second) => {
                    let turn = Turn { queued: Time::ZERO + Duration::from_secs(second), arrival: arrival as u64 };
                    let session = SessionKey(arrival);
                    let (place, position) = pool.insert(session, turn);
                    model.push((turn, session, place));
                    model.sort_by_key(|(turn, ..)| *turn);
                    let index = model.iter().position(|(of, ..)| *of == turn).unwrap();
                    prop_assert_eq!(position, index as u64 + 1);
                }
                Step::Remove(index) if index < model.len() => pool.remove(model.remove(index).2),
                Step::Remove(_) => {}
            }
            let listed: Vec<_> = pool.oldest_first().map(|waiter| (waiter.turn, waiter.session)).collect();
            let expected: Vec<_> = model.iter().map(|(turn, session, _)| (*turn, *session)).collect();
            prop_assert_eq!(listed, expected);
            prop_assert_eq!(newest_first(&pool), model.iter().rev().map(|(turn, ..)| *turn).collect::<Vec<_>>());
            prop_assert_eq!((pool.len(), pool.is_empty()), (model.len(), model.is_empty()));
        }
    }
}

fn newest_first(pool: &Pool) -> Vec<Turn> {
    let waiter = |key: usize| &pool.waiters[key];
    std::iter::successors(pool.newest.map(waiter), |last| last.older.map(waiter)).map(|waiter| waiter.turn).collect()
}
