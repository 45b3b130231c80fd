//! `dcs`, `health`, `connect`: what `dc_options` does not say about DCs, and how they are watched and
//! dialled.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use crate::routing::topology::{
    ConnectLimits, DcSpec, Egress, Framing, HealthSettings, Hedging, HoldDown, HttpProbe,
    MtprotoProbe, Probe, SendProxy, UdpProbe,
};
use crate::routing::{DcId, Place};

use super::finding::Findings;
use super::key_path::KeyPath;
use super::node::Node;
use super::tree;
use super::value::{Interface, Name, spoken};

/// A DC as `dcs` describes it, before its access points are known.
#[derive(Clone)]
pub(super) struct DcDraft {
    pub(super) path: KeyPath,
    pub(super) id: DcId,
    pub(super) name: Arc<str>,
    location: Option<Place>,
    site: Option<Arc<str>>,
    weight: u32,
    max_sessions: Option<u32>,
    max_connecting: u32,
    pub(super) source: Arc<[IpAddr]>,
    egress: Egress,
    pub(super) send_proxy: Option<SendProxy>,
    pub(super) replicas: Arc<[DcId]>,
    health: HealthSettings,
    /// Whether it says something of `udp_probe` itself.
    pub(super) has_udp_probe: bool,
}

impl DcDraft {
    /// The DC, unless it has no id. `health` is what holds where it says nothing else; `node` is what
    /// was written of it.
    pub(super) fn new(
        tree: &tree::Dc,
        health: &tree::Health,
        path: KeyPath,
        node: Option<&Node>,
        problems: &Findings,
    ) -> Option<Self> {
        let own = tree.health.applied(health);
        if !tree.health.interval.is_absent() || !tree.health.fast_interval.is_absent() {
            check_intervals(&own, &path.key("health"), problems);
        }
        if !tree.health.hold_down.is_absent() {
            check_hold_down(&own, &path.key("health"), problems);
        }
        if !tree.health.probe.is_absent() {
            check_probe(&own, &path.key("health"), problems);
        }
        let Some(id) = tree.id.get().map(|id| id.get()) else {
            problems.need(&path, node, "id");
            return None;
        };
        Some(Self {
            id,
            name: tree.name.get().map_or_else(|| default_name(id), Name::get),
            location: tree.location.value().and_then(|place| place.resolve()),
            site: tree.site.value().map(Name::get),
            weight: tree.weight.get(),
            max_sessions: tree.max_sessions.value().map(|most| most.get()),
            max_connecting: tree.max_connecting.get(),
            source: source(&tree.source, &path.key("source"), problems),
            egress: egress(&tree.source),
            send_proxy: tree.send_proxy.value().copied().map(SendProxy::from),
            replicas: tree.replicas.iter().map(|id| id.get()).collect(),
            health: settings(&own),
            has_udp_probe: !tree.health.udp_probe.is_absent(),
            path,
        })
    }

    /// The DC, without access points.
    pub(super) fn spec(&self) -> DcSpec {
        DcSpec {
            id: self.id,
            name: Arc::clone(&self.name),
            location: self.location.map(|place| place.coordinates),
            site: self.site.clone(),
            weight: self.weight,
            max_sessions: self.max_sessions,
            max_connecting: self.max_connecting,
            source: Arc::clone(&self.source),
            egress: self.egress.clone(),
            send_proxy: self.send_proxy,
            replicas: Arc::clone(&self.replicas),
            health: self.health.clone(),
            access_points: Vec::new(),
        }
    }
}

/// A DC that only `dc_options` knows.
pub(super) fn unlisted(id: DcId, health: HealthSettings) -> DcSpec {
    let tree::Dc { weight, max_connecting, .. } = tree::Dc::default();
    DcSpec {
        id,
        name: default_name(id),
        location: None,
        site: None,
        weight: weight.get(),
        max_sessions: None,
        max_connecting: max_connecting.get(),
        source: Arc::default(),
        egress: Egress::default(),
        send_proxy: None,
        replicas: Arc::default(),
        health,
        access_points: Vec::new(),
    }
}

/// What a DC is called that nobody named.
pub(super) fn default_name(id: DcId) -> Arc<str> {
    format!("dc{id}").into()
}

/// The settings of all DCs that say nothing else.
pub(super) fn global_health(tree: &tree::Health, problems: &Findings) -> HealthSettings {
    let path = KeyPath::default().key("health");
    check_intervals(tree, &path, problems);
    check_hold_down(tree, &path, problems);
    check_probe(tree, &path, problems);
    settings(tree)
}

