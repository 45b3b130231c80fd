//! Where a DC stands, in one truthful word and sentence: what happens to its clients now.

use std::time::Instant;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::alarm::{self, AccessPointAlarmView, AlarmView};
use super::held::{self, HeldDownView};
use super::intents::details;
use super::outlook::Outlook;
use super::room::RoomView;
use super::rounded;
use crate::routing::{AdminState, Closing, DcIndex, Health, Millis, Snapshot, Target};

/// What a DC does for its clients now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
    /// No access point is up; the DCs that hold the same keys and data serve its sessions.
    StoodIn,
    /// No access point is up; clients are sent there all the same, because nothing is.
    FailOpen,
    /// Sessions that want it are refused.
    Refusing,
    /// The operator lets no new session in; its clients go to other DCs.
    Drain,
    /// The operator took it out; its clients go to other DCs.
    Maint,
    /// It has no access point.
    Unused,
    /// Nobody knows: this edge is cut off from every site.
    Isolated,
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
            Self::StoodIn => "stood_in",
            Self::FailOpen => "fail_open",
            Self::Refusing => "refusing",
            Self::Drain => "drain",
            Self::Maint => "maint",
            Self::Unused => "unused",
            Self::Isolated => "isolated",
        }
    }
}

/// What a DC, or all DCs of a site together, do now and have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StandingView {
    /// What it does for its clients; a site of which something serves is no worse than `degraded`.
    pub standing: Standing,
    /// The same in a sentence.
    pub says: String,
    /// Access points that can be used, of those for what the DC is for: ordinary sessions, or those of
    /// media, or of a CDN, and of a DC without any for TCP the same of UDP.
    pub access_points_up: usize,
    /// All of these.
    pub access_points: usize,
    /// Sessions connected to it now, and flows.
    pub sessions_active: u32,
    /// The best measured round trip among its usable access points.
    pub round_trip_ms: Option<f64>,
}

/// One line of status about a DC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DcStatusView {
    /// Its number.
    pub id: u16,
    /// Its name.
    pub name: String,
    /// What it does now and has.
    #[serde(flatten)]
    pub stands: StandingView,
    /// Access points that are down, and whose sessions are reset when they hear nothing of them.
    pub closing: usize,
    /// Access points that keep changing, and stay down for a while.
    pub held_down: Vec<HeldDownView>,
    /// What somebody should look at about its access points, of all kinds, whatever their health.
    pub alarms: Vec<AccessPointAlarmView>,
    /// Flows at a time for which the local ports suffice: `net.ipv4.ip_local_port_range` for each of
    /// `dcs[].source.addresses`, or once. `null` for a DC without an access point for UDP, and where the
    /// kernel does not say.
    pub most_flows: Option<u64>,
    /// How much of it is taken, and how it is dialled.
    #[serde(flatten)]
    pub room: RoomView,
    /// Local ports that there are for sessions and flows towards it: `net.ipv4.ip_local_port_range` for each
    /// of its access points for TCP and each of `dcs[].source.addresses` of its family, and those of
    /// `most_flows`. `null` where the kernel does not say.
    pub source_ports: Option<u64>,
}

impl DcStatusView {
    /// Where every DC of `snapshot` stands `now`, by id.
    #[must_use]
    pub fn all(snapshot: &Snapshot, now: Instant) -> Vec<Self> {
        let outlook = Outlook::new(snapshot);
        let indexes = (0..).zip(snapshot.topology.dcs());
        indexes.map(|(index, _)| Self::new(snapshot, &outlook, DcIndex(index), now)).collect()
    }

    fn new(snapshot: &Snapshot, outlook: &Outlook<'_>, index: DcIndex, now: Instant) -> Self {
        let (dc, state) = (snapshot.topology.dc(index), snapshot.dc(index));
        let members = Members::new(snapshot, index, now);
        let (standing, says) = match (state.admin, state.health) {
            (AdminState::Maint, _) => {
                let why = format!("in maintenance{}", details(snapshot, Target::Dc(dc.id), now));
                outlook.without(index, Standing::Maint, &why)
            }
            (AdminState::Drain, _) => {
                let why = format!("draining{}", details(snapshot, Target::Dc(dc.id), now));
                outlook.without(index, Standing::Drain, &why)
            }
            (AdminState::Ready, _) if members.all == 0 => {
                outlook.without(index, Standing::Unused, "no access point")
            }
            (AdminState::Ready, health) if snapshot.isolated => {
                (Standing::Isolated, members.last_seen(health))
            }
            (AdminState::Ready, Health::Down) => {
                outlook.without(index, Standing::Down, &outlook.nothing_up(index))
            }
            (AdminState::Ready, Health::Unknown) => {
                (Standing::Unknown, "not probed yet".to_owned())
            }
            (AdminState::Ready, Health::Up | Health::Suspect) => {
                members.serve(outlook.lacks_for_others(index))
            }
        };
        let Members { all, up, held_down, .. } = members;
        let closing = closing_in(snapshot, index);
        let alarms = alarms_in(snapshot, index);
        Self {
            id: dc.id.0,
            name: dc.name.to_string(),
            stands: StandingView {
                standing,
                says: [
                    Some(says),
                    closing_says(closing),
                    held::says(&held_down),
                    alarm::says(&alarms),
                ]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join("; "),
                access_points_up: up,
                access_points: all,
                sessions_active: state.slot.active(),
                round_trip_ms: state.round_trip.and_then(|it| rounded(Millis::from(it).0)),
            },
            closing,
            held_down,
            alarms,
            most_flows: None,
            room: RoomView::new(dc, state),
            source_ports: None,
        }
    }
}

