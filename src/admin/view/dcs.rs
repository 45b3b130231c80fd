//! `/v1/dcs`: everything that is known of every DC and access point.

use std::collections::HashMap;
use std::time::{Duration, Instant, SystemTime};

use prometheus::core::Collector;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::alarm::AlarmView;
use super::held::held_for_seconds;
use super::intents::IntentView;
use super::room::RoomView;
use super::rounded;
use crate::metrics::Metrics;
use crate::routing::topology::{AccessPoint, AccessPointFlags};
use crate::routing::{
    AccessPointId, AccessPointIndex, ConnectFailure, Coordinates, DcIndex, Millis, Snapshot, Target,
};

/// The network as of one snapshot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DcsView {
    /// Generation of the snapshot.
    pub generation: u64,
    /// Revision of the `dc_options` in force.
    pub revision: String,
    /// Whether this edge is cut off from every site: then health is what it was before.
    pub isolated: bool,
    /// By id.
    pub dcs: Vec<DcView>,
}

/// One DC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DcView {
    /// Its number.
    pub id: u16,
    /// Its name.
    pub name: String,
    /// Where it is; `null` when only `dc_options` knows it.
    pub location: Option<CoordinatesView>,
    /// DCs of one site fail together.
    pub site: String,
    /// `ready`, `drain` or `maint`: the operator's intent.
    pub admin: String,
    /// What an operator wants, until when, who and why; `null` for ready.
    pub intent: Option<IntentView>,
    /// `up`, `unknown` or `down`, by its access points.
    pub health: String,
    /// The best measured round trip among its usable access points.
    pub round_trip_ms: Option<f64>,
    /// What that has in excess of the usual, once it counts; else 0.
    pub excess_ms: f64,
    /// Share within a tie group.
    pub weight: u32,
    /// Sessions connected to it now, and flows.
    pub sessions_active: u32,
    /// Connects in flight to it now.
    pub connecting: u32,
    /// Connects in flight at most.
    pub max_connecting: u32,
    /// How much of it is taken, and how it is dialled.
    #[serde(flatten)]
    pub room: RoomView,
    /// By address.
    pub access_points: Vec<AccessPointView>,
}

/// A point on the globe, in degrees.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CoordinatesView {
    /// North.
    pub lat: f64,
    /// East.
    pub lon: f64,
}

/// One access point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AccessPointView {
    /// Where it is dialled: `192.0.2.1:443`, or `192.0.2.1:443/udp`.
    pub address: String,
    /// What it serves: `tcp` or `udp`.
    pub protocol: String,
    /// The set flags of its `dcOption`, in its words.
    pub flags: Vec<String>,
    /// `ready`, `drain` or `maint`.
    pub admin: String,
    /// What an operator wants, until when, who and why; `null` for ready.
    pub intent: Option<IntentView>,
    /// `up`, `unknown`, `suspect` or `down`.
    pub health: String,
    /// Until then it stays down, whatever its probes say, because it keeps changing; `null` while it
    /// is not held.
    pub held_for_seconds: Option<u64>,
    /// What somebody should look at, whatever its health; `null` for nothing.
    pub alarm: Option<AlarmView>,
    /// The usual round trip of the probe.
    pub round_trip_ms: Option<f64>,
    /// How long the probe waits for the answer then, usually; `null` for one that only connects.
    pub answer_ms: Option<f64>,
    /// Share within the DC.
    pub weight: u32,
    /// It is down, and sessions that hear nothing of it are reset.
    pub closing: bool,
    /// Left `dc_options`, and serves until the DC has a probed successor.
    pub retiring: bool,
    /// Sessions connected to it now; flows of one for UDP.
    pub sessions_active: u32,
    /// Sessions or flows that have a place in it now, those that are being connected too.
    pub placed: u32,
    /// The most there may be; `null` without a bound.
    pub max_sessions: Option<u32>,
    /// Failed dials of sessions since the start, without those that were this edge's own fault.
    pub failed_dials: u64,
}

