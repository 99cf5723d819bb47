//! What must be true in the end: everybody believes what the matchmaker knows, all that was said in a room that lasts has arrived, and
//! nobody waits beside somebody who would do.

use duet_matchmaker::SessionState;

use super::client::{Client, Layer, Stage};
use super::world::World;

/// How much happened in some runs.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) runs: u64,
    /// Partners' messages that arrived.
    pub(super) heard: u64,
    pub(super) resumes: u64,
    pub(super) deaths: u64,
}

impl Tally {
    pub(super) fn add(&mut self, other: &Tally) {
        self.runs += other.runs;
        self.heard += other.heard;
        self.resumes += other.resumes;
        self.deaths += other.deaths;
    }

    /// Whether enough happened to prove something. A single run may be a quiet one.
    pub(super) fn is_telling(&self) -> bool {
        self.runs < 100 || self.heard > 5 * self.runs && self.resumes > self.runs && self.deaths > self.runs / 4
    }
}

pub(super) fn all_agree(world: &World) {
    let waiting: Vec<_> = world.clients.iter().filter(|client| client.waits).collect();
    assert!(waiting.len() < 2, "they wait for each other: {waiting:#?}");
    for client in &world.clients {
        assert_eq!(client.stage, Stage::Ready);
        agrees_with_matchmaker(client, world);
        if let Some(room) = &client.room {
            let partner = partner(client, world);
            let other = partner.room.as_ref().expect("a partner is in the room, too");
            assert_eq!((&other.id, Some(&other.partner)), (&room.id, client.id.as_ref()));
            assert_eq!(room.received, other.sent, "all that was said has arrived, in {}", room.id);
            assert!(!room.partner_away, "it is back");
        }
    }
}

fn agrees_with_matchmaker(client: &Client, world: &World) {
    let id = client.id.as_ref().expect("it is connected").parse().unwrap();
    let known = world.matchmaker.session(id).unwrap_or_else(|| panic!("nobody knows {client:?}"));
    assert!(!known.detached, "it is here");
    match known.state {
        SessionState::Idle => {
            assert!(client.room.is_none() && !client.waits && !client.asked, "it is idle: {client:?}");
        }
        SessionState::Waiting { .. } => assert!(client.waits, "it waits: {client:?}"),
        SessionState::Matched { room } => {
            assert_eq!(client.room.as_ref().map(|room| room.id.clone()), Some(room.to_string()), "{client:?}");
        }
    }
    assert!(client.layer == Layer::Base || client.has_nothing_left_to_say(), "all is taken: {client:?}");
}

fn partner<'a>(client: &Client, world: &'a World) -> &'a Client {
    let partner = client.room.as_ref().map(|room| room.partner.clone());
    world.clients.iter().find(|other| other.id == partner).expect("a partner is somebody")
}
