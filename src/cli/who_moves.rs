//! `nearpoint check --against-running --who-moves`: a configuration that no daemon has read yet, with its
//! databases, on the clients and the health of one that runs.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::admin::view::{AccessPointView, ClientsView, DcView, DcsView, SeenClientView};
use crate::config::Config;
use crate::geoip::Databases;
use crate::reload;
use crate::routing::moves::{Crowd, Imagined, Moves, Now, Subject, compare, imagine};
use crate::routing::topology::{Class, Destination};
use crate::routing::{
    AccessPointId, AdminState, Asn, Client, ClientAddr, Coordinates, CountryCode, DcId,
    DialAddress, Health, Intent, Intents, Location, Millis, Origin, Place, Snapshot, Target,
};

/// Who would move, of those `seen`, if a daemon that finds its `dcs` so went by `config`.
pub(super) fn forecast(
    config: &Config,
    databases: Databases,
    (seen, dcs): (&ClientsView, &DcsView),
) -> Moves {
    let locate = Arc::new(reload::locator(&config.geoip, databases));
    let presumed = Snapshot::presume_up(config.topology.clone(), locate);
    let then = then(presumed, dcs);
    let mut now: BTreeMap<(&str, ClientAddr), Now> = BTreeMap::new();
    let mut crowds: Vec<Crowd> = seen
        .listeners
        .iter()
        .map(|it| Crowd {
            listener: it.listener.as_str().into(),
            clients: Vec::new(),
            distinct: it.distinct,
            open: it.open,
        })
        .collect();
    for client in &seen.clients {
        let subject = subject(client);
        let crowd = crowds.iter_mut().find(|crowd| *crowd.listener == *client.listener);
        let (Some(subject), Some(crowd)) = (subject, crowd) else { continue };
        let has = Now { dc: client.dc.map(DcId), home: client.home.map(DcId) };
        now.insert((&client.listener, subject.client.addr), has);
        crowd.clients.push(subject);
    }
    let given_now = |crowd: &Crowd, subject: &Subject| {
        now.get(&(&*crowd.listener, subject.client.addr)).copied().unwrap_or_default()
    };
    compare(&crowds, given_now, &then)
}

/// What would be, with what the daemon knows of the access points that stay.
fn then(mut presumed: Snapshot, dcs: &DcsView) -> Snapshot {
    let mut intents = Intents::default();
    let mut wanted = |target, word: &str| {
        let state = match word {
            "drain" => AdminState::Drain,
            "maint" => AdminState::Maint,
            _ => return,
        };
        intents.set(target, Intent::new(state, Instant::now()));
    };
    let topology = Arc::clone(&presumed.topology);
    for dc in &dcs.dcs {
        let id = DcId(dc.id);
        wanted(Target::Dc(id), &dc.admin);
        for member in &dc.access_points {
            let Ok(address) = member.address.parse::<DialAddress>() else { continue };
            let id = AccessPointId { dc: id, address };
            wanted(Target::AccessPoint(id), &member.admin);
            if let Some(index) = topology.find_access_point(id) {
                presumed.access_points[index.0 as usize].health = health(member);
            }
        }
        if let Some(index) = topology.find_dc(id) {
            let state = &mut presumed.dcs[index.0 as usize];
            let DcView { excess_ms, round_trip_ms, .. } = dc;
            let usual = round_trip_ms.map(|it| Duration::from_secs_f64(it.max(0.0) / 1e3));
            state.excess = Millis(*excess_ms);
            (state.round_trip, state.settled_round_trip) = (usual, usual);
        }
    }
    let imagined = Imagined { intents: Arc::new(intents), ..Imagined::of(&presumed) };
    imagine(&presumed, imagined)
}

fn health(member: &AccessPointView) -> Health {
    let all = [Health::Up, Health::Unknown, Health::Suspect, Health::Down];
    all.into_iter().find(|it| it.as_str() == member.health).unwrap_or(Health::Unknown)
}

/// A client as the daemon tells of it; `None` if that makes no sense.
fn subject(client: &SeenClientView) -> Option<Subject> {
    let address = client.client.as_ref().or(client.pseudonym.as_ref())?;
    let addr = ClientAddr::new(address.parse::<IpAddr>().ok()?);
    let origin = Origin::ALL.into_iter().find(|it| it.as_str() == client.origin)?;
    let coordinates = client.lat.zip(client.lon).map(|(lat, lon)| Coordinates::new(lat, lon));
    let country = client.country.as_deref().and_then(CountryCode::new);
    let place = coordinates.transpose().ok()?.map(|coordinates| Place { coordinates, country });
    let location = Location { place, origin, asn: client.asn.map(Asn) };
    let class = Class::ALL.into_iter().find(|it| it.as_str() == client.class)?;
    let destination = match client.bound_to {
        None => Destination::Nearest(class),
        Some(dc) => Destination::Dc(DcId(dc), class),
    };
    let remembered = client.remembered.map(DcId);
    Some(Subject {
        client: Client { remembered, ..Client::new(addr, location) },
        known_by_place_only: client.client.is_none(),
        destination,
    })
}
