//! Figures of several rounds, summed up.

use serde::{Deserialize, Serialize};

/// Median and range of the rounds. The median is what a round usually gives; the range shows
/// whether two peers differ at all.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Summary {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Summary {
    /// `None` without values, or if one is not a number.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Summary> {
        let mut values: Vec<f64> = values.into_iter().collect();
        if values.iter().any(|value| value.is_nan()) {
            return None;
        }
        values.sort_by(f64::total_cmp);
        let (&min, &max) = (values.first()?, values.last()?);
        let middle = values.len() / 2;
        let median = if values.len() % 2 == 1 {
            values[middle]
        } else {
            f64::midpoint(values[middle - 1], values[middle])
        };
        Some(Summary { median, min, max })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_is_the_middle_or_between_the_two_middles() {
        let odd = Summary::of([5.0, 1.0, 2.0]);
        assert_eq!(odd, Some(Summary { median: 2.0, min: 1.0, max: 5.0 }));
        let even = Summary::of([4.0, 1.0, 3.0, 100.0]);
        assert_eq!(even, Some(Summary { median: 3.5, min: 1.0, max: 100.0 }));
        assert_eq!(Summary::of([7.0]), Some(Summary { median: 7.0, min: 7.0, max: 7.0 }));
    }

    #[test]
    fn nothing_and_no_numbers_have_no_summary() {
        assert_eq!(Summary::of([]), None);
        assert_eq!(Summary::of([1.0, f64::NAN]), None);
    }
}
