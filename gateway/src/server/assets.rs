//! The demo page and the SDK, built into the binary from `client/`.

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::get;
use http::header;

/// Path, media type, contents.
type Asset = (&'static str, &'static str, &'static [u8]);

const HTML: &str = "text/html; charset=utf-8";

const ASSETS: &[Asset] = &[("/", HTML, b"soon")];

/// The page talks to its own server only, and asks for nothing but camera and microphone.
const POLICY: &str = "default-src 'self'; connect-src 'self' ws: wss:; media-src 'self' blob: mediastream:; \
    frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

pub(super) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    ASSETS.iter().fold(Router::new(), |router, (path, media_type, contents)| {
        let asset = move || async move {
            let headers = [
                (header::CONTENT_TYPE, *media_type),
                (header::CONTENT_SECURITY_POLICY, POLICY),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
                (header::REFERRER_POLICY, "no-referrer"),
                // The files change with the binary and have no version in their names.
                (header::CACHE_CONTROL, "no-cache"),
            ];
            (headers, *contents).into_response()
        };
        router.route(path, get(asset))
    })
}
