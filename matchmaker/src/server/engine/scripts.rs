//! Requests as commands that run Lua scripts, and what these answer as replies.
//!
//! Nothing here waits or connects, so that tests run the same scripts over a connection of their own.

use std::time::Duration;

use duet_proto::frame::Avoided;
use duet_proto::ids::{ClientId, TicketNumber};
use redis::{Cmd, Value};
use sha1::{Digest, Sha1};

use super::keys::Namespace;
use super::stored::{self, microseconds};
use crate::PoolKey;
use crate::engine::{Mark, Reply, Request, Seek};

/// How long a home's tickets are kept after it was last heard of.
pub const LEASE: Duration = Duration::from_secs(5);
/// How long a waiter that was found is not found by others.
pub const CLAIM: Duration = Duration::from_secs(3);
/// Numbers of arrival are as long in an order as this one.
const MOST_ARRIVALS: u64 = 0xffff_ffff_ffff;
/// How long a pool's keys are kept after it was last renewed.
const KEPT: Duration = Duration::from_secs(60);

/// One replica since it last began anew. Tickets belong to one, and go when its lease has run out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home(pub Box<str>);

/// A script of the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    /// Finds somebody, or keeps the ticket.
    Seek,
    /// A ticket waits no longer.
    Withdraw,
    /// Two are in a room.
    Settle,
    /// A claim is undone.
    Release,
    /// A claimed ticket is dropped.
    Discard,
    /// A home is still there.
    Renew,
}

impl Script {
    /// All there are.
    pub const ALL: [Script; 6] =
        [Script::Seek, Script::Withdraw, Script::Settle, Script::Release, Script::Discard, Script::Renew];

    fn body(self) -> &'static str {
        match self {
            Script::Seek => include_str!("scripts/seek.lua"),
            Script::Withdraw => include_str!("scripts/withdraw.lua"),
            Script::Settle => include_str!("scripts/settle.lua"),
            Script::Release => include_str!("scripts/release.lua"),
            Script::Discard => include_str!("scripts/discard.lua"),
            Script::Renew => include_str!("scripts/renew.lua"),
        }
    }
}

/// The scripts under the names that the engine knows them by, and whose keys they use.
#[derive(Clone, Debug)]
pub struct Scripts {
    namespace: Namespace,
    texts: [String; 6],
    hashes: [String; 6],
}

/// What an engine has said that it can't have meant. Its text has nothing of what was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadReply(&'static str);

impl std::fmt::Display for BadReply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for BadReply {}

/// Which lease of a home it is. Another than before says that tickets of the pool may have been lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term(pub Box<str>);

/// What has come of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What the machine is told, if anything.
    pub reply: Option<Reply>,
    /// The home's lease in the pool, if the script needs one.
    pub term: Option<Term>,
}

impl Scripts {
    /// The scripts, for keys of a namespace.
    pub fn new(namespace: Namespace) -> Self {
        let texts = Script::ALL.map(|script| [include_str!("scripts/pool.lua"), script.body()].join("\n"));
        let hashes = texts.each_ref().map(|text| {
            use std::fmt::Write;
            let mut hash = String::new();
            Sha1::digest(text).iter().for_each(|byte| write!(hash, "{byte:02x}").expect("text takes all there is"));
            hash
        });
        Scripts { namespace, texts, hashes }
    }

    /// Commands that tell the engine all scripts.
    pub fn load(&self) -> impl Iterator<Item = Cmd> {
        self.texts.iter().map(|text| {
            let mut command = redis::cmd("SCRIPT");
            command.arg("LOAD").arg(text);
            command
        })
    }

    /// The script that an engine knows by that hash.
    pub fn by_hash(&self, hash: &str) -> Option<Script> {
        Script::ALL.into_iter().find(|script| self.hashes[*script as usize] == hash)
    }

    /// Says which engine it is, which is decided by whoever asks first.
    pub fn identify(&self, new: &str) -> [Cmd; 2] {
        let key = self.namespace.identity();
        let (mut set, mut get) = (redis::cmd("SET"), redis::cmd("GET"));
        set.arg(&key).arg(new).arg("NX");
        get.arg(&key);
        [set, get]
    }

    /// What to ask for a request of a home.
    ///
    /// The clock is for tests that compare the rules with the machine's, and stands for the server's; it must be later than anybody has
    /// waited for.
    pub fn command(&self, request: &Request, home: &Home, clock: Option<Duration>) -> Cmd {
        match request {
            Request::Seek(seek) => self.seek(seek, Searches(true), home, clock),
            Request::Update(seek) => self.seek(seek, Searches(false), home, clock),
            Request::Withdraw { pool, client, number } => {
                let mut command = self.call(Script::Withdraw, pool);
                command.arg(&*home.0).arg(id(client)).arg(written(*number));
                command
            }
            Request::Settle { pool, seeker, waiter } => {
                let mut command = self.call(Script::Settle, pool);
                command.arg(&*home.0).arg(id(seeker)).arg(id(waiter));
                command
            }
            Request::Release { pool, seeker, waiter } => {
                let mut command = self.call(Script::Release, pool);
                command.arg(id(seeker)).arg(id(waiter));
                command
            }
            Request::Discard { pool, seeker, waiter, number } => {
                let mut command = self.call(Script::Discard, pool);
                command.arg(id(seeker)).arg(id(waiter)).arg(written(*number));
                command
            }
        }
    }

