//! Series of DCs and access points that left the topology stay for a while, so that a scrape still
//! sees their last values, and disappear then: a network that moves must not grow its metrics.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::removable::Labels;

/// How long a series outlives what it is about.
const STAY: Duration = Duration::from_secs(15 * 60);

/// Remembers which DCs and access points had series, and since when they are gone.
#[derive(Default)]
pub(super) struct Retention {
    dcs: BTreeMap<String, Option<Instant>>,
    access_points: BTreeMap<(String, String), Option<Instant>>,
}

/// DCs and access points whose series nobody needs any more.
pub(super) struct Expired {
    dcs: BTreeSet<String>,
    access_points: BTreeSet<(String, String)>,
}

impl Retention {
    /// Takes what is live now; returns what has been gone for too long, if anything.
    pub(super) fn update(
        &mut self,
        dcs: impl Iterator<Item = String>,
        access_points: impl Iterator<Item = (String, String)>,
        now: Instant,
    ) -> Option<Expired> {
        let expired = Expired {
            dcs: turn_over(&mut self.dcs, dcs, now),
            access_points: turn_over(&mut self.access_points, access_points, now),
        };
        (!expired.dcs.is_empty() || !expired.access_points.is_empty()).then_some(expired)
    }
}

impl Expired {
    /// Whether a series with these labels belongs to somebody who is gone.
    pub(super) fn owns(&self, labels: &Labels<'_>) -> bool {
        let value =
            |name: &str| labels.iter().find(|(label, _)| *label == name).map(|(_, value)| *value);
        let dc_gone = ["dc", "from", "to"].iter().filter_map(|name| value(name));
        if dc_gone.into_iter().any(|dc| self.dcs.contains(dc)) {
            return true;
        }
        let (Some(dc), Some(access_point)) = (value("dc"), value("access_point")) else {
            return false;
        };
        self.access_points.contains(&(dc.to_owned(), access_point.to_owned()))
    }
}

fn turn_over<K: Ord + Clone>(
    known: &mut BTreeMap<K, Option<Instant>>,
    live: impl Iterator<Item = K>,
    now: Instant,
) -> BTreeSet<K> {
    let live: BTreeSet<K> = live.collect();
    for (key, gone_since) in known.iter_mut() {
        *gone_since = match live.contains(key) {
            true => None,
            false => Some(gone_since.unwrap_or(now)),
        };
    }
    for key in live {
        known.entry(key).or_insert(None);
    }
    let over = |since: &Option<Instant>| since.is_some_and(|since| now - since >= STAY);
    let expired = known.iter().filter(|(_, since)| over(since)).map(|(key, _)| key.clone());
    let expired: BTreeSet<K> = expired.collect();
    known.retain(|key, _| !expired.contains(key));
    expired
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
        all.iter().map(|(dc, at)| ((*dc).to_owned(), (*at).to_owned())).collect()
    }

    #[test]
    fn what_is_gone_for_fifteen_minutes_expires_once() {
        let mut retention = Retention::default();
        let now = Instant::now();
        let mut update = |dcs: &[&str], at: &[(&str, &str)], minutes: u64| {
            let dcs = dcs.iter().map(|dc| (*dc).to_owned());
            retention.update(dcs, pairs(at).into_iter(), now + Duration::from_secs(60 * minutes))
        };
        assert!(update(&["1", "2"], &[("1", "a"), ("2", "b"), ("2", "c")], 0).is_none());
        assert!(update(&["2"], &[("2", "b")], 1).is_none());
        assert!(update(&["2"], &[("2", "b"), ("2", "c")], 10).is_none(), "c is back");
        assert!(update(&["2"], &[("2", "b")], 15).is_none());
        let expired = update(&["2"], &[("2", "b")], 16).expect("DC 1 is gone");
        assert!(expired.owns(&[("dc", "1"), ("access_point", "a")]));
        assert!(expired.owns(&[("from", "2"), ("to", "1")]));
        assert!(!expired.owns(&[("dc", "2"), ("access_point", "c")]));
        let expired = update(&["2"], &[("2", "b")], 30).expect("c is gone again");
        assert!(expired.owns(&[("access_point", "c"), ("dc", "2"), ("reason", "reset")]));
        assert!(!expired.owns(&[("dc", "2"), ("access_point", "b")]));
        assert!(update(&["2"], &[("2", "b")], 60).is_none());
    }
}
