//! The routes of the admin listener.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use hyper::{Method, Request, StatusCode};

use super::events::{self, EventsApi, EventsError};
use super::facts::{ConfigurationFact, Facts};
use super::host::{self, HostError};
use super::ports;
use super::query::{Query, QueryError};
use super::readiness;
use super::reply::{self, Reply};
use super::view::{
    Basis, DcsView, ExplainError, LiveView, ReadyView, StatusView, config, explain, nearest_dc,
    the_listener,
};
use crate::control::SnapshotReader;
use crate::drain::DrainWatch;
use crate::memory::{EpochSeconds, StickyMemory};
use crate::metrics::Metrics;
use crate::routing::Snapshot;
use crate::sessions::Sessions;

/// A worker that has not beaten for this long is stuck.
const STUCK: Duration = Duration::from_secs(10);

/// How long ago each data-plane worker last beat, in the order of the workers.
pub type BeatAges = dyn Fn() -> Vec<Duration> + Send + Sync;

/// What the admin listener needs.
pub struct AdminContext {
    /// The network as of now.
    pub reader: SnapshotReader,
    /// What listeners remember of clients.
    pub memory: Arc<StickyMemory>,
    /// How many sessions and flows listeners have.
    pub sessions: Arc<Sessions>,
    /// Failed dials by access point.
    pub metrics: Arc<Metrics>,
    /// What no snapshot knows.
    pub facts: Arc<Facts>,
    /// `admin.allowed_hosts`, the address of `admin.bind` among them.
    pub allowed_hosts: Vec<String>,
    /// Knows whether the daemon drains.
    pub draining: DrainWatch,
    /// What happened.
    pub events: EventsApi,
    /// Heartbeats of the data plane.
    pub beat_ages: Arc<BeatAges>,
}

impl AdminContext {
    /// Answers one request: the Host header is checked first, then path, method and query. At once,
    /// but for one that waits for events, up to a minute.
    pub async fn respond(&self, request: &Request<()>) -> Reply {
        match host::check(request, &self.allowed_hosts) {
            Ok(()) => {}
            Err(refused @ HostError::Foreign(_)) => {
                return reply::error(StatusCode::MISDIRECTED_REQUEST, refused.to_string());
            }
            Err(refused @ (HostError::NotOne | HostError::Malformed)) => {
                return reply::error(StatusCode::BAD_REQUEST, refused.to_string());
            }
        }
        let Some(route) = ApiRoute::find(request.uri().path()) else {
            return reply::error(StatusCode::NOT_FOUND, not_found());
        };
        if ![Method::GET, Method::HEAD].contains(request.method()) {
            return reply::method_not_allowed();
        }
        let answered = match Query::parse(request.uri().query(), route.parameters()) {
            Ok(query) => self.answer(route, &query, self.reader.load_full()).await,
            Err(error) => Err(BadRequest::Query(error)),
        };
        answered.unwrap_or_else(|bad| reply::error(StatusCode::BAD_REQUEST, bad.to_string()))
    }

    /// All of an answer is of one snapshot: another may be published while it is made.
    async fn answer(
        &self,
        route: ApiRoute,
        query: &Query<'_>,
        snapshot: Arc<Snapshot>,
    ) -> Result<Reply, BadRequest> {
        let snapshot = &*snapshot;
        Ok(match route {
            ApiRoute::Live => self.live(),
            ApiRoute::Ready => self.ready(snapshot),
            ApiRoute::Status => {
                let reasons = self.not_ready(snapshot);
                let now = (Instant::now(), SystemTime::now());
                let mut view = StatusView::new(snapshot, &self.facts, reasons, now);
                view.set_remembered(&self.memory.clients());
                view.set_open(&self.sessions.open_by_listener());
                view.set_open_descriptors(self.metrics.open_descriptors());
                view.set_local_ports(snapshot, ports::local());
                view.set_isolated_since(self.events.log().isolated_since());
                reply::json(StatusCode::OK, &view)
            }
            ApiRoute::Configuration => match self.facts.changing().configuration {
                Some(ConfigurationFact { started, running }) => {
                    reply::json(StatusCode::OK, &running.in_force(&started))
                }
                None => reply::error(StatusCode::SERVICE_UNAVAILABLE, "the daemon is starting"),
            },
            ApiRoute::Dcs => {
                let view = DcsView::new(snapshot, &self.metrics, Instant::now());
                reply::json(StatusCode::OK, &view)
            }
            ApiRoute::Explain => {
                let ip = client(route, query)?;
                let dc = query
                    .value("dc")
                    .map(|dc| dc.parse().map_err(|_| BadRequest::Dc(dc.to_owned())));
                let dc = dc.transpose()?;
                let (listener, _) = the_listener(&snapshot.topology, query.value("listener"))?;
                let basis = Basis::Live { memory: &self.memory, now: SystemTime::now().into() };
                reply::json(StatusCode::OK, &explain(snapshot, listener, (ip, dc), basis)?)
            }
            ApiRoute::Config => {
                let (ip, listener) = (client(route, query)?, query.value("listener"));
                reply::json(StatusCode::OK, &config(snapshot, listener, ip, self.memory_now())?)
            }
            ApiRoute::NearestDc => {
                let (ip, listener) = (client(route, query)?, query.value("listener"));
                reply::json(StatusCode::OK, &nearest_dc(snapshot, listener, ip, self.memory_now())?)
            }
            ApiRoute::Events => match self.events.answer(query).await {
                Ok(view) => reply::json(StatusCode::OK, &view),
                Err(busy @ EventsError::Busy) => {
                    reply::error(StatusCode::SERVICE_UNAVAILABLE, busy.to_string())
                }
                Err(value @ EventsError::Value(..)) => return Err(BadRequest::Events(value)),
            },
        })
    }

