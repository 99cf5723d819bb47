//! Resource names (google.aip.dev/122): written here, and read back strictly.

use std::str::FromStr;

use duet_proto::frame::PoolName;
use duet_proto::ids::{ClientId, RoomId};
use tonic::Status;

use super::refusals::invalid;

/// `sessions/{session}`.
pub(crate) fn of_session(client: ClientId) -> String {
    format!("sessions/{client}")
}

/// `rooms/{room}`.
pub(crate) fn of_room(room: RoomId) -> String {
    format!("rooms/{room}")
}

/// `pools/{pool}`.
pub(crate) fn of_pool(pool: &PoolName) -> String {
    format!("pools/{}", pool.as_str())
}

/// Reads `sessions/{session}` in the field of that name.
pub(crate) fn session(field: &str, name: &str) -> Result<ClientId, Status> {
    id(name, "sessions/").ok_or_else(|| invalid(field, "is not sessions/{session} with a UUID in lower case"))
}

/// Reads `rooms/{room}`.
pub(crate) fn room(field: &str, name: &str) -> Result<RoomId, Status> {
    id(name, "rooms/").ok_or_else(|| invalid(field, "is not rooms/{room} with a UUID in lower case"))
}

/// Reads `pools/{pool}`.
pub(crate) fn pool(field: &str, name: &str) -> Result<PoolName, Status> {
    let pool = name.strip_prefix("pools/").and_then(PoolName::new);
    pool.ok_or_else(|| invalid(field, "is not pools/{pool} with a name of 1 to 64 printable characters"))
}

fn id<Id: FromStr>(name: &str, collection: &str) -> Option<Id> {
    name.strip_prefix(collection)?.parse().ok()
}
