//! Groups of DCs that cost about the same, and the order that follows.

use std::cmp::Ordering;

use super::{ClientAddr, Precedence, RankedDc};
use crate::routing::geo::Millis;
use crate::routing::topology::Topology;

/// Brings DCs into the order in which `client` would use them: numbers their groups, and within a
/// group hashes. Those that are ruled out take no part and come last.
pub(super) fn sort(dcs: &mut [RankedDc], client: ClientAddr, topology: &Topology) {
    dcs.sort_unstable_by(by_cost);
    let takes_part = |it: &RankedDc| it.precedence != Precedence::RuledOut;
    let allowed = dcs.partition_point(takes_part);
    let allowed = &mut dcs[..allowed];
    form(allowed, topology.policy().tie_margin);
    // Who is alone in its group competes with nobody.
    for group in allowed.chunk_by_mut(|a, b| a.group == b.group).filter(|group| group.len() > 1) {
        for ranked in group {
            ranked.score = topology.dc(ranked.dc).score(client);
        }
    }
    allowed.sort_unstable_by(order);
}

fn by_cost(a: &RankedDc, b: &RankedDc) -> Ordering {
    let ruled_out = |it: &RankedDc| it.precedence == Precedence::RuledOut;
    let allowed_first = ruled_out(a).cmp(&ruled_out(b));
    allowed_first.then(a.cost.0.total_cmp(&b.cost.0)).then(a.dc.cmp(&b.dc))
}

/// Numbers the groups of DCs in the order of their cost: a group is its first DC and those within
/// `margin` of that first one.
fn form(dcs: &mut [RankedDc], margin: Millis) {
    let Some(first) = dcs.first() else { return };
    let (mut group, mut group_cost) = (0, first.cost);
    for ranked in dcs {
        if ranked.cost.0 > group_cost.0 + margin.0 {
            (group, group_cost) = (group + 1, ranked.cost);
        }
        ranked.group = Some(group);
        ranked.position = Millis(group_cost.0 + whole_margins(ranked.excess, margin).0);
    }
}

/// As much of `excess` as fills margins: members of a group that are about equally slow stay tied.
fn whole_margins(excess: Millis, margin: Millis) -> Millis {
    match margin.0 > 0.0 {
        true => Millis((excess.0 / margin.0).floor() * margin.0),
        false => excess,
    }
}

fn order(a: &RankedDc, b: &RankedDc) -> Ordering {
    let first = a.precedence.cmp(&b.precedence);
    let nearer = first.then(a.position.0.total_cmp(&b.position.0)).then(a.group.cmp(&b.group));
    nearer.then(b.score.total_cmp(&a.score)).then(a.dc.cmp(&b.dc))
}
