//! Groups of DCs that cost about the same, and the order that follows.

use std::cmp::Ordering;

use super::{ClientAddr, Precedence, RankedDc};
use crate::routing::geo::Millis;
use crate::routing::rendezvous::Scoring;
use crate::routing::topology::Topology;

/// Brings DCs into the order in which `client` would use them: numbers their groups, and within a
/// group hashes. Those that are ruled out take no part and come last.
pub(super) fn sort(
    placed: Vec<RankedDc>,
    client: ClientAddr,
    topology: &Topology,
) -> Vec<RankedDc> {
    let mut dcs = by_cost(&placed);
    let allowed = dcs.partition_point(|it| it.precedence != Precedence::RuledOut);
    let allowed = &mut dcs[..allowed];
    form(allowed, topology.policy().tie_margin);
    // Who is alone in its group competes with nobody.
    for group in allowed.chunk_by_mut(|a, b| a.group == b.group).filter(|group| group.len() > 1) {
        let scoring = Scoring::of(group.iter().map(|it| topology.dc(it.dc).weight));
        for ranked in group {
            ranked.score = topology.dc(ranked.dc).score(scoring, client);
        }
    }
    // Where nothing is preferred or pushed back all is in order but what is tied.
    match allowed.is_sorted_by(|a, b| level(a, b).is_le()) {
        true => allowed
            .chunk_by_mut(|a, b| level(a, b).is_eq())
            .for_each(|tied| tied.sort_unstable_by(by_hash)),
        false => allowed.sort_unstable_by(|a, b| level(a, b).then_with(|| by_hash(a, b))),
    }
    dcs
}

/// The DCs in the order of their cost, then of their ids, those that are ruled out last. Small keys
/// are sorted, and each DC is moved once.
fn by_cost(placed: &[RankedDc]) -> Vec<RankedDc> {
    let mut keys: Vec<(u64, u32)> = (0..).zip(placed).map(key).collect();
    keys.sort_unstable();
    keys.into_iter().map(|(_, at)| placed[at as usize]).collect()
}

/// A cost is never negative: its bits are in the order of its value, and leave the first one free.
fn key((at, ranked): (u32, &RankedDc)) -> (u64, u32) {
    let last = u64::from(ranked.precedence == Precedence::RuledOut) << 63;
    (last | ranked.cost.0.to_bits(), at)
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

fn level(a: &RankedDc, b: &RankedDc) -> Ordering {
    let first = a.precedence.cmp(&b.precedence);
    first.then(a.position.0.total_cmp(&b.position.0)).then(a.group.cmp(&b.group))
}

fn by_hash(a: &RankedDc, b: &RankedDc) -> Ordering {
    b.score.total_cmp(&a.score).then(a.dc.cmp(&b.dc))
}
