//! Where a DC stands, in one truthful word and sentence: what happens to its clients now.

use serde::{Deserialize, Serialize};

use super::rounded;
use crate::routing::topology::Route;
use crate::routing::{AdminState, DcIndex, Health, Millis, Snapshot, rank_anybody};

/// What a DC does for its clients now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Every access point is up.
    Serving,
    /// Some access points are not up.
    Degraded,
    /// No access point has answered a probe yet.
    Unknown,
    /// No access point is up; its clients go to other DCs.
    Down,
    /// No access point is up; clients are sent there all the same, because nothing is.
    FailOpen,
    /// Sessions that want it are refused.
    Refusing,
    /// The operator lets no new session in; its clients go to other DCs.
    Drain,
    /// The operator took it out; its clients go to other DCs.
    Maint,
    /// It has no access point for ordinary sessions.
    Unused,
}

impl Standing {
    /// The word of the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Serving => "serving",
            Self::Degraded => "degraded",
            Self::Unknown => "unknown",
            Self::Down => "down",
            Self::FailOpen => "fail_open",
            Self::Refusing => "refusing",
            Self::Drain => "drain",
            Self::Maint => "maint",
            Self::Unused => "unused",
        }
    }
}

/// One line of status about a DC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DcStatusView {
    /// Its number.
    pub id: u16,
    /// Its name.
    pub name: String,
    /// What it does for its clients.
    pub standing: Standing,
    /// The same in a sentence.
    pub says: String,
    /// Access points for ordinary sessions that can be used.
    pub access_points_up: usize,
    /// Access points for ordinary sessions.
    pub access_points: usize,
    /// Sessions connected to it now.
    pub sessions_active: u32,
    /// The best measured round trip among its usable access points.
    pub round_trip_ms: Option<f64>,
}

impl DcStatusView {
    /// Where every DC of `snapshot` stands, by id.
    #[must_use]
    pub fn all(snapshot: &Snapshot) -> Vec<Self> {
        let listeners = Listeners::new(snapshot);
        let indexes = (0..).zip(snapshot.topology.dcs());
        indexes.map(|(index, _)| Self::new(snapshot, &listeners, DcIndex(index))).collect()
    }

    fn new(snapshot: &Snapshot, listeners: &Listeners<'_>, index: DcIndex) -> Self {
        let (dc, state) = (snapshot.topology.dc(index), snapshot.dc(index));
        let members = snapshot.topology.access_points_of(index);
        let health: Vec<Health> = members
            .filter(|(_, member)| member.flags.serves_main())
            .map(|(member, _)| snapshot.access_point(member))
            .map(|member| match member.admin {
                AdminState::Ready => member.health,
                AdminState::Drain | AdminState::Maint => Health::Down,
            })
            .collect();
        let up = health.iter().filter(|health| health.is_usable()).count();
        let well = health.iter().all(|health| *health == Health::Up);
        let (standing, says) = match (state.admin, state.health) {
            (AdminState::Maint, _) => listeners.without(index, Standing::Maint, "in maintenance"),
            (AdminState::Drain, _) => listeners.without(index, Standing::Drain, "draining"),
            (AdminState::Ready, _) if health.is_empty() => {
                listeners.without(index, Standing::Unused, "no access point for ordinary sessions")
            }
            (AdminState::Ready, Health::Down) => {
                listeners.without(index, Standing::Down, "no access point up")
            }
            (AdminState::Ready, Health::Unknown) => {
                (Standing::Unknown, "not probed yet".to_owned())
            }
            (AdminState::Ready, Health::Up | Health::Suspect) if well => {
                (Standing::Serving, "all access points up".to_owned())
            }
            (AdminState::Ready, Health::Up | Health::Suspect) => {
                let says = match health.len() - up {
                    0 => "some access points suspect".to_owned(),
                    lost => format!("{lost} of {} access points not up", health.len()),
                };
                (Standing::Degraded, says)
            }
        };
        Self {
            id: dc.id.0,
            name: dc.name.to_string(),
            standing,
            says,
            access_points_up: up,
            access_points: health.len(),
            sessions_active: state.slot.active(),
            round_trip_ms: state.round_trip.and_then(|it| rounded(Millis::from(it).0)),
        }
    }
}

/// What the state of the network lets the listeners do, policy apart: who is refused where.
struct Listeners<'a> {
    all: Vec<Outlook<'a>>,
}

struct Outlook<'a> {
    name: &'a str,
    bound: bool,
    /// DCs it may use.
    allowed: Vec<DcIndex>,
    /// DCs it would try.
    candidates: Vec<DcIndex>,
}

