//! The routes of the admin listener.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use hyper::header::{self, HeaderValue};
use hyper::{HeaderMap, StatusCode};

use super::asked::{Asked, Peer};
use super::audit;
use super::endpoint::{Access, Endpoint, Segments};
use super::events::{EventsApi, EventsError};
use super::facts::{ConfigurationFact, Facts};
use super::gate::{Gate, Knock};
use super::host::{self, HostError};
use super::openapi;
use super::operate::{Call, clients, drills, intents, lists, sessions};
use super::operations::Operations;
use super::ports;
use super::query::Query;
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
    /// Who may ask what.
    pub gate: Gate,
    /// Knows whether the daemon drains.
    pub draining: DrainWatch,
    /// What happened.
    pub events: EventsApi,
    /// Heartbeats of the data plane.
    pub beat_ages: Arc<BeatAges>,
    /// Does what operators ask for.
    pub operations: Arc<dyn Operations>,
}

impl AdminContext {
    /// Answers one request: the Host header is checked first, then path, method, who asks, and the query.
    /// At once, but for one that waits for events, up to a minute, and for what operators change.
    pub async fn respond(&self, asked: Asked) -> Reply {
        let reply = self.led(asked).await;
        self.metrics.admin_requests_total.with_label_values(&[reply.status().as_str()]).inc();
        reply
    }

    /// Leads a request to what answers it.
    async fn led(&self, asked: Asked) -> Reply {
        if let Some(refused) = self.refused_host(&asked) {
            return refused;
        }
        let path = asked.head.uri().path().to_owned();
        let found = Endpoint::at(&path);
        let wanted = found.iter().find(|(endpoint, _)| endpoint.answers(asked.head.method()));
        let Some((endpoint, segments)) = wanted else {
            return not_here(&found);
        };
        if endpoint.route().access != Access::Write {
            return self.admitted(*endpoint, segments, asked, None).await;
        }
        let from = asked.knock().from();
        let mut line = audit::Line::new(asked.head.method(), &path, from);
        let mut reply = self.admitted(*endpoint, segments, asked, Some(&mut line)).await;
        line.finish(&mut reply);
        reply
    }

    /// Answers who may ask for it. A line for the log learns what of it can be told.
    async fn admitted(
        &self,
        endpoint: Endpoint,
        segments: &Segments<'_>,
        asked: Asked,
        mut line: Option<&mut audit::Line>,
    ) -> Reply {
        let admitted = self.gate.admit(endpoint.route().access, asked.knock(), Instant::now());
        if let Some(line) = &mut line {
            let who = match &admitted {
                Ok(author) => author.name.as_str(),
                Err(denied) => denied.who(),
            };
            who.clone_into(&mut line.who);
        }
        let author = match admitted {
            Ok(author) => author,
            Err(denied) => return denied.reply(),
        };
        let text = asked.head.uri().query().map(str::to_owned);
        let query = match Query::parse(text.as_deref(), endpoint.route().parameters) {
            Ok(query) => query,
            Err(error) => return reply::error(StatusCode::BAD_REQUEST, error.to_string()),
        };
        if let (Some(line), Some(text)) = (line, &text) {
            line.set_query(text);
        }
        let _place = match endpoint.takes_list() {
            true => match self.gate.upload().await {
                None => return busy(),
                place => place,
            },
            false => None,
        };
        let Asked { head, body, peer: _, certificate: _ } = asked;
        let call = Call { head: &head, segments, query: &query, body, author };
        let answered = self.answer(endpoint, call, self.reader.load_full()).await;
        answered.unwrap_or_else(|bad| reply::error(bad.status(), bad.to_string()))
    }

    /// What is told to who asks by another name. Browsers, which this is about, ask at addresses and not
    /// at Unix sockets.
    fn refused_host(&self, asked: &Asked) -> Option<Reply> {
        let refused = match asked.peer {
            Peer::Unix { .. } => return None,
            Peer::Tcp(_) => host::check(&asked.head, &self.allowed_hosts).err()?,
        };
        let status = match refused {
            HostError::Foreign(_) => StatusCode::MISDIRECTED_REQUEST,
            HostError::NotOne | HostError::Malformed => StatusCode::BAD_REQUEST,
        };
        Some(reply::error(status, refused.to_string()))
    }

