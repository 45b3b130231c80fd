//! `/v1/dc_options`: the list of access points, pushes of another, and what was there before.

use std::sync::Arc;

use hyper::StatusCode;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, IF_MATCH};
use serde::de::IgnoredAny;

use super::{Call, bad, told, told_change, unread};
use crate::admin::audit::Audited;
use crate::admin::operations::{OperationError, Operations, Push, Reload, Rollback};
use crate::admin::reply::{self, Reply};
use crate::admin::view::PushView;
use crate::routing::topology::Revision;

/// Entries of the history in one answer, if the request does not say.
const ENTRIES: usize = 50;

/// The largest list that is taken.
const LIST_BYTES: usize = 16 << 20;

/// The list in force, as it came.
pub(in crate::admin) fn show(operations: &dyn Operations) -> Reply {
    let Some(list) = operations.list() else {
        return reply::error(StatusCode::SERVICE_UNAVAILABLE, "the daemon is starting");
    };
    let bytes = Bytes::from_owner(Arc::clone(&list.bytes));
    let mut reply = reply::reply(StatusCode::OK, "application/yaml", bytes);
    reply::set_etag(&mut reply, list.revision);
    reply
}

/// Another list.
pub(in crate::admin) async fn push(operations: &dyn Operations, call: Call<'_>) -> Reply {
    let over = match over(&call) {
        Ok(over) => over,
        Err(bad) => return bad,
    };
    let (dry_run, force) = match (call.switch("dry_run"), call.switch("force")) {
        (Ok(dry_run), Ok(force)) => (dry_run, force),
        (Err(bad), _) | (_, Err(bad)) => return bad,
    };
    let kind = match Kind::of(&call) {
        Ok(kind) => kind,
        Err(strange) => return strange,
    };
    let reason = call.reason();
    let bytes = match call.body.read(LIST_BYTES).await {
        Ok(bytes) => bytes,
        Err(error) => return unread(&error),
    };
    if kind == Kind::Json
        && let Err(error) = serde_json::from_slice::<IgnoredAny>(&bytes)
    {
        let problem = format!("Content-Type is application/json, and this is no JSON: {error}");
        return reply::not_done(&OperationError::Invalid(vec![problem]));
    }
    let bytes = bytes[..].into();
    let push = Push { bytes, over, dry_run, force, author: call.author, reason };
    told_change(operations.push(push).await, audited)
}

/// A list that was there before.
pub(in crate::admin) async fn roll_back(operations: &dyn Operations, call: Call<'_>) -> Reply {
    let to = match call.number("to") {
        Ok(to) => to.map(u64::from),
        Err(bad) => return bad,
    };
    let (dry_run, force) = match (call.switch("dry_run"), call.switch("force")) {
        (Ok(dry_run), Ok(force)) => (dry_run, force),
        (Err(bad), _) | (_, Err(bad)) => return bad,
    };
    let over = match call.head.headers().get(IF_MATCH).map(|_| over(&call)).transpose() {
        Ok(over) => over.flatten(),
        Err(bad) => return bad,
    };
    let (reason, author) = (call.reason(), call.author);
    let rollback = Rollback { to, over, dry_run, force, author, reason };
    told_change(operations.roll_back(rollback).await, audited)
}

/// The files, read again.
pub(in crate::admin) async fn reload(operations: &dyn Operations, call: Call<'_>) -> Reply {
    let force = match call.switch("force") {
        Ok(force) => force,
        Err(bad) => return bad,
    };
    let (reason, author) = (call.reason(), call.author);
    told_change(operations.reload(Reload { force, author, reason }).await, audited)
}

/// The lists that were in force.
pub(in crate::admin) async fn history(operations: &dyn Operations, call: &Call<'_>) -> Reply {
    match call.number("limit") {
        Ok(limit) => {
            let limit = limit.and_then(|limit| usize::try_from(limit).ok());
            told(operations.history(limit.unwrap_or(ENTRIES)).await)
        }
        Err(bad) => bad,
    }
}

/// One of them.
pub(in crate::admin) async fn history_entry(operations: &dyn Operations, call: &Call<'_>) -> Reply {
    let number = call.segments.first().and_then(|number| number.parse().ok());
    match number {
        Some(number) => told(operations.history_entry(number).await),
        None => bad("the number of an entry is 1 or more"),
    }
}

/// For the log.
fn audited(view: Option<&PushView>) -> Audited {
    let Some(PushView { dry_run, outcome, before, after, .. }) = view else {
        return Audited::default();
    };
    let (what, after) = match dry_run {
        true => (format!("dry run: {outcome}"), String::new()),
        false => (outcome.clone(), after.clone()),
    };
    Audited { what, before: before.clone(), after }
}

/// What the body of a push is said to be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Json,
    /// Of which JSON is a part.
    Yaml,
}

impl Kind {
    fn of(call: &Call<'_>) -> Result<Self, Reply> {
        let Some(given) = call.head.headers().get(CONTENT_TYPE) else { return Ok(Self::Yaml) };
        let text = given.to_str().unwrap_or_default();
        let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "application/json" => Ok(Self::Json),
            "application/yaml" | "application/x-yaml" | "text/yaml" => Ok(Self::Yaml),
            other => {
                let text = format!(
                    "Content-Type: {other:?} is no list; application/yaml and application/json are"
                );
                Err(reply::error(StatusCode::UNSUPPORTED_MEDIA_TYPE, text))
            }
        }
    }
}

/// The list that the request replaces: it has to say so, or `*` for any (RFC 9110, 13.1.1).
fn over(call: &Call<'_>) -> Result<Option<Revision>, Reply> {
    let Some(tag) = call.head.headers().get(IF_MATCH) else {
        let text = "If-Match is missing: the ETag of the list that this one replaces, or *";
        return Err(reply::error(StatusCode::PRECONDITION_REQUIRED, text));
    };
    let text = tag.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let revision = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let revision = revision.and_then(|text| text.parse().ok());
    revision.map(Some).ok_or_else(|| bad(format!("If-Match: {text} is no ETag of a list")))
}
