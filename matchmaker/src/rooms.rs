//! Rooms of two, and how far each direction has come. Who meets and parts is decided in `matching.rs`.

use std::collections::{BTreeMap, VecDeque};
use std::ops::{Bound, Index, IndexMut};

use bytes::Bytes;
use duet_proto::bounds::{HANDED_OVER_BYTES, RESUME_MESSAGES};
use duet_proto::ids::RoomId;
use duet_proto::time::Time;
use slab::Slab;

use crate::pools::PoolKey;
use crate::sessions::SessionKey;

/// A room inside the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RoomKey(usize);

/// One room.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) id: RoomId,
    pub(crate) pool: PoolKey,
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
    /// The highest that its gateway announced to this machine, which did not see them come: a part may have been taken before.
    pub(crate) announced: u64,
    /// Whether it was last told that the other is away.
    pub(crate) partner_away: bool,
    /// The last that were passed on and are not acknowledged, if this one is resumable: for the next gateway, should there be one.
    kept: VecDeque<Bytes>,
    kept_bytes: usize,
}

impl Member {
    pub(crate) fn new(session: SessionKey) -> Self {
        Member {
            session,
            sent: 0,
            acknowledged: 0,
            repeats: false,
            newest: 0,
            announced: 0,
            partner_away: false,
            kept: VecDeque::new(),
            kept_bytes: 0,
        }
    }
}

impl Member {
    /// The other has everything up to this number, which is not above `sent`.
    pub(crate) fn acknowledge(&mut self, seq: u64) {
        self.acknowledged = self.acknowledged.max(seq);
        while self.kept.len() as u64 > self.sent - self.acknowledged {
            self.let_go();
        }
    }

    /// Its gateway is another. What it had from the one before and was not passed on is gone with that, and will be said again by
    /// its client, unless it was taken by another matchmaker: then it is missed, as its number shows.
    pub(crate) fn change_gateways(&mut self) {
        self.newest = self.sent.max(self.announced);
    }

    /// Keeps what has just been passed on.
    pub(crate) fn keep(&mut self, text: &Bytes) {
        self.kept_bytes += text.len();
        // A copy that does not hold on to the whole batch that it came in.
        self.kept.push_back(Bytes::copy_from_slice(text));
        while self.kept.len() > RESUME_MESSAGES || (self.kept_bytes > HANDED_OVER_BYTES && self.kept.len() > 1) {
            self.let_go();
        }
    }

    /// What is not acknowledged has not arrived. Its gateway will repeat it.
    pub(crate) fn take_back(&mut self) {
        self.sent = self.acknowledged;
        self.kept.clear();
        self.kept_bytes = 0;
    }

    /// What is kept up to the newest, oldest first.
    pub(crate) fn kept(&self) -> Vec<Bytes> {
        if self.newest > self.sent { Vec::new() } else { self.kept.iter().cloned().collect() }
    }

    fn let_go(&mut self) {
        self.kept_bytes -= self.kept.pop_front().map_or(0, |text| text.len());
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

    pub(crate) fn member_mut(&mut self, session: SessionKey) -> &mut Member {
        self.sides(session).0
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
