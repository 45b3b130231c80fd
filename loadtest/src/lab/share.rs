//! A part of a whole, as faults and expectations have it.

use std::fmt;
use std::str::FromStr;

/// From nothing to all, in steps of a millionth; `5%` as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Share {
    millionths: u32,
}

const MILLION: u32 = 1_000_000;

impl Share {
    pub(crate) const ALL: Share = Share { millionths: MILLION };

    /// `None` unless it is from 0 to 1.
    pub(crate) fn new(value: f64) -> Option<Share> {
        let valid = (0.0..=1.0).contains(&value);
        valid.then(|| Share { millionths: (value * f64::from(MILLION)).round() as u32 })
    }

    /// So many of all these, and no part of one: 29 for `29%` of 100.
    pub(crate) fn of(self, all: usize) -> usize {
        // In whole numbers: 0.29 * 100 is less than 29. It fits, being no more than `all`.
        let part = all as u128 * u128::from(self.millionths) / u128::from(MILLION);
        usize::try_from(part).unwrap_or(all)
    }

    /// From 0 to 1,000,000.
    pub(crate) fn millionths(self) -> u32 {
        self.millionths
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", f64::from(self.millionths) / 10_000.0)
    }
}

/// `5%`, `0.2%`
impl FromStr for Share {
    type Err = ParseShareError;

    fn from_str(text: &str) -> Result<Share, ParseShareError> {
        let percent = text.strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
        let share = percent.and_then(|percent| Share::new(percent / 100.0));
        share.ok_or_else(|| ParseShareError(text.to_owned()))
    }
}

/// What this says is no share.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ParseShareError(String);

impl fmt::Display for ParseShareError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no share: write 0% to 100%", self.0)
    }
}

impl std::error::Error for ParseShareError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_from_nothing_to_all() {
        assert_eq!(Share::new(1.0), Some(Share::ALL));
        assert_eq!(Share::new(0.000_001).map(Share::millionths), Some(1));
        for wrong in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert_eq!(Share::new(wrong), None, "{wrong}");
        }
        for wrong in ["", "%", "5", "-1%", "101%", "NaN%", "inf%", "five%"] {
            assert!(wrong.parse::<Share>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn shares_are_told_as_they_were_written() {
        for text in ["0%", "0.2%", "5%", "7%", "29%", "33.3333%", "100%"] {
            let share: Share = text.parse().unwrap();
            assert_eq!(share.to_string(), text);
        }
    }

    #[test]
    fn a_share_of_many_is_a_whole_number_of_them() {
        let of = |text: &str, all| text.parse::<Share>().unwrap().of(all);
        assert_eq!([of("29%", 100), of("7%", 100), of("2%", 149)], [29, 7, 2]);
        assert_eq!([of("0%", 10), of("50%", 1), of("100%", usize::MAX)], [0, 0, usize::MAX]);
    }
}
