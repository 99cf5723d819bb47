//! Rows T about resume tokens: stolen, repeated, guessed.

use futures_util::future::{join_all, select_all};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::beside::Beside;
use crate::client::PATIENCE;
use crate::phone;

/// A connection of the layer `duet.v1`, without any sense of its own.
struct Connection {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    id: String,
    token: String,
}

/// What comes: a message, or the code of the close frame.
type Heard = Result<Value, u16>;

impl Connection {
    async fn open(gateway: &str) -> Self {
        let socket = phone::open(gateway).await.unwrap();
        let mut connection = Connection { socket, id: String::new(), token: String::new() };
        let ready = connection.hear().await.unwrap();
        connection.id = ready["clientId"].as_str().unwrap().to_owned();
        connection.token = ready["resumeToken"].as_str().unwrap().to_owned();
        connection
    }

    async fn say(&mut self, message: Value) {
        // Who is being closed is not listened to any more.
        let _ = self.socket.send(Message::text(message.to_string())).await;
    }

    async fn hear(&mut self) -> Heard {
        loop {
            match timeout(PATIENCE, self.socket.next()).await.expect("nothing in time") {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(frame))) => return Err(frame.map_or(0, |frame| frame.code.into())),
                Some(Ok(_)) => {}
                other => panic!("neither a message nor a close: {other:?}"),
            }
        }
    }

    /// The code of the close frame, after whatever messages.
    async fn ended(&mut self) -> u16 {
        loop {
            if let Err(code) = self.hear().await {
                return code;
            }
        }
    }

    async fn expect(&mut self, kind: &str) -> Value {
        let message = self.hear().await.unwrap();
        assert_eq!(message["type"], kind, "{message}");
        message
    }

    async fn resume(&mut self, token: &str) -> Heard {
        self.say(json!({"type": "resume", "token": token, "ack": 0})).await;
        self.hear().await
    }

    /// Asks for a session that it must not get, and goes on as what it was.
    async fn fails_to_resume(&mut self, token: &str) {
        let answer = self.resume(token).await.unwrap();
        assert_eq!(
            (answer["type"].as_str(), answer["code"].as_str()),
            (Some("error"), Some("resume-failed")),
            "{answer}"
        );
        assert!(!answer.to_string().contains(token) || token.len() < 4, "a token is not sent back");
        self.say(json!({"type": "ping", "id": 7})).await;
        assert_eq!(self.expect("pong").await["id"], 7);
    }
}

/// So that nobody waits five seconds for a matchmaker to be sure.
const SOON: (&str, &str) = ("RECOVERY_MS", "100");

#[tokio::test]
async fn t11_a_token_is_good_for_one_however_many_use_it_at_once() {
    let beside = Beside::with(&[SOON]).await;
    let mut old = Connection::open(&beside.gateway).await;
    old.say(json!({"type": "available", "seq": 1})).await;
    old.expect("waiting").await;
    let mut rivals = join_all((0..8).map(|_| Connection::open(&beside.gateway))).await;
    let answers = join_all(rivals.iter_mut().map(|rival| rival.resume(&old.token))).await;
    // Each takes it from the one before, until one has spoken. All others are closed, or go on as they were.
    let mut resumed = Vec::new();
    for (rival, answer) in rivals.iter_mut().zip(answers) {
        match answer {
            Ok(answer) if answer["type"] == "resumed" => {
                assert_eq!(answer["clientId"], old.id);
                rival.token = answer["resumeToken"].as_str().unwrap().to_owned();
                rival.say(json!({"type": "ping", "ack": 0})).await;
                resumed.push(rival);
            }
            Ok(answer) => assert_eq!(answer["code"], "resume-failed", "{answer}"),
            Err(code) => assert_eq!(code, 4409),
        }
    }
    while resumed.len() > 1 {
        let ends = resumed.iter_mut().map(|rival| Box::pin(rival.ended()));
        let (code, which, _) = select_all(ends).await;
        assert_eq!(code, 4409);
        resumed.remove(which);
    }
    let holder = resumed.pop().expect("nobody has the session");
    holder.say(json!({"type": "ping", "id": "mine"})).await;
    // Before it comes what the session has not acknowledged.
    while holder.hear().await.expect("nobody has the session")["id"] != "mine" {}
    let next_token = holder.token.clone();
    assert_eq!(old.hear().await, Err(4409));
    assert_ne!(next_token, old.token, "the token is a new one");
    Connection::open(&beside.gateway).await.fails_to_resume(&old.token).await;
    drop((old, rivals));
    beside.unharmed().await;
}

