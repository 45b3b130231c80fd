//! A small network for tests: Amsterdam (2), Miami (1) and Singapore (5), two access points each.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::mpsc;

use super::Operations;
use crate::admin::Facts;
use crate::control::{self, Audience, CommandSender, Control, SnapshotReader};
use crate::events::EventLog;
use crate::forward::RosterDesk;
use crate::memory::{ClientsSeen, HashKey, StickyMemory};
use crate::metrics::Metrics;
use crate::operations::{self, Desk, Drills, Forecaster, IntentDesk, ListDesk};
use crate::routing::control::{ProbeReport, ProbeRequest, ProbeTimes};
use crate::routing::topology::{
    AccessPointSpec, ConnectLimits, DcSpec, Egress, HealthSettings, ListenerRoute, OnDown,
    Revision, Route, TopologySpec,
};
use crate::routing::{
    AccessPointState, AdminState, ClientAddr, Coordinates, CountryCode, DcId, DcState, Health,
    Intent, Intents, Locate, Location, Millis, Origin, Place, Snapshot, Target, Topology,
};

const BERLIN: (f64, f64) = (52.52, 13.40);

/// The three DCs, for a `nearest` listener called `clients`.
pub(crate) fn three_dcs() -> TopologySpec {
    TopologySpec {
        revision: Revision(*b"revision"),
        is_test_network: false,
        dcs: vec![
            dc(2, "ams", (52.37, 4.90)),
            dc(1, "mia", (25.77, -80.19)),
            dc(5, "sin", (1.35, 103.82)),
        ],
        routes: BTreeMap::from([("clients".into(), route(Route::Nearest))]),
        advertised: Vec::new(),
        policy: crate::routing::Policy::default(),
        connect: ConnectLimits::default(),
        on_down: OnDown::default(),
        edge: None,
        startup_grace: Duration::from_secs(2),
        max_probes: 512,
    }
}

/// The route of a listener bound to this DC.
pub(crate) fn bound_to(dc: u16) -> ListenerRoute {
    route(Route::Dc(DcId(dc)))
}

/// A snapshot in which everything is Up: Amsterdam 12 ms from this edge, Miami 24, Singapore 36.
pub(crate) fn all_up(spec: TopologySpec) -> Snapshot {
    let topology = Topology::new(spec);
    let round_trip = |id: DcId| {
        let order = [2, 1, 5].iter().position(|it| *it == id.0)?;
        Some(Duration::from_millis(12) * (order as u32 + 1))
    };
    Snapshot {
        generation: 7,
        locate: Arc::new(Germany),
        warmed_up: true,
        isolated: false,
        dcs: topology
            .dcs()
            .iter()
            .map(|dc| DcState {
                admin: AdminState::Ready,
                health: Health::Up,
                round_trip: round_trip(dc.id),
                settled_round_trip: round_trip(dc.id),
                excess: Millis(0.0),
                slot: Arc::default(),
            })
            .collect(),
        access_points: topology
            .access_points()
            .iter()
            .map(|access_point| AccessPointState {
                admin: AdminState::Ready,
                health: Health::Up,
                unreachable: false,
                round_trip: round_trip(access_point.id.dc),
                settled_round_trip: round_trip(access_point.id.dc),
                answer_time: None,
                held_until: None,
                alarm: None,
                slot: Arc::default(),
            })
            .collect(),
        closing: Box::default(),
        intents: Arc::default(),
        topology: Arc::new(topology),
    }
}

/// Makes a DC and all its access points be of this health.
pub(crate) fn set_health(snapshot: &mut Snapshot, dc: u16, health: Health) {
    let topology = Arc::clone(&snapshot.topology);
    let index = topology.find_dc(DcId(dc)).expect("a DC of the test");
    snapshot.dcs[index.0 as usize].health = health;
    for (access_point, _) in topology.access_points_of(index) {
        snapshot.access_points[access_point.0 as usize].health = health;
    }
}

/// Sets the operator's intent for a DC.
pub(crate) fn set_admin(snapshot: &mut Snapshot, dc: u16, admin: AdminState) {
    let index = snapshot.topology.find_dc(DcId(dc));
    let index = index.expect("a DC of the test");
    snapshot.dcs[index.0 as usize].admin = admin;
}

/// Locates 203.0.113.0/24 in Germany and nobody else.
pub(crate) struct Germany;

