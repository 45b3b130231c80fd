//! Puts what two files say into one topology, and checks what neither can know alone.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use crate::routing::topology::{
    AccessPointSpec, Advertised, Class, DcSpec, ListenerRoute, Revision, Route, SendProxy,
    TopologySpec, UnknownClient,
};
use crate::routing::{DcId, DialAddress, Protocol, Topology};

use super::admin::{Admin, AdminBind};
use super::daemon::{Bind, Metrics};
use super::dc_options::Listed;
use super::dcs::{default_name, unlisted};
use super::draft::RoutingDraft;
use super::finding::Findings;
use super::key_path::KeyPath;
use super::listener::{Listener, ListenerDraft};
use super::remarks;

/// Checks that no id and no name is given twice.
pub(super) fn check_unique(draft: &RoutingDraft, problems: &Findings) {
    let mut ids = BTreeMap::new();
    let mut names = BTreeMap::new();
    for dc in &draft.dcs {
        let id = dc.id;
        if let Some(first) = ids.insert(id, &dc.path) {
            problems.add(&dc.path.key("id"), format!("{id} is already the id of {first}"));
            continue;
        }
        let name = &*dc.name;
        if let Some(first) = names.insert(name, &dc.path) {
            let text = format!("`{name}` is already the name of {first}");
            problems.add(&dc.path.key("name"), text);
        } else if is_default_name_of_another(name, id) {
            let text = format!("`{name}` is how another DC is called when it has no name");
            problems.add(&dc.path.key("name"), text);
        }
    }
    let mut names = BTreeMap::new();
    for draft in &draft.listeners {
        let name = &draft.listener.name;
        if name.is_empty() {
            continue;
        }
        if let Some(first) = names.insert(name.clone(), &draft.path) {
            let text = format!("`{name}` is already the name of {first}");
            problems.add(&draft.path.key("name"), text);
        }
    }
}

/// Checks that no address is bound twice for one protocol, nor beside the wildcard of its family. Port 0
/// is a different port each time.
pub(super) fn check_binds(
    listeners: &[ListenerDraft],
    admin: &Admin,
    metrics: &Metrics,
    problems: &Findings,
) {
    let side_door = |section: &'static str, address| {
        let path = KeyPath::default().key(section).key("bind");
        (path, DialAddress::tcp(address))
    };
    let admin = match admin.bind {
        AdminBind::Tcp(address) => Some(side_door("admin", address)),
        AdminBind::Unix(_) | AdminBind::Off => None,
    };
    let metrics = match metrics.bind {
        Bind::Tcp(address) => Some(side_door("metrics", address)),
        Bind::Off => None,
    };
    let side_doors = [admin, metrics];
    let clients = listeners.iter().flat_map(|draft| {
        let Listener { bind, protocol, .. } = &draft.listener;
        let address = |socket: &SocketAddr| DialAddress { socket: *socket, protocol: *protocol };
        bind.iter().map(move |socket| (draft.path.key("bind"), address(socket)))
    });
    let mut taken = Taken::default();
    for (path, address) in side_doors.into_iter().flatten().chain(clients) {
        if address.socket.port() == 0 {
            continue;
        }
        match taken.find(address) {
            Some((other, first)) => problems.add(&path, clash(address.socket, other, first)),
            None => taken.add(address, path),
        }
    }
}

/// Checks that no address is advertised twice, which would be one of two DCs, and that clients who were
/// told of a listener that goes by their header are understood by it.
pub(super) fn check_advertised(listeners: &[ListenerDraft], problems: &Findings) {
    let mut told: BTreeMap<SocketAddr, &KeyPath> = BTreeMap::new();
    for ListenerDraft { path, route, advertised, .. } in listeners {
        let Some(advertised) = advertised else { continue };
        let key = path.key("advertise");
        for address in &advertised.addresses {
            if let Some(first) = told.insert(*address, path) {
                problems.add(&key, format!("{address} is already advertised by {first}"));
            }
        }
        if !is_understood(route, advertised) {
            let text = "tells clients no secret, and without one none is believed which DC it wants: \
                        have exactly one secret, or `trust_plain_dc: known`";
            problems.add(&key, text);
        }
    }
}