#[tokio::test]
async fn t12_a_token_that_is_edited_foreign_or_expired_is_no_token() {
    let beside = Beside::with(&[SOON, ("RESUME_WINDOW_MS", "200")]).await;
    let other = Beside::with(&[SOON]).await;
    let victim = Connection::open(&beside.gateway).await;
    let foreign = Connection::open(&other.gateway).await.token;
    let mut thief = Connection::open(&beside.gateway).await;
    for place in 0..victim.token.len() {
        let mut edited = victim.token.clone().into_bytes();
        // Another character of the same alphabet.
        edited[place] = if edited[place] == b'A' { b'B' } else { b'A' };
        let edited = String::from_utf8(edited).unwrap();
        if place % 8 == 0 {
            thief = Connection::open(&beside.gateway).await;
        }
        thief.fails_to_resume(&edited).await;
    }
    for token in [&foreign, "", "x", &victim.id, &"A".repeat(4_096)] {
        thief.fails_to_resume(token).await;
    }
    let mut partner = Connection::open(&beside.gateway).await;
    partner.say(json!({"type": "available", "seq": 1})).await;
    partner.expect("waiting").await;
    let mut victim = victim;
    victim.say(json!({"type": "available", "seq": 1})).await;
    victim.expect("matched").await;
    partner.expect("matched").await;
    let token = victim.token.clone();
    drop(victim);
    partner.expect("partner-away").await;
    partner.expect("partner-left").await;
    thief.fails_to_resume(&token).await;
    drop((thief, partner));
    beside.unharmed().await;
    other.unharmed().await;
}

#[tokio::test]
async fn t14_a_resume_beside_an_open_connection_wins_and_the_partner_hears_of_no_end() {
    let beside = Beside::with(&[SOON]).await;
    let mut old = Connection::open(&beside.gateway).await;
    old.say(json!({"type": "available", "seq": 1})).await;
    old.expect("waiting").await;
    let mut partner = Connection::open(&beside.gateway).await;
    partner.say(json!({"type": "available", "seq": 1})).await;
    partner.expect("matched").await;
    old.expect("matched").await;
    let mut new = Connection::open(&beside.gateway).await;
    let resumed = new.resume(&old.token).await.unwrap();
    assert_eq!((resumed["type"].as_str(), resumed["state"].as_str()), (Some("resumed"), Some("matched")), "{resumed}");
    assert_eq!(old.hear().await, Err(4409));
    new.say(json!({"type": "ping", "ack": 2})).await;
    partner.say(json!({"type": "ice", "candidate": "after", "seq": 2})).await;
    loop {
        let message = new.hear().await.unwrap();
        match message["type"].as_str().unwrap() {
            "ice" => break assert_eq!(message["candidate"], "after"),
            "waiting" | "matched" | "pong" => {}
            other => panic!("{other}"),
        }
    }
    partner.say(json!({"type": "ping", "id": "last"})).await;
    loop {
        let message = partner.hear().await.unwrap();
        match message["type"].as_str().unwrap() {
            "pong" => break,
            "partner-away" | "partner-back" => {}
            other => panic!("{other}"),
        }
    }
    drop((old, new, partner));
    beside.unharmed().await;
}
