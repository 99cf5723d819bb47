//! Client to server: from text to a message that can be trusted, or to the refusal that the client gets.

use std::fmt;
use std::time::Duration;

use serde_json::value::RawValue;

use super::object::Object;
use super::server::Refusal;
use super::signal::{Signal, SignalKind};
use crate::bounds;
use crate::frame::{Avoided, PoolName, Preferences, Region, Tag, Wishes};
use crate::token::ResumeToken;

/// A message, checked against its bounds.
#[derive(Clone, Debug)]
pub enum ClientMessage {
    /// Says who this is.
    Auth {
        /// Who the client says it is.
        user: Option<String>,
        /// What may prove it.
        token: Option<Token>,
    },
    /// Asks for a partner.
    Available(Wishes),
    /// For the partner.
    Signal {
        /// Which room the client means, if it says.
        room: Option<String>,
        /// What the partner gets.
        signal: Signal,
    },
    /// Leaves the partner and asks for another.
    Next {
        /// Which room the client means, if it says.
        room: Option<String>,
    },
    /// Leaves the room or the queue.
    Leave {
        /// Which room the client means, if it says.
        room: Option<String>,
    },
    /// Wants a `pong`.
    Ping {
        /// Comes back as it was written.
        id: Option<Box<RawValue>>,
    },
    /// How the call went.
    State {
        /// What the client's ICE came to.
        ice: IceState,
        /// How long it took, as the client says; more than [`bounds::CALL_SETUP`] is as good as nothing.
        setup: Option<Duration>,
        /// By which kind of candidate.
        candidate: Option<CandidateType>,
    },
    /// Files a report on the partner.
    Report {
        /// Which room the client means, if it says.
        room: Option<String>,
        /// Why.
        reason: String,
        /// More about why; may be empty.
        details: String,
    },
    /// Wants an earlier session back; only in the layer `duet.v1`.
    Resume {
        /// The session's; `None` for a text that is no token.
        token: Option<ResumeToken>,
        /// How often the client has asked with it, this time included; 0 when it doesn't say.
        attempt: u32,
    },
}

/// What may prove who a client is. Never shown, so that it reaches no log.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(pub String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// How a call went, as a client says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IceState {
    /// Media flows.
    Connected,
    /// Media stopped and may come back.
    Disconnected,
    /// Media will not flow.
    Failed,
}

impl IceState {
    /// All, in the order of [`place`](Self::place).
    pub const ALL: [IceState; 3] = [IceState::Connected, IceState::Disconnected, IceState::Failed];

    /// As on the wire.
    pub fn name(self) -> &'static str {
        match self {
            IceState::Connected => "connected",
            IceState::Disconnected => "disconnected",
            IceState::Failed => "failed",
        }
    }

    /// Its place among [`ALL`](Self::ALL), for tables.
    pub fn place(self) -> usize {
        self as usize
    }
}

/// Of which kind the candidate is that a call goes by (RFC 8839 section 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CandidateType {
    /// The client's own address.
    Host,
    /// Its address as a STUN server sees it.
    ServerReflexive,
    /// Its address as the partner sees it.
    PeerReflexive,
    /// A TURN server's.
    Relay,
    /// Something that no RFC knows.
    Other,
}

impl CandidateType {
    /// All, in the order of [`place`](Self::place).
    pub const ALL: [CandidateType; 5] = [
        CandidateType::Host,
        CandidateType::ServerReflexive,
        CandidateType::PeerReflexive,
        CandidateType::Relay,
        CandidateType::Other,
    ];

    /// As SDP has it.
    pub fn name(self) -> &'static str {
        match self {
            CandidateType::Host => "host",
            CandidateType::ServerReflexive => "srflx",
            CandidateType::PeerReflexive => "prflx",
            CandidateType::Relay => "relay",
            CandidateType::Other => "other",
        }
    }

    /// Its place among [`ALL`](Self::ALL), for tables.
    pub fn place(self) -> usize {
        self as usize
    }

    fn of(written: &str) -> Self {
        let known = CandidateType::ALL.into_iter().find(|known| known.name() == written);
        known.unwrap_or(CandidateType::Other)
    }
}

impl ClientMessage {
    /// Reads one message of the base layer. Nothing of a refused one has any effect.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let object = Object::parse(text).map_err(Refusal::invalid)?;
        Fields(&object).message()
    }
}

/// A message of the layer `duet.v1`.
#[derive(Clone, Debug)]
pub struct Numbered {
    /// Its number, if it has one.
    pub seq: Option<u64>,
    /// The highest number of the server's that the client has handled, if it says.
    pub ack: Option<u64>,
    /// What it says. A refused one still counts by its number.
    pub message: Result<ClientMessage, Refusal>,
}

