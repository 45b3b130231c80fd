//! The DCs of a ranking and their access points, with everything that placed them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::room::RoomView;
use super::super::{dcs, exclusions, rounded};
use crate::routing::pick::Eligible;
use crate::routing::topology::AccessPoint;
use crate::routing::{
    AccessPointIndex, AdminState, Attempt, Client, DcIndex, Exclusion, Health, Millis, Precedence,
    RankedDc, Ranking, Snapshot, order_access_points,
};

/// One DC of the ranking.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RankedView {
    /// Its number.
    pub id: u16,
    /// Its name.
    pub name: String,
    /// DCs of one site fail together.
    pub site: String,
    /// The client goes here.
    pub chosen: bool,
    /// What counts before cost: `remembered`, `preferred`, `ordinary`, `replica`, or
    /// `ruled_out`.
    pub precedence: String,
    /// Why it is left out, in a word; `null` for a candidate.
    pub exclusion: Option<String>,
    /// The same in a few words.
    pub exclusion_says: Option<String>,
    /// From the client.
    pub distance_km: Option<f64>,
    /// The least round trip from the client: light in fibre over that distance.
    pub client_to_dc_ms: Option<f64>,
    /// The measured round trip from this edge.
    pub edge_to_dc_ms: Option<f64>,
    /// The same without its noise: the cost where round trips are compared.
    pub edge_to_dc_settled_ms: Option<f64>,
    /// What the objective says; `null` for a DC that cannot be compared.
    pub cost_ms: Option<f64>,
    /// Added to the cost, while the round trip is longer than usual.
    pub excess_ms: f64,
    /// Number of its tie group, best first; `null` exactly where it is `ruled_out`.
    pub group: Option<u32>,
    /// `up`, `unknown` or `down`.
    pub health: String,
    /// `ready`, `drain` or `maint`.
    pub admin: String,
    /// Sessions connected to it now, and flows.
    pub sessions_active: u32,
    /// Connects in flight to it now.
    pub connecting: u32,
    /// Connects in flight at most.
    pub max_connecting: u32,
    /// How much of it is taken, and how it is dialled.
    #[serde(flatten)]
    pub room: RoomView,
    /// In the order in which this client would dial them, those last that it would not.
    pub access_points: Vec<OfferView>,
}

/// One access point, and whether this client may have it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OfferView {
    /// Where it is dialled.
    pub address: String,
    /// Which of the dials that would be made is to it.
    pub dial: Option<u32>,
    /// Why this client would not dial it, in a word: `protocol`, or one of the exclusions of DCs: `class`,
    /// `not_offered`, `maint`, `drain` or `down`.
    pub exclusion: Option<String>,
    /// The set flags of its `dcOption`, in its words.
    pub flags: Vec<String>,
    /// `ready`, `drain` or `maint`.
    pub admin: String,
    /// `up`, `unknown`, `suspect` or `down`.
    pub health: String,
    /// The usual round trip of the probe.
    pub round_trip_ms: Option<f64>,
    /// Share within the DC.
    pub weight: u32,
    /// Sessions or flows that have a place in it now, those that are being connected too.
    pub placed: u32,
    /// The most there may be; `null` without a bound.
    pub max_sessions: Option<u32>,
    /// Left `dc_options`, and serves until the DC has a probed successor.
    pub retiring: bool,
    /// The clients that it is for, each in words; empty for everybody.
    #[serde(rename = "for")]
    pub offered_to: Vec<String>,
}

/// All DCs of `ranking`. The client goes to `chosen`, by these dials.
pub(super) fn views(
    snapshot: &Snapshot,
    client: &Client,
    ranking: &Ranking,
    (chosen, dials): (Option<DcIndex>, &[Attempt]),
) -> Vec<RankedView> {
    let eligible = ranking.eligible(client);
    let views = ranking.dcs.iter().map(|ranked| RankedView {
        chosen: chosen == Some(ranked.dc),
        exclusion_says: exclusions::says(snapshot, client, ranking, ranked),
        access_points: offers(snapshot, &eligible, ranked.dc, dials),
        ..RankedView::new(snapshot, ranked)
    });
    views.collect()
}

