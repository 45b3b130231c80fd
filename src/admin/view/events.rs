//! `/v1/events`: state changes in the order in which they were told.

use humantime::format_rfc3339_millis;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::alarm::fingerprints;
use crate::events::{Page, Record};
use crate::routing::Health;
use crate::routing::control::{
    AlarmChange, AlarmEnd, Change, ConfigurationChange, DrillChange, HealthChange,
};

/// Some of the events that a daemon keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EventsView {
    /// Tells this process from earlier ones, whose ids mean other events.
    pub instance: String,
    /// Id of the oldest event that is kept; one above `last` while none is.
    pub first: u64,
    /// Id of the newest event; 0 before the first.
    pub last: u64,
    /// The `after` to ask with for what follows; below `last` when there is more already.
    pub next: u64,
    /// Events that were asked for and are no longer kept.
    pub lost: u64,
    /// Oldest first.
    pub events: Vec<EventView>,
}

/// One event. What it has nothing to say of is `null`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EventView {
    /// Rises by one from 1 in the life of a process.
    pub id: u64,
    /// When, to the millisecond.
    pub at: String,
    /// `access_point`, `alarm`, `dc`, `closing`, `dc_admin`, `access_point_admin`, `isolation`,
    /// `configuration` or `drill`.
    pub kind: String,
    /// The number of the DC.
    pub dc: Option<u16>,
    /// The name that it had then.
    pub dc_name: Option<String>,
    /// The address of the access point.
    pub access_point: Option<String>,
    /// Before: a health; `connected` or `isolated`; an alarm that is over.
    pub from: Option<String>,
    /// After: a health, `closing`, an admin state, `connected` or `isolated`, or a revision of
    /// `dc_options`; an alarm, or `none` after one.
    pub to: String,
    /// What showed it, or why an alarm is over; of a configuration how it came, and why.
    pub cause: Option<String>,
    /// The fingerprints of the keys that were seen, of an alarm about them.
    pub fingerprints: Option<Vec<String>>,
    /// How long the access point stays down from then on, whatever its probes say.
    pub held_for_ms: Option<u64>,
    /// Who wanted it, of what an operator wants, and of a configuration that somebody brought.
    pub by: Option<String>,
    /// The same in a sentence.
    pub says: String,
}

impl EventsView {
    /// The events of `page`, of this instance.
    pub(in crate::admin) fn new(instance: &str, page: Page) -> Self {
        let Page { first, last, lost, next, records } = page;
        let events = records.iter().map(EventView::from).collect();
        Self { instance: instance.to_owned(), first, last, next, lost, events }
    }
}

impl From<&Record> for EventView {
    fn from(record: &Record) -> Self {
        let Fields { from, to, cause, fingerprints, held_for_ms, by } = Fields::of(&record.change);
        Self {
            id: record.id,
            at: format_rfc3339_millis(record.at).to_string(),
            kind: record.kind().as_str().to_owned(),
            dc: record.dc().map(|dc| dc.0),
            dc_name: record.dc_name.as_deref().map(str::to_owned),
            access_point: record.access_point().map(|id| id.address.to_string()),
            from: from.map(str::to_owned),
            to,
            cause,
            fingerprints,
            held_for_ms,
            by,
            says: record.to_string(),
        }
    }
}

#[derive(Default)]
struct Fields {
    from: Option<&'static str>,
    to: String,
    cause: Option<String>,
    fingerprints: Option<Vec<String>>,
    held_for_ms: Option<u64>,
    by: Option<String>,
}

