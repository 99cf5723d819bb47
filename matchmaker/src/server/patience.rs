//! How long a call may take until its first answer: as long as its caller says, and not longer than a bound. tonic's own timeout says
//! CANCELLED, and would cut links short too; it heeds `grpc-timeout` as well, but begins to count later.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderMap, Request, Response};
use tonic::Status;
use tonic::body::Body;
use tonic::server::NamedService;
use tower::Service;

/// A service whose calls fail with DEADLINE_EXCEEDED when their first answer takes too long.
#[derive(Clone, Debug)]
pub(crate) struct Patience<S> {
    pub(crate) inner: S,
    pub(crate) answer_within: Duration,
}

impl<S: NamedService> NamedService for Patience<S> {
    const NAME: &'static str = S::NAME;
}

impl<S, B> Service<Request<B>> for Patience<S>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let within = asked_timeout(request.headers()).map_or(self.answer_within, |asked| asked.min(self.answer_within));
        let answer = tokio::time::timeout(within, self.inner.call(request));
        Box::pin(async {
            answer.await.unwrap_or_else(|_| Ok(Status::deadline_exceeded("the request took too long").into_http()))
        })
    }
}

/// What `grpc-timeout` says, if it is there and well formed: up to 8 digits and a unit.
pub(crate) fn asked_timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(count * 3_600),
        "M" => Duration::from_secs(count * 60),
        "S" => Duration::from_secs(count),
        "m" => Duration::from_millis(count),
        "u" => Duration::from_micros(count),
        "n" => Duration::from_nanos(count),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_read_as_the_protocol_of_grpc_has_it() {
        let asked = |text: &str| {
            asked_timeout(&[("grpc-timeout".parse().unwrap(), text.parse().unwrap())].into_iter().collect())
        };
        assert_eq!(asked("2S"), Some(Duration::from_secs(2)));
        assert_eq!(asked("99999999H"), Some(Duration::from_secs(99_999_999 * 3_600)));
        assert_eq!((asked("1n"), asked("30m")), (Some(Duration::from_nanos(1)), Some(Duration::from_millis(30))));
        for text in ["", "S", "1", "1s", "-1S", "123456789S", "abc", "1 S"] {
            assert_eq!(asked(text), None, "{text}");
        }
        assert_eq!(asked_timeout(&HeaderMap::new()), None);
    }
}
