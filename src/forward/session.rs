//! The life of a connection.

use std::rc::Rc;
use std::time::SystemTime;

use tokio::net::TcpStream;

use super::account::SessionGuard;
use super::announce::announce;
use super::connect::{Connected, connect_upstream};
use super::listener::{Accepted, Listener, Settings};
use super::peek::speaks;
use super::peer::{Arrival, Peer};
use super::presence::gone;
use super::refused::Refused;
use super::relay::Relay;
use super::sniff::Heard;
use super::worker::Worker;
use crate::config::{Dial, Timeouts};
use crate::memory::EpochSeconds;
use crate::routing::topology::{Destination, ListenerRoute, Route};
use crate::routing::{
    Client, ClientAddr, Ending, Location, Protocol, Ranking, Snapshot, rank, rank_neighbour,
};

/// Serves one accepted client to its end.
pub(super) async fn serve(worker: Rc<Worker>, listener: Rc<Listener>, mut accepted: Accepted) {
    // Boxed: a session that is connected must not carry the size of its beginning.
    match Box::pin(open(&worker, &listener, &accepted)).await {
        Ok(mut session) => {
            let timer = worker.timer(&session);
            let relay = Relay {
                client: &accepted.stream,
                upstream: &session.upstream,
                resources: &worker.resources,
                timer: &timer,
                timeouts: &session.config.timeouts,
                tcp: &session.config.tcp,
                metrics: &session.metrics,
                witness: session.witness(&worker),
                watch: session.watch(&worker),
            };
            let reason = relay.run().await;
            accepted.ended_in_order = reason.ending == Ending::Closed;
            session.closed = Some(reason);
        }
        Err(refused) => listener.refuse(&worker, accepted.neighbour, &refused),
    }
}

/// Who it is, whether they may come in, what they say, and a session for them. It is boxed, or it would be
/// in the future twice: where it is returned, and where it is kept.
async fn open(
    worker: &Worker,
    listener: &Listener,
    accepted: &Accepted,
) -> Result<Box<SessionGuard>, Refused> {
    let settings = listener.settings();
    let arrival = Arrival::of(accepted, &settings.config.proxy_protocol).await;
    if !matches!(arrival, Ok(Arrival { peer: Peer::Neighbour(_), .. })) {
        settings.metrics.sessions_total.inc();
    }
    let arrival = arrival?;
    match arrival.peer {
        Peer::Client(addr) => {
            let permit = settings.gate.admit(addr).map_err(Refused::Limited)?;
            let heard = hear(&settings, &accepted.stream).await?;
            let mut session = open_for_client(worker, &settings, &arrival, addr, heard).await?;
            session.client_permit = permit;
            Ok(session)
        }
        Peer::Neighbour(addr) => {
            let opened = async {
                let heard = hear(&settings, &accepted.stream).await?;
                open_for_neighbour(worker, &settings, &arrival, addr, heard).await
            };
            // Boxed: clients must not carry the size of what is rare.
            Box::pin(opened).await.map_err(|why| Refused::Neighbour(Box::new(why)))
        }
    }
}

/// What the other end says first, as far as the listener goes by it. `None`: it does not matter what.
async fn hear(settings: &Settings, stream: &TcpStream) -> Result<Option<Heard>, Refused> {
    if let Some(sniffer) = &settings.sniffer {
        return Ok(Some(sniffer.hear(stream).await));
    }
    match settings.config.dial {
        Dial::OnAccept => Ok(None),
        Dial::OnFirstByte => {
            let Timeouts { first_byte, idle, half_close: _ } = settings.config.timeouts;
            match speaks(stream, first_byte.unwrap_or(idle)).await {
                true => Ok(None),
                false => Err(Refused::Silent),
            }
        }
    }
}

/// Locate -> note -> recall -> rank -> connect -> announce -> remember.
async fn open_for_client(
    worker: &Worker,
    settings: &Settings,
    arrival: &Arrival<'_>,
    addr: ClientAddr,
    heard: Option<Heard>,
) -> Result<Box<SessionGuard>, Refused> {
    settings.count(heard);
    let snapshot = worker.shared.context.snapshots.load_full();
    let (route, destination) = way(&snapshot, settings, heard)?;
    let mut client = Client::new(addr, snapshot.locate.locate(addr));
    worker.shared.located(client.location.origin);
    let now = now();
    if let Some(seen) = &settings.seen {
        seen.note(addr, client.location, destination, || now);
    }
    client.remembered = settings.sticky.as_ref().and_then(|it| it.recall(addr, now));
    let ranking = rank(&snapshot, route, destination, &client);
    if ranking.audited {
        settings.metrics.policy_audited_total.inc();
    }
    if ranking.refused_by_policy {
        return Err(Refused::Policy);
    }
    let stream = arrival.stream();
    let connected = connect(worker, settings, &snapshot, &ranking, &client, stream);
    // Boxed: who is still waited for must not carry the room for dials.
    let connected = Box::pin(connected).await?;
    announce(worker, settings, &snapshot, arrival, &client, &connected).await?;
    if let Some(sticky) = &settings.sticky
        && ranking.remembers(connected.attempt.dc, connected.hedged)
    {
        sticky.remember(addr, snapshot.topology.dc(connected.attempt.dc).id, now);
    }
    let session = SessionGuard::open(worker, settings, &snapshot, addr, Some(&ranking), connected);
    let mut session = Box::new(session);
    if heard.is_some_and(|heard| !heard.is_answerable()) {
        session.proves_nothing();
    }
    Ok(session)
}