impl<'a> Listeners<'a> {
    fn new(snapshot: &'a Snapshot) -> Self {
        let topology = &snapshot.topology;
        let outlook = topology.routes().iter().map(|(name, route)| Outlook {
            name,
            bound: route.route != Route::Nearest,
            allowed: (0..)
                .zip(topology.dcs())
                .filter(|(_, dc)| route.allows(dc.id))
                .map(|(index, _)| DcIndex(index))
                .collect(),
            candidates: rank_anybody(snapshot, route).candidates().collect(),
        });
        Self { all: outlook.collect() }
    }

    /// What becomes of the clients of a DC that is out of use for the reason that `standing` and
    /// `says` name.
    fn without(&self, dc: DcIndex, standing: Standing, says: &str) -> (Standing, String) {
        let users = || self.all.iter().filter(|it| it.allowed.contains(&dc));
        if users().any(|it| it.candidates.contains(&dc)) {
            let says = format!("{says}; tried all the same, because nothing is up");
            return (Standing::FailOpen, says);
        }
        let refused: Vec<&str> =
            users().filter(|it| it.candidates.is_empty()).map(|it| it.name).collect();
        let moved = users().any(|it| !it.candidates.is_empty() && !it.bound);
        match (refused.as_slice(), moved) {
            ([], true) => (standing, format!("{says}; its clients go to other DCs")),
            ([], false) => (standing, format!("{says}; no listener uses it")),
            (names, true) => {
                let names = names.join(", ");
                let says =
                    format!("{says}; listener {names} refuses everyone, others go to other DCs");
                (Standing::Refusing, says)
            }
            (names, false) => {
                let says = format!("{says}; listener {} refuses everyone", names.join(", "));
                (Standing::Refusing, says)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::fixture::{all_up, bound_to, set_admin, set_health, three_dcs};

    fn amsterdam(snapshot: &Snapshot) -> (Standing, String) {
        let view = DcStatusView::all(snapshot).into_iter().find(|view| view.id == 2);
        let view = view.expect("Amsterdam");
        (view.standing, view.says)
    }

    #[test]
    fn a_dc_serves_or_is_degraded_by_its_access_points() {
        let mut snapshot = all_up(three_dcs());
        assert_eq!(amsterdam(&snapshot).0, Standing::Serving);
        let dc = snapshot.topology.find_dc(crate::routing::DcId(2));
        let (first, _) = snapshot
            .topology
            .access_points_of(dc.expect("Amsterdam"))
            .next()
            .expect("an access point");
        snapshot.access_points[first.0 as usize].health = Health::Down;
        let (standing, says) = amsterdam(&snapshot);
        assert_eq!(standing, Standing::Degraded);
        assert_eq!(says, "1 of 2 access points not up");
    }

    #[test]
    fn a_down_dc_says_what_becomes_of_its_clients() {
        let mut snapshot = all_up(three_dcs());
        set_health(&mut snapshot, 2, Health::Down);
        let (standing, says) = amsterdam(&snapshot);
        assert_eq!(standing, Standing::Down);
        assert_eq!(says, "no access point up; its clients go to other DCs");
        for dc in [1, 5] {
            set_health(&mut snapshot, dc, Health::Down);
        }
        assert_eq!(amsterdam(&snapshot).0, Standing::FailOpen);
    }

    #[test]
    fn a_bound_listener_of_a_lost_dc_is_told_to_refuse() {
        let mut spec = three_dcs();
        spec.routes.insert("dc2".into(), bound_to(2));
        let mut snapshot = all_up(spec);
        set_health(&mut snapshot, 2, Health::Down);
        let (standing, says) = amsterdam(&snapshot);
        assert_eq!(standing, Standing::Refusing);
        assert!(says.contains("listener dc2 refuses everyone"), "{says}");
        set_health(&mut snapshot, 2, Health::Up);
        set_admin(&mut snapshot, 2, AdminState::Drain);
        assert_eq!(amsterdam(&snapshot).0, Standing::Refusing);
    }

    #[test]
    fn without_fail_open_an_outage_of_everything_is_refusing_and_not_down() {
        let mut spec = three_dcs();
        spec.policy.fail_open = false;
        let mut snapshot = all_up(spec);
        for dc in [1, 2, 5] {
            set_health(&mut snapshot, dc, Health::Down);
        }
        assert_eq!(amsterdam(&snapshot).0, Standing::Refusing);
    }

    #[test]
    fn the_words_of_json_are_those_of_as_str() {
        for standing in [
            Standing::Serving,
            Standing::Degraded,
            Standing::Unknown,
            Standing::Down,
            Standing::FailOpen,
            Standing::Refusing,
            Standing::Drain,
            Standing::Maint,
            Standing::Unused,
        ] {
            let json = serde_json::to_string(&standing).expect("a word");
            assert_eq!(json, format!("{:?}", standing.as_str()));
        }
    }
}