/// Of how many access points of this DC silent sessions are closed.
fn closing_in(snapshot: &Snapshot, dc: DcIndex) -> usize {
    // They are in the order of access points, and those in the order of DCs.
    let dc_of = |it: &Closing| snapshot.topology.access_point(it.access_point).dc;
    let before = |end: DcIndex| snapshot.closing.partition_point(|it| dc_of(it) < end);
    before(DcIndex(dc.0 + 1)) - before(dc)
}

fn closing_says(closing: usize) -> Option<String> {
    (closing > 0).then(|| "silent sessions are reset".to_owned())
}

/// What there is about the access points of this DC.
fn alarms_in(snapshot: &Snapshot, dc: DcIndex) -> Vec<AccessPointAlarmView> {
    let members = snapshot.topology.access_points_of(dc);
    let alarms = members.filter_map(|(index, member)| {
        let alarm = AlarmView::from(snapshot.access_point(index).alarm.as_ref()?);
        Some(AccessPointAlarmView { access_point: member.id.address.to_string(), alarm })
    });
    alarms.collect()
}

/// The access points of a DC for the traffic that it is for.
struct Members {
    all: usize,
    /// Those that can be used.
    up: usize,
    /// Whether every one is Up and none held back by the operator.
    well: bool,
    /// For all traffic.
    held_down: Vec<HeldDownView>,
}

impl Members {
    fn new(snapshot: &Snapshot, dc: DcIndex, now: Instant) -> Self {
        let mut this = Self { all: 0, up: 0, well: true, held_down: Vec::new() };
        let members = snapshot.topology.access_points_of(dc);
        let traffic = snapshot.topology.dc(dc).traffic();
        for (index, member) in members {
            let state = snapshot.access_point(index);
            if member.takes(traffic) {
                let health = match state.admin {
                    AdminState::Ready => state.health,
                    AdminState::Drain | AdminState::Maint => Health::Down,
                };
                this.all += 1;
                this.up += usize::from(health.is_usable());
                this.well &= health == Health::Up;
            }
            if let Some(held_for_seconds) = held::held_for_seconds(state, now) {
                let access_point = member.id.address.to_string();
                this.held_down.push(HeldDownView { access_point, held_for_seconds });
            }
        }
        this
    }

    /// How the DC serves that has something up, and lacks this for other traffic than it is for.
    fn serve(&self, lacks: Vec<String>) -> (Standing, String) {
        let own = match self.all - self.up {
            0 if self.well && lacks.is_empty() => {
                return (Standing::Serving, "all access points up".to_owned());
            }
            0 if self.well => "the others are up".to_owned(),
            0 => "some access points suspect".to_owned(),
            lost => format!("{lost} of {} access points not up", self.all),
        };
        (Standing::Degraded, lacks.into_iter().chain([own]).collect::<Vec<_>>().join("; "))
    }

