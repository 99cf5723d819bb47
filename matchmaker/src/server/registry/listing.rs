//! One list out of what several replicas have, in the order of ids and with nothing twice.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::reading::{Id, Kept};
use super::{Away, Other, Registry};
use crate::server::paging::Page;

/// A page that is made of several replicas' parts.
pub(crate) struct Parts<T> {
    pub(crate) items: Vec<T>,
    /// Empty if nothing is left.
    pub(crate) next_page_token: String,
    /// The engine is away: it is of one replica alone.
    pub(crate) partial: bool,
}

/// What one replica has after an id, in order.
struct Part<T> {
    items: Vec<(Id, T)>,
    /// The last id that was looked at, if there may be more.
    until: Option<Id>,
}

impl Registry {
    /// The page of a listing. `own` gives what this replica has after an id, so many at most.
    #[allow(private_bounds, reason = "what is kept is the registry's affair")]
    pub(crate) async fn list<T: Kept>(
        &self,
        page: &Page,
        after: Option<Id>,
        own: impl Fn(Option<Id>, usize) -> Vec<(Id, T)>,
        is_wanted: impl Fn(&T) -> bool,
    ) -> Parts<T> {
        let others = self.others().await;
        let mut partial = others.is_err();
        let mut others: Vec<Other> = others.unwrap_or_default();
        let (mut items, mut looked_at, mut last) = (Vec::new(), 0, after);
        // One more than a page, so that a list of just so many has no page after.
        let most = (page.size() + 1).clamp(LEAST_AT_ONCE, MOST_AT_ONCE);
        let token = |last: Option<Id>| last.map_or_else(String::new, |last| page.token_after(&last));
        loop {
            let theirs = match self.after::<T>(&others, last, most).await {
                Ok(theirs) => theirs,
                Err(Away) => {
                    (partial, others) = (true, Vec::new());
                    Vec::new()
                }
            };
            let own = own(last, most);
            let until = own.last().filter(|_| own.len() >= most).map(|(id, _)| *id);
            let theirs = theirs.into_iter().map(|(items, until)| Part { items, until });
            let (merged, until) = merge(Part { items: own, until }, theirs.collect());
            for (id, item) in merged {
                if items.len() >= page.size() || looked_at >= LOOKED_AT_MOST {
                    return Parts { items, next_page_token: token(last), partial };
                }
                (looked_at, last) = (looked_at + 1, Some(id));
                if is_wanted(&item) {
                    items.push(item);
                }
            }
            let Some(until) = until else { return Parts { items, next_page_token: String::new(), partial } };
            last = Some(until);
        }
    }
}

/// All up to where every part is known. Our own goes before the others'.
fn merge<T: Kept>(own: Part<T>, theirs: Vec<Part<T>>) -> (BTreeMap<Id, T>, Option<Id>) {
    let ends = theirs.iter().map(|part| part.until).chain([own.until]);
    let until = ends.flatten().min();
    let is_known = |(id, _): &(Id, T)| until.is_none_or(|until| *id <= until);
    let mut merged = BTreeMap::new();
    for (id, item) in theirs.into_iter().flat_map(|part| part.items).filter(is_known) {
        match merged.entry(id) {
            Entry::Vacant(free) => drop(free.insert(item)),
            Entry::Occupied(mut known) if item.is_newer_than(known.get()) => drop(known.insert(item)),
            Entry::Occupied(_) => {}
        }
    }
    merged.extend(own.items.into_iter().filter(is_known));
    (merged, until)
}

/// Of those that a filter leaves out, too.
const LOOKED_AT_MOST: usize = 10_000;
const LEAST_AT_ONCE: usize = 100;
const MOST_AT_ONCE: usize = 500;

#[cfg(test)]
mod tests {
    use duet_proto::v1;

    use super::*;

    fn part(ids: &[u8], at: i64, until: Option<u8>) -> Part<v1::Session> {
        let session = |id: &u8| {
            let attach_time = Some(prost_types::Timestamp { seconds: at, nanos: 0 });
            ([*id; 16], v1::Session { attach_time, ..v1::Session::default() })
        };
        Part { items: ids.iter().map(session).collect(), until: until.map(|id| [id; 16]) }
    }

    #[test]
    fn nothing_is_listed_twice_and_nothing_beyond_what_is_known_of_all() {
        let (merged, until) =
            merge(part(&[1, 4, 7], 1, None), vec![part(&[2, 4, 5, 6], 9, None), part(&[5, 6], 10, Some(6))]);
        let listed: Vec<_> =
            merged.into_iter().map(|(id, session)| (id[0], session.attach_time.unwrap().seconds)).collect();
        assert_eq!(listed, [(1, 1), (2, 9), (4, 1), (5, 10), (6, 10)]);
        assert_eq!(until, Some([6; 16]));
        let (merged, until) = merge(part(&[1], 1, None), vec![part(&[9], 9, None)]);
        assert_eq!((merged.len(), until), (2, None));
    }
}
