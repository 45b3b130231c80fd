//! Times as reports tell them.

use serde::{Serialize, Serializer};
use std::fmt;
use std::time::Duration;

/// A duration: seconds in JSON, `12 ms` or `1.25 s` for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Time(pub(crate) Duration);

impl Time {
    pub(crate) fn seconds(self) -> f64 {
        self.0.as_secs_f64()
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milliseconds = self.0.as_secs_f64() * 1e3;
        let text = match milliseconds {
            short if short < 9.95 => format!("{short:.1} ms"),
            medium if medium < 999.5 => format!("{medium:.0} ms"),
            long if long < 9_995.0 => format!("{:.2} s", long / 1e3),
            longer => format!("{:.1} s", longer / 1e3),
        };
        f.pad(&text)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Microseconds are more than anybody here can measure.
        let microseconds = (self.0.as_secs_f64() * 1e6).round();
        serializer.serialize_f64(microseconds / 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_with_three_digits_at_most() {
        let told = |seconds: f64| Time(Duration::from_secs_f64(seconds)).to_string();
        let times = [0.0, 0.0024, 0.0215, 0.33, 0.9996, 1.254, 12.34].map(told);
        assert_eq!(times, ["0.0 ms", "2.4 ms", "22 ms", "330 ms", "1.00 s", "1.25 s", "12.3 s"]);
    }

    #[test]
    fn in_json_they_are_seconds() {
        let json = serde_json::to_string(&Time(Duration::from_millis(330))).unwrap();
        assert_eq!(json, "0.33");
    }
}
