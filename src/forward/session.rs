//! The life of a connection.

use std::rc::Rc;
use std::time::SystemTime;

use super::account::SessionGuard;
use super::connect::{ConnectError, connect_upstream};
use super::listener::{Accepted, Listener};
use super::proxy_header::{self, Announced, HeaderError};
use super::relay::Relay;
use super::worker::Worker;
use crate::memory::EpochSeconds;
use crate::routing::{Client, ClientAddr, Ending, GiveUp, Refusal, rank};

/// Serves one accepted client to its end.
pub(super) async fn serve(worker: Rc<Worker>, listener: Rc<Listener>, mut accepted: Accepted) {
    // Boxed: a session that is connected must not carry the size of its beginning.
    match Box::pin(open(&worker, &listener, &accepted)).await {
        Ok(mut session) => {
            let timer = worker.timer(session.timeouts.idle);
            let relay = Relay {
                client: &accepted.stream,
                upstream: &session.upstream,
                resources: &worker.resources,
                timer: &timer,
                timeouts: session.timeouts,
                metrics: &session.metrics,
            };
            let reason = relay.run().await;
            accepted.ended_in_order = reason.ending == Ending::Closed;
            session.closed = Some(reason);
        }
        Err(refused) => {
            listener.refuse(&worker, accepted.neighbour, refused.refusal(), &refused);
        }
    }
}

/// Client address -> locate -> recall -> rank -> connect -> remember. The session is boxed, or it
/// would be in the future twice: where it is returned, and where it is kept.
async fn open(
    worker: &Worker,
    listener: &Listener,
    accepted: &Accepted,
) -> Result<Box<SessionGuard>, Refused> {
    let settings = listener.settings();
    let addr = client_address(accepted, &settings.config.proxy_protocol).await?;
    let snapshot = worker.shared.context.snapshots.load_full();
    let mut client = Client::new(addr, snapshot.locate.locate(addr));
    worker.shared.located(client.location.origin);
    client.remembered = settings.sticky.as_ref().and_then(|it| it.recall(addr, now()));
    let route = snapshot.topology.route(&settings.config.name).or(settings.route.as_ref());
    let route = route.ok_or(Refused::NoRoute)?;
    let ranking = rank(&snapshot, route, &client);
    if ranking.audited {
        settings.metrics.policy_audited_total.inc();
    }
    if ranking.refused_by_policy {
        return Err(Refused::Policy);
    }
    let connected =
        connect_upstream(worker, &snapshot, &ranking, &client, &settings.config).await?;
    if let Some(sticky) = &settings.sticky
        && ranking.remembers(connected.attempt.dc)
    {
        sticky.remember(addr, snapshot.topology.dc(connected.attempt.dc).id, now());
    }
    Ok(Box::new(SessionGuard::open(worker, &settings, &snapshot, &ranking, connected)))
}

/// Memory has to survive a restart, and goes by the time of day.
fn now() -> EpochSeconds {
    SystemTime::now().into()
}

async fn client_address(
    accepted: &Accepted,
    policy: &crate::config::ProxyProtocol,
) -> Result<ClientAddr, HeaderError> {
    let neighbour = ClientAddr::new(accepted.neighbour.ip());
    if !proxy_header::is_required(policy, accepted.neighbour) {
        return Ok(neighbour);
    }
    Ok(match proxy_header::read(&accepted.stream, policy).await? {
        Announced::Client(client) => ClientAddr::new(client.ip()),
        Announced::Neighbour => neighbour,
    })
}

/// Why a client got no upstream.
#[derive(Debug)]
enum Refused {
    Header(HeaderError),
    NoRoute,
    Policy,
    Connect(ConnectError),
}

impl Refused {
    fn refusal(&self) -> Refusal {
        match self {
            Self::Header(_) => Refusal::ProxyHeader,
            Self::Policy => Refusal::Policy,
            Self::Connect(ConnectError(GiveUp::Full)) => Refusal::Overflow,
            Self::NoRoute
            | Self::Connect(ConnectError(
                GiveUp::NoCandidate | GiveUp::Failed | GiveUp::Deadline,
            )) => Refusal::NoDc,
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
