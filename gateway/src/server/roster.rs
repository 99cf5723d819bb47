//! Which matchmakers there are, by slot: one table for all workers, each of which keeps a link to every matchmaker in it.
//!
//! A matchmaker that was found by a name has its slot until the name has lost its address and no worker has a link to it any more; then
//! the slot may be another's.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use duet_proto::link::MatchmakerHello;
use tokio::sync::{Notify, watch};

use super::discovery::DnsAddress;
use super::matchmakers::{Matchmakers, Target};
use super::tally::LinkTally;

/// How many matchmakers a gateway links to at most.
pub const MAX_MATCHMAKERS: usize = 64;

/// One of the matchmakers.
#[derive(Debug)]
pub(super) struct Matchmaker {
    /// Where it is, as it was set or found.
    pub(super) name: String,
    pub(super) target: Target,
    /// By which of the names it was found, and where.
    found: Option<(usize, SocketAddr)>,
    /// Whether its name has no longer this address.
    is_gone: AtomicBool,
    /// Of each worker's link to it.
    pub(super) tallies: Box<[LinkTally]>,
}

impl Matchmaker {
    /// Whether no new link to it is to be made.
    pub(super) fn is_gone(&self) -> bool {
        self.is_gone.load(Ordering::Relaxed)
    }
}

/// The table.
#[derive(Debug)]
pub(super) struct Roster {
    workers: usize,
    /// To be looked up.
    pub(super) names: Vec<DnsAddress>,
    slots: Mutex<Box<[Option<Held>]>>,
    changes: watch::Sender<()>,
    /// Tells that the names had better be looked up.
    pub(super) doubts: Notify,
    engine: Mutex<Engine>,
}

#[derive(Clone, Debug)]
struct Held {
    matchmaker: Arc<Matchmaker>,
    /// Workers that keep a link to it.
    holders: usize,
}

/// What the matchmakers share that are linked to.
#[derive(Debug, Default)]
struct Engine {
    id: Option<String>,
    links: usize,
    was_linked: bool,
}

/// Why a matchmaker is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// The settings make no sense.
    Misconfigured(String),
    /// It does not go together with those that are linked to.
    Refused(String),
    /// It is one of those that are linked to.
    Twin(String),
}

impl Roster {
    pub(super) fn new(matchmakers: Matchmakers, workers: usize) -> Self {
        let (targets, names) = matchmakers.targets();
        if targets.len() > MAX_MATCHMAKERS {
            tracing::error!(given = targets.len(), used = MAX_MATCHMAKERS, "more matchmakers than a gateway links to");
        }
        let capacity = if names.is_empty() { targets.len().clamp(1, MAX_MATCHMAKERS) } else { MAX_MATCHMAKERS };
        let held = |(name, target)| Some(Held::new(name, target, None, workers));
        let mut slots: Vec<Option<Held>> = targets.into_iter().map(held).collect();
        slots.resize(capacity, None);
        let (slots, changes) = (Mutex::new(slots.into()), watch::Sender::new(()));
        Roster { workers, names, slots, changes, doubts: Notify::new(), engine: Mutex::default() }
    }

