//! What the sessions of a DC may spend on hedges.

use std::time::Duration;

use crate::routing::topology::Hedging;

/// A DC that hardly anybody uses may hedge a few sessions all the same.
pub(super) const LEAST: u32 = 10;

/// How much of the last rate stays while fewer sessions begin: the burst of a busy minute is there
/// for the quiet seconds in it.
const KEPT: f64 = 0.9;

/// Earns hedges by sessions.
#[derive(Debug, Default)]
pub(super) struct HedgeBudget {
    /// New sessions a second.
    rate: f64,
    /// Less than one hedge, in hundredths.
    part: u32,
    /// As many as there ever may have been at once.
    highest: u32,
}

impl HedgeBudget {
    /// So many sessions `began` in the time that has `passed`: how many hedges that earns, and how
    /// many there may be in all, which is what one second's sessions are. A DC that is busier than
    /// it ever was earns all of those at once: an edge that has just started, or just got its clients,
    /// would else leave most of them waiting for a DC that falls silent in that minute.
    pub(super) fn on_sessions(
        &mut self,
        began: u32,
        passed: Duration,
        hedging: Hedging,
    ) -> (u32, u32) {
        let rate = f64::from(began) / passed.as_secs_f64().max(1.0);
        self.rate = rate.max(KEPT * self.rate);
        let earned = began.saturating_mul(u32::from(hedging.budget_percent));
        let earned = earned.saturating_add(self.part);
        self.part = earned % 100;
        let most = LEAST.max(self.rate.ceil() as u32);
        let grown = most.saturating_sub(self.highest.max(LEAST));
        self.highest = self.highest.max(most);
        (grown.saturating_add(earned / 100), most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_tenth_of_the_sessions_may_be_hedged_and_one_second_of_them_at_once() {
        let mut budget = HedgeBudget::default();
        let earned: Vec<_> =
            (0..10).map(|_| budget.on_sessions(33, SECOND, Hedging::default())).collect();
        assert_eq!(earned[0].0, 23 + 3, "with ten to begin with, one second's sessions");
        assert_eq!(earned[1..].iter().map(|(earned, _)| earned).sum::<u32>(), 30);
        assert!(earned.iter().all(|(_, most)| *most == 33));
        let mut most = 33;
        for _ in 0..60 {
            (_, most) = budget.on_sessions(0, SECOND, Hedging::default());
        }
        assert_eq!(most, LEAST);
        assert_eq!(
            budget.on_sessions(30, SECOND, Hedging::default()),
            (3, 30),
            "as busy as before"
        );
    }
}
