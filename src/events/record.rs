//! One event, in words.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use crate::routing::control::{
    AlarmChange, Brought, Change, ConfigurationChange, DrillChange, DrillStep, HealthChange,
    IntentChange,
};
use crate::routing::health::Transition;
use crate::routing::{AccessPointId, AdminState, DcId, Health, Target};

/// One state change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Rises by one from 1 in the life of a process.
    pub id: u64,
    /// When it was told, by the calendar.
    pub at: SystemTime,
    /// What changed.
    pub change: Change,
    /// The name that the DC had then; `None` when the change is of no DC, or nobody named it.
    pub dc_name: Option<Arc<str>>,
}

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The health of an access point.
    AccessPoint,
    /// An alarm about an access point.
    Alarm,
    /// The health of a DC.
    Dc,
    /// The silent sessions of an access point are closed.
    Closing,
    /// The operator's intent for a DC.
    DcAdmin,
    /// The operator's intent for an access point.
    AccessPointAdmin,
    /// A drill.
    Drill,
    /// Whether the edge is cut off.
    Isolation,
    /// What configuration says.
    Configuration,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::AccessPoint,
        Self::Alarm,
        Self::Dc,
        Self::Closing,
        Self::DcAdmin,
        Self::AccessPointAdmin,
        Self::Drill,
        Self::Isolation,
        Self::Configuration,
    ];

    /// A fixed word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AccessPoint => "access_point",
            Self::Alarm => "alarm",
            Self::Dc => "dc",
            Self::Closing => "closing",
            Self::DcAdmin => "dc_admin",
            Self::AccessPointAdmin => "access_point_admin",
            Self::Drill => "drill",
            Self::Isolation => "isolation",
            Self::Configuration => "configuration",
        }
    }
}

impl Record {
    /// What it is about.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self.change {
            Change::AccessPoint(_) => Kind::AccessPoint,
            Change::Alarm(_) => Kind::Alarm,
            Change::Dc { .. } => Kind::Dc,
            Change::Closing { .. } => Kind::Closing,
            Change::Intent(IntentChange { target: Target::Dc(_), .. }) => Kind::DcAdmin,
            Change::Intent(IntentChange { target: Target::AccessPoint(_), .. }) => {
                Kind::AccessPointAdmin
            }
            Change::Drill(_) => Kind::Drill,
            Change::Isolation { .. } => Kind::Isolation,
            Change::Configuration(_) => Kind::Configuration,
        }
    }

    /// The DC that it is about; `None` for one of the whole edge.
    #[must_use]
    pub fn dc(&self) -> Option<DcId> {
        dc_of(&self.change)
    }

    /// The access point that it is about.
    #[must_use]
    pub fn access_point(&self) -> Option<AccessPointId> {
        match self.change {
            Change::AccessPoint(HealthChange { access_point, .. })
            | Change::Alarm(AlarmChange { access_point, .. })
            | Change::Closing { access_point, .. } => Some(access_point),
            Change::Intent(IntentChange { target: Target::AccessPoint(id), .. }) => Some(id),
            Change::Intent(IntentChange { target: Target::Dc(_), .. })
            | Change::Dc { .. }
            | Change::Drill(_)
            | Change::Isolation { .. }
            | Change::Configuration(_) => None,
        }
    }
}

/// The DC that a change is about; `None` for one of the whole edge.
pub(super) fn dc_of(change: &Change) -> Option<DcId> {
    match change {
        Change::AccessPoint(HealthChange { access_point, .. })
        | Change::Alarm(AlarmChange { access_point, .. })
        | Change::Closing { access_point, .. } => Some(access_point.dc),
        Change::Intent(change) => Some(change.target.dc()),
        Change::Drill(change) => Some(change.dc),
        Change::Dc { dc, .. } => Some(*dc),
        Change::Isolation { .. } | Change::Configuration(_) => None,
    }
}

