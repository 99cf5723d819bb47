//! A plain WebSocket client of the base protocol.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// Far longer than anything takes: a test that waits for it has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A wait that is itself part of what is played: the pace of a load, the delay before a retry or another look, an outage. Never for something to
/// have happened.
pub(crate) async fn pause(time: Duration) {
    sleep_until(Instant::now() + time).await;
}

pub(crate) struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// From `ready`.
    pub(crate) id: String,
    /// The whole of it.
    pub(crate) ready: Value,
}

impl Client {
    /// Connects and reads `ready`.
    pub(crate) async fn connect(gateway: &str) -> Self {
        Client::connect_by(format!("ws://{gateway}/ws").into_client_request().unwrap()).await
    }

    /// The same with a token in the request.
    pub(crate) async fn connect_with(gateway: &str, token: &str) -> Self {
        let mut request = format!("ws://{gateway}/ws").into_client_request().unwrap();
        request.headers_mut().insert("Authorization", format!("Bearer {token}").parse().unwrap());
        Client::connect_by(request).await
    }

    /// The same with the span that the request belongs to.
    pub(crate) async fn connect_traced(gateway: &str, traceparent: &str) -> Self {
        let mut request = format!("ws://{gateway}/ws").into_client_request().unwrap();
        request.headers_mut().insert("traceparent", traceparent.parse().unwrap());
        Client::connect_by(request).await
    }

    async fn connect_by(request: Request) -> Self {
        let (socket, _) = connect_async(request).await.unwrap();
        let mut client = Client { socket, id: String::new(), ready: Value::Null };
        let ready = client.expect("ready").await;
        client.id = ready["clientId"].as_str().unwrap().to_owned();
        client.ready = ready;
        client
    }

    /// The port of this connection on this side.
    pub(crate) fn port(&self) -> u16 {
        match self.socket.get_ref() {
            MaybeTlsStream::Plain(stream) => stream.local_addr().unwrap().port(),
            _ => unreachable!("no TLS here"),
        }
    }

    pub(crate) async fn say(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    /// The next message as written; pings are answered on the way.
    pub(crate) async fn hear_text(&mut self) -> String {
        loop {
            match timeout(PATIENCE, self.socket.next()).await.expect("no message in time") {
                Some(Ok(Message::Text(text))) => return text.to_string(),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("no message: {other:?}"),
            }
        }
    }

    /// Answers pings, and nothing else may come.
    pub(crate) async fn answer_pings(&mut self) {
        while let Some(Ok(Message::Ping(_))) = self.socket.next().await {}
        panic!("the connection ended, or a message came");
    }

    pub(crate) async fn hear(&mut self) -> Value {
        serde_json::from_str(&self.hear_text().await).unwrap()
    }

    /// The next message, which must be of that type.
    pub(crate) async fn expect(&mut self, kind: &str) -> Value {
        let message = self.hear().await;
        assert_eq!(message["type"], kind, "{message}");
        message
    }

    /// The next message, which must be an error with that code.
    pub(crate) async fn refused(&mut self, code: &str) -> Value {
        let message = self.expect("error").await;
        assert_eq!(message["code"], code, "{message}");
        assert!(message["message"].is_string(), "{message}");
        message
    }

    /// Offers more than the kernel and the partner's outbox hold together, again and again; what is heard that answers none of it.
    pub(crate) async fn offer_without_end(&mut self) -> Value {
        let large = format!(r#"{{"type":"offer","sdp":"{}"}}"#, "x".repeat(60_000));
        let heard = async {
            loop {
                self.say(&large).await;
                self.say(r#"{"type":"ping"}"#).await;
                let message = self.hear().await;
                if message["type"] != "pong" {
                    return message;
                }
            }
        };
        timeout(PATIENCE, heard).await.unwrap()
    }

    /// Proves that nothing was said before the answer to a ping.
    pub(crate) async fn hears_nothing(&mut self) {
        self.say(r#"{"type":"ping","id":"nothing"}"#).await;
        assert_eq!(self.hear_text().await, r#"{"type":"pong","id":"nothing"}"#);
    }

    /// The close frame, after whatever messages.
    pub(crate) async fn closed(&mut self) -> CloseFrame {
        loop {
            match timeout(PATIENCE, self.socket.next()).await.expect("no close in time") {
                Some(Ok(Message::Close(Some(frame)))) => return frame,
                Some(Ok(_)) => {}
                other => panic!("no close frame: {other:?}"),
            }
        }
    }

    /// Sends a close frame and waits for the answer and the end.
    pub(crate) async fn close(mut self, code: u16) -> Option<CloseFrame> {
        let frame = CloseFrame { code: code.into(), reason: "".into() };
        self.socket.send(Message::Close(Some(frame))).await.unwrap();
        let mut answer = None;
        while let Some(Ok(message)) = timeout(PATIENCE, self.socket.next()).await.expect("no end in time") {
            if let Message::Close(frame) = message {
                answer = frame;
            }
        }
        answer
    }

    pub(crate) async fn available(&mut self) {
        self.say(r#"{"type":"available"}"#).await;
    }
}

/// Two clients in a room: the one who waited, the one who came, and the room.
pub(crate) async fn pair(gateway: &str) -> (Client, Client, String) {
    pair_across(gateway, gateway).await
}

/// The same, each on a gateway of its own.
pub(crate) async fn pair_across(waiters: &str, comers: &str) -> (Client, Client, String) {
    let mut waiter = Client::connect(waiters).await;
    waiter.available().await;
    waiter.expect("waiting").await;
    let mut comer = Client::connect(comers).await;
    comer.available().await;
    let (a, b) = (waiter.expect("matched").await, comer.expect("matched").await);
    assert_eq!(a["roomId"], b["roomId"]);
    assert_eq!((a["partnerId"].as_str(), b["partnerId"].as_str()), (Some(&*comer.id), Some(&*waiter.id)));
    assert_ne!(a["initiator"], b["initiator"], "exactly one makes the offer");
    let room = a["roomId"].as_str().unwrap().to_owned();
    (waiter, comer, room)
}