impl DcsView {
    /// The network as `snapshot` has it `now`; failed dials come from `metrics`.
    #[must_use]
    pub fn new(snapshot: &Snapshot, metrics: &Metrics, now: Instant) -> Self {
        let failed = failed_dials(metrics);
        let topology = &snapshot.topology;
        let indexes = (0..).zip(topology.dcs()).map(|(index, _)| DcIndex(index));
        Self {
            generation: snapshot.generation,
            revision: topology.revision().to_string(),
            isolated: snapshot.isolated,
            dcs: indexes.map(|index| dc(snapshot, index, &failed, now)).collect(),
        }
    }
}

impl DcsView {
    /// Says of each DC and access point of the snapshot what operators want of it.
    pub fn set_intents(&mut self, snapshot: &Snapshot, now: (Instant, SystemTime)) {
        let indexes = (0..).map(DcIndex).zip(snapshot.topology.dcs());
        for ((index, dc), view) in indexes.zip(&mut self.dcs) {
            view.intent = IntentView::of(snapshot, Target::Dc(dc.id), now);
            let members = snapshot.topology.access_points_of(index);
            for ((_, member), view) in members.zip(&mut view.access_points) {
                view.intent = IntentView::of(snapshot, Target::AccessPoint(member.id), now);
            }
        }
    }
}

impl From<Coordinates> for CoordinatesView {
    fn from(point: Coordinates) -> Self {
        Self {
            lat: rounded(point.lat()).unwrap_or_default(),
            lon: rounded(point.lon()).unwrap_or_default(),
        }
    }
}

/// Failed dials by the labels `dc` and `access_point`.
type FailedDials = HashMap<(String, String), u64>;

fn failed_dials(metrics: &Metrics) -> FailedDials {
    let mut failed = FailedDials::new();
    for family in metrics.connect_failures_total.collect() {
        for series in family.get_metric() {
            let label = |name: &str| {
                let found = series.get_label().iter().find(|label| label.name() == name);
                found.map(|label| label.value().to_owned()).unwrap_or_default()
            };
            if is_evidence(&label("reason")) {
                let count = series.get_counter().get_value() as u64;
                *failed.entry((label("dc"), label("access_point"))).or_default() += count;
            }
        }
    }
    failed
}

fn is_evidence(reason: &str) -> bool {
    ConnectFailure::ALL.iter().any(|it| it.is_evidence() && it.as_str() == reason)
}

fn failed_dials_of(failed: &FailedDials, id: AccessPointId) -> u64 {
    let key = (id.dc.to_string(), id.address.to_string());
    failed.get(&key).copied().unwrap_or(0)
}

fn dc(snapshot: &Snapshot, index: DcIndex, failed: &FailedDials, now: Instant) -> DcView {
    let (dc, state) = (snapshot.topology.dc(index), snapshot.dc(index));
    let access_points = snapshot
        .topology
        .access_points_of(index)
        .map(|(index, it)| access_point(snapshot, index, it, failed, now));
    DcView {
        id: dc.id.0,
        name: dc.name.to_string(),
        location: dc.location.map(CoordinatesView::from),
        site: dc.site.to_string(),
        admin: state.admin.as_str().to_owned(),
        intent: None,
        health: state.health.as_str().to_owned(),
        round_trip_ms: state.round_trip.and_then(|it| rounded(Millis::from(it).0)),
        excess_ms: rounded(state.excess.0).unwrap_or_default(),
        weight: dc.weight,
        sessions_active: state.slot.active(),
        connecting: state.slot.connecting(),
        max_connecting: dc.max_connecting,
        room: RoomView::new(dc, state),
        access_points: access_points.collect(),
    }
}

