//! Whether a request may become a WebSocket, and what it is answered if not.

use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use sha1::{Digest, Sha1};

use super::{Refused, Shared};
use crate::census::NoPlace;
use crate::session::NotVerified;

/// A refused upgrade. Its body is `{"code","message"}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) message: &'static str,
    extra: Option<(HeaderName, HeaderValue)>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: &'static str, message: &'static str) -> Self {
        Refusal { status, code, message, extra: None }
    }

    fn with(self, name: HeaderName, value: &'static str) -> Self {
        Refusal { extra: Some((name, HeaderValue::from_static(value))), ..self }
    }

    /// Comes again no sooner than that.
    fn retry_after(self, delay: Duration) -> Self {
        let seconds = delay.as_secs() + u64::from(delay.subsec_nanos() > 0);
        Refusal { extra: Some((header::RETRY_AFTER, HeaderValue::from(seconds.max(1)))), ..self }
    }

    /// The connection can't become anything else: HTTP/1.0.
    pub(super) fn not_upgradable() -> Self {
        let refusal =
            Refusal::new(StatusCode::UPGRADE_REQUIRED, "upgrade-required", "a WebSocket begins with HTTP/1.1");
        refusal.with(header::UPGRADE, "websocket")
    }

    /// There are more upgrades under way than this worker takes.
    pub(super) fn busy() -> (Refused, Self) {
        (Refused::Upgrades, unavailable("overloaded", "too many connections begin at once"))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = Json(serde_json::json!({ "code": self.code, "message": self.message }));
        let mut response = (self.status, body).into_response();
        if let Some((name, value)) = self.extra {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

/// No place, and the name under which that is counted.
impl From<NoPlace> for (Refused, Refusal) {
    fn from(no_place: NoPlace) -> Self {
        let too_many = |message| Refusal::new(StatusCode::TOO_MANY_REQUESTS, "too-many-connections", message);
        match no_place {
            NoPlace::Full => {
                (Refused::Connections, unavailable("overloaded", "this gateway has all the connections it takes"))
            }
            NoPlace::AddressFull => {
                let refusal = too_many("there are too many connections from this address");
                (Refused::AddressConnections, refusal.retry_after(ADDRESS_FULL_RETRY))
            }
            NoPlace::BadTokens { retry_after } => {
                let refusal = too_many("too many bad tokens came from this address");
                (Refused::BadTokens, refusal.retry_after(retry_after))
            }
            NoPlace::TooFast { retry_after } => {
                let refusal = too_many("too many connections come from this address at once");
                (Refused::AddressRate, refusal.retry_after(retry_after))
            }
        }
    }
}

/// What would be refused whatever the handshake: for `/ws/check`, and first for `/ws`. It comes with the name under which it is
/// counted.
pub(super) fn check_client(shared: &Shared, worker: usize, headers: &HeaderMap) -> Result<(), (Refused, Refusal)> {
    if shared.readiness.is_draining() {
        return Err((Refused::Draining, unavailable("draining", "this gateway is going away; connect again")));
    }
    let origins = headers.get_all(header::ORIGIN).iter().map(HeaderValue::as_bytes);
    if !shared.settings.allowed_origins.allow(origins) {
        let refusal = Refusal::new(StatusCode::FORBIDDEN, "origin-refused", "pages of this origin may not connect");
        return Err((Refused::Origin, refusal));
    }
    if shared.readiness.away(worker) >= shared.settings.matchmaker_grace {
        return Err((Refused::Unavailable, unavailable("unavailable", "the matchmaker can't be reached")));
    }
    Ok(())
}

/// The token of a request, as `Authorization: Bearer` has it. `Err`: there is something, but no token.
pub(super) fn bearer(headers: &HeaderMap) -> Result<Option<&str>, NotVerified> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let token = value.to_str().ok().and_then(|value| value.split_once(' '));
    let token = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
    match (token, values.next()) {
        (Some(token), None) => Ok(Some(token)),
        _ => Err(NotVerified::Bad),
    }
}

/// A request's token proves nothing.
impl From<NotVerified> for (Refused, Refusal) {
    fn from(why: NotVerified) -> Self {
        let unauthorized = |message| {
            let refusal = Refusal::new(StatusCode::UNAUTHORIZED, "unauthorized", message);
            (Refused::Unauthorized, refusal.with(header::WWW_AUTHENTICATE, "Bearer error=\"invalid_token\""))
        };
        match why {
            NotVerified::Bad | NotVerified::UnknownKey => unauthorized("the token is not accepted"),
            NotVerified::Expired => unauthorized("the token has expired"),
            NotVerified::NoKeys => {
                (Refused::Unavailable, unavailable("unavailable", "tokens can't be checked just now"))
            }
            NotVerified::TooManyConnections => {
                let message = "this user has too many connections";
                let refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, "too-many-connections", message);
                (Refused::UserConnections, refusal.retry_after(ADDRESS_FULL_RETRY))
            }
        }
    }
}

