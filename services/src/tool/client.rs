//! A connection to a matchmaker, with the token on every call; and what its refusals mean for whoever started the tool.

use std::time::Duration;

use duet_gateway::server::sources;
use duet_proto::v1::admin_client::AdminClient;
use duet_proto::v1::matchmaker_client::MatchmakerClient;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Response, Status};
use tonic_types::StatusExt;

use crate::cli::{Server, Trust};
use crate::failure::{EX_USAGE, Failure};
use crate::healthcheck;

pub(super) type Queries = MatchmakerClient<InterceptedService<Channel, Bearer>>;
pub(super) type Admin = AdminClient<InterceptedService<Channel, Bearer>>;

/// Both services of one matchmaker.
pub(super) struct Client {
    pub(super) queries: Queries,
    admin: Admin,
    timeout: Duration,
}

/// Shows the token, if there is one.
#[derive(Clone)]
pub(super) struct Bearer(Option<MetadataValue<Ascii>>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            request.metadata_mut().insert("authorization", token.clone());
        }
        Ok(request)
    }
}

impl Client {
    pub(super) async fn connect(server: &Server) -> Result<Self, Failure> {
        let token = server.token()?.map(|token| {
            let mut value = MetadataValue::try_from(format!("Bearer {token}"))
                .map_err(|_| Failure::Setting("DUET_TOKEN_FILE: the token is not printable".to_owned()))?;
            value.set_sensitive(true);
            Ok(value)
        });
        let bearer = Bearer(token.transpose()?);
        let (trust, name) = server.trust()?.map(|Trust { config, name }| (config, name)).unzip();
        let name = name.flatten();
        let failed = |why: String| Failure::Answer(EX_UNAVAILABLE, format!("{}: {why}", server.server));
        let authority = server.server.authority().ok_or_else(|| failed("the URL names no host".to_owned()))?;
        let endpoint = Endpoint::from_shared(format!("http://{authority}")).map_err(|error| failed(sources(&error)))?;
        let connector = tower::service_fn(move |to| healthcheck::connect(to, trust.clone(), name.clone(), b"h2"));
        let timeout = server.timeout_ms.0;
        let connecting = tokio::time::timeout(timeout, endpoint.connect_with_connector(connector));
        let channel = connecting.await.map_err(|_| failed("it did not answer in time".to_owned()))?;
        let channel = channel.map_err(|error| failed(sources(&error)))?;
        let queries = MatchmakerClient::with_interceptor(channel.clone(), bearer.clone());
        Ok(Client { queries, admin: AdminClient::with_interceptor(channel, bearer), timeout })
    }

    /// One query.
    pub(super) async fn ask<Question, Answer>(
        &mut self,
        question: Question,
        call: impl AsyncFnOnce(&mut Queries, Request<Question>) -> Result<Response<Answer>, Status>,
    ) -> Result<Answer, Failure> {
        let request = self.timed(question);
        call(&mut self.queries, request).await.map(Response::into_inner).map_err(|status| failed(&status))
    }

    /// One order.
    pub(super) async fn order<Order, Answer>(
        &mut self,
        order: Order,
        call: impl AsyncFnOnce(&mut Admin, Request<Order>) -> Result<Response<Answer>, Status>,
    ) -> Result<Answer, Failure> {
        let request = self.timed(order);
        call(&mut self.admin, request).await.map(Response::into_inner).map_err(|status| failed(&status))
    }

    fn timed<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(self.timeout);
        request
    }
}

/// What a refusal means for a shell.
pub(super) fn failed(status: &Status) -> Failure {
    let exit = match status.code() {
        Code::InvalidArgument => EX_USAGE,
        Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::ResourceExhausted => EX_UNAVAILABLE,
        Code::Unauthenticated | Code::PermissionDenied => EX_NOPERM,
        _ => 1,
    };
    let reason = status.get_details_error_info().map_or_else(String::new, |info| format!(" ({})", info.reason));
    Failure::Answer(exit, format!("{}{reason}", status.message()))
}

/// "Service unavailable" of sysexits(3): trying again later may help.
const EX_UNAVAILABLE: u8 = 69;
/// "Permission denied" of sysexits(3).
const EX_NOPERM: u8 = 77;
