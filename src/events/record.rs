//! One event, in words.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use crate::routing::control::{AlarmChange, Change, HealthChange};
use crate::routing::health::Transition;
use crate::routing::{AccessPointId, AdminState, DcId, Health};

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
    /// Whether the edge is cut off.
    Isolation,
    /// What configuration says.
    Configuration,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::AccessPoint,
        Self::Alarm,
        Self::Dc,
        Self::Closing,
        Self::DcAdmin,
        Self::AccessPointAdmin,
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
            Change::AdminDc(..) => Kind::DcAdmin,
            Change::AdminAccessPoint(..) => Kind::AccessPointAdmin,
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
            | Change::Closing { access_point, .. }
            | Change::AdminAccessPoint(access_point, _) => Some(access_point),
            Change::Dc { .. }
            | Change::AdminDc(..)
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
        | Change::Closing { access_point, .. }
        | Change::AdminAccessPoint(access_point, _) => Some(access_point.dc),
        Change::Dc { dc, .. } | Change::AdminDc(dc, _) => Some(*dc),
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
            Change::AdminDc(id, state) => {
                write!(f, "the operator set {} to {}", dc(*id), intent(*state))
            }
            Change::AdminAccessPoint(id, state) => {
                let (at, dc, intent) = (id.address, dc(id.dc), intent(*state));
                write!(f, "the operator set access point {at} of {dc} to {intent}")
            }
            Change::Isolation { isolated: true } => {
                f.write_str("this edge is cut off from every site; health stays as it was")
            }
            Change::Isolation { isolated: false } => f.write_str("this edge is connected again"),
            Change::Configuration(revision) => {
                write!(f, "a configuration is in force, with dc_options {revision}")
            }
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
    use crate::routing::{Alarm, ConnectFailure, Foreign, ProbeFailure};

    fn says(change: Change, dc_name: Option<&str>) -> String {
        let dc_name = dc_name.map(Arc::from);
        Record { id: 1, at: SystemTime::UNIX_EPOCH, change, dc_name }.to_string()
    }

    fn access_point() -> AccessPointId {
        let address = "127.0.0.1:4432".parse().expect("an address");
        AccessPointId { dc: DcId(2), address }
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
                Change::AdminDc(DcId(2), AdminState::Drain),
                "the operator set DC 2 ams to drain: it gets no new session",
            ),
            (
                Change::AdminAccessPoint(access_point(), AdminState::Maint),
                "the operator set access point 127.0.0.1:4432 of DC 2 ams to maint: as if it were \
                 absent",
            ),
            (
                Change::Isolation { isolated: true },
                "this edge is cut off from every site; health stays as it was",
            ),
            (Change::Isolation { isolated: false }, "this edge is connected again"),
            (
                Change::Configuration(Revision(*b"revision")),
                "a configuration is in force, with dc_options 7265766973696f6e",
            ),
        ] {
            assert_eq!(says(change, Some("ams")), sentence);
        }
    }

    #[test]
    fn a_dc_without_a_name_of_its_own_is_its_number() {
        let change = Change::AdminDc(DcId(2), AdminState::Ready);
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
