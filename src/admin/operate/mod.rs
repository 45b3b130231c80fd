//! What operators change: requests into orders for [`Operations`](super::Operations), and what came of
//! them into replies.

pub(super) mod clients;
pub(super) mod drills;
pub(super) mod intents;
pub(super) mod lists;
pub(super) mod sessions;

use hyper::{Request, StatusCode};
use serde::de::DeserializeOwned;

use super::asked::{Body, BodyError};
use super::audit::Audited;
use super::endpoint::Segments;
use super::operations::{Author, OperationError};
use super::query::Query;
use super::reply::{self, Reply};

/// Bytes of a body that says what to do; lists have a limit of their own.
const ORDER_BYTES: usize = 16 * 1024;

/// One request that may do what it asks for.
pub(super) struct Call<'a> {
    pub(super) head: &'a Request<()>,
    /// What stands for the names in the path.
    pub(super) segments: &'a Segments<'a>,
    pub(super) query: &'a Query<'a>,
    pub(super) body: Body,
    /// Who asks.
    pub(super) author: Author,
}

impl Call<'_> {
    /// The body as JSON of this shape.
    async fn order<T: DeserializeOwned>(body: Body) -> Result<T, Reply> {
        let bytes = body.read(ORDER_BYTES).await.map_err(|error| unread(&error))?;
        serde_json::from_slice(&bytes).map_err(|error| bad(error.to_string()))
    }

    /// Whether a switch is on: `1` or `true`, and off for `0` or `false`.
    fn switch(&self, name: &str) -> Result<bool, Reply> {
        match self.query.value(name) {
            None | Some("0" | "false") => Ok(false),
            Some("1" | "true") => Ok(true),
            Some(other) => Err(bad(format!("{name}: {other:?} is not 1 or 0"))),
        }
    }

    /// A number of the query.
    fn number(&self, name: &str) -> Result<Option<u32>, Reply> {
        let given = self.query.value(name).map(|text| {
            let most = u32::MAX;
            text.parse().map_err(|_| bad(format!("{name}: {text:?} is no number of 0 to {most}")))
        });
        given.transpose()
    }

    /// Why, as far as they say so.
    fn reason(&self) -> String {
        self.query.value("reason").unwrap_or_default().to_owned()
    }
}

/// A request that means nothing.
fn bad(message: impl Into<String>) -> Reply {
    reply::error(StatusCode::BAD_REQUEST, message)
}

/// A body that was not read.
fn unread(error: &BodyError) -> Reply {
    let status = match error {
        BodyError::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
        BodyError::TooSlow(_) => StatusCode::REQUEST_TIMEOUT,
        BodyError::Broken(_) => StatusCode::BAD_REQUEST,
    };
    reply::error(status, error.to_string())
}

/// The same, with what the log is to know of it.
fn told_change<T: serde::Serialize>(
    done: Result<T, OperationError>,
    audited: impl FnOnce(Option<&T>) -> Audited,
) -> Reply {
    let audited = audited(done.as_ref().ok());
    audited.beside(told(done))
}

/// What came of it, as JSON, or why nothing did.
fn told<T: serde::Serialize>(done: Result<T, OperationError>) -> Reply {
    match done {
        Ok(view) => reply::json(StatusCode::OK, &view),
        Err(why) => reply::not_done(&why),
    }
}
