//! Names of things, each a type of its own.

use std::fmt;

use uuid::Uuid;

use crate::v1;

/// Why bytes or text are no id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidId;

macro_rules! random_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// Makes a version 4 UUID (RFC 9562 section 5.4) of 16 bytes that nobody can guess.
            pub fn from_random(bytes: [u8; 16]) -> Self {
                Self(uuid::Builder::from_random_bytes(bytes).into_uuid())
            }

            /// The 16 bytes that travel in frames.
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// How many bytes [`fmt::Display`] writes.
            pub const LENGTH: usize = uuid::fmt::Hyphenated::LENGTH;

            /// Writes what [`fmt::Display`] does.
            ///
            /// # Panics
            ///
            /// When there is no room for [`LENGTH`](Self::LENGTH) bytes.
            pub fn write(&self, room: &mut [u8]) {
                self.0.hyphenated().encode_lower(room);
            }

            /// Whether the text is how [`fmt::Display`] writes this id.
            pub fn is_written(&self, text: &str) -> bool {
                self.0.hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()) == text
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = InvalidId;

            fn try_from(bytes: &[u8]) -> Result<Self, InvalidId> {
                Uuid::from_slice(bytes).map(Self).map_err(|_| InvalidId)
            }
        }

        /// Takes only the form that [`fmt::Display`] writes.
        impl std::str::FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let id = Self(Uuid::try_parse(text).map_err(|_| InvalidId)?);
                if id.is_written(text) { Ok(id) } else { Err(InvalidId) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }
    };
}

random_id! {
    /// A session as clients and services know it: `clientId`, and to the partner `partnerId`.
    ClientId
}
random_id! {
    /// A room as clients and services know it.
    RoomId
}
random_id! {
    /// One run of a process: tells a reconnect from a restart.
    BootId
}

/// A session on one link. Counted from 1 and never used again while the process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionNumber(pub u64);

/// One ticket of a session; see the message of the same name in `signaling.proto`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TicketNumber {
    /// Raised by the gateway.
    pub attempt: u32,
    /// Raised by the matchmaker.
    pub round: u32,
}

impl From<TicketNumber> for v1::TicketNumber {
    fn from(ticket: TicketNumber) -> Self {
        v1::TicketNumber { attempt: ticket.attempt, round: ticket.round }
    }
}

impl From<v1::TicketNumber> for TicketNumber {
    fn from(ticket: v1::TicketNumber) -> Self {
        TicketNumber { attempt: ticket.attempt, round: ticket.round }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_spelling() {
        let id = RoomId::from_random([0xab; 16]);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().to_uppercase().parse::<RoomId>(), Err(InvalidId));
        assert_eq!(id.to_string().replace('-', "").parse::<RoomId>(), Err(InvalidId));
    }

    #[test]
    fn ids_are_version_4_whatever_the_bytes() {
        assert_eq!(ClientId::from_random([0; 16]).to_string(), "00000000-0000-4000-8000-000000000000");
        assert_eq!(ClientId::from_random([255; 16]).to_string(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }
}