/// The handshake of RFC 6455 section 4.2.1; the key to answer.
pub(super) fn check_handshake<'a>(method: &Method, headers: &'a HeaderMap) -> Result<&'a HeaderValue, Refusal> {
    if method != Method::GET {
        let refusal = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "a WebSocket begins with GET");
        return Err(refusal.with(header::ALLOW, "GET"));
    }
    if has_body(headers) {
        let refusal = Refusal::new(StatusCode::BAD_REQUEST, "bad-handshake", "a WebSocket begins without a body");
        // Where the body ends is what a smuggler lies about, so nothing after it is read.
        return Err(refusal.with(header::CONNECTION, "close"));
    }
    if !has_token(headers, &header::CONNECTION, "upgrade") || !has_token(headers, &header::UPGRADE, "websocket") {
        let refusal = Refusal::new(StatusCode::UPGRADE_REQUIRED, "upgrade-required", "connect with a WebSocket");
        return Err(refusal.with(header::UPGRADE, "websocket"));
    }
    if !has_token(headers, &header::SEC_WEBSOCKET_VERSION, "13") {
        let refusal =
            Refusal::new(StatusCode::UPGRADE_REQUIRED, "upgrade-required", "only WebSocket version 13 is spoken");
        return Err(refusal.with(header::SEC_WEBSOCKET_VERSION, "13"));
    }
    let mut keys = headers.get_all(header::SEC_WEBSOCKET_KEY).iter();
    match (keys.next(), keys.next()) {
        (Some(key), None) if BASE64_STANDARD.decode(key).is_ok_and(|nonce| nonce.len() == 16) => Ok(key),
        _ => {
            let message = "one Sec-WebSocket-Key of 16 bytes in base64 is needed";
            Err(Refusal::new(StatusCode::BAD_REQUEST, "bad-handshake", message))
        }
    }
}

/// What proves to a client that its key was understood (RFC 6455 section 4.2.2).
pub(super) fn accept(key: &HeaderValue) -> HeaderValue {
    let hash = Sha1::new().chain_update(key.as_bytes()).chain_update(KEY_SUFFIX).finalize();
    HeaderValue::from_str(&BASE64_STANDARD.encode(hash)).expect("base64 fits in a header")
}

const KEY_SUFFIX: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Whether the client offers the layer `duet.v1`. Other subprotocols are not for us; the base layer needs none.
pub(super) fn offers_duet_v1(headers: &HeaderMap) -> bool {
    elements(headers, &header::SEC_WEBSOCKET_PROTOCOL).any(|protocol| protocol == DUET_V1)
}

/// The subprotocol in which nothing is lost.
pub(super) const DUET_V1: &str = "duet.v1";

/// Whether the headers announce one: in bytes, or in chunks.
fn has_body(headers: &HeaderMap) -> bool {
    let has_length = headers.get_all(header::CONTENT_LENGTH).iter().any(|length| length.as_bytes() != b"0");
    has_length || headers.contains_key(header::TRANSFER_ENCODING)
}

/// Whether one of the headers of that name lists the token, in any case.
fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    elements(headers, name).any(|element| element.eq_ignore_ascii_case(token))
}

/// What the headers of that name list: lists may be split over several headers.
fn elements<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> + use<'a> {
    let lists = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).map(str::trim)
}

fn unavailable(code: &'static str, message: &'static str) -> Refusal {
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, code, message).with(header::RETRY_AFTER, RETRY_AFTER_SECONDS)
}

/// Somebody there has to leave first; nobody knows when.
const ADDRESS_FULL_RETRY: Duration = Duration::from_secs(10);
const RETRY_AFTER_SECONDS: &str = "1";
