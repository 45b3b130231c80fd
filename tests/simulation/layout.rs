//! The configuration of a storm, and how operators change it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use nearpoint::routing::policy::{Action, Objective, Rule};
use nearpoint::routing::topology::{
    AccessPointSpec, ConnectLimits, DcSpec, Egress, Framing, HealthSettings, HttpProbe,
    ListenerRoute, MtprotoProbe, OnDown, Probe, Revision, Route, TopologySpec, UdpProbe,
};
use nearpoint::routing::{
    AccessPointId, ClientMatch, Coordinates, DcId, DialAddress, Network as Prefix, Policy,
    Protocol, Topology,
};

use crate::clients::{CITIES, city_network};
use crate::network::{Network, Place};
use crate::random::Random;

/// The listener of flows.
pub(crate) const FLOWS: &str = "flows";

/// DCs at most.
const MOST_DCS: usize = 8;

/// Access points of one DC at most.
const MOST_ACCESS_POINTS: usize = 4;

/// The longest interval between two probes that operators choose.
pub(crate) const LONGEST_INTERVAL: Duration = Duration::from_secs(5);

/// The configuration as operators have it.
pub(crate) struct Layout {
    spec: TopologySpec,
    sites: usize,
    round_trips: RangeInclusive<Duration>,
    last_dc: u16,
    last_port: u16,
    revision: u64,
}

impl Layout {
    /// Any network: one to five sites, two to eight DCs, one to four access points each.
    pub(crate) fn any(network: &mut Network, random: &mut Random) -> Self {
        let sites = random.number(1..=CITIES.len() as u64) as usize;
        let mut layout = Self::empty(sites, ms(1)..=ms(250));
        for _ in 0..random.number(2..=MOST_DCS as u64) {
            let site = layout.any_site(random);
            layout.add_dc(site, network, random);
        }
        layout.spec.policy = any_policy(&layout, random);
        layout.spec.startup_grace = random.time(ms(100)..=ms(5_000));
        layout.spec.max_probes = *random.one(&[512, 512, 512, 4]);
        let few = random.number(1..=5) as u32;
        layout.spec.connect.attempts = *random.one(&[5, 5, few]);
        let ids: Vec<DcId> = layout.dcs().collect();
        let some = ids.iter().copied().filter(|_| random.percent(60)).collect();
        let mut routes = routes(*random.one(&ids));
        routes.insert("some".into(), listener(Route::Nearest, Some(some)));
        layout.spec.routes = routes;
        layout
    }

    /// A network with the usual settings, each DC at a site of its own, none further than 100 ms.
    pub(crate) fn plain(
        dcs: usize,
        probe: Probe,
        network: &mut Network,
        random: &mut Random,
    ) -> Self {
        let mut layout = Self::empty(dcs, ms(1)..=ms(100));
        for site in 0..dcs {
            layout.add_dc(site, network, random);
        }
        layout.use_usual_health(&probe);
        layout
    }

    /// The same, but for all DCs except one at the same site.
    pub(crate) fn one_big_site(
        dcs: usize,
        probe: Probe,
        network: &mut Network,
        random: &mut Random,
    ) -> Self {
        let mut layout = Self::empty(2, ms(1)..=ms(100));
        for n in 0..dcs {
            layout.add_dc(usize::from(n + 1 == dcs), network, random);
        }
        layout.use_usual_health(&probe);
        layout
    }

    fn use_usual_health(&mut self, probe: &Probe) {
        for dc in &mut self.spec.dcs {
            let (probe, udp_probe) = (probe.clone(), dc.health.udp_probe.take());
            dc.health = HealthSettings { probe, udp_probe, ..HealthSettings::default() };
        }
    }

    fn empty(sites: usize, round_trips: RangeInclusive<Duration>) -> Self {
        let spec = TopologySpec {
            revision: Revision([0; 8]),
            is_test_network: false,
            dcs: Vec::new(),
            routes: routes(DcId(1)),
            advertised: Vec::new(),
            policy: Policy::default(),
            connect: ConnectLimits::default(),
            on_down: OnDown::default(),
            edge: None,
            startup_grace: Duration::from_secs(2),
            max_probes: 512,
        };
        Self { spec, sites, round_trips, last_dc: 0, last_port: 443, revision: 0 }
    }

