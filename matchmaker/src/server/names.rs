//! Resource names (google.aip.dev/122): written here, and read back strictly.

use std::str::FromStr;

use duet_proto::ids::{ClientId, RoomId};
use tonic::Status;

/// `sessions/{session}`.
pub(crate) fn of_session(client: ClientId) -> String {
    format!("sessions/{client}")
}

/// `rooms/{room}`.
pub(crate) fn of_room(room: RoomId) -> String {
    format!("rooms/{room}")
}

/// Reads `sessions/{session}`.
pub(crate) fn session(name: &str) -> Result<ClientId, Status> {
    id(name, "sessions/")
        .ok_or_else(|| Status::invalid_argument("name is not sessions/{session} with a UUID in lower case"))
}

/// Reads `rooms/{room}`.
pub(crate) fn room(name: &str) -> Result<RoomId, Status> {
    id(name, "rooms/").ok_or_else(|| Status::invalid_argument("name is not rooms/{room} with a UUID in lower case"))
}

fn id<Id: FromStr>(name: &str, collection: &str) -> Option<Id> {
    name.strip_prefix(collection)?.parse().ok()
}