/// One sentence for people, without the time.
impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dc = |dc| NamedDc(dc, self.dc_name.as_deref());
        match &self.change {
            Change::AccessPoint(change) => {
                let HealthChange { access_point, transition, cause, held_for } = change;
                let (at, dc) = (access_point.address, dc(access_point.dc));
                let is = if transition.from == transition.to { "stays" } else { "is" };
                let to = transition.to.as_str();
                write!(f, "access point {at} of {dc} {is} {to}: {cause}")?;
                match held_for.as_secs_f64().ceil() {
                    0.0 => Ok(()),
                    seconds => write!(f, "; held down for {seconds}s"),
                }
            }
            Change::Alarm(AlarmChange { access_point, alarm, end }) => {
                let (at, dc) = (access_point.address, dc(access_point.dc));
                match end {
                    None => write!(f, "alarm: access point {at} of {dc} {alarm}"),
                    Some(end) => {
                        let (kind, end) = (alarm.kind().as_str(), end.as_str());
                        write!(f, "the alarm {kind} of access point {at} of {dc} is over: {end}")
                    }
                }
            }
            Change::Dc { dc: id, transition } => {
                write!(f, "{} is {}", dc(*id), use_of_dc(*transition))
            }
            Change::Closing { access_point, sessions } => {
                let (at, dc) = (access_point.address, dc(access_point.dc));
                write!(f, "silent sessions of access point {at} of {dc} are reset; {sessions} open")
            }
            Change::Intent(change) => {
                let of = match change.target {
                    Target::Dc(id) => dc(id).to_string(),
                    Target::AccessPoint(id) => {
                        format!("access point {} of {}", id.address, dc(id.dc))
                    }
                };
                write_intent(f, change, &of)
            }
            Change::Drill(change) => write_drill(f, change, &dc(change.dc)),
            Change::Isolation { isolated: true } => {
                f.write_str("this edge is cut off from every site; health stays as it was")
            }
            Change::Isolation { isolated: false } => f.write_str("this edge is connected again"),
            Change::Configuration(change) => write_configuration(f, change),
        }
    }
}

/// `DC 2 ams`, or `DC 2` for one that nobody gave a name of its own.
struct NamedDc<'a>(DcId, Option<&'a str>);

impl fmt::Display for NamedDc<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(id, name) = self;
        match name.filter(|name| *name != format!("dc{id}")) {
            None => write!(f, "DC {id}"),
            Some(name) => write!(f, "DC {id} {name}"),
        }
    }
}

fn use_of_dc(transition: Transition) -> &'static str {
    match (transition.to, transition.changes_use()) {
        (Health::Up | Health::Suspect, _) => "in use: an access point is up",
        (Health::Down, true) => "out of use: no access point up",
        (Health::Down, false) => "down: no access point up",
        (Health::Unknown, true) => "out of use: nothing is known of its access points",
        (Health::Unknown, false) => "unknown: no access point has answered yet",
    }
}

/// What is in force, how it came, by whom and why.
fn write_configuration(f: &mut fmt::Formatter<'_>, change: &ConfigurationChange) -> fmt::Result {
    let ConfigurationChange { revision, brought: Brought { how, told } } = change;
    write!(f, "a configuration is in force, with dc_options {revision}")?;
    if !how.is_empty() {
        write!(f, "; {how}")?;
    }
    if !told.by.is_empty() {
        write!(f, " by {}", told.by)?;
    }
    match told.reason.as_str() {
        "" => Ok(()),
        reason => write!(f, "; reason: {reason}"),
    }
}

/// Who wants what of whom, for how long, and why.
fn write_intent(f: &mut fmt::Formatter<'_>, change: &IntentChange, of: &str) -> fmt::Result {
    let IntentChange { target: _, from, to, lasting, expired, told } = change;
    if *expired {
        return write!(f, "the time of {} of {of} is over; {}", from.as_str(), intent(*to));
    }
    match told.by.as_str() {
        "" => write!(f, "the operator set {of} to {}", intent(*to))?,
        by => write!(f, "{by} set {of} to {}", intent(*to))?,
    }
    if let Some(lasting) = lasting {
        write!(f, "; for {}s", lasting.as_secs_f64().ceil())?;
    }
    match told.reason.as_str() {
        "" => Ok(()),
        reason => write!(f, "; reason: {reason}"),
    }
}

