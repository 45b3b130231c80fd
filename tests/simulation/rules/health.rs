//! Rules about health: what it takes to change it, and that all changes are told.

use std::time::{Duration, Instant};

use nearpoint::routing::control::{Cause, HealthChange};
use nearpoint::routing::topology::HealthSettings;
use nearpoint::routing::{AccessPointId, DcId, Health, Snapshot};

use crate::ledger::{Ledger, Record};

/// So many client prefixes make an access point Down without a probe.
const ACCUSERS: usize = 10;

/// A Down that follows an Up within this makes it be held down.
const QUICK: Duration = Duration::from_secs(60);

/// Each change of an access point begins where the last one ended.
pub(crate) fn changes_form_a_chain(change: &HealthChange, before: &Record, unsure: bool) {
    let (id, from) = (change.access_point, change.transition.from);
    let afresh = unsure && from == Health::Unknown;
    assert!(
        from == before.health || afresh,
        "{id} turned from {from:?}, and was told to be {:?}",
        before.health
    );
    assert_ne!(from, change.transition.to, "{id}: a change changes something");
}

/// Nothing becomes Down but by failed probes in a row that are its own fault, or by what clients of
/// ten places say of it: never by failures of this edge, by scanners, or by one place.
pub(crate) fn down_is_earned(
    change: &HealthChange,
    before: &Record,
    settings: &HealthSettings,
    now: Instant,
) {
    if change.transition.to != Health::Down {
        return;
    }
    let id = change.access_point;
    match change.cause {
        Cause::ProbeFailed(_) => {
            // What sessions say counts as one failed probe.
            let failures = before.failures + u32::from(before.is_suspected());
            assert!(
                failures >= settings.fall,
                "{id} is Down after {failures} failures in a row, {} are needed",
                settings.fall
            );
        }
        Cause::FailedConnects | Cause::Overtaken | Cause::Mute => assert!(
            before.accusers(now) >= ACCUSERS,
            "{id} is Down by the word of {} client prefixes",
            before.accusers(now)
        ),
        // What is asked of them is in rules of their own.
        Cause::Isolated | Cause::TcpOfDc => {}
        Cause::ProbeAnswered | Cause::HoldDownOver | Cause::NoComplaints => {
            panic!("{id} is Down because of {}", change.cause)
        }
    }
}

/// Who was Down is Up after `rise` good probes in a row, and not before its hold-down is over. Who is not
/// probed has only that.
pub(crate) fn recovery_is_earned(
    change: &HealthChange,
    before: &Record,
    settings: &HealthSettings,
    now: Instant,
) {
    let recovers = change.transition.from == Health::Down && change.transition.to == Health::Up;
    if !recovers || change.cause == Cause::Isolated {
        return;
    }
    let id = change.access_point;
    let needed = match change.cause {
        Cause::TcpOfDc | Cause::HoldDownOver => 0,
        _ => settings.rise,
    };
    assert!(
        before.successes >= needed,
        "{id} is Up after {} good probes in a row, {} are needed",
        before.successes,
        needed
    );
    let held = before.held_until().filter(|until| now < *until && !before.is_excused);
    let left = held.map(|until| until - now);
    assert!(left.is_none(), "{id} is Up while it is held down, for {left:?} more");
}

/// Who is Down is held for no longer than the first hold-down, doubled for each recovery before.
pub(crate) fn hold_downs_double_at_most(
    change: &HealthChange,
    before: &Record,
    settings: &HealthSettings,
) {
    let recoveries = u32::try_from(before.recoveries.len()).unwrap_or(u32::MAX);
    let most = settings.hold_down.first.saturating_mul(2u32.saturating_pow(recoveries));
    assert!(
        change.held_for <= most.min(settings.hold_down.max),
        "{} is held for {:?} after {recoveries} recoveries, {most:?} at most",
        change.access_point,
        change.held_for
    );
}

/// Who falls again within a minute of its recovery is held down.
pub(crate) fn relapses_are_held_down(
    change: &HealthChange,
    before: &Record,
    settings: &HealthSettings,
    now: Instant,
) {
    let Some((up, true)) = before.up else { return };
    let relapses = change.transition.to == Health::Down && now - up < QUICK;
    // Those that others lead are held down by what these are.
    if relapses && !matches!(change.cause, Cause::Isolated | Cause::TcpOfDc) {
        assert!(
            change.held_for >= settings.hold_down.first,
            "{} fell {:?} after it recovered, and is held for {:?}",
            change.access_point,
            now - up,
            change.held_for
        );
    }
}

/// What is told is what is published, of every access point.
pub(crate) fn health_agrees(snapshot: &Snapshot, ledger: &Ledger, now: Instant) {
    let topology = &snapshot.topology;
    for (access_point, state) in topology.access_points().iter().zip(&snapshot.access_points) {
        let told = ledger.access_point(access_point.id).map(|record| {
            let held_until = record.held_until().filter(|until| now < *until);
            let excused = record.is_excused && state.held_until.is_none();
            (record.health, held_until.filter(|_| record.health == Health::Down && !excused))
        });
        let published = Some((state.health, state.held_until));
        assert_eq!(told, published, "{} as it was told and published", access_point.id);
    }
}

/// The same of DCs.
pub(crate) fn dcs_agree(snapshot: &Snapshot, ledger: &Ledger) {
    for (dc, state) in snapshot.topology.dcs().iter().zip(&snapshot.dcs) {
        let told = ledger.dc(dc.id).map(|record| record.health);
        assert_eq!(told, Some(state.health), "DC {} as it was told and published", dc.id);
    }
}

/// The operator's intent is published as it was given.
pub(crate) fn intents_agree(snapshot: &Snapshot, ledger: &Ledger) {
    let topology = &snapshot.topology;
    for (access_point, state) in topology.access_points().iter().zip(&snapshot.access_points) {
        let wanted = ledger.access_point(access_point.id).map(|record| record.admin);
        assert_eq!(wanted, Some(state.admin), "intent for {}", access_point.id);
    }
    for (dc, state) in snapshot.topology.dcs().iter().zip(&snapshot.dcs) {
        let wanted = ledger.dc(dc.id).map(|record| record.admin);
        assert_eq!(wanted, Some(state.admin), "intent for DC {}", dc.id);
    }
}

/// Each change of a DC begins where the last one ended.
pub(crate) fn dc_changes_form_a_chain(dc: DcId, from: Health, told: Health, unsure: bool) {
    assert!(from == told || unsure, "DC {dc} turned from {from:?}, and was told to be {told:?}");
}

/// How often an access point can recover within `window` when it fails again at once each time: the
/// first time at once, then after each hold-down.
pub(crate) fn most_recoveries(settings: &HealthSettings, window: Duration) -> usize {
    let (mut at, mut hold, mut recoveries) = (Duration::ZERO, settings.hold_down.first, 0);
    while at < window {
        recoveries += 1;
        at += hold;
        hold = (2 * hold).min(settings.hold_down.max);
    }
    recoveries
}

/// One that flaps so slowly that each turn is seen, and so fast that each follows within a minute,
/// recovers no more often than its hold-downs let it.
pub(crate) fn flapping_is_damped(id: AccessPointId, record: &Record, settings: &HealthSettings) {
    let window = 2 * settings.hold_down.max;
    let most = most_recoveries(settings, window);
    for (at, first) in record.recoveries.iter().enumerate() {
        let within = record.recoveries[at..].iter().filter(|it| **it - *first < window).count();
        assert!(within <= most, "{id} recovered {within} times in {window:?}, {most} at most");
    }
}
