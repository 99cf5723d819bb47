//! One try to deliver one webhook: a signed POST.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use duet_gateway::server::HttpClient;
use http::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use tokio::time::{Instant, timeout_at};

use super::schedule::Outcome;
use super::signature::SigningSecrets;

/// Who gets webhooks.
#[derive(Debug)]
pub(crate) struct Receiver {
    url: Uri,
    client: HttpClient<Full<Bytes>>,
    secrets: SigningSecrets,
    /// For a try, from the first packet to the answer's end.
    timeout: Duration,
}

impl Receiver {
    /// The error says what is wrong with the system's certificates.
    pub(crate) fn new(url: Uri, secrets: SigningSecrets, timeout: Duration) -> Result<Self, String> {
        Ok(Receiver { client: HttpClient::new(&url)?, url, secrets, timeout })
    }

    /// Tries once.
    pub(super) async fn post(&self, id: &str, body: Bytes) -> Outcome {
        let deadline = Instant::now() + self.timeout;
        let failed = |why| Outcome::Failed { why, pause: None };
        let request = match self.request(id, body) {
            Ok(request) => request,
            Err(error) => return failed(error.to_string()),
        };
        let response = match timeout_at(deadline, self.client.request(request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(why)) => return failed(why),
            Err(_) => return failed("it did not answer in time".to_owned()),
        };
        let outcome = Outcome::of(response.status(), response.headers().get(RETRY_AFTER), SystemTime::now());
        // The status says it all. A connection whose answer was read to the end can be used again; a longer answer is not worth one.
        let _ = timeout_at(deadline, Limited::new(response.into_body(), MAX_ANSWER).collect()).await;
        outcome
    }

    fn request(&self, id: &str, body: Bytes) -> Result<Request<Full<Bytes>>, http::Error> {
        let timestamp = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        Request::post(&self.url)
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, concat!("duet/", env!("CARGO_PKG_VERSION")))
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", self.secrets.sign(id, timestamp, &body))
            .body(Full::new(body))
    }
}

/// Bytes of an answer that are read.
const MAX_ANSWER: usize = 64 * 1024;
