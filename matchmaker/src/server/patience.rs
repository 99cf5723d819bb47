//! How long a call may take until its first answer. tonic's own timeout says CANCELLED, and would cut links short too.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
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
        let answer = tokio::time::timeout(self.answer_within, self.inner.call(request));
        Box::pin(async {
            answer.await.unwrap_or_else(|_| Ok(Status::deadline_exceeded("the request took too long").into_http()))
        })
    }
}
