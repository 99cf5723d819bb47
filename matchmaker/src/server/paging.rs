//! Pages (google.aip.dev/158): their sizes, and the opaque tokens that lead from one to the next.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use tonic::Status;

use super::refusals::invalid;

/// What is listed. A token of one is none for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listing {
    Sessions = 1,
    Rooms = 2,
    Pools = 3,
    BlockedUsers = 4,
}

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    head: Head,
    size: usize,
    after: Option<Vec<u8>>,
}

/// What a token belongs to: the listing and the filter.
type Head = [u8; 9];

impl Page {
    /// Reads the fields of a request.
    pub(crate) fn asked(listing: Listing, page_size: i32, page_token: &str, filter: &str) -> Result<Self, Status> {
        let size = match usize::try_from(page_size) {
            Err(_) => return Err(invalid("page_size", "is negative")),
            Ok(0) => DEFAULT_SIZE,
            Ok(asked) => asked.min(GREATEST_SIZE),
        };
        let head = head(listing, filter);
        let after = match page_token {
            "" => None,
            token => Some(read(head, token).ok_or_else(not_ours)?),
        };
        Ok(Page { head, size, after })
    }

    /// The item that the page begins after, if it is not the first.
    pub(crate) fn after<'a, Id: TryFrom<&'a [u8]>>(&'a self) -> Result<Option<Id>, Status> {
        let read = |bytes: &'a Vec<u8>| Id::try_from(bytes.as_slice()).map_err(|_| not_ours());
        self.after.as_ref().map(read).transpose()
    }

    /// The same of what is named by text.
    pub(crate) fn after_text(&self) -> Result<Option<&str>, Status> {
        let read = |bytes| std::str::from_utf8(bytes).map_err(|_| not_ours());
        self.after.as_deref().map(read).transpose()
    }

    /// How many it has at most.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// The token of the page that begins after an item.
    pub(crate) fn token_after(&self, last: &[u8]) -> String {
        write(self.head, last)
    }

    /// Takes the page from what is listed after its start. The token is empty if nothing is left.
    pub(crate) fn take<Item, Id: AsRef<[u8]>, Answer>(
        &self,
        listed: impl Iterator<Item = Item>,
        id: impl Fn(&Item) -> Id,
        is_wanted: impl Fn(&Item) -> bool,
        answer: impl Fn(Item) -> Answer,
    ) -> (Vec<Answer>, String) {
        let mut listed = listed.peekable();
        let (mut page, mut looked_at) = (Vec::new(), 0);
        let mut last = None;
        while page.len() < self.size && looked_at < LOOKED_AT_MOST {
            let Some(item) = listed.next() else { break };
            looked_at += 1;
            last = Some(id(&item));
            if is_wanted(&item) {
                page.push(answer(item));
            }
        }
        let is_last = listed.peek().is_none();
        let token = last.filter(|_| !is_last).map_or_else(String::new, |last| write(self.head, last.as_ref()));
        (page, token)
    }
}

fn head(listing: Listing, filter: &str) -> Head {
    let mut head = [listing as u8; 9];
    head[1..].copy_from_slice(&Sha256::digest(filter)[..8]);
    head
}

fn write(head: Head, last: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode([&head, last].concat())
}

fn read(head: Head, token: &str) -> Option<Vec<u8>> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    bytes.strip_prefix(&head).map(<[u8]>::to_vec)
}

fn not_ours() -> Status {
    invalid("page_token", "was not given by this method for this filter")
}

const DEFAULT_SIZE: usize = 50;
const GREATEST_SIZE: usize = 1_000;
/// Of those that a filter leaves out, too: a page is made under the matchmaker's lock.
const LOOKED_AT_MOST: usize = 20_000;

#[cfg(test)]
mod tests {
    use duet_proto::ids::{ClientId, RoomId};

    use super::*;

    fn next_of(listing: Listing, filter: &str, last: ClientId) -> String {
        write(head(listing, filter), last.as_bytes())
    }

    #[test]
    fn a_token_leads_on_from_its_item_and_only_in_its_own_listing_under_its_own_filter() {
        let client = ClientId::from_random([9; 16]);
        let token = next_of(Listing::Sessions, "pool=a", client);
        let page = Page::asked(Listing::Sessions, 0, &token, "pool=a").unwrap();
        assert_eq!(page.after::<ClientId>().unwrap(), Some(client));
        assert!(Page::asked(Listing::Rooms, 0, &token, "pool=a").is_err());
        assert!(Page::asked(Listing::Sessions, 0, &token, "pool=b").is_err());
        assert_eq!(Page::asked(Listing::Rooms, 0, "", "").unwrap().after::<RoomId>().unwrap(), None);
        let short = write(head(Listing::Rooms, ""), b"short");
        assert!(Page::asked(Listing::Rooms, 0, &short, "").unwrap().after::<RoomId>().is_err());
    }

    #[test]
    fn a_page_is_50_unless_asked_and_never_over_1000() {
        let size = |asked| Page::asked(Listing::Rooms, asked, "", "").unwrap().size;
        assert_eq!([0, 7, 1_000, i32::MAX].map(size), [50, 7, 1_000, 1_000]);
        assert!(Page::asked(Listing::Rooms, -1, "", "").is_err());
    }

    #[test]
    fn a_page_looks_at_so_many_and_leads_on_from_there() {
        let page = Page::asked(Listing::Rooms, 1, "", "x").unwrap();
        let numbers = 0..50_000_u32;
        let (found, token) = page.take(numbers, |n| n.to_be_bytes(), |n| *n == 49_999, |n| n);
        assert!(found.is_empty());
        let next = Page::asked(Listing::Rooms, 1, &token, "x").unwrap();
        assert_eq!(next.after, Some(19_999_u32.to_be_bytes().to_vec()));
        let (found, token) = next.take(49_000..50_000_u32, |n| n.to_be_bytes(), |n| *n == 49_999, |n| n);
        assert_eq!((found, token.as_str()), (vec![49_999], ""));
    }
}
