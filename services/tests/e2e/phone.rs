//! A client of the layer `duet.v1` as a phone on a bad network is one: whenever its connection ends or falls silent it connects to
//! another gateway and resumes its session. It judges every number that it hears.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::SEC_WEBSOCKET_PROTOCOL;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::client::{PATIENCE, pause};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

pub(crate) struct Phone {
    gateways: Vec<String>,
    /// Which of them it is on.
    at: usize,
    /// None between two connections.
    socket: Option<Socket>,
    pub(crate) id: String,
    pub(crate) token: String,
    /// The highest number of the server's that it has handled.
    pub(crate) handled: u64,
    acknowledged: u64,
    /// Of its newest message.
    said: u64,
    /// Those not known to be taken.
    kept: VecDeque<(u64, String)>,
    /// Silence after which it asks whether anybody is there, and again until it gives the connection up.
    pub(crate) silence: Duration,
    pub(crate) resumes: u32,
    /// How often it has asked with its token.
    attempts: u32,
}

/// Offers the layer, and gets it.
pub(crate) async fn open(gateway: &str) -> Result<Socket, Error> {
    let mut request = format!("ws://{gateway}/ws").into_client_request().unwrap();
    request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("duet.v1"));
    let (socket, response) = connect_async(request).await?;
    assert_eq!(response.headers()[SEC_WEBSOCKET_PROTOCOL], "duet.v1");
    Ok(socket)
}

impl Phone {
    /// Connects to the first of the gateways.
    pub(crate) async fn connect(gateways: &[&str]) -> Self {
        let mut phone = Phone {
            socket: Some(open(gateways[0]).await.unwrap()),
            gateways: gateways.iter().map(|gateway| (*gateway).to_owned()).collect(),
            at: 0,
            id: String::new(),
            token: String::new(),
            handled: 0,
            acknowledged: 0,
            said: 0,
            kept: VecDeque::new(),
            silence: PATIENCE,
            resumes: 0,
            attempts: 0,
        };
        let ready = phone.read().await.unwrap();
        assert_eq!(ready["type"], "ready");
        phone.id = text(&ready, "clientId");
        phone.token = text(&ready, "resumeToken");
        phone
    }

    /// Says something under its next number. Should the connection be gone, it is said again over the next.
    pub(crate) async fn say(&mut self, mut message: Value) {
        self.said += 1;
        message["seq"] = self.said.into();
        let message = message.to_string();
        self.kept.push_back((self.said, message.clone()));
        self.send(message).await;
    }

    /// The next message that tells of its fate or comes from the partner, whatever happens to connections meanwhile. News of the
    /// partner's connection and of the gateway's are passed over.
    pub(crate) async fn hear(&mut self) -> Value {
        loop {
            let Some(message) = self.read_or_ask().await else {
                self.resume().await;
                continue;
            };
            self.count(&message);
            match message["type"].as_str().unwrap() {
                "pong" | "void" | "partner-away" | "partner-back" | "going-away" => {}
                "error" if message["code"] == "unavailable" => self.say_again(&message).await,
                "error" if message["expected"].is_u64() => {}
                _ => return message,
            }
        }
    }

    /// The next such message, which must be of that type.
    pub(crate) async fn expect(&mut self, kind: &str) -> Value {
        let message = self.hear().await;
        assert_eq!(message["type"], kind, "{message}");
        message
    }

