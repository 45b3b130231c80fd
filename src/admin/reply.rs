//! Replies: JSON, text, and errors that say what is wrong.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{self, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;

use super::operations::OperationError;
use super::view::ErrorView;
use crate::routing::topology::Revision;

/// A whole reply, in memory.
pub type Reply = Response<Full<Bytes>>;

/// A JSON reply.
pub(super) fn json(status: StatusCode, body: &impl Serialize) -> Reply {
    match serde_json::to_vec(body) {
        Ok(mut text) => {
            text.push(b'\n');
            reply(status, "application/json", text.into())
        }
        Err(failure) => error(StatusCode::INTERNAL_SERVER_ERROR, failure.to_string()),
    }
}

/// `{"error": "..."}` with this text.
pub(super) fn error(status: StatusCode, message: impl Into<String>) -> Reply {
    let view = ErrorView { error: message.into(), problems: Vec::new() };
    let text = serde_json::to_vec(&view).unwrap_or_default();
    reply(status, "application/json", text.into())
}

/// A method that the path does not have; it has these.
pub(super) fn method_not_allowed(methods: &[&str]) -> Reply {
    let methods = methods.join(", ");
    let message = format!("this path answers {methods}");
    let mut reply = error(StatusCode::METHOD_NOT_ALLOWED, message);
    if let Ok(allowed) = HeaderValue::try_from(methods) {
        reply.headers_mut().insert(header::ALLOW, allowed);
    }
    reply
}

/// An operation that was not done.
pub(super) fn not_done(why: &OperationError) -> Reply {
    let (status, problems) = match why {
        OperationError::NotFound(_) => (StatusCode::NOT_FOUND, Vec::new()),
        OperationError::Stale(_) => (StatusCode::PRECONDITION_FAILED, Vec::new()),
        OperationError::Invalid(problems) => (StatusCode::UNPROCESSABLE_ENTITY, problems.clone()),
        OperationError::Guarded(_) | OperationError::Conflict(_) => {
            (StatusCode::CONFLICT, Vec::new())
        }
        OperationError::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, Vec::new()),
    };
    let mut reply = json(status, &ErrorView { error: why.to_string(), problems });
    if let OperationError::Stale(now) = why {
        set_etag(&mut reply, *now);
    }
    reply
}

/// Says which list is in force (RFC 9110, 8.8.3).
pub(super) fn set_etag(reply: &mut Reply, revision: Revision) {
    if let Ok(tag) = HeaderValue::try_from(format!("\"{revision}\"")) {
        reply.headers_mut().insert(header::ETAG, tag);
    }
}

/// A reply of this content type that nobody stores and no browser guesses about.
pub(super) fn reply(status: StatusCode, content_type: &'static str, body: Bytes) -> Reply {
    let mut reply = Response::new(Full::new(body));
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    reply
}
