//! Replies: JSON, text, and errors that say what is wrong.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{self, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;

use super::view::ErrorView;

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
    let view = ErrorView { error: message.into() };
    let text = serde_json::to_vec(&view).unwrap_or_default();
    reply(status, "application/json", text.into())
}

/// A method that the path does not have.
pub(super) fn method_not_allowed() -> Reply {
    let mut reply = error(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are answered here");
    let allowed = HeaderValue::from_static("GET, HEAD");
    reply.headers_mut().insert(header::ALLOW, allowed);
    reply
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
