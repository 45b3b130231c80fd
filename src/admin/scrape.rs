//! `/metrics`, on a listener of its own: Prometheus reads it from other machines under any name, so
//! no Host header is checked.

use std::sync::Arc;
use std::time::Instant;

use hyper::{Method, Request, StatusCode};

use super::facts::Facts;
use super::reply::{self, Reply};
use crate::control::SnapshotReader;
use crate::memory::StickyMemory;
use crate::metrics::Metrics;

/// What a scrape needs.
pub struct ScrapeContext {
    /// The network as of now.
    pub reader: SnapshotReader,
    /// What is scraped.
    pub metrics: Arc<Metrics>,
    /// What listeners remember.
    pub memory: Arc<StickyMemory>,
    /// The age of `dc_options`.
    pub facts: Arc<Facts>,
}

impl ScrapeContext {
    /// Answers `/metrics` in the exposition format 0.0.4, and nothing else.
    #[must_use]
    pub fn respond(&self, request: &Request<()>) -> Reply {
        if request.uri().path() != "/metrics" {
            return reply::error(StatusCode::NOT_FOUND, "there is nothing here but /metrics");
        }
        if ![Method::GET, Method::HEAD].contains(request.method()) {
            return reply::method_not_allowed(&["GET", "HEAD"]);
        }
        let now = Instant::now();
        let age = self.facts.dc_options_age(now).as_secs_f64();
        self.metrics.dc_options_age_seconds.set(age);
        self.metrics.observe(&self.reader.load(), now);
        self.metrics.observe_memory(&self.memory.clients());
        let text = self.metrics.render();
        reply::reply(StatusCode::OK, "text/plain; version=0.0.4", text.into())
    }
}