    /// Says that a home is there, how many talk in a pool of it, and clears away what has run out. The answer is a [`Term`].
    pub fn renew(&self, pool: &PoolKey, home: &Home, talking: usize, clock: Option<Duration>) -> Cmd {
        let mut command = self.call(Script::Renew, pool);
        command.arg(text_of(clock)).arg(&*home.0);
        command.arg(microseconds(LEASE)).arg(milliseconds(KEPT)).arg(talking);
        command
    }

    fn seek(&self, seek: &Seek, searches: Searches, home: &Home, clock: Option<Duration>) -> Cmd {
        let ticket = &seek.ticket;
        let avoided = ticket.wishes.avoid();
        let avoided_clients: Vec<ClientId> =
            avoided.iter().filter_map(|avoided| avoided.as_str().parse().ok()).collect();
        let clients = || ticket.blocked.iter().chain(&ticket.apart).chain(&avoided_clients);
        let users = || ticket.blocked_users.iter().map(|user| &**user).chain(avoided.iter().map(Avoided::as_str));
        let mut command = self.call(Script::Seek, &ticket.pool);
        command.arg(text_of(clock)).arg(&*home.0);
        command.arg(microseconds(LEASE)).arg(microseconds(CLAIM)).arg(milliseconds(KEPT));
        command.arg(id(&ticket.client)).arg(written(ticket.number));
        command.arg(microseconds(ticket.waited)).arg(microseconds(ticket.head_start));
        command.arg(flag(ticket.is_wide)).arg(ticket.wishes.region().map_or("", |region| region.as_str()));
        command.arg(ticket.user.as_deref().unwrap_or_default()).arg(microseconds(ticket.cares_for));
        command.arg(seek.limit).arg(seek.talking).arg(seek.recent_partners).arg(microseconds(seek.rematch_avoid));
        command.arg(seek.come_to.as_ref().map_or("", |mark| &mark.0)).arg(stored::encode(ticket));
        let tags = ticket.wishes.tags();
        command.arg(tags.len()).arg(clients().count()).arg(users().count()).arg(ticket.recent.len());
        command.arg(format!("{:012x}", seek.arrival & MOST_ARRIVALS)).arg(flag(!searches.0));
        for tag in tags {
            command.arg(tag.as_str());
        }
        for client in clients() {
            command.arg(id(client));
        }
        for user in users() {
            command.arg(user);
        }
        for (client, ago) in ticket.recent.iter().rev() {
            command.arg(id(client)).arg(microseconds(*ago));
        }
        command
    }

    fn call(&self, script: Script, pool: &PoolKey) -> Cmd {
        let mut command = redis::cmd("EVALSHA");
        command.arg(&self.hashes[script as usize]).arg(2).arg(&self.namespace.pool(pool));
        command
    }
}

/// Whether somebody is to be found for a ticket that is to be kept.
struct Searches(bool);

/// What a script has answered to a request.
pub fn answer(request: &Request, value: &Value) -> Result<Answer, BadReply> {
    let (Request::Seek(seek) | Request::Update(seek)) = request else { return Ok(Answer { reply: None, term: None }) };
    let (client, number) = (seek.ticket.client, seek.ticket.number);
    let Value::Array(parts) = value else { return Err(BadReply("seek has answered no list")) };
    let [kind, of, rest @ ..] = &parts[..] else { return Err(BadReply("seek has answered a list too short")) };
    let reply = match (bytes(kind)?, rest) {
        (b"found", [ticket, age]) => {
            let age = Duration::from_micros(count(age)?);
            let waiter = stored::decode(bytes(ticket)?, age).ok_or(BadReply("seek has found what is no ticket"))?;
            Reply::Found { client, number, waiter: Box::new(waiter) }
        }
        (b"waits", [position, found, mark]) => {
            let mark = text(mark)?;
            let come_to = (!mark.is_empty()).then(|| Mark(mark.into()));
            Reply::Waits { client, number, position: count(position)?, found: count(found)?, come_to }
        }
        (b"claimed", []) => Reply::Claimed { client, number },
        (b"full", []) => Reply::Full { client, number },
        _ => return Err(BadReply("seek has answered something else")),
    };
    let reply = matches!(request, Request::Seek(_)).then_some(reply);
    Ok(Answer { reply, term: Some(term(of)?) })
}

/// What renewing has answered.
pub fn term(value: &Value) -> Result<Term, BadReply> {
    Ok(Term(text(value)?.into()))
}

fn bytes(value: &Value) -> Result<&[u8], BadReply> {
    match value {
        Value::BulkString(bytes) => Ok(bytes),
        _ => Err(BadReply("a script has answered no text where one belongs")),
    }
}

fn text(value: &Value) -> Result<&str, BadReply> {
    std::str::from_utf8(bytes(value)?).map_err(|_| BadReply("a script has answered no text where one belongs"))
}

fn count(value: &Value) -> Result<u64, BadReply> {
    match value {
        Value::Int(count) => u64::try_from(*count).map_err(|_| BadReply("a script has answered a negative number")),
        _ => Err(BadReply("a script has answered no number where one belongs")),
    }
}

fn id(client: &ClientId) -> &[u8] {
    client.as_bytes()
}

/// So that the later attempt is the greater text.
fn written(number: TicketNumber) -> String {
    format!("{:08x}{:08x}", number.attempt, number.round)
}

fn flag(is_set: bool) -> &'static str {
    if is_set { "1" } else { "" }
}

fn text_of(clock: Option<Duration>) -> String {
    clock.map_or_else(String::new, |clock| microseconds(clock).to_string())
}

fn milliseconds(duration: Duration) -> u64 {
    microseconds(duration) / 1000
}