impl Numbered {
    /// Reads one message. Refuses what is no object or has no proper numbers.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let object = Object::parse(text).map_err(Refusal::invalid)?;
        let fields = Fields(&object);
        let (seq, ack) = (fields.number("seq")?, fields.number("ack")?);
        if seq == Some(0) {
            return Err(field("seq", "begins at 1"));
        }
        let message = match fields.present("type") {
            Some("\"resume\"") => fields.resume(),
            _ => fields.message(),
        };
        // These may come at any time, and are never sent again.
        let is_outside = matches!(
            message,
            Ok(ClientMessage::Ping { .. } | ClientMessage::Auth { .. } | ClientMessage::Resume { .. })
        );
        if is_outside && seq.is_some() {
            return Err(field("seq", "is not for messages of this `type`"));
        }
        Ok(Numbered { seq, ack, message })
    }
}

/// The members of a message by what they must be. An optional member that is `null` counts as absent: that is what many
/// serializers write for it.
struct Fields<'a>(&'a Object<'a>);

impl Fields<'_> {
    fn message(&self) -> Result<ClientMessage, Refusal> {
        let fields = self;
        let kind = fields.required_text("type", usize::MAX)?;
        match kind.as_str() {
            "auth" => Ok(ClientMessage::Auth {
                user: fields.name("userId", bounds::USER_ID)?,
                token: fields.name("token", bounds::TOKEN)?.map(Token),
            }),
            "available" => fields.wishes().map(ClientMessage::Available),
            "offer" => fields.signal(SignalKind::Offer),
            "answer" => fields.signal(SignalKind::Answer),
            "ice" => fields.signal(SignalKind::Ice),
            "next" => Ok(ClientMessage::Next { room: fields.room()? }),
            "leave" => Ok(ClientMessage::Leave { room: fields.room()? }),
            "ping" => Ok(ClientMessage::Ping { id: fields.ping_id()? }),
            "state" => fields.state(),
            "report" => fields.report(),
            _ => Err(Refusal::unknown_type()),
        }
    }

    /// A text that is no token is as good as an unknown one.
    fn resume(&self) -> Result<ClientMessage, Refusal> {
        let token = self.required_text("token", bounds::TOKEN)?;
        let attempt = self.number("attempt")?.unwrap_or(0);
        let attempt = u32::try_from(attempt).map_err(|_| field("attempt", "is too large"))?;
        Ok(ClientMessage::Resume { token: ResumeToken::parse(&token), attempt })
    }

    fn wishes(&self) -> Result<Wishes, Refusal> {
        let pool = match self.text("pool", bounds::POOL)? {
            None => PoolName::default(),
            Some(name) => PoolName::new(&name).ok_or_else(|| field("pool", "is empty or has control characters"))?,
        };
        let preferences = Preferences {
            tags: self.tags()?,
            avoid: self.avoid()?,
            region: self.region()?,
            patience: self.milliseconds("patienceMs")?.map(whole_milliseconds),
            head_start: Duration::ZERO,
        };
        Ok(Wishes::new(pool, preferences))
    }

    /// As they are compared; what is the same then is one.
    fn tags(&self) -> Result<Vec<Tag>, Refusal> {
        let mut tags = Vec::new();
        for written in self.names("tags", bounds::TAGS, bounds::TAG)? {
            let tag = Tag::normalized(&written).ok_or_else(|| field("tags", "has a tag that is blank or too long"))?;
            if !tags.contains(&tag) {
                tags.push(tag);
            }
        }
        Ok(tags)
    }

    fn avoid(&self) -> Result<Vec<Avoided>, Refusal> {
        let names = self.names("avoid", bounds::AVOID, bounds::USER_ID)?;
        let avoided = |name: String| Avoided::new(&name).ok_or_else(|| field("avoid", "has what is no id"));
        names.into_iter().map(avoided).collect()
    }

    fn region(&self) -> Result<Option<Region>, Refusal> {
        let Some(written) = self.name("region", bounds::REGION)? else { return Ok(None) };
        Region::normalized(&written).map(Some).ok_or_else(|| field("region", "is blank or too long"))
    }

    fn signal(&self, kind: SignalKind) -> Result<ClientMessage, Refusal> {
        match kind {
            SignalKind::Offer | SignalKind::Answer => self.check_description()?,
            SignalKind::Ice => self.check_candidate()?,
        }
        Ok(ClientMessage::Signal { room: self.room()?, signal: Signal::new(kind, self.0) })
    }

    /// `sdp` is a string, or an object like an RTCSessionDescription, which has a string `sdp` itself.
    fn check_description(&self) -> Result<(), Refusal> {
        let raw = self.0.value("sdp").ok_or_else(|| field("sdp", "is missing"))?;
        let inner = if raw.starts_with('{') {
            Object::parse(raw).ok().and_then(|description| description.value("sdp").map(is_text))
        } else {
            Some(is_text(raw))
        };
        if inner == Some(true) {
            Ok(())
        } else {
            Err(field("sdp", "is neither a string nor an object with a string `sdp`"))
        }
    }

    fn check_candidate(&self) -> Result<(), Refusal> {
        let raw = self.0.value("candidate").ok_or_else(|| field("candidate", "is missing"))?;
        if raw.starts_with('{') || is_text(raw) || raw == "null" {
            Ok(())
        } else {
            Err(field("candidate", "is neither an object nor a string nor null"))
        }
    }

    fn room(&self) -> Result<Option<String>, Refusal> {
        self.text("roomId", bounds::ROOM_ID)
    }

    fn ping_id(&self) -> Result<Option<Box<RawValue>>, Refusal> {
        let Some(raw) = self.0.value("id") else { return Ok(None) };
        if raw.len() > bounds::PING_ID {
            return Err(field("id", "is too long"));
        }
        RawValue::from_string(raw.to_owned()).map(Some).map_err(|_| field("id", "is no JSON"))
    }

    fn state(&self) -> Result<ClientMessage, Refusal> {
        let ice = match self.required_text("ice", usize::MAX)?.as_str() {
            "connected" => IceState::Connected,
            "disconnected" => IceState::Disconnected,
            "failed" => IceState::Failed,
            _ => return Err(field("ice", "is neither connected nor disconnected nor failed")),
        };
        let setup = self.milliseconds("setupMs")?.map(whole_milliseconds).filter(|setup| *setup <= bounds::CALL_SETUP);
        let candidate = self.text("candidateType", bounds::CANDIDATE_TYPE)?;
        Ok(ClientMessage::State { ice, setup, candidate: candidate.as_deref().map(CandidateType::of) })
    }

    fn report(&self) -> Result<ClientMessage, Refusal> {
        let reason = self.required_text("reason", bounds::REPORT_REASON)?;
        if reason.is_empty() {
            return Err(field("reason", "is empty"));
        }
        let details = self.text("details", bounds::REPORT_DETAILS)?.unwrap_or_default();
        Ok(ClientMessage::Report { room: self.room()?, reason, details })
    }

    fn present(&self, name: &str) -> Option<&str> {
        self.0.value(name).filter(|raw| *raw != "null")
    }

    fn text(&self, name: &str, characters: usize) -> Result<Option<String>, Refusal> {
        self.present(name).map(|raw| text(name, raw, characters)).transpose()
    }

    fn required_text(&self, name: &str, characters: usize) -> Result<String, Refusal> {
        self.0.value(name).ok_or_else(|| field(name, "is missing")).and_then(|raw| text(name, raw, characters))
    }

    fn name(&self, name: &str, characters: usize) -> Result<Option<String>, Refusal> {
        self.text(name, characters)?.map(|value| printable(name, value)).transpose()
    }

    fn names(&self, name: &str, count: usize, characters: usize) -> Result<Vec<String>, Refusal> {
        let Some(raw) = self.present(name) else { return Ok(Vec::new()) };
        let elements: Vec<&RawValue> = serde_json::from_str(raw).map_err(|_| field(name, "is no array of strings"))?;
        if elements.len() > count {
            return Err(field(name, &format!("has more than {count} elements")));
        }
        let element = |raw: &&RawValue| text(name, raw.get(), characters).and_then(|value| printable(name, value));
        elements.iter().map(element).collect()
    }

    /// Up to what every JSON reader holds exactly (RFC 8259 section 6).
    fn number(&self, name: &str) -> Result<Option<u64>, Refusal> {
        let Some(raw) = self.present(name) else { return Ok(None) };
        let number = serde_json::from_str::<u64>(raw).ok().filter(|number| *number < 1 << 53);
        number.map(Some).ok_or_else(|| field(name, "is no number of a message"))
    }

    fn milliseconds(&self, name: &str) -> Result<Option<f64>, Refusal> {
        let Some(raw) = self.present(name) else { return Ok(None) };
        let number = serde_json::from_str::<f64>(raw).ok().filter(|number| *number >= 0.0);
        number.map(Some).ok_or_else(|| field(name, "is no number of milliseconds"))
    }
}

/// More than fits is as good as without end.
fn whole_milliseconds(milliseconds: f64) -> Duration {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it saturates, and is no negative number"
    )]
    Duration::from_millis((milliseconds as u64).min(u32::MAX.into()))
}

fn is_text(raw: &str) -> bool {
    raw.starts_with('"')
}

fn text(name: &str, raw: &str, characters: usize) -> Result<String, Refusal> {
    let value: String = serde_json::from_str(raw).map_err(|_| field(name, "is no string"))?;
    if value.chars().count() > characters {
        return Err(field(name, &format!("is longer than {characters} characters")));
    }
    Ok(value)
}

fn printable(name: &str, value: String) -> Result<String, Refusal> {
    if value.is_empty() || value.chars().any(char::is_control) {
        return Err(field(name, "is empty or has control characters"));
    }
    Ok(value)
}

fn field(name: &str, what: &str) -> Refusal {
    Refusal::invalid(format!("`{name}` {what}"))
}
