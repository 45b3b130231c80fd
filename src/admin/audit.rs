//! One line of the log for each request that changes something, or would have: who, what, from where, and
//! what was before and after. No body is in it, and no header.

use std::fmt;

use hyper::{Method, StatusCode};
use tracing::info;

use super::reply::Reply;
use crate::telemetry::AUDIT;

/// Characters of a path, and of a query, that are told: reasons may be long.
const LONGEST: usize = 300;

/// What a handler knows of what it changed; left with its [`Reply`] as an extension.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audited {
    /// What was ordered, where the request line does not say.
    pub what: String,
    /// The revision or the state before.
    pub before: String,
    /// The revision or the state after.
    pub after: String,
}

impl Audited {
    /// The same of what was not done.
    #[must_use]
    pub(super) fn if_done(mut self, is_done: bool) -> Self {
        if !is_done {
            self.after.clear();
        }
        self
    }

    /// Leaves it with a reply.
    pub(super) fn beside(self, mut reply: Reply) -> Reply {
        reply.extensions_mut().insert(self);
        reply
    }
}

/// The line of one request. It is written when this is dropped, so that one whose client has gone is
/// told too: what it asked for may be done all the same.
pub(super) struct Line {
    pub(super) who: String,
    from: String,
    request: String,
    query: String,
    audited: Audited,
    status: Option<StatusCode>,
}

impl Line {
    /// Of somebody who is not known yet.
    pub(super) fn new(method: &Method, path: &str, from: String) -> Self {
        Self {
            who: String::new(),
            from,
            request: format!("{method} {}", shortened(path)),
            query: String::new(),
            audited: Audited::default(),
            status: None,
        }
    }

    /// The query: once it is known that nothing is in it but what is taken there, which no secret is.
    pub(super) fn set_query(&mut self, query: &str) {
        self.query = shortened(query).to_owned();
    }

    /// What came of it.
    pub(super) fn finish(&mut self, reply: &mut Reply) {
        self.status = Some(reply.status());
        self.audited = reply.extensions_mut().remove().unwrap_or_default();
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let Self { who, from, request, query, audited, status } = self;
        let Audited { what, before, after } = audited;
        // Everything that others have written is quoted: it cannot pretend to be another line.
        info!(
            target: AUDIT,
            audit = true, ?who, %from, %request, ?query, ?what, ?before, ?after, status = %Ended(*status),
            "asked to change"
        );
    }
}

/// The status of the reply, if there was one.
struct Ended(Option<StatusCode>);

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(status) => status.as_u16().fmt(f),
            None => f.write_str("left"),
        }
    }
}

/// The beginning of a text that is ASCII, as targets of requests are.
fn shortened(text: &str) -> &str {
    text.get(..LONGEST).unwrap_or(text)
}
