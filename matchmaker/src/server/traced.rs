//! Queries in the traces of their callers, where those say by `traceparent` that theirs are recorded.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use duet_proto::spans::Spans;
use http::{Request, Response};
use opentelemetry::KeyValue;
use opentelemetry::trace::{Span as _, SpanBuilder, SpanContext, SpanKind, Status};
use tonic::body::Body;
use tonic::server::NamedService;
use tower::Service;

/// A service whose calls are spans.
#[derive(Clone, Debug)]
pub(crate) struct Traced<S> {
    pub(crate) inner: S,
    pub(crate) spans: Option<Spans>,
}

impl<S: NamedService> NamedService for Traced<S> {
    const NAME: &'static str = S::NAME;
}

impl<S, B> Service<Request<B>> for Traced<S>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible> + NamedService,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let span = self.spans.as_ref().and_then(|spans| {
            let caller = spans.asked(request.headers()).filter(SpanContext::is_sampled)?;
            let method = request.uri().path().trim_start_matches('/').to_owned();
            let name = method.rsplit_once('/').map_or("", |(_, name)| name).to_owned();
            let span = SpanBuilder::from_name(method).with_kind(SpanKind::Server).with_attributes([
                KeyValue::new("rpc.system", "grpc"),
                KeyValue::new("rpc.service", S::NAME),
                KeyValue::new("rpc.method", name),
            ]);
            spans.begin(span, Some(&caller))
        });
        let answer = self.inner.call(request);
        Box::pin(async {
            let answer = answer.await;
            if let (Some(mut span), Ok(answer)) = (span, &answer) {
                // A refusal comes without a body, so that its status is in the headers; what has one is no refusal.
                let code =
                    tonic::Status::from_header_map(answer.headers()).map_or(tonic::Code::Ok, |status| status.code());
                span.set_attribute(KeyValue::new("rpc.grpc.status_code", i64::from(i32::from(code))));
                if is_ours(code) {
                    span.set_status(Status::error(code.description()));
                }
            }
            answer
        })
    }
}

/// Whether a call failed through no fault of its caller's.
fn is_ours(code: tonic::Code) -> bool {
    use tonic::Code;
    matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    )
}