    /// What is to be in force now.
    pub(crate) fn topology(&mut self) -> Arc<Topology> {
        self.revision += 1;
        self.spec.revision = Revision(self.revision.to_be_bytes());
        Arc::new(Topology::new(self.spec.clone()))
    }

    /// The DCs of the configuration.
    pub(crate) fn dcs(&self) -> impl Iterator<Item = DcId> {
        self.spec.dcs.iter().map(|dc| dc.id)
    }

    /// The access points of the configuration.
    pub(crate) fn access_points(&self) -> impl Iterator<Item = AccessPointId> {
        self.spec.dcs.iter().flat_map(|dc| {
            dc.access_points.iter().map(|it| AccessPointId { dc: dc.id, address: it.address })
        })
    }

    /// The sites that there are.
    pub(crate) fn sites(&self) -> usize {
        self.sites
    }

    /// Changes it as operators do, and says how.
    pub(crate) fn change(&mut self, network: &mut Network, random: &mut Random) -> String {
        let at = random.number(0..=self.spec.dcs.len() as u64 - 1) as usize;
        let id = self.spec.dcs[at].id;
        match random.number(0..=7) {
            0 => {
                for n in 0..self.spec.dcs[at].access_points.len() {
                    self.replace_access_point(at, n);
                }
                format!("all addresses of DC {id} replaced")
            }
            1 => {
                let most = self.spec.dcs[at].access_points.len() as u64 - 1;
                let n = random.number(0..=most) as usize;
                self.replace_access_point(at, n);
                format!("an address of DC {id} replaced")
            }
            2 if self.spec.dcs[at].access_points.len() < MOST_ACCESS_POINTS => {
                let protocol = any_protocol(random);
                let added = self.new_access_point(id, protocol);
                self.spec.dcs[at].access_points.push(added);
                format!("an address of DC {id} added")
            }
            3 if self.spec.dcs[at].access_points.len() > 1 => {
                let most = self.spec.dcs[at].access_points.len() as u64 - 1;
                self.spec.dcs[at].access_points.remove(random.number(0..=most) as usize);
                format!("an address of DC {id} removed")
            }
            4 if self.spec.dcs.len() < MOST_DCS => {
                let site = self.any_site(random);
                let id = self.add_dc(site, network, random);
                format!("DC {id} added")
            }
            5 if self.spec.dcs.len() > 2 => {
                self.spec.dcs.remove(at);
                format!("DC {id} removed")
            }
            6 => {
                let dc = &mut self.spec.dcs[at];
                dc.health = any_health(dc.id, random);
                format!("probes of DC {id} changed")
            }
            _ => "nothing changed".to_owned(),
        }
    }

    /// Most DCs of a network often share a site: that is the one whose end must not pass for ours.
    fn any_site(&self, random: &mut Random) -> usize {
        match random.percent(40) {
            true => 0,
            false => random.number(0..=self.sites as u64 - 1) as usize,
        }
    }

    fn add_dc(&mut self, site: usize, network: &mut Network, random: &mut Random) -> DcId {
        self.last_dc += 1;
        let id = DcId(self.last_dc);
        network.build(id, Place { site, round_trip: random.time(self.round_trips.clone()) });
        let by_tcp = random.number(1..=MOST_ACCESS_POINTS as u64 - 1);
        let by_udp = *random.one(&[0, 1, 1]);
        let protocols = [(Protocol::Tcp, by_tcp), (Protocol::Udp, by_udp)];
        let protocols = protocols.into_iter().flat_map(|(it, count)| (0..count).map(move |_| it));
        let (lat, lon) = CITIES[site];
        let spec = DcSpec {
            id,
            name: format!("dc{id}").into(),
            location: Some(Coordinates::new(lat, lon).expect("a city")),
            site: Some(format!("site-{site}").into()),
            weight: 100,
            max_sessions: None,
            max_connecting: 512,
            source: Arc::default(),
            egress: Egress::default(),
            send_proxy: None,
            replicas: Arc::default(),
            health: any_health(id, random),
            access_points: protocols.map(|it| self.new_access_point(id, it)).collect(),
        };
        self.spec.dcs.push(spec);
        id
    }