    /// All of an answer is of one snapshot: another may be published while it is made.
    async fn answer(
        &self,
        endpoint: Endpoint,
        call: Call<'_>,
        snapshot: Arc<Snapshot>,
    ) -> Result<Reply, BadRequest> {
        let (query, snapshot) = (call.query, &*snapshot);
        let operations = &*self.operations;
        Ok(match endpoint {
            Endpoint::Live => self.live(),
            Endpoint::Ready => self.ready(snapshot),
            Endpoint::Status => {
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
            Endpoint::Configuration => match self.facts.changing().configuration {
                Some(ConfigurationFact { started, running }) => {
                    reply::json(StatusCode::OK, &running.in_force(&started))
                }
                None => reply::error(StatusCode::SERVICE_UNAVAILABLE, "the daemon is starting"),
            },
            Endpoint::Dcs => {
                let now = (Instant::now(), SystemTime::now());
                let mut view = DcsView::new(snapshot, &self.metrics, now.0);
                view.set_intents(snapshot, now);
                reply::json(StatusCode::OK, &view)
            }
            Endpoint::Explain => {
                let ip = client(endpoint, query)?;
                let dc = query
                    .value("dc")
                    .map(|dc| dc.parse().map_err(|_| BadRequest::Dc(dc.to_owned())));
                let dc = dc.transpose()?;
                let (listener, _) = the_listener(&snapshot.topology, query.value("listener"))?;
                let basis = Basis::Live { memory: &self.memory, now: SystemTime::now().into() };
                let mut view = explain(snapshot, listener, (ip, dc), basis)?;
                view.set_intents(snapshot, Instant::now());
                reply::json(StatusCode::OK, &view)
            }
            Endpoint::Config => {
                let (ip, listener) = (client(endpoint, query)?, query.value("listener"));
                reply::json(StatusCode::OK, &config(snapshot, listener, ip, self.memory_now())?)
            }
            Endpoint::NearestDc => {
                let (ip, listener) = (client(endpoint, query)?, query.value("listener"));
                reply::json(StatusCode::OK, &nearest_dc(snapshot, listener, ip, self.memory_now())?)
            }
            Endpoint::Events => match self.events.answer(query).await {
                Ok(view) => reply::json(StatusCode::OK, &view),
                Err(busy @ EventsError::Busy) => {
                    reply::error(StatusCode::SERVICE_UNAVAILABLE, busy.to_string())
                }
                Err(value @ EventsError::Value(..)) => return Err(BadRequest::Events(value)),
            },
            Endpoint::OpenApi => reply::json(StatusCode::OK, &openapi::document()),
            Endpoint::List => lists::show(operations),
            Endpoint::PushList => lists::push(operations, call).await,
            Endpoint::History => lists::history(operations, &call).await,
            Endpoint::HistoryEntry => lists::history_entry(operations, &call).await,
            Endpoint::Rollback => lists::roll_back(operations, call).await,
            Endpoint::Reload => lists::reload(operations, call).await,
            Endpoint::DcState => intents::of_dc(operations, snapshot, call).await,
            Endpoint::AccessPointState => {
                intents::of_access_point(operations, snapshot, call).await
            }
            Endpoint::Clients => clients::show(operations, &call).await,
            Endpoint::Sessions => sessions::show(operations, &call).await,
            Endpoint::EndSessions => sessions::end(operations, call).await,
            Endpoint::Drill => drills::show(operations),
            Endpoint::StartDrill => drills::start(operations, snapshot, call).await,
            Endpoint::EndDrill => drills::end(operations, call).await,
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

/// What is wrong with the query of a request.
#[derive(Debug)]
enum BadRequest {
    /// At this path.
    NoAddress(&'static str),
    Address(String),
    Dc(String),
    Explain(ExplainError),
    Events(EventsError),
}

impl BadRequest {
    /// What cannot be read is the asker's fault; what does not fit is so here and now.
    fn status(&self) -> StatusCode {
        match self {
            Self::NoAddress(_) | Self::Address(_) | Self::Dc(_) | Self::Events(_) => {
                StatusCode::BAD_REQUEST
            }
            Self::Explain(error) => match error {
                ExplainError::WhichListener(_) => StatusCode::BAD_REQUEST,
                ExplainError::UnknownListener(..) => StatusCode::NOT_FOUND,
                ExplainError::NoListener
                | ExplainError::NoSessions(_)
                | ExplainError::NoDc
                | ExplainError::NotRouted(..)
                | ExplainError::NotSniffed(_) => StatusCode::CONFLICT,
            },
        }
    }
}

impl From<ExplainError> for BadRequest {
    fn from(error: ExplainError) -> Self {
        Self::Explain(error)
    }
}

impl fmt::Display for BadRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAddress(path) => write!(f, "ip is missing: {path}?ip=203.0.113.7"),
            Self::Address(text) => write!(f, "ip: {text:?} is no IPv4 or IPv6 address"),
            Self::Dc(text) => write!(f, "dc: {text:?} is no number of -32768 to 32767"),
            Self::Explain(error) => error.fmt(f),
            Self::Events(error) => error.fmt(f),
        }
    }
}

/// The address that is asked about.
fn client(endpoint: Endpoint, query: &Query<'_>) -> Result<IpAddr, BadRequest> {
    let ip = query.value("ip").ok_or(BadRequest::NoAddress(endpoint.route().path))?;
    ip.parse().map_err(|_| BadRequest::Address(ip.to_owned()))
}

fn status_of(good: bool) -> StatusCode {
    match good {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    }
}

impl Asked {
    fn knock(&self) -> Knock<'_> {
        let headers: &HeaderMap = self.head.headers();
        Knock { peer: self.peer, certificate: self.certificate.as_deref(), headers }
    }
}

/// Too many lists come at a time.
fn busy() -> Reply {
    let text = "other lists are being read; try again";
    let mut reply = reply::error(StatusCode::SERVICE_UNAVAILABLE, text);
    reply.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    reply
}

/// Nothing answers this path, or not by this method.
fn not_here(found: &[(Endpoint, Segments<'_>)]) -> Reply {
    if found.is_empty() {
        let mut paths = Endpoint::ALL.map(|endpoint| endpoint.route().path).to_vec();
        paths.dedup();
        let known = format!("there is nothing here; known are {}", paths.join(", "));
        return reply::error(StatusCode::NOT_FOUND, known);
    }
    let own = found.iter().map(|(endpoint, _)| endpoint.route().method.as_str());
    let mut methods: Vec<&str> = own.collect();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    reply::method_not_allowed(&methods)
}

#[cfg(test)]
mod tests;
