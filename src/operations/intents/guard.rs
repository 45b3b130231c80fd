//! Whom an intent would refuse: clients that are bound to a DC, and all of a listener.

use crate::metrics::Metrics;
use crate::routing::topology::{Destination, Traffic};
use crate::routing::{AdminState, DcIndex, Protocol, Snapshot, Target};

/// Who would be refused if these were drained or taken out, in sentences; nobody if there are none. Who is
/// refused already is no news.
pub(super) fn refusals(snapshot: &Snapshot, targets: &[Target], metrics: &Metrics) -> Vec<String> {
    let after = without(snapshot, targets);
    let topology = &snapshot.topology;
    let mut refusals = Vec::new();
    for (listener, route) in topology.routes() {
        for to in route.destinations(topology) {
            let traffic = route.traffic(to);
            let ways: Vec<DcIndex> = match to {
                Destination::Nearest(_) => {
                    let all = (0..).map(DcIndex).zip(topology.dcs());
                    all.filter(|(_, dc)| route.lists(dc.id)).map(|(index, _)| index).collect()
                }
                Destination::Dc(dc, _) => {
                    let own = topology.find_dc(dc).into_iter();
                    let replicas = own.clone().flat_map(|own| topology.dc(own).replicas.iter());
                    let replicas = replicas.filter_map(|dc| topology.find_dc(*dc));
                    own.chain(replicas).collect()
                }
            };
            let serves = |snapshot: &Snapshot| ways.iter().any(|dc| serves(snapshot, *dc, traffic));
            if !serves(snapshot) || serves(&after) {
                continue;
            }
            let kind = spoken(traffic);
            refusals.push(match to {
                Destination::Nearest(_) => {
                    format!(
                        "nothing would be left for listener {listener} that could be used{kind}"
                    )
                }
                Destination::Dc(dc, _) => {
                    let now = metrics.open(listener, dc);
                    format!(
                        "DC {dc} has no replica that can be used{kind}: listener {listener} would \
                         refuse the clients that are bound to it, {now} sessions and flows now"
                    )
                }
            });
        }
    }
    refusals.sort_unstable();
    refusals.dedup();
    refusals
}

/// The same network without these.
fn without(snapshot: &Snapshot, targets: &[Target]) -> Snapshot {
    let mut after = snapshot.clone();
    for target in targets {
        match target {
            Target::Dc(dc) => {
                if let Some(index) = snapshot.topology.find_dc(*dc) {
                    after.dcs[index.0 as usize].admin = AdminState::Maint;
                }
            }
            Target::AccessPoint(id) => {
                if let Some(index) = snapshot.topology.find_access_point(*id) {
                    after.access_points[index.0 as usize].admin = AdminState::Maint;
                }
            }
        }
    }
    after
}

/// Whether a DC has anything for such traffic that can be used.
fn serves(snapshot: &Snapshot, dc: DcIndex, traffic: Traffic) -> bool {
    let mut members = snapshot.topology.access_points_of(dc);
    snapshot.dc(dc).admin == AdminState::Ready
        && members.any(|(index, member)| {
            let state = snapshot.access_point(index);
            let is_wanted = state.admin == AdminState::Ready && state.health.is_usable();
            // One that has left the list is gone in a moment.
            is_wanted && !member.retiring && member.takes(traffic)
        })
}

fn spoken(traffic: Traffic) -> String {
    match traffic.protocol {
        Protocol::Tcp => String::new(),
        Protocol::Udp => " for UDP".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::fixture::{all_up, bound_to, set_health, three_dcs};
    use crate::routing::{DcId, Health};

    fn told(snapshot: &Snapshot, dcs: &[u16]) -> Vec<String> {
        let targets: Vec<Target> = dcs.iter().map(|dc| Target::Dc(DcId(*dc))).collect();
        refusals(snapshot, &targets, &Metrics::new("edge-1"))
    }

    #[test]
    fn a_dc_whose_clients_go_elsewhere_may_be_drained_and_the_last_one_may_not() {
        let mut snapshot = all_up(three_dcs());
        assert_eq!(told(&snapshot, &[2]), [] as [&str; 0]);
        set_health(&mut snapshot, 1, Health::Down);
        set_health(&mut snapshot, 5, Health::Down);
        let says = "nothing would be left for listener clients that could be used";
        assert_eq!(told(&snapshot, &[2]), [says]);
        assert_eq!(told(&snapshot, &[1]), [] as [&str; 0], "nobody uses it");
    }

    #[test]
    fn clients_that_are_bound_are_counted_where_no_replica_takes_them() {
        let mut spec = three_dcs();
        spec.routes.insert("second".into(), bound_to(2));
        let snapshot = all_up(spec);
        let metrics = Metrics::new("edge-1");
        metrics.sessions_active.with_label_values(&["second", "2"]).set(7);
        let says = refusals(&snapshot, &[Target::Dc(DcId(2))], &metrics);
        let expected = "DC 2 has no replica that can be used: listener second would refuse the \
                        clients that are bound to it, 7 sessions and flows now";
        assert_eq!(says, [expected]);
        let members = snapshot.topology.access_points().iter().filter(|it| it.id.dc == DcId(2));
        let all: Vec<Target> = members.map(|it| Target::AccessPoint(it.id)).collect();
        assert_eq!(refusals(&snapshot, &all, &metrics).len(), 1, "all of its access points");
        assert_eq!(refusals(&snapshot, &all[1..], &metrics).len(), 0, "one is left");
    }
}
