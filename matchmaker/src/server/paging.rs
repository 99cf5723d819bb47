//! Pages (google.aip.dev/158): their sizes, and the opaque tokens that lead from one to the next.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tonic::Status;

/// What is listed. A token of one is none for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listing {
    Sessions = 1,
    Rooms = 2,
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Page<Id> {
    listing: Listing,
    size: usize,
    /// Begins after this item, or at the start.
    pub(crate) after: Option<Id>,
}

impl<Id> Page<Id>
where
    Id: for<'a> TryFrom<&'a [u8]>,
{
    /// Reads the two fields of a request.
    pub(crate) fn asked(listing: Listing, page_size: i32, page_token: &str) -> Result<Self, Status> {
        let size = match usize::try_from(page_size) {
            Err(_) => return Err(Status::invalid_argument("page_size is negative")),
            Ok(0) => DEFAULT_SIZE,
            Ok(asked) => asked.min(GREATEST_SIZE),
        };
        let after = match page_token {
            "" => None,
            token => Some(read(listing, token).ok_or_else(not_ours)?),
        };
        Ok(Page { listing, size, after })
    }

    /// Takes the page from what is listed after its start. The token is empty if nothing is left.
    pub(crate) fn take<Item, Answer>(
        &self,
        listed: impl Iterator<Item = Item>,
        id: impl Fn(&Item) -> [u8; 16],
        answer: impl Fn(Item) -> Answer,
    ) -> (Vec<Answer>, String) {
        let mut listed = listed.peekable();
        let mut last = [0; 16];
        let page = listed.by_ref().take(self.size).inspect(|item| last = id(item)).map(answer).collect();
        let token = listed.peek().map_or_else(String::new, |_| write(self.listing, last));
        (page, token)
    }
}

fn write(listing: Listing, last: [u8; 16]) -> String {
    let mut bytes = [listing as u8; 17];
    bytes[1..].copy_from_slice(&last);
    URL_SAFE_NO_PAD.encode(bytes)
}

fn read<Id>(listing: Listing, token: &str) -> Option<Id>
where
    Id: for<'a> TryFrom<&'a [u8]>,
{
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (tag, id) = bytes.split_first()?;
    if *tag == listing as u8 { id.try_into().ok() } else { None }
}

fn not_ours() -> Status {
    Status::invalid_argument("page_token was not given by this method")
}

const DEFAULT_SIZE: usize = 50;
const GREATEST_SIZE: usize = 1_000;

#[cfg(test)]
mod tests {
    use duet_proto::ids::{ClientId, RoomId};

    use super::*;

    #[test]
    fn a_token_leads_on_from_its_item_and_only_in_its_own_listing() {
        let client = ClientId::from_random([9; 16]);
        let token = write(Listing::Sessions, *client.as_bytes());
        assert_eq!(Page::asked(Listing::Sessions, 0, &token).unwrap().after, Some(client));
        assert!(Page::<RoomId>::asked(Listing::Rooms, 0, &token).is_err());
        assert_eq!(Page::<RoomId>::asked(Listing::Rooms, 0, "").unwrap().after, None);
    }

    #[test]
    fn a_page_is_50_unless_asked_and_never_over_1000() {
        let size = |asked| Page::<RoomId>::asked(Listing::Rooms, asked, "").unwrap().size;
        assert_eq!([0, 7, 1_000, i32::MAX].map(size), [50, 7, 1_000, 1_000]);
        assert!(Page::<RoomId>::asked(Listing::Rooms, -1, "").is_err());
    }
}
