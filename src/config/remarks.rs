//! What is noted about a configuration without problems, once it is whole: what of it has no effect, and
//! what is not as it may seem.

use std::net::IpAddr;
use std::sync::Arc;

use crate::routing::topology::{
    AccessPoint, AccessPointSecret, Class, Dc, Destination, ListenerRoute, Probe, SecretForm,
};
use crate::routing::{DcIndex, Protocol, Topology, Traffic};

use super::dcs::DcDraft;
use super::finding::Findings;
use super::key_path::KeyPath;

/// Notes access points whose probes do less than is configured for their DC, in `options_notes`, and in
/// `notes` those that are not probed.
pub(super) fn on_access_points(
    topology: &Topology,
    (notes, options_notes): (&Findings, &Findings),
) {
    note_only_connected(topology, options_notes);
    note_unprobed(topology, notes);
}

/// Notes what is said of a DC in vain.
pub(super) fn on_dcs(topology: &Topology, drafts: &[DcDraft], notes: &Findings) {
    for draft in drafts {
        let Some(index) = topology.find_dc(draft.id) else { continue };
        if draft.has_udp_probe && !serves(topology.dc(index), Protocol::Udp) {
            let text = format!("means nothing here: DC {} has no access point for UDP", draft.id);
            notes.add(&draft.path.key("health").key("udp_probe"), text);
        }
        for (family, is_of) in
            [("IPv4", IpAddr::is_ipv4 as fn(&IpAddr) -> bool), ("IPv6", IpAddr::is_ipv6)]
        {
            let mut members = topology.access_points_of(index);
            let is_dialled = members.any(|(_, it)| is_of(&it.id.address.socket.ip()));
            if is_dialled && !draft.source.is_empty() && !draft.source.iter().any(is_of) {
                let text =
                    format!("has no {family} address: where one is dialled, the kernel chooses");
                notes.add(&draft.path.key("source").key("addresses"), text);
            }
        }
    }
}

/// Notes listeners that no DC has an access point for.
pub(super) fn on_listeners(
    topology: &Topology,
    listeners: &[(KeyPath, Arc<str>)],
    notes: &Findings,
) {
    for (path, name) in listeners {
        let Some(route) = topology.route(name) else { continue };
        let Some(destination) = route.destination() else { continue };
        let traffic = route.traffic(destination);
        let mut dcs = topology.dcs().iter().filter(|dc| leads_to(destination, route, topology, dc));
        if !dcs.any(|dc| dc.takes(traffic)) {
            let what = wanted(traffic);
            let text = format!(
                "no DC that it may use has an access point for {what}: its clients are refused"
            );
            notes.add(path, text);
        }
    }
}

/// Access points for such traffic, as views call it too.
fn wanted(Traffic { protocol, class }: Traffic) -> String {
    match protocol {
        Protocol::Tcp => format!("class {}", class.as_str()),
        Protocol::Udp => format!("UDP of class {}", class.as_str()),
    }
}

/// Whether the listener's clients may be given this DC, which replicas are for ordinary ones only.
fn leads_to(to: Destination, listener: &ListenerRoute, topology: &Topology, dc: &Dc) -> bool {
    let is_replica_of = |id| {
        let named = topology.find_dc(id).map(|index| topology.dc(index));
        to.class() == Class::Main && named.is_some_and(|named| named.replicas.contains(&dc.id))
    };
    match to {
        Destination::Nearest(_) => listener.lists(dc.id),
        Destination::Dc(id, _) => dc.id == id || is_replica_of(id),
    }
}

fn serves(dc: &Dc, protocol: Protocol) -> bool {
    Traffic::all().any(|traffic| traffic.protocol == protocol && dc.takes(traffic))
}

fn note_only_connected(topology: &Topology, notes: &Findings) {
    for (index, dc) in (0..).map(DcIndex).zip(topology.dcs()) {
        let members = topology.access_points_of(index).map(|(_, member)| member);
        let mut connected = members.filter(|it| topology.is_only_connected(it));
        let Some(first) = connected.next() else { continue };
        let (address, id) = (first.id.address, dc.id);
        let which = match connected.count() {
            0 => format!("{address} of DC {id} is"),
            more => format!("{address} and {more} more of DC {id} are"),
        };
        let why = match dc.health.probe {
            Probe::Mtproto(_) if is_fake_tls(first) => "an `mtproto` probe speaks no fake TLS",
            Probe::Mtproto(_) => "no header of MTProto holds the number of the DC",
            Probe::Http(_) => "an `http` probe would say in clear what it hides",
            Probe::Tcp => continue,
        };
        notes.add(&KeyPath::default(), format!("{which} probed by `tcp`: {why}"));
    }
}

fn note_unprobed(topology: &Topology, notes: &Findings) {
    for (with_tcp, so) in [
        (true, "count as being as well as those for TCP"),
        (false, "are always taken to be up: there are none for TCP"),
    ] {
        let unprobed = topology.dcs().iter().filter(|dc| {
            let has_no_probe = dc.health.udp_probe.is_none() && serves(dc, Protocol::Udp);
            has_no_probe && serves(dc, Protocol::Tcp) == with_tcp
        });
        let ids: Vec<String> = unprobed.map(|dc| dc.id.to_string()).collect();
        let dcs = match &ids[..] {
            [] => continue,
            [only] => format!("DC {only}"),
            [_, _, ..] => format!("DCs {}", ids.join(", ")),
        };
        let text = format!("is none, so that access points for UDP of {dcs} {so}");
        notes.add(&KeyPath::default().key("health").key("udp_probe"), text);
    }
}

fn is_fake_tls(access_point: &AccessPoint) -> bool {
    let form = access_point.secret.as_ref().map(AccessPointSecret::form);
    form == Some(SecretForm::FakeTls)
}