fn check_probe(tree: &tree::Health, path: &KeyPath, problems: &Findings) {
    let tree::Probe::Mtproto(probe) = &tree.probe else { return };
    let (given, most) = (probe.fingerprints.len(), tree::MOST_FINGERPRINTS);
    if given > most {
        let path = path.key("probe").key("mtproto").key("fingerprints");
        problems.add(&path, format!("has {given} elements, {most} at most"));
    }
}

fn check_intervals(tree: &tree::Health, path: &KeyPath, problems: &Findings) {
    let (fast, usual) = (tree.fast_interval.get(), tree.interval.get());
    if fast > usual {
        let text = format!("{} is longer than `interval`, {}", spoken(fast), spoken(usual));
        problems.add(&path.key("fast_interval"), text);
    }
}

fn check_hold_down(tree: &tree::Health, path: &KeyPath, problems: &Findings) {
    let (first, max) = (tree.hold_down.first.get(), tree.hold_down.max.get());
    if max < first {
        let text = format!("{} is shorter than `first`, {}", spoken(max), spoken(first));
        problems.add(&path.key("hold_down").key("max"), text);
    }
}

fn settings(tree: &tree::Health) -> HealthSettings {
    HealthSettings {
        probe: probe(&tree.probe),
        udp_probe: tree.udp_probe.value().map(udp_probe),
        interval: tree.interval.get(),
        fast_interval: tree.fast_interval.get(),
        down_interval: tree.down_interval.get(),
        timeout: tree.timeout.get(),
        fall: tree.fall.get(),
        rise: tree.rise.get(),
        jitter_percent: tree.jitter.get(),
        hold_down: HoldDown { first: tree.hold_down.first.get(), max: tree.hold_down.max.get() },
    }
}

fn probe(tree: &tree::Probe) -> Probe {
    match tree {
        tree::Probe::Tcp => Probe::Tcp,
        tree::Probe::Http(tree::HttpProbe { path, host, port, expect }) => {
            Probe::Http(Arc::new(HttpProbe {
                path: path.get().into(),
                host: host.value().map(|host| host.get().into()),
                port: port.value().map(|port| port.get()),
                expect: expect.get(),
            }))
        }
        tree::Probe::Mtproto(tree::MtprotoProbe { transport, fingerprints }) => {
            let (framing, is_obfuscated) = match transport {
                tree::MtprotoTransport::Abridged => (Framing::Abridged, false),
                tree::MtprotoTransport::Intermediate => (Framing::Intermediate, false),
                tree::MtprotoTransport::Padded => (Framing::Padded, false),
                tree::MtprotoTransport::Full => (Framing::Full, false),
                tree::MtprotoTransport::Obfuscated => (Framing::Intermediate, true),
            };
            let fingerprints = fingerprints.iter().map(|it| it.get()).collect();
            Probe::Mtproto(Arc::new(MtprotoProbe::new(framing, is_obfuscated, fingerprints)))
        }
    }
}

fn udp_probe(tree::UdpProbe { send, expect }: &tree::UdpProbe) -> Arc<UdpProbe> {
    let expect = expect.value().map_or(&[][..], |payload| payload.bytes());
    Arc::new(UdpProbe { send: send.bytes().into(), expect: expect.into() })
}

fn source(tree: &tree::Source, path: &KeyPath, problems: &Findings) -> Arc<[IpAddr]> {
    let mut seen = BTreeSet::new();
    for (index, address) in tree.addresses.indexed() {
        if !seen.insert(address.get()) {
            let path = path.key("addresses").index(index);
            problems.add(&path, format!("{} is given twice", address.get()));
        }
    }
    tree.addresses.iter().map(|address| address.get()).collect()
}

fn egress(tree: &tree::Source) -> Egress {
    Egress {
        mark: tree.mark.value().map(|mark| mark.get()),
        interface: tree.interface.value().map(Interface::get),
    }
}

impl From<tree::SendProxy> for SendProxy {
    fn from(tree: tree::SendProxy) -> Self {
        match tree {
            tree::SendProxy::V1 => Self::V1,
            tree::SendProxy::V2 => Self::V2,
        }
    }
}

pub(super) fn connect_limits(tree: &tree::Connect, problems: &Findings) -> ConnectLimits {
    let (timeout, deadline) = (tree.timeout.get(), tree.deadline.get());
    if deadline < timeout {
        let path = KeyPath::default().key("connect").key("deadline");
        let (short, long) = (spoken(deadline), spoken(timeout));
        problems.add(&path, format!("{short} is shorter than `connect.timeout`, {long}"));
    }
    let hedging = tree.hedge.0.value().map(|hedge| Hedging {
        min: hedge.min.get(),
        factor: hedge.factor.get(),
        budget_percent: hedge.budget.get(),
    });
    ConnectLimits { timeout, deadline, attempts: tree.attempts.get(), hedging }
}
