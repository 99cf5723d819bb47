//! A text message that comes in pieces.

use duet_proto::close::CloseCode;

/// What has come of it. What is no UTF-8 is refused as soon as that is seen.
#[derive(Debug, Default)]
pub(super) struct Message {
    bytes: Vec<u8>,
    /// How much of it is UTF-8 for sure; what follows is the beginning of a character.
    checked: usize,
}

impl Message {
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn push(&mut self, part: &[u8]) -> Result<(), CloseCode> {
        self.bytes.extend_from_slice(part);
        match std::str::from_utf8(&self.bytes[self.checked..]) {
            Ok(_) => self.checked = self.bytes.len(),
            Err(error) if error.error_len().is_none() => self.checked += error.valid_up_to(),
            Err(_) => return Err(CloseCode::InvalidUtf8),
        }
        Ok(())
    }

    /// The text, now that all has come.
    pub(super) fn text(&self) -> Result<&str, CloseCode> {
        std::str::from_utf8(&self.bytes).map_err(|_| CloseCode::InvalidUtf8)
    }
}
