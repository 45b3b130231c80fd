//! Why DCs are left out of a ranking, counted and in words for people.

use std::collections::BTreeMap;

use super::explain::{DEFAULT, rule_name};
use crate::routing::{Client, Decision, Exclusion, Protocol, RankedDc, Ranking, Snapshot, Traffic};

/// `2 down, 1 drain`: the DCs that the listener may use and the ranking leaves out. `None` when it
/// leaves out none of them.
pub(in crate::admin) fn count(ranking: &Ranking) -> Option<String> {
    let mut counts = BTreeMap::<(u8, &str), usize>::new();
    for exclusion in ranking.dcs.iter().filter_map(|ranked| ranked.exclusion) {
        if let Some(order) = order(exclusion) {
            *counts.entry((order, exclusion.as_str())).or_default() += 1;
        }
    }
    let words: Vec<String> =
        counts.into_iter().map(|((_, word), count)| format!("{count} {word}")).collect();
    (!words.is_empty()).then(|| words.join(", "))
}

/// What an operator wants to read first; a DC that the listener does not use is no news.
fn order(exclusion: Exclusion) -> Option<u8> {
    match exclusion {
        Exclusion::Down => Some(0),
        Exclusion::Unknown => Some(1),
        Exclusion::Drain => Some(2),
        Exclusion::Maint => Some(3),
        Exclusion::Capacity => Some(4),
        Exclusion::Policy => Some(5),
        Exclusion::Remembered => Some(6),
        Exclusion::NotOffered => Some(7),
        Exclusion::Class => Some(8),
        Exclusion::Listener => None,
    }
}

/// Why this DC is left out, in a few words; `None` when it is not.
pub(super) fn says(
    snapshot: &Snapshot,
    client: &Client,
    ranking: &Ranking,
    ranked: &RankedDc,
) -> Option<String> {
    let says = match ranked.exclusion? {
        Exclusion::Listener => "the listener does not use it".to_owned(),
        Exclusion::Class => no_access_point(ranking.traffic()),
        Exclusion::Policy => match ranking.verdict.map(|verdict| verdict.decision) {
            Some(Decision::Denied(rule)) => format!("denied by {}", rule_name(rule)),
            Some(Decision::Restricted(rule)) => format!("not in {}", rule_name(rule)),
            Some(Decision::Allowed(_) | Decision::Default(_)) | None => {
                format!("denied by {DEFAULT}")
            }
        },
        Exclusion::NotOffered => "no access point for this client".to_owned(),
        Exclusion::Remembered => match client.remembered {
            Some(dc) => format!("the client stays at DC {dc}"),
            None => "the client stays where it was".to_owned(),
        },
        Exclusion::Maint => "in maintenance".to_owned(),
        Exclusion::Drain => "draining".to_owned(),
        Exclusion::Down => "no access point is up".to_owned(),
        Exclusion::Unknown => "not probed yet".to_owned(),
        Exclusion::Capacity => {
            let (dc, slot) = (snapshot.topology.dc(ranked.dc), &snapshot.dc(ranked.dc).slot);
            match dc.max_sessions.filter(|most| slot.placed() >= *most) {
                Some(most) => format!("{} of {most} sessions", slot.placed()),
                None => {
                    format!("{} of {} connects in flight", slot.connecting(), dc.max_connecting)
                }
            }
        }
    };
    Some(says)
}

fn no_access_point(Traffic { protocol, class }: Traffic) -> String {
    match protocol {
        Protocol::Tcp => format!("no access point for class {}", class.as_str()),
        Protocol::Udp => format!("no access point for UDP of class {}", class.as_str()),
    }
}
