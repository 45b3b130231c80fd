//! What somebody should look at about access points, whatever their health.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::routing::alarm::{Alarm, Fingerprint};

/// What somebody should look at about an access point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AlarmView {
    /// `foreign_answer`, `rate_limited`, `wrong_dc` or `other_fingerprints`.
    pub alarm: String,
    /// The fingerprints of the keys that were seen, in hex; `null` of an alarm that is not about them.
    pub fingerprints: Option<Vec<String>>,
    /// What the access point does, in words.
    pub says: String,
}

/// The same, with whom it is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AccessPointAlarmView {
    /// The address of the access point.
    pub access_point: String,
    /// The alarm.
    #[serde(flatten)]
    pub alarm: AlarmView,
}

impl From<&Alarm> for AlarmView {
    fn from(alarm: &Alarm) -> Self {
        Self {
            alarm: alarm.kind().as_str().to_owned(),
            fingerprints: fingerprints(alarm),
            says: alarm.to_string(),
        }
    }
}

/// Those that were seen, of an alarm that is about them.
pub(super) fn fingerprints(alarm: &Alarm) -> Option<Vec<String>> {
    match alarm {
        Alarm::OtherFingerprints(seen) => {
            Some(seen.iter().map(|it| Fingerprint(*it).to_string()).collect())
        }
        Alarm::ForeignAnswer(_) | Alarm::RateLimited | Alarm::WrongDc => None,
    }
}

/// How many there are, to be said in a line about all else; `None` for none.
pub(super) fn says(alarms: &[AccessPointAlarmView]) -> Option<String> {
    match alarms {
        [] => None,
        [one] => Some(format!("alarm {} of {}", one.alarm.alarm, one.access_point)),
        several => Some(format!("{} alarms", several.len())),
    }
}
