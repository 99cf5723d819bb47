//! Which gateways are linked, since when, and when one last lost a link: for who looks at the matchmaker. It decides nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use duet_proto::ids::BootId;
use duet_proto::link::GatewayHello;
use duet_proto::time::Time;

/// All that are known, by name.
#[derive(Debug, Default)]
pub(crate) struct Gateways(BTreeMap<String, Known>);

#[derive(Debug)]
struct Known {
    boot: BootId,
    /// As many as have linked since its process began.
    workers: u32,
    up: u32,
    since: Time,
    lost: Option<Time>,
}

/// One gateway at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayFigures {
    /// Its name.
    pub name: String,
    /// Workers that have linked since its process began.
    pub workers: u32,
    /// Links that are up.
    pub links: u32,
    /// Sessions on them.
    pub sessions: usize,
    /// For how long there has been a link without a break; `None` when there is none.
    pub linked_for: Option<Duration>,
    /// How long ago a link of it ended last.
    pub lost_ago: Option<Duration>,
}

impl Gateways {
    /// One of its workers has linked.
    pub(crate) fn link_up(&mut self, hello: &GatewayHello, now: Time) {
        self.forget(now);
        let fresh = Known { boot: hello.boot, workers: 0, up: 0, since: now, lost: None };
        let known = self.0.entry(hello.gateway.clone()).or_insert(fresh);
        if known.up == 0 {
            known.since = now;
        }
        if known.boot != hello.boot {
            (known.boot, known.workers) = (hello.boot, 0);
        }
        known.up += 1;
        known.workers = known.workers.max(hello.worker.saturating_add(1));
    }

    /// A link of it has ended.
    pub(crate) fn link_down(&mut self, name: &str, now: Time) {
        if let Some(known) = self.0.get_mut(name) {
            known.up = known.up.saturating_sub(1);
            known.lost = Some(now);
        }
        self.forget(now);
    }

    /// Those that are gone go first in the list: they are what somebody should look at. And how many are left out.
    pub(crate) fn figures<'a>(
        &self,
        loads: impl Iterator<Item = (&'a GatewayHello, usize)>,
        most: usize,
        now: Time,
    ) -> (Vec<GatewayFigures>, usize) {
        let mut sessions: BTreeMap<&str, usize> = BTreeMap::new();
        for (hello, load) in loads {
            *sessions.entry(&hello.gateway).or_default() += load;
        }
        let mut known: Vec<_> = self.0.iter().filter(|(_, known)| !known.is_forgotten(now)).collect();
        known.sort_by_key(|(_, known)| known.up >= known.workers);
        let left_out = known.len().saturating_sub(most);
        let figures = known.into_iter().take(most).map(|(name, known)| GatewayFigures {
            name: name.clone(),
            workers: known.workers,
            links: known.up,
            sessions: sessions.get(&**name).copied().unwrap_or(0),
            linked_for: (known.up > 0).then(|| now.since(known.since)),
            lost_ago: known.lost.map(|lost| now.since(lost)),
        });
        (figures.collect(), left_out)
    }

    /// Lets go of those that have been gone for long, and of the longest gone if they are too many.
    fn forget(&mut self, now: Time) {
        self.0.retain(|_, known| !known.is_forgotten(now));
        let gone = || self.0.iter().filter(|(_, known)| known.up == 0);
        if gone().count() > MAX_GONE
            && let Some(name) = gone().min_by_key(|(_, known)| known.lost).map(|(name, _)| name.clone())
        {
            self.0.remove(&name);
        }
    }
}

impl Known {
    fn is_forgotten(&self, now: Time) -> bool {
        self.up == 0 && self.lost.is_some_and(|lost| now.since(lost) >= GONE_FOR)
    }
}

/// How long a gateway without links is remembered.
const GONE_FOR: Duration = Duration::from_secs(60 * 60);
/// So many that have no link are remembered. Those that have one are as many as link.
const MAX_GONE: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    fn hello(gateway: &str, boot: u8, worker: u32) -> GatewayHello {
        GatewayHello { gateway: gateway.to_owned(), boot: BootId::from_random([boot; 16]), worker }
    }

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(seconds)
    }

    fn figures(gateways: &Gateways, loads: &[(GatewayHello, usize)], now: Time) -> Vec<GatewayFigures> {
        gateways.figures(loads.iter().map(|(hello, load)| (hello, *load)), 200, now).0
    }

    #[test]
    fn a_gateway_is_linked_while_one_of_its_links_is_up() {
        let mut gateways = Gateways::default();
        gateways.link_up(&hello("a", 1, 0), at(10));
        gateways.link_up(&hello("a", 1, 1), at(11));
        gateways.link_down("a", at(20));
        let loads = [(hello("a", 1, 0), 3), (hello("a", 1, 1), 4)];
        let seconds = Duration::from_secs;
        let mut expected = GatewayFigures {
            name: "a".to_owned(),
            workers: 2,
            links: 1,
            sessions: 7,
            linked_for: Some(seconds(20)),
            lost_ago: Some(seconds(10)),
        };
        assert_eq!(figures(&gateways, &loads, at(30)), [expected.clone()]);
        gateways.link_down("a", at(30));
        expected = GatewayFigures { links: 0, sessions: 0, linked_for: None, lost_ago: Some(seconds(5)), ..expected };
        assert_eq!(figures(&gateways, &[], at(35)), [expected.clone()]);
        gateways.link_up(&hello("a", 2, 0), at(40));
        expected = GatewayFigures {
            links: 1,
            workers: 1,
            linked_for: Some(seconds(5)),
            lost_ago: Some(seconds(15)),
            ..expected
        };
        assert_eq!(figures(&gateways, &[], at(45)), [expected], "its process is another");
    }

    #[test]
    fn those_that_lack_links_are_told_first_and_the_list_ends() {
        let mut gateways = Gateways::default();
        for name in ["a", "b", "c", "d"] {
            gateways.link_up(&hello(name, 1, 0), at(0));
        }
        gateways.link_down("c", at(1));
        let (told, more) = gateways.figures(std::iter::empty(), 2, at(2));
        assert_eq!((told.iter().map(|told| &*told.name).collect::<Vec<_>>(), more), (vec!["c", "a"], 2));
    }

    #[test]
    fn who_is_gone_is_forgotten_in_time_and_the_longest_gone_if_there_are_too_many() {
        let mut gateways = Gateways::default();
        gateways.link_up(&hello("gone", 1, 0), at(0));
        gateways.link_down("gone", at(1));
        assert_eq!(figures(&gateways, &[], at(3600)).len(), 1);
        assert_eq!(figures(&gateways, &[], at(3601)).len(), 0);
        for number in 0..MAX_GONE + 5 {
            let name = number.to_string();
            gateways.link_up(&hello(&name, 1, 0), at(4000 + number as u64));
            gateways.link_down(&name, at(4000 + number as u64));
        }
        assert_eq!(gateways.0.len(), MAX_GONE);
        assert!(!gateways.0.contains_key("4") && gateways.0.contains_key("5"));
    }
}