    /// What was known when the edge was cut off.
    fn last_seen(&self, health: Health) -> String {
        let seen = match health {
            Health::Up | Health::Suspect => {
                format!("up, {} of {} access points", self.up, self.all)
            }
            Health::Down | Health::Unknown => health.as_str().to_owned(),
        };
        format!("nobody knows while this edge is cut off; last seen {seen}")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::admin::fixture::{all_up, bound_to, set_admin, set_health, three_dcs};
    use crate::routing::{AccessPointIndex, Alarm, DcId};

    fn amsterdam(snapshot: &Snapshot) -> (Standing, String) {
        let view =
            DcStatusView::all(snapshot, Instant::now()).into_iter().find(|view| view.id == 2);
        let StandingView { standing, says, .. } = view.expect("Amsterdam").stands;
        (standing, says)
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
    fn what_is_held_down_is_told_for_how_long_and_why() {
        let mut snapshot = all_up(three_dcs());
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        set_health(&mut snapshot, 2, Health::Down);
        let all = |snapshot: &Snapshot| DcStatusView::all(snapshot, now).swap_remove(1);
        snapshot.access_points[2].held_until = Some(now + 24 * second);
        let amsterdam = all(&snapshot);
        let held = HeldDownView { access_point: "10.0.2.1:443".into(), held_for_seconds: 24 };
        assert_eq!(amsterdam.held_down, [held]);
        let says = "no access point up; its clients go to other DCs; 10.0.2.1:443 held down for \
                    another 24s, keeps changing";
        assert_eq!(amsterdam.stands.says, says);
        snapshot.access_points[3].held_until = Some(now + 7 * second);
        let says = all(&snapshot).stands.says;
        assert!(says.ends_with("; 2 held down for up to another 24s, keep changing"), "{says}");
        for held in 2..4 {
            snapshot.access_points[held].held_until = Some(now);
        }
        assert_eq!(all(&snapshot).held_down, [], "the time is over");
    }

    #[test]
    fn a_dc_whose_silent_sessions_are_reset_says_so() {
        let mut snapshot = all_up(three_dcs());
        set_health(&mut snapshot, 2, Health::Down);
        let silent_since = Instant::now();
        let closing = |index| Closing { access_point: AccessPointIndex(index), silent_since };
        snapshot.closing = [closing(2), closing(3)].into();
        let view = DcStatusView::all(&snapshot, silent_since);
        assert_eq!(view.iter().map(|dc| dc.closing).collect::<Vec<_>>(), [0, 2, 0]);
        let says = "no access point up; its clients go to other DCs; silent sessions are reset";
        assert_eq!(view[1].stands.says, says);
    }

    #[test]
    fn an_alarm_is_told_of_a_dc_that_serves_too() {
        let mut snapshot = all_up(three_dcs());
        let says = |snapshot: &Snapshot| amsterdam(snapshot).1;
        snapshot.access_points[2].alarm = Some(Alarm::RateLimited);
        assert_eq!(amsterdam(&snapshot).0, Standing::Serving);
        assert_eq!(says(&snapshot), "all access points up; alarm rate_limited of 10.0.2.1:443");
        snapshot.access_points[3].alarm = Some(Alarm::OtherFingerprints([7].into()));
        assert_eq!(says(&snapshot), "all access points up; 2 alarms");
        let view = DcStatusView::all(&snapshot, Instant::now());
        assert_eq!(view.iter().map(|dc| dc.alarms.len()).collect::<Vec<_>>(), [0, 2, 0]);
        let told = serde_json::to_value(&view[1].alarms[1]).expect("JSON");
        let says = "has other keys than are configured: 0x0000000000000007";
        let expected = serde_json::json!({
            "access_point": "10.0.2.2:443", "alarm": "other_fingerprints",
            "fingerprints": ["0x0000000000000007"], "says": says,
        });
        assert_eq!(told, expected);
    }

    #[test]
    fn nothing_is_certain_while_the_edge_is_cut_off_but_what_the_operator_wants() {
        let mut snapshot = all_up(three_dcs());
        snapshot.isolated = true;
        let says = |seen| format!("nobody knows while this edge is cut off; last seen {seen}");
        let seen = says("up, 2 of 2 access points");
        assert_eq!(amsterdam(&snapshot), (Standing::Isolated, seen));
        set_health(&mut snapshot, 2, Health::Down);
        assert_eq!(amsterdam(&snapshot), (Standing::Isolated, says("down")));
        set_admin(&mut snapshot, 2, AdminState::Maint);
        assert_eq!(amsterdam(&snapshot).0, Standing::Maint);
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
        assert_eq!(
            says,
            "no access point up, no replica: refusing (listener dc2); others go to other DCs"
        );
        set_health(&mut snapshot, 2, Health::Up);
        set_admin(&mut snapshot, 2, AdminState::Drain);
        assert_eq!(amsterdam(&snapshot).0, Standing::Refusing);
    }

    #[test]
    fn a_dc_with_replicas_says_who_stands_in_or_that_nobody_does() {
        let mut spec = three_dcs();
        spec.routes = [("dc2".into(), bound_to(2))].into();
        let amsterdams = spec.dcs.iter_mut().find(|dc| dc.id.0 == 2).expect("Amsterdam");
        amsterdams.replicas = [DcId(5)].into();
        let mut snapshot = all_up(spec);
        set_health(&mut snapshot, 2, Health::Down);
        let says = "no access point up; DC 5 stands in".to_owned();
        assert_eq!(amsterdam(&snapshot), (Standing::StoodIn, says));
        set_health(&mut snapshot, 5, Health::Down);
        let says = "no access point up, its replica DC 5 cannot stand in: refusing (listener dc2)";
        assert_eq!(amsterdam(&snapshot), (Standing::Refusing, says.to_owned()));
    }

    #[test]
    fn a_bound_dc_without_an_access_point_says_that_it_refuses() {
        let mut spec = three_dcs();
        spec.routes = [("dc2".into(), bound_to(2))].into();
        spec.dcs.iter_mut().filter(|dc| dc.id.0 == 2).for_each(|dc| dc.access_points.clear());
        let says = "no access point, no replica: refusing (listener dc2)".to_owned();
        assert_eq!(amsterdam(&all_up(spec)), (Standing::Refusing, says));
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
            Standing::StoodIn,
            Standing::FailOpen,
            Standing::Refusing,
            Standing::Drain,
            Standing::Maint,
            Standing::Unused,
            Standing::Isolated,
        ] {
            let json = serde_json::to_string(&standing).expect("a word");
            assert_eq!(json, format!("{:?}", standing.as_str()));
        }
    }
}
