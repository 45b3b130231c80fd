//! Clients seen lately, for people and for `nearpoint check --who-moves`.

use super::moves::{Forecaster, Lately, subject};
use crate::admin::operations::OperationError;
use crate::admin::view::{ClientsView, SeenClientView, SeenListenerView};
use crate::memory::SampledClient;
use crate::routing::moves::now;
use crate::routing::{Snapshot, Topology};

/// Those of one listener, or all; `limit` at most.
pub(super) async fn seen(
    forecaster: &Forecaster,
    listener: Option<String>,
    limit: usize,
) -> Result<ClientsView, OperationError> {
    let snapshot = forecaster.snapshot();
    if let Some(name) = listener.as_deref().filter(|name| snapshot.topology.route(name).is_none()) {
        return Err(OperationError::NotFound(unknown(name, &snapshot.topology)));
    }
    let view = move |snapshot: &Snapshot, lately: &Lately| {
        let is_wanted = |name: &str| listener.as_deref().is_none_or(|wanted| wanted == name);
        let mut view = ClientsView::default();
        for (name, sample) in lately.samples.iter().filter(|(name, _)| is_wanted(name)) {
            view.listeners.push(SeenListenerView {
                listener: name.to_string(),
                sampled: sample.clients.len() as u64,
                distinct: sample.distinct,
                open: lately.open(name),
            });
            let room = limit.saturating_sub(view.clients.len());
            let shown = sample.clients.iter().take(room);
            view.clients.extend(shown.map(|it| client(snapshot, name, it, lately)));
            view.more += sample.clients.len().saturating_sub(room) as u64;
        }
        view
    };
    forecaster.look(snapshot, view).await
}

fn client(
    snapshot: &Snapshot,
    listener: &str,
    client: &SampledClient,
    lately: &Lately,
) -> SeenClientView {
    let addr = client.addr.to_string();
    let (known, pseudonym) = match client.is_stand_in {
        true => (None, Some(addr)),
        false => (Some(addr), None),
    };
    let location = match client.is_stand_in {
        true => client.location,
        false => snapshot.locate.locate(client.addr),
    };
    let now = now(snapshot, listener, &subject(client));
    let coordinates = location.place.map(|place| place.coordinates);
    let country = location.place.and_then(|place| place.country);
    SeenClientView {
        listener: listener.to_owned(),
        client: known,
        pseudonym,
        country: country.map(|country| country.to_string()),
        lat: coordinates.map(|it| it.lat()),
        lon: coordinates.map(|it| it.lon()),
        origin: location.origin.as_str().to_owned(),
        asn: location.asn.map(|asn| asn.0),
        bound_to: client.destination.bound_to().map(|dc| dc.0),
        class: client.destination.class().as_str().to_owned(),
        remembered: client.remembered.map(|dc| dc.0),
        dc: now.dc.map(|dc| dc.0),
        home: now.home.map(|dc| dc.0),
        seen_seconds_ago: lately.now.map_or(0, |now| client.last.age(now).as_secs()),
    }
}

fn unknown(listener: &str, topology: &Topology) -> String {
    let known: Vec<&str> = topology.routes().keys().map(|name| &**name).collect();
    format!("there is no listener {listener:?}; there are: {}", known.join(", "))
}
