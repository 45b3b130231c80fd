//! Why DCs are left out of a ranking, counted for people.

use std::collections::BTreeMap;

use crate::routing::{Exclusion, Ranking};

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
