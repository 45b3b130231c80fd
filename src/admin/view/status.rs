//! `/v1/status`: the daemon on one screen.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use humantime::format_rfc3339_seconds;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::facts::{Changing, DatabaseFact, Facts, ReloadFact};
use super::intents::IntentView;
use super::origin::OriginView;
use super::sites::SiteStatusView;
use super::standing::DcStatusView;
use crate::routing::topology::Class;
use crate::routing::{DcIndex, Protocol, Snapshot, Traffic};

/// The daemon as of one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StatusView {
    /// Version of the daemon.
    pub version: String,
    /// `edge.name`.
    pub edge: String,
    /// Process id.
    pub pid: u32,
    /// Since the start.
    pub uptime_seconds: u64,
    /// Data-plane threads.
    pub workers: usize,
    /// Whether this edge should be given clients.
    pub ready: bool,
    /// Why not; empty while `ready`.
    pub not_ready: Vec<String>,
    /// Whether this edge is cut off from every site: then health stays as it was, and nobody knows
    /// how the DCs are.
    pub isolated: bool,
    /// Since when.
    pub isolated_since: Option<String>,
    /// Generation of the snapshot.
    pub generation: u64,
    /// Revision of the `dc_options` in force.
    pub revision: String,
    /// Since they were accepted.
    pub dc_options_age_seconds: u64,
    /// Where they come from; `null` while it starts.
    pub dc_options: Option<OriginView>,
    /// What operators want of DCs and access points, with those that are not in the list now: all that is
    /// not ready.
    pub intents: Vec<IntentView>,
    /// What descriptors allow; `null` while it starts.
    pub descriptors: Option<DescriptorsView>,
    /// Sessions connected now, and flows, to all DCs.
    pub sessions_active: u64,
    /// By name.
    pub listeners: Vec<ListenerView>,
    /// By id.
    pub dcs: Vec<DcStatusView>,
    /// By name.
    pub sites: Vec<SiteStatusView>,
    /// `null` until the first one.
    pub last_reload: Option<ReloadView>,
    /// What tells where clients are; `null` when nothing does.
    pub geoip: Option<DatabaseView>,
    /// What tells their autonomous systems; `null` when nothing does.
    pub geoip_asn: Option<DatabaseView>,
}

/// The descriptors of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DescriptorsView {
    /// Open now.
    pub open: u64,
    /// That may be open.
    pub limit: u64,
    /// Sessions at a time, of all listeners, at which accepting pauses until one ends; flows take half of
    /// one each.
    pub most_sessions: u64,
}

/// One listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListenerView {
    /// Its name.
    pub name: String,
    /// What it serves: `tcp`, in sessions, or `udp`, in flows.
    pub protocol: String,
    /// Where it is bound.
    pub addresses: Vec<String>,
    /// Sessions or flows open now, connecting ones included.
    pub open: u32,
    /// `nearest`, `dc 2`, or `mtproto`.
    pub route: String,
    /// The DCs it may use; `null` for all.
    pub dcs: Option<Vec<u16>>,
    /// Clients of which it remembers the DC; `null` when it is not sticky.
    pub remembers: Option<usize>,
}

/// The last reload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReloadView {
    /// When it was decided.
    pub at: String,
    /// What asked for it.
    pub source: String,
    /// Whether it went live.
    pub accepted: bool,
    /// Why not, or what was noticed.
    pub problems: Vec<String>,
}

/// A GeoIP database. Counts are of networks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DatabaseView {
    /// `embedded`, or a path.
    pub source: String,
    /// What it calls itself.
    pub database_type: String,
    /// When it was built, if it says so.
    pub built: Option<String>,
    /// Since then.
    pub age_seconds: Option<u64>,
    /// Whether that is more than 90 days.
    pub stale: bool,
    /// 4, or 6 for one that knows both.
    pub ip_version: u8,
    /// All that it knows something of.
    pub networks: u64,
    /// Those with a country.
    pub with_country: u64,
    /// Those with coordinates.
    pub with_coordinates: u64,
    /// Those with an autonomous system.
    pub with_asn: u64,
}

