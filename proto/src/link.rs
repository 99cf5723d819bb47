//! A link as both sides hold it, whatever carries it: who the other side is, a queue to push frames into, a stream of
//! batches to take. In one process the two ends are two queues; between processes gRPC lies in between.

use std::time::Duration;

use crate::bounds::{BATCH_BYTES, PROCESS_NAME};
use crate::frame::{DownFrame, UpFrame};
use crate::ids::BootId;
use crate::queue::{self, Limits, Receiver, Sender};
use crate::v1;

/// The version of the link that this code speaks.
pub const VERSION: u32 = 1;

/// What one direction of a link holds that the other side has not taken, unless it is set: some seconds of a busy worker.
pub const QUEUE_LIMITS: Limits = Limits { items: 65_536, bytes: 16 * 1024 * 1024, batch_bytes: BATCH_BYTES };

/// How either side of a link between processes finds that the other is gone without a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkPings {
    /// How often it asks.
    pub interval: Duration,
    /// How long it waits for the answer.
    pub timeout: Duration,
}

impl Default for LinkPings {
    fn default() -> Self {
        LinkPings { interval: Duration::from_secs(2), timeout: Duration::from_secs(5) }
    }
}

/// Who a gateway's worker is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayHello {
    /// The gateway's name.
    pub gateway: String,
    /// Its process.
    pub boot: BootId,
    /// The worker, from 0.
    pub worker: u32,
}

/// Who a matchmaker is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchmakerHello {
    /// The replica's name.
    pub replica: String,
    /// Its process.
    pub boot: BootId,
    /// The engine it shares its pools by, if any.
    pub engine: Option<String>,
}

/// The gateway's end of a link inside one process.
#[derive(Debug)]
pub struct GatewayEnd {
    /// Who is on the other side.
    pub hello: MatchmakerHello,
    /// To the matchmaker.
    pub up: Sender<UpFrame>,
    /// From the matchmaker.
    pub down: Receiver<DownFrame>,
}

/// The matchmaker's end of a link inside one process.
#[derive(Debug)]
pub struct MatchmakerEnd {
    /// Who is on the other side.
    pub hello: GatewayHello,
    /// From the gateway.
    pub up: Receiver<UpFrame>,
    /// To the gateway.
    pub down: Sender<DownFrame>,
}

/// A link inside one process, each direction of which holds so much.
pub fn memory(gateway: GatewayHello, matchmaker: MatchmakerHello, limits: Limits) -> (GatewayEnd, MatchmakerEnd) {
    let (up, up_out) = queue::bounded(limits);
    let (down, down_out) = queue::bounded(limits);
    (GatewayEnd { hello: matchmaker, up, down: down_out }, MatchmakerEnd { hello: gateway, up: up_out, down })
}

/// Why a hello was not understood. The text is for the other side's engineers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidHello(pub &'static str);

impl From<&GatewayHello> for v1::GatewayHello {
    fn from(hello: &GatewayHello) -> Self {
        v1::GatewayHello {
            version: VERSION,
            gateway_id: hello.gateway.clone(),
            boot_id: bytes::Bytes::copy_from_slice(hello.boot.as_bytes()),
            worker: hello.worker,
        }
    }
}

impl TryFrom<v1::GatewayHello> for GatewayHello {
    type Error = InvalidHello;

    fn try_from(hello: v1::GatewayHello) -> Result<Self, InvalidHello> {
        version(hello.version)?;
        Ok(GatewayHello {
            gateway: name(hello.gateway_id)?,
            boot: hello.boot_id[..].try_into().map_err(|_| InvalidHello("boot_id is not 16 bytes"))?,
            worker: hello.worker,
        })
    }
}

impl From<&MatchmakerHello> for v1::MatchmakerHello {
    fn from(hello: &MatchmakerHello) -> Self {
        v1::MatchmakerHello {
            version: VERSION,
            replica_id: hello.replica.clone(),
            boot_id: bytes::Bytes::copy_from_slice(hello.boot.as_bytes()),
            engine_id: hello.engine.clone().unwrap_or_default(),
        }
    }
}

impl TryFrom<v1::MatchmakerHello> for MatchmakerHello {
    type Error = InvalidHello;

    fn try_from(hello: v1::MatchmakerHello) -> Result<Self, InvalidHello> {
        version(hello.version)?;
        Ok(MatchmakerHello {
            replica: name(hello.replica_id)?,
            boot: hello.boot_id[..].try_into().map_err(|_| InvalidHello("boot_id is not 16 bytes"))?,
            engine: Some(hello.engine_id).filter(|engine| !engine.is_empty()),
        })
    }
}

fn version(version: u32) -> Result<(), InvalidHello> {
    if version == VERSION { Ok(()) } else { Err(InvalidHello("this version of the link is not served")) }
}

/// Whether the text can be a gateway's or replica's name: 1 to [`PROCESS_NAME`] characters, none a control character.
pub fn is_process_name(name: &str) -> bool {
    !name.is_empty() && name.chars().count() <= PROCESS_NAME && !name.chars().any(char::is_control)
}

fn name(name: String) -> Result<String, InvalidHello> {
    if is_process_name(&name) {
        Ok(name)
    } else {
        Err(InvalidHello("the process's name is empty, too long or has control characters"))
    }
}