    fn memory_now(&self) -> (&StickyMemory, EpochSeconds) {
        (&self.memory, SystemTime::now().into())
    }

    fn live(&self) -> Reply {
        let ages = (self.beat_ages)();
        let stuck = ages.iter().enumerate().filter(|(_, age)| **age > STUCK);
        let reasons: Vec<String> = stuck
            .map(|(worker, age)| format!("worker {worker} is stuck for {} s", age.as_secs()))
            .collect();
        let live = reasons.is_empty();
        reply::json(status_of(live), &LiveView { live, reasons })
    }

    fn ready(&self, snapshot: &Snapshot) -> Reply {
        let reasons = self.not_ready(snapshot);
        let ready = reasons.is_empty();
        reply::json(status_of(ready), &ReadyView { ready, reasons })
    }

    fn not_ready(&self, snapshot: &Snapshot) -> Vec<String> {
        let isolated_since = self.events.log().isolated_since();
        readiness::reasons(snapshot, self.draining.is_draining(), isolated_since)
    }
}

/// What a path leads to.
#[derive(Clone, Copy)]
enum ApiRoute {
    Live,
    Ready,
    Status,
    Configuration,
    Dcs,
    Explain,
    Config,
    NearestDc,
    Events,
}

impl ApiRoute {
    const ALL: [Self; 9] = [
        Self::Live,
        Self::Ready,
        Self::Status,
        Self::Configuration,
        Self::Dcs,
        Self::Explain,
        Self::Config,
        Self::NearestDc,
        Self::Events,
    ];

    fn find(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|route| route.path() == path)
    }

    fn path(self) -> &'static str {
        match self {
            Self::Live => "/livez",
            Self::Ready => "/readyz",
            Self::Status => "/v1/status",
            Self::Configuration => "/v1/configuration",
            Self::Dcs => "/v1/dcs",
            Self::Explain => "/v1/explain",
            Self::Config => "/v1/config",
            Self::NearestDc => "/v1/nearest_dc",
            Self::Events => "/v1/events",
        }
    }

    fn parameters(self) -> &'static [&'static str] {
        match self {
            Self::Live | Self::Ready | Self::Status | Self::Configuration | Self::Dcs => &[],
            Self::Explain => &["ip", "listener", "dc"],
            Self::Config | Self::NearestDc => &["ip", "listener"],
            Self::Events => events::PARAMETERS,
        }
    }
}

/// What is wrong with the query of a request.
#[derive(Debug)]
enum BadRequest {
    Query(QueryError),
    /// At this path.
    NoAddress(&'static str),
    Address(String),
    Dc(String),
    Explain(ExplainError),
    Events(EventsError),
}

impl From<ExplainError> for BadRequest {
    fn from(error: ExplainError) -> Self {
        Self::Explain(error)
    }
}

impl fmt::Display for BadRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Query(error) => error.fmt(f),
            Self::NoAddress(path) => write!(f, "ip is missing: {path}?ip=203.0.113.7"),
            Self::Address(text) => write!(f, "ip: {text:?} is no IPv4 or IPv6 address"),
            Self::Dc(text) => write!(f, "dc: {text:?} is no number of -32768 to 32767"),
            Self::Explain(error) => error.fmt(f),
            Self::Events(error) => error.fmt(f),
        }
    }
}

/// The address that is asked about.
fn client(route: ApiRoute, query: &Query<'_>) -> Result<IpAddr, BadRequest> {
    let ip = query.value("ip").ok_or(BadRequest::NoAddress(route.path()))?;
    ip.parse().map_err(|_| BadRequest::Address(ip.to_owned()))
}

fn status_of(good: bool) -> StatusCode {
    match good {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn not_found() -> String {
    let paths = ApiRoute::ALL.map(ApiRoute::path);
    format!("there is nothing here; known are {}", paths.join(", "))
}

#[cfg(test)]
mod tests;