/// Whether a client that was told of a listener reaches the DC that it was told about.
fn is_understood(route: &ListenerRoute, advertised: &Advertised) -> bool {
    match route.route {
        Route::Nearest | Route::Dc(_) => true,
        Route::Mtproto(by_header) => advertised.is_understood(by_header),
    }
}

/// Addresses by protocol, port and family, with where they are configured.
#[derive(Default)]
struct Taken(BTreeMap<(Protocol, u16, SocketAddr), KeyPath>);

impl Taken {
    fn add(&mut self, DialAddress { socket, protocol }: DialAddress, path: KeyPath) {
        self.0.insert((protocol, socket.port(), socket), path);
    }

    /// What cannot be bound beside this: the same address, the wildcard around it, or anything that
    /// it is the wildcard around. Families share a port, since IPv6 sockets are IPv6 only; so do TCP and
    /// UDP.
    fn find(
        &self,
        DialAddress { socket, protocol }: DialAddress,
    ) -> Option<(SocketAddr, &KeyPath)> {
        let (port, ip) = (socket.port(), socket.ip());
        let (least, most) = match ip {
            IpAddr::V4(_) => (Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::BROADCAST.into()),
            IpAddr::V6(_) => (Ipv6Addr::UNSPECIFIED.into(), Ipv6Addr::from([0xff; 16]).into()),
        };
        let key = |ip| (protocol, port, SocketAddr::new(ip, port));
        let wildcard = key(least);
        let last = if ip.is_unspecified() { key(most) } else { wildcard };
        let mut around = self.0.range(wildcard..=last);
        let same = (protocol, port, socket);
        let (key, path) = around.next().or_else(|| self.0.get_key_value(&same))?;
        Some((key.2, path))
    }
}

fn clash(address: SocketAddr, other: SocketAddr, first: &KeyPath) -> String {
    if address == other {
        format!("{address} is already used by {first}")
    } else if address.ip().is_unspecified() {
        format!("{address} takes {other} of {first} too")
    } else {
        format!("{address} is taken by {other} of {first}")
    }
}

/// Checks that listeners and rules name DCs that exist: in `dcs`, or in `dc_options`.
pub(super) fn check_routes(draft: &RoutingDraft, options: &[Listed], problems: &Findings) {
    let described = draft.dcs.iter().map(|dc| dc.id);
    let known: BTreeSet<DcId> = described.chain(options.iter().map(|it| it.dc)).collect();
    for ListenerDraft { path, route, .. } in &draft.listeners {
        let at = path.key("route");
        let named = match route.route {
            Route::Nearest => None,
            Route::Dc(id) => Some((id, at.key("dc"))),
            Route::Mtproto(by_header) => match by_header.unknown {
                UnknownClient::Close | UnknownClient::Nearest => None,
                UnknownClient::Dc(id) => Some((id, at.key("mtproto").key("unknown").key("dc"))),
            },
        };
        if let Some((id, named_at)) = named {
            if !known.contains(&id) {
                problems.add(&named_at, unknown_dc(id));
            } else if !route.lists(id) {
                let text = format!("does not allow DC {id}, which `route` asks for");
                problems.add(&path.key("dcs"), text);
            }
        }
        let listed = route.dcs.iter().flatten();
        for id in listed.filter(|id| !known.contains(id)) {
            problems.add(&path.key("dcs"), unknown_dc(*id));
        }
    }
    for dc in &draft.dcs {
        let path = dc.path.key("replicas");
        for (at, id) in dc.replicas.iter().enumerate() {
            let path = path.index(at);
            if *id == dc.id {
                problems.add(&path, format!("DC {id} cannot stand in for itself"));
            } else if dc.replicas[..at].contains(id) {
                problems.add(&path, format!("DC {id} is listed twice"));
            } else if !known.contains(id) {
                problems.add(&path, unknown_dc(*id));
            }
        }
    }
    for (id, path) in draft.policy.named_dcs().filter(|(id, _)| !known.contains(id)) {
        problems.add(&path, unknown_dc(id));
    }
}