    fn slots(&self) -> MutexGuard<'_, Box<[Option<Held>]>> {
        self.slots.lock().expect("no code that holds this lock panics")
    }

    /// How many slots there are; this never changes.
    pub(super) fn capacity(&self) -> usize {
        self.slots().len()
    }

    /// How many matchmakers there are, those left out whose name has lost their address.
    pub(super) fn count(&self) -> usize {
        self.all().iter().filter(|matchmaker| !matchmaker.is_gone()).count()
    }

    /// All there are, by slot.
    pub(super) fn all(&self) -> Vec<Arc<Matchmaker>> {
        self.slots().iter().flatten().map(|held| held.matchmaker.clone()).collect()
    }

    /// Resolves when there is something new to hold.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// Those that a worker does not hold yet, with their slots; it holds them from now on.
    pub(super) fn hold(&self, is_held: impl Fn(usize) -> bool) -> Vec<(usize, Arc<Matchmaker>)> {
        let mut slots = self.slots();
        let new = slots.iter_mut().enumerate().filter_map(|(slot, held)| Some((slot, held.as_mut()?)));
        let new = new.filter(|(slot, held)| !is_held(*slot) && !held.matchmaker.is_gone());
        new.map(|(slot, held)| {
            held.holders += 1;
            (slot, held.matchmaker.clone())
        })
        .collect()
    }

    /// A worker keeps no link to it any more.
    pub(super) fn release(&self, slot: usize) {
        let mut slots = self.slots();
        if let Some(held) = &mut slots[slot] {
            held.holders = held.holders.saturating_sub(1);
            if held.is_over() {
                slots[slot] = None;
            }
        }
        drop(slots);
        // It may have been found again meanwhile.
        self.changes.send_replace(());
    }

    /// A name has these addresses. Tells how many of them found no slot.
    pub(super) fn found(&self, name: usize, addresses: &[SocketAddr]) -> usize {
        let mut slots = self.slots();
        for slot in slots.iter_mut() {
            let Some(held) = slot else { continue };
            if let Some((_, address)) = held.matchmaker.found.filter(|(by, _)| *by == name) {
                held.matchmaker.is_gone.store(!addresses.contains(&address), Ordering::Relaxed);
            }
            if held.is_over() {
                *slot = None;
            }
        }
        let mut left_out = 0;
        for address in addresses {
            if slots.iter().flatten().any(|held| held.matchmaker.found == Some((name, *address))) {
                continue;
            }
            match slots.iter_mut().find(|slot| slot.is_none()) {
                Some(slot) => {
                    let (text, target) = self.names[name].at(*address);
                    *slot = Some(Held::new(text, target, Some((name, *address)), self.workers));
                }
                None => left_out += 1,
            }
        }
        drop(slots);
        self.changes.send_replace(());
        left_out
    }

    /// A link was made to a matchmaker that says this of itself: it is used unless it is unfit.
    pub(super) fn join(&self, hello: &MatchmakerHello) -> Result<(), Unfit> {
        let count = self.count();
        let mut engine = self.engine.lock().expect("no code that holds this lock panics");
        if count > 1 && hello.engine.is_none() {
            let why = format!(
                "MATCHMAKER_URL names {count} matchmakers, but {} shares no engine with others: clients of different \
                 matchmakers would never meet. Name one.",
                hello.replica
            );
            return Err(if engine.was_linked { Unfit::Refused(why) } else { Unfit::Misconfigured(why) });
        }
        if engine.links > 0 && engine.id != hello.engine {
            let name = |id: &Option<String>| id.clone().unwrap_or_else(|| "none".to_owned());
            let (its, others, replica) = (name(&hello.engine), name(&engine.id), &hello.replica);
            return Err(Unfit::Refused(format!("{replica} shares engine {its}, and those linked to share {others}")));
        }
        engine.id.clone_from(&hello.engine);
        engine.links += 1;
        engine.was_linked = true;
        Ok(())
    }

    /// Such a link has ended.
    pub(super) fn leave(&self) {
        self.engine.lock().expect("no code that holds this lock panics").links -= 1;
    }
}

impl Held {
    fn new(name: String, target: Target, found: Option<(usize, SocketAddr)>, workers: usize) -> Self {
        let tallies = (0..workers).map(|_| LinkTally::new()).collect();
        let matchmaker = Matchmaker { name, target, found, is_gone: AtomicBool::new(false), tallies };
        Held { matchmaker: Arc::new(matchmaker), holders: 0 }
    }

    fn is_over(&self) -> bool {
        self.holders == 0 && self.matchmaker.is_gone()
    }
}

#[cfg(test)]
mod tests {
    use duet_proto::ids::BootId;

    use super::super::matchmakers::Address;
    use super::*;

