//! Resource names and page tokens (google.aip.dev/122 and 158): written here, and read back strictly.

use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
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

/// What is listed. A token of one is none for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listing {
    Sessions = 1,
    Rooms = 2,
}

/// The token of the page after this item.
pub(crate) fn page_token(listing: Listing, last: &[u8; 16]) -> String {
    let mut bytes = [listing as u8; 17];
    bytes[1..].copy_from_slice(last);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Where a page begins: after this item, or at the start.
pub(crate) fn page_start<Id>(listing: Listing, token: &str) -> Result<Option<Id>, Status>
where
    Id: for<'a> TryFrom<&'a [u8]>,
{
    if token.is_empty() {
        return Ok(None);
    }
    let invalid = || Status::invalid_argument("page_token was not given by this method");
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| invalid())?;
    match bytes.split_first() {
        Some((&tag, id)) if tag == listing as u8 => id.try_into().map(Some).map_err(|_| invalid()),
        _ => Err(invalid()),
    }
}

/// How many items a page has.
pub(crate) fn page_size(asked: i32) -> Result<usize, Status> {
    match usize::try_from(asked) {
        Err(_) => Err(Status::invalid_argument("page_size is negative")),
        Ok(0) => Ok(PAGE_DEFAULT),
        Ok(asked) => Ok(asked.min(PAGE_MOST)),
    }
}

const PAGE_DEFAULT: usize = 50;
const PAGE_MOST: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_leads_on_from_its_item_and_only_in_its_own_listing() {
        let client = ClientId::from_random([9; 16]);
        let token = page_token(Listing::Sessions, client.as_bytes());
        assert_eq!(page_start(Listing::Sessions, &token).unwrap(), Some(client));
        assert!(page_start::<RoomId>(Listing::Rooms, &token).is_err());
        assert_eq!(page_start::<RoomId>(Listing::Rooms, "").unwrap(), None);
    }

    #[test]
    fn a_page_is_50_unless_asked_and_never_over_1000() {
        assert_eq!([0, 7, 1_000, i32::MAX].map(|asked| page_size(asked).unwrap()), [50, 7, 1_000, 1_000]);
        assert!(page_size(-1).is_err());
    }
}