/// Checks that every access point can be sent the header that its DC expects: version 1 has no form for
/// datagrams.
pub(super) fn check_headers(draft: &RoutingDraft, options: &[Listed], problems: &Findings) {
    for dc in draft.dcs.iter().filter(|dc| dc.send_proxy == Some(SendProxy::V1)) {
        let members = options.iter().filter(|it| it.dc == dc.id).map(|it| it.id().address);
        let mut of_udp = members.filter(|address| address.protocol == Protocol::Udp);
        if let Some(address) = of_udp.next() {
            let text = format!(
                "`v1` has no form for UDP, and {address} of dc_options serves it: `v2` has one"
            );
            problems.add(&dc.path.key("send_proxy"), text);
        }
    }
}

fn unknown_dc(id: DcId) -> String {
    format!("there is no DC {id} in `dcs` or in dc_options")
}

/// Builds the topology of drafts without problems. DCs that only one of the files knows are noted.
pub(super) fn assemble(
    draft: RoutingDraft,
    (options, is_test_network): (&[Listed], bool),
    revision: Revision,
    (notes, options_notes): (&Findings, &Findings),
) -> Topology {
    let mut dcs: BTreeMap<DcId, DcSpec> = BTreeMap::new();
    let mut paths = BTreeMap::new();
    for dc in &draft.dcs {
        dcs.insert(dc.id, dc.spec());
        paths.insert(dc.id, &dc.path);
    }
    for option in options {
        let dc = dcs.entry(option.dc).or_insert_with(|| unlisted(option.dc, draft.health.clone()));
        dc.access_points.push(option.spec());
    }
    for (id, dc) in &dcs {
        match paths.get(id) {
            Some(path) if dc.access_points.is_empty() => {
                notes.add(path, format!("DC {id} has no access point in dc_options"));
            }
            Some(_) => {}
            None => {
                let serves_main = |it: &AccessPointSpec| it.flags.serves(Class::Main);
                let so = match dc.access_points.iter().any(serves_main) {
                    true => "it has no location, `nearest` uses it last",
                    false => "it has no location, and no access point for ordinary sessions",
                };
                options_notes.add(&KeyPath::default(), format!("DC {id} is not in `dcs`: {so}"));
            }
        }
    }
    let advertised = draft.listeners.iter().filter_map(|draft| draft.advertised.clone()).collect();
    let (mut routes, mut listeners) = (BTreeMap::new(), Vec::new());
    for ListenerDraft { path, listener, route, .. } in draft.listeners {
        listeners.push((path, Arc::clone(&listener.name)));
        routes.insert(listener.name, route);
    }
    let topology = Topology::new(TopologySpec {
        revision,
        is_test_network,
        dcs: dcs.into_values().collect(),
        routes,
        advertised,
        policy: draft.policy.policy,
        connect: draft.connect,
        on_down: draft.on_down,
        edge: draft.edge,
        startup_grace: draft.startup_grace,
        max_probes: draft.max_probes,
    });
    remarks::on_access_points(&topology, (notes, options_notes));
    remarks::on_dcs(&topology, &draft.dcs, notes);
    remarks::on_listeners(&topology, &listeners, notes);
    topology
}

fn is_default_name_of_another(name: &str, id: DcId) -> bool {
    let number = name.strip_prefix("dc").and_then(|number| number.parse().ok());
    number.is_some_and(|other| other != id.0 && *default_name(DcId(other)) == *name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::topology::{AccessPointSecret, ByHeader, TrustPlainDc, UnknownClient};

    #[test]
    fn clients_of_an_advertised_listener_are_believed_or_have_a_secret() {
        let by_header = |trust_plain_dc| {
            let unknown = UnknownClient::Close;
            Route::Mtproto(ByHeader { trust_plain_dc, unknown })
        };
        for (route, secret, understood) in [
            (Route::Dc(DcId(2)), false, true),
            (by_header(TrustPlainDc::Known), false, true),
            (by_header(TrustPlainDc::Never), true, true),
            (by_header(TrustPlainDc::Never), false, false),
        ] {
            let advertised = Advertised {
                listener: "a".into(),
                addresses: vec![([192, 0, 2, 1], 443).into()],
                secret: secret.then(|| AccessPointSecret::new(&[7; 16])),
            };
            assert_eq!(is_understood(&ListenerRoute::new(route), &advertised), understood);
        }
    }
}
