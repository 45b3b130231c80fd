//! When the power goes and when it comes back.

use std::time::Duration;

/// Without an end, each half of a cycle takes this long: long enough to watch.
const HALF_CYCLE: Duration = Duration::from_secs(10);

/// What happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A DC loses its power.
    PowerLoss,
    /// It has power again.
    PowerReturn,
    /// The demo is over.
    End,
}

/// The steps of a demo: with an end, one power loss at a third of the time and its return at two
/// thirds; without, one cycle after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeline {
    end: Option<Duration>,
    taken: u32,
}

impl Timeline {
    pub(super) fn new(end: Option<Duration>) -> Self {
        Self { end, taken: 0 }
    }

    /// When the demo is over, if it ends by itself.
    pub(super) fn end(&self) -> Option<Duration> {
        self.end
    }

    /// The step that comes next, and when, since the beginning.
    pub(super) fn next(&self) -> (Duration, Step) {
        let step = match (self.end, self.taken) {
            (Some(_), 2..) => Step::End,
            (_, taken) if taken % 2 == 0 => Step::PowerLoss,
            (_, _) => Step::PowerReturn,
        };
        let at = match self.end {
            Some(end) => (end * (self.taken + 1) / 3).min(end),
            None => HALF_CYCLE * (self.taken + 1),
        };
        (at, step)
    }

    /// The next step has been taken.
    pub(super) fn advance(&mut self) {
        self.taken += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(end: Option<Duration>) -> Vec<(u64, Step)> {
        let mut timeline = Timeline::new(end);
        let mut step = || {
            let (at, step) = timeline.next();
            timeline.advance();
            (at.as_secs(), step)
        };
        std::iter::repeat_with(&mut step).take(4).collect()
    }

    #[test]
    fn a_demo_with_an_end_has_one_power_loss_in_its_middle_third() {
        let expected = [(5, Step::PowerLoss), (10, Step::PowerReturn), (15, Step::End)];
        assert_eq!(steps(Some(Duration::from_secs(15)))[..3], expected);
    }

    #[test]
    fn a_demo_without_an_end_loses_power_again_and_again() {
        let expected = [
            (10, Step::PowerLoss),
            (20, Step::PowerReturn),
            (30, Step::PowerLoss),
            (40, Step::PowerReturn),
        ];
        assert_eq!(steps(None), expected);
    }
}
