//! Where a client goes and why, in one sentence.

use super::exclusions;
use super::explain::{DEFAULT, rule_name, shortened};
use crate::routing::policy::Objective;
use crate::routing::topology::Dc;
use crate::routing::{
    Client, DcIndex, Decision, Millis, Protocol, RankedDc, Ranking, Snapshot, Why,
};

/// The answer of `ranking` for `client`, which comes to this listener and perhaps names a DC there, and
/// whose first dial goes to `chosen`.
pub(super) fn of(
    snapshot: &Snapshot,
    (listener, named): (&str, Option<i16>),
    client: &Client,
    ranking: &Ranking,
    chosen: Option<DcIndex>,
) -> String {
    let who = format!("{} ({})", client.addr, whereabouts(client));
    let ranked = chosen.and_then(|dc| ranking.dcs.iter().find(|ranked| ranked.dc == dc));
    if let (None, true) = (ranked, ranking.refused_by_policy) {
        return format!("{who} is refused by policy: {}.", refused(snapshot, ranking));
    }
    let Some(ranked) = ranked else {
        let counted = exclusions::count(ranking)
            .unwrap_or_else(|| format!("listener {listener} may use none"));
        return format!("{who} is refused: no DC is a candidate ({counted}).");
    };
    let dc = name(snapshot.topology.dc(ranked.dc));
    let far = far(snapshot, ranked);
    let because = because(snapshot, (listener, named), client, ranking, ranked);
    format!("{who} goes to {dc}{far}: {because}.")
}

fn whereabouts(client: &Client) -> String {
    let origin = client.location.origin.as_str();
    match client.location.place {
        None => "location unknown".to_owned(),
        Some(place) => match place.country {
            Some(country) => format!("{country}, {origin}"),
            None => format!("{}, {origin}", place.coordinates),
        },
    }
}

fn name(dc: &Dc) -> String {
    if *dc.name == format!("dc{}", dc.id) {
        return format!("DC {}", dc.id);
    }
    format!("DC {} {}", dc.id, dc.name)
}

fn far(snapshot: &Snapshot, ranked: &RankedDc) -> String {
    let measured = snapshot.dc(ranked.dc).round_trip.map(Millis::from);
    match (ranked.distance, measured) {
        (Some(distance), _) => format!(", {distance} away"),
        (None, Some(measured)) => format!(", {measured} from this edge"),
        (None, None) => String::new(),
    }
}

fn because(
    snapshot: &Snapshot,
    (listener, named): (&str, Option<i16>),
    client: &Client,
    ranking: &Ranking,
    chosen: &RankedDc,
) -> String {
    let bound = match named {
        Some(_) => "its header names it".to_owned(),
        None => format!("listener {listener} binds the {} to it", carried(ranking)),
    };
    match ranking.why(chosen.dc) {
        Why::Pinned => audited(snapshot, ranking, bound),
        Why::Replica => {
            let because = format!("a replica; {}", passed_over(snapshot, ranking));
            audited(snapshot, ranking, because)
        }
        Why::Sticky => format!("listener {listener} remembers that it was there before"),
        Why::Preferred => preferred(snapshot, ranking),
        Why::FailOpen if ranking.is_bound() => {
            let bound = carried(ranking);
            let because = format!(
                "the {bound} is bound to it and no replica is up, so its health is ignored"
            );
            audited(snapshot, ranking, because)
        }
        Why::FailOpen => "nothing is up, so health is ignored".to_owned(),
        Why::Failover => passed_over(snapshot, ranking),
        Why::Tie => {
            let margin = snapshot.topology.policy().tie_margin;
            let others: Vec<String> =
                ranking.tied_with(chosen).map(|it| name(snapshot.topology.dc(it.dc))).collect();
            let others = others.join(" and ");
            format!("within {margin} of {others}, chosen by hash")
        }
        Why::Nearest => match slow(snapshot, ranking, chosen) {
            Some(slow) => slow,
            None => nearest_by(snapshot, client, chosen).to_owned(),
        },
    }
}

/// What the client has.
fn carried(ranking: &Ranking) -> &'static str {
    match ranking.traffic().protocol {
        Protocol::Tcp => "session",
        Protocol::Udp => "flow",
    }
}

/// The same, with what policy would say if it were asked.
fn audited(snapshot: &Snapshot, ranking: &Ranking, because: String) -> String {
    match ranking.audited {
        true => format!("{because}; policy would refuse it ({})", refused(snapshot, ranking)),
        false => because,
    }
}

/// The rule that puts the first of the ranking first.
fn preferred(snapshot: &Snapshot, ranking: &Ranking) -> String {
    match ranking.verdict.and_then(|verdict| verdict.preferred_by) {
        Some(rule) => named(snapshot, rule),
        None => "preferred".to_owned(),
    }
}

/// What in the policy leaves the client nothing.
fn refused(snapshot: &Snapshot, ranking: &Ranking) -> String {
    match ranking.verdict.map(|verdict| verdict.decision) {
        Some(Decision::Denied(rule)) => named(snapshot, rule),
        Some(Decision::Restricted(rule)) => {
            format!("{}, which leaves it nothing that can be used", named(snapshot, rule))
        }
        Some(Decision::Allowed(_) | Decision::Default(_)) | None => {
            format!("no rule admits it, and {DEFAULT} is deny")
        }
    }
}

fn named(snapshot: &Snapshot, rule: usize) -> String {
    let text = snapshot.topology.policy().rules[rule].to_string();
    format!("{}, {}", rule_name(rule), shortened(&text))
}

/// Why the first of the ranking, or the DC that the session is bound to, is not the one chosen.
fn passed_over(snapshot: &Snapshot, ranking: &Ranking) -> String {
    let is_first = |it: &&RankedDc| {
        ranking.bound_to().is_none_or(|bound_to| snapshot.topology.dc(it.dc).id == bound_to)
    };
    let first = ranking.dcs.iter().find(is_first);
    let Some((first, exclusion)) = first.and_then(|it| Some((it, it.exclusion?))) else {
        return "the first of its ranking has no access point to dial".to_owned();
    };
    let word = exclusion.as_str();
    let dc = name(snapshot.topology.dc(first.dc));
    format!("{dc} comes first and is out of use ({word})")
}

/// The candidate that would cost less, if it were not slower than usual.
fn slow(snapshot: &Snapshot, ranking: &Ranking, chosen: &RankedDc) -> Option<String> {
    let nearer = |it: &&RankedDc| it.exclusion.is_none() && it.cost.0 < chosen.cost.0;
    let slow = ranking.dcs.iter().filter(nearer).find(|it| it.excess.0 > 0.0)?;
    let dc = name(snapshot.topology.dc(slow.dc));
    Some(format!("{dc} is nearer, but {} slower than usual", slow.excess))
}

fn nearest_by(snapshot: &Snapshot, client: &Client, chosen: &RankedDc) -> &'static str {
    let objective = snapshot.topology.policy().objective;
    match (objective, client.location.place) {
        _ if chosen.cost.0.is_infinite() => "nothing is known that would tell DCs apart",
        (Objective::Latency, _) => "lowest round trip from this edge",
        (Objective::Distance | Objective::Balanced, None) => {
            "nearest to this edge, since nobody knows where the client is"
        }
        (Objective::Distance | Objective::Balanced, Some(_)) => "nearest",
    }
}