    fn found_by_name(workers: usize) -> Roster {
        let name = DnsAddress::plain(&"http://matchmakers:50051".parse().unwrap()).unwrap();
        Roster::new(Matchmakers::Grpc(vec![Address::Dns(name)]), workers)
    }

    fn address(number: u8) -> SocketAddr {
        ([127, 0, 0, number], 50051).into()
    }

    fn hello(engine: Option<&str>) -> MatchmakerHello {
        let (replica, boot) = ("matchmaker-1".to_owned(), BootId::from_random([1; 16]));
        MatchmakerHello { replica, boot, engine: engine.map(str::to_owned) }
    }

    fn names(held: &[(usize, Arc<Matchmaker>)]) -> Vec<(usize, &str)> {
        held.iter().map(|(slot, matchmaker)| (*slot, matchmaker.name.as_str())).collect()
    }

    #[test]
    fn a_slot_is_anothers_once_its_address_has_gone_and_no_worker_holds_it() {
        let roster = found_by_name(2);
        assert_eq!(roster.found(0, &[address(1), address(2)]), 0);
        let [one, two] = [(); 2].map(|()| roster.hold(|_| false));
        assert_eq!(names(&one), [(0, "http://127.0.0.1:50051"), (1, "http://127.0.0.2:50051")]);
        assert_eq!(names(&one), names(&two));
        assert!(roster.hold(|slot| slot < 2).is_empty());

        roster.found(0, &[address(2), address(3)]);
        assert!(one[0].1.is_gone(), "it has its links until they break");
        assert_eq!(names(&roster.hold(|slot| slot < 2)), [(2, "http://127.0.0.3:50051")]);
        roster.release(0);
        roster.found(0, &[address(2), address(3), address(4)]);
        assert_eq!(names(&roster.hold(|slot| slot < 3)), [(3, "http://127.0.0.4:50051")], "one worker holds slot 0");
        roster.release(0);
        roster.found(0, &[address(2), address(3), address(4), address(5)]);
        assert_eq!(names(&roster.hold(|slot| (1..4).contains(&slot))), [(0, "http://127.0.0.5:50051")]);
    }

    #[test]
    fn an_address_that_comes_back_keeps_its_slot() {
        let roster = found_by_name(1);
        roster.found(0, &[address(1)]);
        let held = roster.hold(|_| false);
        roster.found(0, &[]);
        assert_eq!(roster.count(), 0);
        roster.found(0, &[address(1)]);
        assert_eq!((roster.count(), held[0].1.is_gone()), (1, false));
    }

    #[test]
    fn there_are_so_many_matchmakers_and_no_more() {
        let roster = found_by_name(1);
        let many: Vec<SocketAddr> = (1..=70).map(address).collect();
        assert_eq!(roster.found(0, &many), 70 - MAX_MATCHMAKERS);
        assert_eq!(roster.hold(|_| false).len(), MAX_MATCHMAKERS);
    }

    #[test]
    fn several_must_share_one_engine() {
        let roster = found_by_name(1);
        roster.found(0, &[address(1), address(2)]);
        assert!(matches!(roster.join(&hello(None)), Err(Unfit::Misconfigured(_))));
        assert_eq!(roster.join(&hello(Some("a"))), Ok(()));
        assert!(matches!(roster.join(&hello(Some("b"))), Err(Unfit::Refused(_))));
        assert!(matches!(roster.join(&hello(None)), Err(Unfit::Refused(_))), "calls go on that need not end");
        assert_eq!(roster.join(&hello(Some("a"))), Ok(()));
        roster.leave();
        roster.leave();
        assert_eq!(roster.join(&hello(Some("b"))), Ok(()), "none is left of the other engine");
    }

    #[test]
    fn one_needs_no_engine_but_the_next_one_must_not_differ() {
        let roster = found_by_name(1);
        roster.found(0, &[address(1)]);
        assert_eq!(roster.join(&hello(None)), Ok(()));
        roster.found(0, &[address(1), address(2)]);
        assert!(matches!(roster.join(&hello(Some("a"))), Err(Unfit::Refused(_))));
    }
}
