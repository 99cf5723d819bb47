//! A client on the network: connects to either gateway, finds out by pings of its own that a connection is dead, and connects anew.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use rand::RngExt;
use rand::rngs::StdRng;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::{WebSocketStream, client_async};
use turmoil::net::TcpStream;

use super::talk::{Stage, Talk};
use super::trace;
use super::world::{GATEWAYS, gateway_name};

/// Talks for ever.
pub(super) async fn live(
    name: String,
    talk: Rc<RefCell<Talk>>,
    reset: Rc<Notify>,
    mut dice: StdRng,
) -> turmoil::Result {
    let mut gateway = dice.random_range(0..GATEWAYS);
    loop {
        let address = gateway_name(gateway);
        if let Ok(Ok(socket)) = timeout(CONNECT_WITHIN, connect(&address)).await {
            talk.borrow_mut().connected();
            let now = Instant::now();
            let mut connection =
                Connection { name: &name, gateway: &address, socket, talk: &talk, since: now, answered: now };
            let why = tokio::select! {
                why = connection.last(&mut dice) => why,
                () = reset.notified() => Gone::Broken,
            };
            talk.borrow_mut().disconnected();
            assert!(!matches!(why, Gone::Closed(4409)), "it is here and nowhere else");
            assert!(matches!(why, Gone::Broken | Gone::Closed(1013)), "{why:?}");
        }
        gateway = (gateway + 1) % GATEWAYS;
        pause(Duration::from_millis(dice.random_range(20..500))).await;
    }
}

async fn connect(gateway: &str) -> Result<WebSocketStream<TcpStream>, Box<dyn std::error::Error>> {
    let stream = TcpStream::connect((gateway, PORT)).await?;
    let mut request = format!("ws://{gateway}:{PORT}/ws").into_client_request()?;
    request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("duet.v1"));
    Ok(client_async(request, stream).await?.0)
}

/// Why a connection is gone.
#[derive(Debug)]
enum Gone {
    Broken,
    Closed(u16),
}

struct Connection<'a> {
    name: &'a str,
    gateway: &'a str,
    socket: WebSocketStream<TcpStream>,
    talk: &'a RefCell<Talk>,
    since: Instant,
    /// When a ping was answered. What comes by itself proves only one direction.
    answered: Instant,
}

impl Connection<'_> {
    async fn last(&mut self, dice: &mut StdRng) -> Gone {
        let mut next_signal = Instant::now();
        let mut next_ping = Instant::now();
        loop {
            tokio::select! {
                message = self.socket.next() => match message {
                    Some(Ok(Message::Text(text))) => {
                        self.trace(|| format!("< {text}"));
                        self.talk.borrow_mut().hear(&text);
                    }
                    Some(Ok(Message::Close(Some(frame)))) => return Gone::Closed(frame.code.into()),
                    Some(Ok(Message::Pong(_))) => self.answered = Instant::now(),
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return Gone::Broken,
                },
                () = sleep_until(next_signal) => {
                    self.talk.borrow_mut().signal();
                    next_signal = Instant::now() + Duration::from_millis(dice.random_range(50..400));
                    if self.is_dead() {
                        return Gone::Broken;
                    }
                    self.flush().await;
                    continue;
                }
                () = sleep_until(next_ping) => {
                    self.talk.borrow_mut().keep_in_touch();
                    // An error shows in the next read.
                    let _ = timeout(SILENT_AT_MOST, self.socket.send(Message::Ping(Vec::new().into()))).await;
                    next_ping = Instant::now() + PING_EVERY;
                    self.flush().await;
                    continue;
                }
            }
            self.flush().await;
        }
    }

    /// The gateway is silent, or can't give the session back.
    fn is_dead(&self) -> bool {
        let is_ready = self.talk.borrow().stage == Stage::Ready;
        self.answered.elapsed() > SILENT_AT_MOST || !is_ready && self.since.elapsed() > READY_WITHIN
    }

    fn trace(&self, what: impl FnOnce() -> String) {
        trace(turmoil::sim_elapsed().unwrap(), || format!("{} {} {}", self.name, self.gateway, what()));
    }

    async fn flush(&mut self) {
        loop {
            let Some(text) = self.talk.borrow_mut().outbox.pop_front() else { return };
            self.trace(|| format!("> {text}"));
            // A connection that takes no more is found dead soon.
            if !matches!(timeout(SILENT_AT_MOST, self.socket.send(Message::text(text))).await, Ok(Ok(()))) {
                return;
            }
        }
    }
}

async fn pause(time: Duration) {
    sleep_until(Instant::now() + time).await;
}

/// The gateways'.
pub(super) const PORT: u16 = 80;
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// For `ready` and `resumed`.
const READY_WITHIN: Duration = Duration::from_secs(5);
const PING_EVERY: Duration = Duration::from_secs(1);
const SILENT_AT_MOST: Duration = Duration::from_secs(4);
