//! Statuses that programs can tell apart: each with a `google.rpc.ErrorInfo` whose reason never changes, and what else of `google.rpc`
//! helps. Their texts carry nothing that a client of Duet sent.

use std::collections::HashMap;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

/// A status with a reason.
pub(crate) fn refusal(code: Code, reason: &str, text: impl Into<String>) -> Status {
    Status::with_error_details(code, text, info(reason, &[]))
}

/// A field of the request makes no sense.
pub(crate) fn invalid(field: &str, why: impl Into<String>) -> Status {
    let why = why.into();
    let text = format!("{field} {why}");
    let mut details = info("FIELD_INVALID", &[("field", field)]);
    details.add_bad_request_violation(field, why);
    Status::with_error_details(Code::InvalidArgument, text, details)
}

/// What is named is not there.
pub(crate) fn not_found(reason: &str, name: &str, text: &str) -> Status {
    Status::with_error_details(Code::NotFound, text, info(reason, &[("name", name)]))
}

/// There is no room for more just now.
pub(crate) fn exhausted(reason: &str, text: &str, retry: Option<Duration>) -> Status {
    let mut details = info(reason, &[]);
    if retry.is_some() {
        details.set_retry_info(retry);
    }
    Status::with_error_details(Code::ResourceExhausted, text, details)
}

pub(crate) fn info(reason: &str, metadata: &[(&str, &str)]) -> ErrorDetails {
    let metadata: HashMap<String, String> =
        metadata.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    ErrorDetails::with_error_info(reason, ERROR_DOMAIN, metadata)
}

/// Whose reasons they are: the domain of google.rpc.ErrorInfo.
const ERROR_DOMAIN: &str = "duet.v1";
