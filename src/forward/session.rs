//! The life of a connection.

use std::rc::Rc;
use std::time::SystemTime;

use super::account::SessionGuard;
use super::connect::{ConnectError, connect_upstream};
use super::listener::{Accepted, Listener, Settings};
use super::proxy_header::{self, Announced, HeaderError};
use super::relay::Relay;
use super::worker::Worker;
use crate::memory::EpochSeconds;
use crate::routing::topology::ListenerRoute;
use crate::routing::{
    Client, ClientAddr, Ending, GiveUp, Location, Refusal, Snapshot, rank, rank_neighbour,
};

/// Serves one accepted client to its end.
pub(super) async fn serve(worker: Rc<Worker>, listener: Rc<Listener>, mut accepted: Accepted) {
    // Boxed: a session that is connected must not carry the size of its beginning.
    match Box::pin(open(&worker, &listener, &accepted)).await {
        Ok(mut session) => {
            let timer = worker.timer(session.timeouts.idle, &session.access_point);
            let relay = Relay {
                client: &accepted.stream,
                upstream: &session.upstream,
                resources: &worker.resources,
                timer: &timer,
                timeouts: &session.timeouts,
                metrics: &session.metrics,
                witness: session.witness(&worker),
                watch: session.watch(&worker),
            };
            let reason = relay.run().await;
            accepted.ended_in_order = reason.ending == Ending::Closed;
            session.closed = Some(reason);
        }
        Err(refused) => match refused.refusal() {
            Some(refusal) => listener.refuse(&worker, accepted.neighbour, refusal, &refused),
            None => tracing::debug!(neighbour = %accepted.neighbour, %refused, "neighbour refused"),
        },
    }
}

/// Who it is, and a session for them. It is boxed, or it would be in the future twice: where it is
/// returned, and where it is kept.
async fn open(
    worker: &Worker,
    listener: &Listener,
    accepted: &Accepted,
) -> Result<Box<SessionGuard>, Refused> {
    let settings = listener.settings();
    let peer = peer(accepted, &settings.config.proxy_protocol).await;
    if !matches!(peer, Ok(Peer::Neighbour(_))) {
        settings.metrics.sessions_total.inc();
    }
    match peer? {
        Peer::Client(addr) => open_for_client(worker, &settings, addr).await,
        Peer::Neighbour(addr) => {
            let opened = open_for_neighbour(worker, &settings, addr).await;
            opened.map_err(|why| Refused::Neighbour(Box::new(why)))
        }
    }
}

/// Locate -> recall -> rank -> connect -> remember.
async fn open_for_client(
    worker: &Worker,
    settings: &Settings,
    addr: ClientAddr,
) -> Result<Box<SessionGuard>, Refused> {
    let snapshot = worker.shared.context.snapshots.load_full();
    let route = route(&snapshot, settings)?;
    let destination = route.destination().ok_or(Refused::NoRoute)?;
    let mut client = Client::new(addr, snapshot.locate.locate(addr));
    worker.shared.located(client.location.origin);
    client.remembered = settings.sticky.as_ref().and_then(|it| it.recall(addr, now()));
    let ranking = rank(&snapshot, route, destination, &client);
    if ranking.audited {
        settings.metrics.policy_audited_total.inc();
    }
    if ranking.refused_by_policy {
        return Err(Refused::Policy);
    }
    let connected = connect_upstream(worker, settings, &snapshot, &ranking, &client).await?;
    if let Some(sticky) = &settings.sticky
        && ranking.remembers(connected.attempt.dc, connected.hedged)
    {
        sticky.remember(addr, snapshot.topology.dc(connected.attempt.dc).id, now());
    }
    Ok(Box::new(SessionGuard::open(worker, settings, &snapshot, addr, Some(&ranking), connected)))
}

/// Rank -> connect. A neighbour that looks whether we live sees a session as clients have one, and
/// is not counted, located, judged or remembered as one of them.
async fn open_for_neighbour(
    worker: &Worker,
    settings: &Settings,
    addr: ClientAddr,
) -> Result<Box<SessionGuard>, Refused> {
    let snapshot = worker.shared.context.snapshots.load_full();
    let route = route(&snapshot, settings)?;
    let destination = route.destination().ok_or(Refused::NoRoute)?;
    let neighbour = Client::new(addr, Location::UNKNOWN);
    let ranking = rank_neighbour(&snapshot, route, destination, &neighbour);
    let connected = connect_upstream(worker, settings, &snapshot, &ranking, &neighbour).await?;
    Ok(Box::new(SessionGuard::open(worker, settings, &snapshot, addr, None, connected)))
}

fn route<'a>(snapshot: &'a Snapshot, settings: &'a Settings) -> Result<&'a ListenerRoute, Refused> {
    let route = snapshot.topology.route(&settings.config.name).or(settings.route.as_ref());
    route.ok_or(Refused::NoRoute)
}

/// Memory has to survive a restart, and goes by the time of day.
fn now() -> EpochSeconds {
    SystemTime::now().into()
}

/// Who has connected.
enum Peer {
    /// A client.
    Client(ClientAddr),
    /// A load balancer that speaks for itself.
    Neighbour(ClientAddr),
}

async fn peer(
    accepted: &Accepted,
    policy: &crate::config::ProxyProtocol,
) -> Result<Peer, HeaderError> {
    let neighbour = ClientAddr::new(accepted.neighbour.ip());
    if !proxy_header::is_required(policy, accepted.neighbour) {
        return Ok(Peer::Client(neighbour));
    }
    Ok(match proxy_header::read(&accepted.stream, policy).await? {
        Announced::Client(client) => Peer::Client(ClientAddr::new(client.ip())),
        // Rules have to hold for it, and there is no better address.
        Announced::Nobody => Peer::Client(neighbour),
        Announced::Neighbour => Peer::Neighbour(neighbour),
    })
}

/// Why there is no upstream.
#[derive(Debug)]
enum Refused {
    /// The same of a neighbour that speaks for itself.
    Neighbour(Box<Refused>),
    Header(HeaderError),
    NoRoute,
    Policy,
    Connect(ConnectError),
}

impl Refused {
    /// What is counted of it; nothing of who is no client.
    fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Neighbour(_) => None,
            Self::Header(_) => Some(Refusal::ProxyHeader),
            Self::Policy => Some(Refusal::Policy),
            Self::Connect(ConnectError(GiveUp::Full)) => Some(Refusal::Overflow),
            Self::NoRoute
            | Self::Connect(ConnectError(
                GiveUp::NoCandidate | GiveUp::Failed | GiveUp::Deadline,
            )) => Some(Refusal::NoDc),
        }
    }
}

impl From<HeaderError> for Refused {
    fn from(error: HeaderError) -> Self {
        Self::Header(error)
    }
}

impl From<ConnectError> for Refused {
    fn from(error: ConnectError) -> Self {
        Self::Connect(error)
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Neighbour(why) => why.fmt(f),
            Self::Header(error) => error.fmt(f),
            Self::NoRoute => f.write_str("the listener has no route"),
            Self::Policy => f.write_str("policy"),
            Self::Connect(error) => error.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of_future<F>(_: impl FnOnce(Rc<Worker>, Rc<Listener>, Accepted) -> F) -> usize {
        size_of::<F>()
    }

    /// Beside it a session has its guard and what tokio keeps of two sockets and a task: 2 KiB in all.
    #[test]
    fn a_connected_session_is_small() {
        let size = size_of_future(serve);
        assert!(size <= 640, "{size} bytes");
    }
}
