use std::time::Duration;

use duet_proto::time::Time;
use proptest::prelude::*;

use super::*;

/// Put in a turn, or take out the n-th.
#[derive(Clone, Debug)]
enum Step {
    Insert(u64),
    Remove(usize),
}

/// Often at the ends, sometimes anywhere.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..2000u64).prop_map(Step::Insert),
        3 => (5000..6000u64).prop_map(Step::Insert),
        1 => (0..600usize).prop_map(Step::Remove),
        2 => Just(Step::Remove(0)),
    ];
    prop::collection::vec(step, 0..1200)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn the_list_is_a_sorted_vec_that_knows_positions(steps in steps()) {
        let mut ranks = Ranks::default();
        let mut model: Vec<Turn> = Vec::new();
        for (arrival, step) in steps.into_iter().enumerate() {
            match step {
                Step::Insert(second) => {
                    let turn = Turn { queued: Time::ZERO + Duration::from_secs(second), arrival: arrival as u64 };
                    ranks.insert(turn);
                    let at = model.partition_point(|other| *other < turn);
                    model.insert(at, turn);
                    prop_assert_eq!(ranks.position(turn), at as u64 + 1);
                }
                Step::Remove(index) if index < model.len() => ranks.remove(model.remove(index)),
                Step::Remove(_) => {}
            }
            prop_assert_eq!(ranks.first(), model.first().copied());
            prop_assert_eq!(ranks.len(), model.len());
            prop_assert!(ranks.runs.iter().all(|run| !run.is_empty() && run.len() <= RUN));
        }
        let listed: Vec<_> = ranks.runs.iter().flatten().copied().collect();
        prop_assert_eq!(&listed, &model);
        for (index, turn) in model.iter().enumerate() {
            prop_assert_eq!(ranks.position(*turn), index as u64 + 1);
        }
    }
}
