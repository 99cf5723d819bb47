//! Rooms of two, and how far each direction has come. Who meets and parts is decided in `matching.rs`.

use std::collections::BTreeMap;
use std::ops::{Bound, Index, IndexMut};

use duet_proto::frame::PoolName;
use duet_proto::ids::RoomId;
use duet_proto::time::Time;
use slab::Slab;

use crate::sessions::SessionKey;

/// A room inside the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RoomKey(usize);

/// One room.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) id: RoomId,
    pub(crate) pool: PoolName,
    pub(crate) created: Time,
    /// The initiator first.
    pub(crate) members: [Member; 2],
}

/// One of the two.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) session: SessionKey,
    /// How far its messages have come: see `forwarding.rs`.
    pub(crate) sent: u64,
    /// The highest of those that the other has acknowledged, or has said in an announcement that it has.
    pub(crate) acknowledged: u64,
    /// Whether it was told to repeat, and the repeat has not come yet.
    pub(crate) repeats: bool,
    /// The highest number that its gateway has shown. Above `sent`: the gateway keeps it, and will repeat it.
    pub(crate) newest: u64,
    /// Whether it was last told that the other is away.
    pub(crate) partner_away: bool,
}

impl Member {
    pub(crate) fn new(session: SessionKey) -> Self {
        Member { session, sent: 0, acknowledged: 0, repeats: false, newest: 0, partner_away: false }
    }
}

impl Room {
    /// A member and its partner.
    pub(crate) fn sides(&mut self, session: SessionKey) -> (&mut Member, &mut Member) {
        let [first, second] = &mut self.members;
        if first.session == session { (first, second) } else { (second, first) }
    }

    pub(crate) fn member(&self, session: SessionKey) -> &Member {
        let [first, second] = &self.members;
        if first.session == session { first } else { second }
    }

    pub(crate) fn partner_of(&self, session: SessionKey) -> SessionKey {
        let [first, second] = &self.members;
        if first.session == session { second.session } else { first.session }
    }
}

/// All rooms, by key, and in the order of ids.
#[derive(Debug, Default)]
pub(crate) struct Rooms {
    slab: Slab<Room>,
    by_id: BTreeMap<RoomId, RoomKey>,
}

impl Rooms {
    pub(crate) fn insert(&mut self, room: Room) -> RoomKey {
        let id = room.id;
        let key = RoomKey(self.slab.insert(room));
        self.by_id.insert(id, key);
        key
    }

    pub(crate) fn remove(&mut self, key: RoomKey) -> Room {
        let room = self.slab.remove(key.0);
        self.by_id.remove(&room.id);
        room
    }

    pub(crate) fn by_id(&self, id: RoomId) -> Option<&Room> {
        self.by_id.get(&id).map(|key| &self[*key])
    }

    /// In the order of ids.
    pub(crate) fn after(&self, id: Option<RoomId>) -> impl Iterator<Item = &Room> {
        let start = id.map_or(Bound::Unbounded, Bound::Excluded);
        self.by_id.range((start, Bound::Unbounded)).map(|(_, key)| &self[*key])
    }

    pub(crate) fn len(&self) -> usize {
        self.slab.len()
    }
}

impl Index<RoomKey> for Rooms {
    type Output = Room;

    fn index(&self, key: RoomKey) -> &Room {
        &self.slab[key.0]
    }
}

impl IndexMut<RoomKey> for Rooms {
    fn index_mut(&mut self, key: RoomKey) -> &mut Room {
        &mut self.slab[key.0]
    }
}