fn access_point(
    snapshot: &Snapshot,
    index: AccessPointIndex,
    access_point: &AccessPoint,
    failed: &FailedDials,
    now: Instant,
) -> AccessPointView {
    let state = snapshot.access_point(index);
    let millis = |time: Option<Duration>| time.and_then(|it| rounded(Millis::from(it).0));
    AccessPointView {
        address: access_point.id.address.to_string(),
        protocol: access_point.id.address.protocol.as_str().to_owned(),
        flags: flags(access_point.flags),
        admin: state.admin.as_str().to_owned(),
        intent: None,
        health: state.health.as_str().to_owned(),
        held_for_seconds: held_for_seconds(state, now),
        alarm: state.alarm.as_ref().map(AlarmView::from),
        round_trip_ms: millis(state.round_trip),
        answer_ms: millis(state.answer_time),
        weight: access_point.weight,
        closing: snapshot.closing.binary_search_by_key(&index, |it| it.access_point).is_ok(),
        retiring: access_point.retiring,
        sessions_active: state.slot.active(),
        placed: state.slot.placed(),
        max_sessions: access_point.max_sessions,
        failed_dials: failed_dials_of(failed, access_point.id),
    }
}

/// Those that are set, in the words of a `dcOption`.
pub(super) fn flags(flags: AccessPointFlags) -> Vec<String> {
    let AccessPointFlags { media_only, tcpo_only, cdn, static_address, this_port_only } = flags;
    let words = [
        (media_only, "media_only"),
        (tcpo_only, "tcpo_only"),
        (cdn, "cdn"),
        (static_address, "static"),
        (this_port_only, "this_port_only"),
    ];
    let set = words.iter().filter(|(set, _)| *set);
    set.map(|(_, word)| (*word).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::fixture::{all_up, three_dcs};
    use crate::routing::Alarm;

    #[test]
    fn failed_dials_count_what_was_not_this_edges_fault() {
        let snapshot = all_up(three_dcs());
        let metrics = Metrics::new("edge-1");
        let id = snapshot.topology.access_points()[0].id;
        metrics.connect_failed(id, ConnectFailure::Refused);
        metrics.connect_failed(id, ConnectFailure::Timeout);
        metrics.connect_failed(id, ConnectFailure::Local(crate::routing::LocalFailure::NoPort));
        let view = DcsView::new(&snapshot, &metrics, Instant::now());
        let counts = view.dcs[0].access_points.iter().map(|it| it.failed_dials);
        assert_eq!(counts.collect::<Vec<_>>(), [2, 0]);
    }

    #[test]
    fn the_view_survives_json() {
        let mut spec = three_dcs();
        spec.dcs[0].access_points[0].flags.static_address = true;
        spec.dcs[1].location = None;
        let now = Instant::now();
        let mut snapshot = all_up(spec);
        snapshot.access_points[1].held_until = Some(now + Duration::from_millis(23_001));
        snapshot.access_points[1].answer_time = Some(Duration::from_micros(2_500));
        snapshot.access_points[2].alarm = Some(Alarm::OtherFingerprints([9].into()));
        let view = DcsView::new(&snapshot, &Metrics::new("edge-1"), now);
        let text = serde_json::to_string(&view).expect("it serialises");
        let back: DcsView = serde_json::from_str(&text).expect("it is read back");
        assert_eq!(back, view);
        assert!(text.contains(r#""flags":["static"]"#), "{text}");
        let access_points = view.dcs.iter().flat_map(|dc| &dc.access_points);
        let alarms: Vec<_> = access_points.clone().map(|it| it.alarm.as_ref()).collect();
        let says = "has other keys than are configured: 0x0000000000000009".to_owned();
        let fingerprints = Some(vec!["0x0000000000000009".to_owned()]);
        let alarm = AlarmView { alarm: "other_fingerprints".to_owned(), fingerprints, says };
        assert_eq!(alarms, [None, None, Some(&alarm), None, None, None]);
        let told = access_points.map(|it| (it.held_for_seconds, it.answer_ms));
        let told: Vec<_> = told.filter(|it| *it != (None, None)).collect();
        assert_eq!(told, [(Some(24), Some(2.5))]);
    }
}
