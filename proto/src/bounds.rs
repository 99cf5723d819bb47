//! How large the parts of a message may be. Bounds that an operator can set are settings of the gateway instead.

use std::time::Duration;

/// Levels of objects and arrays in a client's message, the message itself included.
pub const JSON_DEPTH: usize = 16;
/// Members of any object in a client's message.
pub const JSON_MEMBERS: usize = 64;
/// Bytes of a member's name in a client's message, as written.
pub const JSON_NAME: usize = 128;

/// Characters of a pool's name.
pub const POOL: usize = 64;
/// Tags that a client may ask for.
pub const TAGS: usize = 10;
/// Tags of a wish: the client's and the operator's.
pub const WISH_TAGS: usize = 20;
/// Those of them that a token may add.
pub const ASSIGNED_TAGS: usize = 10;
/// Characters of a tag.
pub const TAG: usize = 32;
/// Partners that a wish may exclude.
pub const AVOID: usize = 16;
/// Characters of a user's id, and of an id in `avoid`.
pub const USER_ID: usize = 128;
/// Characters of a token.
pub const TOKEN: usize = 4096;
/// Bytes of the claims that are shown to partners, as JSON.
pub const PUBLIC_CLAIMS: usize = 1024;
/// Characters of a region.
pub const REGION: usize = 64;
/// Characters of a `roomId` that a client sends back.
pub const ROOM_ID: usize = 64;
/// Bytes of a ping's `id`, as written.
pub const PING_ID: usize = 128;
/// Characters of a report's reason.
pub const REPORT_REASON: usize = 64;
/// Characters of a report's details.
pub const REPORT_DETAILS: usize = 1024;
/// A call that took longer to set up, as its client says, is not measured.
pub const CALL_SETUP: Duration = Duration::from_secs(120);
/// Characters of a candidate type in `state`.
pub const CANDIDATE_TYPE: usize = 16;
/// Characters of a gateway's or replica's name.
pub const PROCESS_NAME: usize = 128;

/// Messages that are kept for a resumable client until it acknowledges them.
pub const RESUME_MESSAGES: usize = 256;
/// Bytes of them, their overhead in memory included, unless a single one is larger.
pub const RESUME_BYTES: usize = 256 * 1024;
/// Bytes of a client's own messages that are handed over with its session, beside as many that are kept for it.
pub const HANDED_OVER_BYTES: usize = 128 * 1024;
/// The longest window in which a session may be resumed.
pub const RESUME_WINDOW: Duration = Duration::from_secs(600);

/// Bytes of frames that travel as one gRPC message, unless a single frame is larger.
pub const BATCH_BYTES: usize = 128 * 1024;
/// Bytes of one gRPC message on the link that are still decoded.
pub const LINK_MESSAGE_BYTES: usize = 512 * 1024;