impl Fields {
    fn of(change: &Change) -> Self {
        let health = |from: Health, to: Health| Self {
            from: Some(from.as_str()),
            to: to.as_str().to_owned(),
            ..Self::default()
        };
        let to = |to: String| Self { to, ..Self::default() };
        match change {
            Change::AccessPoint(HealthChange { transition, cause, held_for, .. }) => {
                let millis = u64::try_from(held_for.as_millis()).unwrap_or(u64::MAX);
                Self {
                    cause: Some(cause.to_string()),
                    held_for_ms: (millis > 0).then_some(millis),
                    ..health(transition.from, transition.to)
                }
            }
            Change::Alarm(AlarmChange { alarm, end, .. }) => {
                let kind = alarm.kind().as_str();
                let (from, now) = match end {
                    None => (None, kind),
                    Some(_) => (Some(kind), "none"),
                };
                Self {
                    from,
                    cause: end.map(AlarmEnd::as_str).map(str::to_owned),
                    fingerprints: fingerprints(alarm),
                    ..to(now.to_owned())
                }
            }
            Change::Dc { transition, .. } => health(transition.from, transition.to),
            Change::Closing { .. } => to("closing".to_owned()),
            Change::Intent(change) => Self {
                from: Some(change.from.as_str()),
                cause: match (change.expired, change.told.reason.as_str()) {
                    (true, _) => Some("its time is over".to_owned()),
                    (false, "") => None,
                    (false, reason) => Some(reason.to_owned()),
                },
                by: Some(change.told.by.clone()).filter(|by| !by.is_empty() && !change.expired),
                ..to(change.to.as_str().to_owned())
            },
            Change::Drill(DrillChange { dc: _, step, is_ready: _, told }) => {
                let said = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
                Self {
                    cause: said(&told.reason),
                    by: said(&told.by),
                    ..to(step.as_str().to_owned())
                }
            }
            Change::Isolation { isolated } => {
                let (from, now) = match isolated {
                    true => ("connected", "isolated"),
                    false => ("isolated", "connected"),
                };
                Self { from: Some(from), ..to(now.to_owned()) }
            }
            Change::Configuration(ConfigurationChange { revision, brought }) => {
                let said = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
                Self {
                    cause: said(&match (brought.how, brought.told.reason.as_str()) {
                        (how, "") => how.to_owned(),
                        (how, reason) => format!("{how}: {reason}"),
                    }),
                    by: said(&brought.told.by),
                    ..to(revision.to_string())
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, SystemTime};

    use serde_json::json;

    use super::*;
    use crate::routing::control::{Brought, Cause, IntentChange};
    use crate::routing::health::Transition;
    use crate::routing::topology::Revision;
    use crate::routing::{
        AccessPointId, AdminState, Alarm, ConnectFailure, DcId, LocalFailure, ProbeFailure, Target,
    };

    fn view(change: Change) -> serde_json::Value {
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_007);
        let dc_name = matches!(change, Change::AccessPoint(_)).then(|| "ams".into());
        let record = Record { id: 3, at, change, dc_name };
        serde_json::to_value(EventView::from(&record)).expect("it serialises")
    }

    #[test]
    fn a_change_of_health_has_every_field() {
        let address = "127.0.0.1:4432".parse().expect("an address");
        let failure = ConnectFailure::Local(LocalFailure::NoRoute);
        let told = view(Change::AccessPoint(HealthChange {
            access_point: AccessPointId { dc: DcId(2), address },
            transition: Transition { from: Health::Suspect, to: Health::Down },
            cause: Cause::ProbeFailed(ProbeFailure::Connect(failure)),
            held_for: Duration::from_secs(30),
        }));
        let says = "access point 127.0.0.1:4432 of DC 2 ams is down: probe failed: no_route; held \
                    down for 30s";
        let expected = json!({
            "id": 3, "at": "1970-01-01T00:00:01.007Z", "kind": "access_point", "dc": 2,
            "dc_name": "ams", "access_point": "127.0.0.1:4432", "from": "suspect", "to": "down",
            "cause": "probe failed: no_route", "fingerprints": null, "held_for_ms": 30_000,
            "by": null, "says": says,
        });
        assert_eq!(told, expected);
    }

    #[test]
    fn an_alarm_says_what_was_seen_and_its_end_why() {
        let access_point =
            AccessPointId { dc: DcId(2), address: "127.0.0.1:1".parse().expect("an address") };
        let alarm = Alarm::OtherFingerprints([7, 0xc3b4_2b02_6ce8_6b21].into());
        let told = |end| {
            let alarm = alarm.clone();
            view(Change::Alarm(AlarmChange { access_point, alarm, end }))
        };
        let (raised, over) = (told(None), told(Some(AlarmEnd::Reconfigured)));
        assert_eq!((&raised["kind"], &raised["dc"]), (&json!("alarm"), &json!(2)));
        assert_eq!(raised["access_point"], "127.0.0.1:1");
        assert_eq!(raised["fingerprints"], json!(["0x0000000000000007", "0xc3b42b026ce86b21"]));
        let said = |view: &serde_json::Value| {
            ["from", "to", "cause"].map(|key| view[key].as_str().unwrap_or("null").to_owned())
        };
        assert_eq!(said(&raised), ["null", "other_fingerprints", "null"]);
        assert_eq!(said(&over), ["other_fingerprints", "none", "probed in another way"]);
    }

    fn wanted(target: Target, to: AdminState) -> Change {
        let (from, told) = (AdminState::Ready, Arc::default());
        Change::Intent(IntentChange { target, from, to, lasting: None, expired: false, told })
    }

    #[test]
    fn what_an_event_has_nothing_to_say_of_is_null() {
        let id = AccessPointId { dc: DcId(2), address: "127.0.0.1:1".parse().expect("an address") };
        let transition = Transition { from: Health::Up, to: Health::Down };
        for (change, kind, dc, access_point, from, to) in [
            (
                Change::Dc { dc: DcId(2), transition },
                "dc",
                json!(2),
                json!(null),
                json!("up"),
                "down",
            ),
            (
                Change::Closing { access_point: id, sessions: 7 },
                "closing",
                json!(2),
                json!("127.0.0.1:1"),
                json!(null),
                "closing",
            ),
            (
                wanted(Target::Dc(DcId(2)), AdminState::Maint),
                "dc_admin",
                json!(2),
                json!(null),
                json!("ready"),
                "maint",
            ),
            (
                wanted(Target::AccessPoint(id), AdminState::Drain),
                "access_point_admin",
                json!(2),
                json!("127.0.0.1:1"),
                json!("ready"),
                "drain",
            ),
            (
                Change::Isolation { isolated: true },
                "isolation",
                json!(null),
                json!(null),
                json!("connected"),
                "isolated",
            ),
            (
                Change::Isolation { isolated: false },
                "isolation",
                json!(null),
                json!(null),
                json!("isolated"),
                "connected",
            ),
            (
                Change::Configuration(ConfigurationChange {
                    revision: Revision([0xab; 8]),
                    brought: Brought::default(),
                }),
                "configuration",
                json!(null),
                json!(null),
                json!(null),
                "abababababababab",
            ),
        ] {
            let told = view(change);
            assert_eq!(told["kind"], kind);
            assert_eq!((&told["dc"], &told["access_point"]), (&dc, &access_point), "{told}");
            assert_eq!((&told["from"], told["to"].as_str()), (&from, Some(to)), "{told}");
            assert!(told["cause"].is_null() && told["held_for_ms"].is_null(), "{told}");
        }
    }
}