/// What becomes of a drill, by whom, and why.
fn write_drill(f: &mut fmt::Formatter<'_>, change: &DrillChange, dc: &NamedDc<'_>) -> fmt::Result {
    let told = &change.told;
    match change.step {
        DrillStep::Began(lasting) => {
            let seconds = lasting.as_secs_f64().ceil();
            write!(f, "a drill of {dc} begins: no new session for {seconds}s")?;
        }
        end @ (DrillStep::Done | DrillStep::Aborted | DrillStep::Ended) => {
            let again = match (change.is_ready, end == DrillStep::Done) {
                (true, true) => ": it serves again",
                (true, false) => ", it serves again",
                (false, _) => ", it was not made ready",
            };
            write!(f, "the drill of {dc} is {}{again}", end.as_str())?;
        }
    }
    if !told.by.is_empty() {
        write!(f, "; by {}", told.by)?;
    }
    match told.reason.as_str() {
        "" => Ok(()),
        reason => write!(f, "; reason: {reason}"),
    }
}

fn intent(state: AdminState) -> &'static str {
    match state {
        AdminState::Ready => "ready: it serves as its health allows",
        AdminState::Drain => "drain: it gets no new session",
        AdminState::Maint => "maint: as if it were absent",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use super::*;
    use crate::routing::control::{AlarmEnd, Cause};
    use crate::routing::topology::Revision;
    use crate::routing::{Alarm, ConnectFailure, Foreign, ProbeFailure, Told};

    fn says(change: Change, dc_name: Option<&str>) -> String {
        let dc_name = dc_name.map(Arc::from);
        Record { id: 1, at: SystemTime::UNIX_EPOCH, change, dc_name }.to_string()
    }

    fn access_point() -> AccessPointId {
        let address = "127.0.0.1:4432".parse().expect("an address");
        AccessPointId { dc: DcId(2), address }
    }

    fn wanted(target: Target, to: AdminState) -> Change {
        let (from, told) = (AdminState::Ready, Arc::default());
        Change::Intent(IntentChange { target, from, to, lasting: None, expired: false, told })
    }

    #[test]
    fn an_intent_says_who_wants_it_for_how_long_and_why_and_its_end_that_nobody_did_anything() {
        let told = Told { by: "anna".into(), reason: "new kernel".into() };
        let change = IntentChange {
            target: Target::Dc(DcId(2)),
            from: AdminState::Ready,
            to: AdminState::Drain,
            lasting: Some(Duration::from_secs(3600)),
            expired: false,
            told: told.into(),
        };
        let over = IntentChange {
            from: AdminState::Drain,
            to: AdminState::Ready,
            lasting: None,
            expired: true,
            ..change.clone()
        };
        assert_eq!(
            says(Change::Intent(change), Some("ams")),
            "anna set DC 2 ams to drain: it gets no new session; for 3600s; reason: new kernel"
        );
        assert_eq!(
            says(Change::Intent(over), Some("ams")),
            "the time of drain of DC 2 ams is over; ready: it serves as its health allows"
        );
    }

    fn drill(step: DrillStep, by: &str, reason: &str) -> Change {
        let told = Told { by: by.into(), reason: reason.into() };
        Change::Drill(DrillChange { dc: DcId(2), step, is_ready: true, told: told.into() })
    }

    fn turn(from: Health, to: Health) -> Transition {
        Transition { from, to }
    }

    #[test]
    fn every_change_is_a_sentence_that_names_whom_and_why() {
        let timeout = Cause::ProbeFailed(ProbeFailure::Connect(ConnectFailure::Timeout));
        let health = |from, to, cause, millis| {
            let (transition, held_for) = (turn(from, to), Duration::from_millis(millis));
            let access_point = access_point();
            Change::AccessPoint(HealthChange { access_point, transition, cause, held_for })
        };
        let code = Cause::ProbeFailed(ProbeFailure::ErrorCode(-403));
        let alarm =
            |alarm, end| Change::Alarm(AlarmChange { access_point: access_point(), alarm, end });
        let dc = |from, to| Change::Dc { dc: DcId(2), transition: turn(from, to) };
        for (change, sentence) in [
            (
                health(Health::Up, Health::Down, timeout, 29_001),
                "access point 127.0.0.1:4432 of DC 2 ams is down: probe failed: timeout; held down \
                 for 30s",
            ),
            (
                health(Health::Down, Health::Up, Cause::ProbeAnswered, 0),
                "access point 127.0.0.1:4432 of DC 2 ams is up: probe answered",
            ),
            (
                health(Health::Down, Health::Down, Cause::Mute, 0),
                "access point 127.0.0.1:4432 of DC 2 ams stays down: mute sessions",
            ),
            (
                health(Health::Up, Health::Down, code, 0),
                "access point 127.0.0.1:4432 of DC 2 ams is down: probe failed: error_code -403",
            ),
            (
                alarm(Alarm::OtherFingerprints([7].into()), None),
                "alarm: access point 127.0.0.1:4432 of DC 2 ams has other keys than are \
                 configured: 0x0000000000000007",
            ),
            (
                alarm(Alarm::ForeignAnswer(Foreign::Nonce), Some(AlarmEnd::Answered)),
                "the alarm foreign_answer of access point 127.0.0.1:4432 of DC 2 ams is over: \
                 probe answered",
            ),
            (dc(Health::Up, Health::Down), "DC 2 ams is out of use: no access point up"),
            (dc(Health::Unknown, Health::Down), "DC 2 ams is down: no access point up"),
            (dc(Health::Down, Health::Up), "DC 2 ams is in use: an access point is up"),
            (
                Change::Closing { access_point: access_point(), sessions: 12 },
                "silent sessions of access point 127.0.0.1:4432 of DC 2 ams are reset; 12 open",
            ),
            (
                wanted(Target::Dc(DcId(2)), AdminState::Drain),
                "the operator set DC 2 ams to drain: it gets no new session",
            ),
            (
                wanted(Target::AccessPoint(access_point()), AdminState::Maint),
                "the operator set access point 127.0.0.1:4432 of DC 2 ams to maint: as if it were \
                 absent",
            ),
            (
                drill(DrillStep::Began(Duration::from_secs(600)), "anna", ""),
                "a drill of DC 2 ams begins: no new session for 600s; by anna",
            ),
            (
                drill(DrillStep::Aborted, "", "DC 4 has gone down"),
                "the drill of DC 2 ams is aborted, it serves again; reason: DC 4 has gone down",
            ),
            (
                Change::Isolation { isolated: true },
                "this edge is cut off from every site; health stays as it was",
            ),
            (Change::Isolation { isolated: false }, "this edge is connected again"),
            (
                Change::Configuration(ConfigurationChange {
                    revision: Revision(*b"revision"),
                    brought: Brought::default(),
                }),
                "a configuration is in force, with dc_options 7265766973696f6e",
            ),
            (
                Change::Configuration(ConfigurationChange {
                    revision: Revision(*b"revision"),
                    brought: Brought {
                        how: "push",
                        told: Told { by: "anna".into(), reason: "new hall".into() }.into(),
                    },
                }),
                "a configuration is in force, with dc_options 7265766973696f6e; push by anna; \
                 reason: new hall",
            ),
        ] {
            assert_eq!(says(change, Some("ams")), sentence);
        }
    }

    #[test]
    fn a_dc_without_a_name_of_its_own_is_its_number() {
        let change = wanted(Target::Dc(DcId(2)), AdminState::Ready);
        let sentence = "the operator set DC 2 to ready: it serves as its health allows";
        assert_eq!(says(change.clone(), None), sentence);
        assert_eq!(says(change, Some("dc2")), sentence);
    }

    #[test]
    fn every_kind_has_a_word_of_its_own() {
        let words: BTreeSet<_> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(words.len(), Kind::ALL.len());
    }
}