/// Rank -> connect -> announce. A neighbour that looks whether we live sees a session as clients have one, and
/// is not counted, located, judged or remembered as one of them.
async fn open_for_neighbour(
    worker: &Worker,
    settings: &Settings,
    arrival: &Arrival<'_>,
    addr: ClientAddr,
    heard: Option<Heard>,
) -> Result<Box<SessionGuard>, Refused> {
    let snapshot = worker.shared.context.snapshots.load_full();
    let (route, destination) = way(&snapshot, settings, heard)?;
    let neighbour = Client::new(addr, Location::UNKNOWN);
    let ranking = rank_neighbour(&snapshot, route, destination, &neighbour);
    let stream = arrival.stream();
    let connected = connect(worker, settings, &snapshot, &ranking, &neighbour, stream).await?;
    announce(worker, settings, &snapshot, arrival, &neighbour, &connected).await?;
    Ok(Box::new(SessionGuard::open(worker, settings, &snapshot, addr, None, connected)))
}

/// An upstream for a client, for as long as it is there: the dials of one that has gone take places of a DC
/// from others, and end with it.
async fn connect(
    worker: &Worker,
    settings: &Settings,
    snapshot: &Snapshot,
    ranking: &Ranking,
    client: &Client,
    stream: &TcpStream,
) -> Result<Connected, Refused> {
    tokio::select! {
        biased;
        connected = connect_upstream(worker, settings, snapshot, ranking, client) => Ok(connected?),
        () = gone(stream) => Err(Refused::Gone),
    }
}

/// The route of the listener, and where it leads whom this was heard of.
fn way<'a>(
    snapshot: &'a Snapshot,
    settings: &'a Settings,
    heard: Option<Heard>,
) -> Result<(&'a ListenerRoute, Destination), Refused> {
    if heard == Some(Heard::Nothing) {
        return Err(Refused::Sniff(Heard::Nothing));
    }
    // A client that came before the listener began to listen goes the old way.
    // And one may have become one of UDP meanwhile.
    let is_passable = |route: &&ListenerRoute| {
        let leads_somewhere = route.destination().is_some() || heard.is_some();
        leads_somewhere && route.protocol == Protocol::Tcp
    };
    let current = snapshot.topology.route(&settings.config.name);
    let route = [current, settings.route.as_ref()].into_iter().flatten().find(is_passable);
    let route = route.ok_or(Refused::NoRoute)?;
    let destination = match (route.route, heard) {
        (Route::Mtproto(by_header), Some(heard)) => by_header
            .destination(heard.named_dc(), route, &snapshot.topology)
            .ok_or(Refused::Sniff(heard))?,
        (Route::Nearest | Route::Dc(_), _) | (Route::Mtproto(_), None) => {
            route.destination().ok_or(Refused::NoRoute)?
        }
    };
    Ok((route, destination))
}

/// Memory has to survive a restart, and goes by the time of day.
fn now() -> EpochSeconds {
    SystemTime::now().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of_future<F>(_: impl FnOnce(Rc<Worker>, Rc<Listener>, Accepted) -> F) -> usize {
        size_of::<F>()
    }

    fn size_of_opening<'a, F>(
        _: impl FnOnce(&'a Worker, &'a Listener, &'a Accepted) -> F,
    ) -> usize {
        size_of::<F>()
    }

    /// Whoever says nothing costs no more than this, beside the sockets and the task.
    #[test]
    fn a_client_that_is_waited_for_has_no_buffer_but_that_of_its_header() {
        let size = size_of_opening(open);
        assert!(size <= 1024, "{size} bytes");
    }

    /// Beside it a session has its guard and what tokio keeps of two sockets and a task: 2 KiB in all.
    #[test]
    fn a_connected_session_is_small() {
        let size = size_of_future(serve);
        assert!(size <= 656, "{size} bytes");
    }
}
