//! A collector of traces, by gRPC and by HTTP, that remembers what it was sent.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use crate::client::{PATIENCE, pause};

/// A span as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// Of its resource: `service.name`.
    pub(crate) service: String,
    /// Of its resource.
    pub(crate) resource: Vec<(String, String)>,
    /// What it was authorized by.
    pub(crate) authorization: String,
    pub(crate) span: Span,
}

impl Seen {
    pub(crate) fn attribute(&self, name: &str) -> Option<String> {
        self.span.attributes.iter().find(|attribute| attribute.key == name).map(text)
    }
}

/// Ends with its runtime.
#[derive(Clone, Default)]
pub(crate) struct Collector {
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Collector {
    /// By gRPC; the URL.
    pub(crate) async fn grpc() -> (Self, String) {
        let (collector, listener, url) = Collector::bind().await;
        let service = TraceServiceServer::new(collector.clone());
        tokio::spawn(Server::builder().add_service(service).serve_with_incoming(TcpIncoming::from(listener)));
        (collector, url)
    }

    /// By HTTP; the URL.
    pub(crate) async fn http() -> (Self, String) {
        let (collector, listener, url) = Collector::bind().await;
        let takes = collector.clone();
        let export = async move |headers: HeaderMap, body: Bytes| {
            let authorization = headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
            takes.take(authorization, ExportTraceServiceRequest::decode(body).unwrap());
            ExportTraceServiceResponse::default().encode_to_vec()
        };
        let router = Router::new().route("/v1/traces", post(export));
        tokio::spawn(async move { axum::serve(listener, router).await });
        (collector, url)
    }

    async fn bind() -> (Self, TcpListener, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        (Collector::default(), listener, url)
    }

    /// All that has come.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The same once there are so many.
    pub(crate) async fn sees(&self, count: usize) -> Vec<Seen> {
        let all = async {
            while self.seen().len() < count {
                pause(Duration::from_millis(20)).await;
            }
        };
        assert!(timeout(PATIENCE, all).await.is_ok(), "not {count} spans: {:#?}", self.seen());
        self.seen()
    }

    fn take(&self, authorization: Option<String>, request: ExportTraceServiceRequest) {
        for of_resource in request.resource_spans {
            let attributes = of_resource.resource.unwrap().attributes;
            let resource: Vec<_> =
                attributes.iter().map(|attribute| (attribute.key.clone(), text(attribute))).collect();
            let service = resource.iter().find(|(key, _)| key == "service.name").unwrap().1.clone();
            for span in of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                let (service, resource) = (service.clone(), resource.clone());
                let authorization = authorization.clone().unwrap_or_default();
                self.seen.lock().unwrap().push(Seen { service, resource, authorization, span });
            }
        }
    }
}

fn text(attribute: &KeyValue) -> String {
    match &attribute.value {
        Some(AnyValue { value: Some(Value::StringValue(text)) }) => text.clone(),
        Some(AnyValue { value: Some(Value::IntValue(number)) }) => number.to_string(),
        Some(AnyValue { value: Some(Value::BoolValue(flag)) }) => flag.to_string(),
        other => format!("{other:?}"),
    }
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let authorization = request.metadata().get("authorization").map(|value| value.to_str().unwrap().to_owned());
        self.take(authorization, request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}
