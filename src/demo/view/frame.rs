//! One moment of the demo, as data.

use std::sync::Arc;
use std::time::Duration;

use crate::demo::tally::{FlowFigures, Tally};
use crate::demo::timeline::Step;
use crate::routing::{Coordinates, CountryCode, DcId, Health, Kilometers, Snapshot};

/// What is shown of one moment.
pub(in crate::demo) struct Frame {
    /// Since the beginning.
    pub(in crate::demo) now: Duration,
    /// When it ends by itself.
    pub(in crate::demo) end: Option<Duration>,
    /// What happens next, when, and to whom.
    pub(in crate::demo) next: (Duration, Step, Arc<str>),
    /// How many clients there are.
    pub(in crate::demo) clients: usize,
    /// And of how many countries.
    pub(in crate::demo) countries: usize,
    /// Sessions answered so far.
    pub(in crate::demo) answered: u64,
    /// New sessions a second, lately.
    pub(in crate::demo) rate: f64,
    /// Sessions failed so far.
    pub(in crate::demo) failed: u64,
    /// Sessions lost with the power of their DC so far.
    pub(in crate::demo) lost: u64,
    /// Questions of UDP so far.
    pub(in crate::demo) flows: FlowFigures,
    /// By id.
    pub(in crate::demo) dcs: Vec<Row>,
}

/// One DC at that moment.
pub(in crate::demo) struct Row {
    pub(super) id: DcId,
    pub(super) name: Arc<str>,
    /// What the stub knows and the daemon does not.
    pub(super) power: bool,
    /// What the daemon decides by.
    pub(super) health: Health,
    /// As its probes measure it; nothing while they fail.
    pub(super) round_trip: Option<Duration>,
    /// Sessions the daemon carries there now.
    pub(super) sessions: u32,
    /// Of the new sessions lately: 0 to 1.
    pub(super) share: f64,
    /// Of the clients it serves, most first.
    pub(super) countries: Vec<CountryCode>,
    /// The mean distance from where its clients pretend to be to where it does.
    pub(super) away: Option<Kilometers>,
}

impl Frame {
    /// The DCs as `snapshot` and `tally` have them. `homes` is where each client is.
    pub(in crate::demo) fn rows(
        snapshot: &Snapshot,
        tally: &Tally,
        homes: &[Option<Coordinates>],
        powerless: Option<DcId>,
        now: Duration,
    ) -> Vec<Row> {
        let dcs = snapshot.topology.dcs().iter().zip(&snapshot.dcs);
        let row = |(dc, state): (&crate::routing::topology::Dc, &crate::routing::DcState)| Row {
            id: dc.id,
            name: Arc::clone(&dc.name),
            power: powerless != Some(dc.id),
            health: state.health,
            round_trip: state.round_trip.filter(|_| state.health != Health::Down),
            sessions: state.slot.active(),
            share: tally.share(dc.id, now),
            countries: tally.countries_of(dc.id),
            away: dc.location.and_then(|place| {
                let theirs = tally.clients_of(dc.id).filter_map(|id| *homes.get(id.0)?);
                mean(theirs.map(|home| home.distance(&place)))
            }),
        };
        dcs.map(row).collect()
    }
}

fn mean(distances: impl Iterator<Item = Kilometers>) -> Option<Kilometers> {
    let (sum, count) =
        distances.fold((0.0, 0u32), |(sum, count), Kilometers(km)| (sum + km, count + 1));
    (count > 0).then(|| Kilometers(sum / f64::from(count)))
}

#[cfg(test)]
pub(super) mod fixture {
    use super::*;
    use crate::demo::view::Names;

    pub(in crate::demo::view) fn names() -> Names {
        Names(
            [(1, "Miami"), (2, "Amsterdam"), (3, "Singapore")]
                .map(|(id, name)| (DcId(id), name.into()))
                .into(),
        )
    }

    /// Amsterdam lost its power a moment ago.
    pub(in crate::demo::view) fn frame() -> Frame {
        let row = |id: u16, name: &str, share: f64, countries: &[&str], away: f64| Row {
            id: DcId(id),
            name: name.into(),
            power: id != 2,
            health: if id == 2 { Health::Down } else { Health::Up },
            round_trip: (id != 2).then_some(Duration::from_micros(240)),
            sessions: (share * 80.0) as u32,
            share,
            countries: countries.iter().filter_map(|code| CountryCode::new(code)).collect(),
            away: (away > 0.0).then_some(Kilometers(away)),
        };
        Frame {
            now: Duration::from_millis(8_240),
            end: Some(Duration::from_secs(20)),
            next: (Duration::from_millis(13_333), Step::PowerReturn, "Amsterdam".into()),
            clients: 87,
            countries: 71,
            answered: 512,
            rate: 61.6,
            failed: 0,
            lost: 31,
            flows: FlowFigures {
                clients: 6,
                answered: 240,
                unanswered: 2,
                moved: 2,
                ..FlowFigures::default()
            },
            dcs: vec![
                row(1, "Miami", 0.625, &["US", "GB", "DE", "FR", "BR", "CA", "CH"], 6512.4),
                row(2, "Amsterdam", 0.0, &[], 0.0),
                row(3, "Singapore", 0.375, &["IN", "JP", "AU"], 4100.0),
            ],
        }
    }
}
