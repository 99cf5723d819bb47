//! Why a WebSocket is closed: the one table of codes, which is also the clients' reconnect policy.

/// A close by the server. 44xx are Duet's own, from the range that RFC 6455 section 7.4.2 leaves to applications.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseCode {
    /// The answer to a client that closes.
    Normal,
    /// A framing error.
    ProtocolError,
    /// A binary frame.
    Unsupported,
    /// Text that isn't UTF-8.
    InvalidUtf8,
    /// Over the message rate for too long, too many bad messages, or too much unacknowledged.
    Policy,
    /// A message over the size limit.
    TooBig,
    /// Our fault.
    Internal,
    /// This gateway is draining.
    Restart,
    /// The client is too slow for its own messages.
    TryAgainLater,
    /// The identity is not proved, or not any more.
    Unauthorized,
    /// The session goes on over another connection.
    ResumedElsewhere,
    /// An operator ended the session.
    Closed,
}

impl CloseCode {
    /// All, in the order of [`place`](Self::place).
    pub const ALL: [CloseCode; 12] = [
        CloseCode::Normal,
        CloseCode::ProtocolError,
        CloseCode::Unsupported,
        CloseCode::InvalidUtf8,
        CloseCode::Policy,
        CloseCode::TooBig,
        CloseCode::Internal,
        CloseCode::Restart,
        CloseCode::TryAgainLater,
        CloseCode::Unauthorized,
        CloseCode::ResumedElsewhere,
        CloseCode::Closed,
    ];

    /// Its place among [`ALL`](Self::ALL), for tables.
    pub fn place(self) -> usize {
        match self {
            CloseCode::Normal => 0,
            CloseCode::ProtocolError => 1,
            CloseCode::Unsupported => 2,
            CloseCode::InvalidUtf8 => 3,
            CloseCode::Policy => 4,
            CloseCode::TooBig => 5,
            CloseCode::Internal => 6,
            CloseCode::Restart => 7,
            CloseCode::TryAgainLater => 8,
            CloseCode::Unauthorized => 9,
            CloseCode::ResumedElsewhere => 10,
            CloseCode::Closed => 11,
        }
    }

    /// The number on the wire.
    pub fn number(self) -> u16 {
        self.row().0
    }

    /// The reason that goes with it: for people, stable, without addresses or ids.
    pub fn reason(self) -> &'static str {
        self.row().1
    }

    /// Whether a session that may be resumed is kept after such a close.
    pub fn keeps_session(self) -> bool {
        match self {
            CloseCode::Internal | CloseCode::Restart | CloseCode::TryAgainLater | CloseCode::ResumedElsewhere => true,
            CloseCode::Normal
            | CloseCode::ProtocolError
            | CloseCode::Unsupported
            | CloseCode::InvalidUtf8
            | CloseCode::Policy
            | CloseCode::Unauthorized
            | CloseCode::Closed
            | CloseCode::TooBig => false,
        }
    }

    fn row(self) -> (u16, &'static str) {
        match self {
            CloseCode::Normal => (1000, ""),
            CloseCode::ProtocolError => (1002, "framing error"),
            CloseCode::Unsupported => (1003, "text messages only"),
            CloseCode::InvalidUtf8 => (1007, "text is not UTF-8"),
            CloseCode::Policy => (1008, "over a limit"),
            CloseCode::TooBig => (1009, "message too big"),
            CloseCode::Internal => (1011, "internal error"),
            CloseCode::Restart => (1012, "gateway is going away, reconnect"),
            CloseCode::TryAgainLater => (1013, "too slow to read its messages"),
            CloseCode::Unauthorized => (4401, "unauthorized"),
            CloseCode::ResumedElsewhere => (4409, "resumed elsewhere"),
            CloseCode::Closed => (4410, "closed by an operator"),
        }
    }
}
