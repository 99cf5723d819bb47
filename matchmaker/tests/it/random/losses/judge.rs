//! What must hold in a run with losses: after each input, at each room's end, and once all has come to rest.

use std::collections::{BTreeMap, BTreeSet};

use duet_matchmaker::SessionState;
use duet_proto::frame::{Down, DownFrame};
use duet_proto::ids::ClientId;
use duet_proto::time::Time;

use super::super::model::{Belief, Model};
use super::Run;

impl Run {
    pub(super) fn waiters_keep_their_places(&mut self) {
        let waiting = self.machine.sessions_after(None).filter_map(|session| match session.state {
            SessionState::Waiting { since } => Some((session.client, since)),
            SessionState::Idle | SessionState::Matched { .. } => None,
        });
        let places: BTreeMap<_, _> = waiting.collect();
        for (client, since) in &places {
            let known = self.places.get(client);
            assert!(known.is_none_or(|known| since <= known), "{client} has moved back from {known:?} to {since:?}");
        }
        self.places = places;
    }

    pub(super) fn nobody_is_in_two_rooms(&self) {
        let mut seen = BTreeSet::new();
        for member in self.machine.rooms_after(None).flat_map(|room| room.members) {
            assert!(seen.insert(member.client), "in two rooms, or with oneself");
        }
    }

    /// Rooms of gateways that take longer than the grace.
    pub(super) fn mark_late(&mut self) {
        let is_late = |away: Time| self.now.since(away) >= self.config.link_grace;
        let late = self.gateways.iter().filter(|gateway| gateway.away.is_some_and(is_late));
        self.late.extend(late.flat_map(|gateway| gateway.sessions.values()).filter_map(Model::room));
    }

    /// A room lasts while both sides believe in it, unless a gateway was away for too long.
    pub(super) fn no_room_ends_without_cause(&mut self, gateway: usize, frame: &DownFrame) {
        let Down::PartnerLeft { ticket, .. } = frame.kind else { return };
        self.mark_late();
        let model = self.gateways[gateway].sessions.get_mut(&frame.session);
        let Some(talk) = model.and_then(|model| model.talk(ticket)) else { return };
        let (room, partner) = (talk.room, talk.partner);
        let mut others = self.gateways.iter().flat_map(|gateway| gateway.sessions.values());
        let still_there = others.any(|model| model.client == partner && model.room() == Some(room));
        assert!(!still_there || self.late.contains(&room), "{room} has ended while both sides were in it");
    }

    pub(super) fn all_agree(&self) {
        let models: BTreeMap<ClientId, &Model> = self
            .gateways
            .iter()
            .flat_map(|gateway| gateway.sessions.values())
            .map(|model| (model.client, model))
            .collect();
        assert_eq!(self.machine.stats(self.machine_now()).sessions, models.len(), "nobody is left behind");
        for model in models.values() {
            let state = self.machine.session(model.client).unwrap().state;
            match (&model.doing, state) {
                (Belief::Idle, SessionState::Idle) => {}
                (Belief::Seeking { .. }, SessionState::Waiting { .. }) => {}
                (Belief::Talking(talk), SessionState::Matched { room }) if talk.room == room => {
                    assert!(self.machine.room(room).is_some());
                    let Belief::Talking(other) = &models[&talk.partner].doing else { panic!("talks alone") };
                    assert_eq!((other.room, other.partner, other.received), (room, model.client, talk.sent));
                    assert!(talk.may_send);
                }
                disagreement => panic!("{} {disagreement:?}", model.client),
            }
        }
        for pool in self.machine.pools(self.machine_now()) {
            assert!(pool.waiting <= 1, "two wait who suit each other");
        }
    }
}