    fn replace_access_point(&mut self, dc: usize, at: usize) {
        let id = self.spec.dcs[dc].id;
        let protocol = self.spec.dcs[dc].access_points[at].address.protocol;
        self.spec.dcs[dc].access_points[at] = self.new_access_point(id, protocol);
    }

    /// No address is ever used twice. A DC has two hosts.
    fn new_access_point(&mut self, dc: DcId, protocol: Protocol) -> AccessPointSpec {
        self.last_port += 1;
        let [high, low] = dc.0.to_be_bytes();
        let host = 1 + (self.last_port % 2) as u8;
        let socket = SocketAddr::from(([10, high, low, host], self.last_port));
        let address = DialAddress { socket, protocol };
        AccessPointSpec { address, ..AccessPointSpec::new(socket) }
    }
}

/// A probe that proves an answer.
pub(crate) fn http() -> Probe {
    Probe::Http(Arc::new(HttpProbe { path: "/".into(), host: None, port: None, expect: 200..=299 }))
}

/// Another one.
fn mtproto() -> Probe {
    Probe::Mtproto(Arc::new(MtprotoProbe::new(Framing::Abridged, false, vec![7])))
}

/// More often the one of sessions.
fn any_protocol(random: &mut Random) -> Protocol {
    *random.one(&[Protocol::Tcp, Protocol::Tcp, Protocol::Udp])
}

fn question() -> Arc<UdpProbe> {
    Arc::new(UdpProbe { send: b"?".as_slice().into(), expect: b"!".as_slice().into() })
}

fn any_health(dc: DcId, random: &mut Random) -> HealthSettings {
    let asking = if dc.0.is_multiple_of(2) { http() } else { mtproto() };
    let usual = HealthSettings {
        probe: if random.percent(50) { asking } else { Probe::Tcp },
        udp_probe: random.percent(50).then(question),
        ..HealthSettings::default()
    };
    match random.percent(70) {
        true => usual,
        false => HealthSettings {
            interval: random.time(Duration::from_secs(1)..=LONGEST_INTERVAL),
            fast_interval: random.time(ms(100)..=ms(1_000)),
            down_interval: random.time(Duration::from_secs(1)..=LONGEST_INTERVAL),
            fall: random.number(1..=4) as u32,
            rise: random.number(1..=3) as u32,
            ..usual
        },
    }
}

fn any_policy(layout: &Layout, random: &mut Random) -> Policy {
    let mut rules = Vec::new();
    if random.percent(30) {
        let first = IpAddr::from(city_network(random.number(0..=4) as usize));
        let network = Prefix::new(first, 16).expect("a network of a city");
        let clients = ClientMatch { networks: BTreeSet::from([network]), ..ClientMatch::default() };
        let dcs = layout.dcs().filter(|_| random.percent(40)).collect();
        rules.push(Rule { clients, action: Action::Restrict(dcs) });
    }
    let objectives = [Objective::Balanced, Objective::Distance, Objective::Latency];
    Policy {
        objective: *random.one(&objectives),
        fail_open: random.percent(85),
        rules: rules.into(),
        ..Policy::default()
    }
}

fn routes(bound: DcId) -> BTreeMap<Arc<str>, ListenerRoute> {
    BTreeMap::from([
        ("nearest".into(), listener(Route::Nearest, None)),
        ("bound".into(), listener(Route::Dc(bound), None)),
        (
            FLOWS.into(),
            ListenerRoute { protocol: Protocol::Udp, ..ListenerRoute::new(Route::Nearest) },
        ),
    ])
}

fn listener(route: Route, dcs: Option<BTreeSet<DcId>>) -> ListenerRoute {
    ListenerRoute { dcs, ..ListenerRoute::new(route) }
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}