impl Locate for Germany {
    fn locate(&self, client: ClientAddr) -> Location {
        match client.ip() {
            IpAddr::V4(v4) if v4.octets().starts_with(&[203, 0, 113]) => Location {
                place: Some(Place { coordinates: point(BERLIN), country: CountryCode::new("DE") }),
                origin: Origin::Database,
                asn: None,
            },
            IpAddr::V4(_) | IpAddr::V6(_) => Location::UNKNOWN,
        }
    }
}

fn route(route: Route) -> ListenerRoute {
    ListenerRoute::new(route)
}

fn point((lat, lon): (f64, f64)) -> Coordinates {
    Coordinates::new(lat, lon).expect("a point of the test")
}

fn dc(id: u16, name: &str, place: (f64, f64)) -> DcSpec {
    let address = |n: u8| format!("10.0.{id}.{n}:443").parse();
    DcSpec {
        id: DcId(id),
        name: name.into(),
        location: Some(point(place)),
        site: None,
        weight: 100,
        max_sessions: None,
        max_connecting: 512,
        source: Arc::default(),
        egress: Egress::default(),
        send_proxy: None,
        replicas: Arc::default(),
        health: HealthSettings::default(),
        access_points: (1..=2)
            .map(|n| AccessPointSpec::new(address(n).expect("an address of the test")))
            .collect(),
    }
}

fn no_events() -> Arc<EventLog> {
    Arc::new(EventLog::new(SystemTime::UNIX_EPOCH))
}

/// Control over the three DCs, with probes that are all answered in 12 ms.
pub(crate) struct Live {
    pub(crate) reader: SnapshotReader,
    pub(crate) commands: CommandSender,
    pub(crate) events: Arc<EventLog>,
}

impl Live {
    /// The desk of operators, which has seen no client.
    pub(crate) fn desk(&self) -> Arc<dyn Operations> {
        let key = HashKey::new([0; HashKey::BYTES]);
        let seen = Arc::new(ClientsSeen::new(key.clone()));
        let memory = Arc::new(StickyMemory::new(key));
        let forecaster = Forecaster::new(self.reader.clone(), memory, seen, Arc::default());
        let (reader, commands) = (self.reader.clone(), self.commands.clone());
        let metrics = Arc::new(Metrics::new("edge-1"));
        let (reloads, _) = mpsc::channel(1);
        let events = Arc::clone(&self.events);
        let intents =
            Arc::new(IntentDesk::new(reader.clone(), commands.clone(), Arc::clone(&metrics), None));
        operations::desk(Desk {
            facts: Arc::new(Facts::new("edge-1", 1, Instant::now())),
            lists: ListDesk::new(reloads.downgrade(), &Arc::default()),
            intents: Arc::clone(&intents),
            roster: RosterDesk::default(),
            drills: Drills::new(intents, forecaster.clone(), metrics, events),
            forecaster,
            reader,
            commands,
        })
    }

    /// Control that has not probed anything, and never will.
    pub(crate) fn cold() -> Self {
        let control = Control::new(
            Arc::new(Topology::new(three_dcs())),
            Arc::new(Germany),
            Intents::default(),
        );
        Self { reader: control.reader, commands: control.commands, events: no_events() }
    }

    /// The operator wants this of a DC.
    pub(crate) async fn intend(&self, dc: u16, state: AdminState) {
        let intent = Intent::new(state, Instant::now());
        let set = self.commands.intend(Target::Dc(DcId(dc)), intent).await;
        set.expect("control runs");
    }

    /// Control that has found everything Up.
    pub(crate) async fn warm() -> Self {
        let control = Control::new(
            Arc::new(Topology::new(three_dcs())),
            Arc::new(Germany),
            Intents::default(),
        );
        let live = Self {
            reader: control.reader.clone(),
            commands: control.commands.clone(),
            events: no_events(),
        };
        let metrics = Arc::new(Metrics::new("edge-1"));
        let audience = Audience { events: Arc::clone(&live.events), metrics };
        let (requests, mut asked) = mpsc::unbounded_channel::<ProbeRequest>();
        let (answers, reports) = mpsc::unbounded_channel();
        tokio::spawn(control::run(control, requests, reports, audience));
        tokio::spawn(async move {
            while let Some(request) = asked.recv().await {
                let _ =
                    answers.send(ProbeReport {
                        access_point: request.access_point,
                        number: request.number,
                        outcome: Ok(
                            ProbeTimes::Connected { connect: Duration::from_millis(12) }.into()
                        ),
                    });
            }
        });
        let all_up = |snapshot: &Snapshot| {
            let mut access_points = snapshot.access_points.iter();
            access_points.all(|it| it.health == Health::Up) && snapshot.warmed_up
        };
        live.reader.wait_for(all_up).await;
        live
    }
}
