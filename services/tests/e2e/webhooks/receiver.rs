//! Who gets webhooks: an HTTP server on a free port, which checks every signature and answers as a test says.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header::LOCATION, header::RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

use crate::client::PATIENCE;

/// `a secret for webhooks, 32 bytes.`
pub(super) const SECRET: &str = "whsec_YSBzZWNyZXQgZm9yIHdlYmhvb2tzLCAzMiBieXRlcy4=";

/// What a receiver answers.
pub(super) enum Answer {
    Status(u16),
    Redirect(&'static str),
    /// With 503, and not again before so many seconds.
    RetryAfter(u32),
    /// With 200, after [`Receiver::release`].
    WhenReleased,
    Never,
}

/// A webhook whose signature was right.
#[derive(Debug)]
pub(super) struct Post {
    pub(super) path: String,
    pub(super) id: String,
    pub(super) body: Bytes,
}

impl Post {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

pub(super) struct Receiver {
    pub(super) url: String,
    posts: mpsc::Receiver<Result<Post, String>>,
    released: Arc<Semaphore>,
}

type Answers = dyn Fn(usize) -> Answer + Send + Sync;

struct Shared {
    posts: mpsc::Sender<Result<Post, String>>,
    count: AtomicUsize,
    answers: Box<Answers>,
    released: Arc<Semaphore>,
}

impl Receiver {
    /// Answers each post by its number.
    pub(super) async fn start(answers: impl Fn(usize) -> Answer + Send + Sync + 'static) -> Self {
        Receiver::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), answers)
    }

    pub(super) fn on(listener: TcpListener, answers: impl Fn(usize) -> Answer + Send + Sync + 'static) -> Self {
        let url = format!("http://{}/hooks", listener.local_addr().unwrap());
        let (sender, posts) = mpsc::channel(1000);
        let released = Arc::new(Semaphore::new(0));
        let answers = Box::new(answers);
        let shared = Shared { posts: sender, count: AtomicUsize::new(0), answers, released: released.clone() };
        let router = Router::new().fallback(receive).with_state(Arc::new(shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Receiver { url, posts, released }
    }

    /// The next webhook.
    pub(super) async fn post(&mut self) -> Post {
        timeout(PATIENCE, self.posts.recv()).await.expect("no webhook in time").unwrap().unwrap()
    }

    /// The body of the next one, which must be of that type.
    pub(super) async fn expect(&mut self, kind: &str) -> Value {
        let body = self.post().await.json();
        assert_eq!(body["type"], kind, "{body}");
        body
    }

    pub(super) fn release(&self) {
        self.released.add_permits(Semaphore::MAX_PERMITS);
    }
}

async fn receive(State(shared): State<Arc<Shared>>, url: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let post = verified(&headers, &body).map(|id| Post { path: url.path().to_owned(), id, body });
    let _ = shared.posts.send(post).await;
    match (shared.answers)(shared.count.fetch_add(1, Ordering::Relaxed)) {
        Answer::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
        Answer::Redirect(to) => (StatusCode::TEMPORARY_REDIRECT, [(LOCATION, to)]).into_response(),
        Answer::RetryAfter(seconds) => {
            (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, seconds.to_string())]).into_response()
        }
        Answer::WhenReleased => {
            let _ = shared.released.acquire().await;
            StatusCode::OK.into_response()
        }
        Answer::Never => pending().await,
    }
}

/// The id of a webhook that is signed as the specification says, and was so just now.
fn verified(headers: &HeaderMap, body: &[u8]) -> Result<String, String> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).ok_or(format!("no {name}"));
    let (id, timestamp) = (header("webhook-id")?, header("webhook-timestamp")?);
    let sent = SystemTime::UNIX_EPOCH + Duration::from_secs(timestamp.parse().map_err(|_| "no time")?);
    if sent > SystemTime::now() || sent + 2 * PATIENCE < SystemTime::now() {
        return Err(format!("sent at {timestamp}"));
    }
    if header("content-type")? != "application/json" {
        return Err("no JSON".to_owned());
    }
    let signature = header("webhook-signature")?.strip_prefix("v1,").ok_or("another version")?;
    let signature = BASE64_STANDARD.decode(signature).map_err(|error| error.to_string())?;
    let secret = BASE64_STANDARD.decode(SECRET.strip_prefix("whsec_").unwrap()).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&secret).unwrap();
    for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
        mac.update(part);
    }
    mac.verify_slice(&signature).map_err(|_| "another's signature".to_owned())?;
    Ok(id.to_owned())
}