impl StatusView {
    /// The daemon as `snapshot` and `facts` have it `now`, by the process's clock and the calendar; it
    /// is ready when `not_ready` is empty.
    #[must_use]
    pub fn new(
        snapshot: &Snapshot,
        facts: &Facts,
        not_ready: Vec<String>,
        (now, today): (Instant, SystemTime),
    ) -> Self {
        let changing = facts.changing();
        let (geoip, asn) = changing.geoip.as_ref().map(|it| (&it.country, it.asn.as_ref())).unzip();
        let dcs = DcStatusView::all(snapshot, now);
        let active = snapshot.dcs.iter().map(|dc| u64::from(dc.slot.active()));
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            edge: facts.edge.clone(),
            pid: std::process::id(),
            uptime_seconds: facts.uptime(now).as_secs(),
            workers: facts.workers,
            ready: not_ready.is_empty(),
            not_ready,
            isolated: snapshot.isolated,
            isolated_since: None,
            generation: snapshot.generation,
            revision: snapshot.topology.revision().to_string(),
            dc_options_age_seconds: facts.dc_options_age(now).as_secs(),
            dc_options: changing.list.clone().map(OriginView::from),
            intents: IntentView::all(snapshot, (now, today)),
            descriptors: changing.descriptors.map(|fact| DescriptorsView {
                open: 0,
                limit: fact.limit,
                most_sessions: fact.most_sessions,
            }),
            sessions_active: active.sum(),
            listeners: listeners(snapshot, &changing),
            sites: SiteStatusView::all(snapshot, &dcs),
            dcs,
            geoip: geoip.map(|fact| DatabaseView::new(fact, today)),
            geoip_asn: asn.flatten().map(|fact| DatabaseView::new(fact, today)),
            last_reload: changing.last_reload.map(ReloadView::from),
        }
    }
}

impl StatusView {
    /// Says since when the edge is cut off, if it is.
    pub fn set_isolated_since(&mut self, since: Option<SystemTime>) {
        let since = since.filter(|_| self.isolated);
        self.isolated_since = since.map(|since| format_rfc3339_seconds(since).to_string());
    }

    /// Says of each listener how many sessions or flows it has.
    pub fn set_open(&mut self, open: &BTreeMap<Arc<str>, u32>) {
        for listener in &mut self.listeners {
            listener.open = open.get(listener.name.as_str()).copied().unwrap_or_default();
        }
    }

    /// Says how many descriptors are open.
    pub fn set_open_descriptors(&mut self, open: u64) {
        if let Some(descriptors) = &mut self.descriptors {
            descriptors.open = open;
        }
    }

    /// Says of each DC of the snapshot how many sessions and flows so many local ports allow.
    pub fn set_local_ports(&mut self, snapshot: &Snapshot, ports: Option<u32>) {
        let topology = &snapshot.topology;
        for ((index, dc), view) in (0..).map(DcIndex).zip(topology.dcs()).zip(&mut self.dcs) {
            let serves_udp = Class::ALL.into_iter().any(|class| dc.takes(Traffic::udp(class)));
            let addresses = dc.source.len().max(1) as u64;
            view.most_flows =
                ports.filter(|_| serves_udp).map(|ports| u64::from(ports) * addresses);
            // A port serves once for each peer, and each address has all of them.
            let dialled = topology.access_points_of(index).map(|(_, member)| member.id.address);
            let peers = dialled.filter(|address| address.protocol == Protocol::Tcp);
            let pairs = peers.map(|peer| dc.sources(peer.socket.ip(), 0).count().max(1) as u64);
            let pairs: u64 = pairs.sum();
            view.source_ports =
                ports.map(|ports| u64::from(ports) * pairs + view.most_flows.unwrap_or_default());
        }
    }

    /// Says of each listener how many clients it remembers.
    pub fn set_remembered(&mut self, clients: &BTreeMap<Arc<str>, usize>) {
        for listener in &mut self.listeners {
            listener.remembers = clients.get(listener.name.as_str()).copied();
        }
    }
}

