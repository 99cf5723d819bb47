//! The demo page and the SDK, built into the binary from `client/`.

use axum::Router;
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderValue, header};

/// Path, media type, contents.
type Asset = (&'static str, &'static str, &'static [u8]);

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SVG: &str = "image/svg+xml";
const JS: &str = "text/javascript; charset=utf-8";

macro_rules! assets {
    ($prefix:literal from $folder:literal: $($file:literal as $media_type:expr),* $(,)?) => {
        &[$((concat!($prefix, $file), $media_type, include_bytes!(concat!("../../../client/", $folder, "/", $file)))),*]
    };
}

const PAGE: &[Asset] = &[("/", HTML, include_bytes!("../../../client/demo/index.html"))];

const DEMO: &[Asset] = assets!("/demo/" from "demo":
    "camera.js" as JS, "demo.css" as CSS, "duet.svg" as SVG, "interests.js" as JS, "kept.js" as JS, "keys.js" as JS, "main.js" as JS, "view.js" as JS, "words.js" as JS,
);

const SDK: &[Asset] = assets!("/sdk/" from "src":
    "blocked.js" as JS, "call-stats.js" as JS, "call.js" as JS, "candidates.js" as JS, "connection.js" as JS, "dialogue.js" as JS, "emitter.js" as JS,
    "events.js" as JS, "first-frame.js" as JS, "ice-recovery.js" as JS, "identity.js" as JS, "index.js" as JS,
    "liveness.js" as JS, "messages.js" as JS, "numbering.js" as JS, "options.js" as JS, "outbox.js" as JS, "react.js" as JS,
    "reconnect.js" as JS, "resumption.js" as JS, "retry.js" as JS, "session.js" as JS, "signaling.js" as JS, "wire.js" as JS,
);

/// The page talks to its own server only, and asks for nothing but camera and microphone.
const POLICY: &str = "default-src 'self'; connect-src 'self' ws: wss:; media-src 'self' blob: mediastream:; \
    frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

pub(super) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    // Pages of other origins may import the SDK; whether they may connect is the operator's to say.
    let sdk = routes(SDK).layer(map_response(|mut response: Response| async {
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        response
    }));
    routes(PAGE).merge(routes(DEMO)).merge(sdk)
}

fn routes<S: Clone + Send + Sync + 'static>(assets: &'static [Asset]) -> Router<S> {
    assets.iter().fold(Router::new(), |router, (path, media_type, contents)| {
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_file_of_the_page_and_the_sdk_is_built_in() {
        for (folder, assets) in [("demo", [PAGE, DEMO].concat()), ("src", SDK.to_vec())] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../client").join(folder);
            for file in std::fs::read_dir(folder).unwrap() {
                let name = file.unwrap().file_name().into_string().unwrap();
                let is_in = assets.iter().any(|(path, ..)| path.ends_with(&format!("/{name}")));
                assert!(is_in || name == "index.html", "{name} is not built in");
            }
        }
    }
}
