//! Whether this edge should be given clients. A DC outage alone must not withdraw it: it counts
//! what can be ranked after fail-open. Nor must policy: whom it refuses here it refuses everywhere.

use std::time::SystemTime;

use humantime::format_rfc3339_seconds;

use super::view::exclusions;
use crate::routing::{Exclusion, Ranking, Snapshot, rank_anybody};

/// Why this edge should get no clients, in sentences for people; empty when it should.
/// `isolated_since` is when a cut-off edge was cut off, if that is known.
pub(super) fn reasons(
    snapshot: &Snapshot,
    draining: bool,
    isolated_since: Option<SystemTime>,
) -> Vec<String> {
    let mut reasons = Vec::new();
    if draining {
        reasons.push("draining: the daemon is about to end".to_owned());
    }
    if !snapshot.warmed_up {
        reasons.push("warming up: the first probe round is not over".to_owned());
        return reasons;
    }
    if snapshot.isolated {
        let since = isolated_since.map(|at| format!(" since {}", format_rfc3339_seconds(at)));
        let since = since.unwrap_or_default();
        reasons.push(format!(
            "isolated: this edge is cut off from every site{since}; health stays as it was"
        ));
    }
    let topology = &snapshot.topology;
    let rankings = topology.routes().iter().flat_map(|(name, route)| {
        let destinations = route.destinations(topology).into_iter();
        destinations.map(move |to| (&**name, rank_anybody(snapshot, route, to)))
    });
    let rankings: Vec<(&str, Ranking)> = rankings.collect();
    if !rankings.iter().any(|(_, ranking)| is_usable(ranking)) {
        reasons.push("no listener has a DC that it could use".to_owned());
        let details = rankings.iter().map(|(name, ranking)| {
            let counted = exclusions::count(ranking).unwrap_or_else(|| "it may use none".into());
            format!("listener {name}: {counted}")
        });
        reasons.extend(details);
    }
    reasons
}

/// A DC without room for one more connect is busy, not gone.
fn is_usable(ranking: &Ranking) -> bool {
    let mut exclusions = ranking.dcs.iter().map(|ranked| ranked.exclusion);
    exclusions.any(|exclusion| matches!(exclusion, None | Some(Exclusion::Capacity)))
}

#[cfg(test)]
mod tests {
    use super::{Snapshot, SystemTime};
    use crate::admin::fixture::{all_up, set_admin, set_health, three_dcs};
    use crate::routing::policy::Admission;
    use crate::routing::{AdminState, Health};

    fn reasons(snapshot: &Snapshot, draining: bool) -> Vec<String> {
        super::reasons(snapshot, draining, Some(SystemTime::UNIX_EPOCH))
    }

    #[test]
    fn a_warm_edge_with_something_to_rank_is_ready() {
        assert_eq!(reasons(&all_up(three_dcs()), false), [] as [&str; 0]);
    }

    #[test]
    fn drain_and_warming_up_are_reasons_of_their_own() {
        let mut snapshot = all_up(three_dcs());
        snapshot.warmed_up = false;
        assert_eq!(reasons(&snapshot, true).len(), 2);
        assert_eq!(reasons(&snapshot, false).len(), 1);
    }

    #[test]
    fn an_edge_that_is_cut_off_is_withdrawn_though_its_dcs_seem_well() {
        let mut snapshot = all_up(three_dcs());
        snapshot.isolated = true;
        assert_eq!(
            reasons(&snapshot, false),
            ["isolated: this edge is cut off from every site since 1970-01-01T00:00:00Z; health \
             stays as it was"]
        );
    }

    #[test]
    fn an_outage_of_every_dc_withdraws_nothing_while_fail_open_holds() {
        let mut snapshot = all_up(three_dcs());
        for dc in [1, 2, 5] {
            set_health(&mut snapshot, dc, Health::Down);
        }
        assert_eq!(reasons(&snapshot, false), [] as [&str; 0]);
        let mut spec = three_dcs();
        spec.policy.fail_open = false;
        let mut snapshot = all_up(spec);
        set_health(&mut snapshot, 1, Health::Down);
        set_health(&mut snapshot, 2, Health::Down);
        set_admin(&mut snapshot, 5, AdminState::Drain);
        let reasons = reasons(&snapshot, false);
        assert!(reasons.contains(&"listener clients: 2 down, 1 drain".to_owned()), "{reasons:?}");
    }

    #[test]
    fn an_edge_that_serves_few_by_policy_is_ready_for_them() {
        let mut spec = three_dcs();
        spec.policy.default = Admission::Deny;
        let mut snapshot = all_up(spec);
        assert_eq!(reasons(&snapshot, false), [] as [&str; 0]);
        for dc in [1, 2, 5] {
            set_admin(&mut snapshot, dc, AdminState::Maint);
        }
        assert_ne!(reasons(&snapshot, false), [] as [&str; 0]);
    }

    #[test]
    fn a_full_network_is_busy_and_not_gone() {
        let mut spec = three_dcs();
        for dc in &mut spec.dcs {
            dc.max_connecting = 0;
        }
        assert_eq!(reasons(&all_up(spec), false), [] as [&str; 0]);
    }
}