impl From<ReloadFact> for ReloadView {
    fn from(fact: ReloadFact) -> Self {
        Self {
            at: format_rfc3339_seconds(fact.at).to_string(),
            source: fact.source,
            accepted: fact.accepted,
            problems: fact.problems,
        }
    }
}

impl DatabaseView {
    fn new(fact: &DatabaseFact, today: SystemTime) -> Self {
        Self {
            source: fact.source.clone(),
            database_type: fact.database_type.clone(),
            built: fact.built.map(|built| format_rfc3339_seconds(built).to_string()),
            age_seconds: fact.age(today).map(|age| age.as_secs()),
            stale: fact.is_stale(today),
            ip_version: if fact.has_ipv6 { 6 } else { 4 },
            networks: fact.networks,
            with_country: fact.with_country,
            with_coordinates: fact.with_coordinates,
            with_asn: fact.with_asn,
        }
    }
}

fn listeners(snapshot: &Snapshot, changing: &Changing) -> Vec<ListenerView> {
    let routes = snapshot.topology.routes().iter();
    let views = routes.map(|(name, route)| {
        let bound = changing.listeners.iter().find(|it| *it.name == **name);
        let addresses = bound.map(|it| it.addresses.as_slice()).unwrap_or_default();
        ListenerView {
            name: name.to_string(),
            protocol: route.protocol.as_str().to_owned(),
            open: 0,
            addresses: addresses.iter().map(ToString::to_string).collect(),
            route: route.route.to_string(),
            dcs: route.dcs.as_ref().map(|dcs| dcs.iter().map(|dc| dc.0).collect()),
            remembers: None,
        }
    });
    views.collect()
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::admin::facts::{DescriptorsFact, GeoipFact, ListenerFact};
    use crate::admin::fixture::{all_up, three_dcs};
    use crate::routing::slot::Capacity;
    use crate::routing::topology::{Egress, ListenerRoute, Route};
    use crate::routing::{DcId, SlotPermit};

    #[test]
    fn listeners_say_what_they_serve_and_have_and_dcs_how_many_flows_their_ports_allow() {
        let mut spec = three_dcs();
        let calls = ListenerRoute { protocol: Protocol::Udp, ..ListenerRoute::new(Route::Nearest) };
        spec.routes.insert("calls".into(), calls);
        for dc in &mut spec.dcs[..2] {
            dc.access_points[1].address.protocol = Protocol::Udp;
        }
        let sources = ["192.0.2.7", "192.0.2.8"].map(|it| it.parse::<IpAddr>().expect("one"));
        spec.dcs[0].source = sources.into();
        spec.dcs[2].source = sources.into();
        let snapshot = all_up(spec);
        let (now, today) = (Instant::now(), SystemTime::UNIX_EPOCH);
        let facts = Facts::new("edge-1", 2, now);
        let mut view = StatusView::new(&snapshot, &facts, Vec::new(), (now, today));
        view.set_open(&BTreeMap::from([("calls".into(), 7), ("gone".into(), 9)]));
        let told = view.listeners.iter().map(|it| (&*it.name, &*it.protocol, it.open));
        assert_eq!(told.collect::<Vec<_>>(), [("calls", "udp", 7), ("clients", "tcp", 0)]);
        let most = |view: &StatusView| view.dcs.iter().map(|dc| dc.most_flows).collect::<Vec<_>>();
        view.set_local_ports(&snapshot, Some(28_232));
        // Miami is dialled from whatever address the kernel chooses; Singapore has no UDP.
        assert_eq!(most(&view), [Some(28_232), Some(56_464), None]);
        let ports =
            |view: &StatusView| view.dcs.iter().map(|dc| dc.source_ports).collect::<Vec<_>>();
        // One access point for TCP and one for UDP; the same from two addresses; two for TCP from two.
        assert_eq!(ports(&view), [56_464, 112_928, 112_928].map(Some));
        view.set_local_ports(&snapshot, None);
        assert_eq!(most(&view), [None, None, None]);
        assert_eq!(ports(&view), [None, None, None]);
    }

    #[test]
    fn a_dc_says_how_much_of_it_is_taken_and_what_it_is_dialled_by() {
        let mut spec = three_dcs();
        spec.dcs[1].max_sessions = Some(50);
        spec.dcs[1].egress = Egress { mark: Some(7), interface: Some("wg0".into()) };
        let id = spec.dcs[1].id.0;
        let snapshot = all_up(spec);
        let index = snapshot.topology.find_dc(DcId(id)).expect("it is listed");
        let (member, _) = snapshot.topology.access_points_of(index).next().expect("one at least");
        let slots = (&snapshot.dc(index).slot, &snapshot.access_point(member).slot);
        let _place = SlotPermit::reserve(slots.0, slots.1, Capacity::default()).expect("no bound");
        let facts = Facts::new("edge-1", 2, Instant::now());
        let now = (Instant::now(), SystemTime::UNIX_EPOCH);
        let view = StatusView::new(&snapshot, &facts, Vec::new(), now);
        let told = serde_json::to_value(&view).expect("JSON");
        let dc = told["dcs"].as_array().into_iter().flatten().find(|dc| dc["id"] == id);
        let dc = dc.expect("it is there");
        let said = ["placed", "max_sessions", "mark", "interface"].map(|key| dc[key].clone());
        assert_eq!(said, [json!(1), json!(50), json!(7), json!("wg0")]);
        assert_eq!(view.descriptors, None, "nothing is accepted yet");
    }

    #[test]
    fn the_view_gathers_facts_and_snapshot_and_survives_json() {
        let start = Instant::now();
        let facts = Facts::new("edge-1", 2, start);
        facts.set_listeners(vec![ListenerFact {
            name: "clients".into(),
            addresses: vec!["127.0.0.1:443".parse().expect("an address")],
        }]);
        facts.set_descriptors(DescriptorsFact { limit: 20_000, most_sessions: 9_543 });
        facts.set_last_reload(ReloadFact {
            at: SystemTime::UNIX_EPOCH,
            source: "signal".into(),
            accepted: false,
            problems: vec!["dcs[0].id: 0 is no DC".into()],
        });
        let day = Duration::from_secs(24 * 60 * 60);
        facts.set_geoip(Some(GeoipFact {
            country: DatabaseFact {
                source: "embedded".into(),
                database_type: "Test-Country".into(),
                built: Some(SystemTime::UNIX_EPOCH),
                has_ipv6: true,
                networks: 3,
                with_country: 2,
                with_coordinates: 1,
                with_asn: 0,
            },
            asn: None,
        }));
        let snapshot = all_up(three_dcs());
        snapshot.dcs[0].slot.session_opened();
        snapshot.dcs[2].slot.session_opened();
        let now = start + Duration::from_secs(7);
        let at = |days| (now, SystemTime::UNIX_EPOCH + day * days);
        let mut view = StatusView::new(&snapshot, &facts, vec!["draining".into()], at(90));
        view.set_open_descriptors(77);
        let expected = DescriptorsView { open: 77, limit: 20_000, most_sessions: 9_543 };
        assert_eq!(view.descriptors, Some(expected));
        assert!(!view.ready);
        assert_eq!(view.sessions_active, 2);
        assert_eq!(view.uptime_seconds, 7);
        assert_eq!(view.listeners[0].addresses, ["127.0.0.1:443"]);
        let reload = view.last_reload.as_ref().expect("a reload");
        assert_eq!(reload.at, "1970-01-01T00:00:00Z");
        let text = serde_json::to_string(&view).expect("it serialises");
        let back: StatusView = serde_json::from_str(&text).expect("it is read back");
        assert_eq!(back, view);

        let geoip = view.geoip.expect("a database");
        assert_eq!(geoip.built.as_deref(), Some("1970-01-01T00:00:00Z"));
        assert_eq!((geoip.ip_version, geoip.networks, geoip.with_country), (6, 3, 2));
        assert_eq!((geoip.age_seconds, geoip.stale), (Some(90 * day.as_secs()), false));
        let later = StatusView::new(&snapshot, &facts, Vec::new(), at(91));
        assert!(later.geoip.is_some_and(|geoip| geoip.stale), "after 90 days");
        assert_eq!(later.geoip_asn, None);
    }
}
