//! What somebody should look at about an access point, whatever its health.

use std::fmt;
use std::sync::Arc;

use super::failure::Foreign;

/// What somebody should look at, with what was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// Who answers is no DC.
    ForeignAnswer(Foreign),
    /// It wants to be asked less often.
    RateLimited,
    /// It is not the DC as which it is asked.
    WrongDc,
    /// Its keys are not those that are configured; these are their fingerprints, rising.
    OtherFingerprints(Arc<[u64]>),
}

/// Kinds of alarms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlarmKind {
    /// See [`Alarm::ForeignAnswer`].
    ForeignAnswer,
    /// See [`Alarm::RateLimited`].
    RateLimited,
    /// See [`Alarm::WrongDc`].
    WrongDc,
    /// See [`Alarm::OtherFingerprints`].
    OtherFingerprints,
}

impl AlarmKind {
    /// All of them, for metrics.
    pub const ALL: [Self; 4] =
        [Self::ForeignAnswer, Self::RateLimited, Self::WrongDc, Self::OtherFingerprints];

    /// A fixed word, the metric label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ForeignAnswer => "foreign_answer",
            Self::RateLimited => "rate_limited",
            Self::WrongDc => "wrong_dc",
            Self::OtherFingerprints => "other_fingerprints",
        }
    }
}

impl Alarm {
    /// Which of them it is.
    #[must_use]
    pub fn kind(&self) -> AlarmKind {
        match self {
            Self::ForeignAnswer(_) => AlarmKind::ForeignAnswer,
            Self::RateLimited => AlarmKind::RateLimited,
            Self::WrongDc => AlarmKind::WrongDc,
            Self::OtherFingerprints(_) => AlarmKind::OtherFingerprints,
        }
    }
}

/// What an access point does, for people.
impl fmt::Display for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ForeignAnswer(Foreign::Nonce) => {
                f.write_str("answers another question than it was asked")
            }
            Self::ForeignAnswer(Foreign::Bytes) => f.write_str("answers with what is no MTProto"),
            Self::RateLimited => {
                f.write_str("limits the rate of connections from here (error -429)")
            }
            Self::WrongDc => {
                f.write_str("is not the DC that the probe names (error -444): configuration")
            }
            Self::OtherFingerprints(seen) => {
                f.write_str("has other keys than are configured:")?;
                let (shown, left_out) = seen.split_at(seen.len().min(SHOWN));
                shown.iter().try_for_each(|it| write!(f, " {}", Fingerprint(*it)))?;
                match left_out.len() {
                    0 => Ok(()),
                    more => write!(f, " and {more} more"),
                }
            }
        }
    }
}

/// So many fingerprints fit in a line; real DCs have no more.
const SHOWN: usize = 4;

/// The fingerprint of a key as people write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub u64);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#018x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn what_was_seen_is_said_and_many_keys_fit_in_a_line() {
        let told = |seen: &[u64]| Alarm::OtherFingerprints(seen.into()).to_string();
        let two = "has other keys than are configured: 0x0000000000000007 0xc3b42b026ce86b21";
        assert_eq!(told(&[7, 0xc3b4_2b02_6ce8_6b21]), two);
        let many = told(&(0..64).collect::<Vec<_>>());
        assert!(many.ends_with(" 0x0000000000000003 and 60 more"), "{many}");
    }

    #[test]
    fn every_kind_has_a_word_of_its_own() {
        let words: BTreeSet<_> = AlarmKind::ALL.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(words.len(), AlarmKind::ALL.len());
        let alarms = [
            Alarm::ForeignAnswer(Foreign::Bytes),
            Alarm::RateLimited,
            Alarm::WrongDc,
            Alarm::OtherFingerprints([1].into()),
        ];
        assert_eq!(alarms.map(|alarm| alarm.kind()), AlarmKind::ALL);
    }
}
