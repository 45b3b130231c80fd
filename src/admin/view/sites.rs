//! Where a site stands: what is left of the place whose power fails as a whole.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::standing::{DcStatusView, Standing, StandingView};
use crate::routing::Snapshot;

/// One line of status about a site.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SiteStatusView {
    /// `dcs[].site`, or what stands for it: the coordinates of its DCs.
    pub name: String,
    /// Its DCs, by number.
    pub dcs: Vec<u16>,
    /// What its DCs make of it: what they all do, or else `degraded` while one of them serves.
    #[serde(flatten)]
    pub stands: StandingView,
}

impl SiteStatusView {
    /// Where every site of `snapshot` stands, by name. `dcs` are its DCs in their order.
    pub(super) fn all(snapshot: &Snapshot, dcs: &[DcStatusView]) -> Vec<Self> {
        let mut sites: BTreeMap<&str, Vec<&DcStatusView>> = BTreeMap::new();
        for (dc, view) in snapshot.topology.dcs().iter().zip(dcs) {
            sites.entry(&*dc.site).or_default().push(view);
        }
        sites.into_iter().map(|(name, dcs)| Self::new(name, &dcs)).collect()
    }

    fn new(name: &str, dcs: &[&DcStatusView]) -> Self {
        let members = dcs.iter().map(|dc| &dc.stands);
        let standing = standing(members.clone().map(|it| it.standing));
        let up = members.clone().map(|it| it.access_points_up).sum();
        let all = members.clone().map(|it| it.access_points).sum();
        let round_trips = members.clone().filter_map(|it| it.round_trip_ms);
        Self {
            name: name.to_owned(),
            dcs: dcs.iter().map(|dc| dc.id).collect(),
            stands: StandingView {
                standing,
                says: says(standing, dcs, (up, all)),
                access_points_up: up,
                access_points: all,
                sessions_active: members.map(|it| it.sessions_active).sum(),
                round_trip_ms: round_trips.min_by(f64::total_cmp),
            },
        }
    }
}

/// The worst comes first; a site of which something serves is no worse than degraded.
fn standing(dcs: impl Iterator<Item = Standing> + Clone) -> Standing {
    let any = |wanted: Standing| dcs.clone().any(|it| it == wanted);
    let used = dcs.clone().filter(|it| *it != Standing::Unused);
    let serving = used.clone().filter(|it| *it == Standing::Serving).count();
    if any(Standing::Isolated) {
        return Standing::Isolated;
    }
    match (serving, used.count()) {
        (_, 0) => Standing::Unused,
        (serving, all) if serving == all => Standing::Serving,
        (0, _) if !any(Standing::Degraded) => {
            let worst = [
                Standing::Refusing,
                Standing::FailOpen,
                Standing::StoodIn,
                Standing::Down,
                Standing::Unknown,
                Standing::Drain,
                Standing::Maint,
            ];
            worst.into_iter().find(|it| any(*it)).unwrap_or(Standing::Unused)
        }
        (_, _) => Standing::Degraded,
    }
}

fn says(standing: Standing, dcs: &[&DcStatusView], (up, all): (usize, usize)) -> String {
    let counted = match (up, all) {
        (_, 0) => "no access point".to_owned(),
        (up, all) if up == all => "all access points up".to_owned(),
        (0, _) => "no access point up".to_owned(),
        (up, all) => format!("{up} of {all} access points up"),
    };
    if standing == Standing::Isolated {
        return format!("nobody knows while this edge is cut off; last seen with {counted}");
    }
    // A site of one DC is as that DC, of which the line above tells.
    let others = dcs.iter().map(|dc| (dc.id, dc.stands.standing));
    let others = others.filter(|(_, it)| dcs.len() > 1 && *it != Standing::Serving);
    let others = others.map(|(id, it)| format!("DC {id} {}", it.as_str()));
    [counted].into_iter().chain(others).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::admin::fixture::{all_up, set_admin, set_health, three_dcs};
    use crate::routing::{AdminState, Health};

    /// Amsterdam and Miami share the site `x`.
    fn shared() -> Snapshot {
        let mut spec = three_dcs();
        for dc in &mut spec.dcs {
            dc.site = Some(if dc.id.0 == 5 { "sin-1" } else { "x" }.into());
        }
        all_up(spec)
    }

    fn sites(snapshot: &Snapshot) -> Vec<SiteStatusView> {
        SiteStatusView::all(snapshot, &DcStatusView::all(snapshot, Instant::now()))
    }

    fn x(snapshot: &Snapshot) -> (Standing, String) {
        let site = sites(snapshot).into_iter().find(|site| site.name == "x").expect("the site");
        (site.stands.standing, site.stands.says)
    }

    #[test]
    fn a_site_is_all_of_its_dcs_together() {
        let snapshot = shared();
        snapshot.dcs[0].slot.session_opened();
        snapshot.dcs[1].slot.session_opened();
        let sites = sites(&snapshot);
        assert_eq!(sites.len(), 2);
        let told =
            sites.iter().map(|site| (site.name.as_str(), &*site.dcs, site.stands.round_trip_ms));
        assert!(told.eq([("sin-1", &[5][..], Some(36.0)), ("x", &[1, 2][..], Some(12.0))]));
        let StandingView { sessions_active, access_points, .. } = sites[1].stands;
        assert_eq!((sessions_active, access_points), (2, 4));
        assert_eq!(x(&snapshot), (Standing::Serving, "all access points up".to_owned()));
    }

    #[test]
    fn a_line_of_status_is_one_flat_object() {
        let site = serde_json::to_value(&sites(&shared())[1]).expect("JSON");
        let says = "all access points up";
        let expected = serde_json::json!({
            "name": "x", "dcs": [1, 2], "standing": "serving", "says": says,
            "access_points_up": 4, "access_points": 4, "sessions_active": 0, "round_trip_ms": 12.0,
        });
        assert_eq!(site, expected);
    }

    #[test]
    fn a_site_is_degraded_while_one_of_its_dcs_serves_and_down_with_the_last() {
        let mut snapshot = shared();
        set_health(&mut snapshot, 2, Health::Down);
        let says = "2 of 4 access points up; DC 2 down".to_owned();
        assert_eq!(x(&snapshot), (Standing::Degraded, says));
        set_health(&mut snapshot, 1, Health::Down);
        let says = "no access point up; DC 1 down; DC 2 down".to_owned();
        assert_eq!(x(&snapshot), (Standing::Down, says));
    }

    #[test]
    fn the_worst_of_several_reasons_is_told() {
        let mut snapshot = shared();
        set_admin(&mut snapshot, 1, AdminState::Maint);
        assert_eq!(x(&snapshot).0, Standing::Degraded);
        set_health(&mut snapshot, 2, Health::Down);
        let says = "2 of 4 access points up; DC 1 maint; DC 2 down".to_owned();
        assert_eq!(x(&snapshot), (Standing::Down, says));
    }

    #[test]
    fn nobody_knows_of_a_site_while_the_edge_is_cut_off() {
        let mut snapshot = shared();
        set_health(&mut snapshot, 2, Health::Down);
        snapshot.isolated = true;
        let (standing, says) = x(&snapshot);
        assert_eq!(standing, Standing::Isolated);
        let expected = "nobody knows while this edge is cut off; last seen with 2 of 4 access \
                        points up";
        assert_eq!(says, expected);
    }
}