impl RankedView {
    /// What does not need the rest of the ranking.
    fn new(snapshot: &Snapshot, ranked: &RankedDc) -> Self {
        let (dc, state) = (snapshot.topology.dc(ranked.dc), snapshot.dc(ranked.dc));
        let light = ranked.distance.map(|distance| distance.round_trip());
        let measured = |round_trip| rounded(Millis::from(round_trip).0);
        Self {
            id: dc.id.0,
            name: dc.name.to_string(),
            site: dc.site.to_string(),
            chosen: false,
            precedence: precedence(ranked.precedence).to_owned(),
            exclusion: ranked.exclusion.map(|exclusion| exclusion.as_str().to_owned()),
            exclusion_says: None,
            distance_km: ranked.distance.and_then(|distance| rounded(distance.0)),
            client_to_dc_ms: light.and_then(|light| rounded(light.0)),
            edge_to_dc_ms: state.round_trip.and_then(measured),
            edge_to_dc_settled_ms: state.settled_round_trip.and_then(measured),
            cost_ms: rounded(ranked.cost.0),
            excess_ms: rounded(ranked.excess.0).unwrap_or_default(),
            group: ranked.group,
            health: state.health.as_str().to_owned(),
            admin: state.admin.as_str().to_owned(),
            sessions_active: state.slot.active(),
            connecting: state.slot.connecting(),
            max_connecting: dc.max_connecting,
            room: RoomView::new(dc, state),
            access_points: Vec::new(),
        }
    }
}

fn precedence(precedence: Precedence) -> &'static str {
    match precedence {
        Precedence::Remembered => "remembered",
        Precedence::Preferred(_) => "preferred",
        Precedence::Ordinary => "ordinary",
        Precedence::Replica(_) => "replica",
        Precedence::RuledOut => "ruled_out",
    }
}

fn offers(
    snapshot: &Snapshot,
    eligible: &Eligible,
    dc: DcIndex,
    dials: &[Attempt],
) -> Vec<OfferView> {
    let topology = &snapshot.topology;
    let mut order = order_access_points(snapshot, dc, eligible);
    let mut views: Vec<OfferView> = Vec::new();
    for index in &order {
        let dial = dials.iter().find(|dial| dial.access_point == *index);
        views.push(OfferView {
            dial: dial.map(|dial| dial.number),
            ..OfferView::new(snapshot, *index, topology.access_point(*index))
        });
    }
    order.sort_unstable();
    for (index, access_point) in topology.access_points_of(dc) {
        if order.binary_search(&index).is_err() {
            let is_other = access_point.id.address.protocol != eligible.traffic.protocol;
            let exclusion = match is_other {
                true => "protocol",
                false => left_out(snapshot, eligible, index, access_point).as_str(),
            };
            views.push(OfferView {
                exclusion: Some(exclusion.to_owned()),
                ..OfferView::new(snapshot, index, access_point)
            });
        }
    }
    views
}

/// Why this client would not dial an access point that is not in the order of its dials.
fn left_out(
    snapshot: &Snapshot,
    eligible: &Eligible,
    index: AccessPointIndex,
    access_point: &AccessPoint,
) -> Exclusion {
    let state = snapshot.access_point(index);
    match (state.admin, state.health) {
        _ if !access_point.takes(eligible.traffic) => Exclusion::Class,
        _ if !access_point.is_for(&eligible.client, eligible.traffic) => Exclusion::NotOffered,
        (AdminState::Maint, _) => Exclusion::Maint,
        (AdminState::Drain, _) => Exclusion::Drain,
        (AdminState::Ready, Health::Up | Health::Unknown | Health::Suspect | Health::Down) => {
            Exclusion::Down
        }
    }
}

impl OfferView {
    fn new(snapshot: &Snapshot, index: AccessPointIndex, access_point: &AccessPoint) -> Self {
        let state = snapshot.access_point(index);
        Self {
            address: access_point.id.address.to_string(),
            dial: None,
            exclusion: None,
            flags: dcs::flags(access_point.flags),
            admin: state.admin.as_str().to_owned(),
            health: state.health.as_str().to_owned(),
            round_trip_ms: state.round_trip.and_then(|it| rounded(Millis::from(it).0)),
            weight: access_point.weight,
            placed: state.slot.placed(),
            max_sessions: access_point.max_sessions,
            retiring: access_point.retiring,
            offered_to: access_point.offered_to.iter().map(ToString::to_string).collect(),
        }
    }
}