    /// The next message on this connection, of any kind; `None` when it ends.
    pub(crate) async fn read(&mut self) -> Option<Value> {
        loop {
            match self.socket.as_mut()?.next().await {
                Some(Ok(Message::Text(text))) => return Some(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                _ => return None,
            }
        }
    }

    /// The close frame with which this connection ends.
    pub(crate) async fn closed(&mut self) -> CloseFrame {
        loop {
            match timeout(PATIENCE, self.socket.as_mut().unwrap().next()).await.expect("no close in time") {
                Some(Ok(Message::Close(Some(frame)))) => return frame,
                Some(Ok(_)) => {}
                other => panic!("no close frame: {other:?}"),
            }
        }
    }

    /// Says it as it is, without a number.
    pub(crate) async fn say_plain(&mut self, message: Value) {
        self.send(message.to_string()).await;
    }

    /// What can't be sent is said again over the next connection.
    async fn send(&mut self, text: String) {
        if let Some(socket) = &mut self.socket {
            let _ = socket.send(Message::text(text)).await;
        }
    }

    /// The port of this connection on this side.
    pub(crate) fn port(&self) -> u16 {
        match self.socket.as_ref().unwrap().get_ref() {
            MaybeTlsStream::Plain(stream) => stream.local_addr().unwrap().port(),
            _ => unreachable!("no TLS here"),
        }
    }

    /// Lets the connection go without a word.
    pub(crate) fn drop_connection(&mut self) {
        self.socket = None;
    }

    /// The same, and comes back on the next gateway.
    pub(crate) async fn lose_connection(&mut self) {
        self.drop_connection();
        self.resume().await;
    }

    /// Nothing but such messages comes before the answer to a ping.
    pub(crate) async fn hear_nothing_but(&mut self, kind: &str) {
        self.say_plain(json!({"type": "ping", "id": "nothing"})).await;
        loop {
            let message = timeout(PATIENCE, self.read()).await.expect("no answer in time").unwrap();
            if message["id"] == "nothing" {
                return;
            }
            assert_eq!(message["type"], kind, "{message}");
        }
    }

    /// Closes with a code, for good.
    pub(crate) async fn close(mut self, code: Option<u16>) {
        let frame = code.map(|code| CloseFrame { code: code.into(), reason: "".into() });
        let mut socket = self.socket.take().unwrap();
        socket.send(Message::Close(frame)).await.unwrap();
        while let Some(Ok(_)) = socket.next().await {}
    }

    async fn read_or_ask(&mut self) -> Option<Value> {
        if let Ok(message) = timeout(self.silence, self.read()).await {
            return message;
        }
        self.ping().await;
        timeout(self.silence, self.read()).await.ok().flatten()
    }

    async fn ping(&mut self) {
        self.acknowledged = self.handled;
        let ping = json!({"type": "ping", "ack": self.handled}).to_string();
        self.send(ping).await;
    }

    /// Counts a message, lets go of what is taken, and acknowledges now and then. A caller that reads by itself counts by itself.
    fn count(&mut self, message: &Value) {
        if let Some(seq) = message["seq"].as_u64() {
            assert_eq!(seq, self.handled + 1, "numbered in order, without gaps: {message}");
            self.handled = seq;
        }
        if let Some(ack) = message["ack"].as_u64() {
            self.kept.retain(|(seq, _)| *seq > ack);
        }
    }

    /// Acknowledges, if there is much to.
    pub(crate) async fn acknowledge(&mut self) {
        if self.handled >= self.acknowledged + 32 {
            self.ping().await;
        }
    }

    async fn say_again(&mut self, refusal: &Value) {
        pause(Duration::from_millis(refusal["retryAfterMs"].as_u64().unwrap())).await;
        let from = refusal["refused"].as_u64().unwrap();
        self.send_kept(from).await;
    }

    /// On the next gateway that lets it in.
    pub(crate) async fn resume(&mut self) {
        for attempt in 0.. {
            self.at = (self.at + 1) % self.gateways.len();
            if timeout(self.silence, self.try_resume()).await == Ok(true) {
                self.resumes += 1;
                return;
            }
            assert!(attempt < 500, "no gateway lets it in");
            pause(Duration::from_millis(20)).await;
        }
    }

    async fn try_resume(&mut self) -> bool {
        let Ok(socket) = open(&self.gateways[self.at]).await else { return false };
        self.socket = Some(socket);
        if self.read().await.is_none_or(|ready| ready["type"] != "ready") {
            return false;
        }
        loop {
            self.attempts += 1;
            let resume = json!({"type": "resume", "token": self.token, "ack": self.handled, "attempt": self.attempts});
            self.send(resume.to_string()).await;
            let Some(answer) = self.read().await else { return false };
            match (answer["type"].as_str().unwrap(), answer["code"].as_str()) {
                ("resumed", _) => {
                    self.adopt(&answer).await;
                    return true;
                }
                ("error", Some("unavailable")) => {
                    pause(Duration::from_millis(answer["retryAfterMs"].as_u64().unwrap())).await;
                }
                // This gateway goes away, too.
                ("going-away", _) => {}
                _ => panic!("the session is lost: {answer}"),
            }
        }
    }

    async fn adopt(&mut self, resumed: &Value) {
        assert_eq!(text(resumed, "clientId"), self.id, "another's session");
        self.token = text(resumed, "resumeToken");
        self.attempts = 0;
        let ack = resumed["ack"].as_u64().unwrap();
        self.kept.retain(|(seq, _)| *seq > ack);
        self.ping().await;
        self.send_kept(ack + 1).await;
    }

    /// Says again what may not have been taken.
    async fn send_kept(&mut self, from: u64) {
        let kept: Vec<_> = self.kept.iter().filter(|(seq, _)| *seq >= from).map(|(_, text)| text.clone()).collect();
        for text in kept {
            self.send(text).await;
        }
    }
}

fn text(message: &Value, member: &str) -> String {
    message[member].as_str().unwrap_or_else(|| panic!("{message} without {member}")).to_owned()
}
