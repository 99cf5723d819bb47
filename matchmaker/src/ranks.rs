//! A sorted list of turns that knows positions: short runs, one after the other. Putting in, taking out and asking are cheapest near
//! the ends, where nearly all of it happens, and cost a step for each run from the nearer end elsewhere.

use std::collections::VecDeque;

use crate::pool::Turn;

#[cfg(test)]
mod tests;

/// Turns, the least first.
#[derive(Debug, Default)]
pub(crate) struct Ranks {
    /// None is empty.
    runs: VecDeque<Vec<Turn>>,
    len: usize,
}

impl Ranks {
    /// Puts in a turn that is not there.
    pub(crate) fn insert(&mut self, turn: Turn) {
        self.len += 1;
        let Some(index) = self.run_of(turn) else {
            // Before all, if there are any.
            match self.runs.front_mut().filter(|run| run.len() < RUN) {
                Some(run) => run.insert(0, turn),
                None => self.runs.push_front(vec![turn]),
            }
            return;
        };
        let run = &mut self.runs[index];
        let at = run.partition_point(|other| *other < turn);
        if run.len() < RUN {
            run.insert(at, turn);
        } else if at == run.len() {
            self.runs.insert(index + 1, vec![turn]);
        } else {
            let mut rest = run.split_off(RUN / 2);
            let half = if at <= RUN / 2 { &mut *run } else { &mut rest };
            half.insert(if at <= RUN / 2 { at } else { at - RUN / 2 }, turn);
            self.runs.insert(index + 1, rest);
        }
    }

    /// Takes out a turn that is there.
    pub(crate) fn remove(&mut self, turn: Turn) {
        let index = self.run_of(turn).expect("a turn that is there has a run");
        let run = &mut self.runs[index];
        run.remove(run.partition_point(|other| *other < turn));
        if run.is_empty() {
            self.runs.remove(index);
        }
        self.len -= 1;
    }

    /// How many come before a turn, and 1.
    pub(crate) fn position(&self, turn: Turn) -> u64 {
        let Some(index) = self.run_of(turn) else { return 1 };
        let within = self.runs[index].partition_point(|other| *other < turn);
        let before: usize = if index * 2 <= self.runs.len() {
            self.runs.range(..index).map(Vec::len).sum()
        } else {
            self.len - self.runs.range(index..).map(Vec::len).sum::<usize>()
        };
        (before + within) as u64 + 1
    }

    /// The least.
    pub(crate) fn first(&self) -> Option<Turn> {
        self.runs.front().map(|run| run[0])
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The last run that does not begin after a turn.
    fn run_of(&self, turn: Turn) -> Option<usize> {
        // A newcomer comes last.
        if self.runs.back().is_some_and(|run| run[0] <= turn) {
            return Some(self.runs.len() - 1);
        }
        self.runs.partition_point(|run| run[0] <= turn).checked_sub(1)
    }
}

/// The most turns of a run.
const RUN: usize = 128;
