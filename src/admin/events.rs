//! `/v1/events`: what happened, at once or when something does.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, TryAcquireError};
use tokio::time::{Instant, timeout_at};

use super::query::Query;
use super::view::EventsView;
use crate::events::{EventLog, Page, Record};
use crate::routing::DcId;

/// The names of the parameters.
pub(super) const PARAMETERS: &[&str] = &["after", "instance", "dc", "limit", "wait"];

/// Requests that wait at once: a quarter of the connections, so that who asks for readiness always
/// finds one.
const WAITING: usize = 16;

/// The longest wait.
const LONGEST: Duration = Duration::from_secs(60);

/// Events of one answer at most, and if the request does not say.
const MOST: usize = 1000;

/// Answers requests for events.
pub struct EventsApi {
    log: Arc<EventLog>,
    places: Semaphore,
}

/// Why a request for events is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum EventsError {
    /// A parameter has a value that it cannot have: its name, the value, and what it can be.
    Value(&'static str, String, String),
    /// Too many requests wait.
    Busy,
}

impl fmt::Display for EventsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(name, value, expected) => {
                write!(f, "{name}: {value:?} is not {expected}")
            }
            Self::Busy => {
                write!(f, "{WAITING} requests wait for events already; ask later, or without wait")
            }
        }
    }
}

impl std::error::Error for EventsError {}

/// What is asked for.
struct Wanted {
    after: u64,
    dc: Option<DcId>,
    limit: usize,
    wait: Duration,
}

impl EventsApi {
    /// Answers from this log.
    #[must_use]
    pub fn new(log: Arc<EventLog>) -> Self {
        Self { log, places: Semaphore::new(WAITING) }
    }

    /// The log.
    pub(super) fn log(&self) -> &EventLog {
        &self.log
    }

    /// The events that the query asks for; all of them if its `instance` is another than this. When
    /// there is none and it says `wait`, the answer comes with the first one, or empty after that
    /// time.
    ///
    /// # Errors
    /// See [`EventsError`].
    pub(super) async fn answer(&self, query: &Query<'_>) -> Result<EventsView, EventsError> {
        let mut wanted = Wanted::new(query)?;
        if query.value("instance").is_some_and(|instance| instance != self.log.instance()) {
            wanted.after = 0;
        }
        let page = self.page(&wanted, wanted.after);
        // An id of the future is one of another process: whoever has it learns that at once.
        let page = match page.records.is_empty() && wanted.after <= page.last {
            true if !wanted.wait.is_zero() => self.wait(&wanted, page).await?,
            true | false => page,
        };
        Ok(EventsView::new(self.log.instance(), page))
    }

    async fn wait(&self, wanted: &Wanted, mut page: Page) -> Result<Page, EventsError> {
        let _place = self.places.try_acquire().map_err(|error| match error {
            TryAcquireError::NoPermits | TryAcquireError::Closed => EventsError::Busy,
        })?;
        let deadline = Instant::now() + wanted.wait;
        while page.records.is_empty() {
            match timeout_at(deadline, self.log.beyond(page.next)).await {
                Ok(()) => page = Page { lost: page.lost, ..self.page(wanted, page.next) },
                Err(_elapsed) => break,
            }
        }
        Ok(page)
    }

    fn page(&self, wanted: &Wanted, after: u64) -> Page {
        let is_wanted = |record: &Record| wanted.dc.is_none_or(|dc| record.dc() == Some(dc));
        self.log.since(after, wanted.limit, is_wanted)
    }
}

impl Wanted {
    fn new(query: &Query<'_>) -> Result<Self, EventsError> {
        let limit = format!("a number from 1 to {MOST}");
        let wait = format!("a time up to {} s, such as 25s", LONGEST.as_secs());
        Ok(Self {
            after: read(query, "after", "the id of an event", |_| true)?.unwrap_or(0),
            dc: read(query, "dc", "the number of a DC", |dc| *dc > 0)?.map(DcId),
            limit: read(query, "limit", &limit, |limit| (1..=MOST).contains(limit))?
                .unwrap_or(MOST),
            wait: read(query, "wait", &wait, |wait: &Wait| wait.0 <= LONGEST)?
                .map_or(Duration::ZERO, |wait| wait.0),
        })
    }
}

/// A time as people write it.
struct Wait(Duration);

impl FromStr for Wait {
    type Err = humantime::DurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        humantime::parse_duration(text).map(Self)
    }
}

/// The value of a parameter, if it was given and is `good`.
fn read<T: FromStr>(
    query: &Query<'_>,
    name: &'static str,
    expected: &str,
    good: impl Fn(&T) -> bool,
) -> Result<Option<T>, EventsError> {
    let Some(text) = query.value(name) else { return Ok(None) };
    match text.parse().ok().filter(|value| good(value)) {
        Some(value) => Ok(Some(value)),
        None => Err(EventsError::Value(name, text.to_owned(), expected.to_owned())),
    }
}

#[cfg(test)]
mod tests;
